import numpy as np
import pandas as pd
import pytest
import torch

import ganaug
from ganaug import GANSampler
from ganaug._encoding.layout import EncodedTable, HeadSlot, TableLayout, VectorSlot
from ganaug._gan.batches import DeviceTable
from ganaug._gan.many_levels import MAX_LEVELS, conflicts_of_levels, mixtures_of, rates_of_levels
from ganaug._gan.runtime import random_generator

CPU = torch.device("cpu")
N_LEVELS, N_STATES = 40, 4


def device_table(codes, counts, weights=None, n_levels=N_LEVELS, states=None):
    """Return a table of one column of many levels beside one of a few."""
    points = np.random.default_rng(0).normal(size=(n_levels, 8)).astype(np.float32)
    layout = TableLayout((), (VectorSlot(0, points),), (HeadSlot(1, N_STATES),))
    states = np.zeros(len(codes), dtype=int) if states is None else states
    rows = EncodedTable(
        np.zeros((len(codes), 0), dtype=np.float32), np.c_[codes, states].astype(np.int32)
    )
    return DeviceTable(layout, rows, np.array(counts), CPU, weights)


def distance(found, wanted):
    """Return the total variation between two series of shares."""
    return float(found.subtract(wanted, fill_value=0).abs().sum() / 2)


def shares(levels):
    return pd.Series(levels).value_counts(normalize=True)


def test_rates_are_those_of_the_class_and_what_it_has_once_speaks_for_what_it_lacks():
    table = device_table([0, 0, 2, 3, 3, 3, 0, 0, 0, 1], [6, 4])
    rates = rates_of_levels(table, 0, 1)
    assert rates[:2].tolist() == pytest.approx([0.75 * 0.75, 0.75 * 0.25])
    assert rates[2:4].tolist() == pytest.approx([0.25 / 4, 0.25 * 3 / 4])
    assert rates.sum() == pytest.approx(1)
    assert (rates[4:] == 0).all()


def test_rates_go_by_weights():
    table = device_table([0, 0, 1, 1], [2, 2], weights=np.array([1.0, 1.0, 3.0, 1.0]))
    assert rates_of_levels(table, 0, 1)[1] == pytest.approx(1)
    table = device_table([5, 0, 0, 1, 1], [1, 4], weights=np.array([1.0, 3.0, 3.0, 1.0, 1.0]))
    assert rates_of_levels(table, 0, 1)[:2].tolist() == pytest.approx([0.75, 0.25])


def test_rates_of_a_class_in_which_all_are_missing_are_those_of_the_table():
    table = device_table([0, 0, 1, -1, -1], [3, 2])
    assert rates_of_levels(table, 0, 1)[:2].tolist() == pytest.approx([2 / 3, 1 / 3])
    weightless = np.array([1.0, 1.0, 1.0, 0.0, 2.0])
    table = device_table([0, 0, 1, 1, -1], [3, 2], weights=weightless)
    assert rates_of_levels(table, 0, 1)[:2].tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0, 3.0])
def test_levels_are_drawn_at_their_rates_wherever_points_lie(spread):
    random = np.random.default_rng(1)
    rates = np.sort(random.dirichlet(np.full(N_LEVELS, 0.5)))
    codes = random.choice(N_LEVELS, 2000, p=rates)
    table = device_table(np.r_[codes, codes], [2000, 2000])
    rows = table.expand(torch.randint(4000, (4000,), generator=random_generator(0, device=CPU)))
    rows[:, :8] += spread * torch.randn(4000, 8, generator=random_generator(1, device=CPU))
    (mixture,) = mixtures_of(table, 0, rows)
    points = mixture.drawn(table.layout, rows, random_generator(2, device=CPU))
    is_level = (points[:, None] == mixture.points).all(dim=2)
    assert is_level.any(dim=1).all()
    drawn = is_level.float().argmax(dim=1).numpy()
    assert distance(shares(drawn), shares(codes)) < 0.06


