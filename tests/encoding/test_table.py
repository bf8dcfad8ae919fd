import datetime as dt
import decimal
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from ganaug._encoding import layout, table
from ganaug._encoding.codecs import MAX_ONE_HOT_LEVELS
from ganaug._encoding.columns import Column, categorical, numeric
from ganaug._encoding.layout import EncodedTable
from ganaug._encoding.table import TableEncoder
from ganaug.exceptions import DataError

N = 400


def number(values, missing=None):
    values = np.asarray(values)
    return numeric("x", values, np.zeros(len(values), bool) if missing is None else missing)


def expand(encoder: TableEncoder, table: EncodedTable) -> np.ndarray:
    """Expand compact rows by the letter of the layout (the package does it in torch)."""
    layout = encoder.layout_
    rows = np.zeros((len(table), layout.width), dtype=np.float32)
    rows[:, : len(layout.numbers)] = table.numbers
    for k, (slot, part) in enumerate(zip(layout.vectors, layout.vector_slices, strict=True)):
        known = table.codes[:, k] >= 0
        rows[:, part] = slot.vectors[table.codes[:, k]] * known[:, None]
    for k, part in enumerate(layout.head_slices, start=len(layout.vectors)):
        codes = table.codes[:, k]
        rows[np.arange(len(table)), layout.continuous_width + part.start + codes] = 1.0
    return rows


def round_trip(columns, classes=None):
    classes = np.zeros(len(columns[0].values), np.int64) if classes is None else classes
    encoder = TableEncoder().fit(columns, classes)
    table = encoder.transform(columns)
    decoded = encoder.inverse_transform(expand(encoder, table))
    return encoder, table, decoded


RANDOM = np.random.default_rng(0)
COLUMNS = {
    "normal": number(RANDOM.normal(size=N)),
    "counts": number(RANDOM.poisson(3, N)),
    "heavy": number(np.exp(3 * RANDOM.normal(size=N))),
    "missing": number(RANDOM.normal(size=N), RANDOM.random(N) < 0.2),
    "all missing": number(np.zeros(N), np.ones(N, bool)),
    "constant": number(np.full(N, 4)),
    "constant or missing": number(np.full(N, 4.0), RANDOM.random(N) < 0.2),
    "zero inflated": number(np.where(RANDOM.random(N) < 0.5, 0, RANDOM.exponential(size=N))),
    "category": categorical("c", RANDOM.choice(["a", "b", "c"], N)),
    "category, missing": categorical("c", RANDOM.choice(np.array(["a", "b", None]), N)),
    "one category": categorical("c", ["a"] * N),
    "no category": categorical("c", [None] * N),
    "many levels, missing": categorical(
        "c", [f"town {k}" if k % 5 else None for k in RANDOM.integers(0, 150, N)]
    ),
    "many levels": categorical("c", [f"town {k}" for k in RANDOM.integers(0, 150, N)]),
}


@pytest.mark.parametrize("name", list(COLUMNS))
def test_columns_return_to_themselves(name):
    column = COLUMNS[name]
    _, _, (decoded,) = round_trip([column])
    np.testing.assert_array_equal(decoded.missing, column.missing)
    present = ~column.missing
    if column.is_categorical:
        assert decoded.levels == column.levels
        np.testing.assert_array_equal(decoded.values[present], column.values[present])
    else:
        spread = np.ptp(column.values[present]) if present.any() else 0
        np.testing.assert_allclose(
            decoded.values[present], column.values[present], atol=1e-5 * spread, rtol=1e-4
        )


def test_all_columns_at_once():
    columns = list(COLUMNS.values())
    _, _, decoded = round_trip(columns, RANDOM.integers(0, 2, N))
    for before, after in zip(columns, decoded, strict=True):
        np.testing.assert_array_equal(after.missing, before.missing)


def test_empty_columns_are_those_of_fit():
    dates = numeric("day", np.arange(N), np.zeros(N, bool), unit="D")
    columns = [*COLUMNS.values(), dates]
    encoder, _, decoded = round_trip(columns, RANDOM.integers(0, 2, N))
    for empty, fitted, made in zip(encoder.empty_columns(), columns, decoded, strict=True):
        assert len(empty) == len(empty.missing) == 0
        assert (empty.name, empty.levels, empty.unit) == (made.name, made.levels, made.unit)
        assert (empty.name, empty.levels, empty.unit) == (fitted.name, fitted.levels, fitted.unit)


def test_memory_does_not_grow_with_the_number_of_levels():
    town = categorical("town", [f"town {k}" for k in RANDOM.integers(0, 3000, 5000)])
    encoder, table, _ = round_trip([town])
    assert table.codes.shape == (5000, 1)
    assert encoder.layout_.width < MAX_ONE_HOT_LEVELS


