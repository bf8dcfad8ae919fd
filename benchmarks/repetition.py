"""Is a sampler ever worse than repeating rows, and does it say so?

    python -m benchmarks.repetition --data ../shared/data --out benchmarks/results/repetition.csv

Each table is halved twice; ganaug and plain repetition (RandomOverSampler) balance one half, and
three classifiers trained on each are scored on the other. Beside the default there are settings
that spoil a generator: a run is *silently worse* if it loses more than `LOSS` to repetition, on
average over classifiers, four scores and both halves, and no fit said so by a `ConvergenceWarning`.
*Covered* is the share of held-out rows of the smallest class that have a generated row among their
5 nearest ones, beside that of as many repeated rows; *far* is the largest of the energy distances
that the trainings ended at. A run that was stopped goes on.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from imblearn.over_sampling import RandomOverSampler
from sklearn.exceptions import ConvergenceWarning

from benchmarks.classifiers import predict_all
from benchmarks.command import new_parser
from benchmarks.data import Dataset, Fold, dataset_names, load_dataset, split
from benchmarks.methods import Resampled
from benchmarks.metrics import main_scores
from benchmarks.spaces import NumericSpace
from ganaug import GANSampler
from ganaug._gan.quality import coverage

N_HALVES = 2
MIN_CLASS_ROWS = 6
LOSS = 0.02
CLASSIFIERS = ("logistic_regression", "knn", "decision_tree")
SCORES = ("roc_auc", "average_precision", "balanced_accuracy", "f1")
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "1 step": {"n_steps": 1},
    "20 steps": {"n_steps": 20},
    "learning rate 0.2": {"learning_rate": 0.2},
    "learning rate 0.9": {"learning_rate": 0.9},
    "no penalty, learning rate 0.05": {"gradient_penalty": 0.0, "learning_rate": 0.05},
    "penalty 1000": {"gradient_penalty": 1000.0},
    "no anchors": {"anchored_share": 0.0},
    "no anchors, 1 step": {"anchored_share": 0.0, "n_steps": 1},
    "no anchors, learning rate 0.2": {"anchored_share": 0.0, "learning_rate": 0.2},
    "10000 neighbours": {"n_neighbors": 10_000},
}


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("repetition", __doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--datasets", nargs="*")
    parser.add_argument("--max-rows", type=int, default=1500)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    rows: list[dict[Any, Any]] = []
    if args.out.exists():
        rows = pd.read_csv(args.out).to_dict("records")
    done = {(row["dataset"], row["half"]) for row in rows}
    for name in args.datasets or dataset_names(args.data):
        for half in range(N_HALVES):
            if (name, half) not in done:
                dataset = load_dataset(args.data, name, args.max_rows)
                rows += [{"dataset": name, "half": half, **row} for row in measure(dataset, half)]
                pd.DataFrame(rows).to_csv(args.out, index=False, float_format="%.4g")
    print(summary(pd.DataFrame(rows)))
    return 0


def measure(dataset: Dataset, half: int) -> list[dict[str, Any]]:
    """Return the figures of each setting on one half; none if its smallest class is too small."""
    held_out_rows, train_rows = split(dataset, 0, half, N_HALVES)
    train, held_out = dataset.take(train_rows), dataset.take(held_out_rows)
    label = dataset.n_classes - 1
    if min((part.y == label).sum() for part in (train, held_out)) < MIN_CLASS_ROWS:
        return []
    repeated = Resampled(*RandomOverSampler(random_state=half).fit_resample(train.X, train.y))
    expected = _scores(repeated, held_out)
    out = []
    for name, parameters in SETTINGS.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            sampler = GANSampler(random_state=half, **parameters)
            generated = Resampled(*sampler.fit_resample(train.X, train.y))
        warned = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
        found = _scores(generated, held_out)
        made = sampler.sample(int((train.y == label).sum()), y=label)[0]
        out.append(
            {
                "setting": name,
                "minority": len(made),
                "warned": warned,
                "distance": sampler.history_["quality"].min(),
                "covered": _covered(train, held_out.X[held_out.y == label], made),
                "covered_by_repeated": _covered(
                    train, held_out.X[held_out.y == label], train.X[train.y == label]
                ),
                **{score: found[score] - expected[score] for score in SCORES},
            }
        )
    return out


def summary(table: pd.DataFrame) -> str:
    """Return one line for each setting, and how many runs were silently worse."""
    table = table.assign(gain=table[list(SCORES)].mean(axis=1))
    runs = table.groupby(["setting", "dataset"], sort=False).agg(
        gain=("gain", "mean"),
        warned=("warned", "any"),
        distance=("distance", "max"),
        covered=("covered", "mean"),
        repeated=("covered_by_repeated", "mean"),
    )
    runs["worse"] = runs["gain"] < -LOSS
    runs["silent"] = runs["worse"] & ~runs["warned"]
    lines = [f"{'setting':32} tables warned   far  gain covered repeated worse silently"]
    for name in table["setting"].unique():
        part = runs.loc[name]
        lines.append(
            f"{name:32} {len(part):6} {part['warned'].sum():6} {part['distance'].max():5.2f} "
            f"{part['gain'].mean():+.3f} {part['covered'].mean():7.2f} "
            f"{part['repeated'].mean():8.2f} {part['worse'].sum():5} {part['silent'].sum():8}"
        )
    for run, gain in runs.loc[runs["silent"], "gain"].items():
        lines.append(f"silently worse: {run}, {gain:+.3f}")
    return "\n".join(lines)


def _scores(resampled: Resampled, held_out: Fold) -> dict[str, float]:
    """Return the mean scores of the classifiers that are trained on resampled rows."""
    n_classes = int(held_out.y.max()) + 1
    predictions = predict_all(resampled, held_out.X, n_classes, CLASSIFIERS, lambda name: 0)
    found = [
        main_scores(held_out.y, prediction.proba)
        for prediction in predictions.values()
        if prediction.proba is not None
    ]
    return {score: float(np.mean([scores[score] for scores in found])) for score in SCORES}


def _covered(train: Fold, held_out: pd.DataFrame, made: pd.DataFrame) -> float:
    space = NumericSpace.fit(train, one_hot=True)
    real, rows = (torch.from_numpy(space.encode(part)) for part in (held_out, made))
    return float(coverage(rows, real, torch.ones(len(real), dtype=real.dtype)))


if __name__ == "__main__":
    sys.exit(main())
