"""`sample(where=...)` on dates and durations: by their own clock, and parts of dates whole."""

import datetime as dt
import warnings
from zoneinfo import ZoneInfo

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import ganaug
from ganaug import GANSampler
from ganaug.exceptions import DataError

HOURS = pd.date_range("2021-01-01", periods=200, freq="h", tz="Europe/Berlin")
# pandas 2 takes its zones from pytz, of which objects can't be saved
OBJECTS = HOURS.tz_convert(ZoneInfo("Europe/Berlin")).to_pydatetime()
ON_A_CLOCK = {
    "pandas": lambda: pd.DataFrame({"at": HOURS}),
    "objects": lambda: OBJECTS[:, None],
    "polars": lambda: pl.DataFrame({"at": pl.Series(HOURS.to_pydatetime().tolist())}).cast(
        pl.Datetime("us", "Europe/Berlin")
    ),
    "pyarrow": lambda: pa.table({"at": pa.array(HOURS.as_unit("s"))}),
}


@pytest.mark.parametrize("kind", ON_A_CLOCK)
def test_times_of_another_zone_are_the_same_times(kind, tmp_path):
    X = ON_A_CLOCK[kind]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, np.arange(200) % 2)
    column = 0 if kind == "objects" else "at"
    sampler.save(tmp_path / "model.ganaug")
    low, high = pd.Timestamp("2021-01-03 23:00", tz="UTC"), "2021-01-04T02:00Z"
    for fitted in (sampler, ganaug.load(tmp_path / "model.ganaug")):
        made, _ = fitted.sample(50, where={column: (low, high)})
        cells = made[:, 0] if kind == "objects" else nw.from_native(made, eager_only=True)["at"]
        times = cells.tolist() if kind == "objects" else cells.to_list()
        assert {time.hour for time in times} == {0, 1, 2, 3}
        assert min(times) >= low


@pytest.mark.parametrize(
    ("low", "high"),
    [("00:15", "00:30"), ("00:30", "01:00"), ("01:00", "03:00"), ("00:30", "02:15")],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
def test_the_hour_that_clocks_show_twice(zone, low, high):
    at = {"Europe/Berlin": "2024-10-27", "Australia/Lord_Howe": "2024-04-06T14:00"}[zone]
    start = pd.Timestamp(at, tz="UTC")
    minutes = pd.to_timedelta(np.arange(-20, 20).repeat(5) * 15, "min")
    X = pd.DataFrame({"at": (start + minutes).tz_convert(zone)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, np.arange(200) % 2)
    low, high = (start + pd.Timedelta(f"{text}:00") for text in (low, high))
    local = [end.to_pydatetime().astimezone(ZoneInfo(zone)) for end in (low, high)]
    for ends in ((low, high), tuple(local), (low.isoformat(), high.isoformat())):
        made, _ = sampler.sample(50, where={"at": ends})
        assert made["at"].between(low, high).all()
    if zone == "Europe/Berlin":
        second = start + pd.Timedelta("01:30:00")  # half past two for the second time
        again = dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo(zone), fold=1)
        for where in (second, again, (second, second + pd.Timedelta("15min")), (again, again)):
            with pytest.raises(DataError, match="its clock shows an hour for the second time"):
                sampler.sample(5, where={"at": where})


@pytest.mark.parametrize(
    "ends",
    [
        (dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC)),
        (pd.Timestamp.min.tz_localize("UTC"), pd.Timestamp.max.tz_localize("UTC")),
        ("0001-01-01T00:00Z", "9999-12-31T23:59Z"),
    ],
)
def test_ranges_of_all_times_there_are(ends):
    X = pd.DataFrame({"at": HOURS})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, np.arange(200) % 2)
    assert len(sampler.sample(5, where={"at": ends})[0]) == 5


