"""`sample(where=...)`: conditions are met exactly, in bounded time, or refused with figures."""

import datetime as dt
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from ganaug import GANSampler
from ganaug._encoding import conditions
from ganaug._encoding.layout import VectorSlot
from ganaug._gan.networks import Generator
from ganaug.exceptions import DataError

TOWNS = [f"town{k}" for k in range(60)]


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    n = 600
    y = np.repeat([0, 1], [500, 100])
    country = np.where(y == 0, random.choice(["DE", "FR", "IT"], n), random.choice(["DE", "FR"], n))
    age = random.integers(18, 80, n)
    return pd.DataFrame(
        {
            "age": age,
            "income": age * 100 + random.normal(0, 200, n) + (country == "FR") * 3000,
            "price": random.integers(1, 400, n) / 20,
            "grade": random.choice([1.0, 1.5, 4.0], n),
            "balance": np.where(random.random(n) < 0.4, 0.0, random.normal(500, 100, n)),
            "seen": np.where(random.random(n) < 0.2, np.nan, random.normal(size=n)),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 900, n), "D"),
            "country": pd.Categorical(country),
            "member": random.random(n) < 0.3,
            "town": random.choice(TOWNS, n),
            "constant": 7,
            "floor": pd.Categorical(random.integers(0, 3, n)),
        }
    ), y


@pytest.fixture(scope="module")
def sampler(table):
    return GANSampler(n_steps=30, random_state=0).fit(*table)


@pytest.mark.parametrize(
    ("where", "is_met"),
    [
        ({"country": "FR"}, lambda X: X["country"] == "FR"),
        ({"country": ["FR", "DE"]}, lambda X: X["country"].isin(["FR", "DE"])),
        ({"member": True}, lambda X: X["member"]),
        ({"member": np.False_}, lambda X: ~X["member"]),
        ({"country": np.array(["FR", "DE"])}, lambda X: X["country"].isin(["FR", "DE"])),
        ({"town": pd.Series(["town3", "town5"])}, lambda X: X["town"].isin(["town3", "town5"])),
        ({"floor": 2.0}, lambda X: X["floor"] == 2),
        ({"floor": np.array([0.0, 2.0])}, lambda X: X["floor"].isin([0, 2])),
        ({"town": "town17"}, lambda X: X["town"] == "town17"),
        ({"town": {"town3", "town5"}}, lambda X: X["town"].isin(["town3", "town5"])),
        ({"age": (30, 40)}, lambda X: X["age"].between(30, 40)),
        ({"age": (30.2, None)}, lambda X: X["age"] >= 31),
        ({"age": 33}, lambda X: X["age"] == 33),
        ({"income": (4000.0, 4000.5)}, lambda X: X["income"].between(4000.0, 4000.5)),
        ({"price": (0.1, 0.3)}, lambda X: X["price"].between(0.1, 0.3)),
        ({"grade": (1.2, 2)}, lambda X: X["grade"] == 1.5),
        ({"balance": 0.0}, lambda X: X["balance"] == 0),
        ({"balance": (1, None)}, lambda X: X["balance"] >= 1),
        ({"seen": np.nan}, lambda X: X["seen"].isna()),
        ({"seen": (None, 0)}, lambda X: X["seen"] <= 0),
        ({"since": (pd.Timestamp("2021-01-01"), None)}, lambda X: X["since"] >= "2021-01-01"),
        (
            {"since": (dt.date(2020, 3, 1), np.datetime64("2020-03-31"))},
            lambda X: X["since"].between("2020-03-01", "2020-03-31"),
        ),
        ({"constant": 7}, lambda X: X["constant"] == 7),
        (
            {"country": "DE", "age": (30, 40), "seen": None, "town": "town1"},
            lambda X: (X["country"] == "DE") & X["age"].between(30, 40) & X["seen"].isna(),
        ),
    ],
)
def test_every_row_meets_the_conditions(sampler, where, is_met):
    X, y = sampler.sample(300, y=0, where=where)
    assert is_met(X).all()
    assert (y == 0).all()
    assert len(X) == 300


def test_the_other_columns_follow(table):
    X, y = table
    sampler = GANSampler(n_steps=300, random_state=0).fit(X, y)
    young, old = (
        sampler.sample(200, y=0, where={"age": ages, "country": "DE"})[0]["income"].median()
        for ages in ((20, 30), (60, 70))
    )
    assert young == pytest.approx(2500, abs=800)
    assert old == pytest.approx(6500, abs=800)


