"""What is saved comes back the same, and nothing else is read."""

import datetime as dt
import decimal
import json
import pickle
import uuid
from pathlib import Path
from zoneinfo import ZoneInfo

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from torch import nn

import ganaug
from ganaug import GANOutlierDetector, GANSampler
from ganaug._gan.geometry import MAX_RANK
from ganaug._persistence.archive import read_archive, write_archive
from ganaug._persistence.models import FORMATS
from ganaug._persistence.schema import describe
from ganaug.exceptions import DeviceError, PersistenceError
from tests.persistence import make_v1
from tests.tables import KINDS, MIXED_CONTAINERS, NUMBER_CONTAINERS, draw_column

DATA = Path(__file__).parents[1] / "data"
NUMBERS = [name for name, kind in KINDS.items() if kind.is_number and name != "date"]


def quick(**parameters):
    small = {"n_steps": 3, "batch_size": 16, "hidden_layer_sizes": (8, 4), "random_state": 0}
    return GANSampler(**{**small, **parameters})


def columns(kinds, n=60):
    random = np.random.default_rng(0)
    rates = {"constant": 0.0, "flag": 0.0}
    return {kind: draw_column(kind, random, n, rates.get(kind, 0.1)) for kind in kinds}


@pytest.fixture(scope="module")
def numbers():
    return make_classification(n_samples=80, n_features=4, weights=[0.7], random_state=0)


@pytest.fixture(scope="module")
def fitted(numbers):
    return quick().fit(*numbers)


def assert_same(one, other):
    """Compare two tables or labels, dtypes and all."""
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, pd.Series):
        pd.testing.assert_series_equal(one, other)
    elif isinstance(one, pl.DataFrame):
        assert one.schema == other.schema
        assert one.equals(other)
    elif isinstance(one, pa.Table):
        assert one.schema.equals(other.schema, check_metadata=True)
        assert one.equals(other)
    elif isinstance(one, pa.Array | pa.ChunkedArray):
        assert one.equals(other)
    elif sp.issparse(one):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one.toarray(), other.toarray())
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert repr(one.tolist()) == repr(other.tolist())
    else:
        assert repr(one) == repr(other)


def check_round_trip(sampler, X, folder):
    """Save, load, compare; saving again must give the same file."""
    sampler.save(folder / "one")
    loaded = ganaug.load(folder / "one")
    for mine, theirs in zip(sampler.sample(9), loaded.sample(9), strict=True):
        assert_same(mine, theirs)
    np.testing.assert_array_equal(sampler.score_samples(X), loaded.score_samples(X))
    loaded.save(folder / "two")
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
    return loaded


# --- tables and labels ----------------------------------------------------------------------------

CONTAINERS = {name: (list(KINDS), make) for name, make in MIXED_CONTAINERS.items()} | {
    name: ([kind for kind in NUMBERS if kind != "identifier"], make)
    for name, make in NUMBER_CONTAINERS.items()
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_comes_back(name, tmp_path):
    kinds, make = CONTAINERS[name]
    X = make(columns(kinds))
    check_round_trip(quick().fit(X, np.repeat(["a", "b"], [40, 20])), X, tmp_path)


@pytest.mark.parametrize("width", [MAX_RANK, MAX_RANK + 1, MAX_RANK + 20])
def test_tables_of_many_numbers_come_back(width, tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 5)) @ random.normal(size=(5, width))
    check_round_trip(quick().fit(X, np.repeat([0, 1], [40, 20])), X, tmp_path)


