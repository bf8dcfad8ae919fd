"""How near a row lies to training rows of a class, in the discriminator's features.

A logit of a row of a kind that was never seen may be anything: nothing has taught it. Distances to
the nearest training rows among features are large there (Sun et al. 2022, "Out-of-distribution
detection with deep nearest neighbors").
"""

from __future__ import annotations

import torch
from torch import Tensor

N_NEIGHBORS = 5
# So many training rows of each class are compared with.
MAX_ROWS = 1000
# Where the features of a row, or their squares, are no numbers in single precision.
FARTHEST = 1e30


class NearestFeatures:
    """Features of training rows of a class.

    Parameters
    ----------
    features : Tensor of shape (n_rows, n_features)
    """

    def __init__(self, features: Tensor) -> None:
        self._known = features

    def logits(self, features: Tensor) -> Tensor:
        """Return for features (n, n_features) how near the class is, (n,), below 0."""
        return -_nearest(features, self._known)[:, :N_NEIGHBORS].mean(dim=1)

    def own_logits(self) -> Tensor:
        """Return how near the other rows of the class are to each row, (n_rows,).

        A row alone, as where others have no weight, is near to itself: as if there were copies.
        """
        nearest = _nearest(self._known, self._known)
        others = nearest[:, 1:] if len(self._known) > 1 else nearest
        return -others.mean(dim=1)


def _nearest(points: Tensor, known: Tensor) -> Tensor:
    """Return the distances to the nearest known points, (n, at most N_NEIGHBORS + 1), sorted."""
    n_nearest = min(N_NEIGHBORS + 1, len(known))
    distances = torch.cdist(points, known).nan_to_num(nan=FARTHEST, posinf=FARTHEST)
    return distances.topk(n_nearest, largest=False).values
