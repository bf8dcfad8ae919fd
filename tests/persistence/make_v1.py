"""How tests/data was made: `python -m tests.persistence.make_v1`.

Run it again only as long as version 1 has not been released.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

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

if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    sampler = GANSampler(n_steps=2, batch_size=8, hidden_layer_sizes=(4,), random_state=0)
    sampler.fit(X, y).save(DATA / "sampler-v1.ganaug")
    detector = GANOutlierDetector(
        n_steps=2, batch_size=8, hidden_layer_sizes=(4,), max_reference_rows=32, random_state=0
    )
    detector.fit(X).save(DATA / "detector-v1.ganaug")
    schema = {
        form.kind: {"version": form.version, "types": describe(form.state)} for form in FORMATS
    }
    (DATA / "schema.json").write_text(json.dumps(schema, indent=1) + "\n", "utf-8")
