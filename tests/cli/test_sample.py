"""`ganaug sample`, from a table or from a saved sampler."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ganaug import GANSampler
from tests.cli.running import ganaug, read


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_sample_writes_synthetic_rows_only(mixed_files, tmp_path, suffix):
    output = tmp_path / f"out{suffix}"
    arguments = ("--target", "y", "-n", 7, "--class", "no", "-o", output)
    assert ganaug("sample", mixed_files[suffix], *arguments) == 0
    table = read(output)
    assert table["y"].tolist() == ["no"] * 7
    assert list(table.columns) == ["age", "price", "score", "job", "day", "y"]


def test_sample_without_a_class_fills_up_the_small_ones(mixed_files, tmp_path):
    output = tmp_path / "out.csv"
    assert ganaug("sample", mixed_files[".csv"], "--target", "y", "-n", 7, "-o", output) == 0
    assert read(output)["y"].tolist() == ["yes"] * 7


def test_labels_of_a_saved_sampler_keep_their_name(mixed_files, tmp_path):
    path, rows = tmp_path / "parquet.ganaug", tmp_path / "rows.parquet"
    assert ganaug("fit", mixed_files[".parquet"], "--target", "y", "-o", path) == 0
    assert ganaug("sample", path, "-n", 20, "-o", rows) == 0
    assert list(read(rows).columns) == ["age", "price", "score", "job", "day", "y"]


YES = np.arange(60) % 3 == 0


LABELS = {
    "frame": (pd.DataFrame({"outcome": YES}), ["outcome"]),
    "polars frame": (pl.DataFrame({"outcome": YES}), ["outcome"]),
    "column": (YES[:, None], ["target"]),
    "one-hot": (np.eye(2, dtype=int)[YES.astype(int)], ["target0", "target1"]),
    "one-hot frame": (pd.DataFrame({"no": 1 - YES, "yes": 1 * YES}), ["no", "yes"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_two_dimensions_and_images_are_written_as_columns(kind, tmp_path):
    path, rows = tmp_path / "m.ganaug", tmp_path / "rows.csv"
    y, names = LABELS[kind]
    images = np.random.default_rng(0).random((60, 8, 8))
    GANSampler(n_steps=2).fit(images, y).save(path)
    assert ganaug("sample", path, "-n", 5, "-o", rows) == 0
    assert list(read(rows).columns) == [*(f"x{j}" for j in range(64)), *names]


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        (["age=40.."], lambda rows: rows["age"] >= 40),
        (["age=..40", "job=clerk,nurse"], lambda r: (r["age"] <= 40) & (r["job"] != "farmer")),
        (["day=2024-05-01.."], lambda rows: rows["day"] >= "2024-05-01"),
        (["day=2020..2024-03"], lambda rows: rows["day"] < "2024-04-01"),
        (["day=2024-05..2024-05"], lambda rows: rows["day"].str[:7] == "2024-05"),
        (["score=", "job=nurse"], lambda r: r["score"].isna() & (r["job"] == "nurse")),
    ],
)
@pytest.mark.parametrize("saved", [True, False])
def test_rows_meet_conditions(model, mixed_files, tmp_path, conditions, holds, saved):
    output = tmp_path / "rows.csv"
    where = [argument for condition in conditions for argument in ("--where", condition)]
    source = [model] if saved else [mixed_files[".csv"], "--target", "y"]
    assert ganaug("sample", *source, "-n", 30, *where, "-o", output) == 0
    assert len(read(output)) == 30
    assert holds(read(output)).all()


@pytest.mark.parametrize("saved", [True, False])
def test_conditions_on_columns_with_an_equals_sign(mixed_files, tmp_path, saved):
    table = read(mixed_files[".csv"]).rename(columns={"age": "age=years", "price": "a=b=c"})
    table.to_csv(tmp_path / "in.csv", index=False)
    source = [tmp_path / "in.csv", "--target", "y"]
    if saved:
        assert ganaug("fit", *source, "-o", tmp_path / "model.ganaug") == 0
        source = [tmp_path / "model.ganaug"]
    where = ("--where", "age=years=40..", "--where", "a=b=c=..20", "--where", "job=nurse")
    assert ganaug("sample", *source, "-n", 5, *where, "-o", tmp_path / "rows.csv") == 0
    rows = read(tmp_path / "rows.csv")
    assert (rows["age=years"] >= 40).all()
    assert (rows["a=b=c"] <= 20).all()
    assert (rows["job"] == "nurse").all()


def test_a_saved_detector_is_no_sampler(tmp_path, capsys):
    from ganaug import GANOutlierDetector

    X = np.random.default_rng(0).normal(size=(50, 2))
    GANOutlierDetector(n_steps=1, random_state=0).fit(X).save(tmp_path / "model.ganaug")
    arguments = ["sample", tmp_path / "model.ganaug", "--target", "y", "-n", 5]
    assert ganaug(*arguments, "-o", tmp_path / "out.csv") == 2
    assert "holds a detector" in capsys.readouterr().err
