"""Plain files are read from their bytes as by astropy; others are left alone."""

import io

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.stamps.directions import to_vectors
from astro_vbinary.stamps.plain import pixels_of, read_plain, sky_of
from astro_vbinary.stamps.reading import read_image
from astro_vbinary.stamps.tests.helpers_sky import FORMS, make_wcs

SHAPE = (13, 17)
PIXELS = np.random.default_rng(0).normal(100, 20, SHAPE)

#: What headers say about the frame, and whether a plain image may have it.
FRAMES = [
    ({}, True),
    ({"RADESYS": "ICRS"}, True),
    ({"RADESYS": "FK5"}, True),
    ({"RADESYS": "FK5", "EQUINOX": 2000.0}, True),
    ({"EQUINOX": 2000.0}, True),
    ({"EQUINOX": 1950.0}, False),
    ({"RADESYS": "FK4", "EQUINOX": 1950.0}, False),
]


def as_bytes(header, data=PIXELS, extra=()):
    stream = io.BytesIO()
    data = data.astype("f4") if data is PIXELS else data
    hdus = [fits.PrimaryHDU(data, header), *extra]
    fits.HDUList(hdus).writeto(stream)
    return stream.getvalue()


def make_header(form="CD", *, frame=None, **options):
    wcs = make_wcs((83.6, -5.4), 0.25, SHAPE[1], form=form, **options)
    header = wcs.to_header(relax=True)
    for keyword in ("RADESYS", "EQUINOX"):
        header.remove(keyword, ignore_missing=True)
    header.update(frame or {})
    return header


def compare(content, tmp_path):
    path = tmp_path / "1_g_SDSS9.fits"
    path.write_bytes(content)
    plain, raw = read_plain(content), read_image(path)
    np.testing.assert_array_equal(plain.data, raw.data)
    assert plain.data.dtype == raw.data.dtype
    wcs, fk5 = np.array([plain.wcs]), np.array([plain.fk5])
    for x, y in ((0.0, 0.0), (8.2, 6.1), (16.0, 12.0)):
        position = raw.wcs.pixel_to_world(x, y).icrs
        found = sky_of(wcs, fk5, np.array([[x, y]]))[0]
        apart = position.separation(SkyCoord(*found, unit="deg"))
        assert apart < 1e-7 * u.arcsec
        vectors = to_vectors(np.array([[position.ra.deg, position.dec.deg]]))
        np.testing.assert_allclose(
            pixels_of(wcs, fk5, vectors[None])[0, 0], (x, y), atol=1e-6
        )
    return plain


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4", "f8"])
def test_pixels_and_positions_are_those_of_astropy(form, kind, tmp_path):
    header = make_header(form, rotation=31.0, mirrored=kind == "i2")
    content = as_bytes(header, PIXELS.astype(kind))
    if read_plain(content) is None:
        # Only old ways of writing a matrix, and ways of storing unsigned numbers.
        assert any(key.startswith("CROTA") for key in header) or kind == "u1"
        return
    compare(content, tmp_path)


@pytest.mark.parametrize(("frame", "plain"), FRAMES)
def test_frames_are_those_of_astropy(frame, plain, tmp_path):
    content = as_bytes(make_header(frame=frame))
    if not plain:
        assert read_plain(content) is None
        return
    assert compare(content, tmp_path).fk5 == (
        "FK5" in frame.values() or "EQUINOX" in frame
    )


@given(
    place=st.tuples(st.floats(0, 360), st.floats(-90, 90)),
    scale=st.floats(0.03, 2),
    rotation=st.floats(0, 360),
    mirrored=st.booleans(),
)
def test_positions_are_right_anywhere(place, scale, rotation, mirrored):
    wcs = make_wcs(place, scale, 17, rotation=rotation, mirrored=mirrored)
    plain = read_plain(as_bytes(wcs.to_header(), np.array(PIXELS, "f4")))
    numbers, fk5 = np.array([plain.wcs]), np.array([plain.fk5])
    found = SkyCoord(*sky_of(numbers, fk5, np.array([[3.0, 11.0]]))[0], unit="deg")
    assert found.separation(wcs.pixel_to_world(3.0, 11.0)) < 1e-6 * u.arcsec


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"},
        {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"},
        {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"},
        {"A_ORDER": 2},
        {"PV1_1": 1.01},
        {"BSCALE": 2.0},
        {"BZERO": 32768},
        {"BLANK": -1},
        {"LONPOLE": 90.0},
        {"CUNIT1": "arcsec"},
        {"CDELT1": 0.0},
        {"CRVAL1": "unknown"},
        {"NAXIS1": 1000},
        {"BITPIX": 64},
    ],
)
def test_what_is_not_plain_is_left_to_others(cards):
    content = bytearray(as_bytes(make_header("PC")))
    header = fits.Header.fromstring(bytes(content[: content.index(b"END" + b" " * 77)]))
    header.update(cards)
    text = header.tostring(padding=True).encode("ascii")
    pixels = bytes(content[-2880 * (-(-PIXELS.size * 4 // 2880)) :])
    assert read_plain(text + pixels) is None


def test_more_than_one_image_is_left_to_others():
    content = as_bytes(make_header(), extra=[fits.ImageHDU(np.ones((3, 3)))])
    assert read_plain(content) is None


@given(st.integers(0, 2880 * 2 + 100))
def test_a_file_cut_short_is_left_to_others(length):
    whole = as_bytes(make_header())
    assert read_plain(whole) is not None
    assert read_plain(whole[: min(length, len(whole) - 1)]) is None


@given(st.binary(max_size=400))
def test_anything_at_all_can_be_looked_at(content):
    assert read_plain(content) is None
    assert read_plain(b"SIMPLE  =                    T" + content) is None
