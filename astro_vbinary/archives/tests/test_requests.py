from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.archives import Outcome, StampRequest, safe_name
from astro_vbinary.archives.outcomes import OUTCOME_MEANINGS
from astro_vbinary.exceptions import UnknownBandError, UnknownSurveyError
from astro_vbinary.stamps.naming import parse_name
from astro_vbinary.surveys import get_survey, list_surveys


def ask(source="1", ra=83.82, dec=-5.39, size=20, **options):
    return StampRequest("ps1", "g", source, ra, dec, size, **options)


def test_outcomes_are_one_closed_list():
    assert set(OUTCOME_MEANINGS) == set(Outcome)
    for outcome in Outcome:
        assert outcome.has_file + outcome.is_absence + outcome.is_failure == 1
    absent = {o for o in Outcome if o.is_absence}
    assert absent == {Outcome.BLANK, Outcome.NO_COVERAGE}


def test_equal_requests_have_one_key():
    same = [
        ask(),
        StampRequest("Pan-STARRS", "G", " 1 ", 443.82, -5.39, 20.0),
        ask(ra=83.82 + 1e-9, size=20.0001),
    ]
    assert {request.key for request in same} == {same[0].key}
    assert len(set(same)) == 1
    other = [ask(source="2"), ask(ra=83.8201), ask(size=21), ask(origin="hips")]
    assert len({request.key for request in [*same, *other]}) == 5


def test_the_end_of_a_turn_is_its_start():
    assert ask(ra=359.99999999).ra == 0
    assert ask(ra=-1e-12).key == ask(ra=0).key
    assert ask(dec=-1e-12).key == ask(dec=0).key


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"dec": 91}, "declination"),
        ({"ra": float("nan")}, "finite"),
        ({"size": 0}, "size"),
        ({"size": float("nan")}, "size"),
        ({"source": "  "}, "name"),
        ({"origin": "sky"}, "origin"),
        ({"pixel_scale": 0.0}, "pixel_scale"),
    ],
)
def test_what_makes_no_sense_is_refused(options, wrong):
    with pytest.raises(ValueError, match=wrong):
        ask(**options)


def test_unknown_names_list_the_known():
    with pytest.raises(UnknownSurveyError, match="known"):
        StampRequest("nosuch", "g", "1", 0, 0, 20)
    with pytest.raises(UnknownBandError, match="it has"):
        StampRequest("ps1", "W1", "1", 0, 0, 20)


def test_names_are_read_back_as_survey_and_band():
    for survey in list_surveys():
        for band in get_survey(survey).band_names:
            request = StampRequest(survey, band, "V380_Ori", 1, 2, 20)
            name = parse_name(request.file_name)
            assert name.source == "V380_Ori"
            assert get_survey(name.survey).name == survey
            assert get_survey(survey).band(name.band).name == band


HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\windows\\system32",
    "..",
    ".hidden",
    "a\0b",
    "a\nb",
    "e\u0301toile",
    "\u202egnp.exe",
    "\ud800",
    "星" * 200,
    "a" * 1000,
    "con/./x",
    "-rf *",
    "~root",
    "$HOME",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_no_name_leads_out_of_the_folder(source, tmp_path):
    request = ask(source=source)
    path = tmp_path / request.path
    assert path.resolve().parent == (tmp_path / "Pan-STARRS").resolve()
    assert len(path.name.encode()) < 255
    path.parent.mkdir()
    path.write_bytes(b"")
    assert parse_name(path.name).band == "g"


@given(st.text(min_size=1, max_size=300))
def test_safe_names_are_safe_and_different(text):
    name = safe_name(text)
    assert name.isascii()
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>|\0')
    assert not name.startswith((".", " "))
    assert Path(name).name == name
    assert safe_name(text + "x") != name