def test_only_levels_that_are_wanted_are_drawn():
    codes = np.repeat(np.arange(N_LEVELS), 50)
    table = device_table(np.r_[codes, codes], [2000, 2000])
    (mixture,) = mixtures_of(table, 0, table.expand(torch.arange(2000)))
    rows = 3 * torch.randn(3000, 8 + N_STATES, generator=random_generator(1, device=CPU))
    drawn = mixture.drawn(table.layout, rows, random_generator(2, device=CPU), wanted=(3, 7))
    found = torch.cdist(drawn, mixture.points).argmin(dim=1)
    assert set(found.tolist()) == {3, 7}


@pytest.mark.parametrize(("share_elsewhere", "decides"), [(0.0, True), (0.2, False)])
def test_a_level_decides_a_category_if_nearly_all_rows_say_so(share_elsewhere, decides):
    random = np.random.default_rng(0)
    codes = random.integers(N_LEVELS, size=1000)
    elsewhere = random.random(1000) < share_elsewhere
    states = np.where(elsewhere, random.integers(N_STATES, size=1000), codes % N_STATES)
    found = conflicts_of_levels(device_table(codes, [500, 500], states=states), 0)
    assert len(found) == decides
    for part, never_meets in found:
        assert part == slice(0, N_STATES)
        assert (never_meets.sum(dim=0) == N_STATES - 1).all()


def test_a_category_that_hardly_varies_is_decided_by_nothing():
    codes = np.random.default_rng(0).integers(N_LEVELS, size=1000)
    assert conflicts_of_levels(device_table(codes, [500, 500]), 0) == []


def test_names_of_rows_have_no_rates():
    codes = np.arange(MAX_LEVELS + 1)
    table = device_table(codes, [len(codes) - 10, 10], n_levels=len(codes))
    assert mixtures_of(table, 1, table.expand(torch.arange(10))) == []


@pytest.fixture(scope="module")
def towns():
    """A table of towns, each in its state, some of them frequent, and a few missing."""
    random, n = np.random.default_rng(0), 1500
    y = np.repeat([0, 1], [1200, 300])
    state = random.choice(10, n, p=np.arange(1, 11) / 55)
    town = [
        f"town {s}-{k}" for s, k in zip(state, random.geometric(0.4, n).clip(max=6), strict=True)
    ]
    X = pd.DataFrame({"state": [f"state {s}" for s in state], "town": town})
    X["z"] = random.normal(size=n) + y
    X.loc[random.random(n) < 0.1, "town"] = None
    return X, y, GANSampler(n_steps=150, random_state=0).fit(X, y)


@pytest.mark.parametrize("for_training", [False, True])
def test_new_rows_have_levels_at_the_rates_of_their_class(towns, for_training):
    X, y, sampler = towns
    new = sampler.sample(3000, y=1, for_training=for_training)[0]
    real, held_out = X["town"][y == 1][::2], X["town"][y == 1][1::2]
    own = shares(X["town"][y == 1].dropna())
    chance = distance(shares(real.dropna()), shares(held_out.dropna()))
    assert distance(shares(new["town"].dropna()), own) < chance
    assert new["town"].isna().mean() == pytest.approx(X["town"][y == 1].isna().mean(), abs=0.04)


def test_a_town_stays_in_its_state(towns):
    _, _, sampler = towns
    new = sampler.sample({0: 1500, 1: 1500})[0].dropna()
    assert (new["state"].str.removeprefix("state ") == new["town"].str.extract(r"(\d+)")[0]).all()


def test_where_keeps_levels_and_their_rates(towns):
    X, y, sampler = towns
    wanted = ["town 9-1", "town 9-2"]
    new = sampler.sample(1000, y=1, where={"town": wanted})[0]["town"]
    own = X["town"][(y == 1) & X["town"].isin(wanted)]
    assert set(new) == set(wanted)
    assert shares(new)["town 9-1"] == pytest.approx(shares(own)["town 9-1"], abs=0.2)


