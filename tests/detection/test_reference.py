import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganaug._detection.reference import N_NEIGHBORS, ReferenceRows, Relation, smallest_places


@given(
    n_parts=st.integers(1, 50),
    part_size=st.sampled_from([1, 7, 8]),
    n_values=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_the_smallest_come_first_and_equals_in_their_order(n_parts, part_size, n_values, seed):
    random = np.random.default_rng(seed)
    values = random.integers(n_values, size=(3, n_parts * part_size)).astype(np.float32)
    k = min(10, values.shape[1])
    expected = np.argsort(values, axis=1, kind="stable")[:, :k]
    assert np.array_equal(smallest_places(torch.from_numpy(values), k), expected)


@given(n=st.integers(2, 400), n_dimensions=st.integers(1, 20), seed=st.integers(0, 99))
def test_the_nearest_rows_are_those_of_all_distances(n, n_dimensions, seed):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, n_dimensions)).astype(np.float32)
    points = random.normal(size=(5, n_dimensions)).astype(np.float32)
    unseen = np.zeros_like(points)
    reference = ReferenceRows.build(rows, random)
    relations = reference.relations(np.hstack([points, unseen]), np.full(5, -1))
    distances = np.sort(np.linalg.norm(points[:, None] - rows, axis=2), axis=1)
    k = min(N_NEIGHBORS, n - 1)
    found = relations[:, [Relation.NEAREST, Relation.FARTHEST]].exp()
    np.testing.assert_allclose(found, distances[:, [0, k - 1]], rtol=1e-3, atol=2e-3)
