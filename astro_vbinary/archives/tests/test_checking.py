"""What arrives is looked at: its content decides."""

import hashlib
import io

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from astro_vbinary import SurveyStamp
from astro_vbinary.archives import HEADER_CARDS, Delivered, Outcome, StampRequest
from astro_vbinary.archives.checking import check_delivered
from astro_vbinary.archives.labelling import label_stamp, make_label
from astro_vbinary.archives.tests import helpers_loopback as loopback
from astro_vbinary.exceptions import FetchError
from astro_vbinary.stamps.headers import zero_point_from_header

REQUEST = StampRequest("ps1", "g", "V380 Ori", 83.82, -5.39, 20)
RECIPE = loopback.LoopbackRecipe(base_url="http://x")


def deliver(payload=None, **options):
    if payload is None:
        payload = loopback.make_stamp(REQUEST.ra, REQUEST.dec, REQUEST.size)
    return Delivered(REQUEST, payload, **options)


def outcome_of(delivered, **options):
    try:
        return check_delivered(delivered, **options).outcome
    except FetchError as error:
        return error.outcome


def image(data, *, x=None, y=None, scale=0.25, angle=0.0):
    """An image on which the target is at a pixel."""
    ny, nx = data.shape
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = REQUEST.ra, REQUEST.dec
    wcs.wcs.crpix = (
        1 + ((nx - 1) / 2 if x is None else x),
        1 + ((ny - 1) / 2 if y is None else y),
    )
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    wcs.wcs.cd = scale / 3600 * np.array([[-cosine, sine], [sine, cosine]])
    return fits.PrimaryHDU(data.astype(np.float32), wcs.to_header())


def sky(ny=80, nx=80):
    return np.random.default_rng(1).normal(10, 1, (ny, nx))


@pytest.mark.parametrize("kind", ["nan", "zero", "small", "large", "coarse", "asinh"])
def test_bad_images(kind):
    bad = loopback.make_bad(kind, REQUEST.ra, REQUEST.dec, REQUEST.size)
    assert outcome_of(deliver(bad)) == loopback.OUTCOMES[kind]


def test_a_good_image():
    checked = check_delivered(deliver())
    assert (checked.outcome, checked.reason) == (Outcome.OK, "")
    assert outcome_of(deliver(image(sky(), angle=30))) == Outcome.OK
    assert outcome_of(deliver(fits.HDUList([image(sky())]))) == Outcome.OK


@pytest.mark.parametrize(
    ("x", "outcome"),
    [
        (39.5, Outcome.OK),
        (38.5, Outcome.OK),  # rounded to whole pixels
        (36.0, Outcome.PARTIAL),
        (10.0, Outcome.PARTIAL),
        (9.0, Outcome.NO_COVERAGE),  # 2.4 arcsec: less than the circle
        (0.0, Outcome.NO_COVERAGE),
        (-30.0, Outcome.NO_COVERAGE),
        (-2000.0, Outcome.NOT_FITS),
    ],
)
def test_a_clipped_image_needs_the_circle_around_the_target(x, outcome):
    assert outcome_of(deliver(image(sky(), x=x))) == outcome


def test_holes():
    circle = np.hypot(*(np.mgrid[:80, :80] - 39.5)) <= 10
    hole = sky()
    hole[circle] = np.nan
    assert outcome_of(deliver(image(hole))) == Outcome.BLANK
    part = sky()
    part[:, 45:] = 0
    assert outcome_of(deliver(image(part))) == Outcome.PARTIAL
    corner = sky()
    corner[:20, :20] = np.nan  # 6 % of the square, none of the circle
    assert outcome_of(deliver(image(corner))) == Outcome.OK
    corner[:40, :30] = np.nan
    assert outcome_of(deliver(image(corner))) == Outcome.PARTIAL


@pytest.mark.parametrize("filler", [np.nan, 0.0])
@pytest.mark.parametrize("radius", [2, 4])
def test_saturated_cores(filler, radius):
    r = np.hypot(*(np.mgrid[:80, :80] - 39.5))
    data = sky() + 1000 * np.exp(-((r / 5) ** 2))
    data[r < radius] = filler
    assert outcome_of(deliver(image(data))) == Outcome.SATURATED


def test_only_linear_flux_is_taken():
    assert outcome_of(deliver(transfer="asinh")) == Outcome.NOT_FITS


def test_pixels_of_any_size_where_a_recipe_allows_them():
    coarse = deliver(image(sky(20, 20), scale=1.0))
    assert outcome_of(coarse) == Outcome.NOT_FITS
    assert outcome_of(coarse, scale_tolerance=None) == Outcome.OK


