import astropy.units as u
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.exceptions import UnknownBandError
from astro_vbinary.psf import (
    GROUND_SURVEYS,
    GroundPSFs,
    draw_ellipticity,
    draw_ground_psfs,
    draw_seeing,
    measure_psf,
)
from astro_vbinary.psf.ground import LARGEST_ELLIPTICITY
from astro_vbinary.psf.moffat import MoffatPSF
from astro_vbinary.psf.widths import mixture_width, without_pixel
from astro_vbinary.surveys import get_survey

BANDS = [
    (name, band) for name in GROUND_SURVEYS for band in get_survey(name).band_names
]


def delivered(psf, pixel, fine=6):
    """FWHM of stars on pixels of that size, in arcsec."""
    reach = 2.5 * psf.fwhm
    image = psf.effective(pixel, fine, reach)
    return measure_psf(image, pixel / fine, [] * u.arcsec).fwhm.to_value(u.arcsec)


@pytest.mark.parametrize(("survey", "band"), BANDS)
def test_the_median_star_is_as_wide_as_the_registry_says(survey, band):
    entry = get_survey(survey).band(band)
    rng = np.random.default_rng(5)
    psfs = draw_ground_psfs(survey, band, rng, 400, seeing=np.ones(400))
    middle = int(np.argsort(psfs.fwhm)[200])
    found = delivered(psfs.psf(middle), entry.pixel_scale)
    assert found == pytest.approx(entry.fwhm.to_value(u.arcsec), rel=0.06)


@settings(max_examples=25)
@given(
    survey=st.sampled_from(GROUND_SURVEYS),
    seed=st.integers(0, 100),
    number=st.integers(0, 19),
)
def test_any_draw_is_a_psf(survey, seed, number):
    band = get_survey(survey).band_names[0]
    psfs = draw_ground_psfs(survey, band, np.random.default_rng(seed), 20)
    assert len(psfs) == 20
    psf = psfs.psf(number)
    reach = 80 * psf.fwhm
    share = psf.encircled_energy(reach)
    assert share == pytest.approx(1, abs=0.02)
    image = psf.image((101, 101), psf.fwhm / 15)
    shape = measure_psf(image, psf.fwhm / 15, [] * u.arcsec)
    wanted = np.hypot(psfs.e1[number], psfs.e2[number])
    assert shape.ellipticity == pytest.approx(wanted, abs=0.02)
    assert wanted <= LARGEST_ELLIPTICITY + 1e-9
    if wanted > 0.05:
        axis = np.rad2deg(np.arctan2(psfs.e2[number], psfs.e1[number])) / 2
        off = (shape.angle.to_value(u.deg) - axis + 90) % 180 - 90
        assert abs(off) < 12


@settings(max_examples=15)
@given(survey=st.sampled_from(GROUND_SURVEYS), seed=st.integers(0, 100))
def test_stars_are_as_wide_as_is_said(survey, seed):
    entry = get_survey(survey).band(get_survey(survey).band_names[0])
    psfs = draw_ground_psfs(survey, entry.name, np.random.default_rng(seed), 3)
    said = psfs.delivered(entry.pixel_scale.to_value(u.arcsec))[1]
    assert delivered(psfs.psf(1), entry.pixel_scale) == pytest.approx(said, rel=0.03)


def test_the_same_generator_draws_the_same():
    one, two = (
        draw_ground_psfs("SDSS9", "r", np.random.default_rng(3), 5) for _ in "ab"
    )
    other = draw_ground_psfs("SDSS9", "r", np.random.default_rng(4), 5)
    np.testing.assert_array_equal(one.fwhm, two.fwhm)
    np.testing.assert_array_equal(one.halo, two.halo)
    assert (one.fwhm != other.fwhm).all()


def test_bands_of_a_stack_share_seeing_and_ellipticity():
    n = 500
    rng = np.random.default_rng(1)
    common = {
        "seeing": draw_seeing("SDSS9", rng, n),
        "ellipticity": draw_ellipticity("SDSS9", rng, n),
    }
    g, r = (draw_ground_psfs("SDSS9", band, rng, n, **common) for band in "gr")
    assert np.corrcoef(g.fwhm, r.fwhm)[0, 1] > 0.6
    shared, own = 0.045**2, 0.05**2
    assert np.corrcoef(g.e1, r.e1)[0, 1] == pytest.approx(
        shared / (shared + own), abs=0.12
    )
    lone = draw_ground_psfs("SDSS9", "g", rng, n)
    assert abs(np.corrcoef(lone.fwhm, r.fwhm)[0, 1]) < 0.2
    # Sharing changes no band's own distribution.
    assert np.log(lone.fwhm).std() == pytest.approx(np.log(g.fwhm).std(), rel=0.15)
    assert lone.e1.std() == pytest.approx(g.e1.std(), rel=0.15)


def test_a_worse_seeing_is_wider():
    psfs = [
        draw_ground_psfs(
            "HSCLA", "i", np.random.default_rng(2), 50, seeing=np.full(50, factor)
        )
        for factor in (1.0, 1.5)
    ]
    ratio = psfs[1].fwhm / psfs[0].fwhm
    assert np.median(ratio) == pytest.approx(1.5, abs=0.05)


@given(
    beta=st.floats(2, 9),
    halo=st.floats(0, 0.45),
    wider=st.floats(1.4, 3.5),
    slope=st.floats(1.8, 3),
)
def test_the_width_of_core_and_halo(beta, halo, wider, slope):
    one = GroundPSFs(*np.array([[1, beta, 0, 0, halo, wider, slope]]).T)
    image = one.psf(0).image((161, 161), 0.025 * u.arcsec)
    found = measure_psf(image, 0.025 * u.arcsec, [] * u.arcsec).fwhm.value
    wanted = mixture_width(*np.array([[beta, halo, wider, slope]]).T)[0]
    assert found == pytest.approx(wanted, rel=0.01)


@settings(max_examples=30)
@given(beta=st.floats(2.2, 9), pixel=st.floats(0.1, 0.7))
def test_the_width_without_the_pixel(beta, pixel):
    wide = delivered(MoffatPSF(1 * u.arcsec, beta=beta), pixel * u.arcsec, fine=12)
    assert without_pixel(wide, pixel, beta) == pytest.approx(1, rel=0.015)


def test_what_cannot_be_drawn_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="'HST'; known: Pan-STARRS, SDSS9"):
        draw_ground_psfs("HST", "F814W", rng, 2)
    with pytest.raises(UnknownBandError):
        draw_ground_psfs("SDSS9", "W1", rng, 2)
    with pytest.raises(ValueError, match=r"seeing must have shape \(2,\), not \(3,\)"):
        draw_ground_psfs("SDSS9", "r", rng, 2, seeing=np.ones(3))
    with pytest.raises(ValueError, match=r"ellipticity must have shape \(2, 2\)"):
        draw_ground_psfs("SDSS9", "r", rng, 2, ellipticity=np.zeros(2))
