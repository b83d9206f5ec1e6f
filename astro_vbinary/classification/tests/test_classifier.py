import numpy as np
import pytest
import torch

from astro_vbinary.classification import BinaryClassifier, ClassificationResult, prepare
from astro_vbinary.classification.classifier import choose_device
from astro_vbinary.classification.tests.helpers_stacks import (
    GRID,
    make_cube,
    make_stack,
    star_image,
)
from astro_vbinary.exceptions import AlignmentError, UnknownWeightsError, WeightsError
from astro_vbinary.stamps import SkyGrid
from astro_vbinary.status import Flag


@pytest.fixture
def classifier(make_card):
    """A tiny one on the CPU."""
    return BinaryClassifier.from_file(make_card().path, device="cpu")


def cubes(count):
    return [
        make_cube(star_image(seed=n, second=300.0 * n), source=str(n))
        for n in range(count)
    ]


def test_a_probability_for_every_stack_in_order(classifier):
    result = classifier.predict(cubes(5))
    assert isinstance(result, ClassificationResult)
    assert list(result.to_table()["source"]) == list("01234")
    assert ((result.probability > 0) & (result.probability < 1)).all()
    assert len(set(result.probability)) == 5
    assert set(result.status) == {"ok"}
    assert set(result.to_table()["weights"]) == {"tiny-g3"}


def test_one_stack_needs_no_list_and_an_iterator_will_do(classifier):
    stacks = cubes(3)
    every = classifier.predict(iter(stacks)).probability
    assert classifier.predict(stacks[1]).probability[0] == pytest.approx(every[1])
    assert len(classifier.predict([])) == 0


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_the_size_of_batches_changes_nothing(classifier, batch_size):
    wanted = classifier.predict(cubes(5)).probability
    found = classifier.predict(cubes(5), batch_size=batch_size).probability
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_the_probability_is_that_of_the_network(classifier, make_card):
    prepared = prepare(cubes(3)[2])
    process, scale = classifier.card.preprocessing, GRID.pixel_scale.value
    sums = process.channels_of(
        torch.from_numpy(prepared.signal)[None],
        torch.from_numpy(prepared.valid)[None],
        scale,
    )
    bands = process.band_channels_of(torch.from_numpy(prepared.bands), scale)
    owner = torch.zeros(len(bands), dtype=torch.int64)
    with torch.inference_mode():
        scores = classifier._network(sums, bands, owner).numpy()
    wanted = classifier.card.probability(scores)
    assert classifier.predict(cubes(3)).probability[2] == pytest.approx(wanted[0])


def test_another_prior_shifts_the_odds(classifier):
    usual = classifier.predict(cubes(3)).probability
    rare = classifier.predict(cubes(3), prior=0.02).probability
    odds = (rare / (1 - rare)) / (usual / (1 - usual))
    np.testing.assert_allclose(odds, 0.02 / 0.98, rtol=1e-6)
    same = classifier.predict(cubes(3), prior=0.5).probability
    np.testing.assert_allclose(same, usual, rtol=1e-9)


@pytest.mark.parametrize("prior", [0, 1, -0.2, float("nan")])
def test_a_prior_is_a_share(classifier, prior):
    with pytest.raises(ValueError, match="prior must be between 0 and 1, not"):
        classifier.predict([], prior=prior)


def test_scores_can_be_averaged_over_symmetries(make_card):
    network = dict(make_card().entries["network"], symmetries=8)
    classifier = BinaryClassifier.from_file(make_card(network=network).path)
    cube = cubes(2)[1]
    turned = make_cube(np.rot90(cube.data[0]).copy(), source="turned")
    found = classifier.predict([cube, turned]).probability
    # The background is measured on every other pixel, which turning changes.
    assert found[1] == pytest.approx(found[0], rel=5e-3)


def test_the_threshold_of_the_card_makes_the_label(make_card):
    probability = None
    for threshold, label in ((1e-9, "binary"), (1 - 1e-9, "not")):
        card = make_card(threshold=threshold)
        classifier = BinaryClassifier.from_file(card.path, device="cpu")
        result = classifier.predict(cubes(2))
        assert list(result.label) == [label, label]
        assert probability is None or np.array_equal(result.probability, probability)
        probability = result.probability


