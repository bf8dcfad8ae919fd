import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganaug._encoding.layout import EncodedTable, HeadSlot, NumberSlot, TableLayout
from ganaug._gan.batches import DeviceTable
from ganaug._gan.ranges import NumberRanges, fold


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=20),
    st.floats(-10, 10),
    st.floats(0, 5),
)
def test_folded_values_lie_within(values, low, width):
    folded = fold(torch.tensor(values), low, low + width)
    assert folded.min() >= low - 1e-5
    assert folded.max() <= low + width + 1e-5


def test_values_within_stay_and_others_do_not_pile_up():
    values = torch.linspace(-3.0, 4.0, 7001)
    folded = fold(values, 0.0, 1.0)
    inside = (values >= 0) & (values <= 1)
    torch.testing.assert_close(folded[inside], values[inside])
    counts = torch.histc(folded, bins=10, min=0, max=1)
    assert counts.max() <= 1.05 * counts.min()


def table_of(numbers, counts, slots, codes=None, heads=(), weights=None):
    codes = np.zeros((len(numbers), len(heads)), np.int32) if codes is None else codes
    rows = EncodedTable(np.asarray(numbers, np.float32), codes)
    layout = TableLayout(slots, (), heads)
    return DeviceTable(layout, rows, np.array(counts), torch.device("cpu"), weights)


def in_range(table, numbers, class_code=0, one_hot=None):
    rows = torch.tensor(numbers, dtype=torch.float32)[:, None]
    if one_hot is not None:
        rows = torch.cat([rows, one_hot], dim=1)
    return NumberRanges(table)(rows, class_code, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("at_end", "expected"), [(0, 0.0), (10, 0.1), (60, 0.25)])
def test_as_many_numbers_stay_at_an_end_as_real_ones_of_the_class_lie_there(at_end, expected):
    random = np.random.default_rng(0)
    own, other = random.uniform(size=(100, 1)), random.uniform(size=(100, 1))
    own[:at_end], other[0], other[1] = 1.0, 0.0, 1.0
    table = table_of(np.vstack([own, other]), [100, 100], (NumberSlot(0, 0.0, 1.0, 0.0),))
    found = in_range(table, random.uniform(-1.0, 1.0 + 2 / 3, size=4000))  # a quarter beyond 1
    assert found.min() > 0.0
    assert (found == 1.0).float().mean() == pytest.approx(expected, abs=0.02)
    of_other = in_range(table, random.uniform(-1.0, 2.0, size=4000), class_code=1)
    assert (of_other == 1.0).float().mean() == pytest.approx(0.01, abs=0.01)


def test_what_is_rounded_to_an_end_counts_as_being_there():
    whole = np.arange(9.0).repeat(9)[:, None]
    table = table_of(whole, [81], (NumberSlot(0, 0.0, 8.0, 1.0),))
    found = in_range(table, np.random.default_rng(0).uniform(-7.0, 15.0, size=4000))
    at_ends = [float((found.round() == end).float().mean()) for end in (0.0, 8.0)]
    assert at_ends == pytest.approx([1 / 9, 1 / 9], abs=0.02)


def test_states_are_neither_moved_nor_ends():
    slots, heads = (NumberSlot(0, 0.0, 9.0, 0.0),), (HeadSlot(0, 2, 0, (0.0, 0.0)),)
    numbers, codes = np.linspace(5.0, 9.0, 50)[:, None], np.zeros((50, 1), np.int32)
    numbers[:20], codes[:20] = 0.0, 1
    table = table_of(numbers, [50], slots, codes, heads)
    piled_up, as_it_is = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    assert in_range(table, [0.0], one_hot=piled_up).tolist() == [[0.0, 0.0, 1.0]]
    lowest = float(numbers[20, 0])
    found = in_range(table, [lowest - 0.5], one_hot=as_it_is)
    assert found[0, 0] == pytest.approx(lowest + 0.5)
    all_piled_up = table_of(numbers[:20], [20], slots, codes[:20], heads)
    assert in_range(all_piled_up, [-1.0], one_hot=as_it_is)[0, 0] == 1.0  # that of the column


def test_shares_at_the_ends_count_weights():
    numbers = np.r_[np.zeros(50), np.linspace(0.1, 1.0, 50)][:, None]
    weights = np.r_[np.full(50, 1.0), np.full(50, 9.0)]
    table = table_of(numbers, [100], (NumberSlot(0, 0.0, 1.0, 0.0),), weights=weights)
    found = in_range(table, np.random.default_rng(0).uniform(-1.0, 1.0, size=4000))
    assert (found == 0.0).float().mean() == pytest.approx(0.1, abs=0.02)


def test_a_table_without_numbers_has_no_ranges():
    table = table_of(np.zeros((3, 0)), [3], (), np.zeros((3, 1), np.int32), (HeadSlot(0, 2),))
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert torch.equal(NumberRanges(table)(rows, 0, torch.Generator()), rows)