def test_files_that_are_none():
    whole = loopback.make_stamp(REQUEST.ra, REQUEST.dec, REQUEST.size)
    for payload, outcome in (
        (b"", Outcome.TRUNCATED),
        (whole[:-2880], Outcome.TRUNCATED),
        (whole[:-1], Outcome.TRUNCATED),
        (whole[:2880], Outcome.TRUNCATED),
        (b"<html>no</html>", Outcome.NOT_FITS),
        (b"SIMPLE  =" + b"x" * 2871, Outcome.TRUNCATED),
        (fits.PrimaryHDU(), Outcome.NOT_FITS),
        (fits.PrimaryHDU(np.zeros((2, 80, 80))), Outcome.NOT_FITS),
        (fits.PrimaryHDU(sky()), Outcome.NOT_FITS),  # no WCS
    ):
        assert outcome_of(deliver(payload)) == outcome, payload
    with pytest.raises(TypeError, match="payload"):
        check_delivered(deliver("text"))


def label(delivered, recipe=RECIPE):
    checked = check_delivered(delivered)
    made = make_label(delivered, checked, recipe)
    return label_stamp(checked.content, delivered.request, made, recipe), checked


def test_a_stamp_tells_where_it_came_from(tmp_path):
    url = "https://me:secret@example.org/cutout?" + "a" * 100
    epoch = Time("2015-06-01", scale="tdb")
    content, checked = label(
        deliver(unit="nmgy", zero_point=22.5, epoch=epoch, url=url)
    )
    path = tmp_path / REQUEST.file_name
    path.write_bytes(content)
    stamp = SurveyStamp.read(path)
    header = stamp.meta["header"]
    assert set(HEADER_CARDS) <= set(header)
    assert stamp.source == "V380 Ori"
    assert stamp.survey.name == "Pan-STARRS"
    assert stamp.band == "g"
    assert stamp.unit == u.Unit("nmgy")
    assert abs(stamp.epoch - epoch) < 1 * u.ms
    assert zero_point_from_header(header) == 22.5
    assert header["VBREQ"] == REQUEST.key
    assert header["VBORIGIN"] == "native"
    assert header["VBTRANS"] == "linear"
    assert header["VBURL"] == url.replace("me:secret@", "")
    assert header["VBSHA256"] == hashlib.sha256(checked.content).hexdigest()
    assert np.array_equal(stamp.data, checked.image.data)
    with fits.open(path) as hdus:
        hdus.verify("exception")


def test_the_recipe_knows_best_then_the_header():
    hdu = image(sky())
    hdu.header["BUNIT"] = "electron/s"
    hdu.header["MAGZP"] = 31.0
    for options, unit, zero_point in (
        ({}, "electron / s", 31.0),
        ({"unit": "nmgy", "zero_point": 22.5}, "nmgy", 22.5),
    ):
        delivered = deliver(hdu, **options)
        made = make_label(delivered, check_delivered(delivered), RECIPE)
        assert (made.unit, made.zero_point) == (unit, zero_point)
    bare = deliver()
    made = make_label(bare, check_delivered(bare), RECIPE)
    assert (made.unit, made.zero_point) == ("DN", 25.0)


def test_images_of_several_extensions_are_labelled_where_they_are(tmp_path):
    science = fits.ImageHDU(image(sky()).data, image(sky()).header, name="SCI")
    weight = fits.ImageHDU(np.ones((80, 80), np.float32), name="WHT")
    content, _ = label(deliver(fits.HDUList([fits.PrimaryHDU(), science, weight])))
    path = tmp_path / "a_g_PanSTARRS.fits"
    path.write_bytes(content)
    stamp = SurveyStamp.read(path)
    assert stamp.meta["header"]["VBREQ"] == REQUEST.key
    assert stamp.unit == u.Unit("DN")
    assert np.array_equal(stamp.data, science.data)


def test_compressed_images_stay_compressed(tmp_path):
    packed = fits.CompImageHDU(image(sky()).data, image(sky()).header)
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), packed]).writeto(buffer)
    content, checked = label(deliver(buffer.getvalue()))
    assert len(content) < len(buffer.getvalue()) + 3 * 2880
    path = tmp_path / "a_g_PanSTARRS.fits"
    path.write_bytes(content)
    stamp = SurveyStamp.read(path)
    assert np.array_equal(stamp.data, checked.image.data)
    assert stamp.meta["header"]["VBREQ"] == REQUEST.key


def test_odd_headers_do_not_break_it():
    content = bytearray(loopback.make_stamp(REQUEST.ra, REQUEST.dec, REQUEST.size))
    card = b"HISTORY \xff\xfe bytes that are no text".ljust(80)
    end = content.index(b"END".ljust(80))
    content[end : end + 160] = card + b"END".ljust(80)
    labelled, checked = label(deliver(bytes(content)))
    assert checked.outcome == Outcome.OK
    assert card not in labelled
    with fits.open(io.BytesIO(labelled)) as hdus:
        assert hdus[0].header["VBREQ"] == REQUEST.key
