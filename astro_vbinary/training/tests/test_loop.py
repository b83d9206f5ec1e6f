"""The loop learns, resumes to the same weights, and keeps its own state apart."""

import csv
import shutil
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from astro_vbinary.classification import Preprocessing
from astro_vbinary.training import Block, TrainingOptions, loop, train_network
from astro_vbinary.training.feeding import BlockPool
from astro_vbinary.training.loop import build_network, predict_block
from astro_vbinary.training.stream import AUXILIARY, BLOCK

SIDE = 32
CHANNELS = Preprocessing(channels=("linear", "asinh"), band_channels=("asinh",))
# With a width of 4 the backward pass of oneDNN reads beyond its memory on processors
# without AVX-512.
OPTIONS = TrainingOptions(
    width=8, band_width=2, steps=12, batch=16, pool=4, interval=4, bfloat16=False,
    seed=5, dropout=0.3, average=0.9,
)  # fmt: skip


def make_block(number, count=BLOCK):
    """Blobs: one, or two a few pixels apart; in one to three bands."""
    rng = np.random.default_rng([11, number])
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    owner = np.repeat(np.arange(count), rng.integers(1, 4, count))
    clean, auxiliary = [], np.full((count, len(AUXILIARY)), np.nan)
    labels = np.arange(count) % 2
    for stack, label in enumerate(labels):
        image = 60 * np.exp(-(x**2 + y**2) / 8)
        if label:
            angle = rng.uniform(0, 2 * np.pi)
            dx, dy = 9 * np.cos(angle), 9 * np.sin(angle)
            image += 60 * np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / 8)
            turn = np.cos(2 * angle), np.sin(2 * angle)
            auxiliary[stack] = (np.log(0.9), 0.0, *turn)
        clean.append(image)
    clean = np.array(clean)
    sums = clean + rng.normal(size=clean.shape)
    bands = clean[owner] + rng.normal(size=(len(owner), SIDE, SIDE))
    sums = np.stack([sums / 60, np.arcsinh(sums) / 6], axis=1)
    return Block(
        torch.from_numpy(sums).half(),
        torch.from_numpy(np.arcsinh(bands)[:, None] / 6).half(),
        torch.from_numpy(owner),
        torch.from_numpy(labels),
        torch.from_numpy(auxiliary).float(),
        [{"label": int(label)} for label in labels],
    )


@dataclass
class Blobs:
    """A stream of such blocks, which notes what was drawn."""

    preprocessing: Preprocessing = CHANNELS
    drawn: list = field(default_factory=list)

    def block(self, number):
        self.drawn.append(number)
        return make_block(number)


HELD = make_block(10_000)


