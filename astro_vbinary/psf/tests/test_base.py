import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.psf import MoffatPSF, PupilPSF, hst_pupil


@pytest.fixture(scope="module")
def hubble():
    return PupilPSF(*hst_pupil(), 0.8 * u.um, detector_pixel=0.05 * u.arcsec)


@pytest.fixture(scope="module")
def drizzled():
    pixel = 0.05 * u.arcsec
    return PupilPSF(*hst_pupil(), 0.8 * u.um, detector_pixel=pixel, drop=0.8 * pixel)


@given(beta=st.floats(1.8, 6), fwhm=st.floats(0.5, 3))
def test_encircled_energy_of_a_moffat_profile(beta, fwhm):
    # The integral of (1 + r^2)^-beta.
    radii = np.array([0.3, 0.5, 1, 2, 3]) * fwhm
    core = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    wanted = 1 - (1 + (radii / core) ** 2) ** (1 - beta)
    found = MoffatPSF(fwhm * u.arcsec, beta=beta).encircled_energy(radii * u.arcsec)
    np.testing.assert_allclose(found, wanted, atol=3e-3)


def test_encircled_energy_keeps_the_shape_of_the_radii():
    psf = MoffatPSF(1 * u.arcsec)
    radii = [[0, 0.5], [1, 2]] * u.arcsec
    found = psf.encircled_energy(radii)
    assert found.shape == (2, 2)
    assert found[0, 0] == 0
    assert (np.diff(found.ravel()) > 0).all()
    scalar = psf.encircled_energy(60 * u.arcsec)
    assert np.ndim(scalar) == 0
    assert scalar == pytest.approx(1, abs=0.01)


def test_a_pixel_spreads_the_light():
    psf = MoffatPSF(1 * u.arcsec)
    radii = [0.3, 0.5, 1.0] * u.arcsec
    bare = psf.encircled_energy(radii)
    previous = bare
    for pixel in (0.2, 0.5, 1.0):
        found = psf.encircled_energy(radii, pixel_scale=pixel * u.arcsec)
        assert (found < previous).all()
        previous = found
    small = psf.encircled_energy(radii, pixel_scale=0.01 * u.arcsec)
    np.testing.assert_allclose(small, bare, atol=2e-3)


@pytest.mark.parametrize("name", ["moffat", "hubble", "drizzled"])
@pytest.mark.parametrize("oversampling", [1, 2, 4, 5])
def test_effective_psf_is_what_pixels_see(name, oversampling, request):
    psf = MoffatPSF(0.12 * u.arcsec) if name == "moffat" else None
    psf = psf or request.getfixturevalue(name)
    pixel = 0.05 * u.arcsec
    effective = psf.effective(pixel, oversampling, 1 * u.arcsec)
    half = len(effective) // 2
    assert effective.shape == (2 * half + 1,) * 2
    assert half == 20 * oversampling
    assert np.unravel_index(effective.argmax(), effective.shape) == (half, half)
    assert effective.sum() / oversampling**2 == pytest.approx(1, abs=0.06)
    # A star a sample to the right of a pixel's centre: the same values.
    shift = 1 / oversampling
    image = psf.image((21, 21), pixel, position=(10 + shift, 10))
    rows = half + (np.arange(21) - 10) * oversampling
    inner = slice(2, 19)
    columns = rows - 1
    np.testing.assert_allclose(
        effective[np.ix_(rows[inner], columns[inner])],
        image[inner, inner],
        atol=1e-7,
    )


def test_effective_psf_does_not_depend_on_how_it_is_made(hubble):
    fast = hubble.effective(0.05 * u.arcsec, 3, 0.5 * u.arcsec)
    general = super(PupilPSF, hubble).effective(0.05 * u.arcsec, 3, 0.5 * u.arcsec)
    np.testing.assert_allclose(fast, general, atol=1e-9)


@pytest.mark.parametrize("oversampling", [0, -1, 1.5])
def test_effective_psf_wants_whole_samples(oversampling, hubble):
    for psf in (MoffatPSF(1 * u.arcsec), hubble):
        with pytest.raises(ValueError, match=f"not {oversampling}"):
            psf.effective(0.1 * u.arcsec, oversampling, 1 * u.arcsec)


def test_a_drizzled_psf_is_blurred_by_drop_and_pixel(hubble, drizzled):
    radius = [0.05] * u.arcsec
    pixel = 0.05 * u.arcsec
    sharp = hubble.encircled_energy(radius, pixel_scale=pixel)
    soft = drizzled.encircled_energy(radius, pixel_scale=pixel)
    softest = drizzled.encircled_energy(radius, pixel_scale=2 * pixel)
    assert sharp > soft > softest
    # Whatever the pixel, all of the light is there.
    for scale in (0.025, 0.05, 0.08, 0.1):
        side = round(4 / scale)
        total = drizzled.image((side, side), scale * u.arcsec).sum()
        assert total == pytest.approx(0.9873, abs=2e-4)
