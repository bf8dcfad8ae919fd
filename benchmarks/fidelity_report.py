"""Turn results of `benchmarks.fidelity` into Markdown: ``python -m benchmarks.fidelity_report``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from scipy import stats

from benchmarks import ranking
from benchmarks.goals import Goal
from benchmarks.likeness import MEASURES
from benchmarks.markdown import goals_table, section
from benchmarks.methods import label_of

# What `sample` draws, and the rows that `fit_resample` adds for classifiers.
OURS, FOR_TRAINING = "ganaug_sample", "ganaug"
CALLS = {OURS: "sample", FOR_TRAINING: "fit_resample"}
# The same rows without a network, and what is compared with them.
CONTROL = ':without="network"'
COMPARED = (
    *("forest_accuracy", "logistic_accuracy", "precision", "recall", "density", "coverage"),
    *("correlation_error", "rate_error", "new_pairs", "copies"),
)
TEST = "forest_accuracy"
REFERENCES = ("smote", "ctgan")
SHARE_OF_SETS = 0.8
SHORT = {
    "forest_accuracy": "two-sample forest",
    "logistic_accuracy": "two-sample logistic",
    "correlation_error": "correlation error",
    "rate_error": "rate error",
    "new_pairs": "new pairs",
    "closeness": "distance ratio",
}
NOTES = """\
Two-sample: how often a random forest and logistic regression tell made from held-out rows
(5-fold cross-validation, equal numbers; .5 is perfect). Precision, recall, density, coverage: of
made rows in the space of held-out ones. Quality: sdmetrics' score (tables of up to 50 columns).
Correlation error: mean absolute difference. Rate error: total variation distance of the rates of
levels. Invalid: rows with a number out of range or off the whole numbers, or with an unknown level.
New pairs: rows that combine two levels as no training row of the class does. Distance ratio: the
median distance to the nearest training row, over that of held-out rows; distances of 0 count as
equal. Copies: rows equal to a training row in every column. Both are beside what is found for
held-out rows. "none" is the training rows in the place of made ones;
"ganaug, sample()" draws rows that look real; "ganaug" are the rows that `fit_resample` adds, for
classifiers to learn from.
"""


def write(path: Path, output: Path | None = None) -> Path:
    """Write the tables of a file of results beside it, and return their path."""
    output = output or path.with_suffix(".md")
    results = pd.read_csv(path, na_values=[""], keep_default_na=False)
    if results.empty:
        raise ValueError(f"{path} has no results")
    output.write_text(render(results), encoding="utf-8")
    return output


def render(results: pd.DataFrame) -> str:
    """Return the Markdown text of all tables."""
    parts = [_heading(results), _means(results), _tests(results)]
    if OURS in set(results["sampler"]):
        parts[1:1] = [goals_table(fidelity_goals(results))]
        parts += [_ours(results), *_controls(results)]
    return "\n".join(parts)


def fidelity_goals(results: pd.DataFrame) -> list[Goal]:
    """Return the goals on fidelity; a data set is won where the mean over its halves is better."""
    goals = []
    for name, call in CALLS.items():
        ours = _by_dataset(results[results["sampler"] == name])
        if len(ours):
            of_call = [
                *(_more_real_than(results, name, reference) for reference in REFERENCES),
                _no_copies(ours),
                _not_too_close(ours),
            ]
            goals += [replace(goal, text=f"`{call}`: {goal.text}") for goal in of_call]
    return goals


def _more_real_than(results: pd.DataFrame, ours: str, reference: str) -> Goal:
    text = (
        f"two-sample accuracy of the forest below {label_of(reference)}'s "
        f"on at least {SHARE_OF_SETS:.0%} of the data sets"
    )
    gains = _paired(results, reference, ours)
    if gains.empty:
        return Goal(text)
    won = gains < 0
    lost = ", ".join(f"{name} {gain:+.3f}" for name, gain in gains[~won].items())
    figure = f"{won.sum()} of {len(won)}" + (f"; not {lost}" if lost else "")
    return Goal(text, figure, bool(won.mean() >= SHARE_OF_SETS))


def _no_copies(ours: pd.DataFrame) -> Goal:
    text = "no row of numbers equals a training row (more often than a held-out row does)"
    part = ours[ours["n_categorical"] == 0]
    more = part[part["copies"] > part["copies_real"]]["copies"]
    figure = f"{len(part) - len(more)} of {len(part)} tables of numbers"
    figure += "".join(f", {name} {share:.2%}" for name, share in more.items())
    return Goal(text, figure, more.empty if len(part) else None)


def _not_too_close(ours: pd.DataFrame) -> Goal:
    text = "the nearest training row is no nearer than to held-out rows"
    closer = ours[ours["closeness"] < 1]["closeness"]
    figure = f"{len(ours) - len(closer)} of {len(ours)} data sets"
    figure += "".join(f", {name} {ratio:.3f}" for name, ratio in closer.items())
    return Goal(text, figure, closer.empty)


def _heading(results: pd.DataFrame) -> str:
    limit = int(results["max_rows"].max())
    cut = f" Larger tables were cut to {limit} rows." if limit else ""
    failed = results[results["status"] == "failed"]
    lines = [
        "# Likeness of generated rows",
        "",
        f"{results['dataset'].nunique()} data sets, rows of the smallest class. A sampler learns "
        f"from one half of a table and is compared with the other.{cut}",
        "",
        NOTES,
    ]
    if len(failed):
        found = failed.groupby("sampler")["dataset"].unique()
        lines += [
            f"Failed: {label_of(str(name))} on {', '.join(sets)}." for name, sets in found.items()
        ]
    return "\n".join([*lines, ""])


def _means(results: pd.DataFrame) -> str:
    """Average over data sets; NaN and infinite ratios are left out, hence medians for ratios."""
    shown = [name for name in (*MEASURES, "closeness") if not name.startswith("distance")]
    by_dataset = _by_dataset(results, "sampler")
    sets = by_dataset.groupby("sampler").size()
    means = by_dataset[shown].groupby("sampler").mean()
    means["closeness"] = by_dataset["closeness"].groupby("sampler").median()
    rows = [
        [label_of(str(name)), sets[name], *map(_number, means.T[name])]
        for name in means.sort_values(TEST).index
    ]
    header = ["sampler", "sets", *(SHORT.get(name, name.replace("_", " ")) for name in shown)]
    note = "Means over data sets; medians for the distance ratio."
    return section("Means", header, rows, note)


def _tests(results: pd.DataFrame) -> str:
    wide = _by_dataset(results, "sampler")[TEST].unstack("sampler")
    rows = [[name, *map(_number, wide.loc[name])] for name in wide.index]
    header = ["data set", *(label_of(str(name)) for name in wide.columns)]
    return section("Two-sample accuracy of the forest", header, rows)


def _ours(results: pd.DataFrame) -> str:
    ours = _by_dataset(results[results["sampler"] == OURS])
    gains = {name: _paired(results, name) for name in REFERENCES}
    gains = {name: found for name, found in gains.items() if len(found)}
    shown = ["closeness", "copies", "copies_real", "invalid", "new_pairs", "new_pairs_real"]
    rows = [
        [
            name,
            _number(ours[TEST][name]),
            *(_number(found.get(name, float("nan")), "+.3f") for found in gains.values()),
            *(_number(ours[column][name]) for column in shown),
        ]
        for name in ours.index
    ]
    header = ["data set", "two-sample forest", *(f"minus {label_of(name)}'s" for name in gains)]
    header += [SHORT.get(name, name.replace("_", " ")) for name in shown]
    return section("ganaug, sample() by data set", header, rows)


def _controls(results: pd.DataFrame) -> Iterator[str]:
    """Compare the rows of each call with those of its control, by the mean over each data set."""
    for name, call in CALLS.items():
        gains = {measure: _paired(results, name + CONTROL, name, measure) for measure in COMPARED}
        gains = {measure: gain for measure, gain in gains.items() if len(gain)}
        rows = [
            [
                SHORT.get(measure, measure.replace("_", " ")),
                len(gain),
                _number(gain.mean(), "+.3f"),
                _number(float(stats.sem(gain)), ".3f"),
                _number(ranking.wilcoxon_p(gain)),
            ]
            for measure, gain in gains.items()
        ]
        if rows:
            header = ["", "data sets", "mean difference", "standard error", "p"]
            note = "With the network less without it; Wilcoxon's signed-rank test over data sets."
            yield section(f"`{call}` against its control without a network", header, rows, note)


def _by_dataset(results: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Return means over the halves of each data set, and the ratio of the mean distances."""
    ok = results[results["status"] == "ok"]
    means = ok.groupby(["dataset", *more])[[*MEASURES, "n_categorical"]].mean()
    return means.assign(closeness=_ratio(means["distance"], means["distance_real"]))


def _paired(
    results: pd.DataFrame, reference: str, ours: str = OURS, measure: str = TEST
) -> pd.Series:
    """Return ganaug's figure minus another's by data set, on the halves that both have."""
    ok = results[results["status"] == "ok"]
    wide = ok.pivot(index=ranking.FOLD, columns="sampler", values=measure)
    if not {ours, reference} <= set(wide.columns):
        return pd.Series(dtype=float)
    gains: pd.Series = (wide[ours] - wide[reference]).dropna().groupby("dataset").mean()
    return gains


def _ratio(distance: pd.Series, real: pd.Series) -> pd.Series:
    return (distance / real).mask((distance == 0) & (real == 0), 1.0)


def _number(value: float, form: str = ".3f") -> str:
    return "" if value != value else f"{value:{form}}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fidelity_report")
    parser.add_argument("results", type=Path, help="CSV file of benchmarks.fidelity")
    parser.add_argument("-o", "--output", type=Path, help="Markdown file (default: beside it)")
    args = parser.parse_args(argv)
    try:
        print(write(args.results, args.output))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