def train(folder, *, options=OPTIONS, stream=None):
    stream = Blobs() if stream is None else stream
    return train_network(stream, HELD, folder=folder, options=options, progress=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network trained without interruption, its history and its folder."""
    folder = tmp_path_factory.mktemp("trained")
    return (*train(folder), folder)


def same(one, two):
    one, two = one.state_dict(), two.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def without_time(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


# ----------------------------------------------------------------------- resuming
@pytest.mark.parametrize("killed", [2, 3])
def test_a_killed_run_goes_on_to_the_same_weights(
    trained, tmp_path, monkeypatch, killed
):
    wanted, history, _ = trained
    real, calls = loop.predict_block, []

    def predict_or_die(*args, **options):
        calls.append(1)
        if len(calls) == killed:  # after the steps, before their checkpoint
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(loop, "predict_block", predict_or_die)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    saved = torch.load(tmp_path / "last.pt", weights_only=True)
    assert saved["step"] == 4 * (killed - 1)
    network, resumed = train(tmp_path)
    assert len(calls) == 4
    assert same(network, wanted)
    assert without_time(resumed) == without_time(history)
    assert not list(tmp_path.glob("*.part"))


def test_a_resumed_run_draws_the_blocks_that_it_needs_and_no_others(trained, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(trained[2], folder)
    longer, stream = replace(OPTIONS, steps=16), Blobs()
    train(folder, options=longer, stream=stream)
    # 16 of 64 stacks a step, each seen three times: a block in 12 steps.
    assert stream.drawn == list(range(max(stream.drawn) + 1))
    assert len(stream.drawn) <= OPTIONS.pool


def test_the_same_seed_gives_the_same_weights_and_another_others(trained, tmp_path):
    wanted, history, _ = trained
    again, repeated = train(tmp_path / "a")
    assert same(again, wanted)
    assert without_time(repeated) == without_time(history)
    other, _ = train(tmp_path / "b", options=replace(OPTIONS, seed=6, steps=4))
    assert not same(other, wanted)


def test_a_finished_run_trains_no_further_unless_more_steps_are_asked_for(
    trained, tmp_path
):
    wanted, history, folder = trained
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    network, again = train(copy)
    assert same(network, wanted)
    assert again == history
    network, longer = train(copy, options=replace(OPTIONS, steps=16))
    assert not same(network, wanted)
    assert [row["step"] for row in longer] == [4, 8, 12, 16]


@pytest.mark.parametrize("change", [{"width": 16}, {"seed": 1}, {"rate": 1e-4}])
def test_other_options_do_not_go_on_from_a_checkpoint(trained, change):
    name = next(iter(change))
    with pytest.raises(ValueError, match=f"was made with other options: {name} = "):
        train(trained[2], options=replace(OPTIONS, **change))


def test_torch_s_own_random_numbers_are_left_alone(tmp_path):
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    train(tmp_path, options=replace(OPTIONS, steps=2))
    assert torch.equal(torch.rand(3), wanted)


# ----------------------------------------------------------------------- learning
def test_training_learns_what_can_be_learned(tmp_path):
    options = replace(
        OPTIONS, width=8, steps=90, batch=32, interval=30, dropout=0.0, rate=4e-3
    )
    network, history = train(tmp_path, options=options)
    assert history[-1]["train_loss"] < 0.6 * history[0]["train_loss"]
    scores = predict_block(network, HELD)
    right = (scores.argmax(dim=1) == HELD.labels).float().mean()
    assert right > 0.9
    assert history[-1]["validation_accuracy"] == pytest.approx(float(right))
    loss = torch.nn.functional.cross_entropy(scores, HELD.labels)
    assert history[-1]["validation_loss"] == pytest.approx(float(loss), rel=1e-4)


def test_half_precision_and_sums_alone_work_too(tmp_path):
    alone = Preprocessing(channels=("linear", "asinh"), band_channels=())
    options = replace(OPTIONS, steps=2, interval=2, bfloat16=True, smoothing=0.1)
    network, history = train(tmp_path, options=options, stream=Blobs(alone))
    assert network.bands is None
    assert np.isfinite(history[-1]["train_loss"])


def test_the_auxiliary_task_is_learnt_on_pairs_alone():
    network = build_network(OPTIONS, CHANNELS)
    assert network.fc.out_features == 2 + len(AUXILIARY)
    generator = torch.Generator().manual_seed(1)
    singles = HELD.take(torch.nonzero(HELD.labels == 0).flatten())
    pairs = HELD.take(torch.nonzero(HELD.labels == 1).flatten())
    for block, learnt in ((singles, False), (pairs, True)):
        network.zero_grad()
        loss = loop._loss(network, block, generator, OPTIONS, "cpu", False)
        loss.backward()
        # NaN, where there is no companion, reaches neither loss nor gradient.
        assert torch.isfinite(loss)
        extra = network.fc.weight.grad[2:].abs().sum()
        assert torch.isfinite(extra)
        assert (extra > 0) == learnt


def test_the_rate_rises_stays_and_falls():
    options = TrainingOptions(steps=100, warmup=0.1, decay=0.3)
    rates = [loop._schedule(step, options) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert np.allclose(rates[9:71], 1)
    assert rates[99] == pytest.approx(1 / 30)
    assert (np.diff(rates[:10]) > 0).all()
    assert (np.diff(rates[70:]) < 0).all()


def test_a_stack_is_seen_as_often_as_it_should_be():
    options = replace(OPTIONS, batch=32, reuse=2, pool=8)
    stream = Blobs()
    pool = BlockPool(stream, options, 0)
    for step in range(40):
        block, _ = pool.draw(step)
        assert len(block) == 32
    # 40 steps of 32 stacks, each twice, are 10 blocks; two more are kept ahead.
    assert stream.drawn == list(range(8 // 4 + int(39 * 32 / 2 / BLOCK)))


# --------------------------------------------------------------------- predicting
def test_predictions_do_not_depend_on_batches_or_order():
    torch.manual_seed(3)
    network = build_network(OPTIONS, CHANNELS).eval()
    wanted = predict_block(network, HELD)
    assert wanted.shape == (len(HELD), 2)
    for batch in (1, 7, 100):
        found = predict_block(network, HELD, batch=batch)
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)
    order = torch.arange(len(HELD)).flip(0)
    turned = predict_block(network, HELD.take(order))
    torch.testing.assert_close(turned.flip(0), wanted, rtol=1e-3, atol=1e-5)


def test_the_network_comes_back_ready_for_use(trained):
    network, _, _ = trained
    assert not network.training
    scores = predict_block(network, HELD)
    assert torch.isfinite(scores).all()


def test_the_history_is_written(trained):
    _, history, folder = trained
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [4, 8, 12]
    assert [float(row["train_loss"]) for row in rows] == pytest.approx(
        [row["train_loss"] for row in history]
    )
