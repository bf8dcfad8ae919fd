"""A part of the fuzz that `python -m benchmarks.fuzz` runs in full, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cycle import (
    FLAWS,
    check_refusal,
    draw_table,
    run_cycle,
    run_detector_cycle,
    run_image_cycle,
    spoil,
)
from benchmarks.fuzz import DAMAGES
from benchmarks.soak import soak

ROOT = Path(__file__).parents[2]


def run(*arguments):
    """Run a command in a process of its own: it limits its memory, and watches what it runs."""
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_malformed_files(tmp_path):
    output = tmp_path / "result.json"
    done = run("benchmarks.fuzz", "files", "--cases", 10 * len(DAMAGES), "--out", output)
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text("utf-8"))
    assert result["failures"] == []
    assert set(result["outcomes"]) == {damage.__name__ for damage in DAMAGES}
    for damage, may_load in DAMAGES.items():
        counts = result["outcomes"][damage.__name__]
        assert sum(counts.values()) == 10
        if not may_load:
            assert counts == {"refused": 10}


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@pytest.mark.filterwarnings("ignore::ganaug.exceptions.DataWarning")
@pytest.mark.parametrize("seed", range(4))
def test_odd_tables(seed, tmp_path):
    outcomes = {run_cycle(np.random.default_rng((1, seed, n)), tmp_path) for n in range(8)}
    assert all(outcome.startswith(("resampled: ", "refused: ")) for outcome in outcomes)


@pytest.mark.parametrize("flaw", FLAWS)
def test_every_flaw_is_refused(flaw):
    _, _, X, y = draw_table(np.random.default_rng(0))
    check_refusal(flaw, *spoil(flaw, X, y))


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@pytest.mark.parametrize("seed", range(3))
def test_detectors_and_images_have_lives_too(seed, tmp_path):
    random = np.random.default_rng(seed)
    assert run_detector_cycle(random, tmp_path).startswith(("scored: ", "refused by"))
    assert run_image_cycle(random, tmp_path) == "images"


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
def test_a_short_soak():
    result = soak(3.0, seed=5)
    assert result["failures"] == []
    assert result["cycles"] > 0
