"""Data augmentation for imbalanced learning with GANs."""

from __future__ import annotations

from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganaug._persistence.models import load
    from ganaug.detector import GANOutlierDetector
    from ganaug.sampler import GANSampler

__version__ = _version("ganaug")
__all__ = ["GANOutlierDetector", "GANSampler", "__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import the estimators, and with them torch, when they are first used (PEP 562)."""
    if name == "GANSampler":
        from ganaug.sampler import GANSampler

        return GANSampler
    if name == "load":
        from ganaug._persistence.models import load

        return load
    if name == "GANOutlierDetector":
        from ganaug.detector import GANOutlierDetector

        return GANOutlierDetector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
