import torch
from hypothesis import given
from hypothesis import strategies as st

from ganaug._gan.conditions import fold


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=20),
    st.floats(-10, 10),
    st.floats(0, 5),
)
def test_folded_values_lie_within(values, low, width):
    folded = fold(torch.tensor(values), low, low + width)
    assert folded.min() >= low - 1e-5
    assert folded.max() <= low + width + 1e-5


def test_values_within_stay_and_others_do_not_pile_up():
    values = torch.linspace(-3.0, 4.0, 7001)
    folded = fold(values, 0.0, 1.0)
    inside = (values >= 0) & (values <= 1)
    torch.testing.assert_close(folded[inside], values[inside])
    counts = torch.histc(folded, bins=10, min=0, max=1)
    assert counts.max() <= 1.05 * counts.min()
