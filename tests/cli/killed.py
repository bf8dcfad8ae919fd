"""`ganaug resample`, killed again and again: `python -m tests.cli.killed FOLDER`.

Prints a JSON object: how often it was killed, how many outputs were whole, and how many were not.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import ganaug.sampler  # noqa: F401 - so that forks need not import it
from ganaug.cli import main

N_KILLS = 4
N_ROWS, N_ADDED = 3000, 2000


def is_whole(path):
    text = path.read_text()
    return text.endswith("\n") and len(text.splitlines()) == 1 + N_ROWS + N_ADDED


def fork(arguments):
    child = os.fork()
    if child == 0:
        os._exit(main(list(map(str, arguments))))
    return child


def run(folder):
    table, output = folder / "table.csv", folder / "out.csv"
    numbers = np.random.default_rng(0).normal(size=(N_ROWS, 6))
    frame = pd.DataFrame(numbers, columns=list("abcdef"))
    frame.assign(y=np.repeat(["no", "yes"], [2500, 500])).to_csv(table, index=False)
    arguments = [
        "resample",
        table,
        "--target",
        "y",
        "--steps",
        "5",
        "-o",
        output,
        "--force",
        "--quiet",
    ]
    moments, counts = random.Random(0), {"kills": 0, "whole": 0, "half": 0, "absent": 0}
    start = time.monotonic()
    os.waitpid(fork(arguments), 0)
    duration = time.monotonic() - start
    while counts["kills"] < N_KILLS:
        output.unlink(missing_ok=True)
        child = fork(arguments)
        time.sleep(moments.uniform(0.5, 1.05) * duration)  # reading, training, writing
        os.kill(child, signal.SIGKILL)
        counts["kills"] += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        if not output.exists():
            counts["absent"] += 1
        else:
            counts["whole" if is_whole(output) else "half"] += 1
    print(json.dumps(counts))


if __name__ == "__main__":
    run(Path(sys.argv[1]))
