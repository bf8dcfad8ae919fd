"""Compare ganaug with itself less one part of its design, and with a control without a network.

``python -m benchmarks.ablation --data ../shared/data`` is `benchmarks.oversampling` with other
defaults, and takes its options; `benchmarks.variants` says what each part is replaced by.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks import oversampling
from benchmarks.variants import PARTS

REFERENCES = ("none", "smote", "svm_smote")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    samplers = [*REFERENCES, "ganaug", *(f'ganaug:without="{name}"' for name in PARTS)]
    defaults = {
        "samplers": ",".join(samplers),
        "out": oversampling.RESULTS / "ablation.csv",
        "inner-folds": 0,
    }
    return oversampling.main([*(f"--{name}={value}" for name, value in defaults.items()), *given])


if __name__ == "__main__":
    sys.exit(main())
