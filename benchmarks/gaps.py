"""Tables with values taken out: ``python -m benchmarks.gaps --help``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.command import exit_status, new_parser
from benchmarks.data import Dataset, dataset_names, load_dataset, stable_seed

OVERVIEW = """\
Write tables with a share of their numbers taken out, by chance, as a folder that the other
commands read: few of the tables of the benchmarks miss any, and many of their users' do.

example:
  python -m benchmarks.gaps FOLDER --data ../shared/data
  python -m benchmarks.ablation --data FOLDER --samplers 'ganaug,ganaug:without="gaps"' \\
      --seeds 1 --folds 2 --out benchmarks/results/ablation-gaps.csv
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = _parser().parse_args(argv)
    return exit_status(lambda: write(args.folder, args.data, args.share, args.max_rows))


def write(folder: Path, data: Path | None, share: float, max_rows: int) -> None:
    """Write the tables of `data` that have numbers to `folder`, with gaps and a manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name in dataset_names(data):
        dataset = load_dataset(data, name, max_rows)
        if len(dataset.categorical) == dataset.X.shape[1]:
            continue
        frame = with_gaps(dataset, share).assign(target=dataset.y)
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        entries.append(
            {
                "name": name,
                "file": f"{name}.parquet",
                "kind": "imbalance",
                "n_rows": len(frame),
                "n_features": dataset.X.shape[1],
                "source": f"made:{dataset.family}",
            }
        )
    (folder / "MANIFEST.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")


def with_gaps(dataset: Dataset, share: float) -> pd.DataFrame:
    """Return the columns of a table, each number missing with this probability."""
    random = np.random.default_rng(stable_seed(dataset.name, "gaps"))
    frame = dataset.X.copy()
    for column in [name for name in frame if name not in dataset.categorical]:
        frame[column] = frame[column].astype(float).mask(random.random(len(frame)) < share)
    return frame


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("gaps", OVERVIEW)
    add = parser.add_argument
    add("folder", type=Path, help="where the tables go")
    add("--data", type=Path, help="folder of tables (default: the table that ships with ganaug)")
    add("--share", type=float, default=0.25, help="of the numbers to take out (default 0.25)")
    add("--max-rows", type=int, default=2000, help="cut larger tables (default 2000)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
