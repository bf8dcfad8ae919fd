"""How tests/data was made: `python -m tests.persistence.make_v1`.

Run it again only as long as version 1 has not been released; `... make_v1 NAME` makes one file.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from ganaug import GANOutlierDetector, GANSampler
from ganaug._persistence.models import FORMATS
from ganaug._persistence.schema import describe

DATA = Path(__file__).parents[1] / "data"

random = np.random.default_rng(0)
N = 50
X = pd.DataFrame(
    {
        "amount": random.uniform(1, 30, N).round(2),
        "visits": pd.array(random.poisson(2, N), dtype="Int64"),
        "plan": pd.Categorical(random.choice(["free", "paid"], N)),
        "since": pd.Series(np.arange(N).astype("M8[D]").astype("M8[us]")),
        "town": [f"town {k % 40}" for k in range(N)],
    }
)
X.loc[::7, "visits"] = pd.NA
y = np.repeat(["stay", "leave"], [35, 15])

# dark images with a bright half, left or right
images = random.integers(0, 50, (N, 8, 8)).astype(np.uint8)
images[:35, :, :4] += 150
images[35:, :, 4:] += 150


def generator() -> nn.Module:
    """Return a network of the caller's own; files don't hold it."""
    return nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 64), nn.Unflatten(1, (1, 8, 8))
    )


def discriminator() -> nn.Module:
    """Return a network of the caller's own; files don't hold it."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))


NETWORKS = {"generator": generator, "discriminator": discriminator}
SMALL = {"n_steps": 2, "batch_size": 8, "random_state": 0}


def make_sampler(path: Path) -> None:
    GANSampler(**SMALL, hidden_layer_sizes=(4,)).fit(X, y).save(path)


def make_detector(path: Path) -> None:
    detector = GANOutlierDetector(**SMALL, hidden_layer_sizes=(4,), max_reference_rows=32)
    detector.fit(X).save(path)


def make_network_sampler(path: Path) -> None:
    GANSampler(**SMALL, **NETWORKS, latent_dim=3).fit(images, y).save(path)


def make_schema(path: Path) -> None:
    schema = {
        form.kind: {"version": form.version, "types": describe(form.state)} for form in FORMATS
    }
    path.write_text(json.dumps(schema, indent=1) + "\n", "utf-8")


MADE = {
    "sampler-v1.ganaug": make_sampler,
    "detector-v1.ganaug": make_detector,
    "network-sampler-v1.ganaug": make_network_sampler,
    "schema.json": make_schema,
}

if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    for name in sys.argv[1:] or MADE:
        MADE[name](DATA / name)
