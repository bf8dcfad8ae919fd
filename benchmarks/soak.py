"""Fit, sample, score, save and load odd tables for an hour, and watch memory.

ONEDNN_PRIMITIVE_CACHE_CAPACITY=8 \\
    python -m benchmarks.soak --minutes 60 --out benchmarks/results/soak.json

Most lives are those of a `GANSampler` of a table, some of a `GANOutlierDetector` and a few of a
`GANSampler` of images. It fails if any life does, or if the process has grown.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ganaug
from benchmarks.command import new_parser
from benchmarks.cycle import run_cycle, run_detector_cycle, run_image_cycle

PAGE = 4096
WARM_UP_CYCLES = 100
MEMORY_EVERY = 20.0
MAX_GROWTH_MIB = 32.0
DETECTOR_EVERY, IMAGES_EVERY = 10, 25


def main(argv: list[str] | None = None) -> int:
    parser = new_parser("soak", __doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    result = soak(args.minutes * 60, args.seed)
    args.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(
        f"{result['cycles']} cycles, {len(result['failures'])} failures, memory grew by "
        f"{result['memory_growth_mib']} MiB"
    )
    return int(bool(result["failures"]) or (result["memory_growth_mib"] or 0.0) > MAX_GROWTH_MIB)


def soak(seconds: float, seed: int) -> dict[str, Any]:
    """Run cycles for so long; return how many, their failures and the course of memory."""
    start, outcomes, failures, memory = time.monotonic(), Counter[str](), [], []
    next_look, n = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        while (elapsed := time.monotonic() - start) < seconds:
            try:
                outcomes[live(n, np.random.default_rng((seed, n)), Path(folder))] += 1
            except Exception as error:
                failures.append({"cycle": n, "error": repr(error), "trace": traceback.format_exc()})
            n += 1
            if n >= WARM_UP_CYCLES and elapsed >= next_look:
                memory.append((round(elapsed), resident_mib()))
                next_look = elapsed + MEMORY_EVERY
    levels = [mib for _, mib in memory]
    third = max(len(levels) // 3, 1)
    return {
        "seconds": round(time.monotonic() - start),
        "cycles": n,
        "failures": failures,
        "outcomes": dict(sorted(outcomes.items())),
        # medians of the last and of the first third: allocators give memory back when they like
        "memory_growth_mib": round(float(np.median(levels[-third:]) - np.median(levels[:third])), 1)
        if levels
        else None,
        "memory_mib": memory,
        "versions": {
            "ganaug": ganaug.__version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
        },
    }


def live(n: int, random: np.random.Generator, folder: Path) -> str:
    """Live through the n-th life; return what it was."""
    if n % IMAGES_EVERY == IMAGES_EVERY - 1:
        return run_image_cycle(random, folder)
    if n % DETECTOR_EVERY == DETECTOR_EVERY - 1:
        return run_detector_cycle(random, folder)
    return run_cycle(random, folder)


def resident_mib() -> float:
    """Return the memory that this process holds (Linux)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return round(pages * PAGE / 2**20, 1)


if __name__ == "__main__":
    sys.exit(main())