def test_what_cannot_be_judged_has_a_row_with_a_reason(classifier):
    blank = make_cube(np.full((64, 64), np.nan), source="blank")
    wise = make_cube(survey="AllWISE", source="wise")
    result = classifier.predict([blank, *cubes(1), wise])
    table = result.to_table()
    assert list(result.status) == ["no_data", "ok", "unresolved"]
    assert np.isnan(result.probability[[0, 2]]).all()
    assert list(result.label[[0, 2]]) == ["", ""]
    assert "no usable data" in table["reason"][0]
    assert "AllWISE" in table["reason"][2]


def test_a_survey_outside_the_training_set_is_flagged(classifier):
    result = classifier.predict([make_cube(survey="DECaLS"), make_cube(survey="SDSS9")])
    assert result.flags[0] & Flag.UNTRAINED_SURVEY
    assert not result.flags[1] & Flag.UNTRAINED_SURVEY
    assert list(result.status) == ["ok", "ok"]


def test_only_aligned_stacks_on_the_right_grid(classifier):
    with pytest.raises(TypeError, match=r"not StampStack; StampStack.align makes one"):
        classifier.predict([make_stack()])
    with pytest.raises(TypeError, match="not ndarray"):
        classifier.predict([np.ones((3, 64, 64))])
    for scale, side in ((1.0, 65), (1.01, 64)):
        grid = SkyGrid(GRID.center, scale * GRID.pixel_scale, (side, side))
        cube = make_cube(star_image(grid=grid), grid=grid)
        with pytest.raises(AlignmentError, match="not on this classifier's"):
            classifier.predict(cube)
    with pytest.raises(TypeError, match="what prepare returns"):
        classifier.probabilities([np.ones((64, 64))])


def test_the_grid_is_that_of_the_card_and_stacks_align_to_it(classifier):
    grid = classifier.grid(GRID.center)
    assert (grid.shape, grid.pixel_scale) == (GRID.shape, GRID.pixel_scale)
    assert list(classifier.predict(make_stack().align(grid)).status) == ["ok"]


# ------------------------------------------------------------- making classifiers
def test_classifiers_by_id_group_and_file(bundled):
    by_id = BinaryClassifier.from_pretrained("tiny-g4", device="cpu")
    assert by_id.card.group == 4
    by_group = BinaryClassifier.for_group(3, device="cpu")
    assert by_group.card.id == "tiny-g3"
    path = bundled[3].path
    for place in (path, str(path), path.with_suffix(".safetensors")):
        assert BinaryClassifier.from_file(place, device="cpu").card.id == "tiny-g3"
    with pytest.raises(UnknownWeightsError, match="known: tiny-g3"):
        BinaryClassifier.from_pretrained("resnet", device="cpu")
    with pytest.raises(UnknownWeightsError, match="group 1"):
        BinaryClassifier.for_group(1)
    with pytest.raises(WeightsError, match="holds 2 cards"):
        BinaryClassifier.from_file(path.parent)


def test_repr_is_one_line(classifier):
    assert repr(classifier) == "<BinaryClassifier tiny-g3 group 3 on cpu in float32>"


def test_devices(make_card):
    device = choose_device("auto")
    if not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        assert device.type == "cpu"
    assert choose_device("cpu").type == "cpu"
    for name in ("gpu", "cuda:99", "abacus"):
        with pytest.raises(ValueError, match=f"no device '{name}' here"):
            BinaryClassifier.from_file(make_card().path, device=name)


def test_precisions(make_card):
    path = make_card().path
    full = BinaryClassifier.from_file(path, device="cpu", precision="float32")
    exact = full.predict(cubes(4)).probability
    for precision, change in (("float16", 0.01), ("bfloat16", 0.05)):
        half = BinaryClassifier.from_file(path, device="cpu", precision=precision)
        found = half.predict(cubes(4)).probability
        np.testing.assert_allclose(found, exact, atol=change)
        assert (found != exact).any()
    assert BinaryClassifier.from_file(path, device="cpu").precision == "float32"
    with pytest.raises(ValueError, match="'float8'; known: auto, float32, float16"):
        BinaryClassifier.from_file(path, precision="float8")


def test_nothing_global_is_touched(make_card):
    before = (
        torch.get_num_threads(),
        torch.random.get_rng_state(),
        torch.is_grad_enabled(),
    )
    classifier = BinaryClassifier.from_file(make_card().path, device="cpu")
    state = torch.random.get_rng_state()
    classifier.predict(cubes(2))
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.is_grad_enabled() == before[2]
