import subprocess
import sys
from importlib import invalidate_caches

import astropy.units as u
import pytest

from astro_vbinary.exceptions import (
    DuplicateNameError,
    UnknownSurveyError,
    VBinaryWarning,
)
from astro_vbinary.surveys import (
    Band,
    Survey,
    SurveyRegistry,
    get_survey,
    list_surveys,
    register_survey,
    registry,
)

BAND = Band("g", 480 * u.nm, 0.25 * u.arcsec)
MINE = Survey("Mine", 1 * u.m, (BAND,), aliases=("My Own",))

#: What the entry points of the plug-in below name.
NOT_A_SURVEY = "no survey"


def make_mine():
    return MINE


def fail():
    raise RuntimeError("no data here")


@pytest.fixture
def fresh(monkeypatch):
    """The package's registry, not yet read and forgotten after the test."""
    monkeypatch.setattr(registry, "_default", None)


@pytest.fixture
def installed(tmp_path, monkeypatch, fresh):
    """Install a distribution that declares the given entry points."""

    def install(**entries):
        info = tmp_path / "plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\n")
        lines = [f"{name} = {__name__}:{value}" for name, value in entries.items()]
        text = "\n".join(["[astro_vbinary.surveys]", *lines, ""])
        (info / "entry_points.txt").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        invalidate_caches()

    return install


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2mass", "2MASS"),
        ("PanSTARRS", "Pan-STARRS"),
        ("Pan-STARRS1", "Pan-STARRS"),
        ("PAN_STARRS 1", "Pan-STARRS"),
        ("ps1", "Pan-STARRS"),
        ("SDSS", "SDSS9"),
        ("sdss_dr9", "SDSS9"),
        ("LS", "DECaLS"),
        ("DESI-Legacy", "DECaLS"),
        ("ls-dr10", "DECaLS"),
        ("HSC", "HSCLA"),
        ("irac", "Spitzer"),
        ("WISE", "AllWISE"),
        ("NEOWISE-R", "NEOWISER"),
        ("Hubble", "HST"),
    ],
)
def test_names_are_found_by_any_spelling(name, expected):
    assert get_survey(name).name == expected


def test_every_survey_is_listed_by_aperture():
    names = list_surveys()
    assert len(set(names)) == 13
    apertures = [get_survey(name).aperture for name in names]
    assert apertures == sorted(apertures)
    assert names == list_surveys()


def test_every_name_and_alias_finds_its_survey():
    for name in list_surveys():
        survey = get_survey(name)
        for spelling in (survey.name, *survey.aliases):
            assert get_survey(spelling.upper()) is survey


def test_a_survey_is_returned_as_it_is():
    assert get_survey(MINE) is MINE


def test_unknown_survey_lists_and_suggests():
    with pytest.raises(UnknownSurveyError) as caught:
        get_survey("PanSTARS")
    message = str(caught.value)
    assert message.startswith("unknown survey 'PanSTARS' (did you mean 'Pan-STARRS'")
    assert all(name in message for name in list_surveys())
    with pytest.raises(KeyError, match="unknown survey 'xyzzy'; known: AllWISE"):
        get_survey("xyzzy")
    with pytest.raises(TypeError, match="a name must be a str, not 3"):
        get_survey(3)


def test_registering(fresh):
    register_survey(MINE)
    assert get_survey("my-own") is MINE
    assert "Mine" in list_surveys()


@pytest.mark.parametrize("name", ["MINE", "my_own", "mi-ne"])
def test_a_name_is_taken_once_and_a_refusal_leaves_nothing(name):
    surveys = SurveyRegistry()
    surveys.register(MINE)
    with pytest.raises(DuplicateNameError, match="that is a name of 'Mine'"):
        surveys.register(Survey("Other", 1 * u.m, (BAND,), aliases=("free", name)))
    assert surveys.names() == ("Mine",)
    with pytest.raises(UnknownSurveyError, match="known: Mine"):
        surveys.get("free")


def test_a_survey_is_needed_to_register():
    with pytest.raises(TypeError, match="not 'HST'"):
        SurveyRegistry().register("HST")


def test_an_empty_registry_says_so():
    with pytest.raises(UnknownSurveyError, match="known: none"):
        SurveyRegistry().get("HST")


@pytest.mark.parametrize("entry", ["MINE", "make_mine"])
def test_a_plugin_brings_a_survey(installed, entry):
    installed(mine=entry)
    assert get_survey("mine").aperture == 1 * u.m
    assert len(list_surveys()) == 14


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("fail", "RuntimeError: no data here"),
        ("absent", "AttributeError"),
        ("NOT_A_SURVEY", "TypeError: only a Survey"),
    ],
)
def test_a_broken_plugin_warns_and_the_rest_is_there(installed, entry, reason):
    installed(broken=entry, mine="MINE")
    with pytest.warns(VBinaryWarning, match=f"plug-in 'broken' .*{reason}"):
        names = list_surveys()
    assert len(names) == 14
    assert "Mine" in names


def test_importing_brings_in_no_heavy_library():
    code = (
        "import sys; import astro_vbinary.surveys as s; s.surveys_table(); "
        "heavy = {'torch', 'matplotlib', 'astroquery', 'reproject', 'photutils'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