def test_levels_that_go_with_the_same_class_lie_together():
    classes = np.repeat([0, 1], 2000)
    town = RANDOM.integers(0, 50, 4000) + 50 * classes
    encoder = TableEncoder().fit([categorical("town", town.astype(object))], classes)
    vectors = encoder.layout_.vectors[0].vectors
    first = np.array([level >= 50 for level in encoder.codecs_[0].levels])
    centres = vectors[first].mean(axis=0), vectors[~first].mean(axis=0)
    nearer = [
        np.linalg.norm(vectors - centres[0], axis=1) < np.linalg.norm(vectors - centres[1], axis=1)
    ]
    assert (nearer == first).mean() > 0.9


def test_unknown_levels_are_coded_as_such():
    encoder = TableEncoder().fit([categorical("c", ["a", "b"] * 10)], np.zeros(20, np.int64))
    table = encoder.transform([categorical("c", ["b", "new", None])])
    assert table.codes.ravel().tolist() == [1, -1, -1]


@pytest.mark.parametrize("batch", [[2], [1, 2], [2, 1, 3], [2, None], [4, "2", True, 2]])
@pytest.mark.parametrize("n_levels", [3, MAX_ONE_HOT_LEVELS + 1])
def test_a_level_is_one_in_all_types_of_numbers_whatever_is_beside_it(batch, n_levels):
    known = categorical("c", np.arange(1, n_levels + 1).astype(object))
    encoder = TableEncoder().fit([known], np.zeros(n_levels, np.int64))
    for kind in (int, float, np.int8, np.float32):
        cells = [kind(cell) if type(cell) is int else cell for cell in batch]
        table = encoder.transform([categorical("c", cells)])
        assert table.codes[batch.index(2)].tolist() == [1]


KINDS = {
    "numbers": [0, 1, 2.5, np.int8(3), np.float32(4.5), decimal.Decimal("0.1")],
    "booleans": [True, np.False_],
    "strings": ["0", "1", np.str_("True")],
    "dates": [dt.date(2020, 1, 1), dt.datetime(2020, 1, 2), np.datetime64("2020-01-03")],
    "dates with a time zone": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)],
    "durations or times of the day": [dt.timedelta(1), dt.time(1), np.timedelta64(2, "D")],
    "bytes": [b"0", b"1"],
    "objects of another type": [(0, 1), frozenset([1]), pd.Interval(0, 1)],
}


@pytest.mark.parametrize("fitted", list(KINDS))
@pytest.mark.parametrize("n_levels", [3, MAX_ONE_HOT_LEVELS + 1])
def test_levels_of_another_kind_are_refused(fitted, n_levels):
    cells = KINDS[fitted] * 10
    if n_levels > 3 and fitted in ("numbers", "strings"):
        cells = [type(KINDS[fitted][0])(k) for k in range(n_levels)]
    encoder = TableEncoder().fit([categorical("c", cells)], np.zeros(len(cells), np.int64))
    for kind, others in KINDS.items():
        for method in (encoder.transform, encoder.unseen):
            column = categorical("c", [*others, None])
            if kind == fitted:
                method([column])
                continue
            message = f"column 'c' was {fitted} in fit, but holds {kind} now; convert it."
            if method == encoder.unseen or encoder.layout_.width:
                with pytest.raises(DataError, match=f"^{message}$"):
                    method([column])


def test_levels_of_a_kind_that_was_seen_are_never_refused():
    mixed = categorical("c", ["a", 1, None] * 10)
    encoder = TableEncoder().fit([mixed], np.zeros(30, np.int64))
    for cells in (["new"], [7], [True, 7], [None], [True, "a"]):
        encoder.transform([categorical("c", cells)])
        assert encoder.unseen([categorical("c", cells)])[0] == (cells[0] is not None)
    with pytest.raises(DataError, match="'c' was numbers and strings in fit, but holds booleans"):
        encoder.transform([categorical("c", [True])])
    nothing = TableEncoder().fit([categorical("c", [None] * 9)], np.zeros(9, np.int64))
    assert nothing.unseen([categorical("c", ["a", None])]).tolist() == [[True], [False]]


def test_kinds_of_levels_are_those_of_the_whole_table():
    encoder = TableEncoder().fit([categorical("c", ["a", "b"] * 10)], np.zeros(20, np.int64))
    column = categorical("c", [1, 2, "a"])
    assert encoder.transform([column.take(slice(2))]).codes.tolist() == [[-1], [-1]]


def test_order_of_levels_does_not_matter():
    encoder = TableEncoder().fit([categorical("c", ["a", "b"] * 10)], np.zeros(20, np.int64))
    table = encoder.transform([categorical("c", ["b", "b", "a"])])
    assert table.codes.ravel().tolist() == [1, 1, 0]


