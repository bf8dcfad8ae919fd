"""`ganaug resample`, killed while it writes: `python -m tests.cli.killed FOLDER`.

Writers stop half way, or when all is written but not yet in place, and wait there to be killed. For
each format and moment, without and with an old output, prints a line of JSON: what became of the
output ("absent", "old", "whole" or "half"), and what lies beside it after the next run.
"""

import json
import os
import signal
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

import ganaug.sampler  # noqa: F401 - so that forks need not import it
from ganaug.cli import main

SUFFIXES = [".csv", ".csv.gz", ".parquet"]
MOMENTS = ["half way", "before the end"]
N_ROWS, N_ADDED = 300, 200
OLD = b"what was there before"
PATIENCE = 60.0  # seconds


def wait_to_be_killed(*_):
    time.sleep(PATIENCE)
    os._exit(99)


def write_half_of_csv(frame, file, *, write=pd.DataFrame.to_csv, **options):
    write(frame[: len(frame) // 2], file, **options)
    file.flush()
    wait_to_be_killed()


def write_half_of_parquet(table, path, *, write=pq.write_table):
    write(table, path)
    os.truncate(path, os.path.getsize(path) // 2)
    wait_to_be_killed()


def fork(arguments, moment):
    child = os.fork()
    if child == 0:
        if moment == "half way":
            pd.DataFrame.to_csv, pq.write_table = write_half_of_csv, write_half_of_parquet
        if moment == "before the end":
            os.replace = wait_to_be_killed
        os._exit(main(list(map(str, arguments))))
    return child


def sizes(folder):
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def kill_when_it_writes(child, folder, before):
    """Kill it once something in the folder has other bytes, and some, and does not grow."""
    deadline, last = time.monotonic() + PATIENCE, before
    while time.monotonic() < deadline:
        time.sleep(0.05)
        now = sizes(folder)
        is_writing = any(size and before.get(name) != size for name, size in now.items())
        if is_writing and now == last:
            break
        last = now
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it was not killed but ended with {status}"


def state_of(output):
    if not output.exists():
        return "absent"
    if output.read_bytes() == OLD:
        return "old"
    try:
        table = pd.read_parquet(output) if output.suffix == ".parquet" else pd.read_csv(output)
    except (OSError, ValueError, EOFError):
        return "half"
    return "whole" if len(table) == N_ROWS + N_ADDED else "half"


def run(folder, suffix, moment, is_there):
    folder = folder / f"{suffix} {moment} {is_there}"
    folder.mkdir()
    table, output = folder / f"table{suffix}", folder / f"out{suffix}"
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(N_ROWS, 3)), columns=list("abc"))
    frame = frame.assign(y=np.repeat(["no", "yes"], [250, 50]))
    frame.to_parquet(table) if suffix == ".parquet" else frame.to_csv(table, index=False)
    if is_there:
        output.write_bytes(OLD)
    arguments = ["resample", table, "--target", "y", "--steps", "5", "-o", output, "--quiet"]
    arguments += ["--force"] if is_there else []
    before = sizes(folder)
    kill_when_it_writes(fork(arguments, moment), folder, before)
    after, n_left = state_of(output), len(sizes(folder).keys() - before.keys())
    _, status = os.waitpid(fork(arguments, "never"), 0)
    print(json.dumps({
        "suffix": suffix, "moment": moment, "is_there": is_there,
        "output": after, "left": n_left, "status": status, "then": state_of(output),
        "files": sorted(sizes(folder)),
    }))  # fmt: skip


if __name__ == "__main__":
    for case in product(SUFFIXES, MOMENTS, [False, True]):
        run(Path(sys.argv[1]), *case)
