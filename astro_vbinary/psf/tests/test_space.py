import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from astro_vbinary.exceptions import UnknownBandError
from astro_vbinary.psf import SPACE_SURVEYS, measure_psf, space_psf
from astro_vbinary.psf.cameras import CAMERAS, bandwidth, cameras_of
from astro_vbinary.psf.space import (
    _hst,
    _hst_wavefront,
    _jwst,
    _jwst_wavefront,
)
from astro_vbinary.surveys import get_survey

#: Centre of the image in `test_a_psf_is_the_same_on_any_machine`.
PEAK_F200W = 0.099308

SOME = [
    ("HST", "F435W"),
    ("HST", "F814W"),
    ("HST", "F160W"),
    ("JWST", "F090W"),
    ("JWST", "F212N"),
    ("JWST", "F444W"),
]


@pytest.mark.parametrize(("survey", "band"), SOME)
def test_the_same_names_and_seed_give_the_same_psf(survey, band):
    one, again, other = (space_psf(survey, band, seed) for seed in (7, 7, 8))
    shape, scale = (31, 31), 0.03 * u.arcsec
    np.testing.assert_array_equal(one.image(shape, scale), again.image(shape, scale))
    difference = one.image(shape, scale) - other.image(shape, scale)
    assert np.abs(difference).max() > 1e-3 * one.image(shape, scale).max()


def test_a_psf_is_the_same_on_any_machine():
    # Written down once; a change of it changes the sky that weights were trained on.
    image = space_psf("jwst", "F200W", 1).image((3, 3), 0.03 * u.arcsec)
    np.testing.assert_allclose(image[1, 1], PEAK_F200W, rtol=1e-4)


@pytest.mark.parametrize(("survey", "band"), SOME)
def test_the_detectors_psf_is_as_wide_as_the_registry_says(survey, band):
    entry = get_survey(survey).band(band)
    camera = entry.instrument if survey == "HST" else None
    psf = space_psf(survey, band, 2, drizzled=False, camera=camera)
    delivered = entry.fwhm.to_value(u.arcsec)
    assert psf.fwhm.to_value(u.arcsec) == pytest.approx(delivered, rel=0.25)


@pytest.mark.parametrize(("survey", "band"), SOME)
def test_drizzling_widens(survey, band):
    plain = space_psf(survey, band, 3, drizzled=False)
    soft = space_psf(survey, band, 3)
    assert plain.fwhm < soft.fwhm < 1.4 * plain.fwhm


def test_the_light_is_all_there():
    for survey, band in SOME:
        psf = space_psf(survey, band, 4)
        scale = psf.fwhm / 4
        side = 2 * int((3 * u.arcsec / scale).value) + 1
        assert psf.image((side, side), scale).sum() == pytest.approx(0.985, abs=0.02)


def test_jwst_has_six_spikes_and_hst_four():
    for survey, band, angles, between in [
        ("JWST", "F212N", (30, 90, 150), (0, 60, 120)),
        ("HST", "F656N", (0, 90), (45, 135)),
    ]:
        psf = space_psf(survey, band, 5, drizzled=False)
        scale = psf.fwhm / 3
        image = psf.image((241, 241), scale)
        y, x = np.mgrid[:241, :241] - 120
        radius, angle = np.hypot(x, y), np.rad2deg(np.arctan2(y, x)) % 180

        def light(directions, image=image, radius=radius, angle=angle):
            off = [np.abs((angle - d + 90) % 180 - 90) for d in directions]
            near = (np.min(off, axis=0) < 4) & (radius > 25) & (radius < 100)
            return image[near].mean()

        assert light(angles) > 2 * light(between)


def test_wavefront_errors_are_those_of_the_telescopes():
    # JWST: 60 to 80 nm in flight (Rigby et al. 2023); HST: what is left of spherical
    # aberration, focus and polishing, 30 to 45 nm.
    pupil, _, segments = _jwst()
    rms = [
        _jwst_wavefront(pupil, segments, np.random.default_rng(seed))[pupil > 0.5].std()
        for seed in range(20)
    ]
    assert 60 < np.median(rms) < 85
    pupil, _ = _hst(())
    rms = [
        _hst_wavefront(pupil, np.random.default_rng(seed))[pupil > 0.5].std()
        for seed in range(20)
    ]
    assert 28 < np.median(rms) < 45


def test_every_band_has_a_camera_and_a_bandwidth():
    for name in SPACE_SURVEYS:
        for band in get_survey(name).bands:
            assert 0 < bandwidth(band.name) < 0.5
            assert set(cameras_of(name, band)) <= set(CAMERAS)
    assert bandwidth("F850LP") == 0.2
    assert cameras_of("JWST", get_survey("JWST").band("F1000W")) == ("MIRI",)


def test_the_camera_can_be_chosen():
    widths = {
        camera: space_psf("HST", "F160W", 1, camera=camera, drizzled=False).fwhm
        for camera in ("WFC3/IR", "NICMOS/NIC2")
    }
    # NICMOS has the smaller pixels.
    assert widths["NICMOS/NIC2"] < widths["WFC3/IR"]
    diffusion = CAMERAS["ACS/WFC"].diffusion
    assert diffusion(0.4) > diffusion(0.6) > diffusion(0.9)


def test_what_cannot_be_made_is_refused():
    with pytest.raises(ValueError, match="'SDSS9'; known: HST, JWST"):
        space_psf("SDSS9", "r", 1)
    with pytest.raises(ValueError, match="no camera 'WFPC3'; known: ACS/WFC"):
        space_psf("HST", "F814W", 1, camera="WFPC3")
    with pytest.raises(UnknownBandError):
        space_psf("HST", "F999W", 1)


@pytest.mark.parametrize(
    ("name", "band", "camera", "pixel", "fine"),
    [
        ("PSFSTD_WFC3IR_F125W.fits", "F125W", "WFC3/IR", 0.1283, 4),
        ("PSFSTD_WFC3UV_F814W.fits", "F814W", "WFC3/UVIS", 0.0396, 4),
    ],
)
def test_hubble_is_like_hubble(real_data, name, band, camera, pixel, fine):
    path = real_data / "psf" / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    image = np.clip(fits.getdata(path)[4].astype(float), 0, None)
    scale, outer = pixel / fine * u.arcsec, 11 * pixel * u.arcsec
    radii = np.array([0.5, 1, 2]) * measure_psf(image, scale, [] * u.arcsec).fwhm
    real = measure_psf(image, scale, radii, outer=outer)
    found = []
    for seed in range(5):
        psf = space_psf("HST", band, seed, camera=camera, drizzled=False)
        drawn = psf.effective(pixel * u.arcsec, fine, 50 * scale)
        found.append(measure_psf(drawn, scale, radii, outer=outer))
    width = np.median([f.fwhm.value for f in found])
    assert width == pytest.approx(real.fwhm.value, rel=0.1)
    shares = np.median([f.encircled for f in found], axis=0)
    np.testing.assert_allclose(shares, real.encircled, atol=0.05)
