import datetime as dt
import sys
import warnings
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from ganaug import GANOutlierDetector, GANSampler
from ganaug.exceptions import DataError, MissingDependencyError
from ganaug.plotting import ImageRecorder, SyntheticDataDisplay, TrainingDisplay, plot_samples


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def sampler(mixed_table):
    return GANSampler(n_steps=20, random_state=0).fit(*mixed_table)


def titles(display):
    return [ax.get_title() for ax in display.axes_]


def test_rows_of_the_rarest_class_are_shown(sampler, mixed_table):
    display = SyntheticDataDisplay.from_estimator(sampler, *mixed_table)
    assert titles(display)[:2] == ["24 real rows", "24 synthetic rows"]
    assert {title.split("\n")[0] for title in titles(display)[2:]} == set(mixed_table[0].columns)
    assert "class yes" in display.figure_.get_suptitle()


def test_label_number_and_columns_can_be_chosen(sampler, mixed_table):
    display = SyntheticDataDisplay.from_estimator(
        sampler, *mixed_table, label="no", n_samples=7, columns=["job", "price"]
    )
    assert titles(display) == ["96 real rows", "7 synthetic rows", "price", "job"]


@pytest.mark.parametrize("rows", [[0], [0, 1], [0, 5], [0, 1, 5]])
def test_few_rows_are_drawn(sampler, mixed_table, rows):
    X, y = (part.iloc[rows] for part in mixed_table)
    display = SyntheticDataDisplay.from_estimator(sampler, X, y)
    display.figure_.draw_without_rendering()
    assert {title.split("\n")[0] for title in titles(display)[2:]} == set(X.columns)


def test_figures_can_be_drawn_to_the_end(sampler, mixed_table, tmp_path):
    SyntheticDataDisplay.from_estimator(sampler, *mixed_table).figure_.savefig(tmp_path / "a.png")
    TrainingDisplay.from_estimator(sampler).figure_.savefig(tmp_path / "b.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert (tmp_path / "b.png").stat().st_size > 10_000


def test_bars_have_the_shares_of_the_rows():
    real = pd.DataFrame({"c": ["u"] * 3 + ["v"]})
    synthetic = pd.DataFrame({"c": ["v"] * 3 + ["w"]})
    *_, panel = SyntheticDataDisplay.from_predictions(real, synthetic).axes_
    drawn = [
        {
            tick.get_text(): bar.get_width()
            for tick, bar in zip(panel.get_yticklabels(), bars, strict=True)
        }
        for bars in panel.containers
    ]
    assert drawn == [{"v": 0.25, "u": 0.75, "w": 0}, {"v": 0.75, "u": 0, "w": 0.25}]


def test_histograms_share_their_bins_and_sum_to_one():
    rng = np.random.default_rng(0)
    display = SyntheticDataDisplay.from_predictions(rng.normal(size=(50, 1)), np.ones((9, 1)))
    first, second = (patch.get_data() for patch in display.axes_[2].patches)
    np.testing.assert_array_equal(first.edges, second.edges)
    assert first.values.sum() == pytest.approx(1)
    assert second.values.sum() == pytest.approx(1)


@pytest.mark.parametrize(("axis", "values"), [("xaxis", ["u", "v"]), ("yaxis", [1, 2])])
def test_axes_of_shares_say_where_their_ticks_are(axis, values):
    frame = pd.DataFrame({"a": values})
    display = SyntheticDataDisplay.from_predictions(frame, frame)
    ticks = getattr(display.axes_[2], axis)
    ticks.set_ticks([0, 0.025, 0.05, 0.07, 0.075, 0.00125])
    display.figure_.draw_without_rendering()
    texts = [label.get_text() for label in ticks.get_ticklabels()]
    assert texts == ["0%", "2.5%", "5%", "7%", "7.5%", "0.125%"]


def test_one_column_can_be_named(mixed_table):
    X, _ = mixed_table
    for columns in ("price", ["price"]):
        display = SyntheticDataDisplay.from_predictions(X, X, columns=columns)
        assert titles(display)[2:] == ["price"]
    display = SyntheticDataDisplay.from_predictions(NUMBERS, NUMBERS, columns=1)
    assert titles(display)[2:] == ["column 1"]


def test_missing_values_are_told():
    real = pd.DataFrame({"a": [1.0, np.nan, 3.0, 4.0], "c": ["u", None, "u", "u"]})
    display = SyntheticDataDisplay.from_predictions(real, real.iloc[[0, 2, 3]])
    assert titles(display)[2] == "a\n(missing: 25% real, 0% synthetic)"
    ticks = [tick.get_text() for tick in display.axes_[3].get_yticklabels()]
    assert ticks == ["u", "missing"]


def test_titles_stay_in_the_figure_beside_long_levels():
    gaps = {f"a long name of a column, number {k}": [np.nan] * 9 for k in range(4)}
    levels = {f"category {k}": [f"MMMMMMMM level {j} MMMMMMM" for j in range(9)] for k in "abcd"}
    frame = pd.DataFrame(gaps | levels)
    display = SyntheticDataDisplay.from_predictions(frame, frame)
    display.figure_.draw_without_rendering()
    boxes = [panel.title.get_window_extent() for panel in display.axes_[2:]]
    assert all(box.x0 >= 0 and box.x1 <= display.figure_.bbox.width for box in boxes)
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes[:4]))


RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(30, 3))


@pytest.mark.parametrize(
    "table",
    [
        NUMBERS,
        NUMBERS.tolist(),
        sp.csr_matrix(NUMBERS),
        np.column_stack([NUMBERS.astype(object), RNG.choice(["u", "v"], 30).astype(object)]),
        pd.DataFrame({"when": pd.date_range("2024-01-01", periods=30), "flag": [True, False] * 15}),
        pl.DataFrame({"when": pd.date_range("2024-01-01", periods=30), "i": [*range(29), None]}),
        pd.DataFrame({"none": [np.nan] * 30, "one": [1.0] * 30}),
        np.zeros((1, 1)),
    ],
    ids=["array", "list", "sparse", "objects", "pandas", "polars", "constant", "one-cell"],
)
def test_every_container_can_be_drawn(table):
    display = SyntheticDataDisplay.from_predictions(table, table, label=1)
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize("size", [1e-200, 1e200, 1e308])
def test_numbers_of_any_size_have_a_plane(size):
    display = SyntheticDataDisplay.from_predictions(NUMBERS / 9 * size, NUMBERS / 9 * size)
    display.figure_.draw_without_rendering()
    plain = SyntheticDataDisplay.from_predictions(NUMBERS, NUMBERS)
    for panel, expected in zip(display.axes_[:2], plain.axes_, strict=False):
        points = panel.collections[0].get_offsets()
        np.testing.assert_allclose(points, expected.collections[0].get_offsets(), rtol=1e-6)


def test_columns_of_huge_numbers_are_ranked():
    y = np.arange(30) % 3
    sampler = GANSampler(n_steps=1, random_state=0).fit(NUMBERS * 1e200, y)
    display = SyntheticDataDisplay.from_estimator(sampler, NUMBERS * 1e200, y)
    assert len(display.axes_) == 5


def test_numbers_far_larger_than_all_real_ones_are_drawn_at_the_edge():
    frame = pd.DataFrame({"a": [1e-200, 2e-200, 3e-200]})
    display = SyntheticDataDisplay.from_predictions(frame, frame * 1e300)
    assert np.abs(display.axes_[1].collections[0].get_offsets()).max() == pytest.approx(4)


def test_dates_are_drawn_as_dates():
    frame = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=40)})
    display = SyntheticDataDisplay.from_predictions(frame, frame)
    display.figure_.draw_without_rendering()
    assert "Feb" in [tick.get_text() for tick in display.axes_[2].get_xticklabels()]


