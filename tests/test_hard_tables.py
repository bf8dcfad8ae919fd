"""Tables that break samplers: wide, tiny, many classes, one column, heavy tails, full grids."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier

from ganaug import GANSampler
from ganaug.exceptions import RepeatedRowsWarning


def small(**keywords):
    """Return a sampler that takes a blink."""
    return GANSampler(**{"n_steps": 30, "hidden_layer_sizes": (32,), "random_state": 0, **keywords})


def balanced(sampler, X, y):
    """Resample, check what holds for any table of numbers, and return the new rows."""
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    counts = np.unique(y_resampled, return_counts=True)[1]
    assert (counts == counts[0]).all()
    new = X_resampled[sampler.synthetic_mask_]
    assert np.isfinite(new).all()
    assert (new >= X.min(axis=0)).all()
    assert (new <= X.max(axis=0)).all()
    return new, y_resampled[sampler.synthetic_mask_]


@pytest.mark.parametrize("n_columns", [166, 1500])
def test_more_columns_than_rows(n_columns):
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [100, 25])
    X = random.normal(size=(125, n_columns)) + 0.5 * y[:, None]
    new, _ = balanced(small(), X, y)
    assert len(np.unique(new, axis=0)) == len(new) == 75
    # nearer to their own class's mean than to the other's
    own, other = X[y == 1].mean(axis=0), X[y == 0].mean(axis=0)
    nearer = np.linalg.norm(new - own, axis=1) < np.linalg.norm(new - other, axis=1)
    assert nearer.mean() > 0.95


def test_defaults_on_many_columns_that_go_together():
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [80, 20])
    hidden = random.normal(size=(100, 5)) + [[3, 0, 0, 0, 0]] * y[:, None]
    to_columns = random.normal(size=(5, 1500))
    X = hidden @ to_columns + 0.1 * random.normal(size=(100, 1500))
    new, _ = balanced(GANSampler(random_state=0), X, y)
    found = new @ np.linalg.pinv(to_columns)  # rows keep to the five directions that there are
    assert np.linalg.norm(new - found @ to_columns, axis=1).mean() < 0.2 * np.sqrt(1500)
    assert (found[:, 0] > 1.5).mean() > 0.8


@pytest.mark.parametrize("n_minority", range(2, 11))
def test_a_handful_of_minority_rows(n_minority):
    random = np.random.default_rng(n_minority)
    y = np.repeat([0, 1], [150, n_minority])
    X = random.normal(size=(len(y), 4)) + 3 * y[:, None]
    new, labels = balanced(small(), X, y)
    assert set(labels) == {1}
    assert len(np.unique(new.round(9), axis=0)) > 0.9 * len(new)
    centre = X[y == 1].mean(axis=0)
    farthest = np.linalg.norm(X[y == 1] - centre, axis=1).max()
    assert np.median(np.linalg.norm(new - centre, axis=1)) < 2 * farthest


def test_nine_classes_of_different_sizes():
    random = np.random.default_rng(0)
    counts = [200, 100, 60, 40, 30, 20, 12, 6, 3]
    y = np.repeat(np.arange(9), counts)
    angle = 2 * np.pi * y / 9
    X = np.column_stack([np.cos(angle), np.sin(angle)]) * 6 + random.normal(size=(len(y), 2))
    new, labels = balanced(small(n_steps=150), X, y)
    assert np.bincount(labels).tolist() == [200 - n for n in counts]
    centres = np.array([X[y == code].mean(axis=0) for code in range(9)])
    nearest = np.linalg.norm(new[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.8


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(0).normal(size=80),
        np.random.default_rng(0).integers(0, 5, 80),
        np.full(80, 7.5),
        np.random.default_rng(0).choice(["a", "b", "c"], 80),
        np.where(np.arange(80) % 3, "known", None),
    ],
    ids=["numbers", "counts", "constant", "levels", "gaps"],
)
def test_one_column(column):
    X = pd.DataFrame({"only": column})
    y = np.repeat([0, 1], [60, 20])
    sampler = small()
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert np.bincount(y_resampled).tolist() == [60, 60]
    assert X_resampled.dtypes.equals(X.dtypes)
    if X["only"].nunique() < 10:
        assert set(X_resampled["only"].dropna()) <= set(X["only"].dropna())


def test_a_thin_band_beside_a_denser_class_is_worth_as_much_as_repetition():
    """Most rows of the band have more neighbours of the other class, as there are so many more."""
    gains = []
    for seed in range(4):
        X, y = two_bands(seed, 900, 60)
        X_test, y_test = two_bands(100 + seed, 800, 800)
        ours, theirs = (
            balanced_accuracy_score(
                y_test, KNeighborsClassifier().fit(*sampler.fit_resample(X, y)).predict(X_test)
            )
            for sampler in (GANSampler(random_state=seed), RandomOverSampler(random_state=seed))
        )
        gains.append(ours - theirs)
    assert np.mean(gains) > 0


def two_bands(seed, n_lower, n_upper):
    """Return points on two lines, one a little above the other."""
    random = np.random.default_rng(seed)
    y = np.repeat([0, 1], [n_lower, n_upper])
    at = random.uniform(-5, 5, len(y))
    return np.c_[at, at + 0.3 * y + 0.08 * random.normal(size=len(y))], y


def test_what_a_class_alone_shares_is_kept():
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [950, 50])
    X = pd.DataFrame(
        {
            "code": np.where(y == 1, 123_456_789, random.integers(2**31, size=1000)),
            "balance": np.where(y == 1, 3.25, random.lognormal(2, 1, 1000)),
            "calls": np.where(np.arange(1000) >= 966, 0.0, random.lognormal(2, 1, 1000)),
            "other": random.normal(size=1000) + y,
        }
    )
    sampler = GANSampler(n_steps=50, random_state=0).fit(X, y)
    for for_training in (False, True):
        made, _ = sampler.sample(400, y=1, for_training=for_training)
        assert set(made["code"]) == {123_456_789}
        assert set(made["balance"]) == {3.25}
        assert 0.5 < (made["calls"] == 0.0).mean() < 0.85  # of real rows 34 of 50


@pytest.mark.parametrize("distance", [20, 1000])
@pytest.mark.parametrize("n_minority", [20, 100])
def test_no_row_lies_in_the_gap_before_a_class_that_is_far_away(n_minority, distance):
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [10_000, n_minority])
    X = random.normal(size=(len(y), 3)) + np.outer(y, [distance, 0, 1])
    sampler = GANSampler(n_steps=100, random_state=0).fit(X, y)
    for for_training in (False, True):
        far, _ = sampler.sample(1000, y=1, for_training=for_training)
        lowest = X[y == 1, 0].min()
        assert (far[:, 0] < lowest - 2).mean() < 0.01
        assert 0.05 < (far[:, 0] < distance - 1).mean() < 0.35  # 0.16 of a normal distribution


@pytest.mark.parametrize("for_training", [False, True])
def test_numbers_pile_up_at_the_ends_of_a_column_only_where_real_ones_do(for_training):
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [2700, 300])
    X = pd.DataFrame({
        "wait": random.exponential(size=3000),
        "capped": np.minimum(random.normal(size=3000), 1.3),  # 10%
        "zero_or_more": np.where(random.random(3000) < 0.7, 0.0, random.uniform(100, 200, 3000)),
        "z": random.normal(size=3000) + 2 * y,
    })  # fmt: skip
    sampler = GANSampler(n_steps=100, random_state=0).fit(X, y)
    new, _ = sampler.sample(2000, y=1, for_training=for_training)
    assert (new["wait"] == X["wait"].min()).mean() < 0.01
    assert (new["capped"] == 1.3).mean() == pytest.approx(0.1, abs=0.05)
    zeros = (X["zero_or_more"][y == 1] == 0).mean()
    assert (new["zero_or_more"] == 0).mean() == pytest.approx(zeros, abs=0.05)
    assert not new["zero_or_more"].between(0, 99.9, inclusive="neither").any()


def test_a_number_that_half_of_a_far_class_misses_lies_among_those_that_are_there():
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [400, 10])
    X = pd.DataFrame({"known": random.normal(size=410), "gaps": random.normal(size=410) + 20 * y})
    X.loc[::2, "gaps"] = np.nan
    there = X["gaps"][y == 1].dropna()
    new, _ = GANSampler(n_steps=100, random_state=0).fit(X, y).sample(500, y=1)
    assert new["gaps"].isna().mean() == pytest.approx(0.5, abs=0.05)
    assert (new["gaps"].dropna() > there.min() - 2).all()


def test_what_stands_out_in_a_class_alone_keeps_its_share():
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [2000, 100])
    fee = random.lognormal(3, 1, size=2100)
    fee[y == 1] = np.where(np.arange(100) < 25, 1.0, fee[y == 1])  # cards are tried out with 1.00
    X = np.c_[fee, random.normal(size=2100) + y]
    new, _ = GANSampler(n_steps=100, random_state=0).fit(X, y).sample(1000, y=1)
    assert (new[:, 0] == 1.0).mean() == pytest.approx(0.25, abs=0.06)


@pytest.mark.parametrize("for_training", [False, True])
def test_missing_values_keep_their_rate_in_many_rows(for_training):
    random = np.random.default_rng(0)
    y = (np.arange(6000) < 400).astype(int)
    gaps = random.random(6000) < np.where(y == 1, 0.4, 0.02)
    X = random.normal(size=(6000, 3)) + y[:, None]
    X[gaps, 0] = np.nan
    sampler = GANSampler(n_steps=100, random_state=0).fit(X, y)
    made, _ = sampler.sample(16_000, y=1, for_training=for_training)
    is_missing = np.isnan(made[:, 0])
    for part in (is_missing[:7936], is_missing[7936:]):
        assert abs(part.mean() - gaps[:400].mean()) < 0.03


def test_strong_correlations_are_kept():
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 80])
    size = random.normal(size=len(y)) + y
    X = np.column_stack([size, 2 * size + 0.1 * random.normal(size=len(y)), -size])
    new, _ = balanced(GANSampler(n_steps=200, random_state=0), X, y)
    real = np.corrcoef(X[y == 1].T)
    np.testing.assert_allclose(np.corrcoef(new.T), real, atol=0.02)


def test_rows_stay_near_the_plane_on_which_the_class_lies():
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 80])
    factors = random.normal(size=(len(y), 3)) + y[:, None]
    X = factors @ random.normal(size=(3, 12)) + 0.05 * random.normal(size=(len(y), 12))
    new, _ = GANSampler(n_steps=200, random_state=0).fit(X, y).sample(400, y=1)
    real = X[y == 1]
    directions = np.linalg.eigh(np.cov(real.T)).eigenvectors
    spread, expected = ((rows - real.mean(axis=0)) @ directions for rows in (new, real))
    ratios = spread.std(axis=0) / expected.std(axis=0)
    assert ratios.min() > 0.5
    assert ratios.max() < 2.5


@pytest.mark.parametrize(
    "tail",
    [
        lambda random, n: np.exp(3 * random.normal(size=n)),
        lambda random, n: random.standard_cauchy(n),
        lambda random, n: 10.0 ** random.integers(-12, 12, n) * random.normal(size=n),
    ],
    ids=["log-normal", "Cauchy", "24 orders of magnitude"],
)
def test_heavy_tails(tail):
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [300, 80])
    X = np.column_stack([tail(random, len(y)), random.normal(size=len(y)) + y])
    new, _ = balanced(small(n_steps=150), X, y)
    # the middle of the column is where most real rows are: its ranks are kept, not only its range
    ranks = (new[:, :1] > np.quantile(X[y == 1, 0], [0.25, 0.5, 0.75])).mean(axis=0)
    np.testing.assert_allclose(ranks, [0.75, 0.5, 0.25], atol=0.2)


# --- tables of levels that determine the class ----------------------------------------------------

LEVELS = {
    "price": ["low", "middle", "high", "very high"],
    "upkeep": ["low", "middle", "high", "very high"],
    "doors": ["2", "3", "4", "5"],
    "seats": ["2", "4", "more"],
    "boot": ["small", "middle", "big"],
    "safety": ["low", "middle", "high"],
}


def grid():
    """Return every combination of the levels, and the class that a rule gives to it."""
    X = pd.DataFrame(list(itertools.product(*LEVELS.values())), columns=list(LEVELS))
    rank = {name: X[name].map(levels.index).astype(int) for name, levels in LEVELS.items()}
    cost = rank["price"] + rank["upkeep"]
    comfort = rank["doors"].clip(upper=2) + rank["boot"] + (rank["seats"] == 2)
    refused = (rank["seats"] == 0) | (rank["safety"] == 0) | (cost >= 5)
    best = (cost <= 1) & (comfort >= 3) & (rank["safety"] == 2)
    good = (cost <= 2) & (comfort >= 2)
    return X, np.select([refused, best, good], ["refused", "best", "good"], "fair")


def numbered(X):
    """Return the table with two of its columns as whole numbers."""
    codes = {name: X[name].map(LEVELS[name].index) for name in ("price", "safety")}
    return X.assign(**codes)


def keys(X):
    first, *others = (X[name].astype(str) for name in X)
    return first.str.cat(others, sep="|")


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_part_of_a_grid_yields_new_and_mostly_right_combinations(share):
    X_all, y_all = grid()
    known = np.random.default_rng(0).random(len(y_all)) < share
    X, y = X_all[known].reset_index(drop=True), y_all[known]
    sampler = GANSampler(n_steps=200, random_state=0)
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    new, labels = X_resampled[sampler.synthetic_mask_], y_resampled[sampler.synthetic_mask_]
    for name, levels in LEVELS.items():
        assert set(new[name]) <= set(levels)
    class_of = dict(zip(keys(X_all), y_all, strict=True))
    is_new = ~keys(new).isin(set(keys(X)))
    assert is_new.mean() > 0.02
    truth = keys(new).map(class_of).to_numpy()
    assert (truth[is_new] == labels[is_new]).mean() > 0.7


def kings_and_rook():
    """Return all legal positions of two kings and a rook, and whether the rook can be taken."""
    squares = np.array(list(itertools.product(range(8), repeat=6)))
    white, rook, black = squares[:, :2], squares[:, 2:4], squares[:, 4:]

    def distance(one, other):
        return np.abs(one - other).max(axis=1)

    legal = (distance(white, black) > 1) & (distance(white, rook) > 0) & (distance(black, rook) > 0)
    taken = (distance(black, rook) == 1) & (distance(white, rook) > 1)
    names = ["white file", "white rank", "rook file", "rook rank", "black file", "black rank"]
    X = pd.DataFrame(squares[legal], columns=names)
    for name in names[::2]:
        X[name] = X[name].map("abcdefgh".__getitem__)
    return X, taken[legal]


def test_new_positions_of_chess_are_legal_and_of_their_class():
    X_all, taken = kings_and_rook()
    random = np.random.default_rng(0)
    few = random.choice(np.flatnonzero(taken), 100, replace=False)
    known = np.r_[few, random.choice(np.flatnonzero(~taken), 2800, replace=False)]
    X, y = X_all.iloc[known].reset_index(drop=True), taken[known]
    sampler = GANSampler(n_steps=200, random_state=0)
    X_resampled, _ = sampler.fit_resample(X, y)
    made = keys(X_resampled[sampler.synthetic_mask_])
    new = made[~made.isin(set(keys(X)))]
    assert new.nunique() > 1000
    is_taken = new.map(dict(zip(keys(X_all), taken, strict=True)))
    assert is_taken.notna().mean() > 0.8
    assert is_taken.eq(True).mean() > 0.5  # of positions at random one in ten


@pytest.mark.parametrize("kind", [pd.DataFrame, numbered])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_no_row_of_another_class_is_generated(share, kind):
    X, y = grid()
    X = kind(X)
    known = np.random.default_rng(0).random(len(y)) < share
    X, y = X[known].reset_index(drop=True), y[known]
    sampler = GANSampler(n_steps=200, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RepeatedRowsWarning)  # of the full grid
        X_resampled, y_resampled = sampler.fit_resample(X, y)
    class_of = dict(zip(keys(X), y, strict=True))
    made_of = keys(X_resampled[sampler.synthetic_mask_]).map(class_of)
    wrong = made_of.notna() & (made_of != y_resampled[sampler.synthetic_mask_])
    assert wrong.sum() == 0


def test_whole_numbers_of_classes_that_overlap_are_no_contradictions():
    rng = np.random.default_rng(0)
    many, few = rng.normal(10, 3, (3000, 2)), rng.normal(13, 3, (40, 2))
    X, y = np.r_[many, few].round().clip(0, 20).astype(int), np.repeat([0, 1], [3000, 40])
    sampler = GANSampler(n_steps=200, random_state=0)
    X_resampled, _ = sampler.fit_resample(X, y)
    made = set(map(tuple, X_resampled[sampler.synthetic_mask_]))
    own, others = (set(map(tuple, X[y == code])) for code in (1, 0))
    assert own & others
    assert len((made & others) - own) > 10


@pytest.mark.parametrize("kind", [pd.DataFrame, numbered])
def test_a_full_grid_is_said_to_leave_nothing_new(kind):
    X, y = grid()
    X = kind(X)
    sampler = GANSampler(n_steps=100, random_state=0)
    with pytest.warns(RepeatedRowsWarning, match="rows of best, fair, good repeat"):
        X_resampled, _ = sampler.fit_resample(X, y)
    assert set(keys(X_resampled)) == set(keys(X))


# --- columns that go together ---------------------------------------------------------------------

DEPARTMENTS = {"sales": ["seller", "manager"], "care": ["nurse", "doctor"], "office": ["clerk"]}
DEPARTMENT_OF = {role: name for name, roles in DEPARTMENTS.items() for role in roles}
GRADES = {"clerk": 1, "nurse": 1, "seller": 2, "manager": 3, "doctor": 3}


@pytest.fixture(scope="module")
def staff():
    """Return a table whose columns belong together, and a fitted sampler."""
    random = np.random.default_rng(0)
    n, y = 700, np.repeat([0, 1], [600, 100])
    role = random.choice(list(GRADES), size=n)
    has_left = random.random(n) < 0.3
    X = pd.DataFrame(
        {
            "department": pd.Categorical([DEPARTMENT_OF[name] for name in role]),
            "role": role,
            "grade": [GRADES[name] for name in role],
            "city": random.choice(["Ulm", "Bonn", "Kiel"], size=n),
            "wage": random.normal(3000, 400, size=n) + 300 * y,
            "years": np.where(has_left, random.gamma(3, 2, size=n), np.nan),
            "reason": np.where(has_left, random.choice(["moved", "paid badly"], size=n), None),
        }
    )
    return X, y, GANSampler(n_steps=100, random_state=0).fit(X, y)


def assert_goes_together(X):
    assert (X["role"].map(DEPARTMENT_OF) == X["department"].astype(str)).all()
    assert (X["role"].map(GRADES) == X["grade"]).all()
    assert (X["years"].isna() == X["reason"].isna()).all()


@pytest.mark.parametrize("for_training", [False, True])
def test_generated_rows_combine_nothing_that_never_meets(staff, for_training):
    X, y, sampler = staff
    assert_goes_together(X)
    made, _ = sampler.sample(1000, y=1, for_training=for_training)
    assert_goes_together(made)
    real = X[y == 1]
    assert len(made.drop_duplicates(["department", "role", "city"])) == 15  # all there can be
    for column in ("role", "city"):
        rates = pd.concat(
            [frame[column].value_counts(normalize=True) for frame in (real, made)], axis=1
        )
        np.testing.assert_allclose(*rates.to_numpy().T, atol=0.06)
    assert abs(made["years"].isna().mean() - real["years"].isna().mean()) < 0.06


def test_conditions_bring_along_what_goes_with_them(staff):
    made, _ = staff[2].sample(300, y=1, where={"department": "care", "reason": ["moved"]})
    assert set(made["role"]) == {"nurse", "doctor"}
    assert made["years"].notna().all()
    assert_goes_together(made)


def test_what_is_merely_seldom_still_meets(staff):
    X, y, _ = staff
    X = X.assign(role=np.where(np.arange(len(X)) % 50 == 0, "clerk", X["role"]))
    made, _ = GANSampler(n_steps=100, random_state=0).fit(X, y).sample(2000, y=1)
    assert (made["role"].map(DEPARTMENT_OF) != made["department"].astype(str)).any()
