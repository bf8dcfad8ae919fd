import errno
import shutil
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from ganaug import GANSampler
from ganaug._encoding import chosen_rows, scan
from ganaug._encoding.chosen_rows import priorities
from ganaug._encoding.scan import extract
from ganaug.exceptions import DataError

N = 3000


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    label = random.choice(["no", "yes"], N, p=[0.95, 0.05])
    town = [f"town {k}" for k in random.integers(0, 5, N)]
    town[1234] = "Ultima Thule"
    return pa.table(
        {
            "size": np.where(random.random(N) < 0.01, np.nan, random.normal(size=N)),
            "count": pa.array(random.integers(0, 99, N), mask=random.random(N) < 0.01),
            "town": town,
            "day": np.datetime64("2020-01-01", "s") + random.integers(0, 99, N),
            "label": label,
        }
    )


def written(table, folder, n_files=1, row_group_size=None):
    folder.mkdir()
    for k in range(n_files):
        part = table.slice(k * N // n_files, (k + 1) * N // n_files - k * N // n_files)
        pq.write_table(part, folder / f"{k}.parquet", row_group_size=row_group_size)
    return ds.dataset(folder)


def test_an_extract_holds_random_rows_and_all_that_occurs(table, tmp_path, monkeypatch):
    monkeypatch.setattr(chosen_rows, "MIN_CLASS_ROWS", 50)
    monkeypatch.setattr(chosen_rows, "MAX_ROWS", 200)
    part = extract(written(table, tmp_path / "a"), "label", seed=0)
    frame = table.to_pandas()
    assert part.counts == frame.label.value_counts().to_dict()
    assert part.X.column_names == ["size", "count", "town", "day"]
    chosen = pd.Series(part.y.to_pylist())[part.weights == 1]
    assert chosen.value_counts().to_dict() == {"no": 100, "yes": 100}
    small = part.X.to_pandas()
    for name in ("size", "count", "day"):
        assert (small[name].min(), small[name].max()) == (frame[name].min(), frame[name].max())
        assert small[name].isna().any() == frame[name].isna().any()
    assert set(small.town) == set(frame.town)
    assert abs(small["size"][part.weights == 1].mean() - frame["size"].mean()) < 0.3


def test_an_extract_does_not_depend_on_files_and_row_groups(table, tmp_path, monkeypatch):
    monkeypatch.setattr(chosen_rows, "MIN_CLASS_ROWS", 50)
    monkeypatch.setattr(chosen_rows, "MAX_ROWS", 100)
    whole = extract(written(table, tmp_path / "a"), "label", seed=1)
    monkeypatch.setattr(scan, "BATCH_ROWS", 77)
    parts = extract(written(table, tmp_path / "b", n_files=4, row_group_size=100), "label", seed=1)
    pd.testing.assert_frame_equal(parts.X.to_pandas(), whole.X.to_pandas())
    assert parts.y.equals(whole.y)
    np.testing.assert_array_equal(parts.weights, whole.weights)
    other = extract(written(table, tmp_path / "c"), "label", seed=2)
    assert other.X["count"].to_pylist() != whole.X["count"].to_pylist()


def test_rows_take_so_many_bytes_whatever_files_and_row_groups(table, tmp_path, monkeypatch):
    text = pa.array(["x" * int(n) for n in np.random.default_rng(0).integers(0, 400, N)])
    numbers = pa.array([f"number {k}" for k in range(N)])
    table = table.append_column("text", text).append_column("id", numbers)
    monkeypatch.setattr(chosen_rows, "MAX_BYTES", 60_000)
    monkeypatch.setattr(chosen_rows, "FEWEST_CLASS_ROWS", 60)
    whole = extract(written(table, tmp_path / "a"), "label", seed=1)
    monkeypatch.setattr(scan, "BATCH_ROWS", 77)
    monkeypatch.setattr(chosen_rows, "MAX_TABLES", 3)
    parts = extract(written(table, tmp_path / "b", n_files=4, row_group_size=100), "label", seed=1)
    pd.testing.assert_frame_equal(parts.X.to_pandas(), whole.X.to_pandas())
    np.testing.assert_array_equal(parts.weights, whole.weights)
    chosen = pd.Series(whole.y.to_pylist())[whole.weights == 1].value_counts()
    assert chosen.between(90, 140).all()  # half of the bytes each, about 260 a row
    assert whole.X.nbytes < 2.2 * 60_000
    monkeypatch.setattr(chosen_rows, "MAX_BYTES", 1)
    few = extract(written(table, tmp_path / "c"), "label", seed=1)
    assert few.weights.sum() == 120


def test_priorities_are_spread_evenly_and_change_with_the_seed():
    low = priorities(np.arange(100_000), 0) < 2**62
    assert abs(low.mean() - 0.25) < 0.01
    assert abs((low & (priorities(np.arange(100_000), 1) < 2**62)).mean() - 0.0625) < 0.005


def test_fit_on_a_dataset(table, tmp_path):
    sampler = GANSampler(n_steps=5, random_state=0)
    dataset = written(table, tmp_path / "a", n_files=2)
    rows, labels = sampler.fit(dataset, "label").sample(40)
    counts = table.to_pandas().label.value_counts()
    assert sampler.sampling_strategy_ == {"yes": counts["no"] - counts["yes"]}
    assert rows.schema == dataset.schema.remove(dataset.schema.get_field_index("label"))
    assert labels.to_pylist() == ["yes"] * 40
    assert sampler.score_samples(rows).shape == (40,)


@pytest.mark.parametrize("file_format", ["parquet", "feather"])
def test_folders_named_for_values_of_a_column(table, tmp_path, file_format):
    folder = tmp_path / "a"
    ds.write_dataset(
        table, folder, format=file_format, partitioning=["town"], partitioning_flavor="hive"
    )
    partitioning = ds.HivePartitioning.discover(infer_dictionary=True)
    for found in ("hive", partitioning):
        dataset = ds.dataset(folder, format=file_format, partitioning=found)
        part = extract(dataset, "label", seed=0)
        assert part.X.num_rows == N
        assert part.X["town"].type == dataset.schema.field("town").type
        whole, frame = part.X.to_pandas().astype({"town": str}), table.to_pandas()
        assert whole.town.value_counts().to_dict() == frame.town.value_counts().to_dict()
        sizes = frame.groupby("town")["size"].sum()
        np.testing.assert_allclose(whole.groupby("town")["size"].sum()[sizes.index], sizes)


def test_durations_and_half_floats(tmp_path):
    count = pa.array(np.arange(400))
    columns = {
        "stay": count.cast(pa.duration("s")),
        "half": pa.array(np.arange(400, dtype=np.float16)),
        "y": pa.array(["no"] * 300 + ["yes"] * 100),
    }
    part = extract(ds.dataset(pa.table(columns)), "y", seed=0)
    assert part.X["half"].to_pylist() == list(range(400))
    assert part.X["stay"].equals(pa.chunked_array([columns["stay"]]))


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("minority", {"yes": 100}),
        ("all", {"no": 0, "yes": 100}),
        ("not minority", {"no": 0}),
        (0.5, {"yes": 37}),
        (["yes"], {"yes": 100}),
        ({"yes": 60}, {"yes": 35}),
    ],
)
def test_strategies_count_the_whole_dataset(tmp_path, strategy, expected):
    y = np.repeat(["no", "yes"], [125, 25])
    table = pa.table({"x": np.arange(150.0) % 40, "y": y})
    (tmp_path / "a").mkdir()
    pq.write_table(table, tmp_path / "a" / "0.parquet")
    sampler = GANSampler(sampling_strategy=strategy, n_steps=2, random_state=0)
    assert sampler.fit(ds.dataset(tmp_path / "a"), "y").sampling_strategy_ == expected


