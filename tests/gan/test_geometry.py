import numpy as np
import pytest
import torch

from ganaug._encoding.layout import EncodedTable, HeadSlot, NumberSlot, TableLayout
from ganaug._gan.batches import DeviceTable, nearest_in_class
from ganaug._gan.geometry import MAX_RANK, ClassMoves, measure_classes

CPU = torch.device("cpu")


def layout_of(n_numbers, heads=()):
    numbers = tuple(NumberSlot(k, -9.0, 9.0, 0.0) for k in range(n_numbers))
    return TableLayout(numbers, (), heads)


def table_of(numbers, counts, layout, codes=None):
    n_heads = len(layout.heads)
    codes = np.zeros((len(numbers), n_heads), np.int32) if codes is None else codes
    rows = EncodedTable(numbers.astype(np.float32), codes)
    return DeviceTable(layout, rows, np.array(counts), CPU)


def moves_of(table, k=5):
    geometry = measure_classes(table, nearest_in_class(table, k))
    return ClassMoves(geometry, table.layout, CPU)


@pytest.fixture
def two_classes():
    """The first class is a thin line, the second a round cloud."""
    random = np.random.default_rng(0)
    along = random.normal(size=(300, 1))
    line = along @ [[1.0, -1.0, 0.5]] + 0.001 * random.normal(size=(300, 3))
    cloud = random.normal(size=(200, 3)) + 3.0
    return table_of(np.vstack([line, cloud]), [300, 200], layout_of(3))


def test_the_differences_to_many_neighbours_are_taken_from_some(two_classes, monkeypatch):
    expanded = []
    expand = DeviceTable.expand
    monkeypatch.setattr(
        DeviceTable, "expand", lambda self, rows: expanded.append(len(rows)) or expand(self, rows)
    )
    neighbours = nearest_in_class(two_classes, 299)
    expanded.clear()
    geometry = measure_classes(two_classes, neighbours)
    assert max(expanded) <= 32 * 300
    # the mean of squared differences of any two rows is twice the variance
    size = np.square(geometry.between_neighbours[0]).sum() / np.square(geometry.in_class[0]).sum()
    assert size == pytest.approx(2, rel=0.1)


def test_moves_of_a_class_stay_in_its_directions(two_classes):
    moves = moves_of(two_classes)
    units = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    anchor, anchored = torch.zeros(400, 3), torch.ones(400, 1)
    spread = [
        moves.moved(anchor, anchored, units, torch.full((400,), code)).T.cov() for code in (0, 1)
    ]
    narrowest, widest = (torch.linalg.eigvalsh(one)[[0, -1]].sqrt() for one in spread)
    assert narrowest[0] < 0.1 * narrowest[1]  # as flat as the line
    assert widest[0] > 0.5 * widest[1]  # as round as the cloud


def test_units_are_what_moved_takes_times_the_size_of_moves(two_classes):
    moves = moves_of(two_classes)
    units = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    anchor, anchored = torch.full((50, 3), 2.0), torch.ones(50, 1)
    classes = torch.ones(50, dtype=torch.long)
    moved = moves.moved(anchor, anchored, units, classes)
    found = moves.units(anchor, anchored, moved, classes)
    size = (found / units).median()
    assert size < 1
    torch.testing.assert_close(found, size * units, atol=1e-4, rtol=1e-4)
    both = moves.units(anchor, anchored, torch.stack([moved, anchor]), classes)
    torch.testing.assert_close(both, torch.stack([found, torch.zeros_like(found)]))


def test_differences_of_neighbours_are_alike_in_all_directions_and_keep_their_size(two_classes):
    moves = moves_of(two_classes)
    rows = torch.arange(300, 500)
    neighbours = nearest_in_class(two_classes, 5)[rows]
    anchor = two_classes.expand(rows.repeat_interleave(5))
    target = two_classes.expand(neighbours.flatten())
    ones = torch.ones(1000, 1)
    units = moves.units(anchor, ones, target, torch.ones(1000, dtype=torch.long))
    size = (target - anchor).square().mean().sqrt()
    assert torch.allclose(units.square().mean(dim=0).sqrt(), size.expand(3), rtol=0.3)


def test_rows_without_anchor_start_at_the_mean_of_their_class(two_classes):
    moves = moves_of(two_classes)
    nothing = torch.zeros(2, 3)
    moved = moves.moved(nothing, nothing[:, :1], nothing, torch.tensor([0, 1]))
    torch.testing.assert_close(moved[1], two_classes.expand(torch.arange(300, 500)).mean(dim=0))
    rows = torch.randn(2, 3)
    assert torch.equal(moves.units(nothing, nothing[:, :1], rows, torch.tensor([0, 1])), rows)


def test_a_number_that_is_missing_has_not_moved():
    layout = layout_of(2, (HeadSlot(0, 2, number=0, constants=(0.0, 0.0)),))
    random = np.random.default_rng(0)
    codes = np.zeros((60, 1), np.int32)
    codes[::3] = 1
    numbers = random.normal(loc=[50.0, 0.0], size=(60, 2))
    numbers[::3, 0] = 0.0  # what stands for missing
    moves = moves_of(table_of(numbers, [60], layout, codes))
    there = torch.tensor([[50.0, 0.0, 1.0, 0.0]])
    missing = torch.tensor([[0.0, 0.0, 0.0, 1.0]])
    one, first = torch.ones(1, 1), torch.zeros(1, dtype=torch.long)
    units = moves.units(there, one, missing, first)
    assert units[0, :2].abs().max() < 1e-3
    assert torch.equal(units[0, 2:], torch.tensor([-1.0, 1.0]))


