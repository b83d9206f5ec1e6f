import csv
import shutil

import numpy as np
import pytest
import torch

from astro_vbinary.classification import BinaryNet, Preprocessing
from astro_vbinary.training import (
    SimulatedSet,
    TrainingOptions,
    loop,
    predict_set,
    train_network,
)

SIDE = 32
CIRCLE = np.hypot(*(np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2)) <= 12

OPTIONS = TrainingOptions(width=4, epochs=3, batch=16, bfloat16=False, seed=5)


def make_set(count, seed):
    """Blobs: one, or two a few pixels apart."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    images, truth = [], []
    for number in range(count):
        label = number % 2
        image = 60 * np.exp(-(x**2 + y**2) / 8)
        if label:
            angle = rng.uniform(0, 2 * np.pi)
            dx, dy = 9 * np.cos(angle), 9 * np.sin(angle)
            image += 60 * np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / 8)
        images.append(image + rng.normal(size=image.shape))
        truth.append({"label": label})
    signal = np.arcsinh(np.array(images)).astype(np.float16)
    return SimulatedSet(signal, np.ones(signal.shape, bool), truth)


TRAIN, HELD = make_set(64, 1), make_set(32, 2)


def train(folder, *, options=OPTIONS, data=TRAIN):
    return train_network(
        data, HELD, CIRCLE, folder=folder, options=options, progress=False
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network trained without interruption, its history and its folder."""
    folder = tmp_path_factory.mktemp("trained")
    return (*train(folder), folder)


def same(one, two):
    return (
        all(torch.equal(one[key], two[key]) for key in one) and one.keys() == two.keys()
    )


def test_a_killed_run_goes_on_to_the_same_weights(trained, tmp_path, monkeypatch):
    wanted, history, _ = trained
    real, calls = loop.predict_set, []

    def predict_or_die(*args, **options):
        calls.append(1)
        if len(calls) == 2:  # in the second epoch, after its steps
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(loop, "predict_set", predict_or_die)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    assert len(torch.load(tmp_path / "last.pt", weights_only=True)["history"]) == 1
    network, resumed = train(tmp_path)
    assert len(calls) == 4
    assert same(network.state_dict(), wanted.state_dict())
    assert resumed == history


def test_the_same_seed_gives_the_same_weights_and_another_others(trained, tmp_path):
    wanted, history, _ = trained
    again, repeated = train(tmp_path / "a")
    assert same(again.state_dict(), wanted.state_dict())
    assert repeated == history
    options = TrainingOptions(width=4, epochs=1, batch=16, bfloat16=False, seed=6)
    other, _ = train(tmp_path / "b", options=options)
    assert not same(other.state_dict(), wanted.state_dict())


def test_a_finished_run_trains_no_further(trained, tmp_path):
    wanted, history, folder = trained
    shutil.copytree(folder, tmp_path / "copy")
    network, again = train(tmp_path / "copy")
    assert same(network.state_dict(), wanted.state_dict())
    assert again == history


def test_other_options_do_not_go_on_from_a_checkpoint(trained):
    folder = trained[2]
    with pytest.raises(ValueError, match="was made with other options"):
        train(folder, options=TrainingOptions(width=4, epochs=9))


def test_the_best_epoch_is_kept(trained):
    network, history, _ = trained
    logits = predict_set(network, HELD, CIRCLE)
    loss = float(
        torch.nn.functional.cross_entropy(
            torch.as_tensor(logits), torch.as_tensor(HELD.labels)
        )
    )
    assert loss == pytest.approx(min(h["validation_loss"] for h in history), rel=1e-5)
    assert not network.training


def test_the_history_is_written(trained):
    _, history, folder = trained
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["train_loss"]) for row in rows] == pytest.approx(
        [h["train_loss"] for h in history]
    )


def test_training_learns_what_can_be_learned(tmp_path):
    options = TrainingOptions(
        width=8, epochs=8, batch=32, bfloat16=False, seed=1, smoothing=0, dropout=0
    )
    network, history = train(tmp_path, options=options, data=make_set(256, 3))
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    right = predict_set(network, HELD, CIRCLE).argmax(axis=1) == HELD.labels
    assert right.mean() > 0.85


def test_predictions_do_not_depend_on_batches_or_order():
    network = BinaryNet(3, width=4)
    wanted = predict_set(network, HELD, CIRCLE)
    assert wanted.shape == (32, 2)
    for batch in (1, 7, 100):
        found = predict_set(network, HELD, CIRCLE, batch=batch)
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)
    turned = predict_set(network, HELD.take(np.arange(32)[::-1]), CIRCLE)
    np.testing.assert_allclose(turned[::-1], wanted, rtol=1e-3, atol=1e-5)


def test_other_channels_make_another_network(tmp_path):
    made = Preprocessing(channels=("asinh",))
    options = TrainingOptions(width=4, epochs=1, batch=32, bfloat16=False)
    network, _ = train_network(
        TRAIN, HELD, CIRCLE, folder=tmp_path, options=options, preprocessing=made,
        progress=False,
    )  # fmt: skip
    assert network.conv1.in_channels == 1


@pytest.mark.parametrize("seed", range(8))
def test_augmented_images_are_moved_images(seed):
    images = (
        torch.arange(2 * SIDE * SIDE, dtype=torch.float32).reshape(2, SIDE, SIDE) + 1
    )
    whole = torch.ones(2, SIDE, SIDE, dtype=torch.bool)
    kept = images.clone()
    signal, valid = loop._augment(images, whole, np.random.default_rng(seed), 3)
    assert torch.equal(images, kept)
    assert signal.shape == images.shape
    # What was rolled in from the other side is gone, in the image and the mask.
    assert torch.equal(signal != 0, valid)
    assert valid.sum() >= 2 * (SIDE - 3) ** 2
    for before, after in zip(images, signal, strict=True):
        values = after[after > 0]
        assert torch.isin(values, before).all()
        assert len(values.unique()) == len(values)
