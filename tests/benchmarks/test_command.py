import pytest

from benchmarks.command import ONE_THREAD, choose, exit_status, names, numbers


def test_lists():
    assert names("a; b=(1, 2);") == ["a", "b=(1, 2)"]
    assert numbers("10,20") == [10, 20]
    assert choose(["b", "x"], ["a", "b"]) == ["b"]
    assert choose(["x"], ["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ValueError("no table 'x' here"), 2, "error: no table 'x' here"),
        (KeyboardInterrupt(), 130, "interrupted; the same command goes on from here"),
    ],
)
def test_an_error_is_a_line(monkeypatch, capsys, error, status, text):
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")  # put back at the end

    def run():
        raise error

    assert exit_status(run) == status
    assert capsys.readouterr().err.strip() == text
