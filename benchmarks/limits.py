"""How near fit and sample are to what the core can do: ``python -m benchmarks.limits --help``."""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.command import RESULTS, new_parser
from benchmarks.markdown import section
from benchmarks.speed import machine
from benchmarks.speed_jobs import (
    N_COLUMNS,
    copy_memory,
    correlated_numbers,
    expanded_rows,
    make_table,
)
from ganaug import GANOutlierDetector, GANSampler

N_ROWS, N_MINORITY = 2_000, 200
MILLION, FEW_OF_IT = 1_000_000, 10_000
DETECTOR_ROWS, SCORED_ROWS = 50_000, 100_000
WIDE_ROWS, WIDE_MINORITY, WIDE_COLUMNS = 1_000, 100, 166
DECODINGS = 50
SLOWEST_SHOWN = 8
MATRIX = 512
MATRIX_SECONDS = 0.5
RATE_REPEATS = 5
# Where time goes: the first group of which a part is in the place or the name of a function.
GROUPS = {
    "backward pass": ("run_backward",),
    "matrix products": (
        "_nn.linear",
        "matmul",
        "'mm'",
        "addmm",
        "bmm",
        "built-in method numpy.dot",
    ),
    "optimiser": ("_fused_adam", "_foreach"),
    "random numbers": ("torch.rand", "torch.randn", "log_", "uniform_", "exponential_"),
    "values that never meet": ("exclusions.py", "codes.py", "searchsorted"),
    "nearest rows": (
        *("cdist", "topk", "torch.minimum", "torch.maximum", "margins.py"),
        *("'sort'", "'amin'", "reference.py", "cholesky"),
    ),
    "decoding": ("_encoding/", "numpy", "pandas"),
    "other functions of torch": ("TensorBase", "built-in method torch"),
    "operators (+, @, [...]) and Python of ganaug": ("_gan/", "_detection/"),
    "Python in torch": ("/torch/",),
}
REST = "all else"

OVERVIEW = """\
Compare the time of a fit and of a sample with the floating-point operations of their matrix
products, counted by torch, over the rate at which this core multiplies large matrices; and say
where the time goes. Decoding is compared with copies of memory. A mixed table of 2,000 rows and 30
columns, one of 166, one of a million rows for `fit_resample`, and numbers for a detector; processor
seconds, one thread.

example:
  python -m benchmarks.limits
"""


@dataclass(frozen=True)
class Cost:
    """What one unit of work (a step, a row) takes."""

    seconds: float
    operations: float
    shares: dict[str, float]

    def limit(self, rate: float) -> float:
        """Return the seconds of its matrix products at a rate of operations a second."""
        return self.operations / rate


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = new_parser("limits", OVERVIEW)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "limits.md")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    args.out.write_text(report(args))
    print(args.out.read_text())
    return 0


def report(args: argparse.Namespace) -> str:
    """Measure, and return the figures as Markdown."""
    X, y = make_table(N_ROWS, N_MINORITY)

    def fit() -> GANSampler:
        return GANSampler(random_state=0).fit(X, y)

    wide = make_table(WIDE_ROWS, WIDE_MINORITY, n_columns=WIDE_COLUMNS)

    def fit_wide() -> None:
        GANSampler(random_state=0).fit(*wide)

    def resample_million() -> None:
        GANSampler(random_state=0).fit_resample(*million)

    usual = correlated_numbers(DETECTOR_ROWS, N_COLUMNS, seed=0)
    scored = correlated_numbers(SCORED_ROWS, N_COLUMNS, seed=1)
    detector = GANOutlierDetector(random_state=0).fit(usual)
    rate = max(multiplication_rate() for _ in range(RATE_REPEATS))  # of a core that is not slowed
    sampler, million = fit(), make_table(MILLION, FEW_OF_IT)
    n_steps = len(sampler.history_["generator_loss"])
    costs = {
        "a step of training": measured(fit, n_steps, args.repeats),
        f"a step, {WIDE_COLUMNS} columns": measured(fit_wide, n_steps, repeats=1),
        "a row of a sample": measured(
            partial(sampler.sample, args.samples, y=1), args.samples, args.repeats
        ),
        "a row added to a million": measured(resample_million, MILLION - 2 * FEW_OF_IT, repeats=1),
        "a row scored by a detector": measured(
            partial(detector.score_samples, scored), SCORED_ROWS, args.repeats
        ),
    }
    figures = [
        [
            name,
            f"{cost.operations / 1e6:.2f}",
            microseconds(cost.limit(rate)),
            microseconds(cost.seconds),
            f"{cost.seconds / cost.limit(rate):.1f}",
        ]
        for name, cost in costs.items()
    ]
    heads = ["", "million operations", "limit, us", "measured, us", "times the limit"]
    shares = [
        [group, *(f"{cost.shares.get(group, 0):.0%}" for cost in costs.values())]
        for group in (*GROUPS, REST)
    ]
    title = (
        f"# How near to the limit\n\n`python -m benchmarks.limits`, {date.today()}, on one core "
        f"of: {machine()}, which makes {rate / 1e9:.0f} billion operations a second in products of "
        f"{MATRIX} x {MATRIX} matrices. {N_ROWS:,} rows, 30 columns, 5 of them categories. A fit "
        f"of {n_steps} steps with all that is around them; a sample of {args.samples:,} rows, "
        f"decoded; processor seconds, medians of {args.repeats}. `fit_resample` of {MILLION:,} "
        f"rows, {FEW_OF_IT:,} of them of the minority, the fit and the result included, once. "
        f"{SCORED_ROWS:,} rows of {N_COLUMNS} numbers scored by a detector of "
        f"{DETECTOR_ROWS:,}. The fit of {WIDE_COLUMNS} columns is of {WIDE_ROWS:,} rows, once.\n"
    )
    return "\n".join(
        [
            title,
            section("Limit", heads, figures),
            section("Where the time goes", ["", *costs], shares),
            decoding(args.repeats),
        ]
    )


