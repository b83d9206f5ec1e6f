import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.psf import ImagePSF, MoffatPSF, measure_psf, psf_from_file

STAR = MoffatPSF(1.2 * u.arcsec, beta=4, ellipticity=0.1, angle=40 * u.deg)
SCALE = 0.2 * u.arcsec


@given(
    sampling=st.floats(0.04, 0.2),
    x=st.floats(39.5, 40.5),
    y=st.floats(39.5, 40.5),
)
def test_a_star_sampled_finely_gives_its_image_anywhere(sampling, x, y):
    side = 2 * int(6 / sampling) + 1
    fine = STAR._brightness(*_grid(side, sampling))
    psf = ImagePSF(fine, sampling * u.arcsec, integrate=True)
    image = psf.image((81, 81), SCALE, position=(x, y))
    wanted = STAR.image((81, 81), SCALE, position=(x, y))
    # The image that was given ends somewhere.
    inner = slice(15, 66)
    assert image.sum() == pytest.approx(1, abs=0.01)
    off = np.abs(image - wanted)[inner, inner]
    assert off.max() < 0.02 * wanted.max()


def _grid(side, sampling):
    axis = (np.arange(side) - side // 2) * sampling
    return np.meshgrid(axis, axis)


@given(x=st.floats(29, 31), y=st.floats(29, 31))
def test_a_star_of_an_image_is_its_own_psf(x, y):
    # Wherever the star was in its pixel, and however bright.
    given_ = 500 * STAR.image((61, 61), SCALE, position=(x, y))
    psf = ImagePSF(given_, SCALE)
    image = psf.image((61, 61), SCALE, position=(x, y))
    np.testing.assert_allclose(image, given_ / given_.sum(), atol=2e-3 * image.max())
    assert psf.fwhm.value == pytest.approx(1.21, rel=0.02)


def test_a_centre_can_be_given():
    image = STAR.image((61, 61), SCALE)
    psf = ImagePSF(image, SCALE, center=(31, 30))
    moved = psf.image((61, 61), SCALE)
    assert np.unravel_index(moved.argmax(), moved.shape) == (30, 29)


def test_effective_psf_of_an_image_is_that_of_the_star():
    fine = STAR.effective(SCALE, 4, 6 * u.arcsec)
    psf = ImagePSF(fine, SCALE / 4)
    np.testing.assert_allclose(
        psf.effective(SCALE, 4, 2 * u.arcsec),
        STAR.effective(SCALE, 4, 2 * u.arcsec) * 16 / fine.sum(),
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("data", "sampling", "message"),
    [
        (np.ones((3, 9, 9)), SCALE, r"not of shape \(3, 9, 9\)"),
        (np.full((9, 9), np.inf), SCALE, "81 pixels are not"),
        (np.zeros((9, 9)), SCALE, "has light"),
        (STAR.image((9, 9), SCALE), 0 * u.arcsec, "sampling must be positive"),
    ],
)
def test_what_is_no_psf_is_refused(data, sampling, message):
    with pytest.raises(ValueError, match=message):
        ImagePSF(data, sampling)


def write(path, data, **header):
    fits.PrimaryHDU(data, fits.Header(header)).writeto(path)
    return path


@pytest.mark.parametrize("key", ["PIXSCALE", "PIXELSCL", "PIXSCL"])
def test_the_sampling_is_read_from_a_keyword(tmp_path, key):
    path = write(tmp_path / "psf.fits", STAR.image((61, 61), SCALE), **{key: 0.2})
    psf = psf_from_file(path)
    assert psf.fwhm.to_value(u.arcsec) == pytest.approx(1.21, rel=0.02)


def test_the_sampling_is_read_from_the_wcs(tmp_path):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.cd = np.diag([-0.2, 0.2]) / 3600
    path = tmp_path / "psf.fits"
    image = fits.ImageHDU(STAR.image((61, 61), SCALE), wcs.to_header(), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    for hdu in (None, 1, "SCI"):
        psf = psf_from_file(path, hdu=hdu)
        assert psf.fwhm.to_value(u.arcsec) == pytest.approx(1.21, rel=0.02)


def test_a_plane_of_a_cube(tmp_path):
    cube = [STAR.image((61, 61), SCALE), MoffatPSF(2 * u.arcsec).image((61, 61), SCALE)]
    path = write(tmp_path / "psf.fits", np.array(cube))
    psf = psf_from_file(path, sampling=SCALE, plane=1)
    assert psf.fwhm.to_value(u.arcsec) == pytest.approx(2.01, rel=0.02)
    with pytest.raises(ValueError, match=r"choose a plane from 0 to 1 of psf\.fits"):
        psf_from_file(path, sampling=SCALE)


def test_files_that_do_not_tell(tmp_path):
    path = write(tmp_path / "psf.fits", STAR.image((61, 61), SCALE))
    with pytest.raises(ValueError, match=r"psf.fits does not tell its sampling"):
        psf_from_file(path)
    empty = tmp_path / "empty.fits"
    fits.PrimaryHDU().writeto(empty)
    with pytest.raises(ValueError, match=r"empty.fits holds no image"):
        psf_from_file(empty)


def test_real_files_are_read(real_data):
    path = real_data / "psf" / "psf_emp_sdss_r.fits.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    psf = psf_from_file(path)
    image = psf.image((41, 41), 0.396 * u.arcsec)
    found = measure_psf(image, 0.396 * u.arcsec, [] * u.arcsec).fwhm
    assert found.to_value(u.arcsec) == pytest.approx(psf.fwhm.value, rel=0.03)
