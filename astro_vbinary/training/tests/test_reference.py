import shutil

import astropy.units as u
import numpy as np
import pytest
import torch
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from torchvision.models.resnet import BasicBlock, ResNet

from astro_vbinary.stamps import SkyGrid, SurveyStamp
from astro_vbinary.stamps.grid import GROUP_GRIDS
from astro_vbinary.training import reference_training
from astro_vbinary.training.reference import (
    ReferenceClassifier,
    ReferenceRecipe,
    main,
    read_labelled,
    split_sources,
    train_reference,
)
from astro_vbinary.training.reference_classifier import build_network, normalise

SIDE, SCALE = 32, 0.1
RECIPE = ReferenceRecipe(epochs=3, seed=4)


def small_network(seed):
    """As the recipe's, with one block a stage: 8 MB and not 85."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=2)
        network.layer4 = torch.nn.Identity()
        network.fc = torch.nn.Linear(256, 2)
        network.conv1 = torch.nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    return network


@pytest.fixture(autouse=True)
def quick(monkeypatch, request):
    if "whole_network" not in request.fixturenames:
        for name in ("reference_training", "reference_classifier"):
            path = f"astro_vbinary.training.{name}.build_network"
            monkeypatch.setattr(path, small_network)


@pytest.fixture
def whole_network():
    """The recipe's own network, for one test."""


def blobs(count, seed, *, side=SIDE):
    """Stars in pairs far apart, and single ones, two images a source."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    images, labels = [], []
    for number in range(count):
        image = rng.normal(size=(side, side)) + rng.normal(0, 50)
        angle = rng.uniform(0, 2 * np.pi)
        for place in ((0, 0), (9 * np.cos(angle), 9 * np.sin(angle)))[: 1 + number % 2]:
            image += 60 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 8)
        images.append(image)
        labels.append(number % 2)
    return np.array(images), np.array(labels), [f"s{n}" for n in range(count)]


IMAGES, LABELS, SOURCES = blobs(48, 1)


def train(folder, *, recipe=RECIPE, images=IMAGES, **options):
    return train_reference(
        images, LABELS, SOURCES, SCALE, folder, recipe=recipe, progress=False, **options
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A classifier that was trained without interruption, and its folder."""
    folder = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("reference_training", "reference_classifier"):
            path = f"astro_vbinary.training.{name}.build_network"
            patch.setattr(path, small_network)
        yield train(folder), folder
    shutil.rmtree(folder)


def same(one, two):
    one, two = one.network.state_dict(), two.network.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def test_the_network_is_the_recipes(whole_network):
    network = build_network(3)
    blocks = [len(getattr(network, f"layer{n}")) for n in (1, 2, 3, 4)]
    assert blocks == [3, 4, 6, 3]
    assert network.conv1.weight.shape == (64, 1, 7, 7)
    assert network.fc.weight.shape == (2, 512)
    # Torchvision's 21,797,672, less 998 outputs and two channels.
    assert sum(p.numel() for p in network.parameters()) == 21_279_426
    state = torch.random.get_rng_state()
    again = build_network(3)
    assert torch.equal(network.conv1.weight, again.conv1.weight)
    assert not torch.equal(network.conv1.weight, build_network(4).conv1.weight)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_defaults_are_the_reference_works():
    recipe = ReferenceRecipe()
    assert (recipe.epochs, recipe.batch, recipe.rate) == (40, 16, 1e-3)
    assert (recipe.step, recipe.gamma, recipe.shift) == (20, 0.05, 1)
    assert recipe.shares == (0.7, 0.15, 0.15)
    # Its crop, on its own pixels.
    images = np.random.default_rng(0).normal(size=(1, 322, 322))
    inputs, _ = normalise(images, pixel_scale=0.031, crop=recipe.crop)
    assert inputs.shape == (1, 224, 224)
    middle = images[0, 49:273, 49:273]
    inputs = inputs * np.ptp(images) + images.min()
    np.testing.assert_allclose(inputs[0], middle, atol=1e-5)