@pytest.fixture
def partly_missing():
    """The first number is 50, or so, or missing in two of three rows; 0 stands for that."""
    layout = layout_of(2, (HeadSlot(0, 2, 0, (0.0, 0.0), has_missing=True),))
    numbers = np.random.default_rng(0).normal(loc=[50.0, 0.0], size=(600, 2))
    codes = np.ones((600, 1), np.int32)
    codes[::3] = 0
    numbers[codes[:, 0] == 1, 0] = 0.0
    return table_of(numbers, [600], layout, codes)


def test_what_is_missing_counts_neither_as_a_place_nor_as_a_difference(partly_missing):
    geometry = measure_classes(partly_missing, nearest_in_class(partly_missing, 5))
    np.testing.assert_allclose(geometry.mean[0], [50.0, 0.0], atol=0.2)
    np.testing.assert_allclose(geometry.in_class[0], np.eye(2), atol=0.15)


def test_columns_with_gaps_are_as_correlated_as_without():
    random = np.random.default_rng(0)
    layout = layout_of(2, tuple(HeadSlot(k, 2, k, (0.0, 0.0), True) for k in range(2)))
    line = random.normal(size=(500, 1)) @ [[1.0, -1.0]]
    codes = (random.random((500, 2)) < 0.4).astype(np.int32)
    numbers = np.where(codes == 1, 0.0, line)
    geometry = measure_classes(
        gaps := table_of(numbers, [500], layout, codes), nearest_in_class(gaps, 5)
    )
    for root in (geometry.in_class[0], geometry.between_neighbours[0]):
        covariance = root @ root
        assert covariance[0, 1] < -0.9 * covariance.diagonal().min()


def test_a_number_that_its_anchor_misses_starts_at_the_mean_of_the_class(partly_missing):
    moves = moves_of(partly_missing)
    one, first = torch.ones(1, 1), torch.zeros(1, dtype=torch.long)
    missing, there = torch.tensor([[0.0, 3.0, 0.0, 1.0]]), torch.tensor([[49.0, 3.0, 1.0, 0.0]])
    still = torch.zeros(1, 2)
    start = moves.moved(missing, one, still, first)
    assert start[0].tolist() == pytest.approx([50.0, 3.0], abs=0.2)
    assert moves.moved(there, one, still, first)[0].tolist() == [49.0, 3.0]


def test_a_value_that_piles_up_is_a_place_like_others():
    layout = layout_of(2, (HeadSlot(0, 2, 0, (0.0, 7.0)),))
    numbers = np.random.default_rng(0).normal(loc=[50.0, 0.0], size=(600, 2))
    codes = np.zeros((600, 1), np.int32)
    numbers[:300, 0], codes[:300] = 7.0, 1
    piled_up = table_of(numbers, [600], layout, codes)
    geometry = measure_classes(piled_up, nearest_in_class(piled_up, 5))
    np.testing.assert_allclose(geometry.mean[0], [28.5, 0.0], atol=0.2)
    moves = moves_of(piled_up)
    one, first = torch.ones(1, 1), torch.zeros(1, dtype=torch.long)
    row = torch.tensor([[7.0, 3.0, 0.0, 1.0]])
    assert moves.moved(row, one, torch.zeros(1, 2), first)[0].tolist() == [7.0, 3.0]


def test_wide_tables_move_along_few_directions():
    width = MAX_RANK + 20
    random = np.random.default_rng(0)
    table = table_of(random.normal(size=(30, width)), [30], layout_of(width))
    geometry = measure_classes(table, nearest_in_class(table, 5))
    assert geometry.basis.shape == (width, MAX_RANK)
    moves = ClassMoves(geometry, table.layout, CPU)
    one, first = torch.ones(1, 1), torch.zeros(1, dtype=torch.long)
    moved = moves.moved(torch.zeros(1, width), one, torch.randn(1, width), first)
    assert moved.shape == (1, width)
    assert moved.isfinite().all()


@pytest.mark.parametrize("n_rows", [1, 2])
def test_tiny_classes_have_a_geometry(n_rows):
    table = table_of(np.ones((n_rows, 2)), [n_rows], layout_of(2))
    moves = moves_of(table, k=1)
    one, first = torch.ones(1, 1), torch.zeros(1, dtype=torch.long)
    row = torch.ones(1, 2)
    assert moves.units(row, one, row + 0.5, first).isfinite().all()
    assert torch.allclose(moves.moved(row, one, row, first), row, atol=1e-3)


def test_without_geometry_moves_are_what_they_are():
    moves = ClassMoves(None, layout_of(2), CPU)
    row, one, first = torch.ones(1, 2), torch.ones(1, 1), torch.zeros(1, dtype=torch.long)
    assert torch.equal(moves.moved(row, one, row, first), 2 * row)
    assert torch.equal(moves.units(row, one, 3 * row, first), 2 * row)


def test_slopes_say_how_other_numbers_follow():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 2))
    rows = np.c_[x, 2 * x[:, 0] - x[:, 1], random.normal(size=400)]
    layout = layout_of(4)
    slopes = moves_of(table_of(rows, [400], layout)).slopes(0, [0, 1])
    expected = torch.tensor([[0.0, 0.0, 2.0, 0.0], [0.0, 0.0, -1.0, 0.0]])
    torch.testing.assert_close(slopes, expected, atol=0.15, rtol=0)
    assert not ClassMoves(None, layout, CPU).slopes(0, [1]).any()


def test_numbers_that_are_the_same_share_what_follows():
    x = np.random.default_rng(0).normal(size=300)
    rows = np.c_[x, x, 3 * x, np.zeros(300)]
    slopes = moves_of(table_of(rows, [300], layout_of(4))).slopes(0, [0, 1])
    torch.testing.assert_close(slopes[:, 2], torch.tensor([1.5, 1.5]), atol=0.1, rtol=0)
    assert torch.isfinite(slopes).all()
