"""Compare samplers on real, imbalanced tables: ``python -m benchmarks.oversampling --help``."""

from __future__ import annotations

import argparse
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from benchmarks import report
from benchmarks.cells import Cell, Row, Settings, describe, failure, run_cell
from benchmarks.classifiers import CLASSIFIERS, available_classifiers
from benchmarks.command import RESULTS, choose, exit_status, new_parser, with_defaults
from benchmarks.data import N_FOLDS, dataset_names, load_dataset, n_seeds, split
from benchmarks.methods import METHODS, RAW, NamedSampler, split_names
from benchmarks.store import Results, key_of

SLOW_FOLDS, SLOW_SEEDS = 2, 1

OVERVIEW = """\
Compare samplers on real, imbalanced tables.

Each sampler gets the raw training fold, each classifier what the sampler returns; scores are those
on the untouched test fold. Rows are written cell by cell: run the same command again to go on
after an interruption. Tables are written beside the CSV at the end, or at any time by
`python -m benchmarks.report`.

examples:
  python -m benchmarks.oversampling --quick
  python -m benchmarks.oversampling --data ../shared/data --quick
  python -m benchmarks.oversampling --data ../shared/data --jobs 4
  python -m benchmarks.oversampling --data ../shared/data --samplers 'none,ganaug:n_steps=300'
"""


@dataclass(frozen=True)
class Quick:
    """What --quick runs, unless options say otherwise."""

    samplers: tuple[str, ...] = ("none", "ros", "smote", "ganaug")
    datasets: tuple[str, ...] = ("flare_F", "winequality_red_4", "page_blocks_multi")
    folds: int = 2
    seeds: int = 1
    max_rows: int = 3000
    inner_folds: int = 2


@dataclass(frozen=True)
class Task:
    """A cell and those of its classifiers that are not done yet."""

    cell: Cell
    classifiers: tuple[str, ...]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = _parser().parse_args(argv)
    return exit_status(lambda: run(_with_defaults(args)))


def run(args: argparse.Namespace) -> None:
    """Run what is missing in the file of results, then write its tables."""
    settings = Settings(args.data, args.max_rows or None, args.inner_folds, args.time_limit)
    results = Results(args.out, {"max_rows": args.max_rows or 0, "inner_folds": args.inner_folds})
    check_classifiers(args.classifiers)
    samplers = runnable(args.samplers)
    done = results.open()
    if args.again:
        results.forget(args.again)
        done = results.open()
    cells = plan(args.datasets, samplers, settings, args.folds, args.seeds)
    tasks = remaining(cells, args.classifiers, done)
    print(f"{len(cells)} cells, {len(cells) - len(tasks)} of them done", flush=True)
    for number, rows in enumerate(outcomes(tasks, settings, args.jobs), start=1):
        results.append(rows)
        print(f"[{number}/{len(tasks)}] {summary(rows)}", flush=True)
    for path in report.write(args.out):
        print(path)


def runnable(names: Sequence[str]) -> list[str]:
    """Return the samplers whose packages are installed, and say which are left out, and why."""
    kept = []
    for name in names:
        method = NamedSampler.parse(name).method
        reason = method.missing()
        if reason:
            print(f"skipped: {name} needs {method.package} ({reason})", flush=True)
            continue
        kept.append(name)
        if method.space != RAW:
            print(f"{name} runs on the encoded training fold: {method.space}", flush=True)
        if method.slow:
            print(f"{name} is slow: {SLOW_FOLDS} folds, decisions not tuned", flush=True)
    return kept


def check_classifiers(names: Sequence[str]) -> None:
    """Raise ValueError for a classifier that is unknown or not installed."""
    known = available_classifiers()
    for name in names:
        if name not in known:
            raise ValueError(f"no classifier {name!r} here; there are {', '.join(known)}")


def plan(
    datasets: Sequence[str],
    samplers: Sequence[str],
    settings: Settings,
    n_folds: int,
    max_seeds: int | None,
) -> list[Cell]:
    """Return all cells, so that the samplers of a fold follow one another."""
    cells = []
    for name in datasets:
        seeds = n_seeds(load_dataset(settings.folder, name, settings.max_rows))
        for seed in range(min(seeds, max_seeds or seeds)):
            for fold in range(n_folds):
                slow = seed < SLOW_SEEDS and fold < SLOW_FOLDS
                cells += [
                    Cell(name, seed, fold, sampler)
                    for sampler in samplers
                    if slow or not NamedSampler.parse(sampler).method.slow
                ]
    return cells


