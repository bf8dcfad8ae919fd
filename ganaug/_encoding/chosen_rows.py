"""Which rows are kept of a table that is read once, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganaug.exceptions import DataError

# Rows chosen of each class, and of all classes together.
MIN_CLASS_ROWS = 5000
MAX_ROWS = 100_000
MAX_CLASSES = 1000
# Wide rows, and those of many classes, are fewer: they are to take so much memory at most, unless
# that leaves fewer than so many of a class. As much may be taken by rows that show a level.
MAX_BYTES = 2**26
FEWEST_CLASS_ROWS = 100
# A column with more levels than that is an identifier: further ones need not all be kept.
MAX_LEVELS = 20_000
# So many small tables are merged into one.
MAX_TABLES = 100


@dataclass
class Reservoir:
    """The rows with the lowest random priority in their class, and how many rows there are.

    How many are kept of a class depends on the rows with lower priorities alone, and only shrinks
    while rows and classes are added: whatever is dropped on the way is no part of the result.
    """

    seed: int
    labels: dict[Hashable, int] = field(default_factory=dict)  # label -> code
    counts: list[int] = field(default_factory=list)
    _tables: list[Any] = field(default_factory=list)
    _codes: list[NDArray[np.int64]] = field(default_factory=list)
    _rows: list[NDArray[np.int64]] = field(default_factory=list)
    _bytes: list[NDArray[np.int64]] = field(default_factory=list)
    _highest: list[int] = field(default_factory=list)  # priorities that still count, of each class
    _waiting: int = 0  # rows and bytes that came since the last look at all
    _waiting_bytes: int = 0

    def codes_of(self, labels: Any, start: int) -> NDArray[np.int64]:
        """Return the class code of each label, and count them."""
        import pyarrow.compute as pc

        labels = labels.combine_chunks()
        if hasattr(labels, "dictionary_decode"):
            labels = labels.dictionary_decode()
        labels = _without_nan(labels)
        encoded = labels.dictionary_encode()
        if labels.null_count:
            row = start + pc.index(pc.is_null(labels), True).as_py()
            raise DataError(f"the target has missing labels, the first in row {row}; drop them.")
        for label in encoded.dictionary.to_pylist():
            if label not in self.labels:
                self.labels[label] = len(self.labels)
                self.counts.append(0)
                self._highest.append(2**64 - 1)
        if len(self.labels) > MAX_CLASSES:
            raise DataError(
                f"the target has more than {MAX_CLASSES} classes; is it a number? Expected labels."
            )
        code_of = np.array([self.labels[label] for label in encoded.dictionary.to_pylist()])
        codes: NDArray[np.int64] = code_of[encoded.indices.to_numpy(zero_copy_only=False)]
        for code, count in enumerate(np.bincount(codes, minlength=len(self.counts)).tolist()):
            self.counts[code] += count
        return codes

    def offer(
        self, batch: Any, codes: NDArray[np.int64], n_bytes: NDArray[np.int64], start: int
    ) -> None:
        """Keep those rows of a batch whose priority may still be low enough."""
        rows = np.arange(start, start + len(batch))
        wanted = priorities(rows, self.seed) <= np.array(self._highest, dtype=np.uint64)[codes]
        if wanted.any():
            self._tables.append(batch.take(np.flatnonzero(wanted)))
            self._codes.append(codes[wanted])
            self._rows.append(rows[wanted])
            self._bytes.append(n_bytes[wanted])
            self._waiting += int(wanted.sum())
            self._waiting_bytes += int(n_bytes[wanted].sum())
        if self._waiting > MAX_ROWS or self._waiting_bytes > MAX_BYTES:
            self._prune()

    def rows(self) -> tuple[Any, NDArray[np.int64]]:
        """Return the rows kept, and their numbers."""
        self._prune()
        return self._tables[0], self._rows[0]

    def _prune(self) -> None:
        codes, rows = np.concatenate(self._codes), np.concatenate(self._rows)
        n_bytes, priority = np.concatenate(self._bytes), priorities(rows, self.seed)
        n_classes = len(self.labels)
        order = np.lexsort((priority, codes))
        kept = []
        for own in np.split(order, np.searchsorted(codes[order], np.arange(1, n_classes))):
            n_kept = _n_affordable(n_bytes[own], n_classes)
            kept.append(own[:n_kept])
            if n_kept < len(own):
                self._highest[codes[own[0]]] = int(priority[own[n_kept - 1]])
        chosen = np.sort(np.concatenate(kept))
        self._tables = [_take_out(self._tables, chosen)]
        self._codes, self._rows, self._bytes = [codes[chosen]], [rows[chosen]], [n_bytes[chosen]]
        self._waiting = self._waiting_bytes = 0


def _n_affordable(n_bytes: NDArray[np.int64], n_classes: int) -> int:
    """Return how many of the first rows of a class are kept, by the bytes of each."""
    most = max(MIN_CLASS_ROWS, MAX_ROWS // n_classes)
    fit_in = int(np.searchsorted(n_bytes.cumsum(), MAX_BYTES // n_classes, side="right"))
    return min(most, len(n_bytes), max(fit_in, FEWEST_CLASS_ROWS))


def _take_out(tables: list[Any], places: NDArray[np.int64]) -> Any:
    """Return one table of some rows of tables, in their order; empty the list.

    So tables are freed before rows are copied into one piece.
    """
    import pyarrow as pa

    whole = pa.concat_tables(tables)
    tables.clear()
    wanted = np.zeros(len(whole), dtype=bool)
    wanted[places] = True
    whole = whole.filter(pa.array(wanted))
    return whole.unify_dictionaries().combine_chunks()


def bytes_of_rows(table: Any) -> NDArray[np.int64]:
    """Return about how many bytes each row takes, whatever rows are beside it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    out = np.full(len(table), fixed_bytes(table.schema))
    for column in table.columns:
        if _has_length(column.type):
            lengths = pc.fill_null(pc.binary_length(column), 0)
            out += lengths.cast(pa.int64()).to_numpy()
    return out


