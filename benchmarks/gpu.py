"""Training and sampling on a GPU: ``python -m benchmarks.gpu --help``.

Runs on any device that torch names, on the CPU too, where it shows that the code works and little
else.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import sem
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, balanced_accuracy_score

from benchmarks.command import RESULTS, new_parser
from benchmarks.speed import machine
from benchmarks.speed_jobs import make_table
from ganaug import GANSampler, _fitting
from ganaug._gan.runtime import resolve_device
from ganaug.exceptions import DeviceError

# Rows, columns and imbalance of the credit card fraud table (Dal Pozzolo et al. 2015).
FRAUD_ROWS, FRAUD_MINORITY = 284_807, 492
STEPS = (200, 600)
IMAGE_SIDE, IMAGE_STEPS = 28, "auto"
QUALITY_ROWS = 20_000
QUALITY_SCORES = ("average precision", "balanced accuracy")
# Passes of a batch through each network in a step: real and generated rows, and these once more.
GENERATOR_PASSES, DISCRIMINATOR_PASSES = 1, 3

OVERVIEW = """\
Measure training, sampling and a whole fit_resample on a device.

- A training step: the difference of fits of 600 and 200 steps, beside the bare matrix products of
  such a step (from a CUDA graph on a GPU), at most twice as long.
- Sampling: rows per second, decoded, in host memory; 20 million.
- fit_resample of a table of the size of the credit card fraud data, after a first one; in 2 s.
- A fit of the default networks to 5,000 images of 28 x 28 pixels in ten classes, after a first one;
  in 20 s.
- Whether the results are those of a CPU: scores of gradient boosting trained on resampled rows,
  from both, with as many seeds as repeats. They should differ by no more than seeds do: by at most
  two standard errors.

example:
  python -m benchmarks.gpu --device cuda
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = new_parser("gpu", OVERVIEW)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, mps or cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, default=FRAUD_ROWS, help="of the table")
    parser.add_argument("--samples", type=int, default=2_000_000)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--out", type=Path, default=RESULTS / "gpu.md")
    args = parser.parse_args(argv)
    try:
        device = resolve_device(args.device)
    except DeviceError as error:
        parser.error(str(error))
    figures = measure(device, args.rows, args.samples, args.repeats)
    figures |= measure_images(device, args.images, args.repeats)
    found = {
        name: scores(name, min(args.rows, QUALITY_ROWS), args.repeats)
        for name in dict.fromkeys((device.type, "cpu"))
    }
    figures |= quality(found) | agreement(found)
    args.out.write_text(report(figures, name_of(device), args.repeats))
    print(args.out.read_text())
    return 0


