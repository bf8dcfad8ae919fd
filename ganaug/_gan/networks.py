"""Generator and discriminator for the rows of a `TableLayout`.

Both are conditioned on the class and, for half of each batch, on an *anchor*: a real row of the
class whose neighbour is to be generated. Without an anchor they are a plain conditional GAN; one
network learns both, by having the anchor dropped (anchor dropout).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import cast

import torch
from torch import Tensor, nn

from ganaug._encoding.layout import TableLayout
from ganaug._gan.gate import StateGate
from ganaug._gan.geometry import ClassMoves
from ganaug._gan.runtime import DTYPE

NEGATIVE_SLOPE = 0.2
# A new generator keeps about 2/3 of its anchors' categories and stays close to its numbers.
ANCHOR_LOGIT = 2.0
INITIAL_OUTPUT_SCALE = 0.1
SOFTMAX_TEMPERATURE = 0.7


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of both networks."""

    hidden_layer_sizes: tuple[int, ...]
    latent_dim: int


class Generator(nn.Module):
    """Rows from noise, a class and perhaps an anchor.

    Shapes: anchor (batch, width), anchored (batch, 1), latent (..., batch, latent_dim), gumbel
    (..., batch, one_hot_width), classes (batch,), shares of the moves to make (..., batch,
    continuous_width), all of them by default -> rows (..., batch, width). Each anchor may have
    several rows: what it says is computed once.
    """

    def __init__(
        self,
        layout: TableLayout,
        n_classes: int,
        config: NetworkConfig,
        random: torch.Generator,
        moves: ClassMoves,
    ) -> None:
        super().__init__()
        self.moves = moves
        self.latent_dim = config.latent_dim
        self.continuous_width = layout.continuous_width
        sizes = (layout.width + 1 + config.latent_dim, *config.hidden_layer_sizes)
        self.class_shift = _zero_embedding(n_classes, sizes[1], random.device)
        self.hidden = _hidden_layers(sizes, random)
        self.last = SeededLinear(sizes[-1], layout.width, random, scale=INITIAL_OUTPUT_SCALE)
        self.head = CategoryHead([slot.size for slot in layout.heads], random.device)
        self.gate = StateGate(layout, random.device)
        # log-odds added to each class's levels once training has ended, see calibration.py
        self.register_buffer(
            "level_bias",
            torch.zeros(n_classes, layout.one_hot_width, dtype=DTYPE, device=random.device),
        )
        self.level_bias: Tensor

    def forward(
        self,
        anchor: Tensor,
        anchored: Tensor,
        latent: Tensor,
        gumbel: Tensor,
        classes: Tensor,
        shares: Tensor | None = None,
    ) -> Tensor:
        out = self._first_layer(anchor, anchored, latent)
        out = activate(out + self.class_shift(classes))
        for layer in islice(self.hidden, 1, None):
            out = activate(layer(out))
        out = self.last(out)
        levels = anchor[:, self.continuous_width :]
        move, logits = out[..., : self.continuous_width], out[..., self.continuous_width :]
        if shares is not None:
            move = move * shares
        continuous = self.moves.moved(anchor, anchored, move, classes)
        bias = ANCHOR_LOGIT * levels + self.level_bias.index_select(0, classes)
        logits = logits + bias + gumbel
        one_hot = self.head(logits)
        return torch.cat([self.gate(continuous, one_hot), one_hot], dim=-1)

    def _first_layer(self, anchor: Tensor, anchored: Tensor, latent: Tensor) -> Tensor:
        first = cast(nn.Linear, self.hidden[0])
        if latent.ndim == anchor.ndim:  # in training, one product costs least
            return nn.functional.linear(
                torch.cat([anchor, anchored, latent], dim=1), first.weight, first.bias
            )
        n = first.in_features - self.latent_dim
        of_anchor = nn.functional.linear(
            torch.cat([anchor, anchored], dim=1), first.weight[:, :n], first.bias
        )
        return nn.functional.linear(latent, first.weight[:, n:]) + of_anchor