def people(random, n):
    height = random.normal(170, 10, n)
    born = pd.Timestamp("1980-01-01") + pd.to_timedelta(random.uniform(0, 9000, n), "D")
    return pd.DataFrame(
        {
            "height": height,
            "weight": 70 + 0.9 * (height - 170) + random.normal(size=n),
            "size": np.where(height < 165, "S", np.where(height < 175, "M", "L")),
            "born": born,
            "age": (pd.Timestamp("2010-01-01") - born) / pd.Timedelta("365D") + 0.5,
            "mood": random.normal(size=n),
            "sex": random.choice(["f", "m"], n),
        }
    )


@pytest.fixture(scope="module")
def grown():
    X = people(np.random.default_rng(0), 1000)
    return X, GANSampler(n_steps=100, random_state=0).fit(X, np.repeat([0, 1], [900, 100]))


@pytest.mark.parametrize("sex", [{}, {"sex": "f"}])
@pytest.mark.parametrize("height", [162.0, 170.0, 181.0, 191.0, (169.99, 170.01)])
def test_the_other_columns_follow_where_hardly_any_row_meets_a_number(grown, height, sex):
    X, sampler = grown
    made = sampler.sample(300, y=1, where={"height": height, **sex})[0]
    beside = made["weight"] - (70 + 0.9 * (made["height"] - 170))
    assert np.sqrt((beside**2).mean()) < 2  # of real rows 1; 9 and more where they don't follow
    wanted = np.mean(height)
    assert (made["size"] == ("S" if wanted < 165 else "M" if wanted < 175 else "L")).mean() > 0.8
    assert made["mood"].std() > 0.5 * X["mood"].std()  # copies of one row would be of one mood


def test_the_other_columns_follow_a_moment(grown):
    moment = pd.Timestamp("1993-07-01 11:03:07")
    made = grown[1].sample(300, y=1, where={"born": moment})[0]
    assert (made["born"] == moment).all()
    assert abs(made["age"] - 17).mean() < 1.5


def test_the_other_columns_follow_two_numbers_at_once(grown):
    where = {"height": 178.0, "age": 15.0}
    made = grown[1].sample(300, y=1, where=where)[0]
    assert (made["weight"] - 77.2).abs().mean() < 5
    born = pd.Timestamp("2010-01-01") - 14.5 * pd.Timedelta("365D")
    assert (abs(made["born"] - born) / pd.Timedelta("365D")).mean() < 4


def test_no_value_piles_up_at_the_ends(sampler):
    age = sampler.sample(600, y=0, where={"age": (30, 39)})[0]["age"]
    assert age.value_counts(normalize=True).max() < 0.35
    assert age.nunique() == 10


GRIDS = {
    "whole numbers": (np.arange(60), (30, 34), 5),
    "steps": (np.arange(60) / 20, (0.5, 0.65), 4),
    "few values": (np.array([0.0, 1.0, 2.0, 4.0, 7.0]), (1.0, 4.0), 3),
    "heavy tails": (np.r_[np.arange(58), 10**4, -(10**4)], (30, 33), 4),
}


@pytest.mark.parametrize("grid", GRIDS)
def test_the_ends_of_a_range_come_as_often_as_what_lies_between(grid):
    values, where, n_inside = GRIDS[grid]
    X = np.tile(values, 600 // len(values))
    X = np.c_[X, np.random.default_rng(0).normal(size=len(X))]  # so that neighbours differ
    y = np.repeat([0, 1], [60, len(X) - 60])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=100, random_state=0).fit(X, y)
    made = sampler.sample(2000, y=1, where={0: where})[0]
    assert len(np.unique(made[:, 0])) == n_inside
    assert np.isin(made[:, 0], where).mean() == pytest.approx(2 / n_inside, rel=0.15)


def test_a_larger_sample_begins_with_a_smaller_one(sampler):
    where = {"country": "FR", "age": (20, 60)}
    small, large = (sampler.sample(n, y=1, where=where)[0] for n in (20, 900))
    pd.testing.assert_frame_equal(small, large.head(20))


def test_batches_meet_the_conditions(sampler):
    batches = list(sampler.sample_batches(500, y=1, where={"country": "FR"}, batch_rows=200))
    assert [len(X) for X, _ in batches] == [200, 200, 100]
    assert all((X["country"] == "FR").all() for X, _ in batches)


