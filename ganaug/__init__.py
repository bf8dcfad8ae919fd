"""Data augmentation for imbalanced learning with GANs."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganaug._detection.explanation import Explanation
    from ganaug._persistence.models import load
    from ganaug.detector import GANOutlierDetector
    from ganaug.sampler import GANSampler

__version__ = _version("ganaug")
__all__ = ["Explanation", "GANOutlierDetector", "GANSampler", "__version__", "load"]

_HOMES = {
    "Explanation": "ganaug._detection.explanation",
    "GANOutlierDetector": "ganaug.detector",
    "GANSampler": "ganaug.sampler",
    "load": "ganaug._persistence.models",
}


def __getattr__(name: str) -> Any:
    """Import the estimators, and with them torch, when they are first used (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
