import json

import numpy as np
import pandas as pd
import pytest


def mixed_table(n_majority=60, n_minority=20, seed=0):
    """Numbers (an integer one, one with gaps) and categories (one of them rare)."""
    random = np.random.default_rng(seed)
    target = np.repeat([0, 1], [n_majority, n_minority])
    n_rows = len(target)
    number = random.normal(target, 1.0)
    number[::17] = np.nan
    return pd.DataFrame(
        {
            "number": number,
            "count": random.poisson(3 + 2 * target),
            "colour": pd.Categorical(random.choice(["red", "green", "blue"], n_rows)),
            "answer": pd.Categorical(
                np.where(random.random(n_rows) < 0.7 - 0.4 * target, "a", "b")
            ),
            "target": target,
        }
    )


def numeric_table(seed=1):
    """Three classes of numbers."""
    random = np.random.default_rng(seed)
    target = np.repeat([0, 1, 2], [60, 30, 15])
    values = random.normal(size=(len(target), 3)) + target[:, None]
    return pd.DataFrame(values, columns=list("abc")).assign(target=target)


@pytest.fixture
def folder(tmp_path):
    """A folder of tables as the benchmark reads them."""
    tables = {"mixed": mixed_table(), "numbers": numeric_table()}
    entries = []
    for name, table in tables.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
        entries.append(
            {
                "name": name,
                "file": f"{name}.parquet",
                "kind": "imbalance",
                "n_rows": len(table),
                "n_features": table.shape[1] - 1,
                "source": f"{name}/repository:data",
            }
        )
    entries.append({"name": "other", "kind": "anomaly", "file": "other.npz"})
    (tmp_path / "MANIFEST.json").write_text(json.dumps(entries), encoding="utf-8")
    return tmp_path


def write_images(folder, *, side):
    """Write 40 training and 5 test images of each of ten plain classes; return the folder."""
    random = np.random.default_rng(0)
    y, test_y = np.repeat(np.arange(10), 40), np.repeat(np.arange(10), 5)

    def images(labels):
        noise = random.integers(0, 50, (len(labels), side, side))
        return (labels[:, None, None] * 20 + noise).astype(np.uint8)

    (folder / "images").mkdir()
    np.savez(
        folder / "images" / "mnist_small.npz",
        X_train=images(y),
        y_train=y,
        X_test=images(test_y),
        y_test=test_y,
    )
    return folder
