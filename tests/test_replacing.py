"""Outputs and models are written whole or not at all, and leave nothing beside them."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ganaug._files.output import check_output
from ganaug._replacing import replaced


@pytest.fixture
def dead_process():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_the_name_is_there_only_when_everything_is_on_the_disk(tmp_path, monkeypatch):
    output, synced = tmp_path / "out", []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(output.exists()))
    with replaced(output) as temporary:
        temporary.write_text("whole")
        assert not output.exists()
    assert output.read_text() == "whole"
    assert synced == ([False, True] if os.name == "posix" else [])  # the file, then its name
    assert list(tmp_path.iterdir()) == [output]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    output = tmp_path / "out"
    output.write_text("old")

    def write() -> None:
        with replaced(output) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert output.read_text() == "old"
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.skipif(os.name != "posix", reason="asks for processes")
@pytest.mark.parametrize("how", ["write", "check"])
def test_what_dead_processes_left_is_removed(tmp_path, dead_process, how):
    output = tmp_path / "o[1].csv"
    own = f"{os.getpid()}-{threading.get_native_id()}"  # numbers recur, in containers
    gone = [f".o[1].csv.{writer}.tmp" for writer in (dead_process, f"{dead_process}-7", own)]
    kept = [f".o[1].csv.{writer}.tmp" for writer in (os.getppid(), f"{os.getpid()}-1", "x")]
    kept += [f".other.csv.{dead_process}.tmp", ".o[1].csv.tmp", f"o[1].csv.{dead_process}.tmp"]
    for name in (*gone, *kept):
        (tmp_path / name).touch()
    if how == "write":
        with replaced(output) as temporary:
            temporary.touch()
        kept.append(output.name)
    else:
        check_output(output, force=False)
    assert {path.name for path in tmp_path.iterdir()} == set(kept)


def test_threads_do_not_disturb_one_another(tmp_path):
    output, texts = tmp_path / "out", [str(k) * 10**6 for k in range(8)]

    def write(text: str) -> None:
        with replaced(output) as temporary, Path(temporary).open("x") as file:
            for start in range(0, len(text), 10**5):
                file.write(text[start : start + 10**5])

    threads = [threading.Thread(target=write, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert output.read_text() in texts
    assert list(tmp_path.iterdir()) == [output]
