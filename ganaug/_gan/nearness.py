"""How near an image lies to training images of each class, in the discriminator's features.

A logit of an image of a kind that was never seen may be anything: nothing has taught it. Distances
to the nearest training images among normalised features are large there (Sun et al. 2022,
"Out-of-distribution detection with deep nearest neighbors").
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

N_NEIGHBORS = 5
# So many training images of each class are compared with.
MAX_ROWS = 1000


class NearestFeatures:
    """Features of training images, sorted by class.

    Parameters
    ----------
    features : Tensor of shape (n_rows, n_features)
    counts : sequence of int
        Rows of each class, two at least.
    """

    def __init__(self, features: Tensor, counts: Sequence[int]) -> None:
        self._classes = normalize(features).split(list(counts))

    def logits(self, features: Tensor) -> Tensor:
        """Return for features (n, n_features) how near each class is, (n, n_classes), below 0."""
        points = normalize(features)
        logits = [-_nearest(points, known)[:, :N_NEIGHBORS].mean(dim=1) for known in self._classes]
        return torch.stack(logits, dim=1)

    def own_logits(self) -> Tensor:
        """Return how near the other rows of its class are to each row, (n_rows,)."""
        logits = [-_nearest(known, known)[:, 1:].mean(dim=1) for known in self._classes]
        return torch.cat(logits)


def _nearest(points: Tensor, known: Tensor) -> Tensor:
    """Return the distances to the nearest known points, (n, at most N_NEIGHBORS + 1), sorted."""
    n_nearest = min(N_NEIGHBORS + 1, len(known))
    return torch.cdist(points, known).topk(n_nearest, largest=False).values
