"""Every dtype of every library comes back as it was, with values that it may hold."""

import datetime as dt
import decimal
import zoneinfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from ganaug._encoding import frames
from ganaug._encoding.columns import Column, categorical, level_kind
from ganaug._encoding.containers import wrap_rows
from ganaug._encoding.frames import NarwhalsRows
from ganaug._encoding.pandas_index import extended_index
from ganaug._encoding.table import TableEncoder
from tests.encoding.test_table import expand
from tests.tables import dtypes_of

N = 120
RANDOM = np.random.default_rng(0)
BASE = RANDOM.normal(size=N)
SMALL = RANDOM.integers(0, 9, N)
MISSING = RANDOM.random(N) < 0.2
WORDS = RANDOM.choice(["u", "v", "w"], N)
DAYS = pd.date_range("2020-01-01", periods=N, freq="D")
SECONDS = pd.to_timedelta(RANDOM.integers(0, 1000, N), unit="s")


def holes(values):
    return [None if gone else value for value, gone in zip(values, MISSING, strict=True)]


def arrow(values, kind):
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(kind)))


DECIMALS = [decimal.Decimal(f"{value:.2f}") for value in BASE]

PANDAS = {
    "float64": BASE,
    "float32": BASE.astype(np.float32),
    "float16": BASE.astype(np.float16),
    "float with NaN": np.where(MISSING, np.nan, BASE),
    "int8": SMALL.astype(np.int8),
    "uint64 beyond int64": SMALL.astype(np.uint64) + np.uint64(2**63),
    "int beyond 2^53": RANDOM.integers(2**60, 2**60 + 10**6, N),
    "bool": BASE > 0,
    "datetime": DAYS,
    "datetime in seconds": DAYS.astype("datetime64[s]"),
    "datetime with zone": DAYS.tz_localize("Europe/Berlin"),
    "datetime with NaT": pd.Series(DAYS).where(~MISSING),
    "timedelta": SECONDS,
    "timedelta with NaT": pd.Series(SECONDS).where(~MISSING),
    "period": pd.period_range("2020-01", periods=N, freq="M"),
    "interval": pd.cut(BASE, 4),
    "Int64": pd.array(holes(SMALL), dtype="Int64"),
    "UInt8": pd.array(SMALL, dtype="UInt8"),
    "Float32": pd.array(holes(BASE), dtype="Float32"),
    "boolean": pd.array(holes(BASE > 0), dtype="boolean"),
    "category, ordered": pd.Categorical(WORDS, categories=list("twvu"), ordered=True),
    "category, missing": pd.Categorical(holes(WORDS)),
    "category of numbers": pd.Categorical(SMALL),
    "str": pd.Series(WORDS),
    "string": pd.array(holes(WORDS), dtype="string"),
    "object of strings": pd.Series(holes(WORDS), dtype=object),
    "object of ints": pd.Series(holes(SMALL.tolist()), dtype=object),
    "object of dates": pd.Series([day.date() for day in DAYS], dtype=object),
    "object of dates, missing": pd.Series(holes([day.date() for day in DAYS]), dtype=object),
    "object of timestamps": pd.Series(DAYS).astype(object),
    "object of timestamps, missing": pd.Series(DAYS).where(~MISSING).astype(object),
    "object of timestamps with zone": pd.Series(DAYS.tz_localize("Europe/Berlin")).astype(object),
    "object of datetimes": pd.Series(holes(DAYS.to_pydatetime()), dtype=object),
    "object of durations": pd.Series(SECONDS).astype(object),
    "object of decimals": pd.Series(holes(DECIMALS), dtype=object),
    "object of floats and NaT": pd.Series([*BASE[:-1].tolist(), pd.NaT], dtype=object),
    "object of mixed types": pd.Series([1, "a", 2.5, True] * 30, dtype=object),
    "huge ints as objects": pd.Series([10**30 + k % 7 for k in range(N)], dtype=object),
    "sparse": pd.arrays.SparseArray(SMALL.astype(float)),
    "constant": np.full(N, 3.0),
    "all missing": np.full(N, np.nan),
    "all None": pd.Series([None] * N, dtype=object),
    "all null of arrow": arrow([None] * N, pa.null()),
    "1e300": BASE * 1e300,
    "denormal": BASE * 1e-310,
    "arrow int": arrow(holes(SMALL), pa.int32()),
    "arrow float": arrow(BASE, pa.float32()),
    "arrow string": arrow(holes(WORDS), pa.string()),
    "arrow bool": arrow(BASE > 0, pa.bool_()),
    "arrow timestamp": pd.Series(DAYS).astype(pd.ArrowDtype(pa.timestamp("us", "UTC"))),
    "arrow date": pd.Series(DAYS).astype(pd.ArrowDtype(pa.date32())),
    "arrow duration": pd.Series(SECONDS).astype(pd.ArrowDtype(pa.duration("ms"))),
    "arrow decimal": arrow(DECIMALS, pa.decimal128(10, 2)),
    "arrow dictionary": pd.Series(pd.Categorical(WORDS)).astype(
        pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    ),
}

