"""Mistakes are told in a sentence, and nothing is half written or replaced."""

import json
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ganaug import GANSampler, cli
from ganaug.exceptions import DataError
from tests.cli.running import ganaug, read


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resample"], "the following arguments are required"),
        (["resmple"], "invalid choice: 'resmple'"),
        (["resample", "a.csv", "--strategy", "lots"], "CLASS=COUNT pairs"),
        (["resample", "a.csv", "--strategy", '{"yes": [1]}'], "CLASS=COUNT pairs"),
        (["resample", "a.csv", "--strategy", '{"yes": 50.7}'], "CLASS=COUNT pairs"),
        (["resample", "a.csv", "--strategy", "1.5"], "a ratio above 0 and up to 1, CLASS=COUNT"),
        (["resample", "a.csv", "--strategy", "-0.5"], "a ratio above 0 and up to 1, CLASS=COUNT"),
        (["resample", "a.csv", "--strategy", "nan"], "a ratio above 0 and up to 1, CLASS=COUNT"),
        (["resample", "a.csv", "--strategy", "yes=60,no=9,yes=70"], "names class 'yes' twice"),
        (["resample", "a.csv", "--strategy", '{"yes": 60, "yes": 60}'], "names class 'yes' twice"),
        (["resample", "a.csv", "--steps", "0"], "expected a whole number from 1 on, got '0'"),
        (["sample", "a.csv", "-n", "few"], "expected a whole number from 1 on, got 'few'"),
        (["sample", "a.csv", "--where", "age"], "expected COLUMN=VALUE, COLUMN=LOW..HIGH"),
        (["sample", "a.csv", "--seed", "x"], "expected a whole number from 0 to 4294967295"),
        (["demo", "--seed", "-1"], "expected a whole number from 0 to 4294967295, got '-1'"),
        (["demo", "--quiet", "--verbose"], "not allowed with argument --quiet"),
    ],
)
def test_a_wrong_argument_is_told(capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    err = capsys.readouterr().err
    assert err.startswith("ganaug: error: ")
    assert message in err
    assert "--help" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "outcome"], "no target column 'outcome'; its columns are age, price, score"),
        (["--categorical", "age,work"], "no categorical column 'work'; its columns are age, price"),
        (["--strategy", "maybe=100"], "there is no class 'maybe'; there are no, yes"),
        (["--strategy", "yes=3"], "asks for 3 rows of class 'yes', which has 24"),
        (["--device", "abacus"], "device 'abacus' is not available"),
        (["--mark-synthetic", "age"], "has a column 'age' already"),
        (["-o", "{folder}"], "is a folder"),
        (["-o", "{folder}/no/out.csv"], "there is no folder"),
        (["-o", "{folder}/out.xlsx"], "must end with one of .csv, .csv.gz, .parquet"),
        (["-o", "/dev/null"], "/dev/null must end with one of .csv, .csv.gz, .parquet"),
        (["-o", "{folder}/in.csv"], "exists already; choose another name"),
        (["-o", "{folder}/in.csv", "--force"], "in.csv is what is read; name another file"),
    ],
)
def test_a_mistake_is_one_sentence_before_training(
    mixed_files, tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.setattr(GANSampler, "_train", lambda *_: pytest.fail("training has started"))
    before = sorted(tmp_path.iterdir())
    given = [argument.format(folder=tmp_path) for argument in arguments]
    standard = ["--target", "y", "-o", tmp_path / "out.csv"]
    assert ganaug("resample", mixed_files[".csv"], *standard, *given) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ganaug: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "{csv}", "-o", "{folder}/m.ganaug"], "--target; or fit a detector"),
        (["fit", "{csv}", "--target", "y", "-o", "{folder}/m.zip"], "must end with .ganaug"),
        (["fit", "{csv}", "--target", "y", "-o", "{csv}"], "must end with .ganaug"),
        (
            ["fit", "{csv}", "--target", "y", "-o", "{folder}/m.ganaug", "--resume"],
            "--resume goes on from the folder that --checkpoint names; give that, too",
        ),
        (["score", "{model}", "{csv}", "-o", "{model}"], "must end with one of .csv, .csv.gz"),
        (["score", "{model}", "{folder}/other.csv", "-o", "{folder}/s.csv"], "no column 'age'"),
        (["score", "{model}", "{csv}", "-o", "{csv}", "--force"], "is what is read"),
        (["score", "{csv}", "{csv}", "-o", "{folder}/s.csv"], "is no ganaug file"),
        (["sample", "{model}", "-n", "5", "-o", "{folder}/s.csv", "--where", "age=a"], "number"),
        (["sample", "{model}", "-n", "5", "-o", "{folder}/s.csv", "--where", "tall=1"], "'tall'"),
        (["sample", "{model}", "-n", "5", "-o", "{folder}/s.csv", "--steps", "9"], "out --steps"),
        (
            ["sample", "{model}", "-n", "5", "-o", "{folder}/s.csv", "--categorical", "age"],
            "model.ganaug is trained already; leave out --categorical",
        ),
        (["sample", "{model}", "-n", "5", "-o", "{folder}/s.csv", "--device", "abacus"], "abacus"),
        (["score", "{model}", "{csv}", "-o", "{folder}/s.csv", "--device", "abacus"], "abacus"),
        (
            ["fit", "{csv}", "--detector", "-o", "{folder}/d.ganaug", "--checkpoint", "run"],
            "a detector is trained without a checkpoint and on the CPU; leave out --checkpoint",
        ),
        (
            [
                *("fit", "{csv}", "--detector", "-o", "{folder}/d.ganaug"),
                *("--device", "cpu", "--resume"),
            ],
            "leave out --device, --resume",
        ),
        (
            [
                *("sample", "{model}", "-n", "5", "-o", "{folder}/s.csv"),
                *("--where", "age=3..", "--where", "age=..9"),
            ],
            "twice",
        ),
    ],
)
def test_mistakes_with_models(model, mixed_files, tmp_path, capsys, arguments, message):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    given = {"csv": mixed_files[".csv"], "model": model, "folder": tmp_path}
    assert ganaug(*(argument.format(**given) for argument in arguments)) == 2
    err = capsys.readouterr().err
    assert err.startswith("ganaug: error: ")
    assert message in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("condition", "message"),
    [("y=yes", "name a class with --class"), ("tall=1", "'tall', which is not in the table")],
)
def test_conditions_on_no_feature_are_told_before_training(
    mixed_files, tmp_path, capsys, monkeypatch, suffix, condition, message
):
    monkeypatch.setattr(GANSampler, "_train", lambda *_: pytest.fail("training has started"))
    where = ["--target", "y", "-n", 5, "--where", condition, "-o", tmp_path / "out.csv"]
    assert ganaug("sample", mixed_files[suffix], *where) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    ("condition", "message"),
    [("job=retird", "'retird'"), ("age=900..", "900"), ("age=a", "number")],
)
def test_conditions_that_no_row_meets_are_told_before_training(
    mixed_files, tmp_path, capsys, monkeypatch, suffix, condition, message
):
    train = GANSampler._train

    def one_step_at_most(sampler, *given):
        assert sampler.n_steps == 1
        return train(sampler, *given)

    monkeypatch.setattr(GANSampler, "_train", one_step_at_most)
    where = ["--target", "y", "-n", 5, "--where", condition, "-o", tmp_path / "out.csv"]
    assert ganaug("sample", mixed_files[suffix], *where) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "warning" not in err.lower()


