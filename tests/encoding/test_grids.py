import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ganaug._encoding import grids
from ganaug._encoding.grids import ValueGrid, find_grid, find_usual_grid
from ganaug._encoding.numbers import find_scale

FINITE = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = {
    np.int64: st.integers(-(2**63), 2**63 - 1),
    np.uint64: st.integers(0, 2**64 - 1),
}


@given(arrays(np.float64, st.integers(1, 30), elements=FINITE))
@example(np.array([-2.77673781e304, 1.79769313e308]))
@example(np.array([-1.79769313e308, 1.79769313e308]))
@example(np.array([5e-324, 0.0]))
def test_floats_return_to_themselves_and_stay_in_range(values):
    grid = find_grid(values)
    back = grid.from_unit(grid.to_unit(values))
    assert back.min() >= values.min()
    assert back.max() <= values.max()
    # relative to the range of the column, which may span 600 orders of magnitude
    span = values.max() / 2 - values.min() / 2
    assert np.all(np.abs(back / 2 - values / 2) <= max(span * 1e-12, 5e-324))


@pytest.mark.parametrize("dtype", list(INTEGERS))
@given(data=st.data())
def test_integers_stay_on_their_grid_and_in_range(dtype, data):
    values = np.array(data.draw(st.lists(INTEGERS[dtype], min_size=1, max_size=30)), dtype=dtype)
    units = data.draw(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=10))
    made = find_grid(values).from_unit(np.array(units))
    low, high = int(values.min()), int(values.max())
    step = math.gcd(*(value - low for value in values.tolist()))
    for value in made.tolist():
        assert low <= value <= high
        assert value == low or (value - low) % step == 0


@pytest.mark.parametrize("dtype", list(INTEGERS))
@given(data=st.data())
def test_small_integer_ranges_return_exactly(dtype, data):
    start = data.draw(INTEGERS[dtype].filter(lambda v: v < 2**62))
    offsets = data.draw(st.lists(st.integers(0, 2**40), min_size=1, max_size=30))
    values = np.array([start + offset for offset in offsets], dtype=dtype)
    grid = find_grid(values)
    np.testing.assert_array_equal(grid.from_unit(grid.to_unit(values)).astype(dtype), values)


def test_integers_below_the_fitted_range_are_below_zero():
    grid = find_grid(np.array([10, 20]))
    np.testing.assert_allclose(grid.to_unit(np.array([0, 10, 30])), [-1, 0, 2])
    np.testing.assert_allclose(grid.to_unit(np.array([0.0, 15.0])), [-1, 0.5])


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1.25, 2.5, 100.0], 1.25),
        ([0.1, 0.3, 0.7], 0.2),
        ([10.0, 20.0, 50.0], 10.0),
        ([1e12, 1e12 + 5], 5.0),
        ([0.123456789, 1.0], 0.876543211),
        ([np.pi, np.e, 1.0], 0.0),
        ([1e-12, 2e-12], 0.0),
        ([1e300, -1e300], 0.0),
    ],
)
def test_step_of_floats(values, step):
    assert find_grid(np.array(values)).step == pytest.approx(step)


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_few_values_are_the_only_ones(dtype):
    values = np.repeat(np.array([3, 4, 10, 1000], dtype=dtype), 30)
    grid = find_grid(values)
    np.testing.assert_array_equal(grid.from_unit(grid.to_unit(values)), values)
    made = grid.from_unit(np.linspace(-0.5, 1.5, 50))
    assert set(made.tolist()) <= {3, 4, 10, 1000}
    assert made.dtype == dtype


def test_prices_in_single_precision_keep_their_grid():
    prices = np.round(np.random.default_rng(0).lognormal(3, 1, 200), 2).astype(np.float32)
    grid = find_grid(prices.astype(np.float64))
    assert grid.step == pytest.approx(0.01)
    made = grid.from_unit(np.random.default_rng(1).random(100)).astype(np.float32)
    np.testing.assert_array_equal(made, np.round(made.astype(float), 2).astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize("wild", [[1e17, -1e17], [-1e18], [9e18], [-9e18] * 5 + [9e18] * 5])
def test_wild_values_on_both_sides_leave_the_others_their_digits(wild, dtype):
    values = np.r_[np.random.default_rng(0).normal(5, 2e3, 500), wild].astype(dtype)
    grid = find_usual_grid(values)
    scale = find_scale(grid.to_unit(values), linear=True)
    moved = scale.forward(grid.to_unit(np.array([-9e18, 0, 100, 200, 9e18]).astype(dtype)))
    assert {type(grid.low), type(grid.high)} <= {int, float}  # as files keep them
    np.testing.assert_allclose(*np.diff(moved)[1:3], rtol=1e-6)
    assert moved[2] - moved[1] > 0.01
    assert moved[0] < -1e6
    assert moved[-1] > 1e6


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_the_usual_grid_of_ordinary_values_is_that_of_all(scale, dtype):
    rng = np.random.default_rng(0)
    for values in (
        scale * rng.normal(size=900),
        rng.integers(0, 5, 900),
        1e9 + 100 * rng.random(900),
    ):
        values = values.astype(dtype)
        assert repr(find_usual_grid(values)) == repr(find_grid(values))


def test_few_values_are_a_grid_only_if_there_are_no_others(monkeypatch):
    monkeypatch.setattr(grids, "MAX_SHAPE_VALUES", 1000)
    common = np.repeat([1, 2, 7], 10_000)
    assert isinstance(find_grid(common), ValueGrid)
    assert not isinstance(find_grid(np.r_[common, np.arange(100, 300)]), ValueGrid)


@pytest.mark.parametrize(
    ("values", "step"),
    [([1, 2, 3, 4, 5], 0.25), ([0.1, 0.2, 0.3], 0.5), ([1, 2, 4], 0.0), ([7], 0.0)],
)
def test_common_values_have_a_step_if_they_are_at_equal_distances(values, step):
    assert ValueGrid(np.array(values)).unit_step == pytest.approx(step)