POLARS = {
    "float64": pl.Series(BASE),
    "float32": pl.Series(BASE, dtype=pl.Float32),
    "float with null": pl.Series(holes(BASE)),
    "float with NaN": pl.Series(np.where(MISSING, np.nan, BASE)),
    "int8": pl.Series(SMALL, dtype=pl.Int8),
    "uint64": pl.Series(SMALL.astype(np.uint64) + np.uint64(2**63)),
    "int with null": pl.Series(holes(SMALL.tolist())),
    "bool with null": pl.Series(holes((BASE > 0).tolist())),
    "string with null": pl.Series(holes(WORDS.tolist())),
    "categorical": pl.Series(holes(WORDS.tolist()), dtype=pl.Categorical),
    "enum": pl.Series(WORDS.tolist(), dtype=pl.Enum(["w", "v", "u", "t"])),
    "date": pl.Series(holes([day.date() for day in DAYS])),
    "datetime": pl.Series(DAYS.to_pydatetime().tolist()),
    "datetime with zone": pl.Series(DAYS.to_pydatetime().tolist()).dt.replace_time_zone("UTC"),
    "duration": pl.Series(holes([dt.timedelta(days=k) for k in range(N)])),
    "time": pl.Series([dt.time(k % 24, 3) for k in range(N)]),
    "decimal": pl.Series(DECIMALS),
    "all null": pl.Series([None] * N),
}

ARRAYS = {
    "dates": np.array([[day.date(), 1.5] for day in DAYS], dtype=object),
    "times": np.array(
        [[day, day.to_pydatetime(), second] for day, second in zip(DAYS, SECONDS, strict=True)],
        dtype=object,
    ),
    "decimals": np.array([DECIMALS, holes(DECIMALS)], dtype=object).T,
    "float": np.c_[BASE, BASE],
    "float32 with NaN": np.c_[BASE, np.where(MISSING, np.nan, BASE)].astype(np.float32),
    "int": np.c_[SMALL, SMALL],
    "bool": np.c_[BASE > 0, BASE < 1],
    "str": np.c_[WORDS, WORDS[::-1]],
    "datetime": np.c_[DAYS.values, DAYS.values],
    "objects": np.array([[1, "a", None] if k % 3 else [2, "b", "q"] for k in range(N)], object),
}


def round_trip(X):
    """Encode and decode all rows, and rebuild them in their container."""
    rows = wrap_rows(X)
    columns = [rows.column(j) for j in range(len(rows.names))]
    encoder = TableEncoder().fit(columns, np.zeros(rows.n_rows, np.int64))
    decoded = encoder.inverse_transform(expand(encoder, encoder.transform(columns)))
    builder = rows.builder(columns)
    built = builder.build(decoded)
    return rows.extended(list(decoded), builder), built, decoded


def check_values(before, after):
    """Compare values; numbers only as closely as single precision goes."""
    for a, b in zip(before, after, strict=True):
        gone = [
            value is None or value is pd.NA or value is pd.NaT or value != value for value in (a, b)
        ]
        assert gone[0] == gone[1]
        if not gone[0]:
            assert type(a) is type(b)


@pytest.mark.parametrize("kind", list(PANDAS))
def test_pandas(kind):
    X = pd.DataFrame({"x": BASE, kind: PANDAS[kind]})
    whole, built, _ = round_trip(X)
    assert built.dtypes.tolist() == X.dtypes.tolist()
    check_values(X[kind].tolist(), built[kind].tolist())
    if not wrap_rows(X).column(1).is_categorical:
        assert whole.dtypes.tolist() == X.dtypes.tolist()
        pd.testing.assert_frame_equal(whole[:N], X)
    else:
        pd.testing.assert_series_equal(built[kind], X[kind], check_exact=True)


