import threading
import time

import pytest
import torch

from ganaug._gan.runtime import (
    in_threads,
    limited_threads,
    random_generator,
    resolve_device,
    threads_for,
)
from ganaug.exceptions import DeviceError


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_devices_that_exist(device):
    assert resolve_device(device) == torch.device("cpu")


def test_auto_takes_cuda_where_there_is_one():
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("device", ["cuda:99", "warp drive"])
def test_devices_that_do_not_exist(device):
    with pytest.raises(DeviceError, match=f"{device}.*not available.*use device='auto'"):
        resolve_device(device)


def test_what_a_device_lacks_is_told_in_brief(monkeypatch):
    def fail(_):
        raise RuntimeError("undefined symbol " + "in a library " * 100)

    monkeypatch.setattr(torch, "Generator", fail)
    with pytest.raises(DeviceError, match="undefined symbol") as caught:
        resolve_device("cuda")
    assert len(str(caught.value)) < 250


def test_streams_of_different_purposes_differ_and_repeat():
    def draw(*key):
        return torch.rand(3, generator=random_generator(*key, device=torch.device("cpu"))).tolist()

    assert draw(1, 2) == draw(1, 2)
    assert len({tuple(draw(*key)) for key in [(1,), (1, 2), (1, 3), (2, 2)]}) == 4
    assert draw(1, 2) == draw(1, 2, 0)  # as rows of all seeds have it


def test_threads_are_restored_even_after_an_error():
    before = torch.get_num_threads()

    def fail():
        with limited_threads(1):
            assert torch.get_num_threads() == 1
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.get_num_threads() == before


def test_threads_are_restored_when_fits_overlap():
    torch.set_num_threads(2)
    try:
        first_inside, second_inside, release = (threading.Event() for _ in range(3))

        def hold(inside, wait_for):
            with limited_threads(1):
                inside.set()
                wait_for.wait(5)

        one = threading.Thread(target=hold, args=(first_inside, second_inside))
        two = threading.Thread(target=hold, args=(second_inside, release))
        one.start()
        first_inside.wait(5)
        two.start()
        one.join()
        release.set()
        two.join()
        with limited_threads(1):
            pass
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_limits_within_limits_and_beside_others():
    torch.set_num_threads(2)
    try:
        inside, release = threading.Event(), threading.Event()

        def hold():
            with limited_threads(1):
                inside.set()
                release.wait(5)

        other = threading.Thread(target=hold)
        other.start()
        inside.wait(5)
        found = []

        def nest():
            found.append(limited_threads.available())
            with limited_threads(3):
                with limited_threads(1):
                    found.append(torch.get_num_threads())
                found.append(torch.get_num_threads())
            found.append(torch.get_num_threads())

        late = threading.Thread(target=nest)
        late.start()
        late.join()
        release.set()
        other.join()
        assert found == [2, 1, 3, 2]
    finally:
        torch.set_num_threads(1)


def test_only_large_networks_get_the_callers_threads():
    torch.set_num_threads(2)
    try:
        assert threads_for(1e8) == 1
        assert threads_for(1e11) == 2
    finally:
        torch.set_num_threads(1)


CPU = torch.device("cpu")


@pytest.fixture(params=[1, 2, 3])
def n_threads(request):
    """So many threads of the caller."""
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(1)


def test_calls_side_by_side_give_their_results_in_order(n_threads):
    met = threading.Barrier(n_threads)

    def squared(value):
        met.wait(20)  # for ever, were calls made one after another
        time.sleep(0.01 * (6 - value))
        assert torch.get_num_threads() == 1
        return torch.tensor(value).square()

    found = list(in_threads(squared, range(6), CPU))
    assert [int(value) for value in found] == [0, 1, 4, 9, 16, 25]
    assert torch.get_num_threads() == n_threads


def test_no_more_calls_are_made_than_results_are_asked_for(n_threads):
    taken = []

    def arguments():
        for value in range(100):
            taken.append(value)
            yield value

    before = threading.active_count()
    results = in_threads(lambda value: value, arguments(), CPU)
    assert next(results) == 0
    results.close()
    assert len(taken) <= n_threads + 1
    assert threading.active_count() == before


def test_errors_of_calls_are_those_of_the_caller(n_threads):
    def fail(value):
        raise KeyError(value)

    with pytest.raises(KeyError, match="3"):
        list(in_threads(fail, [3, 4, 5], CPU))
    assert torch.get_num_threads() == n_threads


def test_calls_for_a_gpu_are_made_one_after_another(n_threads):
    callers = list(in_threads(lambda _: threading.get_ident(), range(4), torch.device("cuda")))
    assert callers == [threading.get_ident()] * 4
