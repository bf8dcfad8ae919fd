import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ganaug._encoding import numbers
from ganaug._encoding.numbers import ValueGrid, find_atoms, find_grid, find_scale, find_usual_grid

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


@given(arrays(np.float64, st.integers(2, 200), elements=st.floats(0, 1), unique=True))
def test_scale_is_increasing_and_returns(unit):
    unit = (unit - unit.min()) / (unit.max() - unit.min())
    scale = find_scale(unit)
    assert np.all(np.diff(scale.standard) > 0)
    np.testing.assert_allclose(scale.backward(scale.forward(unit)), unit, atol=1e-9)


@pytest.mark.parametrize("smallest", [1e-2, 1e-9, 1e-200, 5e-324])
@pytest.mark.parametrize("n", [25, 100, 1000])
def test_scale_goes_on_beyond_what_was_seen(n, smallest):
    scale = find_scale(np.r_[np.arange(n) * smallest / n, 1.0])
    forward = scale.forward(np.array([-1e9, -2.0, 0.0, smallest, 0.5, 1.0, 3.0, 1e9]))
    assert not scale.is_linear
    assert np.all(forward[:-1] < forward[1:]) or np.isneginf(forward[1])
    assert np.all(np.diff(forward[2:]) > 0)


@pytest.mark.parametrize("wild", [1e2, 1e10, 1e300])
def test_a_linear_scale_is_that_of_the_usual_values(wild):
    values = np.random.default_rng(0).normal(5, 2, 2000)
    grid = find_grid(np.r_[values, np.full(100, wild)])
    scale = find_scale(grid.to_unit(np.r_[values, np.full(100, wild)]), linear=True)
    moved = scale.forward(grid.to_unit(np.array([5.0, 7.0])))
    assert 0.15 < np.diff(moved)[0] < 1.1


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


def test_a_linear_scale_of_ordinary_values_is_standard():
    unit = np.random.default_rng(0).random(500)
    unit = (unit - unit.min()) / (unit.max() - unit.min())
    standard = find_scale(unit, linear=True).forward(unit)
    np.testing.assert_allclose([standard.mean(), standard.std()], [0, 1], atol=1e-9)


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_scaled_numbers_are_about_standard(sigma):
    values = np.exp(sigma * np.random.default_rng(0).standard_normal(2000))
    grid = find_grid(values)
    standard = find_scale(grid.to_unit(values)).forward(grid.to_unit(values))
    assert abs(standard.mean()) < 0.1
    assert 0.8 < standard.std() < 1.2
    assert np.abs(standard).max() < 12


@pytest.mark.parametrize("distance", [20, 1000])
def test_a_rare_class_that_is_far_away_keeps_its_distance(distance):
    random = np.random.default_rng(0)
    large, small = random.normal(size=10_000), distance + random.normal(size=100)
    values = np.r_[large, small]
    grid = find_grid(values)
    places = [grid.to_unit(part) for part in (large, small)]
    scale = find_scale(grid.to_unit(values), places)
    assert scale.is_linear
    assert not find_scale(grid.to_unit(values)).is_linear
    constant = find_scale(grid.to_unit(np.r_[values, 0.0]), [np.zeros(9), np.ones(9)])
    assert constant.is_linear  # nothing varies within a class


def test_classes_with_heavy_tails_have_quantiles():
    large, small = (np.random.default_rng(k).lognormal(sigma=3, size=900) for k in (0, 1))
    grid = find_grid(np.r_[large, small])
    places = [grid.to_unit(part) for part in (large, small)]
    assert not find_scale(np.concatenate(places), places).is_linear


def test_scale_of_numbers_of_all_magnitudes():
    values = 10.0 ** np.random.default_rng(0).uniform(-300, 300, 300)
    scale, unit = find_scale(find_grid(values).to_unit(values)), find_grid(values).to_unit(values)
    standard = scale.forward(unit)
    assert np.isfinite(standard).all()
    assert (np.diff(standard[np.argsort(values)]) >= 0).all()
    assert np.abs(standard).max() < 4


