"""Numbers brought back into the range of their column, with as many at its ends as lie there.

A generator knows no ends. Numbers cut off at them would pile up there, and folded ones would leave
none at a cap or at 0, where many real ones may be. So of the numbers beyond an end as many stay on
it as real ones of the class do, if there are so many, and the others are folded back.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganaug._gan.batches import DeviceTable
from ganaug._gan.gate import StateGate, number_ranges
from ganaug._gan.runtime import DTYPE

NARROW = 1e-12
# So much of a step beyond a value on a grid is still rounded to it.
HALF_STEP = 0.499


class NumberRanges:
    """From where to where the numbers of a table go, and how many of each class lie at the ends.

    Of numbers as they are: what is missing or piled up is a state, and stays what it is.

    Parameters
    ----------
    table : DeviceTable
    """

    def __init__(self, table: DeviceTable) -> None:
        self._n = len(table.layout.numbers)
        self._one_hot = table.layout.one_hot
        self._gate = StateGate(table.layout, table.device)
        self._low, self._high, step = number_ranges(table.layout, table.device)
        self._half_step = HALF_STEP * step
        shape = (len(table.counts), self._n)
        self._at_low, self._at_high = torch.zeros(2, *shape, dtype=DTYPE, device=table.device)
        for number in range(self._n):
            values, weights = table.number(number)
            if weights.any():
                self._low[number], self._high[number] = values[weights > 0].aminmax()
            for ends, shares in ((self._low, self._at_low), (self._high, self._at_high)):
                shares[:, number] = table.class_means(values == ends[number], weights)

    def __call__(self, rows: Tensor, class_code: int, random: torch.Generator) -> Tensor:
        """Return generated rows of a class, (n, width), with their numbers in range."""
        numbers = rows[:, : self._n]
        low, high = self._low - self._half_step, self._high + self._half_step
        is_number = self._gate.as_it_is(rows[:, self._one_hot])[:, : self._n] > 0
        inside = fold(numbers, low, high)
        for end, share, is_beyond, is_there in (
            (self._low, self._at_low, numbers < low, inside <= self._low + self._half_step),
            (self._high, self._at_high, numbers > high, inside >= self._high - self._half_step),
        ):
            wanted = share[class_code] * is_number.sum(dim=0) - (is_there & is_number).sum(dim=0)
            stays = _some_of(is_beyond & ~is_there & is_number, wanted, random)
            inside = torch.where(stays, end, inside)
        return torch.cat([torch.where(is_number, inside, numbers), rows[:, self._n :]], dim=1)


def _some_of(mask: Tensor, n_wanted: Tensor, random: torch.Generator) -> Tensor:
    """Return about so many of each column of a mask (n, n_columns), at random; at most all."""
    share = n_wanted / mask.sum(dim=0).clamp(min=1)
    uniform = torch.rand(mask.shape, generator=random, dtype=DTYPE, device=mask.device)
    return mask & (uniform < share)


def fold(values: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """Return values reflected at the ends of [low, high] until they lie in it.

    Examples
    --------
    >>> fold(torch.tensor([-1.0, 0.5, 2.5, 5.0]), 0.0, 2.0).tolist()
    [1.0, 0.5, 1.5, 1.0]
    """
    low, high = (torch.as_tensor(end).to(values) for end in (low, high))
    width = (high - low).clamp(min=NARROW)  # too narrow to fold single floats into
    turns = (values - low).remainder(2 * width)
    return (low + width - (turns - width).abs()).clamp(low, high)
