"""The table of `benchmarks.speed` as a folder: ``python -m benchmarks.speed_table --help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import exit_status, new_parser
from benchmarks.speed_jobs import make_table

OVERVIEW = """\
Write the table that `benchmarks.speed` times as a folder that `benchmarks.oversampling` reads.

Speed alone says little: this is what the rows that were made so fast are worth. One of five folds
is for testing, so 25,000 rows leave 20,000 for training.

example:
  python -m benchmarks.speed_table FOLDER
  python -m benchmarks.oversampling --data FOLDER --folds 1 --seeds 1 --max-rows 0 \\
      --inner-folds 0 --samplers none,class_weight,ros,smote,svm_smote,ganaug,ctgan \\
      --out benchmarks/results/speed-table.csv
"""
IMBALANCE = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = _parser().parse_args(argv)
    return exit_status(lambda: write(args.folder, args.rows))


def write(folder: Path, n_rows: int) -> None:
    """Write one table and its manifest to `folder`."""
    X, y = make_table(n_rows, n_rows // (IMBALANCE + 1))
    name = f"speed_{n_rows}"
    folder.mkdir(parents=True, exist_ok=True)
    X.assign(target=y).to_parquet(folder / f"{name}.parquet", index=False)
    entry = {
        "name": name,
        "file": f"{name}.parquet",
        "kind": "imbalance",
        "n_rows": n_rows,
        "n_features": X.shape[1],
        "source": "made:benchmarks.speed",
    }
    (folder / "MANIFEST.json").write_text(json.dumps([entry], indent=1), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("speed_table", OVERVIEW)
    parser.add_argument("folder", type=Path, help="where the table goes")
    parser.add_argument("--rows", type=int, default=25_000, help="of both classes (default 25000)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
