"""Values of two columns that exclude one another, kept apart in generated rows.

A generator draws the level of each column by itself, and so combines what no row does: a nurse in
the sales department, a value that is missing beside one that it always goes with. Cells of two
columns that are empty, though independent columns would have filled some of them, are taken for
structural zeros (Bishop, Fienberg & Holland 1975, "Discrete multivariate analysis", chapter 5).

Cells may also be empty because rows are few. How many new rows would fall into them is told by
those that are alone in theirs (Good 1953, "The population frequencies of species"); and what all
rules together would refuse of a class is tried on rows that they have not seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganaug._gan.batches import DeviceTable
from ganaug._gan.codes import (
    MAX_CODES,
    CodeBook,
    CodedColumn,
    are_too_many,
    code_slices,
    columns_of,
    membership,
)
from ganaug._gan.runtime import DTYPE, random_generator

# Rows that are looked at, of all classes alike.
MAX_ROWS = 10_000
# Of cells that are chosen before rows are seen, so many rules would be found by mistake in a table
# of independent columns. They are chosen because they are empty, so there are more: many a table
# has one, which refuses few rows (`pytest tests/gan/test_exclusions.py -k mistake` counts both).
MISTAKEN = 0.05
# Of all rows, each left out in turn, so many may break a rule.
MAX_BREAKING = 0.001
# Of the rows of a class that rules have not seen, so many may break any.
MAX_REFUSED = 0.05
SEED = 0


@dataclass(frozen=True)
class Rule:
    """Which values of two columns exclude one another.

    Parameters
    ----------
    first, second : int
        Numbers of the columns.
    impossible : Tensor of shape (n_first, n_second)
        Which codes of the second column each code of the first does.
    """

    first: int
    second: int
    impossible: Tensor

    def is_broken(self, first: Tensor, second: Tensor) -> Tensor:
        """Return where codes of the two columns, each (n,), exclude one another: (n,)."""
        place = torch.add(second, first, alpha=self.impossible.shape[1])
        return self.impossible.flatten().index_select(0, place)

    def excludes(self, first: Tensor, second: Tensor) -> bool:
        """Tell whether each of some codes of the first column excludes each of the second."""
        cells = self.impossible[first][:, second]
        return bool(cells.numel() and cells.all())


class ClassExclusions:
    """Which values of two columns never meet in a class.

    Parameters
    ----------
    columns : sequence of CodedColumn
    rules : sequence of Rule
    width : int
        Of a row.
    device : torch.device
    """

    def __init__(
        self,
        columns: Sequence[CodedColumn],
        rules: Sequence[Rule],
        width: int,
        device: torch.device,
    ) -> None:
        used = sorted({number for rule in rules for number in (rule.first, rule.second)})
        place = {number: k for k, number in enumerate(used)}
        self._rules = [Rule(place[r.first], place[r.second], r.impossible) for r in rules]
        self._columns = [columns[number] for number in used]
        self._codes = CodeBook(self._columns, width, device)
        self._coordinates = torch.zeros(len(used), width, dtype=DTYPE, device=device)
        for k, column in enumerate(self._columns):
            self._coordinates[k] = column.coordinates(width)
        # a number and its states are two columns, and go back together
        self._is_same_place = (self._coordinates @ self._coordinates.T > 0).to(DTYPE)

    def __len__(self) -> int:
        """Return how many pairs of columns exclude something."""
        return len(self._rules)

    def respected(self, rows: Tensor, origins: Tensor) -> Tensor:
        """Return rows (n_each, n_origins, width) in which no value excludes another.

        Those that do go back to those of real rows, `origins` (n_origins, width), and so does what
        then excludes one of these. A mixture of levels is nothing to go back to.
        """
        if not len(self):
            return rows
        in_turn = rows.flatten(0, 1)
        codes = self._codes(in_turn)
        clashing = self._clashes(codes).any(dim=0).nonzero().flatten()
        own = clashing % len(origins)
        codes, real = codes[:, clashing], self._codes(origins)[:, own]
        can_go_back = (codes != real) & ~self._codes.mixtures(origins)[:, own]
        has_gone = torch.zeros_like(can_go_back)
        while (goes_back := self._clashes(codes) & can_go_back).any():
            goes_back = self._is_same_place @ goes_back.to(DTYPE) > 0
            codes = torch.where(goes_back, real, codes)
            has_gone |= goes_back
            can_go_back &= ~goes_back
        is_real = has_gone.T.to(DTYPE) @ self._coordinates > 0
        mended = torch.where(is_real, origins[own], in_turn[clashing])
        return in_turn.index_copy(0, clashing, mended).view_as(rows)

    def between(self, parts: Tensor, rows: Tensor, holds: Tensor) -> tuple[int, int] | None:
        """Return two conditions whose values all exclude one another, None if there are no such.

        Parameters
        ----------
        parts : Tensor of shape (n_conditions, width)
            1 at the coordinates of which a condition says something.
        rows : Tensor of shape (n, width)
            Real ones.
        holds : Tensor of shape (n, n_conditions)
            Which conditions these meet.
        """
        if not len(self):
            return None
        codes = self._codes(rows).long()
        columns_of = (parts @ self._coordinates.T > 0).T  # (n_columns, n_conditions)
        for rule in self._rules:
            for one in columns_of[rule.first].nonzero().flatten().tolist():
                for other in columns_of[rule.second].nonzero().flatten().tolist():
                    first = codes[rule.first, holds[:, one]].unique()
                    second = codes[rule.second, holds[:, other]].unique()
                    if rule.excludes(first, second):
                        return one, other
        return None

    def _clashes(self, codes: Tensor) -> Tensor:
        """Return where codes (n_columns, n) exclude another, of the same shape."""
        clashes = torch.zeros(codes.shape, dtype=torch.bool, device=codes.device)
        for rule in self._rules:
            is_broken = rule.is_broken(codes[rule.first], codes[rule.second])
            clashes[rule.first] |= is_broken
            clashes[rule.second] |= is_broken
        return clashes


def exclusions_of_classes(table: DeviceTable) -> list[ClassExclusions]:
    """Return for each class what its values exclude.

    One of two columns at least has few values: levels, or a number of at most 32.
    """
    layout, device, n_classes = table.layout, table.device, len(table.counts)
    nothing = [ClassExclusions((), (), layout.width, device)] * n_classes
    if layout.one_hot_width + len(layout.numbers) > MAX_CODES:
        return nothing
    random, share = random_generator(SEED, device=device), max(MAX_ROWS // n_classes, 1)
    rows = [table.some_of(code, share, random) for code in range(n_classes)]
    in_full = table.expand(torch.cat(rows))
    columns = columns_of(layout, in_full)
    if are_too_many(columns) or not any(column.is_few for column in columns):
        return nothing
    codes = CodeBook(columns, layout.width, device)(in_full)
    counts = torch.tensor([len(part) for part in rows], device=device)
    classes = torch.arange(n_classes, device=device).repeat_interleave(counts)
    search = Search(columns, n_classes, device)
    return [
        ClassExclusions(columns, rules, layout.width, device)
        for rules in search.rules_that_hold(codes, classes)
    ]


class Search:
    """Looks for rules in the codes of rows.

    Parameters
    ----------
    columns : sequence of CodedColumn
    n_classes : int
    device : torch.device
    """

    def __init__(
        self, columns: Sequence[CodedColumn], n_classes: int, device: torch.device
    ) -> None:
        self._n_classes = n_classes
        self._slices = code_slices(columns)
        self._starts = torch.tensor([part.start for part in self._slices], device=device)
        self._member = membership(columns).to(device)
        self._column = self._member.argmax(dim=1)
        is_few = torch.tensor([column.is_few for column in columns])
        # one column of a pair has few values; a number and its states are at one place of the table
        places = torch.tensor([column.place for column in columns])
        is_pair = is_few[:, None] & (places[:, None] != places)
        is_pair &= ~(is_few & torch.ones_like(is_pair).tril())
        self._is_pair = is_pair.to(device)
        self._few = (self._member @ is_few.to(self._member) > 0).nonzero().flatten()
        self._is_cell = self._of_cells(self._is_pair)

    def rules_that_hold(self, codes: Tensor, classes: Tensor) -> list[list[Rule]]:
        """Return for each class the widest rules to which rows that they have not seen keep.

        Parameters
        ----------
        codes : Tensor of shape (n_columns, n_rows)
        classes : Tensor of shape (n_rows,)
        """
        found: list[list[Rule]] = [[] for _ in range(self._n_classes)]
        undecided = set(range(self._n_classes))
        for is_wide in (True, False):
            refused = self._refused(codes, classes, is_wide=is_wide)
            rules = self._rules(codes, classes, is_wide=is_wide)
            settled = {code for code in undecided if refused[code] <= MAX_REFUSED}
            for class_code in settled:
                found[class_code] = rules[class_code]
            undecided -= settled
            if not undecided:
                break
        return found

    def _refused(self, codes: Tensor, classes: Tensor, *, is_wide: bool) -> Tensor:
        """Return which share of each class the rules of the other half would refuse."""
        is_refused = torch.zeros(len(classes), dtype=DTYPE, device=codes.device)
        halves = torch.arange(len(classes), device=codes.device) % 2
        for half in (0, 1):
            rest = halves != half
            rules = self._rules(codes[:, rest], classes[rest], is_wide=is_wide)
            for class_code, of_class in enumerate(rules):
                own = ((halves == half) & (classes == class_code)).nonzero().flatten()
                of_own, is_broken = codes[:, own], torch.zeros_like(own, dtype=torch.bool)
                for rule in of_class:
                    is_broken |= rule.is_broken(of_own[rule.first], of_own[rule.second])
                is_refused[own] = is_broken.to(DTYPE)
        sums = is_refused.new_zeros(self._n_classes)
        counts = torch.bincount(classes, minlength=self._n_classes)
        return sums.index_add_(0, classes, is_refused) / counts

    def _rules(self, codes: Tensor, classes: Tensor, *, is_wide: bool) -> list[list[Rule]]:
        """Return for each class the rules that none of its rows breaks.

        Wide ones exclude all that two columns never show, others only cells in which some rows were
        to be expected in each.
        """
        places = (codes + self._starts[:, None]).T
        one_hot = torch.zeros(len(classes), len(self._member), dtype=DTYPE, device=codes.device)
        one_hot.scatter_(1, places, 1.0)
        of_few = one_hot[:, self._few].T
        together, class_sums = of_few @ one_hot, of_few @ (one_hot * classes[:, None])
        counts = one_hot.sum(dim=0)
        expected = torch.outer(counts[self._few], counts) / max(len(classes), 1)
        is_often = expected > self._surprise(self._is_cell)
        kinds = [(is_often, is_often)]
        if is_wide:  # one row of a value can't show what others would do
            kinds.insert(0, ((counts[self._few, None] > 1) & (counts > 1), expected > 0))
        rules: list[list[Rule]] = [[] for _ in range(self._n_classes)]
        is_left = self._is_pair.repeat(self._n_classes, 1, 1)
        for judged, excluded in kinds:
            cells = self._is_cell & judged
            missed = self._of_pairs(expected * (cells & (together == 0)))
            is_rule = is_left & (missed > self._surprise(self._is_pair))
            is_rule &= self._is_kept(class_sums, cells & (together == 1), len(classes))
            is_empty = cells.new_zeros(one_hot.shape[1], one_hot.shape[1])
            is_empty[self._few] = self._is_cell & excluded & (together == 0)
            for class_code, first, second in is_rule.nonzero().tolist():
                impossible = is_empty[self._slices[first], self._slices[second]]
                rules[class_code].append(Rule(first, second, impossible.contiguous()))
            is_left &= ~is_rule
        return rules

    def _is_kept(self, class_sums: Tensor, is_alone: Tensor, n_rows: int) -> Tensor:
        """Return in which columns the rows of each class keep to what the others show.

        Without a row that is alone in its cell, the cell would have been empty.

        Parameters
        ----------
        class_sums : Tensor of shape (n_few, n_codes)
            Of a cell with one row, the class of that.
        is_alone : Tensor of shape (n_few, n_codes)
        n_rows : int

        Returns
        -------
        Tensor of shape (n_classes, n_columns, n_columns)
        """
        few, other = is_alone.nonzero().T
        breaking = class_sums.new_zeros(self._n_classes, *self._is_pair.shape)
        cells = class_sums[few, other].long(), self._column[self._few[few]], self._column[other]
        breaking.index_put_(cells, breaking.new_ones(()), accumulate=True)
        return (breaking == 0) & (breaking.sum(dim=0) <= MAX_BREAKING * n_rows)

    def _surprise(self, is_candidate: Tensor) -> float:
        """Return how many rows must be missed for fewer than `MISTAKEN` of all to be so by chance.

        In given cells of independent columns rows are missed with a probability of exp(-expected).
        """
        return math.log(max(int(is_candidate.sum()), 1) / MISTAKEN)

    def _of_cells(self, of_pairs: Tensor) -> Tensor:
        """Return for each cell (n_few, n_codes) whether its columns are a pair."""
        return self._member[self._few] @ of_pairs.to(DTYPE) @ self._member.T > 0

    def _of_pairs(self, of_cells: Tensor) -> Tensor:
        """Return the sums over the cells (n_few, n_codes) of each two columns."""
        return self._member[self._few].T @ of_cells @ self._member
