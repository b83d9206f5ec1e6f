"""Fits in windows around the stars give what fits of whole images give."""

import astropy.units as u
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.measurement import PixelBatch, PSFUncertainty, fitting, model_psf
from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.star_design import draw_stars
from astro_vbinary.measurement.windows import window_half

SCALE, SIDE = 0.05, 121


def make_batch(places, *, bad=False, seed=0):
    """Stacks of two bands of HST with two stars each, (n, 2, 2) in arcsec."""
    rng = np.random.default_rng(seed)
    psfs = [model_psf("HST", band, SCALE) for band in ("F606W", "F814W")]
    images = rng.normal(3, 1, (len(places), 2, SIDE, SIDE))
    origin = (SIDE - 1) / 2 + rng.uniform(-0.5, 0.5, (len(places), 2, 2))
    weight = np.ones_like(images)
    if bad:
        weight[:, :, :, 70:] = 0
        weight[0, 1] = 0
    cd = np.diag([-SCALE, SCALE])
    batch = PixelBatch.from_arrays(images, weight, psfs, cd, origin)
    splines = SplinePSF.of(batch)
    for star, flux in ((0, 4000.0), (1, 1500.0)):
        batch.images.add_(draw_stars(batch, splines, places[:, star]) * flux)
    return batch


def both(batch, start, monkeypatch, **options):
    """The fit in windows, and that of whole images."""
    assert window_half(batch, start.shape[1]) is not None
    near = fit_stars(batch, start, evaluations=30, **options)
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "window_half", lambda *_: None)
        return near, fit_stars(batch, start, evaluations=30, **options)


@pytest.mark.parametrize(
    "uncertainty",
    [None, PSFUncertainty(ellipticity=0.02, size=0.02, registration=5 * u.mas)],
)
@pytest.mark.parametrize("bad", [False, True])
def test_all_is_as_of_whole_images(monkeypatch, uncertainty, bad):
    apart = torch.tensor([[0.12, 0.1], [0.5, -0.3], [1.5, 1.4]], dtype=torch.float64)
    places = torch.stack([torch.zeros_like(apart), apart], dim=1)
    batch = make_batch(places, bad=bad)
    near, whole = both(
        batch, places + 0.02, monkeypatch, uncertainty=uncertainty, residual=True
    )
    for name in ("positions", "flux", "background", "extra", "residual"):
        one, other = getattr(near, name).double(), getattr(whole, name).double()
        scale = 1 + other.abs()
        assert bool(((one - other).abs() < 2e-3 * scale).all()), name
    assert float((near.chi2 - whole.chi2).abs().max()) < 0.05


@settings(max_examples=20)
@given(st.floats(-2.9, 2.9), st.floats(-2.9, 2.9))
def test_windows_that_overlap_or_leave_the_image_count_no_pixel_twice(x, y):
    places = torch.tensor([[[0.0, 0.0], [x, y]]], dtype=torch.float64)
    batch = make_batch(places)
    pixels = fitting.WeightedPixels.make(batch)
    part = pixels.windows(places, 12, (SIDE, SIDE))
    inside = part.root.double().square().sum(2)
    total = pixels.root.double().square().sum(2)
    assert torch.allclose(inside + part.outside.weight, total)
    # At the mean, chi2 outside is that of the pixels outside.
    square = pixels.image.double().square().sum(2) - part.image.double().square().sum(2)
    outside = part.outside
    assert torch.allclose(outside.chi2 + outside.weight * outside.mean**2, square)
