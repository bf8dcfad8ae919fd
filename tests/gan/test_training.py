import math
from contextlib import closing

import numpy as np
import pytest
import torch

from ganaug._encoding.layout import EncodedTable, HeadSlot, NumberSlot, TableLayout
from ganaug._gan.batches import BatchConfig, ClassBalancedBatches, DeviceTable
from ganaug._gan.calibration import calibrate_levels
from ganaug._gan.exclusions import exclusions_of_classes
from ganaug._gan.geometry import ClassMoves
from ganaug._gan.inference import RowSampler, SamplingConfig
from ganaug._gan.margins import Margins
from ganaug._gan.monitor import QualityMonitor
from ganaug._gan.negatives import DifferenceNoise
from ganaug._gan.networks import Discriminator, Generator, NetworkConfig
from ganaug._gan.ranges import NumberRanges
from ganaug._gan.runtime import limited_threads, random_generator
from ganaug._gan.states import copied
from ganaug._gan.table_training import TableTrainer
from ganaug._gan.training import TrainingConfig
from ganaug.exceptions import PersistenceError, TrainingError

CPU = torch.device("cpu")
LAYOUT = TableLayout(
    (NumberSlot(0, -4.0, 4.0, 0.0), NumberSlot(1, -4.0, 4.0, 0.5)), (), (HeadSlot(2, 3),)
)
COUNTS = np.array([300, 60])


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    numbers = random.normal(size=(360, 2)).astype(np.float32) * 0.5
    numbers[300:] += 1.5
    numbers[:, 1] = np.round(numbers[:, 1] * 2) / 2
    codes = np.r_[random.choice(3, 300, p=[0.5, 0.5, 0]), random.choice(3, 60, p=[0, 0.8, 0.2])]
    return DeviceTable(LAYOUT, EncodedTable(numbers, codes.astype(np.int32)[:, None]), COUNTS, CPU)


def make_trainer(table, **changes):
    networks = NetworkConfig((32, 32), 4)
    moves = ClassMoves(None, LAYOUT, CPU)
    generator = Generator(LAYOUT, 2, networks, random_generator(0, 0, device=CPU), moves)
    config = {
        "n_steps": 150,
        "learning_rate": 2e-3,
        "gradient_penalty": 1.0,
        "check_interval": 25,
    }
    return TableTrainer(
        generator,
        Discriminator(LAYOUT, 2, networks, random_generator(0, 1, device=CPU), moves),
        ClassBalancedBatches(table, BatchConfig(64, 5), random_generator(0, 2, device=CPU)),
        QualityMonitor(table, [1], networks, random_generator(0, 3, device=CPU)),
        DifferenceNoise(LAYOUT, random_generator(0, 5, device=CPU)),
        TrainingConfig(**{**config, **changes}),
        random_generator(0, 4, device=CPU),
    )  # fmt: skip


def test_training_brings_generated_rows_closer(table):
    trainer = make_trainer(table, n_steps=300)
    checks = list(trainer.train())
    assert len(checks) == 12
    assert trainer.history.quality[-1] < 0.4 * trainer.history.quality[0]
    history = trainer.history.as_arrays()
    assert history["discriminator_loss"].shape == history["generator_loss"].shape == (300,)
    assert (history["discriminator_loss"] > 0).all()


def test_the_best_generator_is_kept(table):
    trainer = make_trainer(table, n_steps=100)
    states = []
    for check in trainer.train():
        states.append({k: v.clone() for k, v in trainer.average.state_dict().items()})
        trainer._best_quality = -1.0 if check.step == 50 else trainer._best_quality
    # nothing after step 50 counted as better, so its weights are back
    assert trainer.history.best_step == 50
    kept = trainer.average.state_dict()
    assert all(torch.equal(kept[name], states[1][name]) for name in kept)
    assert not torch.equal(states[-1]["last.weight"], states[1]["last.weight"])


def test_training_can_be_stopped_between_checks(table):
    trainer = make_trainer(table)
    with closing(trainer.train()) as checks:
        next(checks)
    assert trainer.history.as_arrays()["generator_loss"].shape == (25,)
    assert trainer.history.best_step == 25


def test_steps_need_not_be_a_multiple_of_the_checks(table):
    trainer = make_trainer(table, n_steps=30)
    assert [check.step for check in trainer.train()] == [25, 30]


@pytest.fixture
def trained(table):
    trainer = make_trainer(table)
    list(trainer.train())
    return trainer.average


@pytest.fixture
def exclusions(table):
    return exclusions_of_classes(table)


@pytest.fixture
def ranges(table):
    return NumberRanges(table)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n", [0, 1, 7, 13_000])
def test_sampled_rows_are_valid(table, trained, exclusions, ranges, n, share):
    sampler = RowSampler(trained, table, 1, SamplingConfig(share), exclusions[1], ranges, (1,))
    with torch.inference_mode():
        rows = torch.cat([torch.empty(0, LAYOUT.width), *sampler.rows(n)])
    assert rows.shape == (n, LAYOUT.width)
    assert (rows[:, :2].abs() <= 4).all()
    assert torch.allclose((rows[:, 1] * 2).round(), rows[:, 1] * 2, atol=1e-4)
    assert torch.allclose(rows[:, LAYOUT.one_hot].sum(dim=1), torch.ones(n))


def test_rows_do_not_depend_on_how_many_threads_draw_them(table, trained, exclusions, ranges):
    def drawn(n_threads):
        sampler = RowSampler(trained, table, 1, SamplingConfig(0.9), exclusions[1], ranges, (1,))
        torch.set_num_threads(n_threads)
        try:
            with limited_threads(1), torch.inference_mode():
                return torch.cat(list(sampler.rows(30_000)))
        finally:
            torch.set_num_threads(1)

    assert torch.equal(drawn(1), drawn(3))


