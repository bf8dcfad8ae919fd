"""The goals of the project, computed from results: what is asked, what was measured, met or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from benchmarks import ranking
from benchmarks.methods import label_of

OURS = "ganaug"
SLOW_REFERENCES = ("ctgan", "tvae")
LEAD = 0.8
AP_REFERENCES = ("none", "svm_smote")
# metric -> win rate against SVM-SMOTE, and the p below which it must be
WIN_RATES = {
    "balanced_accuracy": (0.65, 0.01),
    "g_mean": (0.65, 0.01),
    "f1": (0.55, None),
    "roc_auc": (0.55, None),
}
KINDS_TO_LEAD = ("tiny minority", "categorical", "multi-class")
SLOW_WIN_RATES = {"balanced_accuracy": 0.90, "average_precision": 0.75}
LARGEST_LOSS = 0.01
# training rows -> seconds of a fit
SECONDS = {4_000: 3.0, 40_000: 8.0}


@dataclass(frozen=True)
class Goal:
    """One goal.

    Attributes
    ----------
    text : str
        What is asked.
    figure : str
        What was measured.
    met : bool or None
        None where the results don't tell.
    """

    text: str
    figure: str = ""
    met: bool | None = None


def oversampling_goals(results: pd.DataFrame) -> list[Goal]:
    """Return the goals on over-sampling, on all data sets of the results, ceiling sets included."""
    field = ranking.main_field(results)
    slow = ranking.slow_field(results)
    return [
        _lead(field),
        *_average_precision(field),
        *_win_rates(field),
        *_places(field),
        *_slow_win_rates(slow),
        _no_collapse(field),
        *_seconds(results),
    ]


def _lead(field: pd.DataFrame) -> Goal:
    ranks = ranking.main_ranks(field).mean()
    text = f"first in mean rank, by at least {LEAD} over the best other sampler"
    others = ranks.drop(OURS)
    if others.empty:
        return Goal(text)
    best = str(others.idxmin())
    figure = f"{ranks[OURS]:.2f}, {label_of(best)} {others[best]:.2f}"
    return Goal(text, figure, bool(others[best] - ranks[OURS] >= LEAD))


def _average_precision(field: pd.DataFrame) -> Iterator[Goal]:
    ranks = ranking.block_ranks(field, "average_precision").mean()
    means = ranking.block_scores(field, "average_precision").mean()
    for name in AP_REFERENCES:
        text = f"average precision: rank and mean no worse than {label_of(name)}"
        if name not in ranks:
            yield Goal(text)
            continue
        figure = (
            f"rank {ranks[OURS]:.2f} and {ranks[name]:.2f}, "
            f"mean {means[OURS]:.3f} and {means[name]:.3f}"
        )
        met = ranks[OURS] <= ranks[name] and means[OURS] >= means[name]
        yield Goal(text, figure, bool(met))


def _win_rates(field: pd.DataFrame) -> Iterator[Goal]:
    for metric, (rate, largest_p) in WIN_RATES.items():
        limit = "" if largest_p is None else f", p < {largest_p}"
        text = f"{_spoken(metric)}: win rate against SVM-SMOTE at least {rate:.0%}{limit}"
        if "svm_smote" not in set(field["sampler"]):
            yield Goal(text)
            continue
        found = ranking.versus(field, "svm_smote", metric, [OURS]).T[OURS]
        met = found["win_rate"] >= rate and (largest_p is None or found["p_value"] < largest_p)
        yield Goal(text, f"{found['win_rate']:.0%}, p = {found['p_value']:.3g}", bool(met))


def _places(field: pd.DataFrame) -> Iterator[Goal]:
    by_classifier = ranking.main_ranks(field).groupby("classifier").mean()
    for name in by_classifier.index:
        yield _place(f"{_spoken(str(name))}: first or second", by_classifier.T[name], 2)
    kinds = ranking.kinds_of_tables(field)
    by_dataset = ranking.dataset_ranks(field)
    for kind in KINDS_TO_LEAD:
        text = f"{kind}: first"
        yield _place(text, by_dataset.loc[kinds[kind]].mean(), 1) if kind in kinds else Goal(text)


def _place(text: str, ranks: pd.Series, worst: int) -> Goal:
    place = int(ranks.rank(method="min")[OURS])
    best = str(ranks.drop(OURS).idxmin()) if len(ranks) > 1 else OURS
    figure = f"place {place} of {len(ranks)}: {ranks[OURS]:.2f}, {label_of(best)} {ranks[best]:.2f}"
    return Goal(text, figure, place <= worst)


def _slow_win_rates(slow: pd.DataFrame) -> Iterator[Goal]:
    for name in SLOW_REFERENCES:
        for metric, rate in SLOW_WIN_RATES.items():
            text = (
                f"{_spoken(metric)}: better than {label_of(name)} in at least {rate:.0%} of cells"
            )
            if not {name, OURS} <= set(slow["sampler"]):
                yield Goal(text)
                continue
            found = ranking.versus(slow, name, metric, [OURS]).T[OURS]
            yield Goal(text, f"{found['win_rate']:.0%}", bool(found["win_rate"] >= rate))


def _no_collapse(field: pd.DataFrame) -> Goal:
    text = (
        f"no data set where balanced accuracy is more than {LARGEST_LOSS} below RandomOverSampler's"
    )
    if "ros" not in set(field["sampler"]):
        return Goal(text)
    gains = ranking.versus_by_dataset(field, "ros", "balanced_accuracy")[OURS].sort_values()
    below = gains[gains < -LARGEST_LOSS]
    shown = below if len(below) else gains.head(1)
    figure = ", ".join(f"{name} {gain:+.3f}" for name, gain in shown.items())
    return Goal(text, figure, below.empty)


def _seconds(results: pd.DataFrame) -> Iterator[Goal]:
    """Compare the slowest table's median over folds with the limit for its number of rows."""
    ours = ranking.timed(results[results["sampler"] == OURS])
    tables = ours.groupby("dataset").agg(rows=("n_train", "max"), seconds=("seconds", "median"))
    smallest = 0
    for rows, limit in SECONDS.items():
        text = f"at most {limit:g} s for a fit on {smallest:,} to {rows:,} rows"
        part = tables[(tables["rows"] > smallest) & (tables["rows"] <= rows)]["seconds"]
        smallest = rows
        if part.empty:
            yield Goal(text)
            continue
        within = f"{(part <= limit).sum()} of {len(part)} tables"
        yield Goal(text, f"{within}, {part.idxmax()} {part.max():.1f} s", bool(part.max() <= limit))


def _spoken(name: str) -> str:
    return name.replace("_", " ")
