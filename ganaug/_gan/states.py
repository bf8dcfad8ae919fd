"""States of a run as flat dicts of tensors, as torch's modules give them."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from ganaug.exceptions import PersistenceError

State = dict[str, Tensor]


class Drawing:
    """A part of a run that draws random numbers, and whose state is where it is in their stream.

    Parameters
    ----------
    random : torch.Generator
    """

    def __init__(self, random: torch.Generator) -> None:
        self.random = random

    def state_dict(self) -> State:
        """Return all that further draws depend on."""
        return {"random": self.random.get_state()}

    def load_state_dict(self, state: State) -> None:
        """Go on from where `state_dict` was called."""
        self.random.set_state(state["random"])


def nested(name: str, state: State) -> State:
    """Return the state of a part under its name in that of the whole."""
    return {f"{name}.{key}": value for key, value in state.items()}


def part_of(state: State, name: str) -> State:
    """Return the state of the part of this name, the inverse of `nested`."""
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
    }


def copied(state: State) -> State:
    """Return the state as it is now, whatever becomes of its tensors."""
    return {key: value.detach().clone() for key, value in state.items()}


def check_form(state: State, like: State, *, of_any_length: Collection[str]) -> None:
    """Refuse a state that has not the names, types and shapes of another one."""
    if unlike := sorted(state.keys() ^ like.keys()):
        raise PersistenceError(f"the saved state lacks, or has without need, {unlike[:5]}.")
    for name, expected in like.items():
        found = state[name]
        shapes = [
            value.shape[:-1] if name in of_any_length else value.shape
            for value in (found, expected)
        ]
        if found.dtype != expected.dtype or shapes[0] != shapes[1]:
            raise PersistenceError(
                f"{name} of the saved state is {found.dtype} of shape {tuple(found.shape)}, "
                f"expected {expected.dtype} of shape {tuple(expected.shape)}."
            )