def measure(
    device: torch.device, n_rows: int, n_samples: int, repeats: int
) -> dict[str, tuple[float, str]]:
    """Return the median of each figure, and its unit."""
    X, y = make_table(n_rows, max(n_rows * FRAUD_MINORITY // FRAUD_ROWS, 20), n_categorical=0)

    def fitted(n_steps: int | str) -> GANSampler:
        return GANSampler(random_state=0, n_steps=n_steps, device=device).fit(X, y)

    sampler = fitted(STEPS[0])  # what a process pays once
    few, more = (seconds(partial(fitted, n), device, repeats) for n in STEPS)
    step = (more - few) / (STEPS[1] - STEPS[0])
    bare = seconds(matrix_products(sampler, device), device, repeats)

    def sample() -> None:
        for _ in sampler.sample_batches(n_samples, y=1, batch_rows=2**17):
            pass

    def resample() -> None:
        GANSampler(random_state=0, device=device).fit_resample(X, y)

    return {
        "a training step": (step * 1e3, "ms"),
        "its bare matrix products": (bare * 1e3, "ms"),
        "sampling": (n_samples / seconds(sample, device, repeats), "rows/s"),
        f"fit_resample of {n_rows:,} x 30": (seconds(resample, device, repeats), "s"),
    }


def measure_images(
    device: torch.device, n_images: int, repeats: int
) -> dict[str, tuple[float, str]]:
    """Return the median seconds of a fit to images: how long it takes doesn't depend on theirs."""
    random = np.random.default_rng(0)
    y = np.arange(n_images) % 10
    noise = random.integers(0, 56, (n_images, IMAGE_SIDE, IMAGE_SIDE))
    X = (20 * y[:, None, None] + noise).astype(np.uint8)

    def fit(n_steps: int | str = IMAGE_STEPS) -> None:
        GANSampler(random_state=0, n_steps=n_steps, device=device).fit(X, y)

    fit(1)  # what a process pays once
    name = f"a fit to {n_images:,} images of {IMAGE_SIDE} x {IMAGE_SIDE}"
    return {name: (seconds(fit, device, repeats), "s")}


def scores(device: str, n_rows: int, n_seeds: int) -> NDArray[np.float64]:
    """Return the scores of a classifier after `fit_resample`, (n_seeds, 2)."""
    n_minority = max(n_rows // 50, 20)
    X, y = make_table(2 * n_rows, 2 * n_minority, n_categorical=0)
    found = []
    for seed in range(n_seeds):
        sampler = GANSampler(random_state=seed, device=device)
        model = HistGradientBoostingClassifier(random_state=0)
        model.fit(*sampler.fit_resample(X[:n_rows], y[:n_rows]))
        probability = model.predict_proba(X[n_rows:])[:, 1]
        found.append(
            (
                average_precision_score(y[n_rows:], probability),
                balanced_accuracy_score(y[n_rows:], probability > 0.5),
            )
        )
    return np.array(found)


def quality(found: dict[str, NDArray[np.float64]]) -> dict[str, tuple[float, str]]:
    """Return the mean scores on each device, and how much seeds differ."""
    return {
        f"{score} of gradient boosting, {device}": (values.mean(), f"± {values.std():.2g}")
        for device, of_device in found.items()
        for score, values in zip(QUALITY_SCORES, of_device.T, strict=True)
    }


def agreement(found: dict[str, NDArray[np.float64]]) -> dict[str, tuple[float, str]]:
    """Return how far the scores of a device are from those of the CPU, in standard errors."""
    return {
        f"{score}: {device} less cpu": (
            float((values.mean() - others.mean()) / np.hypot(sem(values), sem(others))),
            "standard errors",
        )
        for device, of_device in found.items()
        if device != "cpu" and len(of_device) > 1
        for score, values, others in zip(QUALITY_SCORES, of_device.T, found["cpu"].T, strict=True)
    }


def matrix_products(sampler: GANSampler, device: torch.device) -> Callable[[], None]:
    """Return a call of the matrix products of one step, as a replayed graph on a GPU.

    Those of the networks as they are, forward and back; without the losses that join some steps.
    """
    networks = (
        (sampler.generator_, GENERATOR_PASSES),
        (sampler.discriminator_, DISCRIMINATOR_PASSES),
    )
    batch_rows = _fitting.TABLE_AUTO.batch_size
    pairs = []
    for network, n_passes in networks:
        for layer in network.modules():
            if isinstance(layer, torch.nn.Linear):
                weight = layer.weight.detach().T
                pairs.append(
                    (torch.randn(n_passes * batch_rows, len(weight), device=device), weight)
                )

    def products() -> None:
        for x, weight in pairs:
            out = x @ weight
            _ = out @ weight.T, x.T @ out

    if device.type != "cuda":
        return products
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):  # graphs are captured after a warm-up on another stream
        for _ in range(3):
            products()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        products()
    return graph.replay


def seconds(call: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Return the median time of a call, all work of the device included."""
    times = []
    for _ in range(repeats):
        wait_for(device)
        start = time.perf_counter()
        call()
        wait_for(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def wait_for(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def name_of(device: torch.device) -> str:
    """Return the card's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else machine()


def report(figures: dict[str, tuple[float, str]], name: str, repeats: int) -> str:
    """Return the figures as Markdown."""
    reached = goals(figures)
    lines = [
        "# On a GPU",
        "",
        f"`python -m benchmarks.gpu`, {date.today()}, on {name}, torch {torch.__version__}; "
        f"medians of {repeats} runs.",
        "",
        "| what | median | unit | goal | met |",
        "|---|--:|---|---|---|",
    ]
    for what, (value, unit) in figures.items():
        goal, is_met = reached.get(what, ("", None))
        met = "" if is_met is None else "yes" if is_met else "**no**"
        lines.append(f"| {what} | {value:,.3g} | {unit} | {goal} | {met} |")
    return "\n".join(lines) + "\n"


def goals(figures: dict[str, tuple[float, str]]) -> dict[str, tuple[str, bool]]:
    """Return for figures that have one their goal, and whether it is met."""
    found = {}
    for what, (value, _) in figures.items():
        if what == "a training step":
            bare = figures["its bare matrix products"][0]
            found[what] = ("at most twice the products", value <= 2 * bare)
        elif what == "sampling":
            found[what] = ("20,000,000", value >= 20e6)
        elif what.startswith("fit_resample"):
            found[what] = ("under 2 s", value < 2)
        elif what.startswith("a fit to"):
            found[what] = ("under 20 s", value < 20)
        elif what.endswith("less cpu"):
            found[what] = ("within 2", abs(value) <= 2)
    return found


if __name__ == "__main__":
    sys.exit(main())
