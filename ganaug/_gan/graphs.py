"""A training step as one launch: recorded on the GPU once, replayed from then on.

A step for small networks is some hundred kernels, each shorter than the time it takes to launch it.
A CUDA graph launches all of them at once (https://docs.nvidia.com/cuda/cuda-c-programming-guide,
"CUDA Graphs"). What is recorded works on the same memory at each replay, and whatever Python did
in between is frozen: a recorded function reads nothing that changes on the host and waits for
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial

import torch

from ganaug._gan.runtime import RECORDERS, Outputs
from ganaug._memory import is_out_of_memory
from ganaug._warning import warn

# Calls before a function is recorded: libraries allocate and choose their kernels in the first.
WARM_UP_CALLS = 3


class Replayed:
    """Calls a function that runs on a device; where that has graphs, replays recordings of it.

    Parameters
    ----------
    function : callable
        Takes one argument, of which there are few, and returns tensors. Reads and writes only
        tensors that stay in place.
    *randoms : torch.Generator
        All that it draws from.
    """

    def __init__(self, function: Callable[..., Outputs], *randoms: torch.Generator) -> None:
        self._function = function
        self._randoms = randoms
        self._recorder = RECORDERS.get(randoms[0].device.type)
        self._recorded: dict[Hashable, tuple[Callable[[], object], Outputs]] = {}
        self._n_calls: Counter[Hashable] = Counter()

    def __call__(self, argument: Hashable) -> Outputs:
        """Return what the function returns, for a replay in tensors that the next one overwrites.

        Warns
        -----
        RuntimeWarning
            If nothing can be recorded; calls are slower then, with the same results.
        """
        if argument not in self._recorded and self._is_warm(argument):
            self._record(argument)
        if argument not in self._recorded:
            return self._function(argument)
        replay, outputs = self._recorded[argument]
        replay()
        return outputs

    def forget(self) -> None:
        """Drop all recordings: what they read from the host has changed."""
        self._recorded.clear()

    def _is_warm(self, argument: Hashable) -> bool:
        self._n_calls[argument] += 1
        return self._n_calls[argument] > WARM_UP_CALLS

    def _record(self, argument: Hashable) -> None:
        if self._recorder is None:
            return
        try:
            self._recorded[argument] = self._recorder(
                partial(self._function, argument), self._randoms
            )
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            self._recorder = None
            warn(
                f"training goes on without CUDA graphs, slower: {str(error).splitlines()[0]}",
                RuntimeWarning,
            )
