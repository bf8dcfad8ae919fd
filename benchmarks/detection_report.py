"""Tables and pictures of a comparison of detectors: ``python -m benchmarks.detection_report``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.anomalies import PROTOCOLS, TABLE_PREFIX
from benchmarks.command import exit_status, new_parser
from benchmarks.detectors import label_of
from benchmarks.diagram import draw_ranks
from benchmarks.goals import Goal
from benchmarks.markdown import goals_table, section
from benchmarks.ranking import wilcoxon_p

OURS, REFERENCE = "ganaug", "knn"
# Without these beside it a rank says nothing.
OTHER_PEERS = ("iforest", "lof")
METRICS = {"roc_auc": "ROC AUC", "average_precision": "AP", "precision_at_n": "P@n"}
KEY = ["dataset", "seed"]
NEARLY_ALL = 0.8
N_HALVINGS = 1000
SEMI_AUC_GAIN, SEMI_AP_GAIN, UNSUPERVISED_AUC = 1.5, 3.0, 82.0


def write(path: Path) -> list[Path]:
    """Write the tables of a file of results, and a picture for each protocol, beside it."""
    results = read(path)
    written = [path.with_suffix(".md")]
    parts = [_heading(results)]
    is_adbench = not results["dataset"].str.startswith(TABLE_PREFIX).any()
    if is_adbench and {OURS, REFERENCE, *OTHER_PEERS} <= set(results["detector"]):
        parts.append(goals_table(goals(results)))
    for protocol in PROTOCOLS:
        rows = results[results["protocol"] == protocol]
        if rows.empty:
            continue
        fast, *slower = fields(rows)
        parts.append(_overall(fast, protocol, rows))
        for field in slower:
            parts.append(_overall(field, f"{protocol}, with slower ones", rows))
        parts.append(_by_dataset(fast, protocol))
        if sum(map(is_ours, fast["detector"].unique())) > 2:
            parts.append(_chosen_on_halves(fast, protocol))
        picture = path.with_name(f"{path.stem}-{protocol}-ranks.png")
        ranks = dataset_ranks(fast)
        if min(ranks.shape) > 1:
            draw_ranks(ranks.rename(columns=label_of), picture)
            parts.append(f"![Mean ranks, {protocol}]({picture.name})\n")
            written.append(picture)
    written[0].write_text("\n".join(parts), encoding="utf-8")
    return written


def read(path: Path) -> pd.DataFrame:
    """Read a file of results; metrics in percent, the last of several rows for a cell."""
    results = pd.read_csv(path, na_values=[""], keep_default_na=False)
    results = results.drop_duplicates(["protocol", *KEY, "detector"], keep="last")
    results[list(METRICS)] = 100 * results[list(METRICS)].astype(float)
    return results


def fields(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Return rows that can be compared: detectors of nearly all cells, on the cells they share.

    Each further table has also the detectors that were tried on the next most cells, down to all
    detectors on the cells that all of them tried. A detector that failed has the worst score.
    """
    tried = rows.assign(there=1).pivot_table(index=KEY, columns="detector", values="there")
    counts = tried.notna().sum()
    found, rest = [], counts
    while len(rest):
        least = NEARLY_ALL * rest.max()
        found.append(_shared(rows, tried[counts.index[counts >= least]]))
        rest = rest[rest < least]
    return found


def _shared(rows: pd.DataFrame, tried: pd.DataFrame) -> pd.DataFrame:
    cells = tried.dropna().index
    kept = rows[rows["detector"].isin(tried.columns)].set_index(KEY)
    kept = kept[kept.index.isin(cells)].reset_index()
    for metric in METRICS:
        worst = kept.groupby(KEY)[metric].transform("min")
        kept[metric] = kept[metric].fillna(worst)
    return kept