def test_bad_datasets_are_refused_by_name(table, tmp_path):
    good = written(table, tmp_path / "a")
    with pytest.raises(DataError, match="no target column 'lable'; its columns are size"):
        extract(good, "lable", 0)
    with pytest.raises(DataError, match=r"file by file: .*filtered.* pass dataset.to_table\(\)"):
        extract(good.filter(ds.field("town") == "town 1"), "label", 0)
    with pytest.raises(TypeError, match=r"X must be .* got pyarrow\._dataset\.Scanner"):
        GANSampler().fit(good.scanner(), "label")
    lists = table.append_column("tags", pa.array([["a"]] * N))
    with pytest.raises(DataError, match=r"'tags' has the type list.*expected numbers, strings"):
        extract(ds.dataset(lists), "label", 0)
    with pytest.raises(DataError, match="y must be the name of its column"):
        GANSampler().fit(good, table["label"])
    with pytest.raises(DataError, match="use fit and sample_batches"):
        GANSampler().fit_resample(good, "label")
    with pytest.raises(DataError, match="sample_weight can't go"):
        GANSampler().fit(good, "label", sample_weight=np.ones(N))

    pq.write_table(table.slice(0, 9), tmp_path / "a" / "1.parquet")
    path = tmp_path / "a" / "2.parquet"
    column = table.column_names.index("count")
    pq.write_table(table.set_column(column, "count", table["count"].cast("double")), path)
    with pytest.raises(
        DataError, match=r"'count' is double in .*2.parquet, but int64 in the first"
    ):
        extract(ds.dataset(tmp_path / "a"), "label", 0)
    pq.write_table(table.drop_columns(["town"]), path)
    with pytest.raises(DataError, match=r"2\.parquet has no column 'town'"):
        extract(ds.dataset(tmp_path / "a"), "label", 0)
    path.write_bytes((tmp_path / "a" / "0.parquet").read_bytes()[:-100])
    with pytest.raises(DataError, match=r"2\.parquet can't be read"):
        extract(ds.dataset(tmp_path / "a"), "label", 0)
    pq.write_table(table.slice(0, 0), path)
    files = [path, shutil.copy(path, tmp_path / "a" / "3.parquet")]
    with pytest.raises(DataError, match=r"the 2 files of .*a have no rows"):
        extract(ds.dataset(files), "label", 0)
    pq.write_table(table.drop_columns(["label"]), path)
    with pytest.raises(DataError, match=r"2\.parquet has no target column 'label'; .* town"):
        extract(ds.dataset([path, tmp_path / "a" / "0.parquet"]), "label", 0)


