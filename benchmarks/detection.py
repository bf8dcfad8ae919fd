"""Compare detectors of anomalies: ``python -m benchmarks.detection --help``."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks import detection_report
from benchmarks.anomalies import (
    PROTOCOLS,
    Trial,
    anomaly_names,
    load_anomalies,
    make_trial,
    precision_at_n,
    table_names,
)
from benchmarks.command import RESULTS, exit_status, new_parser, with_defaults
from benchmarks.data import Fold, stable_seed
from benchmarks.detectors import ABLATION, DETECTORS, NamedDetector
from benchmarks.methods import split_names
from benchmarks.store import Results, key_of
from benchmarks.usage import time_limit

N_SEEDS = 3
MAX_ROWS = 5000
KEY_COLUMNS = ("protocol", "dataset", "seed", "detector")
COLUMNS = (
    *KEY_COLUMNS,
    "status",
    "error",
    "n_train",
    "n_test",
    "n_anomalies",
    "n_features",
    "package",
    "roc_auc",
    "average_precision",
    "precision_at_n",
    "fit_seconds",
    "score_seconds",
    "max_rows",
)
QUICK_DETECTORS = ("ganaug", "knn", "iforest", "lof")
QUICK_SETS = ("vertebral", "stamps", "ionosphere")

OVERVIEW = """\
Compare detectors of anomalies on ADBench files.

Two protocols: "semi" trains on half of the normal rows and tests on the rest and all anomalies,
"unsupervised" trains and tests on all rows. Labels are only used to score. Rows of results are
written one by one: the same command goes on after an interruption. Detectors that take minutes
run on one seed.

examples:
  python -m benchmarks.detection --quick --data ../shared/data
  python -m benchmarks.detection --data ../shared/data
  python -m benchmarks.detection --data ../shared/data --ablation
  python -m benchmarks.detection --data ../shared/data --tables
"""


@dataclass(frozen=True)
class Cell:
    """What is trained on what."""

    protocol: str
    dataset: str
    seed: int
    detector: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = _parser().parse_args(argv)
    return exit_status(lambda: run(_with_defaults(args)))


def run(args: argparse.Namespace) -> None:
    """Run what is missing in the file of results, then write its tables."""
    results = Results(args.out, {"max_rows": args.max_rows}, COLUMNS, KEY_COLUMNS)
    detectors = runnable(args.detectors)
    results.open()
    results.forget(args.again, "detector")
    done = results.open()
    cells = plan(args.datasets, detectors, args.protocols, args.seeds)
    missing = [cell for cell in cells if key_of(vars(cell), KEY_COLUMNS) not in done]
    print(f"{len(cells)} cells, {len(cells) - len(missing)} of them done", flush=True)
    for number, cell in enumerate(missing, start=1):
        row = run_cell(cell, args.data, args.max_rows, args.time_limit)
        results.append([row])
        print(f"[{number}/{len(missing)}] {summary(row)}", flush=True)
    for path in detection_report.write(args.out):
        print(path)


def runnable(names: Sequence[str]) -> list[str]:
    """Return the detectors whose packages are installed, and say which are left out, and why."""
    kept = []
    for name in names:
        detector = NamedDetector.parse(name).detector
        reason = detector.missing()
        if reason:
            print(f"skipped: {name} needs {detector.package} ({reason})", flush=True)
        else:
            kept.append(name)
    return kept


def plan(
    datasets: Sequence[str], detectors: Sequence[str], protocols: Sequence[str], n_seeds: int
) -> list[Cell]:
    """Return all cells: fast detectors first, small tables first."""
    is_slow = {name: NamedDetector.parse(name).detector.slow for name in detectors}
    return [
        Cell(protocol, dataset, seed, detector)
        for slow in (False, True)
        for seed in range(n_seeds)
        for dataset in datasets
        for protocol in protocols
        for detector in detectors
        if is_slow[detector] == slow
    ]


def run_cell(
    cell: Cell, folder: Path | None, max_rows: int, seconds: float | None
) -> dict[str, Any]:
    """Train a detector and score the test rows; a detector that fails is a row without scores."""
    fold = load_anomalies(folder, cell.dataset)
    trial = make_trial(fold, cell.dataset, cell.protocol, cell.seed, max_rows)
    named = NamedDetector.parse(cell.detector)
    row = vars(cell) | {
        "n_train": len(trial.train.y),
        "n_test": len(trial.test.y),
        "n_anomalies": int(trial.test.y.sum()),
        "n_features": fold.X.shape[1],
        "package": named.origin(),
        "max_rows": max_rows,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm_up(cell.detector)
        try:
            with time_limit(seconds):
                return row | {"status": "ok", "error": ""} | _scores(named, trial, cell)
        except Exception as error:  # whatever a peer raises, it goes into the results
            return row | {"status": "failed", "error": type(error).__name__}


@cache
def warm_up(name: str) -> None:
    """Run a detector once on a toy, so that the first measured call doesn't pay for imports."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(60, 3)), columns=list("abc"))
    toy = Fold(X, np.zeros(60, dtype=np.int64), ())
    try:
        with time_limit(60.0):
            NamedDetector.parse(name).fit(Trial(toy, toy, is_same=True), 0).training()
    except Exception:
        return  # the cell will say so


