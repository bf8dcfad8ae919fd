"""Networks of the caller as the two players: made, checked on one batch, and called by class.

A generator takes noise (batch, latent_dim) and class codes (batch,), a discriminator rows and class
codes; see the documentation of `GANSampler`. A module whose `forward` takes no classes gets a
sibling for each class (`takes_class`).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from ganaug._encoding.layout import ImageLayout, TableLayout
from ganaug._gan.gate import StateGate
from ganaug._gan.networks import CategoryHead
from ganaug._gan.noise import gumbel_noise
from ganaug._gan.runtime import DTYPE
from ganaug._memory import is_out_of_memory
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
            return self.call(0, inputs, classes)
        out: Tensor | None = None
        for code in classes.unique().tolist():
            places = (classes == code).nonzero().flatten()
            part = self.call(code, inputs[places], classes[places])
            out = part.new_empty(len(inputs), *part.shape[1:]) if out is None else out
            out = out.index_copy(0, places, part)
        assert out is not None  # there is no batch without rows
        return out

    def call(self, number: int, inputs: Tensor, classes: Tensor) -> Tensor:
        """Return what one of the modules makes of a batch."""
        network = self.networks[number]
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

    def features(self, rows: Tensor, class_code: int) -> Tensor:
        """Return what the last layer is given for rows (n, width) of a class, (n, n_features).

        Without layers that have weights these are the rows themselves.
        """
        given: list[Tensor] = []

        def remember(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            given.extend(part for part in inputs if is_of_rows(part))

        def is_of_rows(part: Any) -> bool:
            return isinstance(part, Tensor) and part.is_floating_point() and len(part) == len(rows)

        hooks = [layer.register_forward_pre_hook(remember) for layer in _layers(self.networks)]
        try:
            self(rows[:, :0], rows, torch.full((len(rows),), class_code, device=rows.device))
        finally:
            for hook in hooks:
                hook.remove()
        return given[-1].flatten(1) if given else rows


def _layers(networks: nn.Module) -> list[nn.Module]:
    """Return the modules that have weights of their own and no modules in them."""
    return [
        module
        for module in networks.modules()
        if not list(module.children()) and list(module.parameters(recurse=False))
    ]


def make_players(
    factories: tuple[ModuleFactory, ModuleFactory],
    layout: TableLayout,
    n_classes: int,
    latent_dim: int,
) -> tuple[OwnGenerator, OwnDiscriminator]:
    """Return the caller's networks as players, for all classes or one pair for each class.

    Raises
    ------
    DataError
        If a callable makes no module that can be trained, or not a new one in each call.
    """
    roles = ("generator", "discriminator")
    samples = [make_module(*pair) for pair in zip(roles, factories, strict=True)]
    of_each_class = not all(map(takes_class, samples))
    networks = [
        OwnNetworks(role, factory, n_classes, of_each_class=of_each_class)
        for role, factory in zip(roles, factories, strict=True)
    ]
    for sample, made in zip(samples, networks, strict=True):
        _check_new(made.role, [sample, *made.networks])
    return (
        OwnGenerator(networks[0], layout, latent_dim),
        OwnDiscriminator(networks[1], layout),
    )


def make_module(role: str, factory: Any) -> nn.Module:
    """Return what the caller's function makes.

    Raises
    ------
    DataError
        If it fails, or makes no module, or one that can't be trained.
    """
    if isinstance(factory, nn.Module):
        raise DataError(
            f"{role} is a module, whose weights a second fit would go on with; pass what makes it, "
            f"such as its class or `lambda: {type(factory).__name__}(...)`."
        )
    try:
        module = factory()
    except Exception as error:
        raise DataError(
            f"{role} must be a callable without arguments that returns a torch.nn.Module; it "
            f"failed: {_said(error)}."
        ) from error
    if not isinstance(module, nn.Module):
        raise DataError(
            f"{role} must be a callable that returns a torch.nn.Module, got one that returns "
            f"{type(module).__name__}."
        )
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise DataError(
            f"{role} has parts compiled by torch.jit, of which no average can be kept; expected a "
            "module of Python."
        )
    if any(isinstance(p, nn.UninitializedParameter) for p in module.parameters()):
        raise DataError(
            f"{role} has lazy parts, whose sizes are not known yet; expected a module with all its "
            "sizes, such as nn.Linear(in, out) in the place of nn.LazyLinear(out)."
        )
    if not any(p.requires_grad for p in module.parameters()):
        raise DataError(
            f"{role} has no parameters that can be trained; expected a module with at least one "
            "that requires a gradient."
        )
    return module


def _check_new(role: str, modules: list[nn.Module]) -> None:
    """Refuse modules that share what is trained."""
    trained = [{id(p) for p in module.parameters() if p.requires_grad} for module in modules]
    if len(set().union(*trained)) < sum(map(len, trained)):
        raise DataError(
            f"{role} returns the same module or weights again, which all classes and a second fit "
            "would share; build a new module in each call."
        )


def takes_class(module: nn.Module) -> bool:
    """Tell whether `forward` takes classes as its second positional argument.

    Which has no default value, or is named like a class: "y", or with "class" or "label" in it.
    """
    kinds = inspect.Parameter
    parameters = list(inspect.signature(module.forward).parameters.values())
    if any(p.kind is kinds.VAR_POSITIONAL for p in parameters[:2]):
        return True
    positional = (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    if len(parameters) < 2 or parameters[1].kind not in positional:
        return False
    name = parameters[1].name.lower()
    is_named = name == "y" or "class" in name or "label" in name
    return is_named or parameters[1].default is kinds.empty


def check_players(
    generator: OwnGenerator,
    discriminator: OwnDiscriminator,
    real: Tensor,
    classes: Tensor,
    *,
    is_penalised: bool,
) -> None:
    """Run copies of all networks on one batch, as they are and in eval, before any training.

    Parameters
    ----------
    generator, discriminator
    real : Tensor of shape (batch, width)
    classes : Tensor of shape (batch,)
    is_penalised : bool
        Whether the discriminator will be differentiated twice.

    Raises
    ------
    DataError
        If one fails, or returns something of another shape, not finite or without a gradient.
    """
    makers, judges = (_copy(player.networks) for player in (generator, discriminator))
    for is_first in (True, False):
        for number in range(len(makers.networks)):
            is_own = classes == number if len(makers.networks) > 1 else torch.ones_like(classes) > 0
            rows, codes = real[is_own].view(-1, *discriminator.shape), classes[is_own]
            latent = torch.randn(len(rows), generator.latent_dim, dtype=DTYPE, device=real.device)
            made = _output(makers, number, latent, codes, discriminator.shape)
            seen = made.detach().reshape(rows.shape).requires_grad_()
            _output(judges, number, rows, codes, ())
            logits = _output(judges, number, seen, codes, ())
            if is_first:
                _check_trained(makers, number, made)
                _check_trained(judges, number, logits)
                _check_differentiated(judges, number, logits, seen, is_penalised=is_penalised)
        makers.eval()
        judges.eval()


def _copy(networks: OwnNetworks) -> OwnNetworks:
    try:
        return deepcopy(networks)
    except Exception as error:
        raise DataError(
            f"{networks.role} can't be copied, and an average of it is kept: {_said(error)}."
        ) from error


def _output(
    networks: OwnNetworks, number: int, inputs: Tensor, classes: Tensor, shape: tuple[int, ...]
) -> Tensor:
    """Return what a module makes of a batch, if it is what it must be."""
    n, role = len(inputs), networks.role
    given = f"{tuple(inputs.shape)}" + (f" and classes ({n},)" if networks.takes_class else "")
    given += "" if networks.training else " in eval()"
    try:
        out = networks.call(number, inputs, classes)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise DataError(f"{role} fails on a batch of shape {given}: {_said(error)}.") from error
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


def _check_trained(networks: OwnNetworks, number: int, out: Tensor) -> None:
    """Refuse an output from which no gradient comes to the weights."""
    weights = [p for p in networks.networks[number].parameters() if p.requires_grad]
    if not any(gradient is not None for gradient in _gradients(networks.role, out, weights)):
        raise DataError(
            f"{networks.role} returns what has no gradient by its weights, so that it can't be "
            "trained; leave out what cuts it off, such as detach() or torch.no_grad()."
        )


def _check_differentiated(
    judges: OwnNetworks, number: int, logits: Tensor, rows: Tensor, *, is_penalised: bool
) -> None:
    """Refuse logits that don't say how rows should change, or of which no penalty can be made."""
    (slope,) = _gradients(judges.role, logits, [rows], twice=is_penalised)
    if slope is None:
        raise DataError(
            f"{judges.role} returns logits without a gradient by what it is given, from which the "
            "generator learns; leave out what cuts it off, such as detach() or rounding."
        )
    if is_penalised and slope.requires_grad:
        weights = [p for p in judges.networks[number].parameters() if p.requires_grad]
        advice = "; gradient_penalty=0 needs no second derivative"
        _gradients(judges.role, slope.square(), weights, advice)


def _gradients(
    role: str, out: Tensor, by: Sequence[Tensor], advice: str = "", *, twice: bool = False
) -> tuple[Tensor | None, ...]:
    if not out.requires_grad:
        return (None,) * len(by)
    try:
        return torch.autograd.grad(
            out.sum(), by, allow_unused=True, retain_graph=True, create_graph=twice
        )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise DataError(f"{role} can't be differentiated: {_said(error)}{advice}.") from error


def _said(error: Exception) -> str:
    """Return the kind of an error and its first line, if it has one."""
    lines = str(error).strip().splitlines()[:1]
    return ": ".join([type(error).__name__, *lines]).rstrip(".")
