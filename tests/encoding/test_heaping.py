import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import ganaug
from ganaug import GANSampler
from ganaug._encoding.codecs import NumberCodec
from ganaug._encoding.columns import Column
from ganaug._encoding.grids import find_grid
from ganaug._encoding.heaping import find_heaps

N = 3000


def _random():
    return np.random.default_rng(0)


def _heaps(values, *by_class, unit=None):
    return find_heaps(values, by_class, find_grid(values), unit)


def _share_on(values, step):
    places = np.asarray(values, dtype=float) / step
    return float((np.abs(places - np.round(places)) < 1e-5).mean())


def _mostly(rounded, others, share=0.8):
    return np.where(_random().random(len(others)) < share, rounded, others)


HEAPED = {
    "whole, one with a half": (np.r_[_random().integers(18, 90, N - 1), 37.5], [1.0], None),
    "whole, one with any digits": (
        np.r_[_random().integers(18, 90, N - 1), 37.123456789],
        [1.0],
        None,
    ),
    "tens": (
        _mostly(_random().integers(2, 9, N) * 10, _random().integers(18, 90, N)),
        [10.0],
        None,
    ),
    "tens and fives": (
        np.r_[
            _random().integers(2, 12, 1000) * 10,
            _random().integers(4, 24, 1000) * 5,
            _random().integers(18, 120, 1000),
        ],
        [10.0, 5.0],
        None,
    ),
    "tenths, in single precision": (
        np.float32(_mostly(_random().integers(80, 150, N) / 10, _random().normal(11, 2, N))).astype(
            float
        ),
        [0.1],
        None,
    ),
    "full hours": (
        _mostly(_random().integers(0, 500, N) * 3600, _random().integers(0, 500 * 3600, N)),
        [3600.0],
        "s",
    ),
}


@pytest.mark.parametrize(("values", "steps", "unit"), HEAPED.values(), ids=HEAPED)
def test_steps_are_found_to_which_many_values_are_rounded(values, steps, unit):
    assert _heaps(values, unit=unit).steps.tolist() == pytest.approx(steps)


@pytest.mark.parametrize(("values", "steps", "unit"), HEAPED.values(), ids=HEAPED)
def test_as_many_of_other_values_are_rounded(values, steps, unit):
    grid = find_grid(values)
    heaps = find_heaps(values, (), grid, unit)
    made = heaps.from_unit(grid.to_unit(_random().uniform(grid.low, grid.high, 20_000)), grid, 0)
    for step in steps:
        assert _share_on(made, step) == pytest.approx(_share_on(values, step), abs=0.05)


@pytest.mark.parametrize(
    "values",
    [
        _random().normal(size=N),
        _random().integers(0, 200, N),
        _random().poisson(5, N),
        _random().poisson(30, N),
        np.floor(_random().exponential(10, N)),
        np.floor(_random().exponential(100, N)),
        np.round(_random().lognormal(7, 1, N), 2),
        _random().integers(0, 2**62, N),
        np.full(N, 3.0),
        _random().normal(size=5),
    ],
    ids=[
        "normal",
        "uniform",
        "few",
        "counts",
        "decay",
        "slow",
        "cents",
        "huge",
        "constant",
        "five",
    ],
)
def test_smooth_columns_have_no_steps(values):
    assert _heaps(values) is None


def test_each_class_has_a_share_of_its_own_as_far_as_its_rows_tell():
    values = np.r_[_random().integers(10, 90, 500) * 10, _random().integers(100, 900, 500)]
    heaps = _heaps(values, values[:500], values[500:], values[500:502])
    rounded, other, tiny = heaps.shares[:, 0]
    assert rounded > 0.97
    assert other < 0.05
    assert 0.3 < tiny < 0.6


@given(
    st.integers(1, 10**6),
    st.floats(0, 1),
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_rounded_values_stay_in_range_on_the_grid_and_near_where_they_were(seed, share, units):
    random = np.random.default_rng(seed)
    fine = random.integers(100, 1000, 400)
    values = np.where(random.random(400) < 0.2 + share / 2, fine // 50 * 50, fine) / 4
    grid, unit = find_grid(values), np.array(units)
    heaps = find_heaps(values, (), grid)
    assume(heaps is not None)
    made = heaps.from_unit(unit, grid, 0)
    assert np.all((made >= grid.low) & (made <= grid.high))
    assert _share_on(made, 0.25) == 1.0
    assert np.abs(made - grid.from_unit(unit)).max() <= heaps.steps[0] + 0.25
    ends = np.array([0.0, 1.0])
    assert heaps.from_unit(ends, grid, 0).tolist() == [grid.low, grid.high]


def test_states_are_no_heaps():
    spend = np.r_[np.full(400, 100.0), _random().gamma(2, 50, 1600)]
    assert find_heaps(spend, (), find_grid(spend)) is not None
    codec = NumberCodec.fit(Column("spend", spend, np.zeros(2000, dtype=bool)))
    assert codec.atoms.tolist() == [100]
    assert codec.heaps is None


@pytest.fixture(scope="module")
def ages():
    """Ages of which one has a half, incomes that one class rounds, and cents that both round."""
    random, n = _random(), 1000
    y = np.repeat([0, 1], [800, 200])
    age = np.r_[random.integers(18, 90, n - 1), 37.5]
    income = random.integers(1000, 9000, n)
    rounded = random.random(n) < np.where(y == 1, 0.9, 0.3)
    income[rounded] = income[rounded] // 100 * 100
    # neighbours are nearer to each other than steps are
    price = random.lognormal(4, 0.5, n).round(2)
    rounded = random.random(n) < np.where(y == 1, 0.5, 0.7)
    price[rounded] = price[rounded].round(-1)
    X = pd.DataFrame({"age": age, "income": income, "price": price, "z": random.normal(size=n) + y})
    return X, y, GANSampler(n_steps=60, random_state=0).fit(X, y)


def test_new_rows_are_as_round_as_those_of_their_class(ages):
    X, y, sampler = ages
    X_new, y_new = sampler.sample({0: 2000, 1: 2000})
    assert (X_new["age"] % 1 == 0).mean() > 0.99
    for label in (0, 1):
        for name, step in (("income", 100), ("price", 10)):
            real, new = X[name][y == label], X_new[name][y_new == label]
            assert _share_on(new, step) == pytest.approx(_share_on(real, step), abs=0.07)


def test_rounding_does_not_leave_what_where_asks_for(ages):
    *_, sampler = ages
    income = sampler.sample(500, y=1, where={"income": (2030, 2080)})[0]["income"]
    assert income.between(2030, 2080).all()
    assert income.nunique() > 20
    assert set(sampler.sample(20, y=1, where={"income": 2033})[0]["income"]) == {2033}


def test_a_saved_sampler_rounds_as_before(ages, tmp_path):
    *_, sampler = ages
    sampler.save(tmp_path / "model.ganaug")
    loaded = ganaug.load(tmp_path / "model.ganaug")
    pd.testing.assert_frame_equal(loaded.sample(200)[0], sampler.sample(200)[0])
