"""Adam (Kingma & Ba 2015) in torch's fused kernel, without the machinery around it.

`torch.optim.Adam` imports the compiler when it is first made, which takes longer than training a
small table does.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam

from ganaug._gan.states import State

EPSILON = 1e-8


class FusedAdam:
    """Minimises objectives over the parameters of one network.

    Parameters
    ----------
    parameters : iterable of Tensor
        Those that are frozen stay as they are, as do those that the objective does not use.
    learning_rate : float
        May be changed between two steps.
    betas : tuple of float, default=(0.0, 0.99)
        Decay of the mean of gradients and of the mean of their squares. The first is 0 in a GAN,
        where gradients of a while ago were taken against another opponent; where the target stays,
        as for the detector's discriminators, some of it helps.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.0, 0.99),
    ) -> None:
        self.learning_rate = learning_rate
        self._betas = betas
        self._parameters = [p for p in parameters if p.requires_grad]
        self._means = [torch.zeros_like(p) for p in self._parameters]
        self._squares = [torch.zeros_like(p) for p in self._parameters]
        self._steps = [p.new_zeros((), dtype=torch.float32) for p in self._parameters]

    def minimise(self, objective: Tensor) -> None:
        """Take one step down the gradient of a scalar."""
        gradients = torch.autograd.grad(objective, self._parameters, materialize_grads=True)
        with torch.no_grad():
            adam(
                self._parameters,
                list(gradients),
                self._means,
                self._squares,
                [],
                self._steps,
                fused=True,
                amsgrad=False,
                beta1=self._betas[0],
                beta2=self._betas[1],
                lr=self.learning_rate,
                weight_decay=0.0,
                eps=EPSILON,
                maximize=False,
            )

    def squares(self) -> list[Tensor]:
        """Return the mean squares of the gradients, one tensor for each parameter."""
        return self._squares

    def restart(self, factor: float) -> None:
        """Forget all gradients, and take steps of `factor` times the length from now on."""
        self.learning_rate *= factor
        for value in self._moments().values():
            value.zero_()

    def state_dict(self) -> State:
        """Return all that further steps depend on, besides the parameters."""
        rate = torch.tensor(self.learning_rate, dtype=torch.float64)
        return {"learning_rate": rate, **self._moments()}

    def load_state_dict(self, state: State) -> None:
        """Go on from where `state_dict` was called."""
        self.learning_rate = float(state["learning_rate"])
        for name, value in self._moments().items():
            value.copy_(state[name])

    def _moments(self) -> State:
        lists = {"mean": self._means, "square": self._squares, "steps": self._steps}
        return {
            f"{name}.{k}": value for name, values in lists.items() for k, value in enumerate(values)
        }
