"""Pieces of recipes: footprints, questions, parts of files, zero points, names."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.archives import Job, StampRequest, get_recipe, recipes
from astro_vbinary.archives.builtin.helping import match_band, with_query
from astro_vbinary.archives.calibration import (
    exposure_zero_point,
    hst_zero_point,
    surface_zero_point,
    undo_asinh,
)
from astro_vbinary.archives.cutting import cut_image
from astro_vbinary.archives.discovery import (
    is_same_site,
    parse_sia,
    sia1_parameters,
    sia2_parameters,
)
from astro_vbinary.archives.footprints import edge_distance, parse_region
from astro_vbinary.archives.ranges import RangeFile
from astro_vbinary.archives.tests.servers.hips import to_asinh
from astro_vbinary.archives.tests.servers.irsa import COLUMNS
from astro_vbinary.archives.tests.servers.sky import CENTRE, make_wcs
from astro_vbinary.archives.tests.servers.tables import to_votable


@settings(max_examples=50, deadline=None)
@given(
    ra=st.floats(0, 359.9),
    dec=st.floats(-89, 89),
    x=st.floats(-60, 160),
    y=st.floats(-60, 260),
    angle=st.floats(0, 360),
)
def test_distance_from_an_edge_is_that_on_the_image(ra, dec, x, y, angle):
    shape = (200, 100)
    wcs = make_wcs(SkyCoord(ra, dec, unit="deg"), 2.0, shape, angle=angle)
    corners = wcs.pixel_to_world([-0.5, 99.5, 99.5, -0.5], [-0.5, -0.5, 199.5, 199.5])
    numbers = " ".join(f"{c.ra.deg:.9f} {c.dec.deg:.9f}" for c in corners.icrs)
    found = edge_distance(
        parse_region(f"Polygon ICRS {numbers}"), wcs.pixel_to_world(x, y).icrs
    )
    inside = min(x + 0.5, 99.5 - x, y + 0.5, 199.5 - y)
    if abs(inside) < 0.01:
        return
    if inside > 0:
        assert found.value == pytest.approx(2 * inside, abs=0.01)
    else:
        assert found.value < 0


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            None,
            "CIRCLE ICRS 10 20 1",
            "POLYGON ICRS 1 2 3",
            "POLYGON 1 2 3 4 5 99",
        ),
        "POLYGON GALACTIC 1 2 3 4 5 6",
        "POLYGON ICRS a b c d e f",
    ],
)
def test_region_that_is_no_polygon_is_none(text):
    assert parse_region(text) is None


def test_region_on_the_far_side_is_far_outside():
    corners = parse_region("POLYGON 10 1 11 1 11 2 10 2")
    assert edge_distance(corners, SkyCoord(190.5, -1.5, unit="deg")).value < 0


def test_pyvo_makes_the_questions():
    found = sia2_parameters("http://x/SIA", CENTRE, 5 * u.arcsec, collection="twomass")
    assert found["COLLECTION"] == ["twomass"]
    (circle,) = found["POS"]
    words = circle.split()
    assert words[0].upper() == "CIRCLE"
    # pyvo keeps six digits: enough to find images by, and never used to cut one.
    np.testing.assert_allclose(
        [float(w) for w in words[1:]],
        [CENTRE.ra.deg, CENTRE.dec.deg, 5 / 3600],
        rtol=1e-6,
    )
    found = sia1_parameters("http://x", CENTRE, 20 * u.arcsec, format="image/fits")
    assert found["FORMAT"] == "image/fits"
    np.testing.assert_allclose(
        [float(w) for w in found["POS"].split(",")], [CENTRE.ra.deg, CENTRE.dec.deg]
    )
    size = [float(w) for w in str(found["SIZE"]).split(",")]
    np.testing.assert_allclose(size, 20 / 3600)


def test_answer_that_reports_an_error_is_one():
    content = to_votable([], COLUMNS, status="ERROR", message="bad POS")
    with pytest.raises(ValueError, match="bad POS"):
        parse_sia(content, "http://x/SIA", version=2)
    with pytest.raises(ValueError, match="no "):
        parse_sia(b"<html>Down</html>", "http://x/SIA", version=2)
    assert parse_sia(to_votable([], COLUMNS), "http://x/SIA", version=2) == []


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://irsa.ipac.caltech.edu/ibe/data/a.fits", True),
        ("https://IRSA.ipac.caltech.edu/ibe/data/a.fits", True),
        ("http://irsa.ipac.caltech.edu/ibe/data/a.fits", False),  # not encrypted
        ("https://irsa.ipac.caltech.edu:8443/a.fits", False),
        ("https://irsa.ipac.caltech.edu.example.org/a.fits", False),
        ("https://example.org/?irsa.ipac.caltech.edu", False),
        ("https://irsa.ipac.caltech.edu@example.org/a.fits", False),
        ("https://cloud.example.org/a.fits", True),
        ("file:///a.fits", False),
        ("https://[broken", False),
        ("https://irsa.ipac.caltech.edu:port/a", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_archives_own_hosts_are_asked(url, allowed):
    base = "https://irsa.ipac.caltech.edu"
    assert is_same_site(url, base, hosts=["cloud.example.org"]) is allowed


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_range_file_reads_as_the_file_does(data):
    content = bytes(range(256)) * 8
    asked = []

    def get(start, stop):
        asked.append((start, stop))
        return content[start:stop], len(content)

    file = RangeFile(get, block=data.draw(st.integers(1, 300)))
    for _ in range(6):
        start = data.draw(st.integers(0, len(content) + 10))
        count = data.draw(st.integers(0, 700))
        if data.draw(st.booleans()):
            file.prefetch(start, start + count)
        file.seek(start)
        assert file.read(count) == content[start : start + count]
    file.seek(-5, 2)
    assert file.read() == content[-5:]


def test_range_file_of_which_a_part_does_not_come():
    file = RangeFile(lambda start, stop: (b"x" * min(stop - start, 10), 100), block=10)
    file.seek(50)
    with pytest.raises(OSError, match="did not arrive"):
        file.read(20)


@given(st.floats(-1e6, 1e6))
def test_asinh_is_undone(flux):
    assert undo_asinh(to_asinh(flux)) == pytest.approx(flux, rel=1e-9, abs=1e-9)


def test_zero_points_agree_with_astropy():
    scale = 0.6 * u.arcsec
    one = (1 * u.MJy / u.sr * scale**2).to(u.Jy)
    assert surface_zero_point(scale) == pytest.approx(one.to(u.ABmag).value, abs=1e-9)
    assert surface_zero_point(scale**2) == surface_zero_point(scale)
    photflam, photplam = 7.0332e-20, 8045.0
    flux = photflam * u.erg / u.s / u.cm**2 / u.AA
    jansky = flux.to(u.Jy, u.spectral_density(photplam * u.AA))
    expected = jansky.to(u.ABmag).value
    assert hst_zero_point(photflam, photplam) == pytest.approx(expected, abs=1e-3)
    assert hst_zero_point(None, photplam) is None
    assert exposure_zero_point(25.0, 100.0) == 30.0
    assert exposure_zero_point(25.0, 0.0) is None


def test_narrower_of_two_filters_names_the_band():
    assert match_band("JWST", "F444W;F470N") == "F470N"
    assert match_band("JWST", "F162M;F150W2") == "F162M"
    assert match_band("2MASS", "K") == "Ks"
    assert match_band("JWST", "CLEAR") is None
    assert match_band("JWST", None) is None


def test_parameters_are_added_to_those_of_an_address():
    assert with_query("http://x/a?b=1", {"c": "2,3"}) == "http://x/a?b=1&c=2,3"
    assert with_query("http://x/a", {"c": 2}) == "http://x/a?c=2"


def test_bands_of_one_source_are_one_job():
    requests = [
        StampRequest("PS1", band, source, ra, -5, 10)
        for source, ra in (("a", 83), ("b", 84))
        for band in "gri"
    ]
    jobs = list(get_recipe("panstarrs").plan(iter(requests)))
    assert [len(job.requests) for job in jobs] == [3, 3]
    assert isinstance(jobs[0], Job)


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_plan_loses_and_doubles_nothing(recipe):
    rng = np.random.default_rng(1)
    wanted = [
        StampRequest(recipe.survey, band, str(n), ra, dec, 20, origin=recipe.origin)
        for n, (ra, dec) in enumerate(rng.uniform([80, -8], [88, -2], (30, 2)))
        for band in recipe.bands[:3]
    ]
    jobs = list(recipe.plan(iter(wanted)))
    planned = [request.key for job in jobs for request in job.requests]
    assert sorted(planned) == sorted(request.key for request in wanted)
    for job in jobs:
        assert job.recipe == recipe.name
        assert recipe.estimate(job) > 0
        assert recipe.n_calls(job) >= 0


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_recipe_says_what_its_page_needs(recipe):
    assert recipe.what
    assert recipe.traps
    assert recipe.citation
    assert recipe.acknowledgement
    assert recipe.doc_url.startswith("http")
    assert recipe.pixel_unit()
    assert all(recipe.system(band) in ("AB", "Vega") for band in recipe.bands)
    assert recipe.base_url.startswith("https://")


def test_hips_have_full_ids():
    """A part of an ID is answered by a HiPS that matches it at random."""
    for recipe in recipes(origin="hips"):
        assert set(recipe.ids) == set(recipe.bands)
        for hips in recipe.ids.values():
            assert hips.startswith(("CDS/P/", "ESAVO/P/"))
    assert get_recipe("panstarrs-hips").asinh == ("r", "i", "z", "y")


@settings(max_examples=12, deadline=None)
@given(x=st.floats(-0.4, 99.4), y=st.floats(-0.4, 79.4), size=st.floats(2, 60))
def test_cut_moves_the_reference_pixel_and_nothing_else(x, y, size):
    wcs = make_wcs(CENTRE, 0.5, (80, 100), angle=12.0, offset=(3.3, -1.2))
    header = wcs.to_header()
    header["MAGZP"] = 25.0
    header["CRPIX1A"] = 7.0
    data = np.arange(8000.0).reshape(80, 100)
    target = wcs.pixel_to_world(x, y)
    hdu = cut_image(data, wcs, target, size * u.arcsec, header=header)
    part = WCS(hdu.header)
    column, row = (round(float(v)) for v in part.world_to_pixel(target))
    assert hdu.data[row, column] == data[round(y), round(x)]
    assert hdu.header["MAGZP"] == 25.0
    moved = hdu.header["CRPIX1"] - header["CRPIX1"]
    assert hdu.header["CRPIX1A"] == pytest.approx(7.0 + moved)
    assert header["CRPIX1A"] == 7.0
    here = part.pixel_to_world(column, row)
    assert here.separation(wcs.pixel_to_world(round(x), round(y))).mas < 1e-3
    far = CENTRE.directional_offset_by(0 * u.deg, 5 * u.arcmin)
    assert cut_image(data, wcs, far, size * u.arcsec, header=fits.Header()) is None
