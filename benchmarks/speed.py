"""Seconds and memory, beside SMOTE and CTGAN: ``python -m benchmarks.speed --help``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.command import RESULTS, THREAD_SETTINGS, new_parser
from benchmarks.speed_jobs import CTGAN_DEFAULT_EPOCHS, CTGAN_EPOCHS, JOBS, Figures

OVERVIEW = """\
Measure seconds and peak memory, on one thread unless more are asked for.

Every measurement has a process of its own; imports and a first fit of a toy table come before it.
Methods take turns, so that a busy machine slows all alike; medians over the repeats are shown, of
wall-clock and of processor seconds (the former count what other programs took). Memory is the peak
of the resident memory during the call less what was resident before, input included there.

examples:
  python -m benchmarks.speed --parts small,sample                # prints these parts
  python -m benchmarks.speed --parts million,sample --threads 2  # of all jobs, SMOTE's too
  python -m benchmarks.speed                                     # everything: about an hour
"""


@dataclass(frozen=True)
class Case:
    """A job on a table of a shape."""

    part: str
    job: str
    n_rows: int
    n_minority: int | None = None
    shape: dict[str, int] = field(default_factory=dict)

    @property
    def label(self) -> str:
        rows = f"{self.n_rows:,} rows"
        minority = [] if self.n_minority is None else [f"{self.n_minority:,} minority"]
        return ", ".join([rows, *minority, *(f"{key} {n}" for key, n in self.shape.items())])

    @property
    def arguments(self) -> dict[str, int]:
        """What the job is called with."""
        minority = {} if self.n_minority is None else {"n_minority": self.n_minority}
        return {"n_rows": self.n_rows, **minority, **self.shape}


def cases() -> Iterator[Case]:
    """Give all measurements; the first says how fast the machine is at this hour."""
    yield Case("machine", "matrix products", 512, shape={"n_columns": 512})
    for n_rows in (300, 2000, 4000):
        yield Case("small", "ganaug", n_rows, n_rows // 10)
        yield Case("small", "SMOTE", n_rows, n_rows // 10)
    for n_rows in (20_000, 200_000):
        for job in ("ganaug", "SMOTE", "CTGAN"):
            yield Case("ctgan", job, n_rows, n_rows // 21)
    for n_minority in (100_000, 10_000):
        for job in ("ganaug", "SMOTE"):
            yield Case("million", job, 1_000_000, n_minority)
    yield Case("sample", "sample", 20_000, 1000)
    for n_rows in (2_000_000, 20_000_000):
        yield Case("stream", "sample to Parquet", n_rows)
    for n_rows in (5_000_000, 25_000_000):
        yield Case("large", "resample in parts", n_rows, n_rows // 25)
    for n_rows in (2_000_000, 8_000_000):
        yield Case("csv", "resample CSV in parts", n_rows, n_rows // 10)
    yield Case("detector", "detector: fit", 50_000)
    yield Case("detector", "detector: score", 100_000)
    yield Case("encode", "encode", 1_000_000, 100_000)
    yield Case("encode", "decode", 1_000_000, 100_000)
    yield Case("encode", "copies", 1_000_000)
    for n_columns in (166, 1500):
        yield Case("wide", "ganaug", 1000, 100, {"n_columns": n_columns})
    for hidden_units in (512, 1024):  # the larger ones are trained on all threads
        yield Case("networks", "fit", 1000, 100, {"hidden_units": hidden_units})
    for n_rows in (5000, 20_000, 80_000, 320_000, 1_000_000):
        yield Case("model", "fit", n_rows, n_rows // 20)
    for n_columns in (10, 30, 100):
        for n_categorical in (0, n_columns // 2):
            shape = {"n_columns": n_columns, "n_categorical": n_categorical}
            for n_rows in (20_000, 320_000):
                yield Case("model", "fit", n_rows, n_rows // 20, shape)


PARTS = list(dict.fromkeys(case.part for case in cases()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    args = _parser().parse_args(argv)
    if args.one is not None:
        job, arguments = json.loads(args.one)
        print(json.dumps(JOBS[job](**arguments)))
        return 0
    largest = args.max_rows or float("inf")
    wanted = [case for case in cases() if case.part in args.parts and case.n_rows <= largest]
    figures: dict[int, list[Figures]] = {number: [] for number in range(len(wanted))}
    for _ in range(args.repeats):
        for number, case in enumerate(wanted):
            figures[number].append(run(case, args.threads))
            print(f"{case.part}: {case.job}, {case.label}: {figures[number][-1]}", flush=True)
    measured = [(case, median(figures[number])) for number, case in enumerate(wanted)]
    text = report(measured, args.repeats, args.threads)
    if args.out is None and len(measured) < len(list(cases())):
        print(text)  # in the place of the whole report it would lose the other parts
        return 0
    out = args.out or RESULTS / "speed.md"
    out.write_text(text)
    print(out)
    return 0


def run(case: Case, n_threads: int) -> Figures:
    """Run one case in a process of its own, which may have so many threads."""
    command = [sys.executable, "-m", "benchmarks.speed", "--one"]
    done = subprocess.run(
        [*command, json.dumps([case.job, case.arguments])],
        env=os.environ | dict.fromkeys(THREAD_SETTINGS, str(n_threads)),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def median(figures: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return {key: statistics.median(one[key] for one in figures) for key in figures[0]}


# --- report -------------------------------------------------------------------------------------


def report(measured: Sequence[tuple[Case, Figures]], n_repeats: int, n_threads: int) -> str:
    """Return the tables as Markdown."""
    lines = [
        "# Seconds and memory",
        "",
        f"`python -m benchmarks.speed`, {date.today()}, threads: {n_threads}, {machine()}. "
        f"Medians of {n_repeats} runs, each in its own process. CPU s are processor seconds; s "
        "counts what other programs took, too. Peak MB are beyond the input.",
        "",
        "| part | job | table | s | CPU s | peak MB | input MB | |",
        "|---|---|---|--:|--:|--:|--:|---|",
    ]
    for case, figures in measured:
        cells = (
            case.part,
            case.job,
            case.label,
            _number(figures["seconds"]),
            _number(figures["cpu_seconds"]),
            _number(figures["megabytes"]),
            _number(figures.get("input_mb", float("nan"))),
            _remark(figures),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if exponents := rows_exponents(measured):
        shapes = ", ".join(f"{exponent:.2f} ({shape})" for shape, exponent in exponents.items())
        lines += ["", f"Exponents of the rows in the seconds of `fit` beyond 20,000: {shapes}."]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _remark(figures: Figures) -> str:
    if "operations" in figures:
        rate = figures["operations"] / figures["cpu_seconds"] / 1e9
        return f"{rate:.0f} billion operations per CPU s"
    seconds = figures["cpu_seconds"]
    remarks = []
    if "rows" in figures:
        remarks.append(f"{figures['rows'] / seconds:,.0f} rows per CPU s")
    if "bytes" in figures:  # read and written
        remarks.append(f"{figures['bytes'] / seconds / 1e9:.2f} GB per CPU s")
    if remarks:
        return ", ".join(remarks)
    if "epoch" in figures:
        return (
            f"{figures['start']:.0f} CPU s to start, {figures['epoch']:.1f} an epoch, from "
            f"{' and '.join(map(str, CTGAN_EPOCHS))} epochs; scaled to {CTGAN_DEFAULT_EPOCHS}"
        )
    return ""


def rows_exponents(measured: Sequence[tuple[Case, Figures]]) -> dict[str, float]:
    """Return the slope of log seconds over log rows of `fit`, beyond 20,000 rows, of each shape."""
    points: dict[str, list[tuple[int, float]]] = {}
    for case, figures in measured:
        if case.job == "fit" and case.n_rows >= 20_000:
            shape = ", ".join(f"{key} {n}" for key, n in case.shape.items()) or "as above"
            points.setdefault(shape, []).append((case.n_rows, figures["cpu_seconds"]))
    exponents = {}
    for shape, some in points.items():
        if len(some) > 1:
            rows, seconds = np.log(np.array(some)).T
            exponents[shape] = float(np.polyfit(rows, seconds, 1)[0])
    return exponents


def machine() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _parser() -> argparse.ArgumentParser:
    parser = new_parser("speed", OVERVIEW)
    parser.add_argument(
        "--parts",
        type=_some_parts,
        default=PARTS,
        help=f"which of {', '.join(PARTS)}, separated by commas; printed unless --out is given",
    )
    parser.add_argument("--max-rows", type=int, help="leave larger tables out")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--threads", type=int, default=1, help="of torch and others (default 1)")
    parser.add_argument("--out", type=Path, help="by default results/speed.md, for all parts")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser


def _some_parts(text: str) -> list[str]:
    parts = text.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        raise argparse.ArgumentTypeError(
            f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}"
        )
    return parts


if __name__ == "__main__":
    sys.exit(main())
