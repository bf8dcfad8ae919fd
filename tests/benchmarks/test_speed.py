"""The command line of the benchmark of speed."""

import pytest

from benchmarks import speed


@pytest.fixture(autouse=True)
def quick_runs(monkeypatch, tmp_path):
    def run(case, n_threads):
        return {"seconds": float(n_threads), "cpu_seconds": 1.0, "megabytes": 1.0}

    monkeypatch.setattr(speed, "run", run)
    monkeypatch.setattr(speed, "RESULTS", tmp_path)


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        speed.main(["--parts", "small,nosuch"])
    assert "there is no part 'nosuch'; there are machine, small" in capsys.readouterr().err


def test_some_parts_do_not_replace_the_report_of_all(capsys, tmp_path):
    assert speed.main(["--repeats", "1"]) == 0
    whole = (tmp_path / "speed.md").read_text()
    assert all(f"| {part} |" in whole for part in speed.PARTS)
    capsys.readouterr()
    assert speed.main(["--parts", "small", "--repeats", "1"]) == 0
    assert "| small | SMOTE |" in capsys.readouterr().out
    assert (tmp_path / "speed.md").read_text() == whole
    assert speed.main(["--parts", "small", "--repeats", "1", "--out", str(tmp_path / "s.md")]) == 0
    assert "| small |" in (tmp_path / "s.md").read_text()


def test_jobs_get_the_threads_that_are_asked_for(capsys):
    speed.main(["--parts", "machine", "--repeats", "1", "--threads", "7"])
    shown = capsys.readouterr().out
    assert "threads: 7" in shown
    assert "| 7.00 | 1.00 |" in shown
