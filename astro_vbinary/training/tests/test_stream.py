"""Endless blocks of simulated stacks, the same for the same number."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.classification import Preprocessing
from astro_vbinary.simulation import KINDS, Scene, simulate_batch
from astro_vbinary.simulation.sky import Star
from astro_vbinary.training import Block, SimulationStream, stream
from astro_vbinary.training.feeding import turn_block
from astro_vbinary.training.stream import AUXILIARY, join_blocks

MIXTURE = {"DECaLS": 0.7, "ZTF": 0.3}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(stream, "BLOCK", 12)


def make(**options):
    return SimulationStream(MIXTURE, 0.2, 32, **{"seed": 5} | options)


def same(one, two):
    names = ("sums", "bands", "owner", "labels")
    return str(one.truth) == str(two.truth) and all(
        torch.equal(getattr(one, name), getattr(two, name)) for name in names
    )


# ------------------------------------------------------------------------ blocks
def test_a_block_holds_inputs_with_their_truth():
    block = make().block(3)
    count = len(block)
    assert 9 <= count <= 12
    assert block.sums.shape == (count, 4, 32, 32)
    assert block.bands.shape == (len(block.owner), 2, 32, 32)
    assert block.sums.dtype == block.bands.dtype == torch.float16
    for plane in (block.sums, block.bands):
        assert torch.isfinite(plane).all()
        assert plane.abs().amax(dim=(1, 2, 3)).min() > 0
    assert (block.owner.diff() >= 0).all()
    # Every stack has a band, and no more than it was simulated with.
    bands = torch.bincount(block.owner, minlength=count)
    assert bands.min() >= 1
    assert all(n <= row["bands"] for n, row in zip(bands, block.truth, strict=True))
    assert block.labels.tolist() == [KINDS[row["kind"]][0] for row in block.truth]
    pairs = block.labels == 1
    assert torch.isfinite(block.auxiliary[pairs]).all()
    assert torch.isnan(block.auxiliary[~pairs]).all()
    assert block.auxiliary.shape == (count, len(AUXILIARY))


def test_a_block_is_the_same_for_the_same_number_in_any_order():
    one, two = make(), make()
    first = [one.block(number) for number in (0, 1, 2)]
    again = [two.block(number) for number in (2, 0, 1)]
    for block, number in zip(again, (2, 0, 1), strict=True):
        assert same(block, first[number])
    assert not same(first[0], first[1])


def test_streams_of_other_seeds_share_no_scene():
    blocks = [make(seed=seed).block(0) for seed in (5, 6)]
    blocks.append(make().block(1))
    places = [{(row["ra"], row["dec"]) for row in block.truth} for block in blocks]
    assert not (places[0] & places[1]) | (places[0] & places[2])


def test_a_block_is_of_one_survey_and_all_have_their_share():
    surveys = []
    for number in range(60):
        batch_stream = make(kinds=("empty",))
        rows = {row["survey"] for row in batch_stream.batch(number).truth}
        assert len(rows) == 1
        surveys += rows
    share = surveys.count("DECaLS") / 60
    assert share == pytest.approx(0.7, abs=4 * np.sqrt(0.7 * 0.3 / 60))


def test_kinds_population_and_form_are_those_asked_for():
    kinds = ("pair", "single", "galaxy", "neighbour", "saturated")
    made = make(kinds=kinds, population="orion", hips_share=1.0)
    # In turn, across the blocks.
    found = [row["kind"] for n in range(3) for row in made.batch(n).truth]
    assert found == [kinds[i % 5] for i in range(36)]
    rows = made.batch(0).truth
    assert {row["form"] for row in rows} == {"hips"}
    assert {row["population"] for row in rows} == {"orion", ""}


def test_stamps_are_no_larger_than_the_grid_needs():
    made = make()
    for frames in made.batch(1).frames:
        for exposure in frames.exposures:
            width = exposure.side * exposure.pixel_scale
            assert width <= made.field_width + exposure.pixel_scale


def test_a_network_without_bands_gets_none():
    plain = Preprocessing(channels=("linear", "asinh"), band_channels=())
    block = make(preprocessing=plain).block(0)
    assert block.sums.shape[1] == 2
    assert block.bands.shape[1] == 0
    wanted = make().block(0)
    torch.testing.assert_close(block.sums, wanted.sums[:, :2])
    assert torch.equal(block.owner, wanted.owner)


def test_stacks_with_nothing_to_classify_are_left_out():
    made = make()
    batch = made.batch(0)
    for frames in batch.frames:
        for number, exposure in enumerate(frames.exposures):
            if exposure.stack in (2, 5):
                frames.blank[number] = True
                frames.images[number] = torch.nan
    kept = made.prepare(batch)
    whole = made.prepare(made.batch(0))
    gone = {(batch.truth[i]["ra"], batch.truth[i]["dec"]) for i in (2, 5)}
    left = [i for i, r in enumerate(whole.truth) if (r["ra"], r["dec"]) not in gone]
    assert len(left) < len(whole)
    assert same(kept, whole.take(torch.tensor(left)))


# ----------------------------------------------------------------- take and join
def numbered(counts):
    """A block whose pixels tell which stack and band they are of."""
    n, m = len(counts), sum(counts)
    owner = torch.repeat_interleave(torch.arange(n), torch.tensor(counts))
    number = torch.arange(n, dtype=torch.float16)
    band = torch.cat([torch.arange(c) for c in counts]).half()
    pixels = torch.stack([owner.half(), band], dim=1)
    return Block(
        number.reshape(n, 1, 1, 1).expand(n, 1, 2, 2),
        pixels.reshape(m, 2, 1, 1).expand(m, 2, 2, 2),
        owner,
        torch.arange(n) % 2,
        number.float()[:, None].expand(n, 4),
        [{"number": i} for i in range(n)],
    )


def check(block, numbers, counts):
    """Whether a block holds these stacks of `numbered`, each with its bands."""
    assert len(block) == len(numbers)
    assert block.sums[:, 0, 0, 0].tolist() == numbers
    assert block.auxiliary[:, 0].tolist() == numbers
    assert [row["number"] for row in block.truth] == numbers
    assert block.labels.tolist() == [number % 2 for number in numbers]
    found = [
        (numbers[stack], int(band))
        for stack, band in zip(block.owner, block.bands[:, 1, 0, 0], strict=True)
    ]
    assert found == [(k, band) for k in numbers for band in range(counts[k])]
    assert block.bands[:, 0, 0, 0].tolist() == [k for k, _ in found]


@settings(max_examples=60)
@given(
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=8),
    data=st.data(),
)
def test_stacks_that_are_taken_keep_their_bands(counts, data):
    size = len(counts)
    numbers = data.draw(st.lists(st.integers(0, size - 1), max_size=12))
    block = numbered(counts)
    check(block, list(range(size)), counts)
    taken = block.take(torch.tensor(numbers, dtype=torch.int64))
    check(taken, numbers, counts)
    # Joined with another part, and taken apart again.
    rest = list(range(size))
    joined = join_blocks([taken, block])
    check(joined, numbers + rest, counts)
    back = joined.take(torch.arange(len(numbers), len(numbers) + size))
    check(back, rest, counts)


# --------------------------------------------------------------------- auxiliary
def directions(images):
    """Cosine and sine of twice the direction that images are long in."""
    images = images.float()
    weight = torch.where(images > 0.25, images, torch.zeros(())).double()
    side = images.shape[-1]
    axis = torch.arange(side, dtype=torch.float64)
    total = weight.sum(dim=(1, 2))
    x = axis[None, :].expand(side, side)
    y = axis[:, None].expand(side, side)
    dx = x - ((weight * x).sum(dim=(1, 2)) / total)[:, None, None]
    dy = y - ((weight * y).sum(dim=(1, 2)) / total)[:, None, None]
    xx, yy, xy = ((weight * m).sum(dim=(1, 2)) for m in (dx * dx, dy * dy, dx * dy))
    size = torch.hypot(xx - yy, 2 * xy)
    return torch.stack([(xx - yy) / size, 2 * xy / size], dim=1).float()


@pytest.fixture(scope="module")
def bright_pairs():
    """Wide pairs of bright, equal stars at many angles, as a block.

    From space: in bad seeing the ellipticity of the PSF turns a pair's direction.
    """

    def draw(rng, *, fwhm, radius):
        angle = rng.uniform(0, 2 * np.pi)
        east, north = 1.1 * np.sin(angle), 1.1 * np.cos(angle)
        stars = (Star(-east, -north, 3000.0), Star(east, north, 2800.0))
        return Scene(
            "pair", 1, stars, separation=2.2, position_angle=np.rad2deg(angle),
            magnitude_difference=2.5 * np.log10(3000 / 2800),
        )  # fmt: skip

    rng = np.random.default_rng(3)
    options = {"kinds": "pair", "scenes": draw, "clean": True, "hips_share": 0}
    bands = ["F110W", "F160W"]
    batch = simulate_batch("HST", 40, rng, bands=bands, field=6.0, **options)
    return SimulationStream({"HST": 1.0}, 0.1, 56, seed=1).prepare(batch)


def test_the_auxiliary_direction_is_that_of_the_pixels(bright_pairs):
    block = bright_pairs
    assert len(block) == 40
    wanted = block.auxiliary[:, 2:]
    torch.testing.assert_close(wanted.norm(dim=1), torch.ones(40))
    assert (directions(block.sums[:, 0]) - wanted).abs().max() < 0.15
    assert block.auxiliary[:, 0].tolist() == pytest.approx([np.log(2.2)] * 40)
    each = [row["magnitude_difference"] / 3 for row in block.truth]
    assert block.auxiliary[:, 1].tolist() == pytest.approx(each)


def test_pixels_and_directions_are_turned_together(bright_pairs):
    block = replace(bright_pairs, auxiliary=bright_pairs.auxiliary.clone())
    kept = block.auxiliary.clone(), block.sums.clone()
    seen = {}
    for seed in range(60):
        sums, bands, auxiliary = turn_block(block, torch.Generator().manual_seed(seed))
        assert (directions(sums[:, 0]) - auxiliary[:, 2:]).abs().max() < 0.15
        # Every band as the sum, and separation and magnitudes as they were.
        each = directions(bands[:, 0])
        assert (each - auxiliary[block.owner, 2:]).abs().max() < 0.2
        torch.testing.assert_close(auxiliary[:, :2], block.auxiliary[:, :2])
        seen[sums[0, 0].float().numpy().tobytes()] = sums[0, 0]
    # All eight symmetries of the square, of the same values.
    assert len(seen) == 8
    for image in seen.values():
        torch.testing.assert_close(
            image.flatten().sort()[0], block.sums[0, 0].flatten().sort()[0]
        )
    # The block itself is as it was.
    assert torch.equal(block.auxiliary, kept[0])
    assert torch.equal(block.sums, kept[1])
