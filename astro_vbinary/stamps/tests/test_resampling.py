"""Batches of images are resampled as `align_image` resamples one."""

import astropy.units as u
import numpy as np
import pytest
import torch
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from astro_vbinary.stamps import SkyGrid
from astro_vbinary.stamps.alignment import align_image
from astro_vbinary.stamps.resampling import fill_bad, resample, resample_linear
from astro_vbinary.stamps.splines import (
    evaluate_spline,
    linear_rows,
    spline_matrix,
    spline_rows,
)

TARGET = SkyCoord(84.0, -5.0, unit="deg")
SIDE = 24


def gaussian(x, y, n=SIDE, width=1.8, flux=1.0):
    axis = np.arange(n)
    image = np.exp(
        -((axis[None, :] - x) ** 2 + (axis[:, None] - y) ** 2) / 2 / width**2
    )
    return flux * image / (2 * np.pi * width**2)


def affine(angle, ratio, *, side, n=SIDE, shift=(0.0, 0.0)):
    """A turned and scaled grid around the middle of the image, for one image."""
    cos, sin = ratio * np.cos(angle), ratio * np.sin(angle)
    matrix = np.array([[[cos, -sin], [sin, cos]]])
    middle = (n - 1) / 2 + np.array([shift])
    return matrix, middle - matrix.sum(axis=2) * (side - 1) / 2


def tensor(image):
    return torch.from_numpy(np.asarray(image, dtype=np.float32))[None]


