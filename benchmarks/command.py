"""What the command lines of the benchmarks have in common."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
# For libraries that start threads of their own, in this process and in those that it starts.
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ONE_THREAD = dict.fromkeys(THREAD_SETTINGS, "1")


def new_parser(name: str, overview: str | None) -> argparse.ArgumentParser:
    """Return a parser for ``python -m benchmarks.name``."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=overview,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def with_defaults(args: argparse.Namespace, defaults: Mapping[str, Any]) -> argparse.Namespace:
    """Fill in what was not given."""
    for name, value in defaults.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def names(text: str) -> list[str]:
    """Split names at semicolons; they may have commas."""
    return [name.strip() for name in text.split(";") if name.strip()]


def numbers(text: str) -> list[int]:
    """Split whole numbers at commas."""
    return [int(number) for number in text.split(",")]


def exit_status(run: Callable[[], object]) -> int:
    """Run on one thread and return the exit status; an error is a line."""
    os.environ.update(ONE_THREAD)
    try:
        run()
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def choose(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the wanted names that are known, or else all."""
    return [name for name in wanted if name in known] or list(known)