LABELS = {
    "list": lambda y: y.tolist(),
    "tuple of text": lambda y: tuple("ab"[k] for k in y),
    "numpy floats": lambda y: y.astype(np.float32),
    "numpy text": lambda y: np.array(["no", "yes"])[y],
    "numpy objects": lambda y: np.array(["no", "yes"], dtype=object)[y],
    "numpy booleans": lambda y: y.astype(bool),
    "one-hot": lambda y: np.eye(2, dtype=int)[y],
    "pandas": lambda y: pd.Series(y, name="y"),
    "pandas category": lambda y: pd.Series(pd.Categorical.from_codes(y, ["no", "yes"]), name=3),
    "pandas nullable": lambda y: pd.Series(y, dtype="Int64"),
    "pandas frame": lambda y: pd.DataFrame({"y": y}),
    "polars": lambda y: pl.Series("y", y),
    "polars frame": lambda y: pl.DataFrame({"no": 1 - y, "yes": y}),
    "arrow array": lambda y: pa.array(y),
    "arrow chunks": lambda y: pa.chunked_array([pa.array(y)]),
    "arrow table": lambda y: pa.table({"y": y}),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_container_come_back(kind, numbers, tmp_path):
    X, y = numbers
    loaded = check_round_trip(quick().fit(X, LABELS[kind](y)), X, tmp_path)
    assert isinstance(loaded.sampling_strategy_, dict)


MORE_COLUMNS = {
    "time zone": pd.Series(pd.date_range("2024-01-01", periods=60, tz="Europe/Berlin")),
    "fixed offset": pd.Series(pd.date_range("2024-01-01", periods=60, tz="UTC+02:00")),
    "seconds": pd.Series(np.arange(60).astype("M8[s]")),
    "durations": pd.Series(pd.to_timedelta(np.arange(60), unit="h")),
    "periods": pd.Series(pd.period_range("2020", periods=60, freq="M")),
    "intervals": pd.Series(pd.cut(np.arange(60), 4)),
    "ordered": pd.Series(pd.Categorical(list("abc") * 20, ["c", "b", "a"], ordered=True)),
    "categories of dates": pd.Series(
        pd.Categorical(np.tile(pd.date_range("2020", periods=3), 20)),
    ),
    "dates": pd.Series([dt.date(2020, 1, 1 + k % 5) for k in range(60)]),
    "moments": pd.Series(
        [dt.datetime(2020, 1, 1 + k % 5, tzinfo=ZoneInfo("Asia/Tokyo")) for k in range(60)],
        dtype=object,
    ),
    "mixed": pd.Series([["a", 1, 2.5, True, None, b"x", (1, "b")][k % 7] for k in range(60)]),
    "decimals": pd.Series([decimal.Decimal(k % 4) / 10 for k in range(60)], dtype=object),
    "identifiers": pd.Series([uuid.UUID(int=k % 5) for k in range(60)], dtype=object),
    "numpy scalars": pd.Series(
        [np.datetime64(k % 3, "D") for k in range(60)], dtype=object
    ),
    "text of arrow": pd.Series(list("xy") * 30, dtype="string[pyarrow]"),
    "arrow dictionary": pd.Series(
        list("xy") * 30, dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    ),
    "arrow decimal": pd.Series(
        [decimal.Decimal(k) / 4 for k in range(60)], dtype=pd.ArrowDtype(pa.decimal128(9, 2))
    ),
    "float16": pd.Series(np.arange(60), dtype=np.float16),
    "unsigned": pd.Series(np.arange(60, dtype=np.uint64) + np.uint64(2**63)),
    "many levels": pd.Series([f"town {k % 40}" for k in range(60)]),
}  # fmt: skip


def test_levels_of_arrow_keep_their_order(tmp_path):
    sizes = pd.Categorical(list("abc") * 20, list("dcba"), ordered=True)
    X = pa.table({"x": pa.array(sizes), "z": np.arange(60) / 4})
    y = pa.chunked_array([pa.array(sizes)[:30], pa.array(sizes)[30:]])
    loaded = check_round_trip(quick().fit(X, y), X, tmp_path)
    made, labels = loaded.sample(9)
    for column in (made["x"], labels):
        assert column.unify_dictionaries().chunk(0).dictionary.to_pylist() == list("dcba")


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@pytest.mark.filterwarnings("ignore::ganaug.exceptions.DataWarning")
@pytest.mark.parametrize("kind", MORE_COLUMNS)
def test_every_dtype_comes_back(kind, tmp_path):
    X = pd.DataFrame({"x": MORE_COLUMNS[kind], "z": np.arange(60) / 4})
    check_round_trip(quick().fit(X, np.repeat([0, 1], [40, 20])), X, tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        pd.Index(["a", "b"], name="columns"),
        pd.RangeIndex(2),
        pd.Index([3, 1]),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["one", None]),
        pd.Index([pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02")]),
        pd.date_range("2024-01-01", periods=2, freq="MS", tz="Europe/Berlin"),
        pd.timedelta_range("1h", periods=2),
    ],
    ids=lambda names: type(names).__name__,
)
def test_names_of_columns_come_back(names, tmp_path):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=names)
    check_round_trip(quick().fit(X, np.repeat([0, 1], [40, 20])), X, tmp_path)


