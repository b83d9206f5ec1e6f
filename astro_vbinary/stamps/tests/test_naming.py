import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from astro_vbinary.exceptions import StampNameError
from astro_vbinary.stamps.naming import (
    DEFAULT_TEMPLATES,
    NamingTemplate,
    StampName,
    has_fits_suffix,
    parse_name,
)

# Letters of any script and what catalogues put in names, "_" and "." among it.
WORDS = st.text(st.sampled_from("abZ09é-+. "), min_size=1, max_size=8)
SOURCES = st.text(st.sampled_from("abZ09é-+._ "), min_size=1, max_size=16)
SUFFIXES = st.sampled_from([".fits", ".FIT", ".fts.gz", ".fits.fz", ".fits.bz2", ".fz"])


@given(source=SOURCES, band=WORDS, survey=WORDS, suffix=SUFFIXES)
def test_round_trip(source, band, survey, suffix):
    template = NamingTemplate("{source}_{band}_{survey}")
    assume(not has_fits_suffix(survey))
    name = template.format(source=source, band=band, survey=survey, suffix=suffix)
    assert template.parse(name) == StampName(source, band, survey)


@given(source=SOURCES, band=WORDS, survey=WORDS)
def test_a_source_takes_the_separators_wherever_it_stands(source, band, survey):
    assume(not has_fits_suffix(source))
    for text in ("{survey}_{source}_{band}", "{band}_{survey}__{source}"):
        # A source that ends or begins with the separator cannot be told from it.
        assume(source.strip("_") == source)
        template = NamingTemplate(text)
        name = template.format(source=source, band=band, survey=survey)
        assert template.parse(name) == StampName(source, band, survey)


@given(source=SOURCES, survey=WORDS)
def test_stacks_have_no_band(source, survey):
    assume(not has_fits_suffix(survey))
    name = parse_name(f"{source}_stacked_{survey}.fits")
    assert name == StampName(source, None, survey)


def test_real_names():
    assert DEFAULT_TEMPLATES[0].startswith("{source}_stacked")
    assert parse_name("22466_stacked_2MASS.fits") == StampName("22466", None, "2MASS")
    assert parse_name("lp00_z_DECaLS.fits.gz") == StampName("lp00", "z", "DECaLS")
    assert parse_name("a_b_c_r_SDSS9.FTS") == StampName("a_b_c", "r", "SDSS9")


@pytest.mark.parametrize("name", ["", "image.fits", "g_SDSS9.fits", "__.fits", "_g_S"])
def test_names_that_tell_nothing(name):
    with pytest.raises(StampNameError, match=re.escape(repr(name))) as caught:
        parse_name(name)
    for template in DEFAULT_TEMPLATES:
        assert template in str(caught.value)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{band}_{survey}", "no {source}"),
        ("{source}_{filter}", "known: {source}, {band}, {survey}"),
        ("{source}_{source}", "twice"),
        ("{source}{band}", "needs a text between"),
        ("{source}_{}", "placeholder {}"),
        ("{source!r}", "placeholder"),
        ("{source:>8}", "placeholder"),
        ("{source", "malformed"),
        ("plain", "no {source}"),
    ],
)
def test_malformed_templates(template, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        NamingTemplate(template)


def test_no_template():
    with pytest.raises(ValueError, match="at least one"):
        parse_name("a_g_SDSS9.fits", templates=())


def test_braces_and_dots_stand_for_themselves():
    template = NamingTemplate("{{{source}}}.v1+{survey}.fits")
    assert template.parse("{7}.v1+JWST.fits.gz") == StampName("7", None, "JWST")
    assert template.format(source="7", survey="JWST") == "{7}.v1+JWST.fits"
    with pytest.raises(StampNameError):
        template.parse("{7}xv1+JWST.fits")


@pytest.mark.parametrize(
    ("source", "band", "survey"),
    [
        ("../x", "g", "SDSS9"),
        ("a", "g\\h", "SDSS9"),
        ("a", "", "SDSS9"),
        ("a", None, "SDSS9"),
        ("a", "g", None),
        ("a", "g_x", "SDSS9"),
        ("a", "g", "SDSS_9"),
        ("\0", "g", "SDSS9"),
    ],
)
def test_parts_that_would_not_come_back(source, band, survey):
    template = NamingTemplate("{source}_{band}_{survey}")
    with pytest.raises(ValueError, match=r"cannot be in|would not be understood"):
        template.format(source=source, band=band, survey=survey)