def test_a_larger_sample_begins_with_a_smaller_one_also_of_many_levels(towns):
    *_, sampler = towns
    small, large = sampler.sample(200, y=1)[0], sampler.sample(6000, y=1)[0]
    pd.testing.assert_frame_equal(small, large.head(200))


def test_a_saved_sampler_draws_the_same_levels(towns, tmp_path):
    *_, sampler = towns
    sampler.save(tmp_path / "model.ganaug")
    again = ganaug.load(tmp_path / "model.ganaug").sample(100, y=1)[0]
    pd.testing.assert_frame_equal(again, sampler.sample(100, y=1)[0])


@pytest.fixture(scope="module")
def paired():
    """Return a sampler of towns that each have a zip code, and several of which share a region."""
    random = np.random.default_rng(0)
    n, towns = 800, random.integers(0, 80, 800)
    X = pd.DataFrame({"town": [f"town {t}" for t in towns], "z": random.normal(size=n)})
    X["zip"] = [f"zip {t}" for t in towns]
    X["region"] = [f"region {t % 40}" for t in towns]
    X.loc[random.random(n) < 0.2, "zip"] = None
    y = np.repeat([0, 1], [700, 100])
    return GANSampler(n_steps=30, random_state=0).fit(X, y)


def number_of(levels):
    return levels.str.extract(r"(\d+)")[0].astype(float)


@pytest.mark.parametrize("for_training", [False, True])
def test_columns_of_many_levels_that_decide_one_another_go_together(paired, for_training):
    new = paired.sample({0: 1000, 1: 1000}, for_training=for_training)[0]
    town, code = number_of(new["town"]), number_of(new["zip"])
    assert (code.isna() | (town == code)).all()
    assert code.isna().mean() == pytest.approx(0.2, abs=0.1)
    assert (town % 40 == number_of(new["region"])).all()
    assert town.nunique() > 60


def test_what_is_asked_for_of_many_levels_decides_the_other_columns(paired):
    for column, wanted in (
        ("zip", ["zip 3", "zip 50"]),
        ("region", "region 7"),
        ("town", "town 9"),
    ):
        new = paired.sample(200, y=0, where={column: wanted})[0]
        assert set(new[column]) == set(np.atleast_1d(wanted))
        town, code = number_of(new["town"]), number_of(new["zip"])
        assert (code.isna() | (town == code)).all()
        assert (town % 40 == number_of(new["region"])).all()


def test_of_two_columns_the_one_that_is_asked_for_is_drawn_first():
    random = np.random.default_rng(0)
    y = (random.random(600) < 0.15).astype(int)
    towns = random.integers(0, 50, 600)
    X = pd.DataFrame({"town": [f"town {t}" for t in towns], "zip": [f"zip {t}" for t in towns]})
    wanted = sorted(set(X["zip"][y == 1]))[:20]
    sampler = GANSampler(n_steps=60, random_state=0).fit(X.assign(z=random.normal(size=600)), y)
    new = sampler.sample(4000, y=1, where={"zip": wanted})[0]
    assert set(new["zip"]) <= set(wanted)
    assert (number_of(new["town"]) == number_of(new["zip"])).all()


def test_a_missing_level_decides_nothing():
    """Towns abroad have no zip code, and are not those of the level that stands in its place."""
    random = np.random.default_rng(0)
    towns = random.integers(0, 80, 800)
    X = pd.DataFrame({"zip": [f"zip {t}" if t < 60 else None for t in towns]})
    X["town"] = [f"town {t}" for t in towns]
    sampler = GANSampler(n_steps=30, random_state=0).fit(X, np.repeat([0, 1], [600, 200]))
    new = sampler.sample(1000)[0]
    is_abroad = number_of(new["town"]) >= 60
    assert is_abroad.mean() == pytest.approx(0.25, abs=0.1)
    assert (new["zip"].isna() == is_abroad).mean() > 0.99
    assert new["town"][is_abroad].nunique() > 10
