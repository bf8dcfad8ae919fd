"""Tables read in parts: `ganaug resample` on folders and large files."""

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from ganaug import GANSampler
from ganaug._encoding import chosen_rows, scan
from ganaug._files import csv_dataset, large, streams
from ganaug._files.streams import as_arrow
from ganaug.cli import main

N = 2000
OPTIONS = ["--target", "label", "--seed", "0", "--steps", "5", "--quiet"]


@pytest.fixture(autouse=True)
def every_file_is_large(monkeypatch):
    monkeypatch.setattr(large, "LARGE_BYTES", 0)


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=N).round(3),
            "count": random.integers(0, 99, N),
            "zip": [f"0{k}" for k in random.integers(10, 15, N)],
            "day": np.datetime64("2020-01-01") + random.integers(0, 99, N),
            "label": random.choice(["no", "yes"], N, p=[0.95, 0.05]),
        }
    )
    frame["day"] = frame["day"].astype("datetime64[ms]")
    frame.loc[::50, "zip"] = None
    return pa.Table.from_pandas(frame, preserve_index=False)


def resample(*arguments):
    return main(["resample", *map(str, arguments), *OPTIONS])


@pytest.fixture
def folder(table, tmp_path):
    path = tmp_path / "in"
    path.mkdir()
    pq.write_table(table.slice(0, 700), path / "a.parquet", row_group_size=100)
    pq.write_table(table.slice(700), path / "b.parquet")
    return path


def test_a_folder_is_copied_and_new_rows_follow(table, folder, tmp_path):
    out = tmp_path / "out.parquet"
    assert resample(folder, "-o", out, "--mark-synthetic", "new") == 0
    result = pq.read_table(out)
    assert result.drop_columns(["new"]).slice(0, N).equals(table)
    new = result.slice(N).to_pandas()
    counts = result["label"].to_pandas().value_counts()
    assert counts["no"] == counts["yes"]
    assert set(new.label) == {"yes"}
    assert new.new.all()
    assert not result["new"].to_pandas()[:N].any()
    assert set(new.zip.dropna()) <= {f"0{k}" for k in range(10, 15)}


