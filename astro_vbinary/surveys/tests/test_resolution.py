import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, optimize, special

from astro_vbinary.surveys import effective_resolution, rayleigh_resolution

WAVELENGTHS = st.floats(0.1, 30.0)
APERTURES = st.floats(0.05, 50.0)
FACTORS = st.floats(1e-3, 1e3)


def airy(v):
    return (2 * special.j1(v) / v) ** 2


def test_hubble_at_550_nm():
    theta = rayleigh_resolution(550 * u.nm, 2.4 * u.m)
    assert theta.unit == u.arcsec
    assert theta.value == pytest.approx(0.0577, abs=5e-5)


def test_first_dark_ring_of_the_airy_pattern():
    zero = optimize.brentq(special.j1, 3, 4.5) / np.pi * u.rad
    theta = rayleigh_resolution(1 * u.um, 1 * u.m)
    assert theta.to_value(u.urad) == pytest.approx(zero.value, rel=5e-4)


def test_core_of_the_airy_pattern():
    half = optimize.brentq(lambda v: airy(v) - 0.5, 1, 2)
    fwhm = effective_resolution(1 * u.um, 1 * u.m)
    assert fwhm.to_value(u.urad) == pytest.approx(2 * half / np.pi, rel=5e-4)


@given(WAVELENGTHS, APERTURES, FACTORS)
def test_rayleigh_grows_with_wavelength_and_shrinks_with_aperture(lam, d, factor):
    theta = rayleigh_resolution(lam * u.um, d * u.m)
    assert u.isclose(
        rayleigh_resolution(factor * lam * u.um, d * u.m), factor * theta, rtol=1e-12
    )
    assert u.isclose(
        rayleigh_resolution(lam * u.um, factor * d * u.m), theta / factor, rtol=1e-12
    )


@given(WAVELENGTHS, APERTURES, st.floats(0.01, 10.0), st.floats(0.01, 10.0))
def test_every_blur_widens_and_the_widest_bounds(lam, d, seeing, pixel):
    lam, d, seeing, pixel = lam * u.um, d * u.m, seeing * u.arcsec, pixel * u.arcsec
    core = effective_resolution(lam, d)
    through_air = effective_resolution(lam, d, seeing=seeing)
    on_pixels = effective_resolution(lam, d, seeing=seeing, pixel_scale=pixel)
    assert core < rayleigh_resolution(lam, d)
    assert max(core, seeing) <= through_air <= on_pixels
    assert on_pixels < core + seeing + pixel


def test_the_pixel_against_an_image():
    # A sharp grid, so that the box of a coarse pixel is drawn and not assumed.
    fine, pixel, seeing = 0.02, 0.6, 1.2
    x = np.arange(-400, 401) * fine
    star = np.exp(-4 * np.log(2) * (x / seeing) ** 2)
    blurred = ndimage.uniform_filter1d(star, int(pixel / fine))
    above = x[blurred > blurred.max() / 2]
    measured = above[-1] - above[0] + fine
    predicted = effective_resolution(
        1e-6 * u.um, 10 * u.m, seeing=seeing * u.arcsec, pixel_scale=pixel * u.arcsec
    )
    assert predicted.value == pytest.approx(measured, abs=fine)


def test_arrays_broadcast():
    theta = rayleigh_resolution([0.5, 1.0] * u.um, 2 * u.m)
    assert theta.shape == (2,)
    assert theta[1] == 2 * theta[0]


@pytest.mark.parametrize("function", [rayleigh_resolution, effective_resolution])
def test_bad_arguments_are_named(function):
    with pytest.raises(TypeError, match=r"wavelength must be a Quantity.*not 550"):
        function(550, 1 * u.m)
    with pytest.raises(ValueError, match="aperture must be convertible to m, not s"):
        function(1 * u.um, 1 * u.s)
    with pytest.raises(ValueError, match=r"aperture must be positive, not 0\.0 m"):
        function(1 * u.um, 0 * u.m)
    with pytest.raises(ValueError, match="wavelength must be finite, not nan um"):
        function(np.nan * u.um, 1 * u.m)


@pytest.mark.parametrize("name", ["seeing", "pixel_scale"])
def test_blurs_are_checked(name):
    with pytest.raises(ValueError, match=f"{name} must be positive"):
        effective_resolution(1 * u.um, 1 * u.m, **{name: -1 * u.arcsec})
