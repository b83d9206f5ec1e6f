"""Batches are aligned as real stamps are."""

import astropy.units as u
import numpy as np
import pytest
import torch

from astro_vbinary.exceptions import NoDataError
from astro_vbinary.simulation import align_batch, simulate_batch
from astro_vbinary.simulation.simulate import stacks_of
from astro_vbinary.stamps import SkyGrid


def both_ways(survey, scale, side, *, count=12, seed=1, **options):
    """Each stack's bands by `align_batch` and by `StampStack.align`."""
    batch = simulate_batch(survey, count, np.random.default_rng(seed), **options)
    aligned = align_batch(batch, scale, side)
    made = stacks_of(batch, [str(number) for number in range(count)])
    for number, simulated in enumerate(made):
        own = aligned.owner == number
        data, mask = aligned.data[own].numpy(), aligned.mask[own].numpy()
        stack = simulated.stack
        grid = SkyGrid(stack.target, scale * u.arcsec, (side, side))
        try:
            cube = stack.align(grid)
        except NoDataError:
            assert mask.all()
            continue
        assert stack.bands == tuple(
            e.band for e in aligned.exposures if e.stack == number
        )
        yield simulated, data, mask, cube


def difference(data, mask, cube):
    """Largest difference of each band over its peak."""
    for image, bad, other in zip(data, mask, cube.data, strict=True):
        good = ~bad
        if good.any():
            contrast = np.ptp(other[good])
            yield np.abs(image - other)[good].max() / contrast


@pytest.mark.parametrize(
    ("survey", "scale", "side"),
    [
        ("Pan-STARRS", 0.055, 96),  # oversampled, hardly turned
        ("SDSS9", 0.1, 64),  # turned
        ("ZTF", 0.2, 48),  # the grid beyond some stamps
        ("HSCLA", 0.35, 20),  # pixels finer than the grid's: smoothed first
    ],
)
def test_native_stamps_are_aligned_to_the_same_pixels(survey, scale, side):
    worst, masked = [], 0
    kinds = ["pair", "single", "saturated", "edge", "cosmic_rays", "empty"] * 2
    for _, data, mask, cube in both_ways(
        survey, scale, side, kinds=kinds, hips_share=0
    ):
        np.testing.assert_array_equal(mask, cube.mask)
        masked += mask.sum()
        worst += difference(data, mask, cube)
    # To the stamps' very edges, and on the filled pixels, in single precision.
    assert max(worst) < 2e-4
    assert len(worst) >= 12
    # Masks are no trivial ones.
    assert masked > 50


def test_sharp_images_are_aligned_to_the_same_pixels():
    options = {"bands": ["F200W"], "count": 4, "kinds": "pair", "hips_share": 0}
    for _, data, mask, cube in both_ways("JWST", 0.04, 128, **options):
        np.testing.assert_array_equal(mask, cube.mask)
        assert max(difference(data, mask, cube)) < 2e-4


@pytest.mark.parametrize(
    ("survey", "scale", "side"), [("Pan-STARRS", 0.055, 96), ("SDSS9", 0.1, 64)]
)
def test_oversampled_stamps_are_aligned_to_the_same_pixels(survey, scale, side):
    worst = []
    kinds = ["pair", "single", "galaxy"] * 2
    for simulated, data, mask, cube in both_ways(
        survey, scale, side, kinds=kinds, count=6, hips_share=1, clean=True
    ):
        assert simulated.truth["form"] == "hips"
        assert simulated.stack[0].shape == (322, 322)
        np.testing.assert_array_equal(mask, cube.mask)
        worst += difference(data, mask, cube)
    assert max(worst) < 5e-4
    assert len(worst) >= 6


def test_oversampled_stamps_with_holes_are_aligned_to_the_same_pixels():
    # Zeros are data to a HiPS server, and mix with what is around them.
    worst, kinds = [], ["edge", "saturated"] * 4
    for _, data, mask, cube in both_ways(
        "SDSS9", 0.1, 64, kinds=kinds, count=8, hips_share=1, seed=3
    ):
        assert (mask != cube.mask).mean() < 0.002
        worst += difference(data, mask | cube.mask, cube)
    assert max(worst) < 5e-3


def test_a_stamp_without_a_good_pixel_is_masked():
    batch = simulate_batch("SDSS9", 2, np.random.default_rng(3), bands=1, hips_share=0)
    for frames in batch.frames:
        for number, exposure in enumerate(frames.exposures):
            if exposure.stack == 0:
                frames.blank[number] = True
                frames.images[number] = torch.nan
    made = align_batch(batch, 0.1, 48)
    assert made.mask[0].all()
    assert not made.data[0].any()
    assert not made.mask[1].all()
