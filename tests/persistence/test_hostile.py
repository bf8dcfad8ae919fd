"""Files with right checksums that somebody made on purpose: refused, or models like any other."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ganaug
from ganaug._gan.geometry import MAX_RANK
from ganaug._persistence.archive import Archive, read_archive, write_archive
from ganaug._persistence.checks import check_classes
from ganaug._persistence.models import FORMATS, MAX_BYTES
from ganaug._persistence.samplers import SAMPLER
from ganaug.exceptions import PersistenceError
from tests.persistence import make_v1
from tests.quick import quick_sampler

DATA = Path(__file__).parents[1] / "data"
FILES = {"sampler": DATA / "sampler-v1.ganaug", "detector": DATA / "detector-v1.ganaug"}
LONG_TEXTS = {"type": "array", "value": ["<U99999", [160], [""] * 160]}


def archive_of(kind):
    return read_archive(FILES[kind], {form.kind: form.version for form in FORMATS}, MAX_BYTES)


def load_changed(path, archive, *, tensors=None, **options):
    tensors = archive.tensors | (tensors or {})
    write_archive(path, Archive(archive.kind, archive.version, archive.document, tensors))
    return ganaug.load(path, **options)


# --- what expands ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("n_arrays", [1, 40])
def test_arrays_share_one_limit(kind, n_arrays, tmp_path):
    archive = archive_of(kind)
    archive.document["parameters"]["random_state"] = {
        "type": "list", "value": [LONG_TEXTS] * n_arrays
    }  # fmt: skip
    limit = 10**6 if n_arrays == 1 else 2 * 10**8
    tracemalloc.start()
    try:
        with pytest.raises(PersistenceError, match=f"expand to more than max_bytes={limit:,} b"):
            load_changed(tmp_path / "file", archive, max_bytes=limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit + 10**7


def test_data_frames_hold_no_texts_of_fixed_length(tmp_path):
    archive = archive_of("sampler")
    level = next(level for level in archive.document["rows"]["levels"] if level["values"])
    level["kind"] = {"type": "tuple", "value": ["numpy", "|S99999"]}
    with pytest.raises(PersistenceError, match="is not one that can be stored"):
        load_changed(tmp_path / "file", archive)


def test_what_a_layout_would_expand_to_is_limited(tmp_path):
    """A category of many levels is a number in a file, and columns of matrices in a GAN."""
    state = SAMPLER.state.of(ganaug.load(FILES["sampler"]))
    state.check(max_bytes=10_000)
    with pytest.raises(PersistenceError, match=r"would expand to 448 bytes, max_bytes=100\."):
        state.check(max_bytes=100)
    archive = archive_of("sampler")
    archive.document["gan"]["layout"]["heads"][1]["size"] = 10**6
    archive.document["encoder"]["codecs"][2]["levels"] = list(map(str, range(10**6)))
    with pytest.raises(PersistenceError, match="networks are larger than their weights"):
        load_changed(tmp_path / "file", archive)


# --- what is not finite ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -3e38, 1e300])
def test_numbers_are_refused_or_scores_are_finite(kind, value, tmp_path):
    archive = archive_of(kind)
    n_refused = 0
    for name, array in archive.tensors.items():
        if array.dtype.kind != "f" or not array.size or ".history." in name:
            continue
        for place in {0, array.size - 1}:
            changed = array.copy()
            with np.errstate(over="ignore"):
                changed.reshape(-1)[place] = value
            try:
                model = load_changed(tmp_path / "file", archive, tensors={name: changed})
            except PersistenceError:
                n_refused += 1
                continue
            assert np.isfinite(changed).all() or ".kept_columns." in f".{name}", name
            assert np.isfinite(model.score_samples(make_v1.X)).all(), name
            if kind == "sampler":
                assert np.isfinite(model.sample(5)[0]["amount"]).all(), name
    assert n_refused > 0


@pytest.mark.parametrize("weights", [[1.0], [-1.0] * 50, [np.nan] * 50])
def test_weights_of_images_are_numbers_for_each_row(weights, tmp_path):
    path = DATA / "network-sampler-v1.ganaug"
    archive = read_archive(path, {form.kind: form.version for form in FORMATS}, MAX_BYTES)
    archive.document["gan"]["weights"] = {"tensor": "gan.weights"}
    with pytest.raises(PersistenceError, match=r"contradict one another: .*weight"):
        load_changed(
            tmp_path / "file",
            archive,
            tensors={"gan.weights": np.array(weights)},
            callables=make_v1.NETWORKS,
        )


# --- what can't be used ---------------------------------------------------------------------------


def test_a_tensor_without_elements_has_no_endless_side(tmp_path):
    endless = {"gan.history.restart_step": np.empty((2**40, 0), np.int64)}
    with pytest.raises(PersistenceError, match="has a side longer than the file"):
        load_changed(tmp_path / "file", archive_of("sampler"), tensors=endless)


def test_axes_of_many_numbers_are_at_right_angles(tmp_path):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(60, MAX_RANK + 2)), np.repeat([0, 1], [40, 20])
    quick_sampler().fit(X, y).save(tmp_path / "wide")
    archive = read_archive(tmp_path / "wide", {SAMPLER.kind: SAMPLER.version}, MAX_BYTES)
    (name,) = [name for name in archive.tensors if name.endswith("geometry.basis")]
    basis = archive.tensors[name]
    for wrong in (basis.ravel("F").reshape(basis.shape), 2 * basis):
        with pytest.raises(PersistenceError, match="axes not at right angles"):
            load_changed(tmp_path / "changed", archive, tensors={name: wrong})


def test_names_of_columns_are_as_many_as_columns(tmp_path):
    archive = archive_of("sampler")
    names = archive.document["rows"]["columns"]
    shortened = json.loads(json.dumps(names).replace('"since", ', "", 1))
    assert shortened != names
    archive.document["rows"]["columns"] = shortened
    with pytest.raises(PersistenceError, match="columns and their names differ in number"):
        load_changed(tmp_path / "file", archive)


def test_levels_can_be_looked_up(tmp_path):
    archive = archive_of("sampler")
    codec = next(c for c in archive.document["encoder"]["codecs"] if "free" in str(c.get("levels")))
    codec["levels"][0] = {"type": "list", "value": []}
    with pytest.raises(PersistenceError, match=r"none that a category can have|can't be read"):
        load_changed(tmp_path / "file", archive)


@pytest.mark.parametrize("classes", [[0.0, np.nan], [1.0, 1.0]])
def test_classes_can_be_told_apart(classes):
    with pytest.raises(PersistenceError, match="classes can't be told apart"):
        check_classes(np.array(classes))


def with_calendar(changed):
    """Return a file whose dates are the first days of 21 months, or what is changed of that."""
    archive = archive_of("sampler")
    (codec,) = [c for c in archive.document["encoder"]["codecs"] if c.get("unit") == "us"]
    codec["grid"] = {
        "type": "CalendarGrid",
        "calendar": {"type": "Months", "shift": 0},
        "places": {"low": 0, "high": 20, "step": 1},
        "per_day": 86_400 * 10**6,
        **changed,
    }
    return archive


@pytest.mark.parametrize(
    "calendar",
    [{"type": "Months", "shift": -1}, {"type": "Weekdays", "weekdays": [1, 5]}],
)
def test_calendars_are_read(calendar, tmp_path):
    model = load_changed(tmp_path / "file", with_calendar({"calendar": calendar}))
    assert model.sample(20)[0]["since"].between("1969-12-25", "1971-09-01").all()
    assert np.isfinite(model.score_samples(make_v1.X)).all()


@pytest.mark.parametrize(
    "changed",
    [
        *({"calendar": {"type": "Months", "shift": shift}} for shift in (-2, 28, 2**70, 0.5)),
        *(
            {"calendar": {"type": "Weekdays", "weekdays": days}}
            for days in ([], [2, 1], [1, 1], [7], [-1])
        ),
        {"calendar": {"type": "Years"}},
        *(
            {"places": {"low": low, "high": high, "step": 1}}
            for low, high in ((0, 2**50), (-(2**63), 0), (1, 0), (0, 2**39), (-(2**39), 0))
        ),
        {"per_day": 0},
        {"per_day": 2**62},
    ],
)
def test_calendars_have_dates(changed, tmp_path):
    with pytest.raises(PersistenceError):
        load_changed(tmp_path / "file", with_calendar(changed))


@pytest.fixture(scope="module")
def with_dummies(tmp_path_factory):
    """Return a file with three dummies of numbers and two of booleans, between two numbers."""
    random = np.random.default_rng(0)
    colours, flag, numbers = random.integers(0, 3, 60), random.random(60) < 0.5, random.random(60)
    X = pd.DataFrame({"a": numbers, **{f"c{k}": (colours == k).astype(int) for k in range(3)}})
    X = X.assign(yes=flag, no=~flag, b=numbers[::-1])
    path = tmp_path_factory.mktemp("dummies") / "file"
    quick_sampler().fit(X, np.arange(60) % 2).save(path)
    return path


def change_dummy(name, value, group=0, dummy=1):
    def change(encoder):
        encoder["groups"][group]["dummies"][dummy][name] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(change_dummy("position", place) for place in (-1, 0, 1, 4, 7, 2**70)),
        *(change_dummy("position", 6, dummy=dummy) for dummy in (0, 2)),
        *(change_dummy("zero", value) for value in (1, 0.5, "0", None, {"type": "list"})),
        change_dummy("one", 2),
        change_dummy("one", 2, group=1),
        change_dummy("zero", "0", group=1),
        *(
            change_dummy("levels", levels, group=1)
            for levels in ([], [True], [True, False, True], [True, True], ["no", "yes"], [0, 2])
        ),
        change_dummy("levels", None, group=1),
        lambda encoder: encoder["groups"].append(encoder["groups"][0]),
        lambda encoder: encoder["groups"][0]["dummies"].pop(),
        lambda encoder: encoder["groups"][0]["dummies"].clear(),
        lambda encoder: encoder["groups"][1]["dummies"].pop(0),
    ],
)
def test_dummies_are_those_of_their_category(change, with_dummies, tmp_path):
    archive = read_archive(with_dummies, {form.kind: form.version for form in FORMATS}, MAX_BYTES)
    assert len(archive.document["encoder"]["groups"]) == 2
    change(archive.document["encoder"])
    with pytest.raises(PersistenceError):
        load_changed(tmp_path / "file", archive)