def remaining(
    cells: Sequence[Cell], classifiers: Sequence[str], done: set[tuple[str, ...]]
) -> list[Task]:
    """Return what is left to do."""
    tasks = []
    for cell in cells:
        missing = [
            name for name in classifiers if key_of(vars(cell) | {"classifier": name}) not in done
        ]
        if missing:
            tasks.append(Task(cell, tuple(missing)))
    return tasks


def outcomes(tasks: Sequence[Task], settings: Settings, jobs: int) -> Iterator[list[Row]]:
    """Yield the rows of each task, run one after the other (jobs=0) or in processes.

    A process that dies (out of memory, a crash in native code) fails its cell and nothing else.
    """
    if jobs == 0:
        yield from (run_cell(task.cell, task.classifiers, settings) for task in tasks)
        return
    waiting = deque(tasks)
    while waiting:
        running: dict[Future[list[Row]], Task] = {}
        pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    task = waiting.popleft()
                    future = pool.submit(run_cell, task.cell, task.classifiers, settings)
                    running[future] = task
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    rows = future.result()
                    del running[future]
                    yield rows
        except BrokenProcessPool:
            for task in running.values():
                if jobs == 1:
                    yield _dead(task, settings)
                else:
                    yield from outcomes([task], settings, 1)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def summary(rows: Sequence[Row]) -> str:
    """Return one line on a finished cell."""
    first = rows[0]
    errors = sorted({f"{row['error']}" for row in rows if row["status"] == "failed"})
    cost = f"{float(first.get('seconds', 'nan')):.2f} s"
    outcome = f"FAILED: {', '.join(errors)}" if errors else cost
    where = f"{first['dataset']} seed {first['seed']} fold {first['fold']}"
    return f"{where} {first['sampler']}: {outcome}"


def _dead(task: Task, settings: Settings) -> list[Row]:
    dataset = load_dataset(settings.folder, task.cell.dataset, settings.max_rows)
    train = dataset.take(split(dataset, task.cell.seed, task.cell.fold)[0])
    base = describe(task.cell, dataset, train, settings)
    return [base | failure(name, "ProcessDied") for name in task.classifiers]


# --- arguments ----------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("oversampling", OVERVIEW)
    add = parser.add_argument
    add("--data", type=Path, help="folder of tables (default: the table that ships with ganaug)")
    add("--quick", action="store_true", help="few samplers, tables and folds: a few minutes")
    add("--samplers", type=split_names, help="names, separated by commas; see --list")
    add("--datasets", type=split_names, help="names of tables (default: all in the folder)")
    add("--classifiers", type=split_names, help=f"default: {','.join(CLASSIFIERS)}")
    add("--folds", type=int, choices=range(1, N_FOLDS + 1), help="run the first k of 5 folds")
    add("--seeds", type=int, help="at most so many draws of the folds (default: up to 3)")
    add("--max-rows", type=int, help="cut larger tables to a stratified part (0: never)")
    add("--inner-folds", type=int, help="folds for tuning decisions (default 3; 0: not tuned)")
    add("--time-limit", type=float, default=3600.0, help="seconds for one call of a sampler")
    add("--jobs", type=int, default=1, help="processes with one thread each (0: this process)")
    add("--out", type=Path, help="CSV file (default: benchmarks/results/oversampling.csv)")
    add("--again", type=split_names, help="samplers to forget first, so that they run again")
    add("--list", action=_ListMethods, nargs=0, help="show samplers and classifiers")
    return parser


class _ListMethods(argparse.Action):
    """Print the registry and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        for name, method in METHODS.items():
            state = "not installed" if method.missing() else "slow" if method.slow else ""
            print(f"{name:18} {method.package:18} {state:14} {method.space}")
        print("classifiers:", ", ".join(available_classifiers()))
        parser.exit()


def _with_defaults(args: argparse.Namespace) -> argparse.Namespace:
    """Fill in what was not given."""
    known = dataset_names(args.data)
    quick = Quick()
    defaults = {
        "samplers": list(METHODS),
        "datasets": known,
        "classifiers": available_classifiers(),
        "folds": N_FOLDS,
        "seeds": None,
        "max_rows": 0,
        "inner_folds": Settings.inner_folds,
        "out": RESULTS / "oversampling.csv",
    }
    if args.quick:
        defaults |= vars(quick) | {
            "samplers": list(quick.samplers),
            "datasets": choose(quick.datasets, known),
            "out": RESULTS / "oversampling-quick.csv",
        }
    return with_defaults(args, defaults)


if __name__ == "__main__":
    sys.exit(main())