class CategoryHead(nn.Module):
    """Perturbed logits of all heads to one-hot levels, in one go.

    Forward the arg max, backward the soft maximum: the straight-through Gumbel-softmax of Jang et
    al. (2017), "Categorical reparameterization with Gumbel-softmax".

    Shape: (..., one_hot_width) -> (..., one_hot_width).
    """

    def __init__(self, sizes: Sequence[int], device: torch.device) -> None:
        super().__init__()
        self.sizes = list(sizes)
        heads = torch.arange(len(sizes)).repeat_interleave(torch.tensor(self.sizes).long())
        padded = torch.full((len(sizes), max(sizes, default=0)), len(heads), dtype=torch.long)
        for head, levels in enumerate(torch.arange(len(heads)).split(self.sizes)):
            padded[head, : len(levels)] = levels
        member = torch.eye(len(sizes), dtype=DTYPE)[heads]
        for name, value in (("head_of_level", heads), ("member", member), ("padded", padded)):
            self.register_buffer(name, value.to(device), persistent=False)  # the layout says it
        self.head_of_level: Tensor
        self.member: Tensor  # (one_hot_width, n_heads)
        self.padded: Tensor

    def forward(self, logits: Tensor) -> Tensor:
        if not self.sizes:
            return logits
        with torch.no_grad():
            peaks, levels = self._peaks(logits)
            hard = torch.zeros_like(logits).scatter_(-1, levels, 1.0)
        if not torch.is_grad_enabled():
            return hard
        peaks = peaks.index_select(-1, self.head_of_level)
        soft = torch.exp((logits - peaks) / SOFTMAX_TEMPERATURE)
        soft = soft / ((soft @ self.member) @ self.member.T)
        return hard + (soft - soft.detach())

    def _peaks(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the largest logit of each head and its level, each of shape (..., n_heads)."""
        in_turn = logits.device.type == "cpu"  # a loop costs less there than moving everything
        values, levels = self.peaks_in_turn(logits) if in_turn else self.peaks_at_once(logits)
        return values, levels + self.padded[:, 0]

    def peaks_in_turn(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the largest logits and where they are in their heads: a kernel for each head."""
        parts = [head.max(dim=-1) for head in logits.split(self.sizes, dim=-1)]
        values, levels = zip(*parts, strict=True)
        return torch.stack(values, dim=-1), torch.stack(levels, dim=-1)

    def peaks_at_once(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the same by few kernels, on copies of the longest head's length."""
        padded = nn.functional.pad(logits, (0, 1), value=-torch.inf)[..., self.padded]
        values, levels = padded.max(dim=-1)
        return values, levels


class Discriminator(nn.Module):
    """Logits for a row of a class, read from the same features.

    The *adversarial* logit (`forward`) is what the generator plays against: how much the row looks
    like a real one of its class, next to its anchor. The *density* logit tells real rows from rows
    moved by noise, and *class logits* of which class a row is; scores are made of these. They are
    kept apart because a generator that is punished for whatever looks like noise keeps to the
    middle of its class.

    Shapes: anchor (batch, width), anchored (batch, 1), rows (batch, width), classes (batch,) ->
    logits (batch,).
    """

    def __init__(
        self,
        layout: TableLayout,
        n_classes: int,
        config: NetworkConfig,
        random: torch.Generator,
        moves: ClassMoves,
    ) -> None:
        super().__init__()
        self.moves = moves
        self.width = layout.width
        sizes = (2 * layout.width + 1, *config.hidden_layer_sizes)
        self.hidden = _hidden_layers(sizes, random)
        self.adversarial = ClassReadout(sizes[-1], n_classes, random)
        self.density = ClassReadout(sizes[-1], n_classes, random)
        self.class_logits = ZeroLinear(sizes[-1], n_classes, device=random.device, dtype=DTYPE)

    def forward(self, anchor: Tensor, anchored: Tensor, rows: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self.adversarial(
            self.features(anchor, anchored, rows, classes)[-1], classes
        )
        return logits

    def features(
        self, anchor: Tensor, anchored: Tensor, rows: Tensor, classes: Tensor
    ) -> list[Tensor]:
        """Return the output of each hidden layer, (..., batch, hidden).

        Each anchor may have several rows, (..., batch, width): what it says is computed once.
        """
        first = cast(nn.Linear, self.hidden[0])
        move = self.moves.units(anchor, anchored, rows, classes)
        of_anchor = nn.functional.linear(
            torch.cat([anchor, anchored], dim=1), first.weight[:, self.width :], first.bias
        )
        out = nn.functional.linear(move, first.weight[:, : self.width]) + of_anchor
        return self._later_features(activate(out))

    def input_gradient(self, features: Sequence[Tensor], classes: Tensor) -> Tensor:
        """Return the gradients of the logits with respect to the moves, (..., batch, width).

        The network is piecewise linear, so the gradient is a product of its weights and of the
        slopes on the way. Written out it can be penalised by one ordinary backward pass, where
        automatic differentiation would need two.
        """
        gradient = self.adversarial.weight(classes).expand_as(features[-1])
        first, *later = (cast(Tensor, layer.weight) for layer in self.hidden)
        weights = [first[:, : self.width], *later]  # the anchor's gradient is of no use
        for weight, out in zip(reversed(weights), reversed(features), strict=True):
            gradient = _slopes_times(gradient, out) @ weight
        return gradient

    def density_logits(self, rows: Tensor, classes: Tensor) -> Tensor:
        """Return the density logits of free rows (batch, width): (batch,)."""
        logits: Tensor = self.density(self._free_features(rows), classes)
        return logits

    def score_layers(self) -> list[tuple[Tensor, Tensor]]:
        """Return weight and bias of each layer from free rows to what scores are made of.

        The last one gives the density logits of all classes, then the class logits.
        """
        later = [cast(nn.Linear, layer) for layer in islice(self.hidden, 1, None)]
        hidden = [self._free_layer(), *((layer.weight, layer.bias) for layer in later)]
        weight, bias = self.density.layer()
        classes = self.class_logits
        weights = torch.cat([weight, classes.weight])
        return [*hidden, (weights, torch.cat([bias.expand(len(weight)), classes.bias]))]

    def _free_features(self, rows: Tensor) -> Tensor:
        """Return the last features of rows without an anchor."""
        return self._later_features(activate(nn.functional.linear(rows, *self._free_layer())))[-1]

    def _free_layer(self) -> tuple[Tensor, Tensor]:
        """Return the first layer for rows without an anchor: its zeros are not multiplied."""
        first = cast(nn.Linear, self.hidden[0])
        return first.weight[:, : self.width], first.bias

    def _later_features(self, out: Tensor) -> list[Tensor]:
        """Return the output of the first layer and of each after it."""
        features = [out]
        for layer in islice(self.hidden, 1, None):
            features.append(activate(layer(features[-1])))
        return features


class ClassReadout(nn.Module):
    """A linear logit with weights of its own for each class, as in a projection discriminator.

    Miyato & Koyama (2018), "cGANs with projection discriminator".

    Shapes: features (..., batch, n_in), classes (batch,) -> logits (..., batch).
    """

    def __init__(self, n_in: int, n_classes: int, random: torch.Generator) -> None:
        super().__init__()
        self.common = SeededLinear(n_in, 1, random)
        self.by_class = _zero_embedding(n_classes, n_in, random.device)

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        logits = self.of_all_classes(features)  # one product costs less than weights for each row
        which = classes.unsqueeze(-1).expand(*logits.shape[:-1], 1)
        return logits.gather(-1, which).squeeze(-1)

    def weight(self, classes: Tensor) -> Tensor:
        """Return the weights for each row's class, (batch, n_in)."""
        weight: Tensor = self.common.weight + self.by_class(classes)
        return weight

    def of_all_classes(self, features: Tensor) -> Tensor:
        """Return the logits for every class, (..., batch, n_classes)."""
        weight, bias = self.layer()
        return features @ weight.T + bias

    def layer(self) -> tuple[Tensor, Tensor]:
        """Return the weights for all classes, (n_classes, n_in), and the bias they share, (1,)."""
        return self.common.weight + self.by_class.weight, self.common.bias


def activate(x: Tensor) -> Tensor:
    return nn.functional.leaky_relu(x, NEGATIVE_SLOPE)


def first_bound(n_in: int) -> float:
    """Return the bound of uniform first weights whose variance leaky rectifiers keep.

    He et al. (2015), "Delving deep into rectifiers".
    """
    return math.sqrt(6 / ((1 + NEGATIVE_SLOPE**2) * n_in))


def _slopes_times(gradient: Tensor, out: Tensor) -> Tensor:
    """Return a gradient times the slopes with which `out` was activated, in one kernel."""
    return torch.ops.aten.leaky_relu_backward(gradient, out, NEGATIVE_SLOPE, True)


def _hidden_layers(sizes: Sequence[int], random: torch.Generator) -> nn.ModuleList:
    return nn.ModuleList(SeededLinear(n_in, n_out, random) for n_in, n_out in pairwise(sizes))


class SeededLinear(nn.Linear):
    """A linear layer whose first weights come from `random`, not from torch's global state.

    Uniform, within `scale` times the `first_bound`.
    """

    def __init__(self, n_in: int, n_out: int, random: torch.Generator, scale: float = 1.0) -> None:
        super().__init__(n_in, n_out, device=random.device, dtype=DTYPE)
        bound = scale * first_bound(n_in)
        with torch.no_grad():
            self.weight.uniform_(-bound, bound, generator=random)
            self.bias.zero_()

    def reset_parameters(self) -> None:
        """Leave the weights to `__init__`: torch would draw them from its global state."""


class ZeroLinear(nn.Linear):
    """A linear layer that starts at zero: at first all classes are equally likely."""

    def reset_parameters(self) -> None:
        """Draw nothing: torch would, from its global state."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)


def _zero_embedding(n: int, size: int, device: torch.device) -> nn.Embedding:
    """Return an embedding that starts at zero: at first all classes are alike."""
    return nn.Embedding(n, size, _weight=torch.zeros(n, size, dtype=DTYPE, device=device))
