"""The loop of benchmarks that learn one half of a table and judge by the other."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.command import RESULTS, new_parser
from benchmarks.data import Dataset, Fold, dataset_names, load_dataset, split
from benchmarks.methods import split_names

N_HALVES = 2


def halves_parser(name: str, overview: str) -> argparse.ArgumentParser:
    """Return a parser of the tables to look at, and of where the results go."""
    parser = new_parser(name, overview)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--datasets", type=split_names)
    parser.add_argument("--max-rows", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS / f"{name}.csv")
    return parser


def run_on_halves(
    args: argparse.Namespace,
    measure: Callable[[Dataset, str, int], Iterable[dict[str, Any]]],
    render: Callable[[pd.DataFrame], str],
) -> int:
    """Measure each half of each table, write rows and tables, and return the exit status."""
    rows: list[dict[str, Any]] = []
    for name in args.datasets or dataset_names(args.data):
        dataset = load_dataset(args.data, name, args.max_rows)
        for half in range(N_HALVES):
            rows += measure(dataset, name, half)
        print(name, flush=True)
        pd.DataFrame(rows).to_csv(args.out, index=False, float_format="%.4f")
    text = render(pd.DataFrame(rows))
    args.out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def halves_of(dataset: Dataset, half: int) -> tuple[Fold, Fold]:
    """Return one half of a table, and the other."""
    one, other = (dataset.take(rows) for rows in split(dataset, 0, half, N_HALVES))
    return one, other
