"""Adversarial losses and gradient penalties, as pure functions.

The relativistic pairing (Jolicoeur-Martineau 2019, "The relativistic discriminator") with
zero-centred gradient penalties on real and generated rows (R1 of Mescheder et al. 2018, "Which
training methods for GANs do actually converge?", and R2) is the loss of Huang et al. (2024), "The
GAN is dead; long live the GAN!", which shows that it converges locally.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return how little each real row is held for more real than its generated partner."""
    return softplus(fake_logits - real_logits).mean()


def generator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return how little each generated row is held for more real than its real partner."""
    return softplus(real_logits - fake_logits).mean()


def gradient_penalty(*input_gradients: Tensor) -> Tensor:
    """Return half the mean squared norm of the logits' input gradients, summed over the batches.

    Parameters
    ----------
    *input_gradients : Tensor of shape (batch, width)
        Gradient of each logit with respect to its row.
    """
    penalty = input_gradients[0].new_zeros(())
    for gradient in input_gradients:
        penalty = penalty + 0.5 * gradient.square().sum(dim=1).mean()
    return penalty


def noise_contrastive_loss(real_logits: Tensor, noise_logits: Tensor) -> Tensor:
    """Return the logistic loss of telling real rows from noise.

    Its minimum is the logarithm of the ratio of their densities (Gutmann & Hyvarinen 2010,
    "Noise-contrastive estimation").
    """
    return softplus(-real_logits).mean() + softplus(noise_logits).mean()