def mean_scores(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return data set x detector: means over seeds."""
    return rows.pivot_table(index="dataset", columns="detector", values=metric)


def dataset_ranks(rows: pd.DataFrame) -> pd.DataFrame:
    """Return data set x detector: ranks (1 is best), averaged over ROC AUC and AP."""
    ranks = [
        mean_scores(rows, metric).rank(axis=1, ascending=False)
        for metric in ("roc_auc", "average_precision")
    ]
    return (ranks[0] + ranks[1]) / 2


def goals(results: pd.DataFrame) -> list[Goal]:
    """Return what was aimed at, and what was measured; variants of ganaug don't compete."""
    results = results[~results["detector"].str.startswith(f"{OURS}:")]
    found = []
    for protocol in PROTOCOLS:
        rows, *_ = fields(results[results["protocol"] == protocol])
        if OURS not in set(rows["detector"]) or REFERENCE not in set(rows["detector"]):
            continue
        auc, ap = (mean_scores(rows, name).mean() for name in ("roc_auc", "average_precision"))
        ranks = dataset_ranks(rows).mean()
        if protocol == "semi":
            for means, name, aim in ((auc, "ROC AUC", SEMI_AUC_GAIN), (ap, "AP", SEMI_AP_GAIN)):
                gain = means[OURS] - means[REFERENCE]
                figure = f"{means[OURS]:.2f}, kNN {means[REFERENCE]:.2f} ({gain:+.2f})"
                found.append(Goal(f"semi: mean {name} at least kNN + {aim}", figure, gain >= aim))
        else:
            best = auc.drop(OURS).max()
            figure = f"{auc[OURS]:.2f}, the best other {best:.2f}"
            met = auc[OURS] >= UNSUPERVISED_AUC and auc[OURS] > best
            found.append(
                Goal(f"unsupervised: mean ROC AUC {UNSUPERVISED_AUC:g}, above all", figure, met)
            )
        first = str(ranks.idxmin())
        figure = f"{ranks[OURS]:.2f}; first is {label_of(first)}, {ranks.min():.2f}"
        found.append(Goal(f"{protocol}: mean rank first", figure, first == OURS))
    return found


def _heading(results: pd.DataFrame) -> str:
    return (
        "# Detection of anomalies\n\n"
        f"{results['dataset'].nunique()} data sets, {results['detector'].nunique()} detectors. "
        f"At most {results['max_rows'].max()} training rows (0: all), 5000 normal test rows and "
        "2500 anomalies. Means are over data sets, after averaging over seeds; ranks (1 is best) "
        "are taken within each data set and averaged over ROC AUC and average precision (AP). "
        "A detector that failed counts as the worst. Figures in percent, times in seconds "
        "(median), on one thread of a busy machine.\n"
    )


def _overall(rows: pd.DataFrame, title: str, everything: pd.DataFrame) -> str:
    means = {metric: mean_scores(rows, metric).mean() for metric in METRICS}
    ranks = dataset_ranks(rows).mean().sort_values()
    failed = (rows["status"] == "failed").groupby(rows["detector"]).sum()
    times = rows.groupby("detector")[["fit_seconds", "score_seconds"]].median()
    auc = mean_scores(rows, "roc_auc")
    table = []
    for name in ranks.index:
        against = (
            "" if name == OURS or OURS not in auc else f"{wilcoxon_p(auc[OURS] - auc[name]):.3f}"
        )
        table.append(
            [
                label_of(str(name)),
                f"{ranks[name]:.2f}",
                *(f"{means[metric][name]:.2f}" for metric in METRICS),
                f"{times.loc[name, 'fit_seconds']:.2f}",
                f"{times.loc[name, 'score_seconds']:.2f}",
                int(failed[name]),
                against,
            ]
        )
    cells = rows[KEY].drop_duplicates()
    note = (
        f"{cells['dataset'].nunique()} data sets, {len(cells)} cells. p: Wilcoxon's signed-rank "
        "test of ROC AUC against ganaug over data sets."
    )
    header = ["detector", "mean rank", *METRICS.values(), "fit s", "score s", "failed", "p"]
    return section(title, header, table, note)


def _by_dataset(rows: pd.DataFrame, title: str) -> str:
    auc = mean_scores(rows, "roc_auc")
    order = auc.mean().sort_values(ascending=False).index
    table = [[name, *(f"{auc.loc[name, d]:.1f}" for d in order)] for name in auc.index]
    means = ["**mean**", *(f"{auc[d].mean():.2f}" for d in order)]
    header = ["ROC AUC", *(label_of(str(d)) for d in order)]
    return section(f"{title}: each data set", header, [*table, means])


def is_ours(detector: str) -> bool:
    """Tell ganaug and its variants from others."""
    return detector == OURS or detector.startswith(f"{OURS}:")


def choose_on_halves(scores: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Choose a variant on a random half of the data sets and look at the other, many times.

    Parameters
    ----------
    scores : DataFrame
        Data set x variant; one of them is the default.

    Returns
    -------
    DataFrame of shape (n_halvings, 3)
        Which variant was ``chosen``, and on the other half what it ``gained`` on the default and
        what was ``missed`` in comparison to the variant that is best there.
    """
    random = np.random.default_rng(seed)
    values, default = scores.to_numpy(), scores.columns.get_loc(OURS)
    rows = []
    for _ in range(N_HALVINGS):
        order = random.permutation(len(values))
        half, other = np.split(order, [len(order) // 2])
        chosen = int(values[half].mean(axis=0).argmax())
        found = values[other].mean(axis=0)
        rows.append(
            (scores.columns[chosen], found[chosen] - found[default], found.max() - found[default])
        )
    return pd.DataFrame(rows, columns=["chosen", "gained", "missed"])


def _chosen_on_halves(rows: pd.DataFrame, title: str) -> str:
    ours = rows[[is_ours(name) for name in rows["detector"]]]
    table = []
    for metric, label in METRICS.items():
        halvings = choose_on_halves(mean_scores(ours, metric))
        often = halvings["chosen"].value_counts()
        table.append(
            [
                label,
                f"{label_of(str(often.index[0]))} ({often.iloc[0] / len(halvings):.0%})",
                f"{halvings['gained'].mean():+.2f} ({halvings['gained'].quantile(0.1):+.2f} to "
                f"{halvings['gained'].quantile(0.9):+.2f})",
                f"{halvings['missed'].mean():.2f}",
            ]
        )
    header = ["by", "chosen most often", "gain of the choice, other half", "missed by the default"]
    note = (
        f"{N_HALVINGS} times, the best variant on a random half of the data sets is compared with "
        "the default on the other half: points gained by choosing so (10% to 90%), and points "
        "between the default and what turns out to be best there."
    )
    return section(f"{title}: chosen on half of the data sets", header, table, note)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = new_parser("detection_report", "Turn results into Markdown tables and pictures.")
    parser.add_argument("results", type=Path, nargs="+", help="CSV files of benchmarks.detection")
    args = parser.parse_args(argv)
    return exit_status(lambda: print(*(p for path in args.results for p in write(path)), sep="\n"))


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
