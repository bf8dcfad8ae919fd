"""Data augmentation for imbalanced learning with GANs."""

from importlib.metadata import version as _version

from ganaug.sampler import GANSampler

__version__ = _version("ganaug")
__all__ = ["GANSampler", "__version__"]
