"""Tables with dates on a calendar, from `fit` to what is generated, asked for, scored and kept."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ganaug
from ganaug import GANOutlierDetector, GANSampler
from ganaug._encoding.calendars import CalendarGrid
from ganaug._encoding.columns import is_missing
from ganaug._encoding.containers import wrap_rows
from ganaug.exceptions import DataError
from tests.quick import quick_sampler

N = 400
RANDOM = np.random.default_rng(0)
START = pd.Timestamp("1965-03-31")
SUNDAYS = pd.date_range(START, periods=100, freq="W-SUN")
CALENDARS = {
    "month": pd.date_range(START, periods=150, freq="MS"),
    "quarter_end": pd.date_range(START, periods=120, freq="QE"),
    "paid": pd.date_range(START, periods=150, freq="MS") + pd.Timedelta(14, "D"),
    "traded": pd.bdate_range(START, periods=500),
    "open": pd.date_range(START, periods=400).difference(SUNDAYS),
}
ON_CALENDAR = {
    "month": lambda days: days.is_month_start,
    "quarter_end": lambda days: days.is_quarter_end,
    "paid": lambda days: days.day == 15,
    "traded": lambda days: days.day_of_week < 5,
    "open": lambda days: days.day_of_week < 6,
}


def drawn() -> pd.DataFrame:
    X = pd.DataFrame({name: RANDOM.choice(days, N) for name, days in CALENDARS.items()})
    X["z"] = RANDOM.normal(size=N)
    return X


X = drawn()
y = np.repeat([0, 1], [300, 100])


def with_gaps(X: pd.DataFrame) -> pd.DataFrame:
    return X.mask(np.random.default_rng(1).random(X.shape) < 0.1)


def as_type(X: pd.DataFrame, kind) -> pd.DataFrame:
    return X.astype(dict.fromkeys(CALENDARS, kind))


def as_objects(X: pd.DataFrame) -> pd.DataFrame:
    days = {name: [day if day == day else None for day in X[name].dt.date] for name in CALENDARS}
    return X.assign(**{name: pd.Series(cells, dtype=object) for name, cells in days.items()})


def arrow(X: pd.DataFrame, kind) -> pa.Table:
    table = pa.Table.from_pandas(X)
    fields = [pa.field(name, kind if name in CALENDARS else pa.float64()) for name in X]
    return table.replace_schema_metadata(None).cast(pa.schema(fields))


CONTAINERS = {
    **{f"pandas {unit}": lambda X, u=unit: as_type(X, f"M8[{u}]") for unit in ("s", "ms", "us")},
    "pandas ns": lambda X: as_type(X, "M8[ns]"),
    "pandas, gaps": with_gaps,
    "pandas, zone": lambda X: X.assign(
        **{name: X[name].dt.tz_localize("Europe/Berlin") for name in CALENDARS}
    ),
    "pandas date32": lambda X: as_type(with_gaps(X), pd.ArrowDtype(pa.date32())),
    "objects": lambda X: as_objects(with_gaps(X)),
    "polars": lambda X: pl.from_pandas(with_gaps(X)).with_columns(pl.col(*CALENDARS).cast(pl.Date)),
    "polars, zone": lambda X: pl.from_pandas(X).with_columns(
        pl.col(*CALENDARS).dt.replace_time_zone("America/New_York")
    ),
    "arrow date32": lambda X: arrow(with_gaps(X), pa.date32()),
    "arrow ns": lambda X: arrow(with_gaps(X), pa.timestamp("ns")),
}


def days_in(made, name) -> pd.DatetimeIndex:
    """Return the local times of a column in any container, without missing ones."""
    cells = made[name].to_pylist() if isinstance(made, pa.Table) else made[name].to_list()
    local = [pd.Timestamp(cell) for cell in cells if not is_missing(cell)]
    return pd.DatetimeIndex([time.tz_localize(None) for time in local])


def check_days(made) -> None:
    for name, is_on in ON_CALENDAR.items():
        days = days_in(made, name)
        assert len(days) > 50
        assert (days == days.normalize()).all()
        assert is_on(days).all(), name
        assert (days >= CALENDARS[name][0]).all()
        assert (days <= CALENDARS[name][-1]).all()
        assert len(days.unique()) > 25


@pytest.fixture(scope="module")
def sampler():
    return GANSampler(n_steps=100, random_state=0).fit(X, y)


@pytest.mark.parametrize("container", CONTAINERS)
def test_generated_dates_lie_on_the_calendar(container, tmp_path):
    table = CONTAINERS[container](X)
    fitted = quick_sampler().fit(table, y)
    made, _ = fitted.sample(200)
    check_days(made)
    fitted.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model")
    again, _ = loaded.sample(200)
    assert str(again) == str(made)
    for name in CALENDARS:
        assert days_in(again, name).equals(days_in(made, name))
    np.testing.assert_array_equal(loaded.score_samples(table), fitted.score_samples(table))


def test_resampled_tables_keep_calendars_and_their_rates():
    made, _ = GANSampler(n_steps=60, random_state=0).fit_resample(X, y)
    check_days(made)
    new = made[N:]
    weekdays = new["traded"].dt.day_of_week.value_counts(normalize=True)
    months = new["month"].dt.month.value_counts(normalize=True)
    assert len(weekdays) == 5
    assert weekdays.min() > 0.1
    assert len(months) == 12


@pytest.mark.parametrize("where", [None, ("1970-02", "1972-11")])
def test_dates_are_drawn_as_the_numbers_that_they_have(where):
    dates = X[["quarter_end", "z"]]
    numbers = dates.assign(quarter_end=quarter_of(X["quarter_end"]))
    made, _ = (
        quick_sampler()
        .fit(dates, y)
        .sample(200, where=None if where is None else {"quarter_end": where})
    )
    expected, _ = (
        quick_sampler()
        .fit(numbers, y)
        .sample(200, where=None if where is None else {"quarter_end": (4 * 1970, 4 * 1972 + 2)})
    )
    pd.testing.assert_frame_equal(
        made.assign(quarter_end=quarter_of(made["quarter_end"])), expected
    )


def quarter_of(days: pd.Series) -> pd.Series:
    return (4 * days.dt.year + days.dt.quarter - 1).astype(np.int64)


@pytest.mark.parametrize(
    ("where", "first", "last"),
    [
        ({"month": "1970-02"}, "1970-02-01", "1970-02-01"),
        ({"month": ("1970-02-02", "1970-05-31")}, "1970-03-01", "1970-05-01"),
        ({"month": (None, dt.date(1965, 5, 1))}, "1965-04-01", "1965-05-01"),
        ({"quarter_end": ("1971-08", "1971")}, "1971-09-30", "1971-12-31"),
        ({"paid": (pd.Timestamp("1969-12-15"), "1970-01-15")}, "1969-12-15", "1970-01-15"),
        ({"traded": ("1965-07-03", "1965-07-12")}, "1965-07-05", "1965-07-12"),
    ],
)
def test_ranges_of_dates_are_met_by_dates_of_the_calendar(sampler, where, first, last):
    made, _ = sampler.sample(150, where=where)
    check = made[next(iter(where))]
    assert ON_CALENDAR[next(iter(where))](check.dt).all()
    assert (check.min(), check.max()) == (pd.Timestamp(first), pd.Timestamp(last))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"month": "1970-02-03"}, "dates from 1965-04-01 to 1977-09-01, each day 1 of a month"),
        ({"quarter_end": ("1970-04-01", "1970-06-29")}, "each the last day of a month"),
        ({"traded": "1965-07-03"}, "each Mon, Tue, Wed, Thu, Fri; widen"),
        ({"month": "1950"}, "dates from 1965-04-01 to 1977-09-01"),
    ],
)
def test_dates_beside_the_calendar_are_refused_as_conditions(sampler, where, message):
    with pytest.raises(DataError, match=message):
        sampler.sample(5, where=where)


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_dates_beside_the_calendar_are_scored_between_those_on_it(sampler, unit):
    """A day off is as unusual as it is far, not an error."""
    times = ["1970-03-01", "1970-03-16T12:00", "1970-04-01", "1677-10-01", "2262-01-01"]
    rows = pd.concat([X.iloc[:1]] * 5, ignore_index=True)
    rows["month"] = pd.Series(times).astype(f"M8[{unit}]")
    columns = wrap_rows(rows)
    table = sampler.encoder_.transform([columns.column(j) for j in range(rows.shape[1])])
    first, middle, second, far_before, far_after = table.numbers[:, 0]
    assert far_before < first < middle < second < far_after
    assert middle == pytest.approx((first + second) / 2, abs=1e-6)
    scores = sampler.score_samples(rows, y=[0] * 5)
    assert np.isfinite(scores).all()
    assert scores[3:].max() < scores[:3].min()


def test_the_detector_keeps_to_time_and_samples_by_the_calendar():
    detector = GANOutlierDetector(n_steps=5, random_state=0).fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
    grids = [codec.grid for codec in detector._feature_map.encoder.codecs_]
    assert not any(isinstance(grid, CalendarGrid) for grid in grids)
    check_days(detector.sample(200))
