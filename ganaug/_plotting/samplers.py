"""What displays can draw."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from ganaug.exceptions import DataError

__all__ = ["check_sampler"]


def check_sampler(drawer: str, estimator: Any, attribute: str) -> None:
    """Refuse what is no fitted sampler: others are fitted, too, and know nothing of classes.

    Parameters
    ----------
    drawer : str
        What draws it, for the message.
    estimator : object
    attribute : str
        What fitted samplers have.

    Raises
    ------
    DataError
        If the estimator is of another kind.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    from ganaug.sampler import GANSampler  # torch comes with it, and not with pictures

    if not isinstance(estimator, GANSampler):
        kind = type(estimator).__name__
        raise DataError(
            f"{drawer} draws a fitted GANSampler, got a {kind}; pass the sampler itself."
        )
    check_is_fitted(estimator, attribute)
