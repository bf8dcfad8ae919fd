"""Imports of optional dependencies, with an error that says how to get them."""

from __future__ import annotations

import importlib
from typing import Any

from ganaug.exceptions import MissingDependencyError

__all__ = ["optional_import"]


def optional_import(module: str, extra: str) -> Any:
    """Import `module`, which the extra `extra` of ganaug installs.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        Name of the extra that brings it.

    Returns
    -------
    module
        The module itself, also when its name is dotted.

    Raises
    ------
    MissingDependencyError
        If the package that holds the module isn't installed.

    Examples
    --------
    >>> optional_import("math", extra="io").gcd(4, 6)
    2
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # the package is there, but broken: its own message says more
        raise MissingDependencyError(
            f"{package} is needed here and isn't installed; run: pip install 'ganaug[{extra}]'"
        ) from error