def test_schema_of_polars_and_metadata_of_arrow_come_back(tmp_path):
    y = np.repeat([0, 1], [40, 20])
    frame = pl.DataFrame(
        {
            "when": pl.Series([dt.datetime(2020, 1, 1)] * 30 + [None] * 30).cast(
                pl.Datetime("ns", "UTC")
            ),
            "level": pl.Series(["a", "b"] * 30, dtype=pl.Enum(["b", "a", "c"])),
            "price": pl.Series(
                [decimal.Decimal(k) / 4 for k in range(60)], dtype=pl.Decimal(10, 2)
            ),
        }
    )
    check_round_trip(quick().fit(frame, y), frame, tmp_path)
    table = pa.table({"x": np.arange(60) / 4, "c": ["a", "b"] * 30}).replace_schema_metadata(
        {"origin": "here"}
    )
    assert check_round_trip(quick().fit(table, y), table, tmp_path).sample(2)[
        0
    ].schema.metadata == {b"origin": b"here"}


class Colour:
    """A category that only its own code can make."""


def test_what_is_not_data_is_refused_by_name(tmp_path):
    red, blue = Colour(), Colour()
    X = pd.DataFrame({"x": np.arange(60) / 4, "tint": pd.Series([red, blue] * 30, dtype=object)})
    sampler = quick().fit(X, np.repeat([0, 1], [40, 20]))
    with pytest.raises(PersistenceError, match=r"test_models\.Colour, which can't be stored"):
        sampler.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


# --- parameters and attributes --------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.DataWarning")
@pytest.mark.parametrize(
    "parameters",
    [
        {"sampling_strategy": {0: 60, 1: 50}},
        {"sampling_strategy": [1], "categorical_features": np.array([0, 2])},
        {"categorical_features": pd.Index([1]), "hidden_layer_sizes": [4]},
        {"random_state": None, "sampling_strategy": 0.9, "anchored_share": 1},
        {"random_state": np.random.RandomState(3), "device": "cpu"},
    ],
    ids=lambda parameters: ", ".join(parameters),
)
def test_parameters_come_back(parameters, numbers, tmp_path):
    X = np.column_stack([numbers[0], np.arange(80) % 3])
    sampler = quick(**{k: v for k, v in parameters.items() if k != "hidden_layer_sizes"})
    sampler.set_params(**{k: v for k, v in parameters.items() if k == "hidden_layer_sizes"})
    sampler.fit(X, numbers[1])
    loaded = check_round_trip(sampler, X, tmp_path)
    assert loaded.get_params().keys() == sampler.get_params().keys()
    assert loaded.sampling_strategy_ == sampler.sampling_strategy_
    one, other = clone(loaded).fit(X, numbers[1]), clone(sampler).fit(X, numbers[1])
    if sampler.random_state is not None:
        assert_same(one.sample(5)[0], other.sample(5)[0])


def test_attributes_come_back(numbers, tmp_path):
    X = pd.DataFrame(numbers[0], columns=list("abcd"))
    sampler = quick()
    sampler.fit_resample(X, numbers[1])
    loaded = check_round_trip(sampler, X, tmp_path)
    for name in ("classes_", "feature_names_in_", "synthetic_mask_"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(sampler, name))
    assert loaded.n_features_in_ == 4
    assert loaded.history_.keys() == sampler.history_.keys()
    assert {k for k in vars(sampler) if k.endswith("_")} <= vars(loaded).keys()


def equal_parts(y):
    return {0: 60, 1: 60}


def test_functions_are_named_not_stored(numbers, tmp_path):
    quick(sampling_strategy=equal_parts).fit(*numbers).save(tmp_path / "model")
    with pytest.raises(PersistenceError, match=r"test_models\.equal_parts'.*callables="):
        ganaug.load(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model", callables={"sampling_strategy": equal_parts})
    assert loaded.sampling_strategy is equal_parts


def test_an_unfitted_sampler_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        quick().save(tmp_path / "model")


def test_the_device_can_be_chosen(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    assert ganaug.load(tmp_path / "model", device="cpu").device == "cpu"
    with pytest.raises(DeviceError, match="use device='auto' or 'cpu'"):
        ganaug.load(tmp_path / "model", device="cuda:99")


def test_what_is_loaded_can_be_fitted_again(fitted, numbers, tmp_path):
    fitted.save(tmp_path / "model")
    again = ganaug.load(tmp_path / "model").fit(*numbers)
    assert_same(again.sample(5)[0], fitted.sample(5)[0])


def test_pickle_and_joblib_work_too(fitted, tmp_path):
    joblib.dump(fitted, tmp_path / "pickled")
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "pickled")):
        assert_same(copy.sample(5)[0], fitted.sample(5)[0])


