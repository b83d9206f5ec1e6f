import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage

from astro_vbinary.psf import PupilPSF, hst_pupil, jwst_pupil
from astro_vbinary.psf.pupil import PUPIL_SIDE
from astro_vbinary.surveys import get_survey

WAVELENGTH, DIAMETER = 0.8 * u.um, 2.4 * u.m

#: Wavelength over diameter in arcsec.
UNIT = (WAVELENGTH / DIAMETER * u.rad).to_value(u.arcsec, u.dimensionless_angles())


def disc():
    axis = np.arange(PUPIL_SIDE) - (PUPIL_SIDE - 1) / 2
    return (np.hypot(*np.meshgrid(axis, axis)) <= PUPIL_SIDE / 2).astype(float)


@pytest.fixture(scope="module")
def airy():
    """The pattern of a filled circular pupil at one wavelength."""
    return PupilPSF(disc(), DIAMETER, WAVELENGTH, bandwidth=0)


def width(image, scale):
    """Diameter of the circle with the area that is above half of the peak."""
    fine = ndimage.zoom(image, 8, order=3)
    return 2 * np.sqrt((fine > fine.max() / 2).sum() / np.pi) * scale / 8


def width_of(psf):
    scale = psf.fwhm.to_value(u.arcsec) / 10
    return width(psf.image((41, 41), scale * u.arcsec), scale)


def test_airy_pattern(airy):
    # Born & Wolf 8.5.2: half of the peak at 0.5145, dark at 1.2197 lambda / D, 83.8 %
    # of the light within the first dark ring, a second maximum of 1.75 %.
    step = UNIT / 40
    image = airy.image((201, 201), step * u.arcsec)
    y, x = np.mgrid[:201, :201] - 100
    radius = np.hypot(x, y) / 40
    bins = np.arange(0, 2.2, 0.04)
    sums, _ = np.histogram(radius, bins, weights=image / image.max())
    profile = sums / np.histogram(radius, bins)[0]
    middle = bins[:-1] + 0.02
    dark = (middle > 0.9) & (middle < 1.5)
    ring = (middle > 1.4) & (middle < 2)
    assert width(image[80:121, 80:121], 1 / 40) == pytest.approx(1.029, rel=0.02)
    assert middle[dark][profile[dark].argmin()] == pytest.approx(1.22, abs=0.05)
    assert profile[dark].min() < 1e-3
    assert profile[ring].max() == pytest.approx(0.0175, rel=0.1)
    assert image[radius < 1.22].sum() == pytest.approx(0.838, abs=0.015)
    assert airy.fwhm.to_value(u.arcsec) / UNIT == pytest.approx(1.029, rel=0.05)


def test_light_is_kept_and_the_pattern_symmetric(airy):
    # About 2 / (pi^2 r) of the light lies beyond r, here 25 lambda / D.
    image = airy.image((501, 501), UNIT / 10 * u.arcsec)
    assert image.sum() == pytest.approx(1, abs=0.02)
    for turned in (image[::-1], image[:, ::-1], image.T):
        np.testing.assert_allclose(image, turned, atol=1e-6 * image.max())


@pytest.mark.parametrize("position", [(30, 30), (31.3, 28.8), (29.5, 32.2)])
def test_the_centroid_is_where_asked(airy, position):
    image = airy.image((61, 61), UNIT / 5 * u.arcsec, position=position)
    y, x = np.mgrid[:61, :61]
    core = np.where(np.hypot(x - position[0], y - position[1]) < 6.1, image, 0)
    found = (x * core).sum() / core.sum(), (y * core).sum() / core.sum()
    assert found == pytest.approx(position, abs=0.03)


def test_images_of_any_pixel_scale_show_the_same(airy):
    # The brightness of a point does not depend on how many pixels show it.
    fine = airy.image((121, 121), UNIT / 8 * u.arcsec)[::2, ::2]
    coarse = airy.image((61, 61), UNIT / 4 * u.arcsec)
    np.testing.assert_allclose(coarse, 4 * fine, atol=1e-8)


def test_width_grows_with_wavelength_pixel_and_blur(airy):
    longer = PupilPSF(disc(), DIAMETER, 2 * WAVELENGTH, bandwidth=0)
    assert width_of(longer) == pytest.approx(2 * width_of(airy), rel=0.01)
    blur = UNIT
    blurred = PupilPSF(disc(), DIAMETER, WAVELENGTH, bandwidth=0, blur=blur * u.arcsec)
    # A core of FWHM 1.03 is like a Gaussian of 0.42 lambda / D.
    wanted = np.hypot(width_of(airy), blur * 2.355)
    assert width_of(blurred) == pytest.approx(wanted, rel=0.05)
    pixel = PupilPSF(
        disc(), DIAMETER, WAVELENGTH, bandwidth=0, detector_pixel=UNIT * u.arcsec
    )
    assert width_of(airy) < width_of(pixel) < width_of(blurred)


def test_a_wide_band_fills_the_dark_ring(airy):
    wide = PupilPSF(disc(), DIAMETER, WAVELENGTH, bandwidth=0.4)
    row = slice(60, 90)
    dark = [
        psf.image((121, 121), UNIT / 20 * u.arcsec)[60, row].min()
        for psf in (airy, wide)
    ]
    assert dark[1] > 3 * dark[0]