def test_ranges_of_days_that_start_at_noon():
    X = pl.DataFrame({"day": [dt.date(2021, 1, 1) + dt.timedelta(k) for k in range(100)]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, np.arange(100) % 2)
    noon = dt.datetime(2021, 2, 1, 12)
    made, _ = sampler.sample(50, where={"day": (noon, np.datetime64("2021-02-04T12"))})
    assert set(made["day"]) == {dt.date(2021, 2, k) for k in (2, 3, 4)}
    with pytest.raises(DataError, match="takes dates from 2021-01-01 to 2021-04-10"):
        sampler.sample(5, where={"day": noon})


@pytest.fixture(scope="module")
def calendar():
    """Return a sampler of days, of every six hours, and of those on a clock."""
    times = pd.Series(pd.date_range("2023-12-01", "2024-07-01", freq="6h"))
    X = pd.DataFrame({"day": times.dt.floor("D"), "at": times})
    X["zoned"] = X["at"].dt.tz_localize("Asia/Tokyo")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        y = np.arange(2).repeat(len(X))  # both classes have all of them
        return GANSampler(n_steps=2, random_state=0).fit(pd.concat([X, X]), y)


@pytest.mark.parametrize(
    ("column", "where", "first", "last"),
    [
        ("day", ("2024-05", "2024-05"), "2024-05-01", "2024-05-31"),
        ("day", (dt.date(2024, 2, 10), "2024-02"), "2024-02-10", "2024-02-29"),
        ("day", (None, "2023"), "2023-12-01", "2023-12-31"),
        ("day", ("2024-06", "2024"), "2024-06-01", "2024-07-01"),
        ("day", "2024-02", "2024-02-01", "2024-02-29"),
        ("day", np.datetime64("2024-02"), "2024-02-01", "2024-02-29"),
        ("day", ("2024-02-01T12", "2024-02-04T12"), "2024-02-02", "2024-02-04"),
        ("at", "2024-01-06", "2024-01-06", "2024-01-06 18:00"),
        ("at", dt.date(2024, 1, 6), "2024-01-06", "2024-01-06 18:00"),
        ("at", np.datetime64("2024-01-06"), "2024-01-06", "2024-01-06 18:00"),
        ("at", ("2024-01-06", dt.date(2024, 1, 7)), "2024-01-06", "2024-01-07 18:00"),
        ("at", ("2024-01-06", "2024-01-07T12"), "2024-01-06", "2024-01-07 12:00"),
        ("at", dt.datetime(2024, 1, 6), "2024-01-06", "2024-01-06"),
        ("at", ("2024-01-06", pd.Timestamp("2024-01-07")), "2024-01-06", "2024-01-07"),
        ("zoned", "2024-01-06", "2024-01-06", "2024-01-06 18:00"),
    ],
)
def test_a_month_is_all_of_its_days_and_a_day_all_of_its_hours(
    calendar, column, where, first, last
):
    """As where pandas slices; but a datetime is a moment."""
    found = calendar.sample(600, where={column: where})[0][column].dt.tz_localize(None)
    assert (found.min(), found.max()) == (pd.Timestamp(first), pd.Timestamp(last))


def test_a_range_may_not_end_before_it_begins(calendar):
    with pytest.raises(DataError, match=r"asks for 2024-05 to 2024-03 .*expected low <= high"):
        calendar.sample(5, where={"day": ("2024-05", "2024-03")})


def test_a_year_of_a_column_of_months_is_all_of_them():
    X = np.repeat(np.arange("2023-07", "2024-07", dtype="M8[M]"), 20)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, np.arange(240) % 2)
    for where, first, last in (("2023", 7, 12), (("2023-11-20", "2023-12-24"), 11, 12)):
        found = sampler.sample(200, where={0: where})[0]
        ends = [np.datetime64(f"2023-{month:02d}") for month in (first, last)]
        assert [found.min(), found.max()] == ends


def test_dates_before_and_after_all_that_nanoseconds_reach():
    days = pd.date_range("2021-01-01", periods=100, unit="ns")
    X = pd.DataFrame({"day": days + pd.to_timedelta(np.arange(100), "ns")})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, np.arange(100) % 2)
    made, _ = sampler.sample(50, where={"day": (dt.date(1, 1, 1), "9999-12-31")})
    assert len(made) == 50
    made, _ = sampler.sample(5, y=0, where={"day": X["day"][98]})
    assert (made["day"] == X["day"][98]).all()
    with pytest.raises(DataError, match="takes dates from 2021-01-01 to 2021-04-10"):
        sampler.sample(5, where={"day": ("9999-12-31", None)})


@pytest.mark.parametrize(
    "kind", [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
)
def test_times_of_day_of_arrow(kind):
    times = [dt.time(k % 24, k % 60) for k in range(100)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(
            pa.table({"at": pa.array(times, kind)}), np.arange(100) % 2
        )
    made, _ = sampler.sample(30, where={"at": (dt.time(12), dt.time(18, 30))})
    assert made["at"].type == kind
    assert all(dt.time(12) <= time <= dt.time(18, 30) for time in made["at"].to_pylist())


def test_dates_of_numpy_in_steps_of_ten_seconds():
    days = np.arange("2020-01-01", "2020-03-01", dtype="M8[D]")
    X = np.r_[days[:-1], np.datetime64("NaT")].astype("M8[10s]")[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, np.arange(60) % 2)
    made, _ = sampler.sample(30, y=0, where={0: ("2020-02-01", "2020-02-03")})
    assert made.dtype == X.dtype
    assert set(made[:, 0].astype("M8[D]").astype(str)) <= {f"2020-02-0{k}" for k in (1, 2, 3)}
    assert np.isnat(sampler.sample(3, y=1, where={0: None})[0]).all()
