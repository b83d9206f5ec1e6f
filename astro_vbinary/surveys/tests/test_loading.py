import re
import tomllib
from importlib import resources

import astropy.units as u
import pytest

from astro_vbinary.surveys import get_survey, list_surveys, rayleigh_resolution
from astro_vbinary.surveys.loading import survey_from_toml

GOOD = """
name = "Mine"
aperture = [150.0, "cm", "a"]

[common]
pixel_scale = [0.5, "arcsec", "b"]

[bands.g]
wavelength = [4800, "AA", "b"]

[bands.z]
wavelength = [0.9, "um", "b"]
pixel_scale = [0.25, "arcsec", "a"]
saturation = [-1, "mag", "a"]

[references]
a = "A 2020, doi:10.1/a"
b = "B 2021, https://b.org"
"""

FILES = sorted(
    (f for f in (resources.files("astro_vbinary.surveys") / "data").iterdir()),
    key=lambda f: f.name,
)


def numbers(table, where=""):
    """Every ``[value, unit, reference]`` of a parsed file, and loose numbers."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{where}{key}.")
            continue
        items = value if isinstance(value, list) else [value]
        if any(type(item) in (int, float) for item in items):
            yield f"{where}{key}", value


def test_thirteen_surveys_are_built_in():
    assert len(FILES) == 13
    assert all(f.name.endswith(".toml") for f in FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_every_number_has_its_reference(file):
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    found = list(numbers(tables))
    assert len(found) >= 4
    for where, value in found:
        assert isinstance(value, list), f"{where} has no unit and no reference"
        citation = tables["references"][value[2]]
        assert re.search(r"(19|20)\d\d|doi:|https?://|Table 1|Tables", citation), where


@pytest.mark.parametrize("name", list_surveys())
def test_references_are_kept_by_field(name):
    survey = get_survey(name)
    assert survey.references["aperture"]
    assert ("paper_aperture" in survey.references) == (
        survey.paper_aperture is not None
    )
    for band in survey.bands:
        for field in ("wavelength", "pixel_scale", "fwhm", "zero_point", "saturation"):
            given = getattr(band, field) is not None
            assert (f"{band.name}.{field}" in survey.references) == given


@pytest.mark.parametrize("name", list_surveys())
def test_numbers_agree_with_physics(name):
    survey = get_survey(name)
    for band in survey.bands:
        core = rayleigh_resolution(band.wavelength, survey.aperture) / 1.22 * 1.029
        fwhm = survey.effective_fwhm(band.name)
        # No image is sharper than diffraction allows, but for the few per cent by
        # which an obstructed or segmented pupil beats the clear circle.
        assert fwhm > 0.95 * core, band
        if survey.space:
            assert fwhm < 2.5 * core + 3 * band.pixel_scale, band
        else:
            assert fwhm > 3 * core, band
        assert fwhm < 20 * u.arcsec


@pytest.mark.parametrize("name", list_surveys())
def test_bands_of_a_camera_go_from_blue_to_red(name):
    by_camera = {}
    for band in get_survey(name).bands:
        by_camera.setdefault(band.instrument, []).append(band.wavelength)
    for wavelengths in by_camera.values():
        assert wavelengths == sorted(wavelengths)


def test_a_good_document():
    survey = survey_from_toml(GOOD)
    assert survey.aperture == 1.5 * u.m
    assert u.isclose(survey.band("g").wavelength, 480 * u.nm)
    assert survey.band("g").pixel_scale == 0.5 * u.arcsec
    assert survey.band("z").pixel_scale == 0.25 * u.arcsec
    assert survey.references["z.pixel_scale"] == "A 2020, doi:10.1/a"
    assert survey.references["g.pixel_scale"] == "B 2021, https://b.org"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name =", "name", "x.toml: no TOML"),
        ('"a"]', '"c"]', "x.toml: aperture: reference 'c' is not in"),
        ('[150.0, "cm", "a"]', "1.5", "aperture: must be .number, unit, reference."),
        ('[150.0, "cm", "a"]', '[true, "m", "a"]', "aperture: must be .number"),
        ("150.0", "-150.0", "x.toml: survey: aperture must be positive"),
        ("150.0", "nan", "x.toml: survey: aperture must be finite"),
        ('"cm"', '"s"', "aperture: must be in m or alike, not 's'"),
        (
            '"AA"',
            '"lightfeet"',
            "g.wavelength: must be in um or alike, not 'lightfeet'",
        ),
        ("4800", "0", "x.toml: bands.g: wavelength must be positive"),
        ("saturation", "saturates", "z.saturates: unknown field; allowed: wavelength"),
        ('name = "Mine"', "name = 3", "name: must be a str, not 3"),
        ('name = "Mine"', 'name = "Mine"\naliases = [1]', "aliases: must hold names"),
        ('name = "Mine"', "", "x.toml: survey: .*name"),
        ("[bands.g]\nwavelength", "[bands.g]\nfwhm", "g.fwhm: must be in arcsec"),
        ("[bands.g]", "[bands.Z]", "x.toml: survey: bands 'Z' and 'z'"),
        ("[references]", '[references]\nd = "D"', "references: never cited: d"),
        ("[common]", "[bands]\ny = 1\n[common]", "no TOML|bands.y: must be a table"),
    ],
)
def test_a_bad_document_is_named(old, new, message):
    assert old in GOOD
    with pytest.raises(ValueError, match=message):
        survey_from_toml(GOOD.replace(old, new, 1), source="x.toml")


def test_a_band_is_a_table():
    with pytest.raises(ValueError, match=r"survey: bands\.y: must be a table, not 1"):
        survey_from_toml('name = "M"\n[bands]\ny = 1\n')
    with pytest.raises(ValueError, match="bands: must be a table, not 1"):
        survey_from_toml('name = "M"\nbands = 1\n')
