import pickle

import astropy.units as u
import numpy as np
import pytest

from astro_vbinary.exceptions import UnknownBandError
from astro_vbinary.surveys import Band, Survey, effective_resolution, get_survey

G = Band("g", 480 * u.nm, 0.25 * u.arcsec, fwhm=1.3 * u.arcsec, aliases=("gp1",))
Z = Band("z", 0.9 * u.um, 0.25 * u.arcsec, fwhm=1.1 * u.arcsec)


def make(**changes):
    arguments = {"name": "Mine", "aperture": 2 * u.m, "bands": (G, Z)} | changes
    return Survey(**arguments)


def test_units_are_kept_in_one_form():
    assert G.wavelength.unit == u.um
    assert G.wavelength.value == pytest.approx(0.48)
    assert make(aperture=200 * u.cm).aperture == 2 * u.m
    assert make(aperture=200 * u.cm) == make()


def test_a_survey_is_a_value():
    survey = make(references={"aperture": "here"})
    assert pickle.loads(pickle.dumps(survey)) == survey  # noqa: S301
    assert hash(survey) == hash(make())
    with pytest.raises(AttributeError):
        survey.aperture = 3 * u.m


@pytest.mark.parametrize("name", ["g", "G", "gp1", "GP-1", " g "])
def test_bands_are_found_by_any_spelling(name):
    assert make().band(name) is G


def test_unknown_band_lists_those_there_are():
    with pytest.raises(UnknownBandError, match=r"Mine has no band 'y'; it has: g, z"):
        make().band("y")
    with pytest.raises(KeyError, match="did you mean 'F814W'"):
        get_survey("HST").band("F814")


def test_delivered_width_takes_precedence():
    diffraction = Band("F1", 1 * u.um, 0.05 * u.arcsec)
    survey = make(bands=(G, diffraction))
    assert survey.effective_fwhm("g") == 1.3 * u.arcsec
    expected = effective_resolution(1 * u.um, 2 * u.m, pixel_scale=0.05 * u.arcsec)
    assert survey.effective_fwhm("F1") == expected
    assert survey.effective_fwhm() == expected


def test_resolving_is_of_the_sharpest_band():
    survey = make()
    assert survey.effective_fwhm() == 1.1 * u.arcsec
    assert survey.resolves(1.2 * u.arcsec)
    assert not survey.resolves(1.1 * u.arcsec)
    assert survey.resolves()


def test_rayleigh_has_a_reference_wavelength():
    survey = make()
    assert survey.rayleigh() == survey.rayleigh(0.55 * u.um)
    assert survey.rayleigh(1.1 * u.um) == 2 * survey.rayleigh()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"aperture": 2}, TypeError, "aperture must be a Quantity"),
        ({"aperture": -2 * u.m}, ValueError, "aperture must be positive"),
        ({"paper_aperture": 2 * u.s}, ValueError, "paper_aperture must be convertible"),
        ({"name": " - "}, ValueError, "needs a name, not ' - '"),
        ({"bands": ()}, ValueError, "needs at least one band"),
        ({"bands": ("g",)}, TypeError, "must be Band objects, not 'g'"),
        ({"bands": (G, G)}, ValueError, "'g' and 'g' of Mine are both called"),
        ({"flux_unit": "furlongs"}, ValueError, "furlongs"),
    ],
)
def test_a_bad_survey_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        make(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fwhm": 0 * u.arcsec}, "fwhm must be positive"),
        ({"saturation": np.inf * u.mag}, "saturation must be finite"),
        ({"zero_point": np.nan}, "zero_point must be finite"),
        ({"magnitude_system": "ST"}, r"magnitude_system must be one of .* not 'ST'"),
    ],
)
def test_a_bad_band_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Band("g", 480 * u.nm, 0.25 * u.arcsec, **changes)


def test_a_bright_limit_may_be_negative():
    assert get_survey("AllWISE").band("W4").saturation < 0 * u.mag


def test_reprs_are_short():
    assert repr(make()) == "<Survey Mine: 2 m, bands g z>"
    assert repr(G) == "<Band g: 0.48 um, 0.25 arcsec/px, FWHM 1.3 arcsec>"
    assert len(repr(get_survey("HST"))) < 120
