"""Networks of the caller as the two players: made, checked on one batch, and called by class.

A generator takes noise (batch, latent_dim) and class codes (batch,), a discriminator rows and class
codes; see the documentation of `GANSampler`. A module whose `forward` takes one argument only knows
no classes: each class gets one of its own.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ganaug._encoding.layout import ImageLayout, TableLayout
from ganaug._gan.gate import StateGate
from ganaug._gan.networks import CategoryHead
from ganaug._gan.noise import gumbel_noise
from ganaug._gan.runtime import DTYPE
from ganaug.exceptions import DataError

ModuleFactory = Callable[[], nn.Module]


class OwnNetworks(nn.Module):
    """One module for all classes, or one for each.

    Parameters
    ----------
    role : str
        What messages call it.
    factory : callable
    n_classes : int
    of_each_class : bool
        Whether to make one module for each class.
    """

    def __init__(
        self, role: str, factory: ModuleFactory, n_classes: int, *, of_each_class: bool
    ) -> None:
        super().__init__()
        self.role = role
        n_modules = n_classes if of_each_class else 1
        self.networks = nn.ModuleList(make_module(role, factory) for _ in range(n_modules))
        self.takes_class = takes_class(self.networks[0])

    def forward(self, inputs: Tensor, classes: Tensor) -> Tensor:
        if len(self.networks) == 1:
            return self._call(self.networks[0], inputs, classes)
        out: Tensor | None = None
        for code in classes.unique().tolist():
            places = classes == code
            part = self._call(self.networks[code], inputs[places], classes[places])
            out = part.new_empty(len(inputs), *part.shape[1:]) if out is None else out
            out = out.masked_scatter(places.view(-1, *[1] * (part.ndim - 1)), part)
        assert out is not None  # there is no batch without rows
        return out

    def _call(self, network: nn.Module, inputs: Tensor, classes: Tensor) -> Tensor:
        out: Tensor = network(inputs, classes) if self.takes_class else network(inputs)
        return out


class OwnGenerator(nn.Module):
    """The caller's generator of encoded rows or images.

    What it returns for categories are logits, as from the generator of a table.

    Shapes: anchor (batch, 0), noise (batch, latent_dim + one_hot_width), classes (batch,) -> rows
    (batch, width).
    """

    def __init__(self, networks: OwnNetworks, layout: TableLayout, latent_dim: int) -> None:
        super().__init__()
        self.networks = networks
        self.latent_dim = latent_dim
        self.one_hot_width = layout.one_hot_width
        cpu = torch.device("cpu")
        self.head = CategoryHead([slot.size for slot in layout.heads], cpu)
        self.gate = StateGate(layout, cpu)

    def noise(self, n: int, random: torch.Generator) -> Tensor:
        """Return noise for n rows: normal, then Gumbel for the categories."""
        shape = (n, self.latent_dim)
        normal = torch.randn(shape, generator=random, dtype=DTYPE, device=random.device)
        return torch.cat([normal, gumbel_noise((n, self.one_hot_width), random)], dim=1)

    def forward(self, anchor: Tensor, noise: Tensor, classes: Tensor) -> Tensor:
        latent, gumbel = noise.split([self.latent_dim, self.one_hot_width], dim=1)
        rows = self.networks(latent, classes).flatten(1)
        continuous, logits = rows.tensor_split([rows.shape[1] - self.one_hot_width], dim=1)
        one_hot = self.head(logits + gumbel)
        return torch.cat([self.gate(continuous, one_hot), one_hot], dim=1)


class OwnDiscriminator(nn.Module):
    """The caller's discriminator of encoded rows or images.

    Shapes: anchor (batch, 0), rows (batch, width), classes (batch,) -> logits (batch,).
    """

    def __init__(self, networks: OwnNetworks, layout: TableLayout) -> None:
        super().__init__()
        self.networks = networks
        self.shape = layout.shape if isinstance(layout, ImageLayout) else (layout.width,)

    def forward(self, anchor: Tensor, rows: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self.networks(rows.view(-1, *self.shape), classes)
        return logits.flatten()


def make_players(
    factories: tuple[ModuleFactory, ModuleFactory],
    layout: TableLayout,
    n_classes: int,
    latent_dim: int,
) -> tuple[OwnGenerator, OwnDiscriminator]:
    """Return the caller's networks as players, for all classes or one pair for each class."""
    roles = ("generator", "discriminator")
    of_each_class = not all(
        takes_class(make_module(role, factory))
        for role, factory in zip(roles, factories, strict=True)
    )
    networks = [
        OwnNetworks(role, factory, n_classes, of_each_class=of_each_class)
        for role, factory in zip(roles, factories, strict=True)
    ]
    return (
        OwnGenerator(networks[0], layout, latent_dim),
        OwnDiscriminator(networks[1], layout),
    )