@given(factor=st.floats(1e-6, 1e9), level=st.floats(-1e4, 1e4))
def test_units_and_backgrounds_do_not_matter(factor, level):
    wanted, usable = normalise(IMAGES[:2], pixel_scale=SCALE, crop=9)
    assert usable.all()
    assert list(wanted.min(axis=(1, 2))) == [0, 0]
    assert list(wanted.max(axis=(1, 2))) == [1, 1]
    found, _ = normalise(factor * (IMAGES[:2] + level), pixel_scale=SCALE, crop=9)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_bad_pixels_and_blank_images():
    images = IMAGES[:4].copy()
    images[0, 3, 4] = np.nan
    images[1] = 7
    images[2] = np.nan
    images[3, 5, 5] = 1e30
    valid = np.ones(images.shape, bool)
    valid[3, 5, 5] = False
    inputs, usable = normalise(images, valid, pixel_scale=SCALE, crop=9)
    assert list(usable) == [True, False, False, True]
    assert np.isfinite(inputs).all()
    assert inputs[0, 3, 4] == inputs[3, 5, 5] == 0
    assert not inputs[1:3].any()
    # One bad pixel leaves the others as they were.
    clean, _ = normalise(IMAGES[:4], pixel_scale=SCALE, crop=9)
    others = np.arange(SIDE) != 4
    np.testing.assert_allclose(inputs[0][:, others], clean[0][:, others], atol=1e-6)
    np.testing.assert_allclose(np.delete(inputs[3], 5, 0), np.delete(clean[3], 5, 0))
    with pytest.raises(ValueError, match=r"not \(32, 32\)"):
        normalise(images[0], pixel_scale=SCALE, crop=9)
    with pytest.raises(ValueError, match="masks"):
        normalise(images, valid[:2], pixel_scale=SCALE, crop=9)
    assert normalise(images[:0], pixel_scale=SCALE, crop=1)[0].shape == (0, 10, 10)


@given(
    sources=st.lists(st.integers(0, 60), min_size=1, max_size=150),
    seed=st.integers(0, 99),
)
def test_no_source_stands_on_two_sides(sources, seed):
    labels = [source % 3 == 0 for source in sources]
    parts = split_sources(sources, labels, seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(len(sources)))
    names = [{sources[i] for i in part} for part in parts]
    for one, two in ((0, 1), (0, 2), (1, 2)):
        assert not names[one] & names[two]
    for label in (False, True):
        count = len({s for s in sources if (s % 3 == 0) == label})
        held = [len({s for s in part if (s % 3 == 0) == label}) for part in names]
        assert held[1:] == [round(0.15 * count)] * 2
    assert str(parts) == str(split_sources(sources, labels, seed=seed))


