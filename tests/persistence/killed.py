"""A fit that is killed again and again and goes on each time; run by test_checkpoints.py.
`python -m tests.persistence.killed FOLDER KILLS` prints a JSON object: how often it was killed, how
many fits came to their end, how many of these ended otherwise than one that nobody disturbed, and
how many starts went on from a checkpoint, not from the first step.


"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import make_classification

from ganaug import GANSampler

CHECK_INTERVAL = 50  # GANSampler's default
X, Y = make_classification(n_samples=200, n_features=6, weights=[0.8], random_state=0)


def fit(checkpoint, result, first_checks):
    checks = []

    def note(check):
        if not checks:
            with first_checks.open("a") as file:
                file.write(f"{check.step}\n")
        checks.append(check.step)

    sampler = GANSampler(
        n_steps=800, batch_size=16, hidden_layer_sizes=(8, 8), random_state=0,
        checkpoint=checkpoint, resume=True, callback=note,
    ).fit(X, Y)  # fmt: skip
    digest = hashlib.sha256(sampler.sample(40, random_state=0)[0].tobytes())
    for part in (sampler.generator_, sampler.discriminator_):
        for value in part.state_dict().values():
            digest.update(value.numpy().tobytes())
    for value in sampler.history_.values():
        digest.update(np.asarray(value).tobytes())
    result.write_text(digest.hexdigest())


def start(checkpoint, result, first_checks):
    """Fit in another process: a fork, because importing torch takes longer than the fit."""
    child = os.fork()
    if child == 0:
        fit(checkpoint, result, first_checks)
        os._exit(0)
    return child


def main(folder, n_kills):
    folder, moments = Path(folder), random.Random(0)
    first_checks = folder / "first checks"
    started = time.monotonic()
    os.waitpid(start(folder / "undisturbed", folder / "expected", folder / "of undisturbed"), 0)
    longest = (time.monotonic() - started) / 2  # on a busy machine all takes longer
    expected = (folder / "expected").read_text()
    kills, digests, leftovers = 0, [], 0
    while kills < n_kills:
        checkpoint, result = folder / f"run {len(digests)}", folder / f"result {len(digests)}"
        while True:
            child = start(checkpoint, result, first_checks)
            time.sleep(moments.uniform(0.0, longest))
            if kills < n_kills:
                os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
            if os.WIFEXITED(status):
                break
            kills += 1
        digests.append(result.read_text())
        leftovers += len(list(checkpoint.iterdir())) - 1
    differing = sum(digest != expected for digest in digests)
    went_on = sum(int(step) > CHECK_INTERVAL for step in first_checks.read_text().split())
    found = {"kills": kills, "fits": len(digests), "differing": differing, "leftovers": leftovers}
    print(json.dumps({**found, "went_on": went_on}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
