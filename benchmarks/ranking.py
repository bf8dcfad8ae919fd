"""Statistics of a table of results: ranks, wins and tests. Pure functions of data frames.

A *fold* is one (data set, seed, fold), a *block* one (data set, classifier): scores are averaged
over the folds of a block before samplers are ranked within it. Higher is better everywhere:
losses change their sign on the way in. A sampler that failed on a fold gets the worst score of
any sampler there, and a touch less, so that it is last alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.metrics import LOSSES, MAIN_METRICS

FOLD = ["dataset", "seed", "fold"]
BLOCK = ["dataset", "classifier"]
WORSE_THAN_WORST = 1e-4
NEARLY_ALL = 0.8
CEILING_AUC = 0.995

KINDS: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "tiny minority": lambda table: table["n_minority"] <= 30,
    "categorical": lambda table: table["n_categorical"] > table["n_features"] / 2,
    "multi-class": lambda table: table["n_classes"] > 2,
    "high-dimensional": lambda table: table["n_features"] >= 50,
    "large": lambda table: table["n_rows"] >= 10_000,
    "other": lambda table: pd.Series(True, table.index),
}


def read_results(path: Path) -> pd.DataFrame:
    """Read a file of results; the last of several rows with the same key counts."""
    results = pd.read_csv(path, na_values=[""], keep_default_na=False, low_memory=False)
    return results.drop_duplicates([*FOLD, "classifier", "sampler"], keep="last")


# --- which rows can be compared -----------------------------------------------------------------


def main_field(results: pd.DataFrame) -> pd.DataFrame:
    """Return the samplers that ran on nearly all folds, on the folds that all of them share.

    Data sets on which every sampler failed say nothing.
    """
    is_ok = results["status"] == "ok"
    results = results[is_ok.groupby(results["dataset"]).transform("any")]
    present = _presence(results)
    counts = present.sum()
    samplers = counts.index[counts >= NEARLY_ALL * counts.max()]
    return _restrict(results, present[samplers])


def slow_field(results: pd.DataFrame) -> pd.DataFrame:
    """Return all samplers on the folds that all of them share, if `main_field` leaves any out.

    The frame is empty if there are none.
    """
    present = _presence(results)
    main = set(main_field(results)["sampler"])
    if main == set(present.columns):
        return results.iloc[:0]
    return _restrict(results, present)


def ceiling_sets(results: pd.DataFrame) -> list[str]:
    """Return the data sets on which the median classifier of the median sampler is near AUC 1."""
    ok = results[results["status"] == "ok"]
    auc = ok.groupby(["dataset", "sampler", "classifier"])["roc_auc"].mean()
    typical = auc.groupby(["dataset", "sampler"]).median().groupby("dataset").median()
    return sorted(typical.index[typical >= CEILING_AUC])


def kinds_of_tables(results: pd.DataFrame) -> dict[str, list[str]]:
    """Return the data sets of each kind; one of several kinds is in each, one of none in other."""
    columns = ["n_rows", "n_minority", "n_features", "n_categorical", "n_classes"]
    table = results.groupby("dataset")[columns].max()
    kinds: dict[str, list[str]] = {}
    for name, belongs in KINDS.items():
        members = set(table.index[belongs(table)])
        if name == "other":
            members -= {dataset for found in kinds.values() for dataset in found}
        kinds[name] = sorted(members)
    return {name: members for name, members in kinds.items() if members}


def halves_by_family(results: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Split the data sets in two, so that a family of sources stays together.

    Families go to the half that is smaller so far, the largest family first.
    """
    families = results.groupby("dataset")["family"].first()
    halves: tuple[list[str], list[str]] = ([], [])
    sizes = families.value_counts()
    for family in sorted(sizes.index, key=lambda name: (-sizes[name], name)):
        smaller = min(halves, key=len)
        smaller.extend(families.index[families == family])
    return sorted(halves[0]), sorted(halves[1])


