import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.psf import PSF, MoffatPSF


def centroid(image):
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return (x * image).sum() / image.sum(), (y * image).sum() / image.sum()


@given(fwhm=st.floats(0.5, 6), beta=st.floats(2.5, 5))
def test_all_of_the_light_is_there(fwhm, beta):
    # A share of (1 + r^2)^(1 - beta) lies outside r core radii.
    psf = MoffatPSF(fwhm * u.arcsec, beta=beta)
    side = 401
    image = psf.image((side, side), fwhm / 5 * u.arcsec)
    core = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    inner = (1 + (side * fwhm / 10 / core) ** 2) ** (1 - beta)
    assert 1 - inner < image.sum() < 1
    assert image.min() > 0


@given(
    fwhm=st.floats(1, 3),
    beta=st.floats(2, 5),
    ellipticity=st.floats(0, 0.6),
    angle=st.floats(0, 180),
)
def test_half_of_the_peak_at_half_of_the_width(fwhm, beta, ellipticity, angle):
    psf = MoffatPSF(
        fwhm * u.arcsec, beta=beta, ellipticity=ellipticity, angle=angle * u.deg
    )
    image = psf.image((161, 161), fwhm / 40 * u.arcsec)
    above = (image > image.max() / 2).sum()
    # The area of an ellipse with the two widths as axes.
    assert 2 * np.sqrt(above / np.pi) / 40 == pytest.approx(1, rel=0.02)
    assert psf.fwhm.to_value(u.arcsec) == fwhm


@pytest.mark.parametrize("angle", [0, 30, 90, 150])
def test_the_long_axis_lies_where_asked(angle):
    psf = MoffatPSF(2 * u.arcsec, beta=5, ellipticity=0.4, angle=angle * u.deg)
    image = psf.image((201, 201), 0.1 * u.arcsec)
    image = np.where(image > image.max() / 2, image, 0)
    y, x = np.mgrid[:201, :201] - 100
    xx, yy, xy = ((image * m).sum() for m in (x * x, y * y, x * y))
    found = np.rad2deg(np.arctan2(2 * xy, xx - yy) / 2)
    assert (found - angle + 90) % 180 - 90 == pytest.approx(0, abs=0.5)
    small, large = np.linalg.eigvalsh([[xx, xy], [xy, yy]])
    assert np.sqrt(small / large) == pytest.approx(0.6, rel=0.02)


@given(
    x=st.floats(18, 22),
    y=st.floats(18, 22),
    scale=st.floats(0.1, 0.7),
    ellipticity=st.floats(0, 0.4),
)
def test_the_centroid_is_where_asked(x, y, scale, ellipticity):
    psf = MoffatPSF(
        scale * 3 * u.arcsec, beta=4.765, ellipticity=ellipticity, angle=20 * u.deg
    )
    image = psf.image((41, 41), scale * u.arcsec, position=(x, y))
    assert centroid(image) == pytest.approx((x, y), abs=0.01)


def test_pixels_of_any_size_hold_the_same_light():
    psf = MoffatPSF(1.2 * u.arcsec, beta=3)
    fine = psf.image((180, 180), 0.1 * u.arcsec)
    for factor in (2, 3, 5, 9):
        side = 180 // factor
        coarse = psf.image((side, side), 0.1 * factor * u.arcsec)
        summed = fine.reshape(side, factor, side, factor).sum(axis=(1, 3))
        np.testing.assert_allclose(coarse, summed, atol=0.02 * summed.max())
        assert coarse.sum() == pytest.approx(fine.sum(), rel=5e-3)


def test_the_default_position_is_the_centre_and_units_do_not_matter():
    psf = MoffatPSF(0.02 * u.arcmin)
    image = psf.image((20, 31), 0.25 * u.arcsec)
    np.testing.assert_allclose(image, image[::-1, ::-1])
    np.testing.assert_allclose(
        image, psf.image((20, 31), 0.25 / 3600 * u.deg, position=(15, 9.5))
    )
    assert isinstance(psf, PSF)
    assert psf.fwhm.unit == u.arcsec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fwhm": 0 * u.arcsec}, "fwhm must be positive"),
        ({"fwhm": -1 * u.arcsec}, "fwhm must be positive"),
        ({"fwhm": np.nan * u.arcsec}, "fwhm must be positive"),
        ({"fwhm": 1 * u.m}, "convertible"),
        ({"beta": 1.0}, "beta must be above 1, not 1.0"),
        ({"ellipticity": 1.0}, r"ellipticity must be in \[0, 1\), not 1.0"),
        ({"ellipticity": -0.1}, "ellipticity"),
    ],
)
def test_constructor_names_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        MoffatPSF(**({"fwhm": 1 * u.arcsec} | change))