def test_a_split_needs_labels_for_all():
    with pytest.raises(ValueError, match="2 sources for 1 labels"):
        split_sources(["a", "b"], [1])
    # A source with a pair in one of its surveys counts among the pairs.
    sources = [str(number // 2) for number in range(80)]
    labels = [number % 2 if number < 40 else 0 for number in range(80)]
    parts = split_sources(sources, labels)
    pairs = [sum(labels[number] for number in part) for part in parts]
    assert pairs == [14, 3, 3]


def test_a_stopped_run_goes_on_to_the_same_weights(trained, tmp_path, monkeypatch):
    wanted, _ = trained
    real, calls = reference_training._epoch, []

    def epoch_or_stop(*args):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(reference_training, "_epoch", epoch_or_stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["reference-last.pt"]
    with pytest.raises(ValueError, match="other data or another recipe"):
        train(tmp_path, recipe=ReferenceRecipe(epochs=3, seed=5))
    made = train(tmp_path)
    assert len(calls) == 4
    assert same(made, wanted)
    assert made.history == wanted.history
    assert [path.name for path in tmp_path.iterdir()] == ["reference.safetensors"]


def test_a_run_that_is_done_is_only_read(trained, monkeypatch):
    wanted, folder = trained
    monkeypatch.setattr(reference_training, "_epoch", None)
    again = train(folder)
    assert same(again, wanted)
    assert (again.report, again.history) == (wanted.report, wanted.history)
    with pytest.raises(ValueError, match="was made of other data or otherwise"):
        train(folder, images=IMAGES + np.arange(SIDE))


def test_what_is_saved_is_what_predicts(trained):
    wanted, folder = trained
    read = ReferenceClassifier.load(folder)
    assert read.recipe == RECIPE
    assert read.pixel_scale == SCALE
    np.testing.assert_array_equal(read.predict(IMAGES), wanted.predict(IMAGES))
    with pytest.raises(FileNotFoundError):
        ReferenceClassifier.load(folder / "nowhere")


def test_predictions(trained):
    classifier, _ = trained
    images = IMAGES[:9].copy()
    wanted = classifier.predict(images)
    assert wanted.dtype == np.float64
    assert ((wanted >= 0) & (wanted <= 1)).all()
    np.testing.assert_allclose(classifier.predict(images, batch=2), wanted, atol=1e-6)
    images[3] = 5.0
    images[5, :4] = np.nan
    valid = np.ones(images.shape, bool)
    valid[7] = False
    found = classifier.predict(images, valid=valid)
    assert list(np.flatnonzero(np.isnan(found))) == [3, 7]
    assert classifier.predict(images[:0]).shape == (0,)


def test_the_epoch_with_the_best_f1_is_kept(trained):
    classifier, _ = trained
    scores = [entry["validation_f1"] for entry in classifier.history]
    assert [entry["epoch"] for entry in classifier.history] == [1, 2, 3]
    assert classifier.report["epoch"] == 1 + int(np.argmax(scores))
    parts = split_sources(SOURCES, LABELS, seed=RECIPE.seed)
    called = classifier.predict(IMAGES[parts[2]]) >= 0.5
    pairs = LABELS[parts[2]] == 1
    f1 = 2 * (called & pairs).sum() / (called.sum() + pairs.sum())
    assert max(scores) == pytest.approx(f1)
    assert classifier.report["n"] == len(parts[1])
    assert classifier.report["n_train"] == len(parts[0])


def test_it_learns_what_can_be_learned(tmp_path):
    images, labels, sources = blobs(160, 2)
    recipe = ReferenceRecipe(epochs=8, seed=1)
    made = train_reference(
        images, labels, sources, SCALE * u.arcsec, tmp_path, recipe=recipe,
        progress=False,
    )  # fmt: skip
    assert made.history[-1]["train_loss"] < 0.5 * made.history[0]["train_loss"]
    others, truth, _ = blobs(60, 3)
    assert ((made.predict(others) >= 0.5) == truth).mean() > 0.9
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_augmented_images_are_moved_images(seed):
    image = np.arange(1.0, 37).reshape(6, 6)
    moved = reference_training._augment(image, np.random.default_rng(seed), 1)
    kept = moved[moved > 0]
    assert len(kept) >= 25
    assert len(np.unique(kept)) == len(kept)
    middle = moved[1:5, 1:5]
    wanted = {float(abs(d)) for d in (1, 6)}
    assert set(np.unique(np.abs(np.diff(middle)))) <= wanted
    assert set(np.unique(np.abs(np.diff(middle, axis=0)))) <= wanted


def test_images_without_contrast_are_left_out(tmp_path):
    images = IMAGES.copy()
    images[[2, 7]] = 0.0
    made = train(tmp_path, images=images, recipe=ReferenceRecipe(epochs=1))
    assert made.report["left_out"] == 2
    counts = [made.report[name] for name in ("n", "n_train", "n_validation")]
    assert sum(counts) == len(images) - 2
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": LABELS[:5]}, "48 images, 5 labels, 48 sources"),
        ({"labels": LABELS + 1}, r"0 or 1, not \[1, 2\]"),
        (
            {"labels": 0 * LABELS},
            "training part needs stamps of both classes; it has 0",
        ),
        ({"images": IMAGES[0]}, "32 images"),
        ({"pixel_scale": 1 * u.s}, "arcsec"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, change, message):
    given = {
        "images": IMAGES, "labels": LABELS, "sources": SOURCES, "pixel_scale": SCALE,
        "folder": tmp_path,
    }  # fmt: skip
    with pytest.raises((ValueError, u.UnitsError), match=message):
        train_reference(**(given | change))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "epochs must be positive, not 0"),
        ({"shares": (0.7, 0.3)}, "shares must be three"),
        ({"shares": (0.9, 0.3, -0.2)}, "shares must be three"),
    ],
)
def test_recipes_that_cannot_be_run(given, message):
    with pytest.raises(ValueError, match=message):
        ReferenceRecipe(**given)