def make_module(role: str, factory: Any) -> nn.Module:
    """Return what the caller's function makes.

    Raises
    ------
    DataError
        If it is no module, or one that can't be trained.
    """
    if isinstance(factory, nn.Module):
        raise DataError(
            f"{role} is a module, whose weights a second fit would go on with; pass what makes it, "
            f"such as its class or `lambda: {type(factory).__name__}(...)`."
        )
    module = factory()
    if not isinstance(module, nn.Module):
        raise DataError(
            f"{role} must be a callable that returns a torch.nn.Module, got one that returns "
            f"{type(module).__name__}."
        )
    if not any(p.requires_grad for p in module.parameters()):
        raise DataError(
            f"{role} has no parameters that can be trained; expected a module with at least one "
            "that requires a gradient."
        )
    return module


def takes_class(module: nn.Module) -> bool:
    """Tell whether `forward` takes a second positional argument."""
    kinds = inspect.Parameter
    parameters = list(inspect.signature(module.forward).parameters.values())
    positional = [
        p for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    return len(positional) > 1 or any(p.kind is kinds.VAR_POSITIONAL for p in parameters)


@torch.no_grad()
def check_players(
    generator: OwnGenerator,
    discriminator: OwnDiscriminator,
    real: Tensor,
    classes: Tensor,
) -> None:
    """Run both networks on one batch, before any training.

    Raises
    ------
    DataError
        If one fails, or returns something of another shape or not finite.
    """
    latent = torch.randn(len(real), generator.latent_dim, dtype=DTYPE, device=real.device)
    shape = tuple(discriminator.shape)
    rows = _checked_output(generator.networks, latent, classes, shape)
    for images in (rows.view(-1, *shape), real.view(-1, *shape)):
        _checked_output(discriminator.networks, images, classes, ())


def _checked_output(
    networks: OwnNetworks, inputs: Tensor, classes: Tensor, shape: tuple[int, ...]
) -> Tensor:
    n, role = len(inputs), networks.role
    given = f"{tuple(inputs.shape)}" + (f" and classes ({n},)" if networks.takes_class else "")
    try:
        out = networks(inputs, classes)
    except (RuntimeError, ValueError, TypeError, LookupError) as error:
        raise DataError(
            f"{role} fails on a batch of shape {given}: {str(error).splitlines()[0]}"
        ) from error
    flat = (n, math.prod(shape))
    allowed = {(n, *shape), flat} if shape else {(n,), (n, 1)}
    if not isinstance(out, Tensor) or tuple(out.shape) not in allowed:
        received = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise DataError(
            f"{role} must return {(n, *shape)} for a batch of shape {given}, got {received}."
        )
    if out.dtype != DTYPE:
        raise DataError(f"{role} must return {DTYPE} for a batch of {DTYPE}, got {out.dtype}.")
    if not out.isfinite().all():
        raise DataError(f"{role} returns numbers that are not finite for a batch of shape {given}.")
    return out