def test_no_conditions_change_nothing(sampler):
    pd.testing.assert_frame_equal(sampler.sample(50, y=1, where={})[0], sampler.sample(50, y=1)[0])


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"country": "IT"}, r"class 1 can't be sampled with country == 'IT': none of its 100"),
        ({"country": ["IT"]}, r"can't be sampled with country in \['IT'\]: none"),
        ({"country": "XX"}, r"column 'country' had no level 'XX' in fit; it had '"),
        ({"country": ["DE", ["FR"]]}, r"column 'country' had no level \['FR'\] in fit"),
        ({"country": ["DE", np.array(["FR", "IT"])]}, r"had no level \['FR', 'IT'\] in fit"),
        ({"country": np.array([["DE", "FR"]])}, r"had no level \[\['DE', 'FR'\]\] in fit"),
        ({"nation": "DE"}, r"column 'nation', which was not in fit"),
        ({"floor": True}, r"column 'floor' had no level True in fit"),
        ({"floor": "1"}, r"column 'floor' had no level '1' in fit"),
        ({"age": (100, 120)}, r"takes whole numbers from 18 to 79"),
        ({"age": (30.2, 30.8)}, r"takes whole numbers"),
        ({"price": (0.01, 0.04)}, r"in steps of 0.05"),
        ({"grade": 2.0}, r"only the values 1, 1.5, 4"),
        ({"age": (np.float64(40), 30)}, r"asks for 40\.0 to 30 .*expected low <= high"),
        ({"age": [30, 31]}, r"a value or a range"),
        ({"age": "young"}, r"expected a number"),
        ({"town": ("town3", None)}, r"range .* which holds categories; expected a level or a list"),
        (
            {"town": ("town3", "town5")},
            r"range \('town3', 'town5'\) in column 'town', which",
        ),
        ({"age": np.nan}, r"had no missing values in fit"),
        ({"since": "soon"}, r"expected a date"),
        ({"since": (2021, None)}, r"'since'.*expected a date or a duration"),
        ({"since": 18_500}, r"'since'.*expected a date or a duration"),
        (
            {"since": ("1999-01-01", "1999-12-31")},
            r"takes dates from 2020-01-\d\d to 2022-06-\d\d;",
        ),
        ({"constant": 8}, r"only the values 7|whole numbers from 7 to 7"),
        (["age"], r"where must say what columns must be"),
    ],
)
def test_what_cannot_be_met_is_refused_with_a_reason(sampler, where, message):
    with pytest.raises(DataError, match=message):
        sampler.sample(5, y=1, where=where)


def test_arrays_are_conditioned_by_position():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(300, 3)), np.repeat([0, 1], [250, 50])
    made = GANSampler(n_steps=10, random_state=0).fit(X, y).sample(50, y=1, where={2: (0, 1)})[0]
    assert ((made[:, 2] >= 0) & (made[:, 2] <= 1)).all()


def test_polars_frames():
    X = pl.DataFrame({"a": [k % 80 for k in range(100)], "b": ["u", "v"] * 50})
    y = np.repeat([0, 1], [80, 20])
    made, _ = GANSampler(n_steps=10, random_state=0).fit(X, y).sample(30, y=1, where={"b": "v"})
    assert (made["b"] == "v").all()


def test_durations_and_times_of_day():
    X = pl.DataFrame(
        {
            "wait": [dt.timedelta(hours=k) for k in range(100)],
            "at": [dt.time(k % 24, k % 60) for k in range(100)],
        }
    )
    y = np.repeat([0, 1], [80, 20])
    sampler = GANSampler(n_steps=10, random_state=0).fit(X, y)
    where = {"wait": (dt.timedelta(hours=85), None), "at": (dt.time(12), dt.time(18, 30))}
    made, _ = sampler.sample(30, y=1, where=where)
    assert made["wait"].min() >= dt.timedelta(hours=85)
    assert made["at"].is_between(dt.time(12), dt.time(18, 30)).all()
    with pytest.raises(DataError, match=r"takes durations from 0:00:00 to 4 days, 3:00:00;"):
        sampler.sample(5, where={"wait": (dt.timedelta(days=9), None)})


SINGLE = {
    "continuous": lambda random: random.normal(5, 1, 100),
    "two decimals": lambda random: np.arange(10, 110) / 100,
    "tenths": lambda random: random.permutation(np.repeat([0.1, 0.3, 0.7, 0.9], 25)),
}


