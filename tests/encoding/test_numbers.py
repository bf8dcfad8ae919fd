import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ganaug._encoding import grids
from ganaug._encoding.grids import find_grid
from ganaug._encoding.numbers import find_atoms, find_scale


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
    monkeypatch.setattr(grids, "MAX_SHAPE_VALUES", 5000)
    grid = find_grid(values)
    part = find_scale(grid.to_unit(values)), find_atoms(values)
    assert (grid.low, grid.high) == (0.0, 1e9)  # the range counts every value
    assert part[0].unit[[0, -1]].tolist() == [0.0, 1.0]
    places = np.quantile(grid.to_unit(values), [0.5, 0.9])
    np.testing.assert_allclose(part[0].forward(places), whole[0].forward(places), atol=0.1)
    np.testing.assert_array_equal(part[1], whole[1])


def test_the_ends_of_a_column_come_back_from_single_precision():
    random = np.random.default_rng(0)
    for values in random.normal(size=(100, 50)):
        grid = find_grid(values)
        scale = find_scale(grid.to_unit(values))
        ends = scale.forward(np.array([0.0, 1.0])).astype(np.float32)
        back = grid.from_unit(scale.backward_from_single(ends))
        assert back.tolist() == [values.min(), values.max()]