def test_memory_that_runs_out_while_a_file_is_read_is_no_fault_of_the_file(
    table, tmp_path, monkeypatch
):
    def run_out(*_):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("ganaug._encoding.scan._read_parquet", lambda *_: iter(run_out, None))
    with pytest.raises(OSError, match="Cannot allocate"):
        extract(written(table, tmp_path / "a"), "label", 0)


def test_bad_values_of_a_dataset_are_refused_by_name(table, tmp_path):

    for values, message in (
        ({"label": pa.nulls(N, pa.string())}, "missing labels, the first in row 0"),
        ({"size": np.full(N, np.inf)}, "'size' contains infinity, first in row 0"),
        ({"label": pa.array(np.arange(N))}, "more than 1000 classes"),
    ):
        bad = table
        for name, column in values.items():
            bad = bad.set_column(bad.column_names.index(name), name, [column])
        pq.write_table(bad, tmp_path / "bad.parquet")
        with pytest.raises(DataError, match=message):
            extract(ds.dataset(tmp_path / "bad.parquet"), "label", 0)
    pq.write_table(table.slice(0, 0), tmp_path / "bad.parquet")
    with pytest.raises(DataError, match=r"bad\.parquet has no rows"):
        extract(ds.dataset(tmp_path / "bad.parquet"), "label", 0)


def unusual_columns():
    """Return columns of types that arrow has few kernels for, and that older versions lack."""
    cents = [Decimal(k).scaleb(-2) for k in range(N)]
    columns = {}
    for name, digits in (("decimal32", 7), ("decimal64", 12)):
        if hasattr(pa, name):
            columns[name] = pa.array(cents, getattr(pa, name)(digits, 2))
    extensions = {
        "uuid": ((), pa.array([k.to_bytes(16, "big") for k in range(N)], pa.binary(16))),
        "json_": ((pa.string(),), pa.array([f"[{k % 3}]" for k in range(N)])),
        "bool8": ((), pa.array([k % 2 for k in range(N)], pa.int8())),
    }
    for name, (arguments, storage) in extensions.items():
        if hasattr(pa, name):
            kind = getattr(pa, name)(*arguments)
            columns[name] = pa.ExtensionArray.from_storage(kind, storage)
    return columns


@pytest.mark.parametrize("name", list(unusual_columns()))
def test_columns_of_unusual_types_are_read(table, tmp_path, name):
    column = unusual_columns()[name]
    data = written(table.append_column("other", column), tmp_path / "a")
    part = extract(data, "label", seed=0)
    assert part.X.schema.field("other").type == column.type
    assert len(part.y) == N


@pytest.mark.parametrize("missing", [np.nan, None])
def test_missing_labels_are_refused(table, tmp_path, missing):
    labels = pa.array([missing if row in (7, 2000) else row % 2 for row in range(N)], pa.float64())
    data = written(table.append_column("number", labels), tmp_path / "a", n_files=3)
    with pytest.raises(DataError, match="missing labels, the first in row 7"):
        extract(data, "number", seed=0)


def test_columns_of_one_name_are_refused(table):
    twice = table.rename_columns(["size", "size", "town", "day", "label"])
    with pytest.raises(DataError, match="more than one column named 'size'"):
        extract(ds.dataset(twice), "label", seed=0)