@pytest.mark.parametrize("kind", SINGLE)
def test_floats_of_single_precision(kind):
    X = SINGLE[kind](np.random.default_rng(0)).astype(np.float32)[:, None]
    y = np.arange(100) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, y)
    for value, label in zip(X[:10, 0], y, strict=False):
        for asked in (value, float(str(value))):
            for where in (asked, (asked, None), (None, asked), (asked, asked)):
                low, high = where if isinstance(where, tuple) else (where, where)
                made = sampler.sample(5, y=label, where={0: where})[0]
                assert low is None or (made >= np.float32(low)).all()
                assert high is None or (made <= np.float32(high)).all()


@pytest.fixture(scope="module", params=[0.0, 0.5, 1.0])
def normal_rows(request):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(200, 2)), np.repeat([0, 1], [150, 50])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one step is no training
        return X, GANSampler(n_steps=1, anchored_share=request.param, random_state=0).fit(X, y)


@settings(max_examples=15, deadline=None)
@given(low=st.floats(-3, 3), width=st.floats(0, 1))
def test_any_range_holds_exactly(normal_rows, low, width):
    X, sampler = normal_rows
    try:
        made, _ = sampler.sample(40, y=0, where={0: (low, low + width)})
    except DataError:
        values = X[:, 0]
        assert (low > values[:150].max()) or (low + width < values[:150].min())
    else:
        assert ((made[:, 0] >= low) & (made[:, 0] <= low + width)).all()


@pytest.fixture(scope="module")
def gaps():
    """A class whose numbers are far from the mean of the column, or missing, as are its towns."""
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 100])
    number = np.where(y == 0, random.normal(0, 1, 400), random.normal(100, 1, 400))
    number[300:350] = np.nan
    never = np.where(y == 0, random.normal(size=400), np.nan)
    town = np.where(y == 0, random.choice(TOWNS, 400), random.choice(TOWNS[:9], 400)).astype(object)
    town[300:340] = None
    X = pd.DataFrame({"number": number, "never": never, "town": town})
    return X, GANSampler(n_steps=30, random_state=0).fit(X, y)


@pytest.mark.parametrize("column", ["number", "never"])
def test_missing_numbers_are_no_numbers_within_reach(gaps, column):
    X, sampler = gaps
    mean = X[column].mean()
    with pytest.raises(DataError, match=rf"class 1 can't be sampled with .* <= {column} <= "):
        sampler.sample(5, y=1, where={column: (mean - 0.5, mean + 0.5)})


def test_missing_values_beside_levels(gaps):
    town = gaps[1].sample(300, y=1, where={"town": [None, "town3"]})[0]["town"]
    assert set(town.dropna()) == {"town3"}
    assert 0.5 < town.isna().mean() < 1  # 40 rows miss it, some six are of that town
    town = gaps[1].sample(300, y=1, where={"town": [None, "town50"]})[0]["town"]
    assert town.isna().all()  # no row of the class is of that town


def test_infinite_ends(sampler):
    made, _ = sampler.sample(50, y=1, where={"age": (-np.inf, np.inf), "price": (-np.inf, 5)})
    assert (made["price"] <= 5).all()
    for nothing in (np.inf, (np.inf, None), (None, -np.inf)):
        with pytest.raises(DataError, match="takes whole numbers from 18 to 79"):
            sampler.sample(5, where={"age": nothing})
    with pytest.raises(DataError, match="expected a number"):
        sampler.sample(5, where={"age": 1j})


def test_classes_of_which_no_row_is_wanted_need_not_meet_conditions():
    y = np.repeat([0, 1, 2], [60, 60, 40])  # by default nothing is added to class 1
    X = np.random.default_rng(0).normal(y * 10 % 20, 1)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, y)
    ((rows, labels),) = sampler.sample_batches(20, where={0: (-1, 1)})
    assert (abs(rows) <= 1).all()
    assert (labels == 2).all()


def test_thousands_of_levels_are_each_looked_at_a_few_times(monkeypatch):
    X = pd.DataFrame({"name": [f"name{k}" for k in range(20_000)]})
    y = np.repeat([0, 1], [15_000, 5000])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sampler = GANSampler(n_steps=2, random_state=0).fit(X, y)
    n_looks = Counter()

    def level_key(level):
        n_looks["levels"] += 1
        return level

    def nearest_levels(slot, points):
        n_looks["points"] += len(points)
        return nearest(slot, points)

    nearest = VectorSlot.nearest_levels
    monkeypatch.setattr(conditions, "level_key", level_key)
    monkeypatch.setattr(VectorSlot, "nearest_levels", nearest_levels)
    made, _ = sampler.sample(100, y=1, where={"name": X["name"][12_000:]})
    assert made["name"].isin(X["name"][15_000:]).all()
    assert n_looks["levels"] <= 2 * len(X)
    assert 0 < n_looks["points"] <= 2 * len(X)


