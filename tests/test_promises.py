"""What `GANSampler` promises about every row it returns, on tables drawn at random."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganaug import GANSampler
from tests.tables import (
    KINDS,
    MIXED_CONTAINERS,
    NUMBER_CONTAINERS,
    columns_of,
    draw_column,
    dtypes_of,
    n_rows_of,
)

NUMBER_KINDS = [
    name for name, kind in KINDS.items() if kind.is_number and name not in {"date", "identifier"}
]


@st.composite
def tables(draw, kinds, containers):
    """Draw (container name, kinds of the columns, X, y)."""
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=5))
    counts = draw(st.lists(st.integers(2, 30), min_size=2, max_size=4))
    rates = draw(
        st.lists(
            st.sampled_from([0.0, 0.0, 0.2, 0.9, 1.0]),
            min_size=len(chosen),
            max_size=len(chosen),
        )
    )
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    n = sum(counts)
    columns = {
        f"{kind} {j}": draw_column(kind, random, n, rate)
        for j, (kind, rate) in enumerate(zip(chosen, rates, strict=True))
    }
    labels = draw(st.sampled_from([[0, 1, 2, 3], ["a", "b", "c", "d"], [3.0, 2.0, 1.0, 0.0]]))
    y = random.permutation(np.repeat(labels[: len(counts)], counts))
    name = draw(st.sampled_from(list(containers)))
    return name, chosen, containers[name](columns), y


def check_promises(chosen, X, y):
    sampler = GANSampler(n_steps=4, batch_size=16, hidden_layer_sizes=(8,), random_state=0)
    X_resampled, y_resampled = sampler.fit_resample(X, y)

    assert type(X_resampled) is type(X)
    assert dtypes_of(X_resampled) == dtypes_of(X)
    counts = Counter(y_resampled.tolist())
    assert set(counts.values()) == {max(Counter(y.tolist()).values())}
    assert y_resampled.dtype == y.dtype

    n = n_rows_of(X)
    assert n_rows_of(X_resampled) == len(y_resampled) == len(sampler.synthetic_mask_)
    np.testing.assert_array_equal(y_resampled[:n], y)
    np.testing.assert_array_equal(sampler.synthetic_mask_, np.arange(len(y_resampled)) >= n)
    for kind, before, after in zip(chosen, columns_of(X), columns_of(X_resampled), strict=True):
        assert after[:n] == before
        check_values(KINDS[kind], before, after[n:])


def check_values(kind, real, synthetic):
    present = [value for value in real if value is not None]
    if len(present) == len(real):
        assert None not in synthetic
    made = [value for value in synthetic if value is not None]
    if not present:
        assert not made
    elif kind.is_number:
        assert all(min(present) <= value <= max(present) for value in made)
        if all(kind.on_grid(value) for value in present):
            assert all(kind.on_grid(value) for value in made)
    else:
        assert set(made) <= set(present)


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@pytest.mark.filterwarnings("ignore:.*as identifiers do:ganaug.exceptions.DataWarning")
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(list(KINDS), MIXED_CONTAINERS))
def test_mixed_tables(table):
    _, chosen, X, y = table
    check_promises(chosen, X, y)


@pytest.mark.filterwarnings("ignore::ganaug.exceptions.RepeatedRowsWarning")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(tables(NUMBER_KINDS, NUMBER_CONTAINERS))
def test_tables_of_numbers(table):
    _, chosen, X, y = table
    check_promises(chosen, X, y)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4, 0.9])
@pytest.mark.parametrize("kind", ["normal", "count", "colour", "date", "town"])
def test_missing_values_come_at_the_rate_of_the_class(kind, rate):
    random = np.random.default_rng(0)
    majority = draw_column(kind, random, 400, 0.25)
    minority = draw_column(kind, random, 100, rate)
    X = MIXED_CONTAINERS["pandas"](
        {"x": majority + minority, "z": random.normal(size=500).tolist()}
    )
    y = np.repeat(["many", "few"], [400, 100])
    sampler = GANSampler(n_steps=100, random_state=0).fit(X, y)
    synthetic, _ = sampler.sample(2000, y="few")
    expected = X["x"][400:].isna().mean()
    # four standard errors of the sampler's calibration and of this sample
    assert abs(synthetic["x"].isna().mean() - expected) < 4 * np.sqrt(0.25 / 1000) * 1.3
    if expected == 0:
        assert synthetic["x"].isna().mean() < 0.01