def dates_in(containers, dates):
    """Return a table of dates in each of several containers."""
    frame = pd.DataFrame({"when": dates})
    objects = pd.DataFrame({"when": pd.Series(dates.astype("M8[us]").astype(object), dtype=object)})
    tables = {
        "datetime64": frame,
        "numpy": frame.to_numpy(),
        "objects": objects,
        "list": objects.to_numpy().tolist(),
        "polars": pl.from_pandas(frame),
        "polars objects": pl.DataFrame({"when": pl.Series([*objects["when"]], dtype=pl.Object)}),
        "pyarrow": pa.Table.from_pandas(frame),
    }
    return [tables[name] for name in containers]


def axis_labels(table):
    """Return what is written below the first column."""
    display = SyntheticDataDisplay.from_predictions(table, table)
    display.figure_.draw_without_rendering()
    axis = display.axes_[2].xaxis
    return [label.get_text() for label in [*axis.get_ticklabels(), axis.get_offset_text()]]


@pytest.mark.parametrize(
    "container", ["numpy", "objects", "list", "polars", "polars objects", "pyarrow"]
)
@pytest.mark.parametrize("unit", ["D", "us"])
@pytest.mark.parametrize("start", ["1500-02-01", "2020-05-01"])
def test_dates_are_drawn_as_dates_in_all_containers(container, unit, start):
    days = np.datetime64(start, unit) + np.arange(0, 300, 3).astype("m8[D]")
    table, reference = dates_in([container, "datetime64"], days)
    labels = axis_labels(table)
    assert labels == axis_labels(reference)
    assert "Jul" in labels


def test_dates_of_years_and_months_are_drawn_as_dates():
    assert "2010" in axis_labels(np.arange("1990", "2020", dtype="M8[Y]")[:, None])
    assert "Jul" in axis_labels(np.arange("2020-01", "2020-12", dtype="M8[M]")[:, None])


def test_times_with_a_zone_are_drawn_by_their_clock():
    times = pd.date_range("2024-03-10 00:00", "2024-03-10 05:00", 50, tz="Asia/Tokyo")
    assert axis_labels(pd.DataFrame({"when": times}))[-1] == "2024-Mar-10"


@pytest.mark.parametrize("sentinel", ["0001-01-01", "9999-12-31", "20000-01-01"])
@pytest.mark.parametrize("container", ["datetime64", "polars"])
def test_dates_that_matplotlib_has_not_are_drawn_in_years(container, sentinel):
    some = np.arange("2000-01-01", "2020-01-01", 100, dtype="M8[D]")
    (table,) = dates_in([container], np.array([*some, sentinel], "M8[s]"))
    display = SyntheticDataDisplay.from_predictions(table, table)
    display.figure_.draw_without_rendering()
    assert titles(display)[2] == "when (years)"
    first, last = display.axes_[2].dataLim.intervalx
    year = int(sentinel.split("-")[0])
    assert first - 1 <= min(year, 2000) < max(year, 2019) <= last + 1
    assert set(axis_labels(table[-2:])) == {"2019", str(year), ""}


