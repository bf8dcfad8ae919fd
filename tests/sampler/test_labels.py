"""Labels of every kind come back in their own container."""

from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.quick import quick_sampler

CODES = np.repeat([0, 1, 2], [60, 30, 10])


LABELS = {
    "int": CODES,
    "int8": CODES.astype(np.int8),
    "float": CODES.astype(float),
    "bool": CODES > 0,
    "str": np.array(["a", "b", "c"])[CODES],
    "object": np.array(["a", "b", "c"], dtype=object)[CODES],
    "list": np.array(["a", "b", "c"])[CODES].tolist(),
    "column": CODES[:, None],
    "one-hot": np.eye(3, dtype=int)[CODES],
    "pandas": pd.Series(CODES, name="y"),
    "pandas category": pd.Series(pd.Categorical.from_codes(CODES, list("xyz"), ordered=True)),
    "pandas nullable": pd.Series(CODES, dtype="Int64"),
    "pandas nullable bool": pd.Series(CODES > 0, dtype="boolean"),
    "pandas arrow": pd.Series(CODES, dtype="int32[pyarrow]"),
    "pandas frame": pd.DataFrame({"y": CODES}),
    "pandas one-hot": pd.DataFrame(np.eye(3, dtype=int)[CODES], columns=list("abc")),
    "polars": pl.Series("y", CODES),
    "polars categorical": pl.Series("y", np.array(["a", "b", "c"])[CODES], dtype=pl.Categorical),
    "polars frame": pl.DataFrame({"y": CODES}),
    "arrow": pa.array(CODES),
    "arrow chunked": pa.chunked_array([CODES]),
}


@pytest.mark.parametrize("kind", list(LABELS))
def test_labels_come_back_in_their_own_kind(kind):
    y = LABELS[kind]
    X = np.random.default_rng(0).normal(size=(100, 3))
    sampler = quick_sampler()
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert isinstance(y_resampled, (type(y), pa.Array))
    for attribute in ("dtype", "dtypes", "schema", "type", "name"):
        before, after = (getattr(labels, attribute, None) for labels in (y, y_resampled))
        assert np.all(before == after)
    shape = np.asarray(y_resampled).shape
    assert shape == (len(X_resampled), *np.asarray(y).shape[1:])
    np.testing.assert_array_equal(np.asarray(y_resampled)[:100], np.asarray(y))
    rows = np.asarray(y_resampled).reshape(len(X_resampled), -1).tolist()
    assert len(set(Counter(map(tuple, rows)).values())) == 1


@pytest.mark.parametrize(("fitted", "asked"), [(int, float), (float, "int8"), (object, "Float64")])
def test_labels_that_are_numbers_are_the_same_in_all_types_of_numbers(fitted, asked):
    X, y = np.random.default_rng(0).normal(size=(100, 2)), pd.Series(CODES)
    sampler = quick_sampler().fit(X, y.astype(fitted))
    drawn, labels = sampler.sample(len(y), y=y.astype(asked))
    np.testing.assert_array_equal(drawn, sampler.sample(len(y), y=y)[0])
    pd.testing.assert_series_equal(labels, y.astype(fitted), check_names=False)
    for wanted in (y, y[60:61]):
        rows = X[wanted.index]
        np.testing.assert_array_equal(
            sampler.score_samples(rows, wanted.astype(asked)), sampler.score_samples(rows, wanted)
        )
    label = y.astype(asked)[60]
    np.testing.assert_array_equal(sampler.sample(3, y=label)[0], sampler.sample(3, y=1)[0])
    np.testing.assert_array_equal(sampler.sample({label: 3})[0], sampler.sample({1: 3})[0])