def _presence(results: pd.DataFrame) -> pd.DataFrame:
    """Return (fold, classifier) x sampler: whether there is a row."""
    wide = results.pivot(index=[*FOLD, "classifier"], columns="sampler", values="status")
    return wide.notna()


def _restrict(results: pd.DataFrame, present: pd.DataFrame) -> pd.DataFrame:
    """Keep the samplers that are columns, on the folds where all of them are present."""
    shared = present.index[present.all(axis=1)]
    keys = pd.MultiIndex.from_frame(results[list(present.index.names)])
    return results[keys.isin(shared) & results["sampler"].isin(present.columns)]


# --- scores and ranks ---------------------------------------------------------------------------


def block_scores(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return block x sampler: the metric, averaged over folds, higher being better."""
    index = [*FOLD, "classifier"]
    wide = results.pivot(index=index, columns="sampler", values=metric) * _sign(metric)
    failed = results.pivot(index=index, columns="sampler", values="status") == "failed"
    wide = wide.mask(failed, wide.min(axis=1) - WORSE_THAN_WORST, axis=0)
    wide = wide.dropna(how="all").dropna(axis=1)
    return wide.groupby(BLOCK).mean().round(9)


def block_ranks(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return block x sampler: the rank among the samplers, 1 being the best."""
    return block_scores(results, metric).rank(axis=1, ascending=False)


def main_ranks(results: pd.DataFrame) -> pd.DataFrame:
    """Return block x sampler: the rank, averaged over the five main metrics."""
    ranks = [block_ranks(results, metric) for metric in MAIN_METRICS]
    return pd.concat(ranks).groupby(BLOCK).mean()


def dataset_ranks(results: pd.DataFrame) -> pd.DataFrame:
    """Return data set x sampler: `main_ranks`, averaged over the classifiers."""
    return main_ranks(results).groupby("dataset").mean()


def mean_scores(results: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return sampler x metric: the mean over blocks, with losses as they are."""
    columns = {name: block_scores(results, name).mean() * _sign(name) for name in metrics}
    return pd.DataFrame(columns)


def mean_ranks(results: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Return sampler x metric: the mean rank over blocks."""
    return pd.DataFrame({name: block_ranks(results, name).mean() for name in metrics})


def costs(results: pd.DataFrame) -> pd.DataFrame:
    """Return for each sampler the failed folds, median and longest seconds, median megabytes."""
    folds = results.groupby([*FOLD, "sampler"]).agg(
        failed=("status", lambda column: (column == "failed").any()),
        seconds=("seconds", "first"),
        memory=("memory_mb", "first"),
    )
    measured = timed(folds.reset_index()).groupby("sampler")
    return pd.DataFrame(
        {
            "failed": folds.groupby("sampler")["failed"].sum(),
            "seconds": measured["seconds"].median(),
            "longest": measured["seconds"].max(),
            "megabytes": measured["memory"].median(),
        }
    )


def timed(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose seconds count: of the first draw of folds, which all tables have.

    Small tables have more draws, made at other hours: they would weigh more, and compare hours.
    """
    return results[results["seed"] == results["seed"].min()]


def _sign(metric: str) -> int:
    return -1 if metric.startswith(LOSSES) else 1


# --- tests --------------------------------------------------------------------------------------


def versus(
    results: pd.DataFrame, reference: str, metric: str, samplers: Sequence[str] | None = None
) -> pd.DataFrame:
    """Compare samplers, by default all, with one of them.

    Returns
    -------
    DataFrame with one row per sampler
        win_rate: share of blocks in which it is better, ties being half a win;
        difference: mean difference over blocks, positive where it is better;
        p_value: Wilcoxon's signed-rank test over data sets, each averaged over classifiers.
    """
    gains = _gains(results, reference, metric)
    if samplers is not None:  # exact tests of many samplers take minutes
        gains = gains[list(samplers)]
    wins = (gains > 0).mean() + (gains == 0).mean() / 2
    by_dataset = gains.groupby("dataset").mean()
    p_values = by_dataset.apply(wilcoxon_p)
    return pd.DataFrame({"win_rate": wins, "difference": gains.mean(), "p_value": p_values})


def versus_by_dataset(results: pd.DataFrame, reference: str, metric: str) -> pd.DataFrame:
    """Return data set x sampler: how much better than the reference, over the classifiers."""
    return _gains(results, reference, metric).groupby("dataset").mean()


def _gains(results: pd.DataFrame, reference: str, metric: str) -> pd.DataFrame:
    scores = block_scores(results, metric)
    return scores.drop(columns=reference).sub(scores[reference], axis=0)


def wilcoxon_p(gains: pd.Series) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; 1 if nothing differs.

    It counts how all signs would come out, ties and all. Where gains are tied, as ranks are, scipy
    approximates by a normal distribution, and of 15 data sets no difference could then be beyond
    chance after a correction for a hundred pairs.

    Examples
    --------
    >>> wilcoxon_p(pd.Series([1.0, 1.0, 1.0, 2.0, 2.0, 0.0]))  # 2 of the 32 ways
    0.0625
    """
    gains = gains.round(9)
    gains = gains[gains != 0]
    doubled = (2 * stats.rankdata(gains.abs())).round().astype(int)  # ranks of ties are halves
    ways = np.ones(1)
    for rank in doubled:  # ways in which the ranks of gains add up to 0, 1, 2, ...
        ways = np.append(ways, np.zeros(rank)) + np.append(np.zeros(rank), ways)
    total = int(doubled[gains.to_numpy() > 0].sum())
    fewer = min(ways[: total + 1].sum(), ways[total:].sum())
    return float(min(1.0, 2 * fewer / ways.sum()))


def friedman_p(ranks: pd.DataFrame) -> float:
    """Return the p of Friedman's test that all samplers are alike; NaN with fewer than three."""
    if ranks.shape[1] < 3 or len(ranks) < 2:
        return float("nan")
    return float(stats.friedmanchisquare(*ranks.to_numpy().T).pvalue)


def nemenyi_distance(n_samplers: int, n_datasets: int, alpha: float = 0.05) -> float:
    """Return the critical difference of mean ranks (Demsar, 2006).

    Examples
    --------
    >>> round(nemenyi_distance(5, 30), 2)
    1.11
    """
    quantile = stats.studentized_range.ppf(1 - alpha, n_samplers, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_samplers * (n_samplers + 1) / (6 * n_datasets)))


def alike_pairs(ranks: pd.DataFrame, alpha: float = 0.05) -> set[frozenset[str]]:
    """Return the pairs that Wilcoxon's test with Holm's correction can't tell apart."""
    pairs = list(combinations(ranks.columns, 2))
    p_values = np.array([wilcoxon_p(ranks[a] - ranks[b]) for a, b in pairs])
    order = np.argsort(p_values, kind="stable")
    limits = alpha / np.arange(len(pairs), 0, -1)
    kept = np.flatnonzero(p_values[order] > limits)
    first = kept[0] if len(kept) else len(pairs)
    return {frozenset(pairs[index]) for index in order[first:]}


def alike_groups(ranks: pd.DataFrame, alpha: float = 0.05) -> list[list[str]]:
    """Return the longest runs of samplers, in the order of their ranks, that are alike."""
    order = list(ranks.mean().sort_values(kind="stable").index)
    alike = alike_pairs(ranks, alpha)
    groups: list[list[str]] = []
    for start in range(len(order)):
        stop = start + 1
        while stop < len(order) and all(
            frozenset((name, order[stop])) in alike for name in order[start:stop]
        ):
            stop += 1
        group = order[start:stop]
        if len(group) > 1 and not any(set(group) <= set(other) for other in groups):
            groups.append(group)
    return groups
