"""Texts of the command line as values; what can't be read is said by argparse."""

from __future__ import annotations

import argparse
import json

__all__ = ["STRATEGIES", "condition", "count", "seed", "steps", "strategy"]

LARGEST_SEED = 2**32 - 1
STRATEGIES = ("auto", "minority", "not minority", "not majority", "all")


def strategy(text: str) -> str | float | dict[str, int]:
    """Read a name, a ratio, or rows per class."""
    if text in STRATEGIES:
        return text
    try:
        ratio = float(text)
    except ValueError:
        pass  # neither a name nor a number: rows per class
    else:
        if not 0 < ratio <= 1:
            raise _no_strategy(text)
        return ratio
    try:
        pairs = json.loads(text, object_pairs_hook=list) if text[:1] == "{" else _pairs(text)
        # by its text, since JSON has halves and truths that int would round
        counts = {label: int(str(count)) for label, count in pairs}
    except (TypeError, ValueError) as error:
        raise _no_strategy(text) from error
    labels = [label for label, _ in pairs]
    for label in labels:
        if labels.count(label) > 1:
            raise argparse.ArgumentTypeError(
                f"{text!r} names class {label!r} twice; give one number of rows for it"
            )
    return counts


def _no_strategy(text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(
        f"expected one of {', '.join(STRATEGIES)}, a ratio above 0 and up to 1, CLASS=COUNT pairs "
        f"or a JSON object, got {text!r}"
    )


def _pairs(text: str) -> list[list[str]]:
    return [pair.rsplit("=", 1) for pair in text.split(",")]


def steps(text: str) -> int | str:
    if text == "auto":
        return text
    return count(text)


def count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return number


def seed(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(
            f"expected a whole number from 0 to {LARGEST_SEED}, got {text!r}"
        )
    return number


def condition(text: str) -> tuple[str, str]:
    """Read a column and what it must be; whether its name has = in it, the table will tell."""
    name, equals, wanted = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(
            f"expected COLUMN=VALUE, COLUMN=LOW..HIGH or COLUMN=LEVEL,LEVEL, got {text!r}"
        )
    return name, wanted
