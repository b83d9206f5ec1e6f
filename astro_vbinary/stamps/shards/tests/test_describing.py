import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, Sip
from astropy.wcs.utils import wcs_to_celestial_frame

from astro_vbinary.stamps import read_image
from astro_vbinary.stamps.shards.describing import describe_file
from astro_vbinary.stamps.shards.format import PIXEL_TYPES
from astro_vbinary.stamps.tests.helpers_fits import (
    CENTER,
    SCALE,
    SHAPE,
    star,
    tan_wcs,
    write,
)


def describe(path, **given):
    return describe_file(path.read_bytes(), path, **given)


def from_numbers(row):
    """A WCS of nothing but the numbers in a row."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crpix = row["crpix1"], row["crpix2"]
    wcs.wcs.crval = row["crval1"], row["crval2"]
    wcs.wcs.cd = [[row["cd1_1"], row["cd1_2"]], [row["cd2_1"], row["cd2_2"]]]
    wcs.wcs.radesys = row["radesys"]
    return wcs


@pytest.mark.parametrize("radesys", ["ICRS", "FK5"])
@pytest.mark.parametrize("angle", [0.0, 33.0, 180.0])
def test_plain_numbers_are_the_whole_wcs(tmp_path, angle, radesys):
    wcs = tan_wcs(angle=angle)
    wcs.wcs.radesys = radesys
    path = write(tmp_path / "a.fits", wcs=wcs)
    row = describe(path)
    assert row["wcs_plain"]
    assert row["radesys"] == radesys
    # As told apart without reading text: only FK5 has an equinox.
    assert row.get("equinox") == (2000.0 if radesys == "FK5" else None)
    x, y = np.array([-0.5, 31.5, -0.5, 31.5]), np.array([-0.5, -0.5, 23.5, 23.5])
    expected = read_image(path).wcs.pixel_to_world(x, y)
    found = from_numbers(row).pixel_to_world(x, y)
    assert found.separation(expected).max() < 1e-6 * u.arcsec
    assert row["image_scale"] == pytest.approx(SCALE)
    place = SkyCoord(row["ra"], row["dec"], unit="deg")
    middle = read_image(path).wcs.pixel_to_world(15.5, 11.5)
    assert place.separation(middle) < 1e-6 * u.arcsec


def sip(wcs):
    a = np.zeros((3, 3))
    a[2, 0] = 1e-5
    wcs.sip = Sip(a, a.T, None, None, wcs.wcs.crpix)
    wcs.wcs.ctype = "RA---TAN-SIP", "DEC--TAN-SIP"


def polynomial(wcs):
    wcs.wcs.ctype = "RA---TPV", "DEC--TPV"
    wcs.wcs.set_pv([(1, 1, 1.001), (2, 1, 1.0)])


def projection(wcs):
    wcs.wcs.ctype = "RA---SIN", "DEC--SIN"


def turned_pole(wcs):
    wcs.wcs.lonpole = 150.0


def galactic(wcs):
    wcs.wcs.ctype = "GLON-TAN", "GLAT-TAN"


def old_equinox(wcs):
    wcs.wcs.radesys = "FK5"
    wcs.wcs.equinox = 1975.0


def fk4(wcs):
    wcs.wcs.radesys = "FK4"
    wcs.wcs.equinox = 1950.0


def swapped(wcs):
    wcs.wcs.ctype = "DEC--TAN", "RA---TAN"


@pytest.mark.parametrize(
    "change",
    [sip, polynomial, projection, turned_pole, galactic, old_equinox, fk4, swapped],
)
def test_what_more_there_is_to_a_wcs_is_not_plain(tmp_path, change):
    wcs = tan_wcs()
    change(wcs)
    path = write(tmp_path / "a.fits", wcs=wcs)
    row = describe(path)
    assert row["plain"]
    assert not row["wcs_plain"]
    # The position is right all the same.
    raw = read_image(path)
    ny, nx = raw.data.shape
    middle = raw.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
    place = SkyCoord(row["ra"], row["dec"], unit="deg")
    assert place.separation(middle) < 1e-6 * u.arcsec
    assert row["radesys"] == wcs_to_celestial_frame(raw.wcs).name.upper()


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8", "f4", "f8", "u2", "u4"])
def test_pixels_follow_from_the_row(tmp_path, dtype):
    image = star(dtype=dtype)
    path = write(tmp_path / "a.fits", image)
    content, row = path.read_bytes(), describe(path)
    assert row["plain"]
    assert (row["naxis2"], row["naxis1"]) == SHAPE
    start, size = row["header_size"], row["image_size"]
    raw = np.frombuffer(content[start : start + size], PIXEL_TYPES[row["bitpix"]])
    values = raw.reshape(SHAPE) * row.get("bscale", 1.0) + row.get("bzero", 0.0)
    np.testing.assert_array_equal(values, image)
    assert start + size + row["tail_size"] == len(content)


def test_blank_counts_for_integers_only(tmp_path):
    header = tan_wcs().to_header()
    header["BLANK"] = -99
    path = write(tmp_path / "a.fits", star(dtype="i2"), header=header)
    assert describe(path)["blank"] == -99


def test_what_headers_say(tmp_path):
    header = tan_wcs().to_header()
    header.update({"BUNIT": "nanomaggy ", "MAGZP": 22.5, "MJD-OBS": 56101.5})
    row = describe(write(tmp_path / "a.fits", header=header))
    assert (row["unit"], row["zero_point"], row["mjd"]) == ("nanomaggy", 22.5, 56101.5)
    assert not row.get("target_given")


def test_a_target_is_the_position(tmp_path):
    path = write(tmp_path / "a.fits", wcs=tan_wcs())
    target = SkyCoord(209.0, -19.4, unit="deg", frame="galactic")
    row = describe(path, target=target)
    assert row["target_given"]
    assert (row["ra"], row["dec"]) == (target.icrs.ra.deg, target.icrs.dec.deg)


def test_a_chosen_extension(tmp_path):
    other = tan_wcs(center=SkyCoord(10.0, 20.0, unit="deg"))
    more = [fits.ImageHDU(star(), other.to_header(), name="OTHER")]
    path = write(tmp_path / "a.fits", more=more)
    assert not describe(path).get("plain")
    assert describe(path)["ra"] == pytest.approx(CENTER.ra.deg)
    assert describe(path, hdu="OTHER")["ra"] == pytest.approx(10.0)
    assert describe(path, hdu=7).get("ra") is None
