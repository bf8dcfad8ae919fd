"""
Five classic GANs for digits
============================

Five generators and discriminators as tutorials have built them, each a few lines of PyTorch handed
to `GANSampler`, and trained with their own recipe: binary cross-entropy and Adam (2e-4, 0.5). None
of them knows classes, so ganaug fits each class by itself. A classifier trained on real digits says
how often a generated digit is the one that was asked for.

    python examples/plot_five_classic_gans.py                       # 8 x 8 digits of scikit-learn
    python examples/plot_five_classic_gans.py --data ../shared/data  # 28 x 28 digits

The second saves both models after each epoch and monitors the loss, by a callback; pictures and
models go to the folder `--out`. Sigmoids at the end of discriminators are left out: the loss has
them. Two things of ganaug stay on: images are drawn by a moving average of the generator's weights,
and of all epochs the one is kept at whose end they were nearest to real ones.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from ganaug import GANSampler
from ganaug.plotting import plot_samples

SIDE = 28
IMAGE = (1, SIDE, SIDE)


# %%
# The networks
# ------------


class DCGAN:
    """Transposed convolutions (after Radford et al. 2016)."""

    @staticmethod
    def generator() -> nn.Module:
        return nn.Sequential(
            nn.Linear(100, 7 * 7 * 128),
            nn.BatchNorm1d(7 * 7 * 128),
            nn.LeakyReLU(0.2),
            nn.Unflatten(1, (128, 7, 7)),
            nn.ConvTranspose2d(128, 64, 4, 2, 1),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(64, 1, 4, 2, 1),
            nn.Tanh(),
        )

    @staticmethod
    def discriminator() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 64, 5, 2, 2),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(14 * 14 * 64, 1),
        )


class TwoConvolutions:
    """Two 5 x 5 convolutions and a dense layer of 128 in both networks."""

    @staticmethod
    def generator() -> nn.Module:
        return nn.Sequential(
            nn.Linear(100, 128),
            nn.Tanh(),
            nn.Linear(128, 32 * 7 * 7),
            nn.BatchNorm1d(32 * 7 * 7),
            nn.Tanh(),
            nn.Unflatten(1, (32, 7, 7)),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 16, 5, padding=2),
            nn.Tanh(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 1, 5, padding=2),
            nn.Tanh(),
        )

    @staticmethod
    def discriminator() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2),
            nn.Tanh(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5),
            nn.Tanh(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 5 * 5, 128),
            nn.Tanh(),
            nn.Linear(128, 1),
        )


class DensePooling:
    """A dense generator against convolutions with max pooling."""

    @staticmethod
    def generator() -> nn.Module:
        return nn.Sequential(
            nn.Linear(100, 128),
            nn.LeakyReLU(0.2),
            nn.Linear(128, SIDE * SIDE),
            nn.Tanh(),
            nn.Unflatten(1, IMAGE),
        )

    @staticmethod
    def discriminator() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 1),
        )


class DenseStrided:
    """A dense generator with batch normalisation against strided convolutions."""

    @staticmethod
    def generator() -> nn.Module:
        return nn.Sequential(
            nn.Linear(100, 128),
            nn.BatchNorm1d(128, momentum=0.2),  # torch counts what is new: 0.8 in Keras
            nn.LeakyReLU(0.2),
            nn.Linear(128, 128),
            nn.BatchNorm1d(128, momentum=0.2),
            nn.LeakyReLU(0.2),
            nn.Linear(128, SIDE * SIDE),
            nn.Tanh(),
            nn.Unflatten(1, IMAGE),
        )

    @staticmethod
    def discriminator() -> nn.Module:
        layers: list[nn.Module] = []
        for n_in, n_out in ((1, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(n_in, n_out, 3, 2, 1), nn.BatchNorm2d(n_out), nn.LeakyReLU(0.2)]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 4 * 4, 1))


class Dense:
    """Dense layers only (after Goodfellow et al. 2014)."""

    @staticmethod
    def generator() -> nn.Module:
        return nn.Sequential(
            nn.Linear(100, 256),
            nn.BatchNorm1d(256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 512),
            nn.BatchNorm1d(512),
            nn.LeakyReLU(0.2),
            nn.Linear(512, SIDE * SIDE),
            nn.Tanh(),
            nn.Unflatten(1, IMAGE),
        )

    @staticmethod
    def discriminator() -> nn.Module:
        return nn.Sequential(
            nn.Flatten(), nn.Linear(SIDE * SIDE, 512), nn.LeakyReLU(0.2), nn.Linear(512, 1)
        )


# %%
# Their recipes
# -------------


@dataclass(frozen=True)
class Classic:
    """Networks, what they are trained with, and what is done at every epoch."""

    networks: Any
    batch_size: int
    epochs: int
    prints: bool = False
    saves: bool = False

    def sampler(self, n_images: int, epochs: int | None = None, **parameters: Any) -> GANSampler:
        """Return a sampler for classes of about so many images."""
        per_epoch = max(1, round(n_images / self.batch_size))
        return GANSampler(
            generator=self.networks.generator,
            discriminator=self.networks.discriminator,
            loss="bce",
            learning_rate=2e-4,
            betas=(0.5, 0.999),
            gradient_penalty=0.0,
            latent_dim=100,
            batch_size=min(self.batch_size, n_images),
            n_steps=(epochs or self.epochs) * per_epoch,
            check_interval=per_epoch,
            **{"random_state": 0, **parameters},
        )


CLASSICS = {
    "1 DCGAN": Classic(DCGAN, batch_size=64, epochs=60),
    "2 two convolutions": Classic(
        TwoConvolutions, batch_size=64, epochs=60, prints=True, saves=True
    ),
    "3 dense, max pooling": Classic(DensePooling, batch_size=100, epochs=100),
    "4 dense, strided": Classic(DenseStrided, batch_size=64, epochs=60, prints=True),
    "5 dense": Classic(Dense, batch_size=64, epochs=100, prints=True),
}


def watcher(classic: Classic, folder: Path) -> Callable[[Any], None]:
    """Return what is called after each epoch: it prints both losses, and saves both models."""

    def watch(check: Any) -> None:
        if classic.prints:
            losses = f"D {check.discriminator_loss:.3f}  G {check.generator_loss:.3f}"
            print(f"  step {check.step:5d}: {losses}")
        if classic.saves:
            for name in ("generator", "discriminator"):
                torch.save(getattr(check, name).state_dict(), folder / f"{name}-{check.step}.pt")

    return watch


# %%
# The digits
# ----------


def load_images(folder: Path | None) -> tuple[np.ndarray, ...]:
    """Return training and test images of 28 x 28 bytes, and their labels."""
    if folder is not None:
        with np.load(folder / "images" / "mnist_small.npz") as data:
            return tuple(data[k] for k in ("X_train", "y_train", "X_test", "y_test"))
    X, y = load_digits(return_X_y=True)
    X = zoom(X.reshape(-1, 8, 8) * (255 / 16), (1, SIDE / 8, SIDE / 8), order=1).astype(np.uint8)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    return X_train, y_train, X_test, y_test


class Judge:
    """A small convolutional classifier of real digits."""

    def __init__(self, X: np.ndarray, y: np.ndarray, n_steps: int = 500) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 7 * 7, 10)),
        )
        optimizer = torch.optim.Adam(self.network.parameters(), 3e-3)
        images, labels = self.read(X), torch.from_numpy(y)
        for _ in range(n_steps):
            rows = torch.randint(len(images), (128,))
            loss = nn.functional.cross_entropy(self.network(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.network.eval()

    @staticmethod
    def read(X: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(X[:, None] / 255).float()

    @torch.no_grad()
    def __call__(self, X: np.ndarray) -> np.ndarray:
        return self.network(self.read(X)).argmax(dim=1).numpy()


def main() -> None:
    """Train all five, and look at what they draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--data", type=Path, help="folder with images/mnist_small.npz")
    parser.add_argument("--classics", default="12345", help="which of them")
    parser.add_argument("--epochs", type=int, help="instead of their own")
    parser.add_argument("--out", type=Path, help="folder for pictures and models; else a new one")
    args = parser.parse_args()
    folder = args.out or Path(tempfile.mkdtemp(prefix="classics-"))
    print(f"pictures and models: {folder}")
    X, y, X_test, y_test = load_images(args.data)
    judge = Judge(X, y)
    accuracy = (judge(X_test) == y_test).mean()
    print(f"the judge is right about {accuracy:.1%} of real test digits")
    for name, classic in CLASSICS.items():
        if name[0] not in args.classics:
            continue
        start = time.perf_counter()
        models = folder / f"classic-{name[0]}"
        models.mkdir(parents=True, exist_ok=True)
        sampler = classic.sampler(len(X) // 10, args.epochs, callback=watcher(classic, models))
        sampler.fit(X, y)
        n_saved = len(list(models.iterdir()))
        made, asked = sampler.sample(dict.fromkeys(range(10), 100))
        agreed = judge(made) == asked
        by_class = [agreed[asked == code].mean() for code in range(10)]
        print(
            f"{name:22s} {time.perf_counter() - start:5.0f} s, {n_saved} files in its folder: "
            f"{agreed.mean():.1%} as asked, worst digit {np.argmin(by_class)} {min(by_class):.0%}"
        )
        plot_samples(sampler)
        plt.savefig(folder / f"classic-{name[0]}.png", dpi=90)
        plt.close()


if __name__ == "__main__":
    main()
