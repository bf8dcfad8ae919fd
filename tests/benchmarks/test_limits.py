import cProfile
import pstats
import re

import pytest
import torch

from benchmarks import limits
from benchmarks.limits import GROUPS, Cost, group_of, measured, shares_of


def test_operations_of_a_matrix_product_are_counted():
    matrix = torch.ones(64, 64)
    cost = measured(lambda: [matrix @ matrix for _ in range(10)], n_units=10, repeats=1)
    assert cost.operations == 2 * 64**3
    assert cost.seconds > 0
    assert cost.limit(rate=1e9) == pytest.approx(2 * 64**3 / 1e9)


def test_shares_are_those_of_all_time():
    profile = cProfile.Profile()
    profile.runcall(lambda: torch.rand(1000).topk(3))
    shares = shares_of(pstats.Stats(profile))
    assert sum(shares.values()) == pytest.approx(1)
    assert {"random numbers", "nearest rows"} <= set(shares)


@pytest.mark.parametrize(
    ("function", "group"),
    [
        ("~ <method 'run_backward' of 'torch._C._EngineBase' objects>", "backward pass"),
        ("~ <built-in method torch._C._nn.linear>", "matrix products"),
        ("/ganaug/_gan/margins.py smallest", "nearest rows"),
        ("/ganaug/_gan/exclusions.py respected", "values that never meet"),
        ("/ganaug/_gan/gate.py forward", "operators (+, @, [...]) and Python of ganaug"),
        ("/ganaug/_encoding/numbers.py decode", "decoding"),
    ],
)
def test_groups(function, group):
    assert group in GROUPS
    assert group_of(function) == group


def test_decoding_is_compared_with_copies(monkeypatch):
    monkeypatch.setattr(limits, "MILLION", 50_000)
    monkeypatch.setattr(limits, "FEW_OF_IT", 500)
    monkeypatch.setattr(limits, "DECODINGS", 2)
    text = limits.decoding(repeats=1)
    assert re.search(r"A row decoded takes [\d.]+ us, [\d,]+ rows at a time", text)
    shares = [int(share) for share in re.findall(r"(\d+)%", text)]
    assert len(shares) == limits.SLOWEST_SHOWN
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 100


def test_a_cost_says_how_near_it_is_to_its_limit():
    assert Cost(seconds=2.0, operations=1e9, shares={}).limit(1e9) == 1.0