@pytest.mark.parametrize("kind", list(POLARS))
def test_polars(kind):
    X = pl.DataFrame({"x": BASE, kind: POLARS[kind]})
    whole, built, _ = round_trip(X)
    assert built.schema == X.schema
    check_values(X[kind].to_list(), built[kind].to_list())
    assert whole[:N].equals(X)


@pytest.mark.parametrize("kind", list(POLARS))
def test_arrow(kind):
    X = pl.DataFrame({"x": BASE, kind: POLARS[kind]}).to_arrow()
    whole, built, _ = round_trip(X)
    assert built.schema == X.schema
    check_values(X[kind].to_pylist(), built[kind].to_pylist())
    assert whole.schema == X.schema


DICTIONARIES = {
    "int": (SMALL.tolist(), pa.int16()),
    "float": ([k / 2 for k in SMALL.tolist()], pa.float32()),
    "bool": ((BASE > 0).tolist(), pa.bool_()),
    "date": ([day.date() for day in DAYS[:9]] * 20, pa.date32()),
    "time": (DAYS[:9].to_pydatetime().tolist() * 20, pa.timestamp("us")),
    "string": (WORDS.tolist(), pa.string()),
    "large string": (WORDS.tolist(), pa.large_string()),
}


@pytest.mark.parametrize("kind", list(DICTIONARIES))
def test_coded_values_of_arrow_are_levels_of_their_own_type(kind):
    cells, value_type = DICTIONARIES[kind]
    coded = pa.array(holes(cells[:N]), value_type).dictionary_encode()
    X = pa.table({"x": BASE, kind: pa.chunked_array([coded[:50], coded[50:]])})
    _, built, (_, column) = round_trip(X)
    of_pandas = wrap_rows(X.to_pandas()).column(1)
    assert set(column.levels) == set(of_pandas.levels)
    assert set(map(level_kind, column.levels)) == set(map(level_kind, of_pandas.levels))
    assert column.missing.tolist() == of_pandas.missing.tolist()
    assert built.schema == X.schema
    assert built[kind].to_pylist() == X[kind].to_pylist()


@pytest.mark.parametrize(
    "cells", [BASE.tolist(), [day.date() for day in DAYS], DAYS.to_pydatetime(), DECIMALS, WORDS]
)
def test_objects_in_polars(cells):
    X = pl.DataFrame({"x": BASE, "o": pl.Series(holes(cells), dtype=pl.Object)})
    whole, built, _ = round_trip(X)
    assert whole.schema == built.schema == X.schema
    check_values(X["o"].to_list(), built["o"].to_list())
    assert whole[:N].rows() == X.rows()


@pytest.mark.parametrize("kind", list(ARRAYS))
def test_arrays(kind):
    X = ARRAYS[kind]
    whole, built, _ = round_trip(X)
    assert (built.dtype, built.shape) == (X.dtype, X.shape)
    for j in range(X.shape[1]):
        check_values(X[:, j].tolist(), built[:, j].tolist())
    assert whole.dtype == X.dtype


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_array, sp.coo_matrix, sp.lil_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_sparse(container, dtype):
    X = container(np.where(RANDOM.random((N, 3)) < 0.7, 0, SMALL[:, None]).astype(dtype))
    whole, built, _ = round_trip(X)
    assert (type(built), built.dtype) == (type(X), dtype)
    np.testing.assert_allclose(built.toarray(), X.toarray(), atol=1e-4)
    assert whole.shape == (2 * N, 3)


@pytest.mark.parametrize("gap", [None, decimal.Decimal("NaN")])
def test_decimals_are_numbers_with_as_many_places(gap):
    """As pandas and database drivers read amounts of money."""
    cells = [decimal.Decimal(k) / 4 for k in range(1, N)] + [gap]
    for X in (pd.DataFrame({"pay": pd.Series(cells, dtype=object)}), [[cell] for cell in cells]):
        _, built, (column,) = round_trip(X)
        assert not column.is_categorical
        new = [row[0] for row in (built.to_numpy() if isinstance(built, pd.DataFrame) else built)]
        assert new[:-1] == cells[:-1]
        assert {-cell.as_tuple().exponent for cell in new[:-1]} == {2}
        assert type(new[-1]) is type(gap)