# --- the detector ---------------------------------------------------------------------------------


def quick_detector(**parameters):
    small = {"n_steps": 3, "batch_size": 16, "hidden_layer_sizes": (8,), "random_state": 0}
    return GANOutlierDetector(**{**small, **parameters})


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_detector_comes_back(name, tmp_path):
    kinds, make = CONTAINERS[name]
    X = make(columns(kinds))
    detector = quick_detector(max_reference_rows=40, contamination=0.1).fit(X)
    detector.save(tmp_path / "one")
    loaded = ganaug.load(tmp_path / "one")
    for method in ("score_samples", "predict", "p_value", "anomaly_score"):
        np.testing.assert_array_equal(getattr(detector, method)(X), getattr(loaded, method)(X))
    np.testing.assert_array_equal(
        detector.explain(X).contributions, loaded.explain(X).contributions
    )
    loaded.save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "parameters",
    [{}, {"discriminator_weight": 0.0}, {"novelty": True}, {"max_reference_rows": 2048}],
    ids=str,
)
def test_a_detector_without_parts_comes_back(parameters, numbers, tmp_path):
    detector = quick_detector(**parameters).fit(numbers[0])
    detector.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model")
    np.testing.assert_array_equal(
        detector.score_samples(numbers[0] + 1), loaded.score_samples(numbers[0] + 1)
    )
    assert loaded.offset_ == detector.offset_


@pytest.mark.filterwarnings("ignore:the generator collapsed")  # in so few steps
def test_encoders_come_back_as_they_would_be_fitted(numbers, tmp_path):
    own = {"generator": lambda: nn.Linear(3, 4), "discriminator": lambda: nn.Linear(4, 1)}
    for fitted, callables in (
        (quick().fit(*numbers), {}),
        (quick(**own, latent_dim=3).fit(*numbers), own),
        (quick_detector().fit(numbers[0]), {}),
    ):
        fitted.save(tmp_path / "model")
        loaded = ganaug.load(tmp_path / "model", callables=callables)
        for flag in ("linear", "adaptive"):
            assert getattr(loaded.encoder_, flag) == getattr(fitted.encoder_, flag)


def test_what_a_detector_samples_comes_back(numbers, tmp_path):
    detector = quick_detector().fit(numbers[0])
    expected = detector.sample(5)
    detector.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model")
    assert loaded._sampler is not None  # it is not trained again
    assert_same(loaded.sample(5), expected)


@pytest.mark.parametrize(
    "name",
    [
        *("model.typical", "model.reference.squares", "model.reference.rows"),
        *("model.opinion.ensemble.low", "model.opinion.ensemble.weights.0", "model.is_typical"),
    ],
)
def test_tensors_of_another_type_are_refused(name, numbers, tmp_path):
    quick_detector().fit(numbers[0]).save(tmp_path / "model")
    archive = read_archive(tmp_path / "model", {"ganaug detector": 1}, 2**28)
    archive.tensors[name] = np.zeros(archive.tensors[name].shape, np.int64)
    write_archive(tmp_path / "model", archive)
    with pytest.raises(PersistenceError, match="can't be read"):
        ganaug.load(tmp_path / "model")


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_what_is_usual_has_to_be_a_number(value, numbers, tmp_path):
    quick_detector().fit(numbers[0]).save(tmp_path / "model")
    archive = read_archive(tmp_path / "model", {"ganaug detector": 1}, 2**28)
    archive.tensors["calibration.stranger"][0] = value
    write_archive(tmp_path / "model", archive)
    with pytest.raises(PersistenceError, match="can't be read"):
        ganaug.load(tmp_path / "model")


def test_an_unfitted_detector_is_not_saved(tmp_path):
    with pytest.raises(NotFittedError):
        GANOutlierDetector().save(tmp_path / "model")


# --- the format -----------------------------------------------------------------------------------


def test_files_of_version_1_stay_readable():
    loaded = ganaug.load(DATA / "sampler-v1.ganaug")
    X, y = loaded.sample(4)
    assert X.columns.tolist() == ["amount", "visits", "plan", "since", "town"]
    assert X.dtypes.astype(str).tolist() == [
        "float64", "Int64", "category", "datetime64[us]", "str",
    ]  # fmt: skip
    assert y.tolist() == ["leave"] * 4
    assert set(X["plan"]) <= {"free", "paid"}
    assert X["amount"].between(1, 30).all()
    # as scored when this test was written
    scores = loaded.score_samples(make_v1.X.head(3))
    assert scores == pytest.approx([0.801463, 1.071468, 1.967222], abs=1e-4)