def decoding(repeats: int) -> str:
    """Say how near decoding is to the pace at which memory is copied, and what takes its time."""
    encoder, rows = expanded_rows(MILLION // 10, FEW_OF_IT)

    def decode() -> list[Any]:
        return [encoder.inverse_transform(rows) for _ in range(DECODINGS)]

    columns = decode()[0]
    n_bytes = rows.nbytes + sum(part.values.nbytes + part.missing.nbytes for part in columns)
    per_row = statistics.median(timed(decode) for _ in range(repeats)) / (DECODINGS * len(rows))
    copied = copy_memory(MILLION)
    limit = n_bytes / len(rows) / (copied["bytes"] / copied["cpu_seconds"])
    profile = cProfile.Profile(time.process_time)
    profile.runcall(decode)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    total = sum(own for _, _, own, _, _ in stats.values())
    slowest = sorted(stats.items(), key=lambda item: -item[1][2])[:SLOWEST_SHOWN]
    lines = [[place_of(*place), f"{own / total:.0%}"] for place, (_, _, own, _, _) in slowest]
    text = (
        f"A row decoded takes {microseconds(per_row)} us, {len(rows):,} rows at a time; its "
        f"{n_bytes / len(rows):,.0f} bytes, in and out, could be copied in {limit * 1e6:.2f} us."
    )
    return section("Decoding", ["", "of the time"], lines, text)


def place_of(file: str, _: int, name: str) -> str:
    """Return how a function is called, less where its file lies."""
    return name if file == "~" else f"{Path(file).parent.name}/{Path(file).name}: {name}"


def measured(work: Callable[[], object], n_units: int, repeats: int) -> Cost:
    """Return what each unit of some work takes."""
    seconds = statistics.median(timed(work) for _ in range(repeats))
    with FlopCounterMode(display=False) as counter:
        work()
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    operations = counter.get_total_flops() / n_units
    return Cost(seconds / n_units, operations, shares_of(pstats.Stats(profile)))


def timed(work: Callable[[], object]) -> float:
    """Return the processor seconds of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def shares_of(stats: pstats.Stats) -> dict[str, float]:
    """Return the share of the time in each group of functions."""
    seconds: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        seconds[group_of(f"{file} {name}")] += own
    return {group: value / seconds.total() for group, value in seconds.items()}


def group_of(function: str) -> str:
    """Return the group of a function, by its file and name."""
    for group, parts in GROUPS.items():
        if any(part in function for part in parts):
            return group
    return REST


def multiplication_rate() -> float:
    """Return the operations a second in products of matrices that fit into the cache."""
    matrix = torch.randn(MATRIX, MATRIX)
    matrix @ matrix
    n, start = 0, time.process_time()
    while (seconds := time.process_time() - start) < MATRIX_SECONDS:
        matrix @ matrix
        n += 1
    return float(n * 2 * MATRIX**3 / seconds)


def microseconds(seconds: float) -> str:
    """Return a time in microseconds."""
    return f"{seconds * 1e6:,.1f}"


if __name__ == "__main__":
    sys.exit(main())