def _scores(named: NamedDetector, trial: Trial, cell: Cell) -> dict[str, float]:
    """Return metrics and seconds; both times include the detector's own encoding."""
    seed = stable_seed(cell.dataset, cell.protocol, cell.seed)
    view = named.view(trial)
    start = time.perf_counter()
    fitted = named.fit(trial, seed)
    middle = time.perf_counter()
    found = fitted.training() if trial.is_same else fitted.new(view(trial.test.X))
    end = time.perf_counter()
    if not np.isfinite(found).all():
        raise ValueError("scores that are not finite")
    y = trial.test.y
    return {
        "roc_auc": float(roc_auc_score(y, found)),
        "average_precision": float(average_precision_score(y, found)),
        "precision_at_n": precision_at_n(y, found),
        "fit_seconds": middle - start,
        "score_seconds": end - middle,
    }


def summary(row: dict[str, Any]) -> str:
    """Return one line on a finished cell."""
    outcome = f"FAILED: {row['error']}" if row["status"] == "failed" else f"{row['roc_auc']:.3f}"
    return f"{row['protocol']} {row['dataset']} seed {row['seed']} {row['detector']}: {outcome}"


# --- arguments ----------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("detection", OVERVIEW)
    add = parser.add_argument
    add("--data", type=Path, help="folder of .npz files (default: the table of ganaug, as one)")
    add("--quick", action="store_true", help="few detectors, three small sets, one seed")
    add("--ablation", action="store_true", help="ganaug with parts left out, beside kNN")
    add("--tables", action="store_true", help="imbalanced tables: the largest class is normal")
    add("--detectors", type=split_names, help=f"default: {','.join(DETECTORS)}")
    add("--datasets", type=split_names, help="names of sets (default: all in the folder)")
    add("--protocols", type=split_names, default=list(PROTOCOLS), help="default: both")
    add("--seeds", type=int, help=f"cuts of each set (default {N_SEEDS})")
    add(
        "--max-rows",
        type=int,
        default=MAX_ROWS,
        help=f"at most so many training rows (default {MAX_ROWS}; 0: all)",
    )
    add("--time-limit", type=float, default=300.0, help="seconds for one cell (default 300)")
    add("--out", type=Path, help="CSV file (default: benchmarks/results/detection.csv)")
    add("--again", type=split_names, default=[], help="detectors to forget first")
    return parser


def _with_defaults(args: argparse.Namespace) -> argparse.Namespace:
    """Fill in what was not given."""
    known = table_names(args.data) if args.tables else anomaly_names(args.data)
    detectors: Sequence[str] = tuple(DETECTORS)
    suffix = "-tables" if args.tables else ""
    if args.ablation:
        detectors, suffix = ("ganaug", "knn", "ganaug-sampler", *ABLATION), f"{suffix}-ablation"
    datasets, seeds = known, N_SEEDS
    if args.quick:
        detectors, suffix, seeds = QUICK_DETECTORS, f"{suffix}-quick", 1
        datasets = [name for name in QUICK_SETS if name in known] or known[:3]
    defaults = {
        "detectors": list(detectors),
        "datasets": datasets,
        "seeds": seeds,
        "out": RESULTS / f"detection{suffix}.csv",
    }
    return with_defaults(args, defaults)


if __name__ == "__main__":
    sys.exit(main())