def test_a_wavefront_error_lowers_the_peak_by_its_strehl_ratio(airy):
    rng = np.random.default_rng(1)
    screen = ndimage.gaussian_filter(rng.normal(size=(PUPIL_SIDE, PUPIL_SIDE)), 20)
    inside = disc() > 0
    screen = (screen - screen[inside].mean()) / screen[inside].std() * 0.06
    bent = PupilPSF(disc(), DIAMETER, WAVELENGTH, bandwidth=0, phase=screen)
    step = UNIT / 20 * u.arcsec
    ratio = bent.image((61, 61), step).max() / airy.image((61, 61), step).max()
    # Marechal's approximation, exp(-(2 pi rms)^2).
    assert ratio == pytest.approx(np.exp(-((2 * np.pi * 0.06) ** 2)), rel=0.03)


def test_pupils_have_the_area_of_their_telescopes():
    pupil, side = hst_pupil()
    area = pupil.mean() * side**2
    whole = np.pi * (1.2 * u.m) ** 2
    # A third of the diameter is obscured, and 4 vanes of 2.64 cm cross what is left.
    assert (area / whole).value == pytest.approx(1 - 0.33**2 - 0.02, abs=0.02)
    pupil, side = jwst_pupil()
    # 25.4 m^2 of clear aperture (JWST User Documentation).
    assert (pupil.mean() * side**2).to_value(u.m**2) == pytest.approx(25.4, rel=0.05)
    for made, _ in (hst_pupil(), jwst_pupil()):
        assert made.shape == (PUPIL_SIDE, PUPIL_SIDE)
        # Grey only at edges: most is open or shut.
        assert made.min() == 0
        assert made.max() == 1
        assert ((made > 0) & (made < 1)).mean() < 0.08


def space_psf(survey, band, pixel, blur):
    pupil, side = (hst_pupil if survey == "HST" else jwst_pupil)()
    return PupilPSF(
        pupil,
        side,
        get_survey(survey).band(band).wavelength,
        detector_pixel=pixel * u.arcsec,
        blur=blur * u.arcsec,
    )


#: Detector pixels of ACS/WFC, WFC3/IR and NIRCam's channels, with the blur of charge
#: diffusion and jitter, all in arcsec.
CAMERAS = [
    ("HST", "F606W", 0.05, 0.018),
    ("HST", "F814W", 0.05, 0.018),
    ("HST", "F110W", 0.128, 0.02),
    ("HST", "F160W", 0.128, 0.02),
    ("JWST", "F090W", 0.031, 0.006),
    ("JWST", "F150W", 0.031, 0.006),
    ("JWST", "F200W", 0.031, 0.006),
    ("JWST", "F277W", 0.063, 0.012),
    ("JWST", "F444W", 0.063, 0.012),
]


@pytest.mark.parametrize(("survey", "band", "pixel", "blur"), CAMERAS)
def test_widths_are_those_that_the_telescopes_deliver(survey, band, pixel, blur):
    psf = space_psf(survey, band, pixel, blur)
    delivered = get_survey(survey).effective_fwhm(band).to_value(u.arcsec)
    assert width_of(psf) == pytest.approx(delivered, rel=0.15)
    # Counted on the pixels of the transform, of which 13 are above half of the peak.
    assert psf.fwhm.to_value(u.arcsec) == pytest.approx(width_of(psf), rel=0.2)


#: Files of real stars, and the size of their pixels in arcsec.
REAL_STARS = {
    ("HST", "F606W"): ("acs_wfc_f606w.fits", 0.05),
    ("HST", "F814W"): ("acs_wfc_f814w.fits", 0.05),
    ("HST", "F160W"): ("PSFSTD_WFC3IR_F160W.fits", 0.032),
    ("JWST", "F150W"): ("smacs0723_20mas_psf-smacs0723-f150w.fits", 0.02),
    ("JWST", "F200W"): ("smacs0723_20mas_psf-smacs0723-f200w.fits", 0.02),
    ("JWST", "F444W"): ("smacs0723_20mas_psf-smacs0723-f444w.fits", 0.02),
}


@pytest.mark.parametrize("camera", [c for c in CAMERAS if c[:2] in REAL_STARS])
def test_widths_are_those_of_real_stars(real_data, camera):
    name, sampling = REAL_STARS[camera[:2]]
    path = real_data / "psf" / name
    if not path.is_file():
        pytest.skip(f"no {name}")
    with fits.open(path) as hdus:
        image = next(h.data for h in hdus if h.data is not None).astype(float)
    # The empirical files hold one PSF for each place on the detector.
    image = image[len(image) // 2] if image.ndim == 3 else image
    y, x = (n // 2 for n in image.shape)
    image = image[y - 20 : y + 21, x - 20 : x + 21]
    found = width_of(space_psf(*camera))
    assert found == pytest.approx(width(image, sampling), rel=0.15)


def test_constructor_wants_a_pupil_of_its_size():
    with pytest.raises(ValueError, match=r"256 px square, not \(100, 100\)"):
        PupilPSF(np.ones((100, 100)), DIAMETER, WAVELENGTH)