@pytest.mark.parametrize(("seed", "status"), [(0, 2), (3, 0)])
def test_conditions_are_judged_by_the_rows_that_are_trained_on(tmp_path, seed, status):
    # of a class of 9,980 rows 5,000 are trained on, the only rare one among them or not
    n = 10_000
    jobs = np.where(np.arange(n) == 17, "rare", "clerk")
    X = pd.DataFrame({"weight": np.random.default_rng(0).normal(70, 10, n), "job": jobs})
    y = np.repeat(["no", "yes"], [n - 20, 20])
    fitted = GANSampler(n_steps=1, random_state=seed, device="cpu").fit(X, y)
    with pytest.raises(DataError) if status else nullcontext():
        fitted.sample(3, y="no", where={"job": "rare"})
    X.assign(y=y).to_csv(tmp_path / "in.csv", index=False)
    asked = ["--target", "y", "-n", 3, "--class", "no", "--where", "job=rare", "--steps", 2]
    out = tmp_path / "out.csv"
    assert ganaug("sample", tmp_path / "in.csv", *asked, "--seed", seed, "-o", out) == status


def test_a_folder_where_files_are_read_is_told(model, tmp_path, capsys):
    (tmp_path / "parts").mkdir()
    parts, out = tmp_path / "parts", tmp_path / "s.csv"
    assert ganaug("score", model, parts, "-o", out) == 2
    assert "score its files one by one" in capsys.readouterr().err
    assert ganaug("sample", parts, "--target", "y", "-n", 5, "-o", out) == 2
    assert "sample from a model that was fitted on it" in capsys.readouterr().err
    assert ganaug("fit", parts, "--detector", "-o", tmp_path / "d.ganaug") == 2
    said = capsys.readouterr().err
    assert "parts is a folder, which detectors don't read; fit one to a file" in said
    assert "`ganaug fit`" not in said


@pytest.mark.parametrize("name", ["in.csv", "in.parquet", "folder", "model.ganaug"])
@pytest.mark.parametrize("command", ["resample", "fit", "score"])
def test_an_input_that_is_not_there_is_named(tmp_path, capsys, command, name):
    output = tmp_path / ("out.ganaug" if command == "fit" else "out.csv")
    inputs = [tmp_path / name] * (2 if command == "score" else 1)
    assert cli.main([command, *map(str, inputs), "--target", "y", "-o", str(output)]) == 2
    assert f"{name}: No such file or directory" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
