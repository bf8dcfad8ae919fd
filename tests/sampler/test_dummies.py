"""Tables with dummies, from `fit` to what is generated, asked for, scored and kept."""

import numpy as np
import pandas as pd
import pytest
from torch import nn

import ganaug
from ganaug.exceptions import DataError
from tests.quick import quick_sampler
from tests.tables import MIXED_CONTAINERS, NUMBER_CONTAINERS, columns_of, dtypes_of

N = 300
RANDOM = np.random.default_rng(0)
y = np.repeat([0, 1], [220, 80])
COLOURS = np.where(y == 1, RANDOM.choice(list("rgb"), N), RANDOM.choice(list("bw"), N))
TOWNS = RANDOM.integers(0, 50, N)
FRAME = pd.DataFrame({"x": RANDOM.normal(size=N) + y, "colour": COLOURS, "town": TOWNS})
COLOUR = [f"colour_{colour}" for colour in "bgrw"]


def with_dummies(dtype=int) -> pd.DataFrame:
    return pd.get_dummies(FRAME, columns=["colour", "town"], dtype=dtype)


def n_ones(X, name) -> np.ndarray:
    return X.filter(like=f"{name}_").to_numpy(dtype=float).sum(axis=1)


@pytest.fixture(scope="module")
def sampler():
    return quick_sampler(n_steps=60).fit(with_dummies(), y)


@pytest.mark.parametrize("dtype", [int, bool, float, "uint8"])
def test_all_new_rows_have_exactly_one_of_each(dtype):
    X = with_dummies(dtype)
    sampler = quick_sampler().fit(X, y)
    for rows in (sampler.sample(300)[0], sampler.fit_resample(X, y)[0][N:]):
        assert list(rows.dtypes) == list(X.dtypes)
        assert (n_ones(rows, "colour") == 1).all()
        assert (n_ones(rows, "town") == 1).all()


@pytest.mark.parametrize("container", [*MIXED_CONTAINERS, *NUMBER_CONTAINERS])
def test_containers_keep_their_types(container):
    convert = (MIXED_CONTAINERS | NUMBER_CONTAINERS)[container]
    columns = {name: cells.tolist() for name, cells in with_dummies(int).items()}
    if container in MIXED_CONTAINERS:
        columns |= {name: list(map(bool, columns[name])) for name in COLOUR}
    X = convert(columns)
    rows = quick_sampler().fit(X, y).sample(50)[0]
    assert dtypes_of(rows) == dtypes_of(X)
    found = dict(zip(columns, columns_of(rows), strict=True))
    kinds = {type(value) for name in columns for value in columns_of(X)[list(columns).index(name)]}
    assert {type(value) for cells in found.values() for value in cells} <= kinds
    for name in ("colour", "town"):
        ones = np.array([cells for key, cells in found.items() if key.startswith(name)], float)
        assert (ones.sum(axis=0) == 1).all()


def test_levels_come_as_often_as_in_the_class(sampler):
    rows = sampler.sample(2000, y=1)[0]
    shares, expected = rows[COLOUR].mean(), with_dummies()[COLOUR][y == 1].mean()
    assert np.abs(shares - expected).max() < 0.05
    assert rows["colour_w"].sum() == 0  # none of the class is white


@pytest.mark.parametrize(
    ("where", "colours"),
    [
        ({"colour_r": 1}, "r"),
        ({"colour_r": 0}, "gb"),
        ({"colour_r": 0, "colour_b": 0}, "g"),
        ({"colour_r": (0.5, None)}, "r"),
        ({"colour_r": (0, 1), "colour_g": 0}, "rb"),
        ({"colour_b": 1, "colour_r": 0, "x": (0, 1)}, "b"),
    ],
)
def test_conditions_on_dummies_are_met(sampler, where, colours):
    rows = sampler.sample(200, y=1, where=where)[0]
    assert (n_ones(rows, "colour") == 1).all()
    assert set(rows[COLOUR].idxmax(axis=1)) == {f"colour_{colour}" for colour in colours}
    assert "x" not in where or rows["x"].between(0, 1).all()


def test_conditions_on_booleans_and_on_dummies_of_many_levels(sampler):
    of_booleans = quick_sampler().fit(with_dummies(bool), y)
    assert of_booleans.sample(50, y=1, where={"colour_g": True})[0]["colour_g"].all()
    assert not of_booleans.sample(50, y=1, where={"colour_g": [False]})[0]["colour_g"].any()
    there = f"town_{TOWNS[y == 1][0]}"
    assert sampler.sample(50, y=1, where={there: 1})[0][there].all()
    assert not sampler.sample(500, y=1, where={there: 0})[0][there].any()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            {"colour_r": 1, "colour_b": 1},
            r"where asks for colour_b == 1 and colour_r == 1, but of these columns and 2 others "
            r"exactly one was 1 in each row of fit\. Ask for what one row can be\.",
        ),
        (dict.fromkeys(COLOUR, 0), r"colour_w == 0, but of these columns exactly one was 1 in"),
        ({"colour_r": 2}, "column 'colour_r' takes whole numbers from 0 to 1"),
        ({"colour_w": 1}, "can't be sampled with colour_w == 1: none of its 80 training rows"),
        ({"colour_r": None}, "column 'colour_r' had no missing values in fit"),
        ({"colour_r": "red"}, "where asks for 'red' in column 'colour_r'; expected a number"),
    ],
)
def test_what_dummies_can_not_be_is_refused(sampler, where, message):
    with pytest.raises(DataError, match=message):
        sampler.sample(5, y=1, where=where)


def test_rows_of_two_levels_or_of_none_are_unusual(sampler):
    X = with_dummies()[y == 1]
    usual = sampler.anomaly_score(X, y=1)
    for colours in ([1, 1, 1, 0], [0, 0, 0, 0]):
        odd = X.assign(**dict(zip(COLOUR, colours, strict=True)))
        assert np.median(sampler.anomaly_score(odd, y=1)) > np.median(usual)


def test_networks_of_ones_own_see_dummies_as_they_are():
    def generator():
        return nn.Linear(16, 55)

    def discriminator():
        return nn.Linear(55, 1)

    sampler = quick_sampler(generator=generator, discriminator=discriminator, latent_dim=16)
    rows = sampler.fit(with_dummies(), y).sample(20)[0]
    assert sampler.encoder_.layout_.width == rows.shape[1] == 55


def test_a_sampler_that_was_saved_makes_the_same_rows(sampler, tmp_path):
    sampler.save(tmp_path / "model.ganaug")
    again = ganaug.load(tmp_path / "model.ganaug")
    where = {"colour_w": 0, "colour_b": 0}
    for request in ({}, {"y": 1, "where": where}):
        pd.testing.assert_frame_equal(
            again.sample(50, **request)[0], sampler.sample(50, **request)[0]
        )
    np.testing.assert_array_equal(
        again.score_samples(with_dummies()), sampler.score_samples(with_dummies())
    )
