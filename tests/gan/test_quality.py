import torch

from ganaug._gan.quality import coverage


def test_rows_that_occur_twice_are_covered_as_once():
    random = torch.Generator().manual_seed(0)
    real, generated = (torch.randn(60, 3, generator=random) for _ in range(2))
    once = coverage(generated, real, torch.ones(60))
    twice = coverage(generated, torch.cat([real, real]), torch.ones(120))
    assert once > 0.5
    torch.testing.assert_close(twice, once)