def test_network_samplers_of_version_1_stay_readable():
    path = DATA / "network-sampler-v1.ganaug"
    with pytest.raises(PersistenceError, match=r"discriminator was the function.*callables="):
        ganaug.load(path)
    loaded = ganaug.load(path, callables=make_v1.NETWORKS)
    # as when the file was written
    scores = loaded.score_samples(make_v1.images[[0, 1, 40]])
    assert scores == pytest.approx([2.977435, 2.623552, 1.046918], abs=1e-4)
    drawn, labels = loaded.sample(3, y="leave")
    assert labels.tolist() == ["leave"] * 3
    assert drawn.dtype == np.uint8
    np.testing.assert_allclose(drawn[0, 0], [102, 95, 115, 109, 137, 86, 66, 140], atol=1)
    np.testing.assert_allclose(drawn.mean(axis=(1, 2)), [98.5, 97.4, 97.9], atol=0.5)


class Subclass(GANSampler):
    """A sampler that no file can name."""


@pytest.mark.filterwarnings("ignore:assert_index_equal will check")
@pytest.mark.parametrize("step", [pd.DateOffset(months=2), pd.offsets.Easter()])
def test_categories_may_have_odd_distances(step, tmp_path):
    days = pd.date_range("2024-01-01", periods=6, freq=step)
    X = pd.DataFrame({"d": pd.Categorical(days[np.arange(60) % 6], days), "z": np.arange(60) / 4})
    check_round_trip(quick().fit(X, np.repeat([0, 1], [40, 20])), X, tmp_path)
    X = pd.DataFrame(np.arange(360.0).reshape(60, 6) ** 2, columns=days)
    sampler = quick().fit(X, np.repeat([0, 1], [40, 20]))
    with pytest.raises(PersistenceError, match="can't be stored as data"):
        sampler.save(tmp_path / "model")


def test_what_could_not_be_loaded_is_not_saved(numbers, fitted, tmp_path):
    subclass = Subclass(n_steps=3, random_state=0).fit(*numbers)
    with pytest.raises(PersistenceError, match="Subclass is a class of yours"):
        subclass.save(tmp_path / "model")
    spoilt = pickle.loads(pickle.dumps(fitted)).set_params(learning_rate=1e9)
    with pytest.raises(PersistenceError, match="'learning_rate' parameter"):
        spoilt.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_weights_are_kept(numbers, tmp_path):
    X, y = numbers
    weights = np.random.default_rng(0).exponential(size=len(y))
    sampler = quick().fit(X, y, sample_weight=weights)
    sampler.save(tmp_path / "model")
    loaded = ganaug.load(tmp_path / "model")
    assert_same(loaded.sample(50, y=1)[0], sampler.sample(50, y=1)[0])
    assert not np.array_equal(quick().fit(X, y).sample(50, y=1)[0], sampler.sample(50, y=1)[0])


def test_detectors_of_version_1_stay_readable():
    detector = ganaug.load(DATA / "detector-v1.ganaug")
    known = make_v1.X.head(3)
    new = known.assign(amount=[5.5, 28.5, 90.0])
    # as scored by the version that wrote the file
    assert detector.score_samples(known) == pytest.approx([0.422975, 0.328446, 0.119758], abs=1e-4)
    assert detector.score_samples(new) == pytest.approx([1.654206, 1.489189, -2.250218], abs=1e-4)
    assert set(detector.predict(new)) <= {-1, 1}
    detector.set_params(novelty=False)
    ranks = detector.score_samples(new).argsort()
    assert (np.diff(detector.p_value(new)[ranks]) >= 0).all()


def test_the_written_schema_is_the_one_of_its_version():
    """Whoever changes a class behind it: give the field a default, or write version 2."""
    written = json.loads((DATA / "schema.json").read_text("utf-8"))
    assert written == {
        form.kind: {"version": form.version, "types": describe(form.state)} for form in FORMATS
    }


def test_a_larger_file_needs_the_callers_word(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    with pytest.raises(PersistenceError, match=r"max_bytes=1,000.*pass a higher limit"):
        ganaug.load(tmp_path / "model", max_bytes=1000)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        ganaug.load(tmp_path / "model")
