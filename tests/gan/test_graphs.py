"""CUDA graphs without CUDA: steps are recorded kernel by kernel and replayed on the CPU.

As in a CUDA graph, Python is out of the way at a replay: each kernel gets the very tensors of the
recording, and its outputs go where they went then. What a graph can't hold is refused.
"""

from collections.abc import Callable, Sequence
from itertools import chain, repeat

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganaug import GANSampler
from ganaug._gan import graphs
from ganaug._gan.graphs import WARM_UP_CALLS, Replayed
from ganaug._gan.runtime import random_generator
from ganaug._gan.training import Trainer

aten = torch.ops.aten
WAITS_FOR_THE_DEVICE = {aten._local_scalar_dense, aten.nonzero, aten.masked_select}
INDEXING = {aten.index, aten.index_put, aten.index_put_}
COPIES_FROM_THE_HOST = {aten.lift_fresh}


def has_masks(indices: Sequence[torch.Tensor | None]) -> bool:
    """Tell whether the number of results depends on values."""
    return any(index is not None and index.dtype == torch.bool for index in indices)


class Recording(TorchDispatchMode):
    """Remembers kernels and their tensors."""

    def __init__(self) -> None:
        super().__init__()
        self._kernels = []

    def __torch_dispatch__(self, kernel, types, args=(), kwargs=None):
        packet = kernel.overloadpacket
        if packet in WAITS_FOR_THE_DEVICE or (packet in INDEXING and has_masks(args[1])):
            raise RuntimeError(f"operation not permitted when stream is capturing: {packet}")
        if packet in COPIES_FROM_THE_HOST:
            raise RuntimeError(f"copy from memory that is not pinned: {packet}")
        outputs = kernel(*args, **(kwargs or {}))
        self._kernels.append((kernel, args, kwargs or {}, outputs))
        return outputs

    @torch.no_grad()
    def replay(self) -> None:
        for kernel, args, kwargs, outputs in self._kernels:
            returned = kernel._schema.returns
            if returned and all(
                value.alias_info and not value.alias_info.is_write for value in returned
            ):
                continue  # a view: no kernel
            again = kernel(*args, **kwargs)
            for old, new in zip(tree_leaves(outputs), tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.detach().copy_(new)


def record(function: Callable[[], object], randoms: Sequence[torch.Generator]):
    """Record a function; the CPU can't do so without running it, which counts as first replay."""
    recording = Recording()
    with recording:
        outputs = function()
    replays = chain([lambda: None], repeat(recording.replay))
    return lambda: next(replays)(), outputs


@pytest.fixture
def recorded(monkeypatch):
    """Let the CPU have graphs; remembers what was recorded."""
    calls = []

    def remembered(function, randoms):
        calls.append(function)
        return record(function, randoms)

    monkeypatch.setitem(graphs.RECORDERS, "cpu", remembered)
    return calls


def trained(X, y, **parameters):
    """Return the losses and some rows of a sampler."""
    sampler = GANSampler(random_state=0, n_steps=60, batch_size=64, **parameters).fit(X, y)
    return sampler.history_, sampler.sample(50)[0]


@pytest.mark.parametrize("parameters", [{}, {"loss": "hinge"}, {"hidden_layer_sizes": (32,)}])
def test_replayed_steps_are_the_steps_themselves(mixed_table, request, parameters):
    history, rows = trained(*mixed_table, **parameters)
    recorded = request.getfixturevalue("recorded")
    replayed_history, replayed_rows = trained(*mixed_table, **parameters)
    assert len(recorded) == 2  # with a penalty and without
    for name, values in history.items():
        np.testing.assert_array_equal(values, replayed_history[name])
    pd.testing.assert_frame_equal(rows, replayed_rows, check_exact=True)


def test_a_return_to_the_best_state_records_anew(mixed_table, request, monkeypatch):
    def finite_but_once():
        answers = iter([True, False])
        return lambda self, quality: next(answers, True)

    monkeypatch.setattr(Trainer, "_is_finite", finite_but_once())
    history, rows = trained(*mixed_table)
    recorded = request.getfixturevalue("recorded")
    monkeypatch.setattr(Trainer, "_is_finite", finite_but_once())
    replayed_history, replayed_rows = trained(*mixed_table)
    assert len(history["restart_step"]) == 1
    assert len(recorded) == 4
    np.testing.assert_array_equal(history["generator_loss"], replayed_history["generator_loss"])
    pd.testing.assert_frame_equal(rows, replayed_rows, check_exact=True)


def test_what_python_does_is_frozen(recorded):
    on_host, on_device = [0.0], torch.zeros(())

    def function(step):
        on_host[0] += 1
        return (on_device.add_(1) * 1, torch.full((), on_host[0]))

    step = Replayed(function, random_generator(0, device=on_device.device))
    results = [tuple(float(value) for value in step(0)) for _ in range(WARM_UP_CALLS + 3)]
    assert [seen for seen, _ in results] == [1, 2, 3, 4, 5, 6]
    assert [seen for _, seen in results] == [1, 2, 3, 4, 4, 4]


def test_what_waits_for_the_device_is_called_as_it_is(recorded):
    weight = torch.zeros(3)

    def function(step):
        weight.add_(step)
        return (weight * float(weight.sum()),)  # a graph would hold the sum as it was

    step = Replayed(function, random_generator(0, device=weight.device))
    with pytest.warns(RuntimeWarning, match="without CUDA graphs, slower: operation not permitted"):
        results = [step(1)[0][0].item() for _ in range(WARM_UP_CALLS + 3)]
    assert len(recorded) == 1
    assert results[:WARM_UP_CALLS] == [3.0 * n * n for n in range(1, WARM_UP_CALLS + 1)]


def test_a_device_without_memory_is_not_taken_for_one_without_graphs(monkeypatch):
    def full(function, randoms):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setitem(graphs.RECORDERS, "cpu", full)
    step = Replayed(lambda argument: (), random_generator(0, device=torch.device("cpu")))
    for _ in range(WARM_UP_CALLS):
        step(0)
    with pytest.raises(torch.OutOfMemoryError):
        step(0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_cuda_graph_trains_like_single_kernels(mixed_table, monkeypatch):
    history, _ = trained(*mixed_table, device="cuda")
    monkeypatch.delitem(graphs.RECORDERS, "cuda")
    plain, _ = trained(*mixed_table, device="cuda")
    np.testing.assert_allclose(
        history["generator_loss"], plain["generator_loss"], rtol=0.02, atol=0.02
    )