def times_in(to_table, minutes):
    return to_table({"opens": [dt.time(minute // 60, minute % 60) for minute in minutes]})


@pytest.mark.parametrize("to_table", [pl.DataFrame, pa.table], ids=["polars", "pyarrow"])
def test_times_of_the_day_are_drawn_as_a_clock_shows_them(to_table):
    labels = axis_labels(times_in(to_table, range(0, 24 * 60, 10)))
    assert {"06:00", "12:00", "18:00"} <= set(labels)
    assert labels[-1] == ""  # no date
    few = axis_labels(times_in(to_table, [8 * 60, 13 * 60 + 30, 8 * 60]))
    assert few == ["08:00", "13:30", ""]


@pytest.mark.parametrize("days", [1e-4, 0.1, 3, 20, 61, 300, 1000, 10_000])
def test_dates_of_any_range_are_drawn_without_warning(days):
    frame = pd.DataFrame({"when": pd.Timestamp("2024-01-31") + pd.to_timedelta([0, days], "D")})
    display = SyntheticDataDisplay.from_predictions(frame, frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display.figure_.draw_without_rendering()


@pytest.mark.parametrize(
    "to_library",
    [
        lambda frame: frame,
        pl.from_pandas,
        lambda frame: pd.DataFrame({"stay": pd.Series([*frame["stay"]], dtype=object)}),
    ],
    ids=["pandas", "polars", "objects"],
)
@pytest.mark.parametrize(
    ("unit", "name"), [("s", "seconds"), ("min", "minutes"), ("h", "hours"), ("D", "days")]
)
def test_durations_are_drawn_in_their_unit(unit, name, to_library):
    frame = to_library(pd.DataFrame({"stay": [*pd.to_timedelta(range(20), unit), pd.NaT]}))
    display = SyntheticDataDisplay.from_predictions(frame, frame)
    assert titles(display)[2].startswith(f"stay ({name})")
    assert display.axes_[2].get_xlim()[1] == pytest.approx(20, abs=1.5)


def test_names_are_no_formulas_and_are_cut_to_fit():
    frame = pd.DataFrame({"$x_$": ["$10-$20", "$20-_$30"] * 9, "long name " * 9: range(18)})
    display = SyntheticDataDisplay.from_predictions(frame, frame, label="$a_$")
    display.figure_.draw_without_rendering()
    assert display.axes_[3].get_title() == r"\$x_\$"
    panel = display.axes_[2]
    assert panel.get_title().startswith("long name long name")
    width = panel.title.get_window_extent().width
    assert width < display.figure_.bbox.width / 4


LONG = "a very long name of several words"


@pytest.mark.parametrize(
    "names",
    [
        [f"{LONG} {word}" for word in "xyz"],
        [f"{word} {LONG}" for word in "xyz"],
        [f"{LONG} {word} (until 2024)" for word in "xyz"],
        [f"{LONG} x", f"{LONG} y", f"x {LONG} of many", f"y {LONG} of many"],
    ],
    ids=["ends", "beginnings", "near the end", "both"],
)
def test_long_names_are_cut_where_they_can_be_told_apart(names):
    frame = pd.DataFrame({name: range(len(names)) for name in names})
    display = SyntheticDataDisplay.from_predictions(frame.assign(c=names), frame.assign(c=names))
    *columns, levels = display.axes_[2:]
    texts = [label.get_text() for label in levels.get_yticklabels()]
    for cut in (texts, [panel.get_title() for panel in columns]):
        assert len(set(cut)) == len(names)
    assert all("…" in text for text in texts)


@pytest.mark.parametrize("values", [np.arange(10), 5000.1 + 13.7 * np.arange(10), [1e5, 250_000.5]])
def test_labels_of_few_numbers_do_not_overlap(values):
    columns = {name: np.repeat(values, 4) for name in "abcdefgh"}
    display = SyntheticDataDisplay.from_predictions(pd.DataFrame(columns), pd.DataFrame(columns))
    display.figure_.draw_without_rendering()
    boxes = [label.get_window_extent() for label in display.axes_[2].get_xticklabels()]
    assert len(boxes) == len(values)
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_numbers_and_categories_of_one_column_are_drawn():
    missing, present = pd.DataFrame({"a": [np.nan] * 3}), pd.DataFrame({"a": ["u", "v", "u"]})
    for tables in ((missing, present), (present, missing)):
        SyntheticDataDisplay.from_predictions(*tables).figure_.draw_without_rendering()


@pytest.mark.parametrize("layout", ["constrained", "none"])
def test_titles_do_not_overlap_in_given_axes(layout):
    _, (ax, _) = plt.subplots(1, 2, figsize=(16, 6), layout=layout)
    display = SyntheticDataDisplay.from_predictions(NUMBERS, NUMBERS, ax=ax)
    display.figure_.draw_without_rendering()
    above, below = (panel.title.get_window_extent() for panel in (ax, display.axes_[0]))
    assert above.y0 > below.y1


def test_the_display_fits_into_given_axes(sampler, mixed_table):
    figure, (left, right) = plt.subplots(1, 2, figsize=(16, 6))
    rows = SyntheticDataDisplay.from_estimator(sampler, *mixed_table, ax=left)
    training = TrainingDisplay.from_estimator(sampler, ax=right)
    assert rows.figure_ is training.figure_ is figure
    figure.draw_without_rendering()


def test_axes_outside_of_a_grid_are_refused():
    ax = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(DataError, match="must be part of a grid"):
        SyntheticDataDisplay.from_predictions(NUMBERS, NUMBERS, ax=ax)


def test_training_display_marks_the_kept_step(sampler):
    losses, quality = TrainingDisplay.from_estimator(sampler).axes_
    assert [text.get_text() for text in losses.get_legend().get_texts()] == [
        "discriminator",
        "generator",
    ]
    kept = int(sampler.history_["best_step"])
    assert [text.get_text() for text in quality.get_legend().get_texts()] == [f"kept: step {kept}"]


def test_a_training_of_one_step_has_points():
    one = np.ones(1)
    history = {"generator_loss": one, "discriminator_loss": 2 * one, "check_step": one}
    losses, _ = TrainingDisplay({**history, "quality": one, "best_step": one[0]}).plot().axes_
    drawn = [line for line in losses.get_lines() if line.get_marker() not in ("None", None)]
    assert {line.get_ydata()[0] for line in drawn} == {1, 2}


def test_mistakes_are_told(sampler, mixed_table):
    X, y = mixed_table
    with pytest.raises(NotFittedError):
        SyntheticDataDisplay.from_estimator(GANSampler(), X, y)
    with pytest.raises(NotFittedError):
        TrainingDisplay.from_estimator(GANSampler())
    with pytest.raises(DataError, match="label 'maybe' isn't in y; its classes are no, yes"):
        SyntheticDataDisplay.from_estimator(sampler, X, y, label="maybe")
    with pytest.raises(DataError, match="no column 'salary'"):
        SyntheticDataDisplay.from_predictions(X, X, columns=["salary"])
    with pytest.raises(DataError, match="the same columns"):
        SyntheticDataDisplay.from_predictions(X, X[["age"]])
    with pytest.raises(DataError, match="X has 120 rows, y has 7 labels"):
        SyntheticDataDisplay.from_estimator(sampler, X, y[:7])
    with pytest.raises(DataError, match="X has no rows; expected at least one"):
        SyntheticDataDisplay.from_estimator(sampler, X[:0], y[:0])
    with pytest.raises(DataError, match="there are no synthetic rows"):
        SyntheticDataDisplay.from_estimator(sampler, X, y, n_samples=0)
    with pytest.raises(DataError, match="there are no real rows"):
        SyntheticDataDisplay.from_predictions(X[:0], X)


@pytest.mark.parametrize(
    ("draw", "what"),
    [
        (TrainingDisplay.from_estimator, "TrainingDisplay"),
        (lambda it: SyntheticDataDisplay.from_estimator(it, np.eye(9), np.ones(9)), "SyntheticD"),
        (plot_samples, "plot_samples"),
    ],
)
def test_what_is_no_sampler_is_called_by_its_name(draw, what):
    detector = GANOutlierDetector(n_steps=1, random_state=0).fit(np.eye(9))
    message = f"{what}.* draws a fitted GANSampler, got a GANOutlierDetector"
    with pytest.raises(DataError, match=message):
        draw(detector)
    with pytest.raises(DataError, match="got a Pipeline; pass the sampler itself"):
        draw(make_pipeline(GANSampler()))


def test_a_missing_matplotlib_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'ganaug\[plot\]'"):
        SyntheticDataDisplay.from_predictions(NUMBERS, NUMBERS)


@pytest.mark.parametrize("channels", ["grey", "colour"])
def test_generated_images_fill_a_grid(channels):
    X, y = load_digits(n_class=3, return_X_y=True)
    X = X[:60].reshape(-1, 8, 8)
    X = X if channels == "grey" else np.stack([X, X, 16 - X], axis=1)
    sampler = GANSampler(n_steps=2, batch_size=8, random_state=0).fit(X, y[:60])
    ax = plot_samples(sampler, n_per_class=4)
    picture = ax.get_images()[0].get_array()
    assert picture.shape[:2] == (3 * 9, 4 * 9)
    assert 0 <= picture.min() < picture.max() <= 1
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2"]


@pytest.mark.parametrize("n", [0, -1, 2.5, "many", True])
def test_numbers_of_images_are_checked_at_once(n):
    with pytest.raises(DataError, match="n_images must be a whole number of images, 1 or more"):
        ImageRecorder(n)
    sampler = fitted_with_recorder(n_steps=1)
    with pytest.raises(DataError, match="n_per_class must be a whole number of images, 1 or more"):
        plot_samples(sampler, n_per_class=n)


def test_a_table_has_no_images_to_plot(sampler):
    with pytest.raises(DataError, match="was fitted on a table"):
        plot_samples(sampler)


def fitted_with_recorder(n_steps=9, n_images=6, **parameters):
    X, y = load_digits(n_class=3, return_X_y=True)
    recorder = ImageRecorder(n_images=n_images)
    sampler = GANSampler(
        **{"image_shape": (8, 8), "batch_size": 8, "random_state": 0, **parameters},
        n_steps=n_steps,
        check_interval=3,
        callback=recorder,
    )
    return sampler.fit(X[:60], y[:60])


def test_images_of_each_check_are_drawn_in_the_order_of_steps():
    sampler = fitted_with_recorder()
    pictures = sampler.callback.pictures_
    assert list(pictures) == [3, 6, 9]
    assert {part.shape for part in pictures.values()} == {(6, 8, 8)}
    assert all(0 <= part.min() < part.max() <= 1 for part in pictures.values())
    *_, images = TrainingDisplay.from_estimator(sampler).axes_
    assert images.get_images()[0].get_array().shape == (3 * 9, 6 * 9)
    ticks = [label.get_text() for label in images.get_yticklabels()]
    assert ticks == ["step 3", "step 6", "step 9"]


def test_titles_of_images_are_not_cut_in_given_axes():
    figure, (_, ax) = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
    display = TrainingDisplay.from_estimator(fitted_with_recorder(), ax=ax)
    figure.draw_without_rendering()
    images = display.axes_[2]
    for text in (images.title, images.xaxis.label):
        assert text.get_window_extent().x1 < figure.bbox.x1 + 1


def test_the_noise_of_recorded_images_is_always_the_same():
    still = fitted_with_recorder(learning_rate=1e-12).callback.pictures_
    np.testing.assert_allclose(still[3], still[9], atol=1e-4)
    moving = fitted_with_recorder(learning_rate=0.01).callback.pictures_
    assert np.abs(moving[3] - moving[9]).max() > 1e-2


def test_recording_images_changes_nothing_else():
    sampler = fitted_with_recorder()
    plain = clone(sampler).set_params(callback=None)
    X, y = load_digits(n_class=3, return_X_y=True)
    plain.fit(X[:60], y[:60])
    np.testing.assert_array_equal(plain.sample(5)[0], sampler.sample(5)[0])


def test_a_second_fit_is_recorded_anew():
    sampler = fitted_with_recorder()
    X, y = load_digits(n_class=3, return_X_y=True)
    sampler.set_params(n_steps=6).fit(X[:60], y[:60])
    assert list(sampler.callback.pictures_) == [3, 6]


def test_many_checks_are_drawn_in_few_lines():
    history = fitted_with_recorder().history_
    pictures = {step: np.full((2, 8, 8), 0.5) for step in range(1, 101)}
    *_, images = TrainingDisplay(history, pictures).plot().axes_
    ticks = [label.get_text() for label in images.get_yticklabels()]
    assert (len(ticks), ticks[0], ticks[-1]) == (8, "step 1", "step 100")


def test_a_table_has_no_images_to_record(mixed_table):
    with pytest.raises(DataError, match="ImageRecorder keeps images"):
        GANSampler(n_steps=2, callback=ImageRecorder()).fit(*mixed_table)