def fixed_bytes(schema: Any) -> int:
    """Return how many bytes a row takes without its strings; of these where they begin and end."""
    import pyarrow as pa

    bits = 0
    for kind in schema.types:
        if pa.types.is_dictionary(kind):
            kind = kind.index_type
        bits += 64 if _has_length(kind) else 0 if pa.types.is_null(kind) else kind.bit_width
    return bits // 8 + 1


def _has_length(kind: Any) -> bool:
    return _is_any(kind, "string", "large_string", "binary", "large_binary")


@dataclass
class _Levels:
    """The levels of a column that rows were kept for, and how many bytes these rows have."""

    seen: set[Hashable] = field(default_factory=set)
    n_bytes: int = 0

    def are_many(self, max_bytes: int) -> bool:
        """Tell whether further levels need not be kept."""
        return len(self.seen) >= MAX_LEVELS or self.n_bytes >= max_bytes


class Landmarks:
    """For each column the first rows with its extremes, its levels and a missing value."""

    def __init__(self, schema: Any, target: str) -> None:
        self._features = [name for name in schema.names if name != target]
        kinds = {name: schema.field(name).type for name in self._features}
        self._levels = {name: _Levels() for name, kind in kinds.items() if not _is_number(kind)}
        self._level_bytes = MAX_BYTES // max(len(self._levels), 1)  # of each column
        self._extremes: dict[tuple[str, str], Any] = {}
        self._rows_of_values: dict[tuple[str, str], int] = {}
        self._rows_of_levels: set[int] = set()
        self._tables: list[Any] = []
        self._rows: list[NDArray[np.int64]] = []

    def offer(self, batch: Any, n_bytes: NDArray[np.int64], start: int) -> None:
        """Keep the landmarks of a batch."""
        for name in self._features:
            column = batch[name].combine_chunks()
            if column.null_count and (name, "missing") not in self._rows_of_values:
                self._rows_of_values[name, "missing"] = start + _first(column.is_null())
            if name in self._levels:
                places = self._new_levels(name, column, n_bytes)
                self._rows_of_levels.update(start + place for place in places)
            else:
                self._offer_number(name, column, start)
        rows = {row for row in self._shown() if row >= start}
        if rows:
            self._rows.append(np.array(sorted(rows)))
            self._tables.append(batch.take(self._rows[-1] - start))
        if len(self._tables) > MAX_TABLES:
            self._merge()

    def rows(self) -> tuple[Any, NDArray[np.int64]]:
        """Return the rows that are landmarks, and their numbers."""
        self._merge()
        return self._tables[0], self._rows[0]

    def _merge(self) -> None:
        """Make one table of the rows kept, without those that are no longer an extreme."""
        rows = np.concatenate(self._rows)
        shown = np.flatnonzero(np.isin(rows, list(self._shown())))
        self._tables = [_take_out(self._tables, shown)]
        self._rows = [rows[shown]]

    def _shown(self) -> set[int]:
        return self._rows_of_levels.union(self._rows_of_values.values())

    def _offer_number(self, name: str, column: Any, start: int) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_duration(column.type):  # arrow compares neither these nor half precision
            column = column.cast(pa.int64())
        elif pa.types.is_float16(column.type):
            column = column.cast(pa.float32())
        if pa.types.is_floating(column.type):
            _check_finite(name, column, start)
            if pc.any(pc.is_nan(column)).as_py():
                if (name, "nan") not in self._rows_of_values:
                    self._rows_of_values[name, "nan"] = start + _first(pc.is_nan(column))
                column = _without_nan(column)
        found = pc.min_max(column)
        for side, better in (("min", pc.less), ("max", pc.greater)):
            value = found[side]
            known = self._extremes.get((name, side))
            if value.is_valid and (known is None or better(value, known).as_py()):
                self._extremes[name, side] = value
                self._rows_of_values[name, side] = start + pc.index(column, value).as_py()

    def _new_levels(self, name: str, column: Any, n_bytes: NDArray[np.int64]) -> Iterator[int]:
        """Give the places of levels that were not seen before, as long as there are not many."""
        import pyarrow as pa

        levels = self._levels[name]
        if levels.are_many(self._level_bytes):
            return
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        codes = encoded.indices.drop_null().unique()
        values = encoded.dictionary.take(codes).to_pylist()
        if levels.seen.issuperset(values):
            return
        places = dict(zip(*_first_places(encoded.indices), strict=True))
        for code, value in zip(codes.to_pylist(), values, strict=True):
            if value not in levels.seen:
                levels.seen.add(value)
                levels.n_bytes += int(n_bytes[places[code]])
                yield places[code]
            if levels.are_many(self._level_bytes):
                return


