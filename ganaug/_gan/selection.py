"""Which candidates become rows: among their own class, true to every anchor and to the class mean.

A generator, like any sampler that interpolates, also makes rows that lie among another class, and
throwing those away moves what is left away from the border. So candidates are weighted rather than
thrown away, and the weights are corrected twice: every anchor keeps much of its share, and the
weighted mean is tilted back to the mean of the class (the least change that does it: exponential
tilting, as in Hainmueller 2012, "Entropy balancing"). Rows are then drawn by these weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from ganaug._encoding.layout import TableLayout
from ganaug._gan.margins import CONTRADICTION
from ganaug._gan.noise import gumbel_noise
from ganaug._gan.runtime import DTYPE, in_double

# A candidate nearer to another class starts at this weight, and loses more the nearer it is.
REFUSED_WEIGHT = 0.05
REFUSED_SCALE = 0.25
# 0 would let a few anchors far from other classes take all rows, 1 would keep all shares equal.
EVENNESS = 0.5
# Missing values are counted by those who read a table: little of their rate may be missed.
MISSING_RIDGE = 0.01
MISSING_ROUNDS = 3
# Candidates that are enough to find a tilt from.
MAX_TILT_ROWS = 4096
TINY = 1e-9


@dataclass(frozen=True)
class Aim:
    """What rows are drawn for.

    Parameters
    ----------
    among_others : float
        So many times as many rows as of the real ones may lie among another class.
    depth : float
        Quantile of the real rows' margins, 0 to 1. Where it is negative, what lies less deep among
        another class than that counts as being among the own.
    ridge : float
        How much of the class mean may be missed to keep weights even.
    """

    among_others: float
    depth: float
    ridge: float


# Generated rows are more spread than real ones, and those just on their side of a border are as
# hard to tell as some beyond it: so not all that real rows make likely.
LOOK_REAL = Aim(among_others=0.25, depth=1.0, ridge=0.1)
# Rows of a rare class may be nearer to a frequent one just because that has so many. Where most
# are, half of them say how deep among others a row may lie.
TRAIN_CLASSIFIERS = Aim(
    among_others=0.0,
    depth=0.5,
    ridge=3.0,  # a tilt that reaches the mean undoes the acceptance
)


class Selection:
    """Draws rows of a class from candidates.

    Parameters
    ----------
    layout : TableLayout
    class_mean : Tensor of shape (width,)
        What the mean of the rows drawn should be.
    aim : Aim
    real_margins : Tensor of shape (n_rows,)
        How much farther other classes are from the real rows of the class than their own.
    classes_overlap : bool, default=True
        Whether rows of several classes may lie in one place. Where they don't, a row among another
        class is likely to be of it, however deep the real ones lie there.

    Attributes
    ----------
    border : float
        The margin from which on a row counts as being among its class.
    """

    def __init__(
        self,
        layout: TableLayout,
        class_mean: Tensor,
        aim: Aim,
        real_margins: Tensor,
        *,
        classes_overlap: bool = True,
    ) -> None:
        self._mean = class_mean
        self._among_others = aim.among_others * float((real_margins < 0).to(DTYPE).mean())
        depth = float(real_margins.quantile(aim.depth))
        self.border = min(depth, 0.0) if classes_overlap else 0.0
        self._says_missing = _missing_levels(layout, class_mean.device)
        self._ridge = torch.where(self._says_missing, MISSING_RIDGE, aim.ridge)
        self._kept_tilts: dict[float, Tensor] = {}

    def choose(
        self,
        candidates: Tensor,
        margins: Tensor,
        homes: Tensor,
        n_rows: int,
        random: torch.Generator,
    ) -> Tensor:
        """Return which candidates to take: positions of shape (n_rows,), in their order.

        Parameters
        ----------
        candidates : Tensor of shape (n_candidates, width)
        margins : Tensor of shape (n_candidates,)
            How much farther other classes are than the own one.
        homes : Tensor of shape (n_candidates,)
            Number of the anchor that each candidate was generated next to.
        n_rows : int
        random : torch.Generator
        """
        weights = acceptance_weights(margins, self._among_others, self.border)
        log_weights = torch.log(weights) - EVENNESS * torch.log(mean_by_group(weights, homes))
        log_weights = log_weights + candidates @ self._tilt(candidates, log_weights, n_rows)
        # the largest perturbed weights are a draw without replacement (Efraimidis & Spirakis 2006)
        perturbed = log_weights + gumbel_noise(log_weights.shape, random)
        return perturbed.topk(n_rows, sorted=False).indices.sort().values

    def _tilt(self, candidates: Tensor, log_weights: Tensor, n_rows: int) -> Tensor:
        """Return the tilt to the mean of the class, and to its rates of missing values.

        One that was found for many candidates is good for all later ones, if there are as many for
        each row: of fewer more are taken whatever they weigh.
        """
        per_row = len(candidates) / n_rows
        if per_row in self._kept_tilts:
            return self._kept_tilts[per_row]
        stride = -(-len(candidates) // MAX_TILT_ROWS)
        tilt = self._find_tilt(candidates[::stride], log_weights[::stride], n_rows // stride)
        if len(candidates) >= MAX_TILT_ROWS:
            self._kept_tilts[per_row] = tilt
        return tilt

    def _find_tilt(self, candidates: Tensor, log_weights: Tensor, n_rows: int) -> Tensor:
        """Return the tilt for a draw of `n_rows` of the candidates.

        The heaviest candidates are drawn only once each, so what is drawn is less tilted than the
        weights. Where values are missing, the mean to tilt to is moved by what was missed.
        """
        wanted = self._mean
        tilt = tilt_to_mean(candidates, log_weights, wanted, self._ridge)
        for _ in range(MISSING_ROUNDS if self._says_missing.any() else 0):
            tilted = log_weights + candidates @ tilt
            drawn = inclusion_probabilities(tilted, n_rows).to(candidates) / n_rows
            wanted = wanted + (self._mean - drawn @ candidates) * self._says_missing
            tilt = tilt_to_mean(candidates, log_weights, wanted, self._ridge)
        return tilt


def _missing_levels(layout: TableLayout, device: torch.device) -> Tensor:
    """Return a mask of the levels of heads that can say "missing", of shape (width,)."""
    mask = torch.zeros(layout.width, dtype=torch.bool)
    one_hot = mask[layout.one_hot]
    for slot, part in zip(layout.heads, layout.head_slices, strict=True):
        one_hot[part] = slot.has_missing
    return mask.to(device)


def acceptance_weights(margins: Tensor, among_others: float = 0.0, border: float = 0.0) -> Tensor:
    """Return 1 where a row lies among its own class, and little where it does not.

    Parameters
    ----------
    margins : Tensor of shape (n_candidates,)
    among_others : float
        The weights are no smaller than it takes to make up this share of the rows drawn.
    border : float
        The margin from which on a row lies among its own class.
    """
    beyond = margins - border
    is_refused = beyond < 0
    n_refused = float(is_refused.sum())
    # so that n_refused * smallest / (n_accepted + n_refused * smallest) is the share
    odds = among_others / max(1 - among_others, TINY)
    smallest = min(odds * (len(margins) - n_refused) / max(n_refused, 1.0), 1.0)
    scale = REFUSED_SCALE * (beyond.abs().median() + TINY)
    refused = REFUSED_WEIGHT * torch.exp(beyond.clamp(max=0) / scale)
    weights = torch.where(is_refused, refused.clamp(min=smallest), 1.0)
    return torch.where(margins <= CONTRADICTION, 0.0, weights) + TINY


def mean_by_group(values: Tensor, groups: Tensor) -> Tensor:
    """Return for each value the mean of its group."""
    n_groups = int(groups.max()) + 1
    sums = values.new_zeros(n_groups).index_add_(0, groups, values)
    counts = torch.bincount(groups, minlength=n_groups).clamp(min=1)
    return (sums / counts)[groups]


def tilt_to_mean(rows: Tensor, log_weights: Tensor, mean: Tensor, ridge: Tensor) -> Tensor:
    """Return the tilt with which the weighted mean of the rows is (nearly) `mean`.

    Added to the log weights, ``rows @ tilt`` changes the weights least among all that do so; a
    ridge keeps them near the given ones where the mean is out of reach.

    Parameters
    ----------
    rows : Tensor of shape (n_rows, width)
    log_weights : Tensor of shape (n_rows,)
    mean, ridge : Tensor of shape (width,)

    Returns
    -------
    Tensor of shape (width,)
    """
    spread = (rows - rows.mean(dim=0)).square().mean(dim=0).sqrt() + 1e-3
    standard = in_double((rows - mean) / spread)
    prior, ridge = in_double(log_weights), in_double(ridge)

    def objective(tilt: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        direction = torch.from_numpy(tilt).to(standard.device)
        tilted = prior + standard @ direction
        value = torch.logsumexp(tilted, dim=0) + 0.5 * ridge @ direction.square()
        slope = torch.softmax(tilted, dim=0) @ standard + ridge * direction
        return float(value), slope.cpu().numpy()

    tilt = minimize(objective, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x
    return torch.from_numpy(tilt).to(rows.device, DTYPE) / spread


def inclusion_probabilities(log_weights: Tensor, n_rows: int) -> Tensor:
    """Return how likely each candidate is among `n_rows` drawn by weight without replacement.

    Each candidate rings after an exponential time with its weight as rate, and the first `n_rows`
    are taken: about those that ring before a time T that so many are expected to beat.
    """
    rates = torch.softmax(in_double(log_weights), dim=0)
    low, high = rates.new_tensor(-5.0), rates.new_tensor(60.0)  # of log T
    for _ in range(50):
        middle = (low + high) / 2
        too_many = -torch.expm1(-rates * middle.exp()).sum() > n_rows
        low, high = torch.where(too_many, low, middle), torch.where(too_many, middle, high)
    return -torch.expm1(-rates * high.exp())
