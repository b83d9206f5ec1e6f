import astropy.units as u
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.measurement import PixelBatch
from astro_vbinary.measurement.rendering import SplinePSF, spline_weights
from astro_vbinary.measurement.star_design import draw_stars, shape_modes
from astro_vbinary.measurement.tests.helpers_pairs import rotated
from astro_vbinary.psf import MoffatPSF

SHAPE = (31, 37)


def blank(psf, cd, **options):
    images = np.zeros((1, 1, *SHAPE))
    return PixelBatch.from_arrays(images, 1.0, [psf], cd, [18, 15], **options)


def test_weights_are_a_partition_of_one_and_slopes_their_derivative():
    t = torch.linspace(0, 0.999, 7, dtype=torch.float64)
    weights, slopes = spline_weights(t)
    assert torch.allclose(weights.sum(-1), torch.ones_like(t))
    step = 1e-6
    numeric = (spline_weights(t + step)[0] - spline_weights(t - step)[0]) / (2 * step)
    assert torch.allclose(numeric, slopes, atol=1e-8)


@pytest.mark.parametrize(
    ("fwhm", "scale", "oversampling"),
    [(1.1, 0.25, None), (1.4, 0.396, None), (0.55, 0.168, None), (2.8, 1.0, 3)],
)
@settings(max_examples=15, deadline=None)
@given(x=st.floats(3, 33), y=st.floats(3, 27))
def test_star_is_drawn_as_the_psf_draws_it(fwhm, scale, oversampling, x, y):
    psf = MoffatPSF(fwhm * u.arcsec, beta=3.0, ellipticity=0.1, angle=20 * u.deg)
    batch = blank(psf, rotated(scale, 0), oversampling=oversampling)
    row = torch.zeros(1, dtype=torch.long)
    position = torch.tensor([[x, y]], dtype=torch.float64)
    star, slope_x, slope_y = SplinePSF.of(batch).draw(position, row)
    truth = psf.image(SHAPE, scale * u.arcsec, position=(x, y))
    error = np.linalg.norm(star[0].numpy() - truth) / np.linalg.norm(truth)
    assert error < 5e-4
    step = 1e-3
    for axis, slope in enumerate((slope_x, slope_y)):
        move = np.zeros(2)
        move[axis] = step
        ahead, behind = (
            psf.image(SHAPE, scale * u.arcsec, position=tuple(np.array([x, y]) + m))
            for m in (move, -move)
        )
        wanted = (ahead - behind) / (2 * step)
        error = np.linalg.norm(slope[0].numpy() - wanted) / np.linalg.norm(wanted)
        assert error < 5e-3


@settings(max_examples=15, deadline=None)
@given(angle=st.floats(0, 360), east=st.floats(-1, 1), north=st.floats(-1, 1))
def test_offset_on_the_sky_lands_where_the_cd_matrix_says(angle, east, north):
    cd = rotated(0.25, angle)
    batch = blank(MoffatPSF(1.1 * u.arcsec), cd)
    position = torch.tensor([[east, north]], dtype=torch.float64)
    star = draw_stars(batch, SplinePSF.of(batch), position)[0, 0].numpy()
    y, x = np.indices(SHAPE)
    # A wide window: the centroid of the core is enough.
    core = star**2
    place = [(core * axis).sum() / core.sum() for axis in (x, y)]
    assert np.allclose(cd @ (np.array(place) - [18, 15]), [east, north], atol=0.01)


def test_shape_modes_are_what_a_change_of_the_psf_does():
    width, step = 1.4, 1e-3
    psf = MoffatPSF(width * u.arcsec, beta=30)
    batch = blank(psf, rotated(0.25, 0))
    position = torch.tensor([[17.6, 15.2]], dtype=torch.float64)
    parts = SplinePSF.of(batch).draw(position, torch.zeros(1, dtype=torch.long))
    modes = [mode[0].numpy() for mode in shape_modes(*parts, position)]

    def image(**change):
        values = {"fwhm": width * u.arcsec, "beta": 30} | change
        return MoffatPSF(**values).image(
            SHAPE, 0.25 * u.arcsec, position=tuple(position[0].tolist())
        )

    changed = [
        image(ellipticity=step) - image(),
        image(ellipticity=step, angle=45 * u.deg) - image(),
        image(fwhm=width * (1 + step) * u.arcsec) - image(),
    ]
    for mode, difference in zip(modes, changed, strict=True):
        wanted = difference / step
        # The pixel does not change with the PSF, which the modes neglect.
        assert np.linalg.norm(mode - wanted) < 0.06 * np.linalg.norm(wanted)
