import numpy as np
import pytest
import torch

from ganaug._encoding.layout import EncodedTable, NumberSlot, TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.monitor import QualityMonitor, least_spreads
from ganaug._gan.networks import NetworkConfig
from ganaug._gan.quality import LEAST_SPREAD, coverage, energy_distance

N_COLUMNS = 3


def normal(n_rows, seed=0):
    return torch.randn(n_rows, N_COLUMNS, generator=torch.Generator().manual_seed(seed))


def table_of(*classes, weights=None):
    layout = TableLayout(
        tuple(NumberSlot(column, -9.0, 9.0, 0.0) for column in range(N_COLUMNS)), (), ()
    )
    numbers = torch.cat(classes).numpy()
    encoded = EncodedTable(numbers, np.empty((len(numbers), 0), dtype=np.int32))
    counts = np.array(list(map(len, classes)))
    return DeviceTable(layout, encoded, counts, torch.device("cpu"), weights)


def test_rows_that_occur_twice_are_covered_as_once():
    random = torch.Generator().manual_seed(0)
    real, generated = (torch.randn(60, 3, generator=random) for _ in range(2))
    once = coverage(generated, real, torch.ones(60))
    twice = coverage(generated, torch.cat([real, real]), torch.ones(120))
    assert once > 0.5
    torch.testing.assert_close(twice, once)


@pytest.mark.parametrize("width", [1.0, 1e-2, 1e-4])
def test_a_class_that_varies_is_measured_by_its_own_spread_bit_for_bit(width):
    # the formula from before there was another: whatever was measured with it still holds
    real, generated = width * normal(60), width * normal(60, seed=1)
    within, between = torch.cdist(real, real).mean(), torch.cdist(generated, real).mean()
    before = (2 * between - torch.cdist(generated, generated).mean() - within) / within
    (least,) = least_spreads(table_of(real, normal(300)), [real])
    assert least == LEAST_SPREAD
    assert torch.equal(energy_distance(generated, real, least), before)


@pytest.mark.parametrize("others", [normal(300), torch.full((9000, N_COLUMNS), -1.0)])
def test_a_class_that_does_not_vary_is_measured_by_the_spread_of_the_table(others):
    real = torch.full((40, N_COLUMNS), 1.0)
    (least,) = least_spreads(table_of(real, others), [real])
    assert 0.5 < least < 4
    assert energy_distance(real + 1e-3, real, least) < 0.01
    assert 0.5 < energy_distance(others[:40], real, least) < 10


def test_a_table_of_one_row_has_no_spread():
    real = torch.ones(40, N_COLUMNS)
    assert least_spreads(table_of(real, real), [real]) == [LEAST_SPREAD]


def test_real_rows_are_watched_as_often_as_they_weigh():
    heavy, light = normal(50), normal(100, seed=1) + 8
    weights = np.repeat([1.0, 1e-3, 1.0], [50, 100, 300])
    table = table_of(torch.cat([heavy, light]), normal(300, seed=2), weights=weights)
    sizes, random = NetworkConfig((4,), 2), torch.Generator().manual_seed(0)
    monitor = QualityMonitor(table, [0, 1], sizes, random)

    def distance(middle):
        return monitor.measure(lambda anchor, *rest: normal(len(anchor), seed=3) + middle)

    assert distance(0) < 0.05
    assert distance(0) < distance(1) < distance(8)


def test_the_spread_of_a_table_is_that_of_rows_with_weight():
    same, far = torch.full((40, N_COLUMNS), 1.0), normal(100, seed=1) + 1e3
    weights = np.repeat([1.0, 1.0, 1e-6], [40, 200, 100])
    (least,) = least_spreads(table_of(same, torch.cat([normal(200), far]), weights=weights), [same])
    assert 0.5 < least < 4


def test_a_class_counts_as_many_rows_as_have_weight():
    weights = np.r_[np.ones(50), np.full(100, 1e-9), np.full(30, 0.5)]
    table = table_of(normal(150), normal(30), weights=weights)
    np.testing.assert_allclose(table.effective_counts, [50, 30])
    assert table_of(normal(150), normal(30)).effective_counts.tolist() == [150, 30]
