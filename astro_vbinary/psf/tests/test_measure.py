import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.psf import MoffatPSF, encircled_energy, measure_psf

SCALE = 0.25 * u.arcsec


@given(
    fwhm=st.floats(0.9, 2.5),
    ellipticity=st.floats(0.05, 0.3),
    angle=st.floats(0, 180),
    x=st.floats(29.5, 30.5),
    y=st.floats(29.5, 30.5),
)
def test_what_was_drawn_is_measured(fwhm, ellipticity, angle, x, y):
    psf = MoffatPSF(
        fwhm * u.arcsec, beta=3.5, ellipticity=ellipticity, angle=angle * u.deg
    )
    # Sampled at points, so that no pixel widens it.
    scale = SCALE.value
    yy, xx = np.mgrid[:61, :61]
    image = psf._brightness((xx - x) * scale, (yy - y) * scale)
    found = measure_psf(image, SCALE, [] * u.arcsec)
    assert found.fwhm.to_value(u.arcsec) == pytest.approx(fwhm, rel=0.03)
    assert found.center == pytest.approx((x, y), abs=0.05)
    assert found.ellipticity == pytest.approx(ellipticity, abs=0.03)
    off = (found.angle.to_value(u.deg) - angle + 90) % 180 - 90
    assert abs(off) < 8


@given(beta=st.floats(2, 5), scale=st.floats(0.05, 0.3))
def test_encircled_energy_is_that_of_the_profile(beta, scale):
    psf = MoffatPSF(1 * u.arcsec, beta=beta)
    image = psf.image((201, 201), scale * u.arcsec)
    radii = [0.75, 1.5, 3] * u.arcsec
    found = measure_psf(image, scale * u.arcsec, radii, outer=4 * u.arcsec)
    wanted = psf.encircled_energy([0.75, 1.5, 3, 4] * u.arcsec)
    np.testing.assert_allclose(found.encircled, wanted[:3] / wanted[3], atol=0.02)


def test_another_star_in_the_image_is_not_the_core():
    psf = MoffatPSF(1 * u.arcsec, beta=4)
    alone = psf.image((81, 81), SCALE)
    pair = alone + 0.9 * psf.image((81, 81), SCALE, position=(50, 40))
    one = measure_psf(alone, SCALE, [] * u.arcsec)
    two = measure_psf(pair, SCALE, [] * u.arcsec)
    assert two.fwhm.value == pytest.approx(one.fwhm.value, rel=0.02)
    assert two.center == pytest.approx((40, 40), abs=0.05)


def test_a_star_at_the_edge_of_its_image():
    image = MoffatPSF(1 * u.arcsec).image((20, 20), SCALE, position=(4, 10))
    found = measure_psf(image, SCALE, [] * u.arcsec)
    assert found.center == pytest.approx((4, 10), abs=0.05)
    assert found.fwhm.value == pytest.approx(1.0, rel=0.05)


def test_circles_of_nothing_and_of_everything():
    image = np.ones((11, 11))
    found = encircled_energy(image, [[0, 1], [2, 40]], center=(5, 5))
    assert found.shape == (2, 2)
    np.testing.assert_allclose(found, [[0, np.pi], [4 * np.pi, 121]], rtol=1e-6)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((9, 9), np.nan), "81 pixels are not"),
        (-np.ones((9, 9)), "the brightest pixel is -1"),
    ],
)
def test_what_is_no_star_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        measure_psf(image, SCALE, [] * u.arcsec)
