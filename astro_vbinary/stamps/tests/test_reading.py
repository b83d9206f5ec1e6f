import bz2
import gzip
import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from astro_vbinary.exceptions import (
    NoImageError,
    TargetOutsideError,
)
from astro_vbinary.stamps import read_image
from astro_vbinary.stamps.tests.helpers_fits import (
    SHAPE,
    beside,
    star,
    tan_wcs,
    write,
)

FLOATS = ("float32", "float64")
INTEGERS = ("uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


@pytest.mark.parametrize("suffix", [".fits", ".fits.fz"])
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_pixel_types(tmp_path, dtype, suffix):
    if suffix == ".fits.fz" and dtype in ("int64", "uint64"):
        pytest.skip("tiled compression has no 64-bit integers")
    data = star(dtype=dtype)
    raw = read_image(write(tmp_path / f"a{suffix}", data))
    wide = dtype not in ("float32", "uint8", "int16", "uint16")
    assert raw.data.dtype == np.dtype("float64" if wide else "float32")
    assert raw.data.dtype.isnative
    np.testing.assert_array_equal(raw.data, data)
    assert raw.mask is None
    assert raw.uncertainty is None


@pytest.mark.parametrize("opener", [gzip.open, bz2.open])
@pytest.mark.parametrize("name", ["a.fits.packed", "a.fits"])
def test_compressed_files_whatever_their_name(tmp_path, opener, name):
    plain = write(tmp_path / "plain.fits").read_bytes()
    with opener(tmp_path / name, "wb") as file:
        file.write(plain)
    raw = read_image(tmp_path / name)
    np.testing.assert_array_equal(raw.data, star())


def test_scaled_integers(tmp_path):
    hdu = fits.PrimaryHDU(star(), tan_wcs().to_header())
    hdu.scale("int16", bscale=0.125, bzero=1000)
    hdu.writeto(tmp_path / "a.fits")
    raw = read_image(tmp_path / "a.fits")
    np.testing.assert_allclose(raw.data, star(), atol=0.0626)
    for keyword in ("BSCALE", "BZERO", "BLANK"):
        assert keyword not in raw.header


@pytest.mark.parametrize("suffix", [".fits", ".fits.fz"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32"])
def test_blank(tmp_path, dtype, suffix):
    data = star(dtype=dtype)
    value = int(data[3, 4])
    header = tan_wcs().to_header()
    zero = (
        2 ** (8 * np.dtype(dtype).itemsize - 1) if dtype in ("uint16", "uint32") else 0
    )
    header["BLANK"] = value - zero
    with warnings.catch_warnings():
        # astropy will not hear of BLANK beside a scale, and writes it all the same.
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        path = write(tmp_path / f"a{suffix}", data, header=header)
    raw = read_image(path)
    np.testing.assert_array_equal(raw.mask, data == value)
    assert np.isnan(raw.data[raw.mask]).all()
    np.testing.assert_array_equal(raw.data[~raw.mask], data[data != value])


def test_not_finite_is_masked(tmp_path):
    data = star()
    data[0, :3] = np.nan, np.inf, -np.inf
    raw = read_image(write(tmp_path / "a.fits", data))
    assert raw.mask.sum() == raw.mask[0, :3].sum() == 3
    assert np.isnan(raw.data[0, :3]).all()


@pytest.mark.parametrize(
    ("around", "size"),
    [
        ("83.8 -5.4", None),
        (SkyCoord([1, 2], [3, 4], unit="deg"), None),
        (None, 3),
        (None, 3 * u.s),
        (None, -1 * u.arcsec),
        (None, np.nan * u.deg),
        (None, [1, 2] * u.deg),
    ],
)
def test_requests_that_make_no_sense(tmp_path, around, size):
    with pytest.raises(ValueError, match=r"^(around|size) must be"):
        read_image(tmp_path / "a.fits", around=around, size=size)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_image(tmp_path / "nowhere.fits")


def test_the_image_among_tables_and_images_of_other_things(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.ones(9))])
    psf = fits.ImageHDU(np.ones((5, 5)), name="PSF")
    preview = fits.PrimaryHDU(np.ones((9, 9)))
    path = write(tmp_path / "a.fits", first=[preview, table, psf])
    np.testing.assert_array_equal(read_image(path).data, star())


def test_an_image_with_a_wcs_goes_before_one_without(tmp_path):
    more = [fits.ImageHDU(star(), tan_wcs().to_header())]
    path = write(tmp_path / "a.fits", np.ones(SHAPE), header=fits.Header(), more=more)
    np.testing.assert_array_equal(read_image(path).data, star())


def test_the_chip_with_the_target_is_taken(tmp_path):
    first, second = star(seed=1), star(seed=2)
    far = tan_wcs(center=beside(100)).to_header()
    path = write(tmp_path / "a.fits", first, first=[fits.PrimaryHDU()])
    fits.append(
        path, second, fits.Header([*far.cards, ("EXTNAME", "SCI"), ("EXTVER", 2)])
    )
    np.testing.assert_array_equal(read_image(path).data, first)
    np.testing.assert_array_equal(read_image(path, around=beside(100)).data, second)
    with pytest.raises(TargetOutsideError):
        read_image(path, around=beside(50))


def test_hdu_by_number_and_name(tmp_path):
    other = star(seed=5)
    more = [fits.ImageHDU(other, tan_wcs().to_header(), name="Other")]
    path = write(tmp_path / "a.fits", more=more)
    np.testing.assert_array_equal(read_image(path).data, star())
    for hdu in (1, "OTHER", "other"):
        np.testing.assert_array_equal(read_image(path, hdu=hdu).data, other)
    for hdu in (2, "SCI"):
        with pytest.raises(NoImageError, match="it has 0 'PRIMARY', 1 'OTHER'"):
            read_image(path, hdu=hdu)


def test_the_header_is_completed_by_the_first(tmp_path):
    primary = fits.PrimaryHDU()
    primary.header.update(TELESCOP="HST", EXPSTART=56101.0, EXPEND=56102.0)
    header = tan_wcs().to_header()
    header["BUNIT"] = "ELECTRONS/S"
    raw = read_image(write(tmp_path / "a.fits", header=header, first=[primary]))
    assert raw.header["TELESCOP"] == "HST"
    assert raw.unit == u.electron / u.s
    assert raw.epoch.mjd == 56101.5


def test_names_are_taken_literally(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLACE", "elsewhere")
    for name in ("~a.fits", "$PLACE.fits", "a.fits[1]", "http:a.fits"):
        write(tmp_path / "plain.fits").rename(name)
        np.testing.assert_array_equal(read_image(name).data, star())


def test_junk_after_the_last_hdu_harms_nobody(tmp_path):
    path = write(tmp_path / "a.fits")
    for junk in (b"\0" * 2880, b"junk" * 999, b"x"):
        whole = path.read_bytes()
        path.write_bytes(whole + junk)
        np.testing.assert_array_equal(read_image(path).data, star())
        path.write_bytes(whole)


def test_missing_padding_harms_nobody(tmp_path):
    path = write(tmp_path / "a.fits")
    whole = path.read_bytes()
    data_bytes = star().nbytes
    path.write_bytes(whole[: len(whole) - (-data_bytes % 2880)])
    np.testing.assert_array_equal(read_image(path).data, star())


def test_real_images(real_data):
    shapes = {
        "2-cutout-HSC-I-8279-pdr2_wide.fits": (25, 25),
        "DEC-OBS04a.mini.fits": (256, 256),
        "a2744_cd_F105W.fits.gz": (400, 400),
        "cosmos_cut_hsc1_grizy.fits": None,  # a cube
        "cosmos_cut_hst1_F814W.fits": (250, 250),
        "euclid_q1_102018665_VIS_YJH_DESgriz.fits": (100, 100),
        "iebc16ubq_F814W_flc_2022.fits": (512, 513),
        "jw01288015001_04101_00001_mirimage_i2d.fits.gz": (129, 137),
        "native_2mass_J.fits": (1024, 512),
        "xdf_F105W_sci.fits": (200, 200),
        "xdf_F160W_sci.fits": (200, 200),
    }
    for path in sorted((real_data / "images").iterdir()):
        shape = shapes.pop(path.name)
        if shape is None:
            with pytest.raises(NoImageError, match="5 x 50 x 50"):
                read_image(path)
            continue
        raw = read_image(path)
        ny, nx = raw.data.shape
        assert (ny, nx) == shape
        middle = raw.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2)
        cut = read_image(path, around=middle, size=3 * u.arcsec)
        y, x = (n // 2 for n in cut.data.shape)
        position = cut.wcs.pixel_to_world(x, y)
        x0, y0 = raw.wcs.world_to_pixel(position)
        value = raw.data[round(float(y0)), round(float(x0))]
        np.testing.assert_array_equal(cut.data[y, x], value)
    assert not shapes
