"""Dates that lie on a calendar: the first of months, the last of quarters, business days."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganaug._encoding.calendars import (
    FAR_DAYS,
    CalendarGrid,
    Months,
    Weekdays,
    find_calendar,
    find_date_grid,
)
from ganaug._encoding.clocks import NANOSECONDS
from ganaug._encoding.columns import numeric
from ganaug._encoding.grids import FloatGrid, IntegerGrid, ValueGrid, find_grid
from ganaug._encoding.table import TableEncoder

RANDOM = np.random.default_rng(0)
MONDAY_TO_FRIDAY = (0, 1, 2, 3, 4)
CALENDARS = [
    *(Months(shift) for shift in (-1, 0, 14, 27)),
    *map(Weekdays, (MONDAY_TO_FRIDAY, (1, 2, 3, 4, 5, 6), (5, 6), (3,))),
]
FINE_UNITS = ("D", "h", "m", "s", "ms", "us", "ns")


def days_of(dates) -> np.ndarray:
    return np.asarray(dates, "M8[D]").astype(np.int64)


def monthly(freq, n=48, start="1961-01-15"):
    return days_of(pd.date_range(start, periods=n, freq=freq).to_numpy())


def business_days(n=400, start="1969-06-02"):
    return days_of(pd.bdate_range(start, periods=n).to_numpy())


def grid_of(days, unit="D"):
    per_day = NANOSECONDS["D"] // NANOSECONDS[unit]
    return find_date_grid(np.repeat(days, 3) * per_day, unit)


# --- calendars ------------------------------------------------------------------------------------


@pytest.mark.parametrize("calendar", CALENDARS, ids=repr)
@given(number=st.integers(-(10**6), 10**6))
def test_dates_are_numbered_without_gaps(calendar, number):
    numbers = np.array([number, number + 1])
    first, second = calendar.day(numbers)
    assert first < second
    np.testing.assert_array_equal(calendar.number(calendar.day(numbers)), numbers)
    between = np.arange(first, second)
    np.testing.assert_array_equal(calendar.number(between), np.full(len(between), number))


@pytest.mark.parametrize("calendar", CALENDARS, ids=repr)
def test_days_of_all_ages_are_after_one_another(calendar):
    days = np.array([-FAR_DAYS, -(10**9), -1, 0, 1, 10**9, FAR_DAYS])
    numbers = calendar.number(days)
    assert (np.diff(numbers) >= 0).all()
    assert (calendar.day(numbers) <= days).all()
    assert (calendar.day(numbers + 1) > days).all()


def test_dates_are_those_of_pandas():
    ends = pd.date_range("1950-01-31", "2050-12-31", freq="ME").to_numpy()
    np.testing.assert_array_equal(Months(-1).day(Months(-1).number(days_of(ends))), days_of(ends))
    days = business_days(3000, "1965-01-01")
    assert (np.diff(Weekdays(MONDAY_TO_FRIDAY).number(days)) == 1).all()


# --- finding them ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "calendar", "step"),
    [
        (monthly("MS"), Months(0), 1),
        (monthly("QS"), Months(0), 3),
        (monthly("YS"), Months(0), 12),
        (monthly("ME"), Months(-1), 1),
        (monthly("QE"), Months(-1), 3),
        (monthly("YE"), Months(-1), 12),
        (monthly("MS") + 14, Months(14), 1),
        (monthly("MS") + 27, Months(27), 1),
        (business_days(), Weekdays(MONDAY_TO_FRIDAY), 1),
        (business_days(20), Weekdays(MONDAY_TO_FRIDAY), 1),
        (business_days()[::2], Weekdays(MONDAY_TO_FRIDAY), 2),
        (np.array([k for k in range(300) if k % 7 != 3]), Weekdays((0, 1, 2, 3, 4, 5)), 1),
    ],
)
@pytest.mark.parametrize("unit", FINE_UNITS)
def test_calendars_are_found_with_their_step(days, calendar, step, unit):
    grid = grid_of(days, unit)
    assert isinstance(grid, CalendarGrid)
    assert (grid.calendar, grid.places.step) == (calendar, step)


@pytest.mark.parametrize(
    "days",
    [
        np.arange(400),
        monthly("MS") + np.arange(48) % 2,
        monthly("ME")[:3],  # of few dates it may be chance
        np.array([29, 88, 119, 149]),  # the 30th of four months, which others have not
        business_days(15),
        business_days(400)[::40],
        np.r_[business_days(), business_days()[7] + 4],  # and a single Saturday
        np.arange(0, 7000, 7),  # at equal distances: a step says as much
        np.arange(0, 30_000, 30),
        RANDOM.integers(0, 10_000, 400),
        np.array([FAR_DAYS, FAR_DAYS + 31, FAR_DAYS + 400]),
    ],
)
def test_other_dates_have_the_grid_of_numbers(days):
    values = np.repeat(days, 3)
    assert repr(find_date_grid(values, "D")) == repr(find_grid(values))


@pytest.mark.parametrize(
    ("values", "unit", "kind"),
    [
        (monthly("MS"), None, IntegerGrid),  # numbers, not dates
        (monthly("MS"), "W", IntegerGrid),
        (np.arange(400), "M", IntegerGrid),
        (monthly("MS") * 24 + 1, "h", IntegerGrid),  # at another time than midnight
        (np.repeat(monthly("MS"), 20), "D", ValueGrid),  # few values are exact without
        (monthly("MS") + 0.5, None, FloatGrid),
    ],
)
def test_what_is_no_midnight_has_no_calendar(values, unit, kind):
    assert isinstance(find_date_grid(values, unit), kind)


def test_chance_seldom_makes_a_calendar():
    found = [find_calendar(np.unique(RANDOM.integers(0, 4000, n))) for n in range(2, 42)] * 25
    assert sum(calendar is not None for calendar in found) <= 0.002 * len(found)


# --- places ---------------------------------------------------------------------------------------

GRIDS = [
    grid_of(days, unit)
    for days in (monthly("MS"), monthly("QE"), monthly("MS") + 14, business_days())
    for unit in ("D", "s", "ns")
]


def shown(grid):
    return f"{grid.calendar} per_day={grid.per_day}"


@pytest.mark.parametrize("grid", GRIDS, ids=shown)
@given(unit=st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=20))
def test_what_is_made_lies_on_the_calendar(grid, unit):
    made = grid.from_unit(np.array(unit))
    assert made.dtype == np.int64
    assert made.min() >= grid.low
    assert made.max() <= grid.high
    days, rest = np.divmod(made, grid.per_day)
    assert not rest.any()
    np.testing.assert_array_equal(grid.calendar.day(grid.calendar.number(days)), days)
    np.testing.assert_array_equal(grid.from_unit(grid.to_unit(made)), made)
    # as floats, which dates of a finer unit may come in
    np.testing.assert_array_equal(grid.to_unit(made.astype(np.float64)), grid.to_unit(made))


@pytest.mark.parametrize("grid", GRIDS, ids=shown)
def test_dates_beside_the_calendar_lie_between_those_on_it(grid):
    days = np.arange(grid.low // grid.per_day - 400, grid.high // grid.per_day + 400)
    unit = grid.to_unit(days * grid.per_day)
    assert (np.diff(unit) > 0).all()
    assert unit[0] < -0.01
    assert unit[-1] > 1.01
    later = grid.to_unit(days * grid.per_day + grid.per_day // 2)
    assert ((later > unit) | (grid.per_day == 1)).all()
    assert (later[:-1] < unit[1:]).all()


@pytest.mark.parametrize("grid", GRIDS, ids=shown)
def test_the_earliest_and_the_latest_times_have_a_place(grid):
    ends = np.array([-(2**63), -(2**62), 0, 2**62, 2**63 - 1])
    for values in (ends, ends.astype(float), 1e20 * ends):
        unit = grid.to_unit(values)
        assert np.isfinite(unit).all()
        assert (np.diff(unit) >= 0).all()
    with np.errstate(all="raise"):
        grid.to_unit(np.array([np.nan]))  # of a missing value, whose place nobody looks at


@pytest.mark.parametrize("grid", GRIDS, ids=shown)
@given(data=st.data())
def test_the_ends_of_a_range_are_the_first_and_the_last_date_in_it(grid, data):
    ends = st.integers(int(grid.low) - 10 * grid.per_day, int(grid.high) + 10 * grid.per_day)
    low, high = sorted((data.draw(ends), data.draw(ends)))
    every = grid.from_unit(np.linspace(0, 1, 5001))
    within = every[(every >= low) & (every <= high)]
    inside = grid.inside(low, high)
    if not len(within):
        assert inside is None
        return
    assert inside == (within.min(), within.max())
    assert {type(end) for end in inside} == {int}
    first, last = grid.cells(*inside)
    np.testing.assert_array_equal(
        grid.from_unit(np.array([first + 1e-9, last - 1e-9])), [within.min(), within.max()]
    )


def test_open_ends_are_those_of_the_column():
    grid = grid_of(monthly("MS"))
    assert grid.inside(-np.inf, np.inf) == (grid.low, grid.high)
    assert grid.inside(grid.high + 1, np.inf) is None


# --- columns --------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", FINE_UNITS)
def test_columns_of_dates_return_to_themselves_in_any_unit(unit):
    days = RANDOM.choice(np.r_[monthly("MS", 300)], 600)
    missing = RANDOM.random(600) < 0.1
    per_day = NANOSECONDS["D"] // NANOSECONDS[unit]
    values = np.where(missing, np.iinfo(np.int64).min, days * per_day)
    column = numeric("t", values, missing, unit)
    encoder = TableEncoder().fit([column], np.zeros(600, np.int64))
    table = encoder.transform([column])
    for other in FINE_UNITS:
        ticks = days * (NANOSECONDS["D"] // NANOSECONDS[other])
        again = encoder.transform([numeric("t", ticks, missing, other)])
        np.testing.assert_array_equal(again.numbers, table.numbers)
    rows = np.zeros((600, encoder.layout_.width), np.float32)
    rows[:, 0] = table.numbers[:, 0]
    rows[np.arange(600), 1 + missing] = 1
    (decoded,) = encoder.inverse_transform(rows)
    np.testing.assert_array_equal(decoded.missing, missing)
    np.testing.assert_array_equal(decoded.values[~missing], values[~missing])


def test_dates_that_pile_up_are_a_state():
    days = np.where(RANDOM.random(900) < 0.3, 0, RANDOM.choice(monthly("MS", 100), 900))
    column = numeric("t", days, np.zeros(900, bool), "D")
    encoder = TableEncoder().fit([column], np.zeros(900, np.int64))
    assert encoder.codecs_[0].atoms.tolist() == [0]
    assert (encoder.transform([column]).codes[:, 0] == (days == 0)).all()


def test_distances_of_the_detector_are_those_of_time():
    column = numeric("t", RANDOM.choice(monthly("MS", 100), 900), np.zeros(900, bool), "D")
    encoder = TableEncoder(linear=True).fit([column], np.zeros(900, np.int64))
    assert isinstance(encoder.codecs_[0].grid, IntegerGrid)


def test_days_before_the_epoch_have_their_weekday():
    saturdays = days_of([dt.date(1900, 1, 6), dt.date(1969, 12, 27), dt.date(2024, 2, 10)])
    weekend = Weekdays((5, 6))
    np.testing.assert_array_equal(weekend.day(weekend.number(saturdays)), saturdays)