def test_a_time_zone_where_a_column_has_none_is_refused(sampler):
    with pytest.raises(DataError, match="'since', whose dates have no time zone"):
        sampler.sample(5, where={"since": (pd.Timestamp("2021-01-01", tz="UTC"), None)})


@pytest.fixture(scope="module")
def staff():
    """Return a sampler of a table in which each role is of one department."""
    random = np.random.default_rng(0)
    role = random.choice(["nurse", "doctor", "seller", "buyer"], 600)
    table = pd.DataFrame(
        {
            "role": role,
            "department": np.where(np.isin(role, ["nurse", "doctor"]), "care", "sales"),
            "years": np.where(role == "buyer", np.nan, random.normal(10, 2, 600)),
            "town": random.choice(TOWNS[:4], 600),
            "pay": random.normal(size=600),
        }
    )
    return GANSampler(n_steps=20, random_state=0).fit(table, np.repeat([0, 1], [480, 120]))


@pytest.mark.parametrize(
    ("where", "refused"),
    [
        (
            {"department": "care", "role": "seller"},
            r"role == 'seller'.*department == 'care'|"
            r"department == 'care' and role == 'seller'",
        ),
        ({"town": "town1", "department": "sales", "role": ["nurse", "doctor"]}, "role in"),
        ({"role": "buyer", "years": (5, 15)}, "role == 'buyer'"),
    ],
)
def test_conditions_that_exclude_one_another_are_refused_with_figures(staff, where, refused):
    counts = r"rows that meet .*: \d+, .*: \d+; all at once: 0"
    with pytest.raises(DataError, match=rf"can't be sampled with .*({refused}).*{counts}"):
        staff.sample(5, y=1, where=where)


@pytest.mark.parametrize(
    "where",
    [
        {"department": "care", "role": ["nurse", "seller"]},
        {"role": ["buyer", "seller"], "years": (9, 10)},
        {"town": ["town1", "town2"], "role": "doctor", "pay": (0, 0.001), "years": (10, 10.01)},
    ],
)
def test_conditions_that_some_row_could_meet_at_once_are_met(staff, where):
    X, _ = staff.sample(20, y=1, where=where)
    wanted = where["role"] if isinstance(where["role"], list) else [where["role"]]
    assert X["role"].isin(wanted).all()


@pytest.mark.parametrize(
    "where",
    [
        {"town": "town17"},
        {"income": (4000.0, 4000.5)},
        {"country": "DE", "age": (30, 31), "town": "town17", "price": (0.1, 0.15), "grade": 1.5},
    ],
)
def test_conditions_cost_no_further_candidates(sampler, monkeypatch, where):
    """However seldom rows meet them: nothing is drawn until it fits."""
    n_made = Counter()
    forward = Generator.forward

    def counted(self, anchor, *others):
        rows = forward(self, anchor, *others)
        n_made[is_conditioned] += rows.shape[:-1].numel()
        return rows

    sampler.sample(1, y=1)  # rates of towns are measured once
    monkeypatch.setattr(Generator, "forward", counted)
    for is_conditioned in (False, True):
        sampler.sample(300, y=1, where=where if is_conditioned else None)
    assert n_made[True] == n_made[False] > 0


def test_a_class_goes_on_a_little_beyond_the_rows_that_it_was_seen_by():
    random = np.random.default_rng(0)
    X = pd.DataFrame({"used": random.uniform(0, 100, 400).round(1), "z": random.normal(size=400)})
    y = np.repeat([0, 1], [391, 9])
    X.loc[y == 1, "used"] = np.linspace(20, 60, 9)
    sampler = GANSampler(n_steps=20, random_state=0).fit(X, y)
    assert sampler.sample(50, y=1, where={"used": (None, 16)})[0]["used"].max() <= 16
    assert sampler.sample(50, y=1, where={"used": (64, 90)})[0]["used"].between(64, 90).all()
    for far in ((None, 14), (66, None)):
        with pytest.raises(DataError, match="none of its 9 training rows is like that"):
            sampler.sample(5, y=1, where={"used": far})
