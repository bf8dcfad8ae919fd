"""Turn results into Markdown tables: ``python -m benchmarks.report results.csv``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks import ranking
from benchmarks.diagram import draw_ranks
from benchmarks.goals import OURS, SLOW_REFERENCES, oversampling_goals
from benchmarks.markdown import Cells, fill_in, goals_table, section, table
from benchmarks.methods import METHODS, label_of, split_names
from benchmarks.metrics import ALL_METRICS, MAIN_METRICS

REFERENCES = ("none", "svm_smote", "prowsyn")
EXTRA_METRICS = tuple(name for name in ALL_METRICS if name not in MAIN_METRICS)
SHORT = {
    "roc_auc": "AUC",
    "average_precision": "AP",
    "balanced_accuracy": "bal. acc.",
    "f1": "F1",
    "g_mean": "G-mean",
    "f1_tuned": "F1 tuned",
    "balanced_accuracy_tuned": "bal. acc. tuned",
    "log_loss": "log loss",
    "brier": "Brier",
    "log_loss_corrected": "log loss corrected",
    "brier_corrected": "Brier corrected",
}


def write(
    path: Path,
    output: Path | None = None,
    *,
    samplers: Sequence[str] | None = None,
    split_half: bool = False,
) -> list[Path]:
    """Write the tables and the diagram of a file of results beside it.

    Parameters
    ----------
    path : Path
        The CSV file.
    output : Path or None, default=None
        The Markdown file, by default beside the CSV file; the diagram goes with it.
    samplers : sequence of str or None, default=None
        The samplers to rank; by default all in the file.
    split_half : bool, default=False
        Whether to add the ranks on each half of the data sets.

    Returns
    -------
    list of Path
        What was written.
    """
    output = output or path.with_suffix(".md")
    picture = output.with_name(f"{output.stem}-ranks.png")
    results = ranking.read_results(path)
    if samplers is not None:
        results = results[results["sampler"].isin(samplers)]
    field = ranking.main_field(results)
    if field.empty:
        raise ValueError(f"{path} has no fold on which these samplers can be compared")
    written = [output]
    text = render(results, split_half=split_half)
    if field["sampler"].nunique() > 1 and _draw(_without_ceiling(field), picture):
        text += f"\n## Critical differences\n\n![Mean ranks]({picture.name})\n"
        written.append(picture)
    output.write_text(text, encoding="utf-8")
    return written


def short_table(results: pd.DataFrame) -> str:
    """Return the table that a README has room for: mean ranks and means, without ceiling sets."""
    field = ranking.main_field(results)
    shown = _without_ceiling(field)
    main = ranking.main_ranks(shown).mean().sort_values()
    means, costs = ranking.mean_scores(shown, MAIN_METRICS), ranking.costs(field)
    header = ["sampler", "mean rank", *(SHORT[name] for name in MAIN_METRICS), "s"]
    rows = [
        [
            _label(name),
            f"{main[name]:.2f}",
            *(f"{value:.3f}" for value in _row(means, name)),
            f"{_row(costs, name)['seconds']:.2f}",
        ]
        for name in main.index
    ]
    return table(header, rows)


def render(results: pd.DataFrame, *, split_half: bool = False) -> str:
    """Return the Markdown text of all tables."""
    field = ranking.main_field(results)
    ceiling = ranking.ceiling_sets(field)
    shown = _without_ceiling(field)
    samplers = set(shown["sampler"])
    parts = [_heading(field, ceiling), _overall(shown, field), _extra(shown)]
    if OURS in samplers:
        parts.append(goals_table(oversampling_goals(results)))
    references = [*REFERENCES, *([OURS] if _has_variants(samplers) else [])]
    parts += [_versus(shown, name) for name in references if name in samplers]
    parts += [_per_classifier(shown), _per_kind(shown)]
    if OURS in samplers:
        parts += [_ours_by_group(shown, name) for name in REFERENCES if name in samplers]
    if ceiling:
        parts.append(_ceiling(field[field["dataset"].isin(ceiling)]))
    slow = ranking.slow_field(results)
    if len(slow):
        parts.append(_slow(slow))
        parts += [_versus(slow, name) for name in SLOW_REFERENCES if name in set(slow["sampler"])]
    if OURS in set(field["sampler"]):
        parts.append(_by_dataset(field))
    if split_half:
        parts.append(_split_half(field))
    parts.append(_origins(results))
    return "\n".join(parts)


def _has_variants(samplers: set[str]) -> bool:
    return any(name.startswith(f"{OURS}:") for name in samplers)


def _without_ceiling(field: pd.DataFrame) -> pd.DataFrame:
    """Return the data sets on which samplers can differ (all, if there are no others)."""
    rest = field[~field["dataset"].isin(ranking.ceiling_sets(field))]
    return field if rest.empty else rest


# --- sections -----------------------------------------------------------------------------------


def _heading(field: pd.DataFrame, ceiling: list[str]) -> str:
    folds = field[ranking.FOLD].drop_duplicates()
    sets = folds.groupby("dataset").size()
    lines = [
        "# Over-sampling on real tables",
        "",
        f"{len(sets)} data sets, {len(folds)} test folds, "
        f"{field['classifier'].nunique()} classifiers, {field['sampler'].nunique()} samplers. "
        "Ranks (1 is best) are taken within each data set and classifier after averaging over "
        "folds; the mean rank is that over ROC AUC, average precision (AP), balanced accuracy, "
        "F1 and G-mean. A sampler that fails on a fold counts as the worst there.",
    ]
    if field["seed"].nunique() > 1:
        lines[-1] += (
            " Small tables have several draws of the folds; seconds and megabytes are those of "
            "the first one."
        )
    limit = int(field["max_rows"].max())
    if limit:
        lines[-1] += f" Larger tables were cut to {limit} rows."
    if ceiling:
        lines += ["", f"Ceiling sets, apart below and not in the diagram: {', '.join(ceiling)}."]
    return "\n".join([*lines, ""])


def _overall(shown: pd.DataFrame, field: pd.DataFrame) -> str:
    main = ranking.main_ranks(shown).mean().sort_values()
    with_ceiling = ranking.main_ranks(field).mean()
    ranks = ranking.mean_ranks(shown, MAIN_METRICS)
    means = ranking.mean_scores(shown, MAIN_METRICS)
    costs = ranking.costs(field)
    names = [SHORT[name] for name in MAIN_METRICS]
    apart = field["dataset"].nunique() > shown["dataset"].nunique()
    header = ["sampler", "mean rank", *(["with ceiling sets"] if apart else [])]
    header += [*(f"{name} rank" for name in names), *names]
    rows = [
        [
            _label(name),
            f"**{main[name]:.2f}**",
            *([f"{with_ceiling[name]:.2f}"] if apart else []),
            *(f"{value:.2f}" for value in _row(ranks, name)),
            *(f"{value:.3f}" for value in _row(means, name)),
            *_cost_cells(_row(costs, name)),
        ]
        for name in main.index
    ]
    return section("Ranks and means", [*header, "failed folds", "s", "max s", "MB"], rows)


def _extra(shown: pd.DataFrame) -> str:
    available = [name for name in EXTRA_METRICS if shown[name].notna().any()]
    ranks = ranking.mean_ranks(shown, available)
    means = ranking.mean_scores(shown, available)
    header = ["sampler", *(SHORT[name] for name in available)]
    rows = [
        [_label(name), *map(_value_and_rank, _row(means, name), _row(ranks, name))]
        for name in _by_main_rank(shown)
        if name in means.index
    ]
    note = "Mean (mean rank). Corrected: after prior correction (Saerens, Elkan)."
    return section("Tuned decisions and calibration", header, rows, note)


def _versus(shown: pd.DataFrame, reference: str) -> str:
    tables = {name: ranking.versus(shown, reference, name) for name in MAIN_METRICS}
    header = ["sampler", *(SHORT[name] for name in MAIN_METRICS)]
    rows = [
        [_label(name), *(_comparison(_row(table, name)) for table in tables.values())]
        for name in _by_main_rank(shown)
        if name != reference
    ]
    note = (
        "Win rate over (data set, classifier), mean difference, "
        f"Wilcoxon p over {shown['dataset'].nunique()} data sets."
    )
    return section(f"Against {label_of(reference)}", header, rows, note)


def _per_classifier(shown: pd.DataFrame) -> str:
    ranks = ranking.main_ranks(shown).groupby("classifier").mean().T
    present = [name for name in shown["classifier"].unique() if name in ranks.columns]
    header = ["sampler", *(name.replace("_", " ") for name in present)]
    return section("Mean rank by classifier", header, _rank_rows(shown, ranks[present]))


def _per_kind(shown: pd.DataFrame) -> str:
    by_dataset = ranking.dataset_ranks(shown)
    kinds = ranking.kinds_of_tables(shown)
    ranks = pd.DataFrame({name: by_dataset.loc[sets].mean() for name, sets in kinds.items()})
    header = ["sampler", *(f"{name} ({len(sets)})" for name, sets in kinds.items())]
    note = "\n".join(f"- {name}: {', '.join(sets)}" for name, sets in kinds.items())
    return section("Mean rank by kind of table", header, _rank_rows(shown, ranks), note)


def _ours_by_group(shown: pd.DataFrame, reference: str) -> str:
    """Compare ganaug with a reference for each classifier and each kind of table."""
    groups = {
        name.replace("_", " "): shown[shown["classifier"] == name]
        for name in shown["classifier"].unique()
    }
    for name, sets in ranking.kinds_of_tables(shown).items():
        groups[f"{name} ({len(sets)})"] = shown[shown["dataset"].isin(sets)]
    rows = [
        [
            name,
            *(
                _comparison(_row(ranking.versus(part, reference, metric, [OURS]), OURS))
                for metric in MAIN_METRICS
            ),
        ]
        for name, part in groups.items()
    ]
    header = ["classifier or kind of table", *(SHORT[name] for name in MAIN_METRICS)]
    note = "Win rate, mean difference and Wilcoxon p of ganaug, as above."
    title = f"ganaug against {label_of(reference)}, by classifier and kind of table"
    return section(title, header, rows, note)


def _ceiling(field: pd.DataFrame) -> str:
    ranks = ranking.main_ranks(field).mean()
    means = ranking.mean_scores(field, MAIN_METRICS)
    header = ["sampler", "mean rank", *(SHORT[name] for name in MAIN_METRICS)]
    rows = [
        [_label(name), f"{ranks[name]:.2f}", *(f"{value:.3f}" for value in _row(means, name))]
        for name in _by_main_rank(field)
    ]
    return section(f"Ceiling sets ({field['dataset'].nunique()})", header, rows)


def _slow(slow: pd.DataFrame) -> str:
    ranks = ranking.main_ranks(slow).mean()
    means = ranking.mean_scores(slow, MAIN_METRICS)
    costs = ranking.costs(slow)
    header = ["sampler", "mean rank", *(SHORT[name] for name in MAIN_METRICS)]
    rows = [
        [
            _label(name),
            f"**{ranks[name]:.2f}**",
            *(f"{value:.3f}" for value in _row(means, name)),
            *_cost_cells(_row(costs, name)),
        ]
        for name in _by_main_rank(slow)
    ]
    n_folds = len(slow[ranking.FOLD].drop_duplicates())
    note = f"All samplers on the {n_folds} test folds of {slow['dataset'].nunique()} data sets."
    title = "With the slow peers, on the folds they ran on"
    return section(title, [*header, "failed folds", "s", "max s", "MB"], rows, note)


def _by_dataset(field: pd.DataFrame) -> str:
    """Show where ganaug stands on each table, and against nothing and plain repeats."""
    ranks = ranking.dataset_ranks(field)
    others = ranks.drop(columns=OURS)
    scores = {
        (metric, other): ranking.versus_by_dataset(field, other, metric)[OURS]
        for metric, other in (("average_precision", "none"), ("balanced_accuracy", "ros"))
        if other in ranks.columns
    }
    header = ["data set", "ganaug", "best other", "its rank"]
    header += [f"{SHORT[metric]} minus {label_of(other)}" for metric, other in scores]
    rows = [
        [
            name,
            f"{ranks[OURS][name]:.2f}",
            *(
                (label_of(str(others.loc[name].idxmin())), f"{others.loc[name].min():.2f}")
                if others.shape[1]
                else ("", "")
            ),
            *(f"{gains[name]:+.3f}" for gains in scores.values()),
        ]
        for name in map(str, ranks.index)
    ]
    return section("By data set", header, rows, "Mean ranks over classifiers and metrics.")


def _split_half(field: pd.DataFrame) -> str:
    halves = [half for half in ranking.halves_by_family(field) if half]
    ranks = pd.DataFrame(
        {
            letter: ranking.main_ranks(field[field["dataset"].isin(half)]).mean()
            for letter, half in zip("AB", halves, strict=False)
        }
    )
    header = ["sampler", *(f"half {letter}" for letter in ranks.columns)]
    lines = []
    for letter, half in zip("AB", halves, strict=False):
        families = field[field["dataset"].isin(half)]["family"].unique()
        lines.append(f"- half {letter} ({', '.join(sorted(families))}): {', '.join(half)}")
    if len(halves) == 2:
        lines += [_chosen_on(ranks, "A", "B"), _chosen_on(ranks, "B", "A")]
    title = "Split half: does the choice carry over?"
    return section(title, header, _rank_rows(field, ranks), "\n".join(lines))


def _chosen_on(ranks: pd.DataFrame, chosen: str, other: str) -> str:
    best = str(ranks[chosen].idxmin())
    place = ranks[other].rank(method="min")[best]
    return (
        f"- chosen on half {chosen}: {label_of(best)}, there {ranks[chosen][best]:.2f}; "
        f"on half {other} {ranks[other][best]:.2f}, place {place:.0f} of {len(ranks)}"
    )


def _origins(results: pd.DataFrame) -> str:
    versions = results.groupby("sampler")["package"].last()
    rows = [
        [label_of(name), versions[name], METHODS[name.partition(":")[0]].space]
        for name in versions.index
        if name.partition(":")[0] in METHODS
    ]
    return section("Samplers", ["sampler", "package", "runs on"], rows, align="---")


def _draw(field: pd.DataFrame, picture: Path) -> bool:
    try:
        draw_ranks(ranking.dataset_ranks(field), picture)
    except ModuleNotFoundError as error:
        print(f"no diagram: {error}", file=sys.stderr)
        return False
    return True


# --- cells --------------------------------------------------------------------------------------


def _by_main_rank(shown: pd.DataFrame) -> list[str]:
    return [str(name) for name in ranking.main_ranks(shown).mean().sort_values().index]


def _rank_rows(shown: pd.DataFrame, ranks: pd.DataFrame) -> Cells:
    best = ranks.min()

    def cell(value: float, top: float) -> str:
        return f"**{value:.2f}**" if value == top else f"{value:.2f}"

    return [[_label(name), *map(cell, _row(ranks, name), best)] for name in _by_main_rank(shown)]


def _row(frame: pd.DataFrame, name: str) -> pd.Series:
    return frame.T[name]


def _label(name: str) -> str:
    return f"**{label_of(name)}**" if name == OURS else label_of(name)


def _value_and_rank(value: float, rank: float) -> str:
    return f"{value:.3f} ({rank:.2f})"


def _comparison(row: pd.Series) -> str:
    p_value = "p<.001" if row["p_value"] < 0.001 else f"p={row['p_value']:.3f}".replace("0.", ".")
    return f"{row['win_rate']:.0%} {row['difference']:+.3f} {p_value}"


def _cost_cells(row: pd.Series) -> list[str]:
    return [
        f"{row['failed']:.0f}",
        f"{row['seconds']:.2f}",
        f"{row['longest']:.1f}",
        f"{row['megabytes']:.0f}",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("results", type=Path, help="CSV file of benchmarks.oversampling")
    parser.add_argument("-o", "--output", type=Path, help="Markdown file (default: beside it)")
    parser.add_argument(
        "--split-half",
        action="store_true",
        help="add ranks on each half of the data sets, split by the family of their source",
    )
    parser.add_argument("--samplers", type=split_names, help="rank only these, e.g. no variants")
    parser.add_argument(
        "--readme", type=Path, help="page whose short table is to be filled in, too"
    )
    args = parser.parse_args(argv)
    try:
        written = write(
            args.results, args.output, samplers=args.samplers, split_half=args.split_half
        )
        if args.readme:
            fill_in(args.readme, args.results.stem, short_table(ranking.read_results(args.results)))
            written.append(args.readme)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(*written, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