@pytest.mark.parametrize("key", ["shop", "label"])
def test_a_column_that_folders_are_named_for_is_read(table, tmp_path, key):
    table = table.append_column("shop", pa.array(["north", "south"] * (N // 2)))
    ds.write_dataset(
        table, tmp_path / "in", format="parquet", partitioning=[key], partitioning_flavor="hive"
    )
    assert resample(tmp_path / "in", "-o", tmp_path / "out.parquet") == 0
    result = pq.read_table(tmp_path / "out.parquet")
    assert set(result.column_names) == set(table.column_names)
    originals, before = result.slice(0, N).to_pandas(), table.to_pandas()
    columns = before.columns.tolist()
    pd.testing.assert_frame_equal(
        originals[columns].sort_values(columns, ignore_index=True),
        before.sort_values(columns, ignore_index=True),
    )
    assert set(result["label"].slice(N).to_pylist()) == {"yes"}


def test_files_are_large_before_their_compression(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "LARGE_BYTES", 2**20)
    table = pa.table({"x": np.repeat(np.arange(50_000), 20)})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, use_dictionary=False, compression="zstd")
    assert path.stat().st_size < 2**20
    assert large.is_large(path)
    table.to_pandas().to_csv(tmp_path / "a.csv.gz")
    assert not large.is_large(tmp_path / "a.csv.gz")


def test_files_and_row_groups_make_no_difference(table, folder, tmp_path):
    pq.write_table(table, tmp_path / "one.parquet", row_group_size=333)
    assert resample(folder, "-o", tmp_path / "a.parquet") == 0
    assert resample(tmp_path / "one.parquet", "-o", tmp_path / "b.parquet") == 0
    assert pq.read_table(tmp_path / "a.parquet").equals(pq.read_table(tmp_path / "b.parquet"))


def test_rows_are_written_in_groups_as_they_are_made(table, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "ROW_GROUP_ROWS", 512)
    out = tmp_path / "out.parquet"
    assert resample(folder, "-o", out, "--strategy", "yes=1500") == 0
    metadata = pq.read_metadata(out)
    sizes = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
    assert max(sizes[:-1]) == min(sizes[:-1]) == 512
    assert pq.read_table(out)["label"].to_pandas().value_counts()["yes"] == 1500


@pytest.mark.parametrize("codec", ["ZSTD", "GZIP", "UNCOMPRESSED"])
def test_files_stay_compressed_as_they_were(table, tmp_path, codec):
    (tmp_path / "in").mkdir()
    pq.write_table(table.slice(0, 0), tmp_path / "in" / "a.parquet")
    compression = "none" if codec == "UNCOMPRESSED" else codec.lower()
    pq.write_table(table, tmp_path / "in" / "b.parquet", compression=compression)
    assert resample(tmp_path / "in", "-o", tmp_path / "out.parquet") == 0
    assert pq.read_metadata(tmp_path / "out.parquet").row_group(0).column(0).compression == codec


def test_rows_of_long_texts_are_written_in_groups_of_fewer(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "ROW_GROUP_BYTES", 10_000)
    tables = [pa.table({"text": ["x" * 100] * n}) for n in (150, 10, 90, 5)]
    streams.write_parquet(tmp_path / "out.parquet", tables, force=False)
    metadata = pq.read_metadata(tmp_path / "out.parquet")
    sizes = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
    assert sizes == [150, 100, 5]


def test_row_labels_of_pandas_are_no_features(table, tmp_path):
    frame = table.to_pandas().set_index(np.arange(N) ** 2)
    frame.to_parquet(tmp_path / "in.parquet")
    assert resample(tmp_path / "in.parquet", "-o", tmp_path / "out.parquet") == 0
    result = pd.read_parquet(tmp_path / "out.parquet")
    pd.testing.assert_frame_equal(result[:N], frame)
    assert result.index[N:].tolist() == list(
        range((N - 1) ** 2 + 1, (N - 1) ** 2 + 1 + len(result) - N)
    )


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_csv_file_is_copied_letter_for_letter(table, tmp_path, end):
    text = table.to_pandas().to_csv(index=False, sep=";").strip("\n") + end
    (tmp_path / "in.csv").write_text(text)
    out = tmp_path / "out.csv"
    assert resample(tmp_path / "in.csv", "-o", out) == 0
    result = out.read_text()
    assert result.startswith(text.strip("\n") + "\n")
    new = pd.read_csv(out, sep=";", dtype=str, na_filter=False)[N:]
    assert set(new.label) == {"yes"}
    assert new["size"].str.fullmatch(r"-?\d+(\.\d{1,3})?").all()
    assert new["count"].str.fullmatch(r"\d+").all()
    assert set(new.zip) <= {"", *(f"0{k}" for k in range(10, 15))}
    assert new.day.str.fullmatch(r"2020-0\d-\d\d").all()


def test_bad_input_is_refused_before_anything_is_written(
    table, folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(GANSampler, "_train", lambda *_: pytest.fail("training has started"))
    out = tmp_path / "out.parquet"

    def refused(message, *arguments):
        assert resample(*arguments) == 2
        assert message in capsys.readouterr().err
        assert not out.exists()
        assert not list(tmp_path.glob(".*"))

    (tmp_path / "empty").mkdir()
    refused("has no Parquet files", tmp_path / "empty", "-o", out)
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "1.csv").write_text("size,label\n1,no\n2,yes\n")
    refused("csv holds 1.csv, and folders are read if", tmp_path / "csv", "-o", out)
    refused("must end with .parquet", folder, "-o", tmp_path / "out.csv")
    (tmp_path / "in.csv").write_text("size,label\n1,no\n2,yes\n")
    refused("must end with .csv", tmp_path / "in.csv", "-o", out)
    copied = ["-o", tmp_path / "out.csv", "--mark-synthetic", "new"]
    refused("leave --mark-synthetic out", tmp_path / "in.csv", *copied)
    refused("has a column 'size' already", folder, "-o", out, "--mark-synthetic", "size")
    refused("no categorical column 'x'", folder, "-o", out, "--categorical", "x")
    refused("asks for 1 rows of class 'yes'", folder, "-o", out, "--strategy", "yes=1")
    pq.write_table(table.drop_columns(["label"]), tmp_path / "bad.parquet")
    refused("no target column 'label'", tmp_path / "bad.parquet", "-o", out)
    pq.write_table(table.slice(0, 0), tmp_path / "bad.parquet")
    refused("has no rows", tmp_path / "bad.parquet", "-o", out)
    whole = (folder / "a.parquet").read_bytes()
    (tmp_path / "bad.parquet").write_bytes(whole[: len(whole) // 2])
    refused("bad.parquet can't be read", tmp_path / "bad.parquet", "-o", out)
    (tmp_path / "bad.parquet").write_bytes(whole[:4] + bytes([255] * 40) + whole[44:])
    for size in (2**28, 0):  # read as a whole, and in parts
        monkeypatch.setattr(large, "LARGE_BYTES", size)
        refused("bad.parquet can't be read", tmp_path / "bad.parquet", "-o", out)
    pq.write_table(table.rename_columns(["size", "n", "zip", "day", "label"]), folder / "c.parquet")
    refused("c.parquet has no column 'count'", folder, "-o", out)
    pq.write_table(table.drop_columns(["label"]), folder / "0.parquet")
    refused("0.parquet has no target column 'label'", folder, "-o", out)
    for path in folder.iterdir():
        pq.write_table(table.slice(0, 0), path)
    refused(f"files of {folder} have no rows", folder, "-o", out)


@pytest.mark.parametrize(
    "kind", [pa.date32(), pa.timestamp("ns"), pa.timestamp("us", "Europe/Berlin")], ids=str
)
@pytest.mark.parametrize(("strategy", "expected"), [("auto", N - N // 6 - 1), ("{}=400", 400)])
def test_labels_may_be_dates(table, folder, tmp_path, kind, strategy, expected):
    days = np.where(np.arange(N) % 6 == 0, "2020-07-02", "2020-07-01").astype("datetime64[us]")
    labels = pa.array(days).cast(kind)
    for path in folder.iterdir():
        path.unlink()
    pq.write_table(table.set_column(4, "label", labels), folder / "a.parquet")
    strategy = strategy.format(labels[0].cast(pa.string()))
    assert resample(folder, "-o", tmp_path / "out.parquet", "--strategy", strategy) == 0
    result = pq.read_table(tmp_path / "out.parquet")["label"]
    assert result.type == kind
    assert sum(label == labels[0] for label in result) == expected


def test_columns_of_unusual_types_are_kept(table, folder, tmp_path):
    if not hasattr(pa, "decimal32"):
        pytest.skip("pyarrow is too old")
    cents = pa.array(range(N), pa.int64()).cast(pa.decimal128(19, 0)).cast(pa.decimal64(8, 0))
    keys = pa.array([k.to_bytes(16, "big") for k in range(N)], pa.binary(16))
    table = table.append_column("cents", cents).append_column(
        "key", pa.ExtensionArray.from_storage(pa.uuid(), keys)
    )
    for path in folder.iterdir():
        path.unlink()
    pq.write_table(table, folder / "a.parquet")
    assert resample(folder, "-o", tmp_path / "out.parquet") == 0
    result = pq.read_table(tmp_path / "out.parquet")
    assert result.slice(0, N).equals(table)
    assert len(result) > N


def test_a_key_unlike_its_column_is_refused(table, tmp_path, capsys):
    (tmp_path / "in" / "zip=1").mkdir(parents=True)
    pq.write_table(table, tmp_path / "in" / "zip=1" / "a.parquet")
    assert resample(tmp_path / "in", "-o", tmp_path / "out.parquet") == 2
    assert "Field zip has incompatible types" in capsys.readouterr().err


def test_a_file_that_a_folder_links_to_is_not_replaced(folder, tmp_path, capsys):
    (folder / "a.parquet").rename(tmp_path / "a.parquet")
    (folder / "a.parquet").symlink_to(tmp_path / "a.parquet")
    before = (tmp_path / "a.parquet").read_bytes()
    assert resample(folder, "-o", tmp_path / "a.parquet", "--force") == 2
    assert "is what is read" in capsys.readouterr().err
    assert (tmp_path / "a.parquet").read_bytes() == before


def test_times_with_their_zone_are_times_in_large_csv_files(table, tmp_path):
    frame = table.to_pandas()
    pattern = "%Y-%m-%dT%H:%M:%SZ"
    times = frame["day"] + pd.to_timedelta(np.arange(N) * 37, unit="s")
    frame["day"] = times.dt.strftime(pattern)
    frame.to_csv(tmp_path / "in.csv", index=False)
    assert resample(tmp_path / "in.csv", "-o", tmp_path / "out.csv") == 0
    days = pd.read_csv(tmp_path / "out.csv")["day"]
    assert pd.to_datetime(days, format=pattern).notna().all()
    assert not set(days[N:]) <= set(days[:N])


@pytest.mark.parametrize("container", ["pandas", "polars", "pyarrow", "numpy"])
def test_rows_of_a_saved_sampler_are_written_as_they_are_made(
    table, tmp_path, monkeypatch, container
):
    monkeypatch.setattr(streams, "ROW_GROUP_ROWS", 1000)
    X, y = table.drop_columns(["label"]), table["label"]
    if container == "pandas":
        X, y = X.to_pandas(), y.to_pandas().rename("label")
    elif container == "polars":
        X, y = pl.from_arrow(X), pl.from_arrow(y).alias("label")
    elif container == "numpy":
        X, y = table.select(["size", "count"]).to_pandas().to_numpy(), np.asarray(y)
    sampler = GANSampler(n_steps=5, random_state=0).fit(X, y)
    sampler.save(tmp_path / "model.ganaug")
    out = tmp_path / "rows.parquet"
    command = ["sample", str(tmp_path / "model.ganaug"), "-n", "2500", "-o", str(out), "--quiet"]
    assert main([*command, "--class", "yes"]) == 0
    result = pq.read_table(out)
    expected = as_arrow(*sampler.sample(2500, y="yes"), None)
    assert result.num_rows == 2500
    assert result.to_pylist() == expected.to_pylist()
    assert pq.read_metadata(out).num_row_groups == 3
    text = tmp_path / "rows.csv.gz"
    assert main([*command[:5], str(text), "--quiet"]) == 0
    assert len(pd.read_csv(text)) == 2500


@pytest.mark.parametrize("source", ["in", "in.csv"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_labels_of_a_saved_sampler_keep_the_name_of_their_column(
    table, folder, tmp_path, source, suffix
):
    pyarrow.csv.write_csv(table, tmp_path / "in.csv")
    model, out = tmp_path / "m.ganaug", tmp_path / f"out{suffix}"
    assert main(["fit", str(tmp_path / source), *OPTIONS, "-o", str(model)]) == 0
    assert main(["sample", str(model), "-n", "20", "-o", str(out), "--quiet"]) == 0
    rows = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    assert list(rows.columns) == table.column_names
    assert set(rows["label"]) == {"yes"}


def test_a_table_to_sample_from_needs_a_target(table, tmp_path, capsys):
    pq.write_table(table, tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    assert main(["sample", str(tmp_path / "in.parquet"), "-n", "5", "-o", str(out)]) == 2
    assert "--target" in capsys.readouterr().err


@pytest.fixture
def small_parts(monkeypatch):
    """Let parts, buffers and what is kept of a table be small, so that small tables are large."""
    for owner, name, value in (
        (chosen_rows, "MIN_CLASS_ROWS", 200),
        (chosen_rows, "MAX_ROWS", 1000),
        (scan, "BATCH_ROWS", 1000),
        (streams, "ROW_GROUP_ROWS", 2000),
        (csv_dataset, "BLOCK_BYTES", 2**16),
    ):
        assert hasattr(owner, name)
        monkeypatch.setattr(owner, name, value)


def peak_of(call):
    """Return the most bytes that numpy, Python and arrow held at once, beyond those before."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_memory_does_not_grow_with_the_rows_of_a_file(table, tmp_path, suffix):
    def peak(n_copies):
        path, out = tmp_path / f"{n_copies}{suffix}", tmp_path / f"out{n_copies}{suffix}"
        copies = pa.concat_tables([table] * n_copies)
        write = pq.write_table if suffix == ".parquet" else pyarrow.csv.write_csv
        write(copies, path)
        n_new = ["--strategy", f"yes={pc.sum(pc.equal(copies['label'], 'yes')).as_py() + 50}"]
        del copies
        return peak_of(lambda: resample(path, "-o", out, *n_new))

    peak(1)  # what a process pays once
    few, many = peak(40), peak(100)  # arrow reads some dozens of blocks ahead
    assert many < 1.2 * few
    assert many < 100 * table.nbytes / 2


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.usefixtures("small_parts")
def test_memory_does_not_grow_with_the_rows_that_are_asked_for(table, tmp_path, suffix):
    X = table.drop_columns(["label"])
    GANSampler(n_steps=5, random_state=0).fit(X, table["label"]).save(tmp_path / "model.ganaug")

    def peak(n_rows):
        out = tmp_path / f"{n_rows}{suffix}"
        command = ["sample", str(tmp_path / "model.ganaug"), "-n", str(n_rows), "-o", str(out)]
        return peak_of(lambda: main([*command, "--quiet"]))

    peak(100)
    few, many = peak(20_000), peak(60_000)
    assert many < 1.2 * few
