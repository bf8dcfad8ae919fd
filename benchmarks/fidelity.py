"""Compare generated with held-out real rows: ``python -m benchmarks.fidelity --help``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import fidelity_report
from benchmarks.cells import (
    TABLE_COLUMNS,
    Cell,
    Row,
    Settings,
    cell_seed,
    describe,
    resample,
    warm_up,
)
from benchmarks.command import RESULTS, choose, exit_status, new_parser, with_defaults
from benchmarks.data import Dataset, Fold, dataset_names, load_dataset, n_seeds, split
from benchmarks.likeness import MEASURES, Comparison
from benchmarks.methods import NamedSampler, split_names
from benchmarks.oversampling import runnable, summary
from benchmarks.store import Results, key_of
from benchmarks.usage import measured

N_HALVES = 2
MAX_ROWS = 4000
TRAINING_ROWS = "none"
SAMPLERS = (
    TRAINING_ROWS,
    "smoothed_bootstrap",
    "smote",
    "gaussian_copula",
    "tvae",
    "ctgan",
    "ganaug",
    fidelity_report.OURS,
)
ONE_HALF_ONLY = frozenset({"ctgan", "tvae"})
QUICK_SETS = ("flare_F", "winequality_red_4", "page_blocks_multi")
KEY_COLUMNS = ("dataset", "seed", "fold", "sampler")
SETTING_COLUMNS = ("max_rows",)
COLUMNS = (
    *KEY_COLUMNS,
    "status",
    "error",
    *TABLE_COLUMNS,
    "package",
    "n_held_out",
    "n_made",
    *MEASURES,
    "seconds",
    *SETTING_COLUMNS,
)

OVERVIEW = """\
Compare generated rows of the smallest class with real ones that the sampler has never seen.

Each table is cut in two halves, stratified by class: samplers get one, the rows they add to the
smallest class are compared with those of the other. Small classes are cut several times. "none" is
the training rows in the place of generated ones: what a perfect sampler could reach, except that
they are copies. Rows are written one by one: the same command goes on after an interruption.

examples:
  python -m benchmarks.fidelity --quick
  python -m benchmarks.fidelity --data ../shared/data --quick
  python -m benchmarks.fidelity --data ../shared/data
  python -m benchmarks.fidelity --data ../shared/data --samplers 'smote,ganaug:n_steps=300'
