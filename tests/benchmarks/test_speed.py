"""The command line of the benchmark of speed."""

import pytest

from benchmarks import speed, speed_jobs


@pytest.fixture
def quick_runs(monkeypatch, tmp_path):
    def run(case, n_threads):
        return {"seconds": float(n_threads), "cpu_seconds": 1.0, "megabytes": 1.0}

    monkeypatch.setattr(speed, "run", run)
    monkeypatch.setattr(speed, "RESULTS", tmp_path)


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        speed.main(["--parts", "small,nosuch"])
    assert "there is no part 'nosuch'; there are machine, small" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_runs")
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
    capsys.readouterr()
    assert speed.main(["--parts", "small", "--max-rows", "300", "--repeats", "1"]) == 0
    shown = capsys.readouterr().out
    assert "| 300 rows, 30 minority |" in shown
    assert "2,000 rows" not in shown


@pytest.mark.usefixtures("quick_runs")
def test_jobs_get_the_threads_that_are_asked_for(capsys):
    speed.main(["--parts", "machine", "--repeats", "1", "--threads", "7"])
    shown = capsys.readouterr().out
    assert "threads: 7" in shown
    assert "| 7.00 | 1.00 |" in shown


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_large_file_is_written_and_resampled(monkeypatch, suffix):
    monkeypatch.setattr(speed_jobs, "PART_ROWS", 500)
    figures = speed_jobs.ganaug_large(1000, 100, suffix=suffix)
    assert figures["megabytes"] > 50  # Python and torch at least
    assert figures["input_mb"] > 0.1


def test_rows_that_were_not_written_are_an_error(tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("a,b\n1,2\n")
    with pytest.raises(RuntimeError, match="1 rows were written, not 2"):
        speed_jobs._command_line(["--version"], out, 2)


def test_decoding_is_told_in_rows_and_bytes():
    n_rows = 2 * speed_jobs.DECODED_ROWS
    figures = speed_jobs.ganaug_decode(n_rows, 1000)
    assert figures["rows"] == n_rows
    assert figures["bytes"] > n_rows * speed_jobs.N_COLUMNS * (4 + 1)
    assert "rows per CPU s, " in speed._remark(figures)
    assert speed._remark(figures).endswith(" GB per CPU s")
