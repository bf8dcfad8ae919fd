"""Running commands, and reading what they wrote."""

import pandas as pd

from ganaug import cli
from ganaug._commands import MODEL_SUFFIX

N_STEPS = 5


def ganaug(*arguments):
    """Run the command line with few training steps; return its exit status."""
    trains = arguments[0] in ("resample", "sample", "fit") and not (
        arguments[0] == "sample" and str(arguments[1]).endswith(MODEL_SUFFIX)
    )
    trained = ["--steps", N_STEPS] if trains else []
    return cli.main([str(argument) for argument in (*arguments, *trained)])


def read(path):
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