"""


@dataclass(frozen=True)
class Quick:
    """What --quick runs, unless options say otherwise."""

    samplers: tuple[str, ...] = (
        TRAINING_ROWS,
        "smoothed_bootstrap",
        "smote",
        "ganaug",
        fidelity_report.OURS,
    )
    halves: int = 1
    seeds: int = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = _parser().parse_args(argv)
    return exit_status(lambda: run(_with_defaults(args)))


def run(args: argparse.Namespace) -> None:
    """Run what is missing in the file of results, then write its tables."""
    settings = Settings(args.data, args.max_rows or None, seconds=args.time_limit)
    results = Results(args.out, {"max_rows": args.max_rows}, COLUMNS, KEY_COLUMNS)
    samplers = runnable(args.samplers)
    results.open()
    results.forget(args.again)
    done = results.open()
    cells = plan(args.datasets, samplers, settings, args.halves, args.seeds)
    missing = [cell for cell in cells if key_of(vars(cell), KEY_COLUMNS) not in done]
    print(f"{len(cells)} cells, {len(cells) - len(missing)} of them done", flush=True)
    for number, cell in enumerate(missing, start=1):
        row = run_cell(cell, settings)
        results.append([row])
        print(f"[{number}/{len(missing)}] {summary([row])}", flush=True)
    print(fidelity_report.write(args.out))


def plan(
    datasets: Sequence[str],
    samplers: Sequence[str],
    settings: Settings,
    n_halves: int,
    max_seeds: int | None,
) -> list[Cell]:
    """Return all cells; CTGAN and TVAE, which take minutes, run on one half of each table."""
    cells = []
    for name in datasets:
        seeds = n_seeds(load_dataset(settings.folder, name, settings.max_rows))
        for seed in range(min(seeds, max_seeds or seeds)):
            for half in range(n_halves):
                cells += [
                    Cell(name, seed, half, sampler)
                    for sampler in samplers
                    if (seed, half) == (0, 0) or sampler.partition(":")[0] not in ONE_HALF_ONLY
                ]
    return cells


def run_cell(cell: Cell, settings: Settings) -> Row:
    """Let a sampler learn from one half of a table and compare what it makes with the other.

    Parameters
    ----------
    cell : Cell
        What to run; `fold` is the half.
    settings : Settings
        What all cells have in common.

    Returns
    -------
    dict
        A row with the columns `COLUMNS`.
    """
    dataset = load_dataset(settings.folder, cell.dataset, settings.max_rows)
    held_out_rows, train_rows = split(dataset, cell.seed, cell.fold, N_HALVES)
    train, held_out = dataset.take(train_rows), dataset.take(held_out_rows)
    row = describe(cell, dataset, train, settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm_up(cell.sampler)
        with measured() as usage:
            made, error = _rows_made(cell, train, settings.seconds)
        row |= {"seconds": usage.seconds}
        if made is None:
            return row | {"status": "failed", "error": error}
        comparison = Comparison(
            table=dataset,
            train=_smallest_class(train, dataset),
            held_out=_smallest_class(held_out, dataset),
            made=made,
            seed=cell_seed(cell, "comparison"),
        )
        found = comparison.measures()
    counts = {"n_held_out": len(comparison.held_out), "n_made": len(made)}
    return row | {"status": "ok", "error": ""} | counts | found


def _rows_made(cell: Cell, train: Fold, seconds: float | None) -> tuple[pd.DataFrame | None, str]:
    """Return the rows that a sampler adds to the smallest class, or the class of its error."""
    label = int(train.y.max())
    if cell.sampler == TRAINING_ROWS:
        return train.X[train.y == label].reset_index(drop=True), ""
    resampled, error = resample(NamedSampler.parse(cell.sampler), train, cell_seed(cell), seconds)
    if resampled is None:
        return None, error
    n_rows = len(train.y)
    if not np.array_equal(resampled.y[:n_rows], train.y):
        return None, "RowsMoved"  # which rows are new can't be told
    is_new = (np.arange(len(resampled.y)) >= n_rows) & (resampled.y == label)
    made = resampled.X[is_new].reset_index(drop=True)
    order = np.random.default_rng(cell_seed(cell)).permutation(len(made))
    return made.iloc[order].reset_index(drop=True), ""


def _smallest_class(fold: Fold, dataset: Dataset) -> pd.DataFrame:
    return fold.X[fold.y == dataset.n_classes - 1].reset_index(drop=True)


# --- arguments ----------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("fidelity", OVERVIEW)
    add = parser.add_argument
    add("--data", type=Path, help="folder of tables (default: the table that ships with ganaug)")
    add("--quick", action="store_true", help="few samplers, three tables, one half")
    add("--samplers", type=split_names, help=f"default: {','.join(SAMPLERS)}")
    add("--datasets", type=split_names, help="names of tables (default: all in the folder)")
    add("--halves", type=int, choices=range(1, N_HALVES + 1), help="learn from one half or both")
    add("--seeds", type=int, help="at most so many cuts in halves (default: up to 3)")
    add(
        "--max-rows",
        type=int,
        default=MAX_ROWS,
        help=f"cut larger tables to a stratified part (default {MAX_ROWS}; 0: never)",
    )
    add("--time-limit", type=float, default=3600.0, help="seconds for one call of a sampler")
    add("--out", type=Path, help="CSV file (default: benchmarks/results/fidelity.csv)")
    add("--again", type=split_names, default=[], help="samplers to forget first")
    return parser


def _with_defaults(args: argparse.Namespace) -> argparse.Namespace:
    """Fill in what was not given."""
    known = dataset_names(args.data)
    defaults = {
        "samplers": list(SAMPLERS),
        "datasets": known,
        "halves": N_HALVES,
        "seeds": None,
        "out": RESULTS / "fidelity.csv",
    }
    if args.quick:
        defaults |= vars(Quick()) | {
            "datasets": choose(QUICK_SETS, known),
            "out": RESULTS / "fidelity-quick.csv",
        }
    return with_defaults(args, defaults)


if __name__ == "__main__":
    sys.exit(main())
