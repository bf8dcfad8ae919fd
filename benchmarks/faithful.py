"""Whether generated rows belong to their class: ``python -m benchmarks.faithful --help``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pandas as pd

from benchmarks.classifiers import predict_all
from benchmarks.data import Dataset, stable_seed
from benchmarks.goals import Goal
from benchmarks.halves import halves_of, halves_parser, run_on_halves
from benchmarks.markdown import goals_table, section
from benchmarks.methods import NamedSampler, Resampled, label_of, split_names

CLASSIFIERS = ("knn", "random_forest")
SAMPLERS = "ganaug_sample,ganaug,smote"
OURS = "ganaug_sample"
TOLERANCE = 0.02

OVERVIEW = """\
Each table is halved. A sampler learns one half, kNN and a random forest the other, and say of what
class they take the rows that the sampler adds. They should find these in their class as often as
the real rows of the first half, less .02. ganaug_sample are rows of `sample`, ganaug those of
`fit_resample`. Both halves are learned in turn; classes that get no rows are not looked at.

example:
  python -m benchmarks.faithful --data ../shared/data
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = halves_parser("faithful", OVERVIEW)
    parser.add_argument("--samplers", type=split_names, default=split_names(SAMPLERS))
    args = parser.parse_args(argv)
    return run_on_halves(args, partial(measure, args.samplers), render)


def measure(
    samplers: Sequence[str], dataset: Dataset, name: str, half: int
) -> Iterator[dict[str, Any]]:
    """Give a row for each sampler, classifier and class that gets rows."""
    judges, learned = halves_of(dataset, half)
    for sampler in samplers:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = NamedSampler.parse(sampler)(learned, stable_seed(name, half))
        predictions = predict_all(
            Resampled(judges.X, judges.y),
            made.X,  # the real rows, and those that were added
            dataset.n_classes,
            CLASSIFIERS,
            partial(stable_seed, name, half),
        )
        is_real = pd.RangeIndex(len(made.y)) < len(learned.y)
        for classifier, prediction in predictions.items():
            if prediction.proba is None:
                raise RuntimeError(f"{classifier} fails on {name}: {prediction.error}")
            is_found = prediction.proba.argmax(axis=1) == made.y
            for code in sorted(set(made.y[~is_real].tolist())):
                is_own = made.y == code
                yield {
                    "dataset": name,
                    "half": half,
                    "sampler": sampler,
                    "classifier": classifier,
                    "class": code,
                    "n_added": int((is_own & ~is_real).sum()),
                    "real": is_found[is_own & is_real].mean(),
                    "added": is_found[is_own & ~is_real].mean(),
                }


def render(results: pd.DataFrame) -> str:
    """Return the Markdown text: goals, and the share that is found of each table."""
    by_classifier = {
        str(name): part.groupby(["dataset", "sampler"])[["real", "added"]].mean()
        for name, part in results.groupby("classifier")
    }
    samplers = list(dict.fromkeys(results["sampler"]))
    parts = [
        "# Rows that belong to their class\n",
        "`python -m benchmarks.faithful`: the share of real and of added rows that classifiers, "
        "trained on other real rows, find in their class; means over classes and halves.\n",
        goals_table([_goal(by_classifier[name], name) for name in CLASSIFIERS]),
    ]
    for classifier in CLASSIFIERS:
        own = by_classifier[classifier]
        real, added = (own[name].unstack("sampler")[samplers] for name in ("real", "added"))
        rows = [
            [name, f"{real.loc[name].mean():.3f}", *(f"{one:.3f}" for one in added.loc[name])]
            for name in map(str, added.index)
        ]
        rows.append(
            ["mean", f"{real.to_numpy().mean():.3f}", *(f"{one:.3f}" for one in added.mean())]
        )
        header = ["data set", "real rows", *map(label_of, samplers)]
        parts.append(section(f"Found by: {classifier.replace('_', ' ')}", header, rows))
    return "\n".join(parts)


def _goal(shares: pd.DataFrame, classifier: str) -> Goal:
    text = (
        f"{classifier.replace('_', ' ')}: rows of `sample` found as often as real ones, less "
        f"{TOLERANCE:g}, in each table"
    )
    if OURS not in shares.index.get_level_values("sampler"):
        return Goal(text)
    ours = shares.xs(OURS, level="sampler")
    gains = ours["added"] - ours["real"]
    missed = gains[gains < -TOLERANCE]
    figure = f"{len(gains) - len(missed)} of {len(gains)}"
    figure += "".join(
        f", {name} {gain:+.3f}" for name, gain in zip(map(str, missed.index), missed, strict=True)
    )
    return Goal(text, figure, missed.empty)


if __name__ == "__main__":
    sys.exit(main())