@pytest.fixture(scope="module")
def stamps(tmp_path_factory):
    """A folder of stamps of two bands, with a table of what they are."""
    folder = tmp_path_factory.mktemp("stamps")
    images, labels, sources = blobs(12, 5, side=48)
    surveys = ["SDSS9"] * 8 + ["HSCLA"] * 4
    rng = np.random.default_rng(6)
    for number, (source, survey) in enumerate(zip(sources, surveys, strict=True)):
        target = SkyCoord(80 + number, 2, unit="deg")
        wcs = SkyGrid(target, 0.2 * u.arcsec, (48, 48)).wcs
        for band in "gi":
            noisy = images[number] + rng.normal(size=(48, 48))
            stamp = SurveyStamp(
                noisy, wcs, survey=survey, band=band, source=source, target=target
            )
            stamp.write(folder / f"{source}_{band}_{survey}.fits")
    truth = Table({"source": sources, "survey": surveys, "label": labels})
    truth.write(folder / "truth.ecsv")
    return folder, truth


def test_stamps_are_read_by_a_table(stamps):
    folder, truth = stamps
    data = read_labelled(folder, labels=folder / "truth.ecsv", progress=False)
    wanted = {str(row["source"]): int(row["label"]) for row in truth}
    assert dict(zip(data.sources, data.labels, strict=True)) == wanted
    side = GROUP_GRIDS[3][1]
    assert data.images.shape == (12, side, side)
    assert data.pixel_scale.to_value(u.arcsec) == pytest.approx(GROUP_GRIDS[3][0])
    assert np.isfinite(data.images).any(axis=(1, 2)).all()
    assert data.rejected == []


def test_tables_of_labels_in_other_words(stamps):
    folder, truth = stamps
    names = [str(name) for name in truth["source"]][:4]
    table = Table({"source": names, "label": ["binary", "Else", "-1", ""]})
    data = read_labelled(folder, labels=table, progress=False)
    assert dict(zip(data.sources, data.labels, strict=True)) == {
        names[0]: 1,
        names[1]: 0,
    }
    table["survey"] = ["SDSS", "HST", "SDSS", "SDSS"]
    data = read_labelled(folder, labels=table, progress=False)
    assert data.sources == names[:1]


def test_stamps_are_read_from_two_folders(stamps, tmp_path):
    folder, truth = stamps
    for name in ("binary", "else"):
        (tmp_path / name).mkdir()
    for number, row in enumerate(truth):
        for path in folder.glob(f"{row['source']}_*.fits"):
            shutil.copy(path, tmp_path / ("binary", "else")[number % 2])
    (tmp_path / "else" / "9_g_SDSS9.fits").write_bytes(b"no image")
    data = read_labelled(tmp_path, progress=False)
    assert list(data.labels) == [1] * 6 + [0] * 6
    assert len(data.rejected) == 1
    assert "9 in SDSS9" in data.rejected[0][0]


def test_folders_and_tables_that_do_not_fit(stamps, tmp_path):
    folder, _ = stamps
    with pytest.raises(FileNotFoundError, match=r"no folder .*binary"):
        read_labelled(folder)
    with pytest.raises(FileNotFoundError, match="no table"):
        read_labelled(folder, labels=tmp_path / "labels.csv")
    for table, message in (
        (Table({"name": ["a"], "label": [1]}), "no column source; it has name, label"),
        (Table({"source": ["a"], "label": ["maybe"]}), "label 'maybe'|label .*maybe"),
        (Table({"source": ["a"], "label": [1]}), "no labelled stamp"),
    ):
        with pytest.raises(ValueError, match=message):
            read_labelled(folder, labels=table, progress=False)


def test_the_command(stamps, tmp_path, capsys):
    folder, truth = stamps
    labels = tmp_path / "labels.csv"
    made = np.arange(len(truth)) % 2
    Table({"source": truth["source"], "label": made}).write(labels)
    command = [str(folder), "--labels", str(labels), "-o", str(tmp_path / "out"), "-q"]
    assert main([*command, "--epochs", "1", "--threads", "1"]) == 0
    shown = capsys.readouterr().out
    assert "trained on 8, epoch 1 kept by the F1 of 2, tested on 2; 0 left out" in shown
    assert "binary: precision" in shown
    # The second time it is only read.
    assert main([*command, "--epochs", "1"]) == 0
    assert capsys.readouterr().out == shown
    with pytest.raises(SystemExit):
        main([str(folder)])
    shutil.rmtree(tmp_path)
