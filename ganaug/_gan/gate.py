"""What makes rows of a `TableLayout` valid: numbers true to their states, ranges and grids."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganaug._encoding.layout import TableLayout
from ganaug._gan.runtime import DTYPE


class StateGate(nn.Module):
    """Numbers that agree with their state: missing and piled-up values are exact.

    Without it the discriminator could tell a generated row by a "missing" number that is not
    quite the number that stands for missing.

    Shapes: numbers (batch, continuous_width), one_hot (batch, one_hot_width) ->
    (batch, continuous_width).
    """

    def __init__(self, layout: TableLayout, device: torch.device) -> None:
        super().__init__()
        self.size = layout.continuous_width
        with_states = [
            (slot, part)
            for slot, part in zip(layout.heads, layout.head_slices, strict=True)
            if slot.number is not None
        ]
        constant = torch.zeros(layout.one_hot_width, self.size, dtype=DTYPE)
        for slot, part in with_states:
            constant[part.start + 1 : part.stop, slot.number] = torch.tensor(
                slot.constants[1:], dtype=DTYPE
            )
        self.gated = bool(with_states)
        self.has_constants = bool((constant != 0).any())
        numbers = torch.tensor([slot.number for slot, _ in with_states], dtype=torch.long)
        states = torch.tensor([part.start for _, part in with_states], dtype=torch.long)
        has_missing = torch.tensor([slot.has_missing for slot, _ in with_states], dtype=torch.bool)
        self.has_gaps = bool(has_missing.any())
        for name, value in (
            ("numbers", numbers),
            ("states", states),
            ("numbers_with_gaps", numbers[has_missing]),
            ("missing", states[has_missing] + 1),
            ("constant", constant),
        ):
            self.register_buffer(name, value.to(device), persistent=False)
        self.numbers: Tensor  # that have states
        self.states: Tensor  # of each of these the first, "as it is"
        self.numbers_with_gaps: Tensor
        self.missing: Tensor  # of each of these the second state
        self.constant: Tensor

    def forward(self, numbers: Tensor, one_hot: Tensor) -> Tensor:
        if not self.gated:
            return numbers
        if not self.has_constants:
            return numbers * self.as_it_is(one_hot)
        return torch.addcmul(one_hot @ self.constant, numbers, self.as_it_is(one_hot))

    def as_it_is(self, one_hot: Tensor) -> Tensor:
        """Return 1 where a number is neither missing nor an atom, (batch, continuous_width)."""
        is_all = one_hot.new_ones(*one_hot.shape[:-1], self.size)
        return is_all.index_copy(-1, self.numbers, one_hot.index_select(-1, self.states))

    def is_there(self, one_hot: Tensor) -> Tensor:
        """Return 1 where a number is not missing, (batch, continuous_width)."""
        is_all = one_hot.new_ones(*one_hot.shape[:-1], self.size)
        is_missing = one_hot.index_select(-1, self.missing)
        return is_all.index_copy(-1, self.numbers_with_gaps, 1 - is_missing)


class Validity:
    """Moves rows to the nearest valid ones: within the range, on the grid, true to their state."""

    def __init__(self, layout: TableLayout, device: torch.device) -> None:
        self.gate = StateGate(layout, device)
        self._n = len(layout.numbers)
        self._one_hot = layout.one_hot
        self._continuous = layout.continuous
        self._low, self._high, self._step = number_ranges(layout, device)
        for number, slot in enumerate(layout.numbers):
            if slot.is_heaped:
                self._step[number] = 0.0

    def __call__(self, rows: Tensor) -> Tensor:
        numbers = rows[:, : self._n].clamp(self._low, self._high)
        steps = torch.round((numbers - self._low) / self._step.clamp(min=1e-30))
        on_grid = torch.where(self._step > 0, self._low + steps * self._step, numbers)
        rows = torch.cat([on_grid, rows[:, self._n :]], dim=1)
        rows[:, self._continuous] = self.gate(rows[:, self._continuous], rows[:, self._one_hot])
        return rows


def number_ranges(layout: TableLayout, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return low, high and step of each number, each of shape (n_numbers,)."""
    ranges = [(slot.low, slot.high, slot.step) for slot in layout.numbers]
    low, high, step = torch.tensor(ranges, dtype=DTYPE).reshape(-1, 3).to(device).T
    return low, high, step
