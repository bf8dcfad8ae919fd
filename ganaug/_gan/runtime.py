"""Device, threads and randomness: the one door for each, and none leaves a trace outside."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from textwrap import shorten
from typing import TypeVar

import numpy as np
import torch

from ganaug.exceptions import DeviceError

Argument = TypeVar("Argument")
Result = TypeVar("Result")

Outputs = tuple[torch.Tensor, ...]
# Takes a function and the generators it draws from, and returns how to replay it, and the tensors
# that hold its outputs after each replay.
Recorder = Callable[
    [Callable[[], Outputs], Sequence[torch.Generator]], tuple[Callable[[], object], Outputs]
]

# float32 everywhere, whatever the caller's default dtype is
DTYPE = torch.float32


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the torch device for "auto", a device string or a device.

    "auto" takes CUDA where there is one, else the CPU: networks as small as these are no faster
    on ``mps`` than on the CPU beside it.

    Raises
    ------
    DeviceError
        If the name is unknown or the device is not available on this machine.
    """
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.Generator(resolved)  # fails for devices that can't compute, too
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise DeviceError(
            f"device {str(device)!r} is not available on this machine "
            f"({shorten(str(error), 120, placeholder=' ...')}); use device='auto' or 'cpu'."
        ) from error
    return resolved


def random_generator(seed: int, *purpose: int, device: torch.device) -> torch.Generator:
    """Return a generator for one purpose: streams of different purposes are independent.

    Zeros at the end say nothing: (5, 7) and (5, 7, 0) are of one stream. The order of a sample's
    anchors and its block 0 are so, too, and stay so: else all rows of all seeds would change.
    """
    state = np.random.SeedSequence((seed, *purpose)).generate_state(2, dtype=np.uint32)
    generator = torch.Generator(device=device)
    generator.manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
    return generator


# Held by whoever has set torch's global random state aside.
_GLOBAL_RANDOM = threading.RLock()


class ModuleRandom:
    """What modules draw from torch's global state: first weights, dropout.

    Inside of the context they draw from a stream of its own, and the caller's is left alone. The
    state is one for all threads, so only one of them is inside at a time: fits in threads take
    turns step by step, and together take as long as one after another. Processes don't wait.
    """

    def __init__(self, seed: int, *purpose: int, device: torch.device) -> None:
        self._cuda = device if device.type == "cuda" else None
        devices = {"cpu": torch.device("cpu")} | ({} if self._cuda is None else {"cuda": device})
        self._own = {
            name: random_generator(seed, *purpose, device=place).get_state()
            for name, place in devices.items()
        }

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with _GLOBAL_RANDOM:
            before = self._global()
            self._set_global(self._own)
            try:
                yield
            finally:
                self._own = self._global()
                self._set_global(before)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return all that further draws depend on."""
        return dict(self._own)

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Go on from where `state_dict` was called."""
        self._own = dict(state)

    def _global(self) -> dict[str, torch.Tensor]:
        states = {"cpu": torch.get_rng_state()}
        if self._cuda is not None:
            states["cuda"] = torch.cuda.get_rng_state(self._cuda)
        return states

    def _set_global(self, states: dict[str, torch.Tensor]) -> None:
        torch.set_rng_state(states["cpu"])
        if self._cuda is not None:
            torch.cuda.set_rng_state(states["cuda"], self._cuda)


def device_for_doubles(device: torch.device) -> torch.device:
    """Return where to compute in double precision: Apple's GPUs have none."""
    return torch.device("cpu") if device.type == "mps" else device


def in_double(values: torch.Tensor) -> torch.Tensor:
    """Return the values in double precision, on a device that has it."""
    return values.to(device_for_doubles(values.device)).double()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Compute as ever, whatever autocast or default device the caller has; also a decorator."""
    with ExitStack() as stack:
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        # that of a new tensor: before 2.7, `get_default_device` fails once a device was taken back
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


class _ThreadLimit:
    """Limits torch's threads in a thread of Python, and leaves them as its caller had them.

    What is computed inside is undisturbed by all else that the caller has set.

    Each thread has a number of its own, but starts with what was last set anywhere: while somebody
    is inside, only what the first one found says what callers want.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._callers = 1
        self._here = threading.local()

    @contextmanager
    def __call__(self, n_threads: int) -> Iterator[None]:
        found = torch.get_num_threads()
        depth = getattr(self._here, "depth", 0)
        with self._lock:
            if self._inside == 0:
                self._callers = found
            before = found if depth else self._callers
            self._inside += 1
            self._here.depth = depth + 1
            torch.set_num_threads(n_threads)
        try:
            with undisturbed():
                yield
        finally:
            with self._lock:
                self._inside -= 1
                self._here.depth = depth
                torch.set_num_threads(before)

    def available(self) -> int:
        """Return how many threads the caller lets torch have."""
        with self._lock:
            return self._callers if self._inside else torch.get_num_threads()


# Small networks are no faster on several threads, and on busy cores many times slower.
limited_threads = _ThreadLimit()

SMALL_STEP = 2e9


def threads_for(multiplications: float) -> int:
    """Return on how many threads to train, by the multiplications of a step.

    One for small networks; for large ones as many as the caller lets torch have.
    """
    return 1 if multiplications < SMALL_STEP else limited_threads.available()


# Each keeps some 30 MB to itself, and they share Python's lock and whoever takes their results.
MAX_WORKERS = 4


def in_threads(
    function: Callable[[Argument], Result], arguments: Iterable[Argument], device: torch.device
) -> Iterator[Result]:
    """Give what a function, which learns nothing, returns for each argument, in their order.

    Each is made on one thread of torch's and without gradients, and on a CPU side by side, on as
    many threads as the caller lets torch have: of small operations that is faster than many for
    each. Arguments are taken where results are asked for, and not many more than these.
    """

    def alone(argument: Argument) -> Result:
        with limited_threads(1), torch.inference_mode():
            return function(argument)

    arguments = iter(arguments)
    first = list(islice(arguments, 2))
    n_workers = min(limited_threads.available(), MAX_WORKERS) if device.type == "cpu" else 1
    if n_workers == 1 or len(first) < 2:
        yield from map(alone, chain(first, arguments))
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_workers) as pool:
        try:
            for argument in chain(first, arguments):
                waiting.append(pool.submit(alone, argument))
                if len(waiting) > n_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def record_cuda_graph(
    function: Callable[[], Outputs], randoms: Sequence[torch.Generator]
) -> tuple[Callable[[], object], Outputs]:
    """Record a function as a CUDA graph, without running it."""
    device = randoms[0].device
    graph = torch.cuda.CUDAGraph()
    for random in randoms:
        graph.register_generator_state(random)
    with (
        torch.cuda.device(device),
        torch.cuda.graph(
            graph, stream=torch.cuda.Stream(device), capture_error_mode="thread_local"
        ),
    ):
        outputs = function()
    return graph.replay, outputs


# How to record on a type of device; everywhere else functions are called as they are.
RECORDERS: dict[str, Recorder] = {"cuda": record_cuda_graph}
