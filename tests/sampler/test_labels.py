"""Labels of every kind come back in their own container."""

from collections import Counter
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ganaug.exceptions import DataError
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


DAYS = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[D]")[CODES]
DATES = {
    "numpy": DAYS,
    "numpy ns": DAYS.astype("datetime64[ns]"),
    "pandas": pd.Series(DAYS.astype("datetime64[ns]")),
    "polars": pl.Series(DAYS),
    "arrow": pa.array(DAYS, pa.date32()),
    "arrow ns": pa.array(DAYS.astype("datetime64[ns]")),
    "arrow with a zone": pa.array(DAYS.astype("datetime64[us]"), pa.timestamp("us", "UTC")),
}


@pytest.mark.parametrize("kind", list(DATES))
def test_labels_that_are_dates_are_known_in_all_types_of_dates(kind):
    X, y = np.random.default_rng(0).normal(size=(100, 2)), DATES[kind]
    sampler = quick_sampler().fit(X, y)
    last = y[99].as_py() if isinstance(y, pa.Array) else y[99]
    expected = sampler.sample(4, y=sampler.classes_[2])[0]
    labels = (
        *(last, date(2020, 1, 3), datetime(2020, 1, 3), np.datetime64("2020-01-03", "ns")),
        *(pd.Timestamp("2020-01-03"), pd.Timestamp("2020-01-03 05:00", tz="Asia/Karachi")),
    )
    for label in labels:
        np.testing.assert_array_equal(sampler.sample(4, y=label)[0], expected)
        np.testing.assert_array_equal(sampler.sample({label: 4})[0], expected)
        np.testing.assert_array_equal(sampler.sample(4, y=[label] * 4)[0], expected)
        filled = quick_sampler(sampling_strategy={label: 40}).fit_resample(X, y)[1]
        assert (np.asarray(filled)[100:] == np.asarray(y)[99]).sum() == 30
    rows = [batch for batch, _ in sampler.sample_batches(sampler.sampling_strategy_)]
    assert sum(map(len, rows)) == 30 + 50
    assert np.isfinite(sampler.score_samples(X, y)).all()


GAPPY = np.where(np.arange(100) == 7, np.datetime64("NaT"), DAYS)
MISSING_DATES = {
    "numpy": GAPPY,
    "durations": GAPPY - GAPPY[0],
    "pandas": pd.Series(GAPPY.astype("datetime64[ns]")),
    "pandas frame": pd.DataFrame({"y": GAPPY.astype("datetime64[ns]")}),
    "polars": pl.Series(GAPPY),
    "polars durations": pl.Series(GAPPY) - date(2020, 1, 1),
    "arrow": pa.array(GAPPY, pa.date32()),
    "arrow chunked": pa.chunked_array([pa.array(GAPPY[:50]), pa.array(GAPPY[50:])]),
}


@pytest.mark.parametrize("kind", list(MISSING_DATES))
def test_missing_dates_are_no_class(kind):
    with pytest.raises(DataError, match=r"y contains 1 missing labels.*first in row 7; drop these"):
        quick_sampler().fit(np.arange(200.0).reshape(100, 2), MISSING_DATES[kind])


def test_labels_that_are_durations_are_known_in_all_types_of_durations():
    X = np.random.default_rng(0).normal(size=(100, 2))
    sampler = quick_sampler().fit(X, CODES.astype("timedelta64[ms]").astype("timedelta64[ns]"))
    for label in (timedelta(milliseconds=2), pd.Timedelta(2, "ms"), np.timedelta64(2, "ms")):
        assert len(sampler.sample({label: 4})[0]) == 4
    assert sampler.sampling_strategy_[timedelta(milliseconds=2)] == 50