# ---------------------------------------------------------------------- splines
@given(
    seed=st.integers(0, 1000),
    n=st.integers(4, 30),
    places=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_splines_are_scipy_s(seed, n, places):
    image = np.random.default_rng(seed).normal(size=(n, n))
    place = np.array(places) * (n - 1)
    wanted = ndimage.map_coordinates(
        image, np.meshgrid(place, place, indexing="ij"), order=3, mode="mirror"
    )
    device = torch.device("cpu")
    matrix = spline_matrix(n, device)
    coefficients = matrix @ tensor(image) @ matrix.T
    x = torch.tensor(place, dtype=torch.float32)[None, None, :].expand(1, 4, 4)
    found = evaluate_spline(
        coefficients, x.contiguous(), x.transpose(1, 2).contiguous()
    )
    np.testing.assert_allclose(found[0], wanted, atol=2e-4)
    rows = spline_rows(place[None], n, device)
    np.testing.assert_allclose(
        (rows @ coefficients @ rows.transpose(1, 2))[0], wanted, atol=2e-4
    )
    rows = linear_rows(place[None], n, device)
    linear = ndimage.map_coordinates(
        image, np.meshgrid(place, place, indexing="ij"), order=1, mode="mirror"
    )
    np.testing.assert_allclose(
        (rows @ tensor(image) @ rows.transpose(1, 2))[0], linear, atol=1e-4
    )


# ------------------------------------------------------------------------- flux
@settings(max_examples=30)
@given(
    x=st.floats(9, 14),
    y=st.floats(9, 14),
    angle=st.floats(-4, 4),
    ratio=st.floats(0.3, 1.6),
)
def test_flux_and_position_of_a_source_are_kept(x, y, angle, ratio):
    side = int(SIDE / ratio)
    matrix, offset = affine(angle, ratio, side=side)
    data, mask = resample(tensor(gaussian(x, y, flux=70.0)), None, matrix, offset, side)
    made = data[0].double().numpy()
    assert made.sum() == pytest.approx(70, rel=0.01)
    # Back through the map: the centroid is where the source is.
    rows, columns = np.mgrid[:side, :side]
    centroid = np.array([(made * columns).sum(), (made * rows).sum()]) / made.sum()
    assert matrix[0] @ centroid + offset[0] == pytest.approx([x, y], abs=0.02)
    assert not made[mask[0].numpy()].any()


@pytest.mark.parametrize("ratio", [0.4, 1.0, 1.5])
def test_a_grid_turned_by_nothing_is_made_axis_by_axis_to_the_same_pixels(ratio):
    image = tensor(np.random.default_rng(1).normal(size=(SIDE, SIDE)))
    bad = torch.zeros((1, SIDE, SIDE), dtype=torch.bool)
    bad[:, 5:8, 9:11] = True
    side = 30
    straight, turned = (
        resample(image, bad, *affine(angle, ratio, side=side), side)
        for angle in (0.0, 1e-4)
    )
    torch.testing.assert_close(straight[0], turned[0], atol=0.02, rtol=0)
    assert (straight[1] != turned[1]).float().mean() < 0.01
    assert straight[1].any()


def test_many_images_are_resampled_one_by_one():
    rng = np.random.default_rng(2)
    images = torch.from_numpy(rng.normal(size=(5, SIDE, SIDE)).astype(np.float32))
    bad = torch.from_numpy(rng.random((5, SIDE, SIDE)) < 0.02)
    maps = [affine(angle, 0.5, side=40) for angle in rng.uniform(-3, 3, 5)]
    matrix, offset = (np.concatenate(part) for part in zip(*maps, strict=True))
    box = np.array([[0, 24], [2, 20], [5, 24], [0, 24], [1, 23]])
    whole = resample(images, bad, matrix, offset, 40, box=box)
    for number in range(5):
        one = slice(number, number + 1)
        own = resample(
            images[one], bad[one], matrix[one], offset[one], 40, box=box[one]
        )
        torch.testing.assert_close(own[0], whole[0][one], atol=2e-3, rtol=0)
        assert torch.equal(own[1], whole[1][one])


# -------------------------------------------------------- against `align_image`
@pytest.mark.parametrize("angle", [0.0, 0.7])
@pytest.mark.parametrize("pixel", [0.2, 0.6])
@pytest.mark.parametrize("margin", [0, 3])
def test_images_are_aligned_as_align_image_does(angle, pixel, margin):
    rng = np.random.default_rng(3)
    native, side, n = 0.4, 20, SIDE - 2 * margin
    image = rng.normal(size=(n, n))
    hole = np.zeros((n, n), dtype=bool)
    hole[4:7, 8:12] = hole[:3, -2:] = True
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [TARGET.ra.deg, TARGET.dec.deg]
    wcs.wcs.crpix = [(n + 1) / 2, (n + 1) / 2]
    cos, sin = np.cos(angle), np.sin(angle)
    wcs.wcs.cd = native / 3600 * np.array([[-cos, -sin], [-sin, cos]])
    grid = SkyGrid(TARGET, pixel * u.arcsec, (side, side))
    wanted, masked, _, _ = align_image(image, wcs, grid, mask=hole)
    # Around the image a margin of anything.
    frame = np.full((SIDE, SIDE), np.nan)
    inner = (slice(margin, SIDE - margin),) * 2
    frame[inner] = np.where(hole, np.nan, image)
    bad = np.zeros((1, SIDE, SIDE), dtype=bool)
    bad[0][inner] = hole
    box = np.array([[margin, SIDE - margin]])
    matrix, offset = affine(angle, pixel / native, side=side)
    data, mask = resample(
        tensor(frame), torch.from_numpy(bad), matrix, offset, side, box=box
    )
    np.testing.assert_array_equal(mask[0].numpy(), masked)
    good = ~masked
    assert 0.3 < good.mean() < 1
    np.testing.assert_allclose(data[0].numpy()[good], wanted[good], atol=2e-3)


# ------------------------------------------------------------------- bad pixels
def test_no_bad_value_reaches_a_good_pixel():
    image = gaussian(11.5, 11.5, flux=100)
    spoilt = image.copy()
    spoilt[3:5, 15:17] = np.nan
    bad = torch.from_numpy(~np.isfinite(spoilt))[None]
    matrix, offset = affine(0.3, 0.5, side=44)
    clean, _ = resample(tensor(image), None, matrix, offset, 44)
    made, mask = resample(tensor(spoilt), bad, matrix, offset, 44)
    assert torch.isfinite(made).all()
    good = ~mask
    torch.testing.assert_close(made[good], clean[good], atol=2e-3, rtol=0)
    # Four native pixels are 16 of the finer ones, and those that lean on them more.
    covered = resample(tensor(image), torch.zeros_like(bad), matrix, offset, 44)[1]
    assert 16 <= (mask & ~covered).sum() <= 60


def test_an_image_without_a_good_pixel_is_masked_and_zero():
    image = torch.full((1, SIDE, SIDE), torch.nan)
    bad = torch.ones((1, SIDE, SIDE), dtype=torch.bool)
    for box in (None, np.array([[2, 20]])):
        data, mask = resample(image, bad, *affine(0.2, 0.5, side=20), 20, box=box)
        assert mask.all()
        assert not data.any()


def test_bad_pixels_are_filled_by_their_nearest_neighbours_within_the_box():
    image = np.arange(36, dtype=np.float32).reshape(6, 6)
    bad = np.zeros((1, 6, 6), dtype=bool)
    bad[0, 1, 1] = True
    (made,) = fill_bad(tensor(image), torch.from_numpy(bad), np.array([[1, 5]]))
    # Of its neighbours two are out of the box.
    assert made[1, 1] in (image[1, 2], image[2, 1])
    same = made.numpy() == image
    assert same.sum() == 35
    assert fill_bad(tensor(image), None)[0].equal(torch.from_numpy(image))


# ----------------------------------------------------------------------- linear
@given(angle=st.floats(-4, 4), ratio=st.floats(0.1, 2))
@settings(max_examples=20)
def test_linear_interpolation_is_exact_for_planes_and_keeps_values(angle, ratio):
    axis = np.arange(SIDE)
    plane = 3 + 0.5 * axis[None, :] - 0.2 * axis[:, None]
    side = 15
    matrix, offset = affine(angle, ratio, side=side)
    data, mask = resample_linear(tensor(plane), None, matrix, offset, side)
    rows, columns = np.mgrid[:side, :side]
    x, y = np.moveaxis(
        np.stack([columns, rows], axis=-1) @ matrix[0].T + offset[0], -1, 0
    )
    good = ~mask[0].numpy()
    np.testing.assert_allclose(
        data[0].numpy()[good], (3 + 0.5 * x - 0.2 * y)[good], atol=1e-4
    )
    inside = (np.minimum(x, y) > 1e-3) & (np.maximum(x, y) < SIDE - 1 - 1e-3)
    assert good[inside].all()
    assert not good[(np.minimum(x, y) < -1e-3)].any()


def test_a_bad_pixel_spoils_the_four_that_lean_on_it():
    bad = torch.zeros((1, SIDE, SIDE), dtype=torch.bool)
    bad[0, 10, 10] = True
    matrix, offset = affine(0.0, 0.5, side=40)
    _, mask = resample_linear(tensor(np.ones((SIDE, SIDE))), bad, matrix, offset, 40)
    rows, columns = np.nonzero(mask[0].numpy())
    x, y = 0.5 * columns + offset[0, 0], 0.5 * rows + offset[0, 1]
    assert len(x) == 16
    assert np.abs(x - 10).max() < 1
    assert np.abs(y - 10).max() < 1