def test_atoms_are_values_that_pile_up_in_a_varied_column():
    random = np.random.default_rng(0)
    spend = np.where(random.random(500) < 0.6, 0.0, random.exponential(size=500))
    assert find_atoms(spend).tolist() == [0.0]
    assert find_atoms(random.integers(0, 5, 500)).tolist() == []
    assert find_atoms(random.normal(size=500)).tolist() == []


def test_atoms_are_also_what_most_rows_of_a_class_share():
    random = np.random.default_rng(0)
    large = random.lognormal(size=500)
    for share, expected in ((1.0, [3.25]), (0.7, [3.25]), (0.4, [])):
        small = np.where(np.arange(20) < 20 * share, 3.25, random.lognormal(size=20))
        assert find_atoms(np.r_[large, small], [small, large]).tolist() == expected
    few = np.full(4, 3.25)  # by chance, perhaps
    assert find_atoms(np.r_[large, few], [few, large]).tolist() == []
    assert find_atoms(large, [large[:0], large]).tolist() == []
    many = [np.full(6, float(k)) for k in range(40)]
    assert find_atoms(np.r_[large, np.concatenate(many)], many).tolist() == list(range(10))


def test_atoms_of_a_varied_class_stand_out_there():
    random = np.random.default_rng(0)
    large = random.lognormal(size=2000)
    small = np.where(np.arange(100) < 20, 0.0, random.lognormal(size=100))
    assert find_atoms(np.r_[large, small], [small, large]).tolist() == [0.0]
    two = np.where(np.arange(100) < 80, small, 7.5)
    assert find_atoms(np.r_[large, two], [two, large]).tolist() == [0.0, 7.5]
    ages = np.round(random.normal(40, 8, size=100))
    ages[:20], ages[20:30] = 40.0, 41.0  # one age among other frequent ones
    assert find_atoms(np.r_[large, ages], [ages, large]).tolist() == []


def test_the_shape_of_a_very_long_column_is_measured_on_a_part(monkeypatch):
    random = np.random.default_rng(0)
    values = np.r_[random.lognormal(sigma=2, size=20_000), np.zeros(8000), 1e9]
    whole = find_scale(find_grid(values).to_unit(values)), find_atoms(values)
    monkeypatch.setattr(numbers, "MAX_SHAPE_VALUES", 5000)
    grid = find_grid(values)
    part = find_scale(grid.to_unit(values)), find_atoms(values)
    assert (grid.low, grid.high) == (0.0, 1e9)  # the range counts every value
    assert part[0].unit[[0, -1]].tolist() == [0.0, 1.0]
    places = np.quantile(grid.to_unit(values), [0.5, 0.9])
    np.testing.assert_allclose(part[0].forward(places), whole[0].forward(places), atol=0.1)
    np.testing.assert_array_equal(part[1], whole[1])


def test_few_values_are_a_grid_only_if_there_are_no_others(monkeypatch):
    monkeypatch.setattr(numbers, "MAX_SHAPE_VALUES", 1000)
    common = np.repeat([1, 2, 7], 10_000)
    assert isinstance(find_grid(common), ValueGrid)
    assert not isinstance(find_grid(np.r_[common, np.arange(100, 300)]), ValueGrid)


@pytest.mark.parametrize(
    ("values", "step"),
    [([1, 2, 3, 4, 5], 0.25), ([0.1, 0.2, 0.3], 0.5), ([1, 2, 4], 0.0), ([7], 0.0)],
)
def test_common_values_have_a_step_if_they_are_at_equal_distances(values, step):
    assert ValueGrid(np.array(values)).unit_step == pytest.approx(step)


def test_the_ends_of_a_column_come_back_from_single_precision():
    random = np.random.default_rng(0)
    for values in random.normal(size=(100, 50)):
        grid = find_grid(values)
        scale = find_scale(grid.to_unit(values))
        ends = scale.forward(np.array([0.0, 1.0])).astype(np.float32)
        back = grid.from_unit(scale.backward_from_single(ends))
        assert back.tolist() == [values.min(), values.max()]