@pytest.mark.parametrize("command", ["resample", "fit", "score"])
def test_what_can_be_read_only_once_is_refused(model, tmp_path, capsys, command, name):
    output = tmp_path / ("m.ganaug" if command == "fit" else "o.csv")
    pipe = tmp_path / f"pipe-{name}"
    os.mkfifo(pipe)
    inputs = [model, pipe] if command == "score" else [pipe]
    capsys.readouterr()
    given = [command, *inputs, "--target", "y", "-o", output, "--force"]
    assert cli.main([str(argument) for argument in given]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"ganaug: error: {pipe} is neither a file nor a folder")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,y\n1,no\n2,no\n3,no\n", "class"),
        ("a,y\n1,no\n2,no\n3,yes\n", "'yes' has 1 row"),
        ("a,y\n1,no\n2,no\n3,\n4,yes\n5,yes\n", "missing label"),
        ("a,y\n1,no\n2,no\n3,yes\ninf,yes\n", "column 'a' contains infinity"),
    ],
)
def test_unusable_data_are_told(tmp_path, capsys, content, message):
    source = tmp_path / "in.csv"
    source.write_text(content)
    assert ganaug("resample", source, "--target", "y", "-o", tmp_path / "out.csv") == 2
    err = capsys.readouterr().err
    assert err.startswith("ganaug: error: ")
    assert message in err
    assert not (tmp_path / "out.csv").exists()


def test_an_existing_file_is_replaced_with_force_only(mixed_files, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("mine")
    arguments = ("resample", mixed_files[".csv"], "--target", "y", "-o", output)
    assert ganaug(*arguments) == 2
    assert output.read_text() == "mine"
    assert ganaug(*arguments, "--force") == 0
    assert len(read(output)) == 192


def test_nothing_is_written_into_the_folder_that_is_read(mixed_files, tmp_path, capsys):
    folder = tmp_path / "parts"
    folder.mkdir()
    mixed_files[".parquet"].rename(folder / "part.parquet")
    arguments = ["resample", folder, "--target", "y", "-o", folder / "out.parquet"]
    assert ganaug(*arguments) == 2
    assert "in the folder that is read" in capsys.readouterr().err


@pytest.mark.parametrize("moment", ["training", "writing"])
def test_an_interrupted_run_leaves_nothing(mixed_files, tmp_path, capsys, monkeypatch, moment):
    def interrupt(*_):
        raise KeyboardInterrupt

    def interrupt_half_way(self, file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    if moment == "training":
        monkeypatch.setattr(GANSampler, "_train", interrupt)
    else:
        monkeypatch.setattr(pd.DataFrame, "to_csv", interrupt_half_way)
    before = sorted(tmp_path.iterdir())
    output = tmp_path / "out.csv"
    assert ganaug("resample", mixed_files[".csv"], "--target", "y", "-o", output) == 130
    assert sorted(tmp_path.iterdir()) == before
    assert capsys.readouterr().err == "ganaug: interrupted; nothing was written.\n"


@pytest.mark.filterwarnings("ignore")  # as PYTHONWARNINGS may say
@pytest.mark.parametrize("volume", [[], ["--quiet"]])
@pytest.mark.parametrize("command", ["resample", "sample", "fit"])
def test_an_interrupted_training_is_told_though_its_result_is_written(
    mixed_files, tmp_path, capsys, monkeypatch, command, volume
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("ganaug._callbacks.TrainingTask.report", interrupt)
    output = tmp_path / ("m.ganaug" if command == "fit" else "out.csv")
    counted = ["-n", 5] if command == "sample" else []
    given = [command, mixed_files[".csv"], "--target", "y", *counted, "-o", output, *volume]
    assert ganaug(*given) == 130
    assert output.exists()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("ganaug: warning: training was interrupted; ")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")
def test_runs_killed_while_they_write_leave_the_output_as_it_was(tmp_path):
    command = [sys.executable, "-m", "tests.cli.killed", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    killed = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(killed) == 12  # formats, moments, without and with an old output
    for case in killed:
        assert case["output"] == ("old" if case["is_there"] else "absent"), case
        assert case["left"] == 1, case  # it was writing; the next run removes that
        assert (case["status"], case["then"]) == (0, "whole"), case
        assert case["files"] == [f"out{case['suffix']}", f"table{case['suffix']}"], case


def test_a_class_is_named_once_in_whatever_spelling(tmp_path, capsys):
    rows = [f"{k},{k % 3 == 0:d}" for k in range(30)]
    (tmp_path / "in.csv").write_text("\n".join(["a,y", *rows]))
    given = ("resample", tmp_path / "in.csv", "--target", "y", "-o", tmp_path / "out.csv")
    assert ganaug(*given, "--strategy", "1=20,1.0=25") == 2
    assert "--strategy names class 1 twice" in capsys.readouterr().err