def test_days_are_numbers():
    """As pandas reads a column of dates in a Parquet file."""
    days = [day.date() for day in DAYS] + [None]
    _, built, (column,) = round_trip(pd.DataFrame({"day": pd.Series(days, dtype=object)}))
    assert column.unit == "D"
    assert built["day"].tolist() == days


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
TIMES = {
    "datetime": pd.Series(DAYS).where(~MISSING),
    "nanoseconds": pd.Series(DAYS + pd.Timedelta(1, "ns")),
    "zone": pd.Series(DAYS.tz_localize("Europe/Berlin")),
    "fixed offset": pd.Series(DAYS.tz_localize("+05:30")),
    "duration": pd.Series(SECONDS).where(~MISSING),
}


@pytest.mark.parametrize("kind", list(TIMES))
@pytest.mark.parametrize(
    "as_objects",
    [
        lambda X: X.astype(object),
        lambda X: X.astype(object).to_numpy(),
        lambda X: X.astype(object).to_numpy().tolist(),
        lambda X: [[n, t if t is pd.NaT else to_python(t), w] for n, t, w in X.to_numpy()],
    ],
)
def test_times_are_the_same_as_objects(kind, as_objects):
    X = pd.DataFrame({"x": BASE, "t": TIMES[kind], "w": WORDS})
    columns, others = (
        [rows.column(j) for j in range(3)] for rows in map(wrap_rows, (X, as_objects(X)))
    )
    encoder = TableEncoder().fit(columns, np.zeros(N, np.int64))
    for name in ("numbers", "codes"):
        expected, found = (getattr(encoder.transform(c), name) for c in (columns, others))
        np.testing.assert_array_equal(found, expected)


def to_python(time):
    return (
        time.to_pytimedelta() if isinstance(time, pd.Timedelta) else time.to_pydatetime(warn=False)
    )


@pytest.mark.parametrize("like", [pd.Timestamp, lambda *parts, **zone: dt.datetime(*parts, **zone)])
@pytest.mark.parametrize("zone", [None, BERLIN, dt.timezone(dt.timedelta(hours=-3))])
def test_times_are_built_as_the_objects_they_were(like, zone):
    times = [like(2020, 1 + k % 12, 1, tzinfo=zone) for k in range(N)]
    for X in (pd.DataFrame({"t": pd.Series(times, dtype=object)}), [[time] for time in times]):
        _, built, _ = round_trip(X)
        made = [row[0] for row in (built.to_numpy() if isinstance(built, pd.DataFrame) else built)]
        assert made == times
        assert {type(time) for time in made} == {type(times[0])}
        assert {str(time.tzinfo) for time in made} == {str(zone)}


@pytest.mark.parametrize(
    "cells",
    [
        (decimal.Decimal(1), 2.5),
        (dt.date(2020, 1, 1), 3),
        (dt.date(2020, 1, 1), dt.datetime(2020, 1, 1)),
        (dt.timedelta(1), dt.datetime(2020, 1, 1)),
        (dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=BERLIN)),
    ],
)
def test_objects_of_two_kinds_are_categories(cells):
    rows = wrap_rows(pd.DataFrame({"x": pd.Series([*cells] * 20, dtype=object)}))
    assert rows.column(0).is_categorical


@pytest.mark.parametrize(
    "container", [lambda X: X, pd.DataFrame, lambda X: pl.DataFrame({"x": pl.Series(X[:, 0])})]
)
def test_truths_and_numbers_are_two_levels_of_objects_named_categories(container):
    X = np.array([[1], [True], [1.0], [False], [0]], dtype=object)
    column = wrap_rows(container(X)).column(0, as_category=True)
    assert column.values.tolist() == [0, 1, 0, 2, 3]
    assert wrap_rows(container(X[::2])).column(0, as_category=True).values.tolist() == [0, 0, 1]


def test_lists_hold_python_values():
    X = [[int(k), "a" if k % 2 else None, 0.5] for k in SMALL]
    whole, built, _ = round_trip(X)
    assert [type(value) for value in built[0]] == [int, type(built[0][1]), float]
    assert whole[:N] == X


def test_each_column_of_a_list_has_its_own_kind():
    X = [[bool(k % 2), int(k), 0.5 + k] for k in SMALL]
    _, built, columns = round_trip(X)
    assert {tuple(map(type, row)) for row in built} == {(bool, int, float)}
    assert [column.is_categorical for column in columns] == [True, False, False]


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_duplicate_rows_are_no_trouble(library):
    X = library({"a": [1.5] * 20 + [2.5] * 20, "b": ["x"] * 20 + ["y"] * 20})
    _, built, decoded = round_trip(X)
    assert set(decoded[0].values.tolist()) == {1.5, 2.5}
    assert type(built) is type(X)