def _without_nan(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _first(mask: Any) -> int:
    import pyarrow.compute as pc

    place: int = pc.index(mask, True).as_py()
    return place


def _first_places(indices: Any) -> tuple[list[int], list[int]]:
    values = indices.fill_null(-1).to_numpy(zero_copy_only=False)
    distinct, places = np.unique(values, return_index=True)
    return distinct.tolist(), places.tolist()


def _is_number(kind: Any) -> bool:
    return _is_any(kind, "integer", "floating", "temporal", "decimal")


def _is_any(kind: Any, *names: str) -> bool:
    import pyarrow as pa

    return any(getattr(pa.types, f"is_{name}")(kind) for name in names)


def _check_finite(name: str, column: Any, start: int) -> None:
    import pyarrow.compute as pc

    infinite = pc.is_inf(column)
    if pc.any(infinite).as_py():
        raise DataError(
            f"column {name!r} contains infinity, first in row {start + _first(infinite)}; expected "
            "finite or missing values. Replace them first."
        )


def priorities(rows: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """Return a random number for each row number: a hash of both (SplitMix64, Steele et al. 2014).

    Rows with the lowest ones are a uniform choice, whoever looks at which rows first.
    """
    with np.errstate(over="ignore"):
        x = rows.astype(np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
        x = (x + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