def test_levels_are_placed_by_a_part_of_very_many_rows(monkeypatch):
    random = np.random.default_rng(0)
    town = random.integers(0, 50, 4000)
    columns = [
        Column("town", town, np.zeros(4000, bool), tuple(f"town {k}" for k in range(50))),
        number(town + random.normal(size=4000)),
    ]
    monkeypatch.setattr(table, "MAX_CONTEXT_ROWS", 500)
    encoder = TableEncoder().fit(columns, (town > 25).astype(np.int64))
    decoded = encoder.inverse_transform(expand(encoder, encoder.transform(columns)))
    np.testing.assert_array_equal(decoded[0].values, town)


def test_levels_that_no_chosen_row_has_are_placed(monkeypatch):
    cells = [None] * 5000
    cells[:40] = [f"town {k}" for k in range(40)]
    column = categorical("town", cells)
    monkeypatch.setattr(table, "MAX_CONTEXT_ROWS", 1)
    encoder = TableEncoder().fit([column], np.zeros(5000, np.int64))
    decoded = encoder.inverse_transform(expand(encoder, encoder.transform([column])))
    np.testing.assert_array_equal(decoded[0].values, column.values)


def test_memory_does_not_grow_with_the_levels_of_other_columns():
    random = np.random.default_rng(0)
    columns = [
        categorical(f"c{k}", [f"level {code}" for code in random.integers(0, n_levels, 20_000)])
        for k, n_levels in enumerate([200, *[30] * 20])
    ]
    tracemalloc.start()
    try:
        TableEncoder().fit(columns, np.zeros(20_000, np.int64))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000 * 8 * len(columns) * 4  # as one-hot rows 29 times, and copies of them


def test_rows_decoded_in_parts_share_one_search_for_levels(monkeypatch):
    trees = []

    def tree(vectors):
        trees.append(cKDTree(vectors))
        return trees[-1]

    monkeypatch.setattr(layout, "cKDTree", tree)
    numbers = [f"number {k}" for k in range(400)]
    columns = [categorical("id", numbers), number(np.arange(400.0))]
    encoder = TableEncoder().fit(columns, np.zeros(400, np.int64))
    rows = expand(encoder, encoder.transform(columns))
    parts = [encoder.inverse_transform(rows[k : k + 100])[0].values for k in range(0, 400, 100)]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(400))
    assert len(trees) == 1
    assert pickle.loads(pickle.dumps(encoder.layout_)).vectors[0].vectors.shape == (400, 8)


def ticks(times, unit):
    return numeric("t", times.astype(f"M8[{unit}]").view(np.int64), np.isnat(times), unit)


@pytest.mark.parametrize("few", [False, True], ids=["varied", "constant"])
def test_times_beyond_the_unit_of_fit_are_beyond_all_others(few):
    days = np.datetime64("1950-01-01") + RANDOM.integers(0, 1 if few else 25_000, N)
    encoder = TableEncoder().fit([ticks(days, "ns")], np.zeros(N, np.int64))
    far = np.array(["0001-01-01", "2510-01-01", "9999-12-31", "NaT"], "M8[s]")
    table = encoder.transform([ticks(np.r_[days.astype("M8[s]"), far], "s")])
    known = encoder.transform([ticks(days, "ns")])
    # whatever is beside them, and in whatever unit they come
    np.testing.assert_array_equal(table.numbers[:N], known.numbers)
    np.testing.assert_array_equal(table.codes[:N], known.codes)
    if few:
        is_unseen = encoder.unseen([ticks(np.r_[days[:1].astype("M8[s]"), far], "s")])[:, 0]
        assert is_unseen.tolist() == [False, True, True, True, True]
    else:
        first, second, last, _ = table.numbers[N:, 0]
        assert first < known.numbers.min() - 10
        assert last > second + 10 > known.numbers.max() + 20
    alone = encoder.transform([ticks(far[1:2], "s")])
    np.testing.assert_array_equal(alone.numbers, table.numbers[N + 1 : N + 2])


def test_a_time_beyond_the_unit_of_fit_is_in_no_state():
    days = np.datetime64("1950-01-01") + RANDOM.integers(0, 25_000, N)
    times = days.astype("M8[ns]")
    times[: N // 3] = np.datetime64(np.iinfo(np.int64).max, "ns")
    encoder = TableEncoder().fit([ticks(times, "ns")], np.zeros(N, np.int64))
    assert encoder.transform([ticks(times[:1], "ns")]).codes.item() == 1
    for later in ("2262-04-12", "9999-12-31"):
        column = ticks(np.array([later], "M8[s]"), "s")
        assert encoder.transform([column]).codes.item() == 0
