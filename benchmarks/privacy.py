"""What a sampler gives away about its training rows, measured against rows it has never seen.

    python -m benchmarks.privacy --data ../shared/data --max-rows 2000 \\
        --out benchmarks/results/privacy.csv

Each table is halved twice; the sampler learns one half, and the smallest class of the other is held
out. Of that class:

- *closeness*: the median distance from a generated row to the nearest training row, divided by that
  of held-out rows. 1 is as far as a real row of the same source, 0 a copy.
- *copies*: the share of generated rows that equal a training row in every column, and the same of
  held-out rows: where columns are discrete, equal rows are chance.
- *score attack*: ROC AUC of telling training from held-out rows by `score_samples`; 0.5 tells
  nothing.
- *distance attack*: the same by the distance to the nearest of as many generated rows (the attack
  without a model of Chen et al. 2020, "GAN-Leaks").
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score

from benchmarks.command import new_parser
from benchmarks.data import Fold, dataset_names, load_dataset, split
from benchmarks.likeness import Comparison
from benchmarks.spaces import NumericSpace
from ganaug import GANSampler

N_HALVES = 2
MIN_CLASS_ROWS = 20
COLUMNS = ("closeness", "copies", "copies_real", "score_attack", "distance_attack")


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("privacy", __doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--datasets", nargs="*")
    parser.add_argument("--max-rows", type=int, default=2000)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    rows: list[dict[str, Any]] = []
    for name in args.datasets or dataset_names(args.data):
        for half in range(N_HALVES):
            if (figures := measure(args.data, name, half, args.max_rows)) is not None:
                rows.append({"dataset": name, "half": half, **figures})
        if rows:
            pd.DataFrame(rows).to_csv(args.out, index=False, float_format="%.4g")
    if not rows:
        parser.error(
            f"no table has two halves with {MIN_CLASS_ROWS} rows of its smallest class each"
        )
    table = pd.DataFrame(rows)
    print(f"{table['dataset'].nunique()} tables, {len(table)} halves; median (10% to 90%)")
    for column in COLUMNS:
        low, middle, high = table[column].quantile([0.1, 0.5, 0.9])
        print(f"{column:16} {middle:.3f} ({low:.3f} to {high:.3f})")
    return 0


def measure(folder: Path | None, name: str, half: int, max_rows: int) -> dict[str, float] | None:
    """Return the figures of one half of a table, None if its smallest class is too small."""
    dataset = load_dataset(folder, name, max_rows)
    held_out_rows, train_rows = split(dataset, 0, half, N_HALVES)
    train, held_out = dataset.take(train_rows), dataset.take(held_out_rows)
    label = dataset.n_classes - 1
    if min((part.y == label).sum() for part in (train, held_out)) < MIN_CLASS_ROWS:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = GANSampler(random_state=half).fit(train.X, train.y)
        known, unknown = (part.X[part.y == label] for part in (train, held_out))
        made, _ = sampler.sample(len(known), y=label)
        found = Comparison(dataset, known, unknown, made, seed=half).closeness()
        scores = [
            sampler.score_samples(rows, np.full(len(rows), label)) for rows in (known, unknown)
        ]
    distances = _distances(dataset, [known, unknown], made)
    return {
        "rows": len(known),
        "columns": known.shape[1],
        "closeness": _ratio(found["distance"], found["distance_real"]),
        "copies": found["copies"],
        "copies_real": found["copies_real"],
        "score_attack": _attack(scores[0], scores[1]),
        "distance_attack": _attack(-distances[0], -distances[1]),
    }


def _distances(
    table: Fold, parts: list[pd.DataFrame], made: pd.DataFrame
) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Return how far each row of each part is from the nearest generated row."""
    space = NumericSpace.fit(table, one_hot=True)
    return [cdist(space.encode(part), space.encode(made)).min(axis=1) for part in parts]


def _ratio(distance: float, real: float) -> float:
    return distance / real if real > 0 else float("nan")


def _attack(
    known: np.ndarray[tuple[int], np.dtype[np.float64]],
    unknown: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> float:
    """Return the ROC AUC of telling known rows from unknown ones, the higher the more known."""
    truth = np.repeat([1, 0], [len(known), len(unknown)])
    return float(roc_auc_score(truth, np.concatenate([known, unknown])))


if __name__ == "__main__":
    sys.exit(main())
