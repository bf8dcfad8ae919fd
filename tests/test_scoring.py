"""Scores have the right sign, from every public method, whatever the table."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

import ganaug
from ganaug import GANOutlierDetector, GANSampler
from ganaug._scoring import ScoreScale, to_anomaly
from ganaug.exceptions import DataError
from tests.tables import moved_far


@given(arrays(float, 5, elements=st.floats(-1e12, 1e12)))
def test_anomaly_turns_normality_round(normality):
    anomaly = to_anomaly(normality)
    assert ((anomaly >= 0) & (anomaly <= 1)).all()
    for a, b in zip(*np.triu_indices(5, 1), strict=True):
        if normality[a] < normality[b]:
            assert anomaly[a] >= anomaly[b]
    assert to_anomaly(np.zeros(1)) == 0.5


def test_scale_is_that_of_the_training_rows_of_each_class():
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1], [2000, 1000])
    logits = rng.normal(size=3000) * np.where(classes == 1, 5, 1) + 100 * classes
    scale = ScoreScale.fit(logits, classes, 2)
    normality = scale.normality(np.stack([logits, logits], axis=1))
    for c in (0, 1):
        own = normality[classes == c, c]
        assert (own < 0).mean() == pytest.approx(0.05, abs=0.01)
        assert np.subtract(*np.quantile(own, [0.75, 0.25])) == pytest.approx(1, abs=0.05)


def random_table(seed):
    """Return a table of a random shape, and rows of it moved far off."""
    rng = np.random.default_rng(seed)
    n_features = int(rng.integers(2, 25))
    X, y = make_classification(
        n_samples=int(rng.integers(60, 800)),
        n_features=n_features,
        n_informative=n_features,
        n_redundant=0,
        n_clusters_per_class=1,
        weights=[float(rng.uniform(0.6, 0.95))],
        random_state=seed,
    )
    X = X * 10.0 ** rng.integers(-3, 4, n_features)
    planted = moved_far(X, rng, 30, 12)
    return X, y, planted


@pytest.mark.parametrize("seed", range(20))
def test_planted_outliers_score_extreme(seed):
    X, y, planted = random_table(seed)
    sampler = GANSampler(n_steps=200, random_state=0).fit(X, y)
    rows = np.r_[X, planted]
    is_planted = np.arange(len(rows)) >= len(X)
    assert roc_auc_score(is_planted, sampler.anomaly_score(rows)) > 0.95
    assert roc_auc_score(is_planted, -sampler.score_samples(rows)) > 0.95
    labels = np.r_[y, y[: len(planted)]]
    assert roc_auc_score(is_planted, sampler.anomaly_score(rows, labels)) > 0.95


@pytest.mark.parametrize(
    "column",
    [
        lambda random, n: np.exp(2 * random.normal(size=n)),
        lambda random, n: -np.exp(2 * random.normal(size=n)),
        lambda random, n: random.standard_cauchy(n),
        lambda random, n: random.lognormal(3, 2, n).astype(int),
    ],
    ids=["log-normal", "negative", "Cauchy", "counts"],
)
def test_farther_than_a_heavy_tail_is_more_anomalous(column):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [400, 80])
    X = np.column_stack([column(rng, len(y)), rng.normal(size=len(y)) + y])
    low, high = X[:, 0].min(), X[:, 0].max()
    steps = np.array([0.0, 1.0, 10.0, 1e3, 1e6]) * (high - low)
    far = np.r_[high + steps, low - steps]
    scores = (
        GANSampler(n_steps=200, random_state=0)
        .fit(X, y)
        .score_samples(np.column_stack([far, np.zeros(len(far))]))
    )
    for end in np.split(scores, 2):
        assert (np.diff(end) < 0).all()
    assert scores[[4, 9]].max() < -3


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 400
    y = np.repeat(["stay", "leave"], [300, 100])
    X = pd.DataFrame(
        {
            "pay": rng.normal(size=n) + 4 * (y == "leave"),
            "age": rng.integers(20, 60, n),
            "plan": rng.choice(["free", "paid"], n),
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
            "note": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        }
    )
    return X, y


@pytest.fixture(scope="module")
def sampler(table):
    return GANSampler(random_state=0).fit(*table)


def test_rows_of_the_wrong_class_are_less_normal(table, sampler):
    X, y = table
    right = sampler.score_samples(X, y)
    wrong = sampler.score_samples(X, np.where(y == "stay", "leave", "stay"))
    assert roc_auc_score(np.r_[np.ones(400), np.zeros(400)], np.r_[right, wrong]) > 0.85
    np.testing.assert_array_equal(sampler.score_samples(X), np.maximum(right, wrong))


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
def test_rows_between_two_classes_are_less_normal_for_the_less_likely_one(spread):
    rng = np.random.default_rng(0)

    def rows_of(classes):
        X = rng.normal(size=(len(classes), 5))
        X[classes == 1, :2] = 1.5 + spread * X[classes == 1, :2]
        return X

    train, classes = np.repeat([0, 1], [600, 100]), np.repeat([0, 1], 500)
    sampler = GANSampler(random_state=0).fit(rows_of(train), train)
    X = rows_of(classes)
    right, wrong = sampler.score_samples(X, classes), sampler.score_samples(X, 1 - classes)
    assert roc_auc_score(np.repeat([1, 0], 1000), np.r_[right, wrong]) > 0.75
    assert (right > wrong)[classes == 0].mean() > 0.7
    assert (right > wrong)[classes == 1].mean() > 0.7


def test_about_one_in_twenty_training_rows_is_past_one_half(table, sampler):
    X, y = table
    assert (sampler.anomaly_score(X, y) > 0.5).mean() == pytest.approx(0.05, abs=0.01)


@pytest.fixture(scope="module")
def table_of_all_kinds():
    """Return a table with columns in which something can be new, and its labels."""
    rng = np.random.default_rng(0)
    n = 600
    y = (rng.random(n) < 0.2).astype(int)
    X = pd.DataFrame(rng.normal(size=(n, 4)) + y[:, None], columns=list("abcd")).assign(
        plan=rng.choice(["free", "paid", "team"], n),
        town=rng.choice([f"town {k}" for k in range(50)], n),
        since=pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
        debt=np.where(rng.random(n) < 0.4, 0.0, rng.exponential(size=n)),
        note=np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
        rate=0.1,
        fee=np.where(rng.random(n) < 0.3, np.nan, 7.0),
        land="here",
        empty=np.nan,
    )
    return X, y


@pytest.fixture(scope="module")
def sampler_of_all_kinds(table_of_all_kinds):
    return GANSampler(random_state=0).fit(*table_of_all_kinds)


@pytest.mark.parametrize(
    "values",
    [
        {"a": np.nan},
        {"a": np.nan, "b": np.nan, "c": np.nan},
        {"debt": np.nan},
        {"since": pd.NaT},
        {"plan": "never seen"},
        {"plan": None},
        {"town": "never seen"},
        {"town": None},
        {"rate": 0.2},
        {"rate": np.nan},
        {"fee": 8.0},
        {"land": "abroad"},
        {"land": None},
        {"empty": 1.0},
    ],
    ids=str,
)
def test_what_training_has_not_seen_is_unusual(values, table_of_all_kinds, sampler_of_all_kinds):
    X, y = table_of_all_kinds
    before = sampler_of_all_kinds.score_samples(X, y)
    after = sampler_of_all_kinds.score_samples(X.assign(**values), y)
    assert (after < before).mean() > 0.97
    assert np.median(after) < 0


@pytest.mark.parametrize(
    "values", [{"note": np.nan}, {"fee": np.nan}, {"fee": 7.0}, {"rate": np.float32(0.1)}], ids=str
)
def test_what_training_has_seen_is_usual(values, table_of_all_kinds, sampler_of_all_kinds):
    X, y = table_of_all_kinds
    scores = sampler_of_all_kinds.score_samples(X.assign(**values), y)
    assert (scores > 0).mean() > 0.8


def test_a_row_is_scored_alone(table, sampler):
    X, _ = table
    together = sampler.score_samples(X)
    alone = np.concatenate([sampler.score_samples(X[k : k + 1]) for k in range(20)])
    np.testing.assert_array_equal(alone, together[:20])
    np.testing.assert_array_equal(sampler.score_samples(X), together)
    assert together.dtype == np.float64


@pytest.mark.parametrize("n_columns", [1, 5, 17, 33])
@pytest.mark.parametrize("hidden", [(128, 128), (13,), (33, 7)], ids=str)
def test_scores_do_not_depend_on_the_rows_beside(n_columns, hidden):
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    X = rng.normal(size=(300, n_columns)) + y[:, None]
    sampler = GANSampler(n_steps=3, hidden_layer_sizes=hidden, random_state=0).fit(X, y)
    expected = sampler.score_samples(X)
    for size in (1, 2, 63, 200, 300):
        rows = rng.permutation(300)[:size]
        np.testing.assert_array_equal(sampler.score_samples(X[rows]), expected[rows])


def test_scores_do_not_depend_on_the_container_or_the_unit_of_time(table, sampler):
    X, _ = table
    expected = sampler.score_samples(X)
    in_nanoseconds = X.assign(since=X["since"].astype("datetime64[ns]"))
    for rows in (pl.from_pandas(X), pl.from_pandas(X).to_arrow(), in_nanoseconds):
        np.testing.assert_allclose(sampler.score_samples(rows), expected, rtol=1e-6)


@pytest.mark.parametrize("estimator", [GANSampler, GANOutlierDetector])
def test_dates_beyond_nanoseconds_are_anomalous(estimator):
    rng = np.random.default_rng(0)
    born = np.datetime64("1900-01-01", "s") + rng.integers(0, 100 * 365 * 86_400, 300)
    X = pd.DataFrame({"a": rng.normal(size=300), "born": born.astype("M8[ns]")})
    fitted = estimator(n_steps=100, random_state=0).fit(X, rng.integers(0, 2, 300))
    later = np.array(["2510-01-01", "9999-12-31"], "M8[s]")
    new = pd.DataFrame({"a": 0.0, "born": np.r_[born[:20], later]})
    assert new["born"].dtype == "M8[s]"
    scores = fitted.anomaly_score(new)
    assert scores[20:].min() > scores[:20].max()
    np.testing.assert_array_equal(scores[:20], fitted.anomaly_score(X.assign(a=0.0)[:20]))


def test_dates_that_pile_up_are_known_in_any_unit(table):
    X, y = table
    never = np.arange(400) % 3 == 0
    X = X.assign(since=X["since"].where(~never, pd.Timestamp("1900-01-01")).astype("M8[ns]"))
    sampler = GANSampler(n_steps=50, random_state=0).fit(X, y)
    in_seconds = X.assign(since=X["since"].astype("M8[s]"))
    np.testing.assert_allclose(
        sampler.score_samples(in_seconds), sampler.score_samples(X), rtol=1e-6
    )
    with pytest.raises(DataError, match=r"'since' was dates or durations in fit, .* numbers now"):
        sampler.score_samples(X.assign(since=1.0))


TOKYO = "Asia/Tokyo"
TIMES = pd.Series(pd.date_range("2024-03-30", periods=300, freq="37min", tz=TOKYO))
WITH_ZONE = {
    "pandas": lambda times: pd.DataFrame({"t": times}),
    "pandas arrow": lambda times: pd.DataFrame({"t": times}).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "polars": lambda times: pl.from_arrow(pa.table({"t": pa.array(times)})),
    "arrow": lambda times: pa.table({"t": pa.array(times)}),
    "array": lambda times: times.astype(object).to_numpy()[:, None],
    "list": lambda times: [[time.to_pydatetime()] for time in times.dt.as_unit("us")],
}


@pytest.mark.parametrize("container", list(WITH_ZONE))
@pytest.mark.parametrize("estimator", [GANSampler, GANOutlierDetector])
@pytest.mark.filterwarnings("ignore:all synthetic rows:ganaug.exceptions.RepeatedRowsWarning")
def test_scores_do_not_depend_on_the_time_zone(container, estimator):
    make = WITH_ZONE[container]
    fitted = estimator(n_steps=5, random_state=0).fit(make(TIMES), np.arange(300) % 2)
    expected = fitted.score_samples(make(TIMES))
    for zone in ("UTC", dt.UTC, ZoneInfo("Europe/Berlin"), dt.timezone(dt.timedelta(hours=9))):
        other = make(TIMES.dt.tz_convert(zone))
        np.testing.assert_array_equal(fitted.score_samples(other), expected)
    with pytest.raises(DataError, match=r"had the time zone Asia/Tokyo in fit, but has none now"):
        fitted.score_samples(make(TIMES.dt.tz_localize(None)))


@pytest.mark.parametrize("container", list(WITH_ZONE))
def test_a_time_zone_where_fit_had_none_is_refused(container):
    make = WITH_ZONE[container]
    naive = TIMES.dt.tz_localize(None)
    fitted = GANOutlierDetector(n_steps=5, random_state=0).fit(make(naive))
    fitted.score_samples(make(naive))
    column = "0" if container in ("array", "list") else "'t'"
    with pytest.raises(DataError, match=f"{column} had no time zone in fit, but has UTC now; conv"):
        fitted.score_samples(make(TIMES.dt.tz_convert("UTC")))


@pytest.mark.filterwarnings("ignore:all synthetic rows:ganaug.exceptions.RepeatedRowsWarning")
def test_a_zone_is_known_in_all_containers_and_from_a_file(tmp_path):
    X = WITH_ZONE["pandas"](TIMES)
    fitted = GANSampler(n_steps=5, random_state=0).fit(X, np.arange(300) % 2)
    fitted.save(tmp_path / "model.ganaug")
    loaded = ganaug.load(tmp_path / "model.ganaug")
    for container in ("pandas", "pandas arrow", "polars", "arrow"):
        other = WITH_ZONE[container](TIMES.dt.tz_convert("America/New_York"))
        np.testing.assert_array_equal(loaded.score_samples(other), fitted.score_samples(X))


def test_columns_of_missing_times_have_no_zone(table):
    X = WITH_ZONE["pandas"](TIMES).assign(a=np.arange(300.0))
    fitted = GANOutlierDetector(n_steps=5, random_state=0).fit(X)
    assert np.isfinite(fitted.score_samples(X.assign(t=pd.NaT))).all()
    nothing = GANOutlierDetector(n_steps=5, random_state=0).fit(X.assign(t=pd.NaT))
    assert np.isfinite(nothing.score_samples(X)).all()


def test_scores_after_fit_resample_are_those_after_fit(table, sampler):
    again = GANSampler(random_state=0)
    again.fit_resample(*table)
    np.testing.assert_array_equal(again.score_samples(table[0]), sampler.score_samples(table[0]))


def test_columns_that_differ_from_fit_are_named(table, sampler):
    X, _ = table
    for changed, message in (
        (X.drop(columns="pay"), "seen at fit time, yet now missing:\n- pay"),
        (X.assign(extra=1), "unseen at fit time:\n- extra"),
        (X.rename(columns={"pay": "salary"}), "unseen.*- salary.*missing:\n- pay"),
        (pl.from_pandas(X).drop("age"), "missing:\n- age"),
        (pl.from_pandas(X).drop("age").to_arrow(), "missing:\n- age"),
        (X[X.columns[::-1]], "same order"),
        (X.assign(age="old"), "'age' was numbers in fit, but holds categories now"),
    ):
        with pytest.raises(DataError, match=f"(?s){message}"):
            sampler.score_samples(changed)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_too_few_columns_without_names(table, sampler):
    with pytest.raises(DataError, match=r"3 features.*expecting 5"):
        sampler.score_samples(table[0].to_numpy()[:, :3])


def test_labels_that_differ_from_fit_are_named(table, sampler):
    X, y = table
    with pytest.raises(DataError, match="there is no class 'maybe'; there are 'leave', 'st"):
        sampler.score_samples(X, np.where(y == "stay", "maybe", y))
    with pytest.raises(DataError, match="X has 400 rows, y has 3 labels"):
        sampler.anomaly_score(X, y[:3])


@pytest.mark.parametrize("method", ["score_samples", "anomaly_score"])
@pytest.mark.parametrize("label", ["leave", np.str_("leave"), np.array("leave")], ids=repr)
def test_one_label_is_that_of_all_rows(table, sampler, method, label):
    score, rows = getattr(sampler, method), table[0][:40]
    np.testing.assert_array_equal(score(rows, label), score(rows, ["leave"] * 40))


def test_labels_are_looked_at_before_rows_are_scored(table, sampler, monkeypatch):
    monkeypatch.setattr(type(sampler._gan), "logits", None)  # would fail when rows are scored
    with pytest.raises(DataError, match="there is no class 'maybe'; there are 'leave', 'stay'"):
        sampler.score_samples(table[0], "maybe")
    with pytest.raises(DataError, match="there is no class 1; there are 'leave', 'stay'"):
        sampler.anomaly_score(table[0], 1)
    with pytest.raises(DataError, match="X has 400 rows, y has 3 labels"):
        sampler.score_samples(table[0], table[1][:3])


@pytest.mark.parametrize("method", ["score_samples", "anomaly_score"])
def test_scoring_before_fit(table, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(GANSampler(), method)(table[0])