def test_rows_are_drawn_on_the_side_of_their_class_and_around_its_mean(
    table, trained, exclusions, ranges
):
    sampler = RowSampler(trained, table, 1, SamplingConfig(1.0), exclusions[1], ranges, (1,))
    with torch.inference_mode():
        rows = torch.cat(list(sampler.rows(2000)))
    anchors = torch.arange(300, 360)
    margins = Margins(table, 1, anchors, random_generator(0, device=CPU)).anywhere(rows)
    assert (margins < 0).float().mean() < 0.1
    real = table.expand(torch.arange(300, 360)).mean(dim=0)
    torch.testing.assert_close(rows.mean(dim=0), real, atol=0.12, rtol=0)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_calibrated_levels_come_at_the_rate_of_their_class(
    table, trained, exclusions, ranges, share
):
    calibrate_levels(trained, table, [0, 1], SamplingConfig(share), exclusions, ranges, (0,))
    for code in (0, 1):
        config = SamplingConfig(share)
        sampler = RowSampler(trained, table, code, config, exclusions[code], ranges, (5,))
        with torch.inference_mode():
            made = torch.cat(list(sampler.rows(3000)))[:, LAYOUT.one_hot].mean(dim=0)
        start, stop = table.starts[code : code + 2].tolist()
        real = table.expand(torch.arange(start, stop))[:, LAYOUT.one_hot].mean(dim=0)
        assert torch.allclose(made, real, atol=0.06)
        assert (made[real == 0] == 0).all()


@pytest.mark.parametrize("poisoned", ["generator", "discriminator", "average"])
@pytest.mark.parametrize("step", [10, 80])
def test_a_weight_that_is_not_finite_sends_training_back(table, poisoned, step):
    trainer = make_trainer(table)
    take_step, taken = trainer._step, []

    def poison(number):
        taken.append(number)
        if len(taken) == step:
            with torch.no_grad():
                next(getattr(trainer, poisoned).parameters()).fill_(torch.nan)
        return take_step(number)

    trainer._step = poison
    checks = [check.step for check in trainer.train()]
    assert checks[-1] == 150
    next_check = 25 if step == 10 else 100
    assert trainer.history.restart_step == [next_check if poisoned == "average" else step]
    history = trainer.history.as_arrays()
    assert history["generator_loss"].shape == (150,)
    assert np.isfinite(history["generator_loss"]).all()
    assert history["check_step"].tolist() == [25, 50, 75, 100, 125, 150]
    assert len(taken) > 150
    for network in (trainer.average, trainer.discriminator):
        assert all(weight.isfinite().all() for weight in network.parameters())


@pytest.mark.parametrize("network", ["generator", "discriminator"])
@pytest.mark.parametrize("value", [torch.nan, -torch.inf, 1e20])
def test_a_gradient_that_runs_away_sends_training_back(table, network, value):
    trainer = make_trainer(table)
    steps_of_calls = []

    def poison(gradient):
        steps_of_calls.append(trainer._n_steps + 1)
        return torch.full_like(gradient, value) if len(steps_of_calls) == 60 else gradient

    next(getattr(trainer, network).parameters()).register_hook(poison)
    list(trainer.train())
    (restart_step,) = trainer.history.restart_step
    poisoned_step = steps_of_calls[59]
    if math.isfinite(value):  # too large, but not infinite: seen at the next check
        assert restart_step == 25 * math.ceil(poisoned_step / 25)
    else:
        assert poisoned_step <= restart_step <= poisoned_step + 1
    assert trainer.history.check_step[-1] == 150
    assert np.isfinite(trainer.history.quality).all()
    for optimizer in (trainer._generator_optimizer, trainer._discriminator_optimizer):
        assert max(float(square.max()) for square in optimizer.squares()) < 1e6


def test_steps_are_smaller_after_each_return(table):
    trainer = make_trainer(table)
    answers = iter([False, True, False, *[True] * 9])
    trainer._is_finite = lambda quality: next(answers)
    list(trainer.train())
    assert trainer._generator_optimizer.learning_rate == pytest.approx(2e-3 * 0.3**2)


def test_training_that_never_is_finite_is_an_error(table):
    trainer = make_trainer(table, gradient_penalty=1e39)  # infinite in single precision
    with pytest.raises(TrainingError, match=r"not finite by step 1, after 3 returns"):
        list(trainer.train())
    assert trainer.history.restart_step == [1] * 4


@pytest.mark.parametrize("stop", [25, 75, 125])
def test_a_state_goes_on_bit_for_bit(table, stop):
    undisturbed = make_trainer(table)
    states = {check.step: copied(check.state()) for check in undisturbed.train()}
    resumed = make_trainer(table)
    resumed.load_state_dict(states[stop])
    assert [check.step for check in resumed.train()] == list(range(stop + 25, 151, 25))
    for name, value in undisturbed.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.pop("average.last.bias"),
        lambda state: state.update({"more": torch.zeros(1)}),
        lambda state: state.update({"average.last.bias": torch.zeros(1)}),
        lambda state: state.update({"counts": torch.zeros(3)}),
    ],
)
def test_a_state_of_another_form_is_refused(table, damage):
    state = make_trainer(table).state_dict()
    damage(state)
    with pytest.raises(PersistenceError, match="saved state"):
        make_trainer(table).load_state_dict(state)
