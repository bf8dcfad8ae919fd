"""The benchmark of a GPU, run on the CPU: the same code, but for streams and graphs."""

import numpy as np
import pytest

from benchmarks import gpu


def test_a_device_that_is_not_there_is_named(capsys):
    with pytest.raises(SystemExit):
        gpu.main(["--device", "abacus"])
    assert "device 'abacus' is not available" in capsys.readouterr().err


def test_every_figure_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "STEPS", (5, 10))
    monkeypatch.setattr(gpu, "IMAGE_SIDE", 8)
    monkeypatch.setattr(gpu, "IMAGE_STEPS", 5)
    out = tmp_path / "gpu.md"
    options = ["--device", "cpu", "--rows", "600", "--samples", "500"]
    options += ["--images", "40", "--repeats", "1"]
    assert gpu.main([*options, "--out", str(out)]) == 0
    text = out.read_text()
    assert text in capsys.readouterr().out
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    names = [name for name, *_ in table[1:]]
    assert names == [
        "a training step",
        "its bare matrix products",
        "sampling",
        "fit_resample of 600 x 30",
        "a fit to 40 images of 8 x 8",
        "average precision of gradient boosting, cpu",
        "balanced accuracy of gradient boosting, cpu",
    ]
    assert all(0.5 < float(value) < 1 for name, value, *_ in table[1:] if "balanced" in name)
    assert [row[3] for row in table[1:]][2:4] == ["20,000,000", "under 2 s"]


def test_scores_of_two_devices_agree_within_what_seeds_do():
    of_cpu = np.array([[0.70, 0.80], [0.72, 0.82], [0.71, 0.81]])
    for lead, agrees in ((0.0, True), (0.01, True), (0.1, False)):
        found = gpu.agreement({"cuda": of_cpu + np.array([0.0, lead]), "cpu": of_cpu})
        names = ["average precision: cuda less cpu", "balanced accuracy: cuda less cpu"]
        assert [met for _, met in map(gpu.goals(found).get, names)] == [True, agrees]
    assert not gpu.agreement({"cpu": of_cpu})


def test_goals_are_met_or_not():
    def is_met(step, products, rows, seconds):
        figures = {
            "a training step": (step, "ms"),
            "its bare matrix products": (products, "ms"),
            "sampling": (rows, "rows/s"),
            "fit_resample of 284,807 x 30": (seconds, "s"),
        }
        return [reached for _, reached in gpu.goals(figures).values()]

    assert is_met(1.9, 1.0, 21e6, 1.9) == [True, True, True]
    assert is_met(2.1, 1.0, 19e6, 2.1) == [False, False, False]
