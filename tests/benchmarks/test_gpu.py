"""The benchmark of a GPU, run on the CPU: the same code, but for streams and graphs."""

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
    table = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
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
    assert all(0.5 < float(value) < 1 for name, value, _ in table[1:] if "balanced" in name)