@pytest.mark.parametrize("columns", [["a", "a"], pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])])
def test_odd_column_names_of_pandas(columns):
    X = pd.DataFrame(np.c_[BASE, SMALL], columns=columns)
    _, built, _ = round_trip(X)
    assert built.columns.equals(X.columns)


ZONED = {
    "pandas": lambda days: pd.DataFrame({"day": days}),
    "pandas arrow": lambda days: pd.DataFrame(
        {"day": days.astype(pd.ArrowDtype(pa.timestamp("us", str(days.dt.tz))))}
    ),
    "polars": lambda days: pl.DataFrame(
        {
            "day": pl.Series(days.dt.tz_convert("UTC").dt.tz_localize(None).tolist())
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(str(days.dt.tz))
        }
    ),
    "arrow": lambda days: pa.table({"day": pa.array(days)}),
}


def generated_days(X):
    """Return an even spread of days over the range of the column, in its own container."""
    rows = wrap_rows(X)
    columns = [rows.column(0)]
    encoder = TableEncoder().fit(columns, np.zeros(rows.n_rows, np.int64))
    made = np.linspace(-2, 2, 300, dtype=np.float32)[:, None]
    built = rows.builder(columns).build(encoder.inverse_transform(made))
    days = built["day"]
    return built, pd.Series(days.to_pylist() if isinstance(X, pa.Table) else days.to_list())


@pytest.mark.parametrize("container", list(ZONED))
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_local_midnights_stay_midnights_when_clocks_change(container, zone):
    days = pd.Series(pd.date_range("2020-01-01", periods=200, tz=zone))
    X = ZONED[container](days)
    built, made = generated_days(X)
    made = made.astype(days.dtype)
    assert (made == made.dt.normalize()).all()
    assert made.between(days.min(), days.max()).all()
    assert dtypes_of(built) == dtypes_of(X)


@pytest.mark.parametrize("container", list(ZONED))
@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("Europe/Berlin", "2020-03-28 02:30", range(0, 72, 24)),  # no 02:30 on the 29th
        ("Australia/Lord_Howe", "2020-10-03 02:15", range(0, 72, 24)),  # half an hour
        ("Pacific/Apia", "2011-12-28 12:00", (0, 24, 72, 96)),  # no 30 December
    ],
)
def test_times_that_a_clock_skips_are_the_next_it_shows(container, zone, start, hours):
    local = pd.Series([pd.Timestamp(start) + pd.Timedelta(hours=h) for h in hours] * 20)
    stamps = local.dt.tz_localize(zone, nonexistent="shift_forward")
    _, made = generated_days(ZONED[container](stamps))
    assert made.notna().all()
    assert made.astype(stamps.dtype).between(stamps.min(), stamps.max()).all()


IN_ANY_CONTAINER = {
    **ZONED,
    "objects": lambda days: days.astype(object).to_frame(),
    "datetimes": lambda days: [[time.to_pydatetime()] for time in days.dt.as_unit("us")],
    "objects in polars": lambda days: pl.DataFrame(
        {"day": pl.Series(days.tolist(), dtype=pl.Object)}
    ),
}


