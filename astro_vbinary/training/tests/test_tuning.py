import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.classification import BinaryClassifier, BinaryNet, Preprocessing
from astro_vbinary.classification.weights import load_network, save_weights
from astro_vbinary.exceptions import LabelError, LeakError, WeightsError
from astro_vbinary.training import (
    TUNING_RECIPES,
    EpochLog,
    LabelledStacks,
    TuningRecipe,
    evaluate_weights,
    find_seen,
    read_split,
    train_weights,
)
from astro_vbinary.training.augmenting import augment, blur, correlated_noise, turn
from astro_vbinary.training.card_entries import calibrate
from astro_vbinary.training.labelled import MARGIN, join_stacks, network_inputs
from astro_vbinary.training.reading import simulate_stacks
from astro_vbinary.training.tests.helpers_labelled import (
    RECIPE,
    SCALE,
    SIDE,
    blob_stacks,
)
from astro_vbinary.training.tuning import soft_cross_entropy

STACKS = blob_stacks(96)

#: Long enough to learn something.
LONGER = replace(RECIPE, epochs=10, batch=8)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Weights that were trained once for all tests."""
    folder = tmp_path_factory.mktemp("made")
    return train_weights(STACKS, folder, recipe=LONGER, name="blobs", progress=False)


@pytest.fixture(scope="module")
def initial(tmp_path_factory):
    """A card of untrained weights to start from."""
    torch.manual_seed(0)
    entries = {
        "id": "start",
        "version": "1",
        "group": 3,
        "policies": ["published"],
        "surveys": ["Pan-STARRS"],
        "classes": ["not", "binary"],
        "threshold": 0.5,
        "licence": "BSD-3-Clause",
        "grid": {"pixel_scale": SCALE, "side": SIDE},
        "network": {
            "in_channels": 4,
            "band_channels": 2,
            "width": 8,
            "n_extras": 4,
            "symmetries": 2,
        },
        "preprocessing": {"band_channels": ["linear", "asinh"]},
        "calibration": {"temperature": 1.0, "bias": 0.0, "prevalence": 0.5},
    }
    network = BinaryNet(4, band_channels=2, width=8, n_extras=4)
    return save_weights(tmp_path_factory.mktemp("initial"), network, entries)


def test_it_learns_and_tells_how_well(made):
    card = made.card
    assert card.scores["test"]["accuracy"] > 0.8
    assert card.scores["test"]["n"] == (made.parts == "test").sum()
    assert {"accuracy_low", "f1_1_low", "roc_auc_high"} <= set(card.scores["test"])
    others = blob_stacks(60, seed=1)
    evaluated = evaluate_weights(card, load_network(card), others)
    assert (evaluated.called == (others.labels > 0.5)).mean() > 0.8
    training = card.entries["training"]
    assert [training[part]["n"] for part in ("train", "test", "validation")] == [
        68,
        14,
        14,
    ]
    assert len({training[p]["data_sha256"] for p in ("train", "test")}) == 2


def test_the_weights_are_ready_for_use(made):
    classifier = BinaryClassifier.from_file(made.card.path.parent, device="cpu")
    assert classifier.card.preprocessing.channels == ("minmax",)
    bands, owner = STACKS.images([0, 1])
    inputs, usable, _ = network_inputs(
        bands, owner, 2, SCALE, classifier.card.preprocessing
    )
    assert usable.all()
    with torch.inference_mode():
        assert load_network(made.card)(*inputs).shape == (2, 2)


def test_the_epoch_that_is_kept_is_the_best(made):
    f1 = list(made.history["validation_f1"])
    assert made.card.entries["training"]["epoch"] == 1 + f1.index(max(f1))
    assert not (made.card.path.parent / ".work").exists()


def test_epochs_are_told_to_tensorboard_and_a_later_run_goes_on(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told = []
    for part in (
        [{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25}],
        # Killed before the checkpoint of epoch 2 was written.
        [{"epoch": 2, "train_loss": 0.25}, {"epoch": 3, "train_loss": 0.125}],
    ):
        with EpochLog(tmp_path / "curves") as log:
            for entry in part:
                log(entry)
    recipe = replace(RECIPE, epochs=2)
    made = train_weights(
        STACKS, tmp_path / "w", recipe=recipe, progress=False, told=told.append
    )
    assert [entry["train_loss"] for entry in told] == list(made.history["train_loss"])
    read = EventAccumulator(str(tmp_path / "curves")).Reload()
    events = [(e.step, e.value) for e in read.Scalars("train/loss")]
    assert events == [(1, 0.5), (2, 0.25), (3, 0.125)]


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, schedule):
    recipe = replace(RECIPE, epochs=3, schedule=schedule)

    def stop(entry):
        if entry["epoch"] == 2:
            raise KeyboardInterrupt

    given = {"recipe": recipe, "name": "w", "progress": False}
    whole = train_weights(STACKS, tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        train_weights(STACKS, tmp_path / "stopped", told=stop, **given)
    assert list((tmp_path / "stopped").rglob("checkpoint.pt"))
    again = train_weights(STACKS, tmp_path / "stopped", **given)
    assert again.card.sha256 == whole.card.sha256


def test_a_run_that_is_done_is_only_read(made):
    before = made.card.weights_path.stat().st_mtime_ns
    again = train_weights(
        STACKS, made.card.path.parent, recipe=LONGER, name="blobs", progress=False
    )
    assert again.card.sha256 == made.card.sha256
    assert made.card.weights_path.stat().st_mtime_ns == before
    assert list(again.history["epoch"]) == list(made.history["epoch"])
    with pytest.raises(ValueError, match="other labels, stamps or options"):
        train_weights(
            STACKS, made.card.path.parent, recipe=RECIPE, name="blobs", progress=False
        )


def test_what_was_trained_on_is_known(made):
    seen = find_seen(made.card, STACKS)
    assert list(seen) == list(made.parts != "test")
    # Under another name, at another place, mirrored.
    train = int(np.flatnonzero(made.parts == "train")[0])
    others = blob_stacks(6, seed=2)
    others.hashes[3] = STACKS.hashes[train]
    others.positions[4] = STACKS.positions[train] + 1e-4
    assert list(find_seen(made.card, others)) == [False] * 3 + [True, True, False]
    table = read_split(made.card.path.parent / "split.ecsv")
    assert list(table["part"]) == list(made.parts)


def test_a_split_that_leaks_is_refused(tmp_path):
    stacks = blob_stacks(40)
    stacks.hashes[7] = stacks.hashes[0]
    parts = np.array(["train", "train", "test", "test", "validation"] * 8)
    with pytest.raises(LeakError, match="0-0"):
        train_weights(stacks, tmp_path, recipe=RECIPE, parts=parts, progress=False)
    with pytest.raises(LabelError, match="parts must be"):
        train_weights(stacks, tmp_path, recipe=RECIPE, parts=["x"], progress=False)


def test_parts_without_both_classes_are_told(tmp_path):
    stacks = blob_stacks(40)
    stacks.labels[:] = 0.0
    with pytest.raises(LabelError, match="needs stacks of both classes"):
        train_weights(stacks, tmp_path, recipe=RECIPE, progress=False)


def test_killed_runs_end_with_the_same_weights(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "astro_vbinary.training.tests.helpers_kills",
            str(tmp_path),
            "3",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.startswith("kill ") for line in lines) == 3
    assert lines[-1] == "the weights are identical"


def test_fine_tuning_starts_from_the_weights_that_it_is_given(initial, tmp_path):
    recipe = replace(
        TUNING_RECIPES["finetune"], epochs=1, frozen=("conv1", "bn1", "layer1")
    )
    stacks = blob_stacks(40)
    made = train_weights(
        stacks, tmp_path, recipe=recipe, initial=initial, progress=False
    )
    assert made.card.entries["network"] == initial.entries["network"]
    assert made.card.entries["training"]["initial"].startswith("start 1, sha256")
    old, new = (load_network(card).state_dict() for card in (initial, made.card))
    for name, values in old.items():
        frozen = name.partition(".")[0] in recipe.frozen
        same = torch.equal(values, new[name])
        assert same or not frozen, name
    assert not torch.equal(old["layer4.0.conv1.weight"], new["layer4.0.conv1.weight"])
    with pytest.raises(WeightsError, match="starts from earlier weights"):
        train_weights(stacks, tmp_path / "b", recipe=recipe, progress=False)
    with pytest.raises(ValueError, match="no stage 'layer9'"):
        train_weights(
            stacks,
            tmp_path / "c",
            recipe=replace(recipe, frozen=("layer9",)),
            initial=initial,
            progress=False,
        )


def test_it_stops_early(tmp_path):
    recipe = replace(RECIPE, epochs=50, rate=1e-12, patience=2)
    made = train_weights(blob_stacks(40), tmp_path, recipe=recipe, progress=False)
    assert len(made.history) < 50


def test_simulated_stacks_are_only_trained_on(tmp_path):
    stacks = blob_stacks(40)
    recipe = replace(RECIPE, epochs=1, simulated=0.5)
    made = train_weights(stacks, tmp_path, recipe=recipe, progress=False)
    training = made.card.entries["training"]
    assert training["n_simulated"] == training["train"]["n"]
    assert training["test"]["n"] + training["validation"]["n"] == 12


def test_simulated_stacks_are_drawn_by_their_seed():
    one, two, other = (
        simulate_stacks(["Pan-STARRS"], 3, seed=seed, grid=(SCALE, SIDE))
        for seed in (1, 1, 2)
    )
    assert one.hashes == two.hashes
    assert one.hashes != other.hashes
    assert one.side == SIDE
    with pytest.raises(LabelError, match="cannot simulate AllWISE"):
        simulate_stacks(["AllWISE"], 3)


def test_undecided_stacks_are_of_no_class():
    stacks = blob_stacks(8)
    assert stacks.classes.tolist() == [0, 1] * 4
    stacks.labels[:3] = 0.5, 0.6, 0.4
    assert stacks.classes.tolist()[:4] == [-1, 1, 0, 1]


@given(st.floats(0.05, 0.95), st.floats(0.2, 5))
def test_the_loss_is_least_at_the_soft_label(label, weight):
    # With weights, where the weighted odds are the label's.
    odds = weight * label / (1 - label)
    scores = torch.tensor([[0.0, np.log(odds)]], requires_grad=True)
    loss = soft_cross_entropy(scores, torch.tensor([label]), (1.0, weight))
    loss.backward()
    assert float(scores.grad.abs().max()) < 1e-5


def test_a_calibration_on_few_stacks_is_not_sure_of_itself():
    scores = np.zeros((12, 2), np.float32)
    labels = np.array([0.0, 1.0] * 6)
    scores[:, 1] = np.where(labels, 9, -9)
    made = calibrate(scores, labels)
    probability = 1 / (1 + np.exp(-9 / made["temperature"] - made["bias"]))
    # Platt: seven of eight, where all of six are right.
    assert probability == pytest.approx(7 / 8, abs=0.02)
    assert made["prevalence"] == 0.5


# ------------------------------------------------------------- augmentation
def test_nothing_is_done_where_nothing_is_asked_for():
    recipe = replace(RECIPE, shift=0, noise=0.0, blur=0.0, symmetries=False)
    bands, owner = augment(STACKS, [3, 1], recipe, np.random.default_rng(0))
    expected, own = STACKS.images([3, 1])
    assert torch.equal(bands, expected)
    assert torch.equal(owner, own)


def test_bands_of_a_stack_are_changed_alike():
    stacks = blob_stacks(4)
    stacks.bands[1::2] = stacks.bands[::2]
    recipe = replace(RECIPE, shift=3, noise=0.0, blur=0.5)
    bands, _ = augment(stacks, range(4), recipe, np.random.default_rng(1))
    torch.testing.assert_close(bands[::2], bands[1::2])
    assert not torch.equal(bands, stacks.images(range(4))[0])


def test_symmetries_are_the_squares_eight():
    image = torch.arange(9.0).reshape(1, 3, 3).repeat(8, 1, 1)
    made = turn(image, np.arange(8))
    assert len({tuple(plane.flatten().tolist()) for plane in made}) == 8
    assert torch.equal(made[0], image[0])


def test_blurring_keeps_flux_and_widens():
    size = 61
    image = torch.zeros(2, size, size)
    image[:, 30, 30] = 1.0
    made = blur(image, np.array([2.0, 4.0]))
    assert made.sum(dim=(1, 2)).tolist() == pytest.approx([1, 1], abs=0.01)
    x = torch.arange(size) - 30.0
    for plane, sigma in zip(made, (2.0, 4.0), strict=True):
        variance = float((plane.sum(dim=0) * x**2).sum())
        assert np.sqrt(variance) == pytest.approx(sigma, rel=0.05)
    image[0, :10] = np.nan
    gaps = torch.isnan(blur(image, np.array([2.0, 2.0])))
    assert torch.equal(gaps, torch.isnan(image))


@pytest.mark.parametrize("native", [0.5, 1.0, 4.0])
def test_noise_has_unit_scatter_and_the_pixels_grain(native):
    grain = correlated_noise(20, 48, native, torch.Generator().manual_seed(0))
    assert float(grain.std()) == pytest.approx(1, rel=1e-3)
    neighbours = float((grain[:, :, 1:] * grain[:, :, :-1]).mean())
    assert (neighbours > 0.5) == (native > 1)


# ------------------------------------------------------------------ stacks
def test_stacks_come_back_from_a_file(tmp_path):
    path = tmp_path / "stacks.safetensors"
    STACKS.save(path)
    again = LabelledStacks.load(path)
    assert again.fingerprint() == STACKS.fingerprint()
    assert torch.equal(again.bands, STACKS.bands)
    assert again.annotators == STACKS.annotators
    assert again.take([5, 2]).sources == ["0-5", "0-2"]
    both = join_stacks([STACKS.take([5]), STACKS.take([2])])
    assert both.fingerprint() == STACKS.take([5, 2]).fingerprint()
    assert both.fingerprint() != STACKS.take([2, 5]).fingerprint()
    assert STACKS.side == STACKS.bands.shape[-1] - 2 * MARGIN == SIDE


def test_the_minmax_channel_is_the_papers():
    process = Preprocessing(("minmax",), ())
    signal = torch.tensor([[[-2.0, 0.0], [6.0, 99.0]]])
    valid = torch.tensor([[[True, True], [True, False]]])
    made = process.channels_of(signal, valid, 2.0)
    assert made[0, 0].tolist() == [[0.0, 0.25], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser": "sgd"}, "optimiser"),
        ({"choose": "luck"}, "choose"),
        ({"shift": 5}, "shift"),
        ({"epochs": 0}, "epochs"),
        ({"simulated": 1.0}, "simulated"),
        ({"noise": 9.0}, "noise"),
    ],
)
def test_recipes_that_make_no_sense_are_told(changes, message):
    with pytest.raises(ValueError, match=message):
        TuningRecipe(name="x", **changes)


def test_gezer_is_the_papers_recipe():
    recipe = TUNING_RECIPES["gezer"]
    assert (recipe.epochs, recipe.batch, recipe.rate) == (40, 16, 1e-3)
    assert (recipe.step, recipe.gamma, recipe.width) == (20, 0.05, 64)
    assert recipe.shares == (0.7, 0.15, 0.15)
    assert not recipe.initial
