"""Adversarial losses and gradient penalties, as pure functions.

The relativistic pairing (Jolicoeur-Martineau 2019, "The relativistic discriminator") with
zero-centred gradient penalties on real and generated rows (R1 of Mescheder et al. 2018, "Which
training methods for GANs do actually converge?", and R2) is the loss of Huang et al. (2024), "The
GAN is dead; long live the GAN!", which shows that it converges locally. The others are those of
Goodfellow et al. (2014), "Generative adversarial nets" (binary cross-entropy), Lim & Ye (2017),
"Geometric GAN" (hinge), and Arjovsky et al. (2017), "Wasserstein GAN", here with the zero-centred
penalties in the place of clipped weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True)
class AdversarialLoss:
    """What discriminator and generator minimise, each of (real_logits, fake_logits)."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]


def relativistic_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return how little each real row is held for more real than its generated partner."""
    return softplus(fake_logits - real_logits).mean()


def relativistic_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return how little each generated row is held for more real than its real partner."""
    return softplus(real_logits - fake_logits).mean()


def cross_entropy_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the binary cross-entropy of real as 1 and generated as 0, each half of it."""
    return (softplus(-real_logits).mean() + softplus(fake_logits).mean()) / 2


def cross_entropy_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the binary cross-entropy of generated as 1: the loss that does not saturate."""
    return softplus(-fake_logits).mean()


def hinge_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return by how much real logits stay below 1 and generated ones above -1."""
    return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()


def wasserstein_discriminator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return how much higher generated rows are valued than real ones."""
    return fake_logits.mean() - real_logits.mean()


def highest_logit_generator(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the opposite of the generated rows' logits."""
    return -fake_logits.mean()


LOSSES: dict[str, AdversarialLoss] = {
    "relativistic": AdversarialLoss(relativistic_discriminator, relativistic_generator),
    "bce": AdversarialLoss(cross_entropy_discriminator, cross_entropy_generator),
    "hinge": AdversarialLoss(hinge_discriminator, highest_logit_generator),
    "wasserstein": AdversarialLoss(wasserstein_discriminator, highest_logit_generator),
}


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