@pytest.mark.parametrize("container", list(IN_ANY_CONTAINER))
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("own", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_times_go_by_the_clock_of_another_zone(container, zone, own):
    hours = pd.Series(pd.date_range("2019-10-20", "2020-04-10", freq="h", tz=zone))
    expected = hours.dt.tz_localize(None).to_numpy().astype("M8[s]")
    rows = wrap_rows(IN_ANY_CONTAINER[container](hours.dt.tz_convert(own)))
    column = rows.column(0, zone=hours.iloc[0].tzinfo)
    np.testing.assert_array_equal(column.values.view(f"M8[{column.unit}]"), expected)
    assert str(rows.zone_of(0, column)) == own


@pytest.mark.parametrize("container", ["pandas", "pandas arrow", "arrow"])
def test_missing_times_have_no_clock(container):
    days = pd.Series([pd.NaT, pd.Timestamp("2020-01-01", tz="UTC")])
    rows = wrap_rows(ZONED[container](days))
    column = rows.column(0, zone=zoneinfo.ZoneInfo("America/New_York"))
    assert column.missing.tolist() == [True, False]
    assert column.values.view(f"M8[{column.unit}]")[1] == np.datetime64("2019-12-31T19:00")
    assert str(rows.zone_of(0, column)) == "UTC"
    assert wrap_rows(ZONED[container](days[:1])).zone_of(0, column.take(slice(1))) is None


@pytest.mark.parametrize("time", [dt.datetime.max, dt.datetime.min])
def test_times_at_the_ends_of_the_calendar_go_by_another_clock(time):
    rows = wrap_rows([[time.replace(tzinfo=dt.UTC)]])
    (at,) = rows.column(0, zone=dt.timezone(dt.timedelta(hours=1))).values
    (own,) = rows.column(0).values
    assert at - own == 3600 * 10**6


@pytest.mark.parametrize(
    ("index", "whole"),
    [
        (pd.RangeIndex(3, 9, 2), [3, 5, 7, 9, 11]),
        (pd.RangeIndex(0, 10, 4, name="k"), [0, 4, 8, 12, 16]),
        (pd.Index([5, 2], name="k"), [5, 2, 6, 7]),
        (pd.Index([5, 2], dtype="Int64"), [5, 2, 6, 7]),
        (pd.Index([5, 2], dtype="uint8[pyarrow]"), [5, 2, 6, 7]),
        (pd.Index(np.array([-128, 125], np.int8)), [-128, 125, 126, 127]),
        (pd.Index(np.array([7, 2**64 - 3], np.uint64)), [7, 2**64 - 3, 2**64 - 2, 2**64 - 1]),
    ],
)
def test_whole_numbers_count_on_as_row_labels(index, whole):
    found = extended_index(index, 2)
    assert found.tolist() == whole
    assert found.dtype == index.dtype
    assert found.name == index.name


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["ann", "bob"], name="who"),
        pd.Index([True, False]),
        pd.Index([0.5, 1.5]),
        pd.Index([4, 5], dtype=object),
        pd.Index([4, None], dtype="Int64"),
        pd.Index([4, 4]),
        pd.Index(np.array([4, 126], np.int8)),
        pd.CategoricalIndex([4, 5]),
        pd.interval_range(0, 2),
        pd.date_range("2024-01-01", periods=2),
        pd.MultiIndex.from_product([[1], ["u", "v"]]),
    ],
    ids=repr,
)
def test_rows_are_numbered_anew_where_labels_do_not_count_on(index):
    pd.testing.assert_index_equal(extended_index(index, 2), pd.RangeIndex(4), exact=True)


def test_labels_at_the_end_of_their_type_stay_where_no_row_is_added():
    index = pd.Index(np.array([4, 127], np.int8))
    assert extended_index(index, 0).equals(index)


def test_columns_can_be_taken_in_parts():
    column = Column("x", np.arange(5), np.zeros(5, bool), unit="D")
    part = column.take(np.array([3, 1]))
    assert (part.values.tolist(), part.unit) == ([3, 1], "D")


def test_attributes_of_a_frame_are_kept():
    X = pd.DataFrame({"x": BASE})
    X.attrs["unit"] = ["mm"]
    whole, _, _ = round_trip(X)
    assert whole.attrs == {"unit": ["mm"]}
    assert whole.attrs["unit"] is not X.attrs["unit"]


def test_a_matrix_of_numpy_is_read():
    with pytest.warns(PendingDeprecationWarning):
        X = np.asmatrix(np.c_[BASE, SMALL])
    _, built, _ = round_trip(X)
    assert built.shape == X.shape


@pytest.mark.parametrize("kind", ["strings", "categories"])
@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_strings_are_read_by_their_codes_not_value_by_value(library, kind, monkeypatch):
    values = ["b", None, "a", "", "b", "c", None, "a"] * 3
    expected = categorical("c", values)
    monkeypatch.setattr(frames, "categorical", None)
    table = pa.table({"c": pa.chunked_array([values[:7], values[7:]]), "none": pa.nulls(24, "str")})
    if kind == "categories":
        table = table.set_column(0, "c", table["c"].dictionary_encode())
    rows = NarwhalsRows(table if library == "pyarrow" else pl.from_arrow(table))
    column = rows.column(0)
    np.testing.assert_array_equal(column.values, expected.values)
    np.testing.assert_array_equal(column.missing, expected.missing)
    assert column.levels == ("b", "a", "", "c")
    assert rows.column(1).levels == ()
    assert rows.column(1).missing.all()
