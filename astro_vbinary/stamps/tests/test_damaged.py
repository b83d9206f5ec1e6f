"""Damaged and odd files among good ones: each is told apart, and no good one is lost.

Every kind of damage is made in a dozen variants, over 200 files in all.
"""

import bz2
import gzip

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits

from astro_vbinary.exceptions import (
    NoCelestialWCSError,
    NoDataError,
    NoImageError,
    TargetOutsideError,
    UnreadableStampError,
)
from astro_vbinary.stamps import StampIndex, read_image
from astro_vbinary.stamps.tests.helpers_fits import (
    CENTER,
    SHAPE,
    beside,
    star,
    tan_wcs,
    write,
)
from astro_vbinary.status import Status

VARIANTS = 12

HTML = (
    b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    b"\n\n  <html><head><title>Login</title></head></html>",
    b'<?xml version="1.0"?><VOTABLE><INFO name="QUERY_STATUS"/></VOTABLE>',
)
OTHER = (
    b"",
    b"S",
    b"SIMPLE",
    b"no such position",
    b'{"error": "not found"}',
    b"\x89PNG\r\n\x1a\n" + bytes(500),
    b"PK\x03\x04" + bytes(500),
    b"\x00" * 5760,
    b" " * 5760,
    b"\x1f\x8b",
    b"BZh9",
    b"cos\nsystem\n(S'exit 1'\ntR.",
)


def at(path, data):
    path.write_bytes(data)
    return path


def whole(path, number):
    """A good file of one of several layouts, to be damaged."""
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.ones(99))])
    more = [fits.ImageHDU(star(), name="ERR"), table]
    shape = (24 + number, 40)
    return write(path, star(shape, seed=number), more=more if number % 2 else ())


def html(path, number):
    at(path, HTML[number % 3] + bytes([32]) * number)


def something_else(path, number):
    at(path, OTHER[number])


def random_bytes(path, number):
    at(path, np.random.default_rng(number).bytes(100 + 1000 * number))


def cut_in_the_header(path, number):
    at(path, whole(path, number).read_bytes()[: 80 + 200 * number])


def cut_in_the_data(path, number):
    content = whole(path, 0).read_bytes()
    size = star((24, 40)).nbytes
    # From one byte of data to all but one.
    at(path, content[: 2880 + 1 + (size - 2) * number // (VARIANTS - 1)])


def cut_in_a_later_extension(path, number):
    content = whole(path, 1).read_bytes()
    image = 2880 * (1 + -(-star((25, 40)).nbytes // 2880))
    extension = 2880 + star().nbytes
    at(path, content[: image + 1 + (extension - 2) * number // (VARIANTS - 1)])


def cut_when_compressed(path, number):
    packed = (gzip, bz2)[number % 2].compress(whole(path, number).read_bytes())
    at(path, packed[: 20 + (len(packed) - 21) * number // (VARIANTS - 1)])


def compressed_when_cut(path, number):
    content = whole(path, 0).read_bytes()
    at(path, gzip.compress(content[: 3000 + 300 * number]))


def flipped_when_compressed(path, number):
    packed = bytearray(gzip.compress(whole(path, number).read_bytes()))
    packed[-100 - 50 * number] ^= 0xFF
    at(path, bytes(packed))


def cut_compressed_image(path, number):
    packed = path.with_suffix(".fits.fz")
    content = write(packed, star(seed=number, dtype=np.int16)).read_bytes()
    packed.unlink()
    end = len(content) - 2880
    at(path, content[: 2880 + 80 + (end - 2880 - 80) * number // VARIANTS])


def broken_header(path, number):
    changes = (
        (b"END     ", b"FIN     "),
        (b"NAXIS   =                    2", b"NAXIS   =                   -2"),
        (b"NAXIS1  =                   40", b"NAXIS1  =                  -40"),
        (b"NAXIS1  =                   40", b"NAXIS1  =           4000000000"),
        (b"NAXIS2  =", b"NAXISX  ="),
        (b"NAXIS   =                    2", b"NAXIS   =                  two"),
        (b"BITPIX  =                  -32", b"BITPIX  =                  -33"),
        (b"BITPIX  =                  -32", b"BITPIX  =                  'a'"),
        (b"BITPIX  =                  -32", b"BITPIXX =                  -32"),
        (b"SIMPLE  =", b"SIMPLY  ="),
        (b"NAXIS2  =                   24", b"NAXIS2  = 99999999999999999999"),
        (b"NAXIS   =                    2", b"NAXIS   =                  998"),
    )
    old, new = changes[number]
    content = whole(path, 0).read_bytes()
    assert content.count(old) == 1
    at(path, content.replace(old, new))


def no_image(path, number):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "E", array=np.ones(9))])
    text = fits.TableHDU.from_columns([fits.Column("a", "F5.2", array=np.ones(9))])
    shapes = ((50,), (1, 50), (1, 1, 50), (2, 2, 2))
    layouts = (
        [fits.PrimaryHDU()],
        [fits.PrimaryHDU(), table],
        [fits.PrimaryHDU(), text],
        [fits.PrimaryHDU(), fits.ImageHDU(), fits.ImageHDU()],
        *([fits.PrimaryHDU(np.ones(shape))] for shape in shapes),
        *([fits.PrimaryHDU(), fits.ImageHDU(np.ones(shape))] for shape in shapes),
    )
    fits.HDUList(layouts[number]).writeto(path)


def cube(path, number):
    shapes = ((5, *SHAPE), (2, *SHAPE), (1, 3, *SHAPE), (*SHAPE, 3))
    data = np.random.default_rng(number).normal(size=shapes[number % 4])
    first = ([], [fits.PrimaryHDU()], [fits.PrimaryHDU(star()[:1])])[number // 4]
    write(path, data, header=tan_wcs().to_header(), first=first)


def tiny(path, number):
    sides = ((1, 1), (1, 2), (2, 1), (2, 2), (1, 40), (40, 1), (2, 40), (40, 2))
    shape = (*sides, *((1, *side) for side in sides))[number]
    write(path, star()[:2, :2].mean() + np.arange(np.prod(shape)).reshape(shape))


def no_wcs(path, number):
    header = tan_wcs().to_header()
    if number == 0:
        header = fits.Header()
    elif number == 1:
        header["CTYPE1"], header["CTYPE2"] = "LINEAR", "LINEAR"
    elif number == 2:
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "GLAT-TAN"
    elif number == 3:
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--SIN"
    elif number == 4:
        header["CTYPE1"], header["CTYPE2"] = "RA---XYZ", "DEC--XYZ"
    elif number == 5:
        header["CDELT1"] = 0.0
    elif number == 6:
        header.update(PC1_1=1.0, PC1_2=1.0, PC2_1=1.0, PC2_2=1.0)
    elif number == 7:
        header.update(A_ORDER=2, A_2_0=1e-4)
    elif number == 8:
        header["CTYPE2"] = "WAVE"
    elif number == 9:
        header["CUNIT1"] = "Jy"
    elif number == 10:
        header.update(CD1_1=0.0, CD1_2=0.0, CD2_1=0.0, CD2_2=0.0)
        for keyword in ("CDELT1", "CDELT2"):
            del header[keyword]
    else:
        header["CTYPE1"] = header["CTYPE2"] = "RA---TAN"
    write(path, header=header, first=[fits.PrimaryHDU()] if number % 2 else ())


def nothing_usable(path, number):
    constants = (np.nan, np.inf, -np.inf, 0.0, -7.5, 1e30)
    data = np.full(SHAPE, constants[number % 6], dtype=np.float32)
    if number >= 6:  # and some that differ, masked
        data[3:9] = star()[3:9]
        flags = (data == star()).astype(np.uint8)
        write(path, data, more=[fits.ImageHDU(flags, name="DQ")])
    else:
        write(path, data)


def constant_integers(path, number):
    dtype = ("uint8", "int16", "uint16", "int32", "uint32", "int64")[number % 6]
    write(path, np.full(SHAPE, 3 * number, dtype=dtype))


def nothing_usable_around_the_target(path, number):
    data = star((200, 200), seed=number)
    data[60:140, 60:140] = np.nan if number % 2 else 5.0
    write(path, data)


def target_outside(path, number):
    away = 10.0 ** (1 + 5 * number / VARIANTS)
    write(path, wcs=tan_wcs(center=beside(away, 30 * number)))


DAMAGE = {
    UnreadableStampError: (
        *(html, something_else, random_bytes),
        *(cut_in_the_header, cut_in_the_data, cut_in_a_later_extension),
        *(cut_when_compressed, compressed_when_cut, flipped_when_compressed),
        *(cut_compressed_image, broken_header),
    ),
    NoImageError: (no_image, cube, tiny),
    NoCelestialWCSError: (no_wcs,),
    NoDataError: (nothing_usable, constant_integers, nothing_usable_around_the_target),
    TargetOutsideError: (target_outside,),
}
CASES = [(make, error) for error, kinds in DAMAGE.items() for make in kinds]
STATUS = {
    UnreadableStampError: Status.UNREADABLE,
    NoImageError: Status.NO_IMAGE,
    NoCelestialWCSError: Status.NO_WCS,
    NoDataError: Status.NO_DATA,
    TargetOutsideError: Status.TARGET_OUTSIDE,
}


@pytest.mark.parametrize(
    ("make", "error"), CASES, ids=[make.__name__ for make, _ in CASES]
)
def test_damage_is_told_apart(tmp_path, make, error):
    """Each variant raises just its error, which names the file and has a status."""
    for number in range(VARIANTS):
        path = tmp_path / f"{make.__name__}{number}.fits"
        make(path, number)
        with pytest.raises(error) as caught:
            read_image(path, around=CENTER, size=5 * u.arcsec)
        assert type(caught.value) is error, number
        assert path.name in str(caught.value), number
        assert caught.value.status is STATUS[error], number


def test_no_good_file_is_lost_among_two_hundred_bad_ones(tmp_path):
    """An index takes in all of them; reading finds every good one and no other."""
    good, bad = {}, {}
    for make, error in CASES:
        for number in range(VARIANTS):
            name = f"{make.__name__}{number}_r_SDSS9.fits"
            make(tmp_path / name, number)
            bad[name] = error
    for number, suffix in enumerate((".fits", ".fits.fz", ".fts", ".fit") * 5):
        name = f"good_{number}_r_SDSS9{suffix}"
        good[name] = star(seed=number, dtype=(np.float32, np.int16)[number % 2])
        write(tmp_path / name, good[name])
    write(tmp_path / "wide_r_SDSS9.fits", star((24, 20_000)))
    good["wide_r_SDSS9.fits"] = None
    for survey in ("Palomar", "SDSS99", "fits"):
        write(tmp_path / f"1_r_{survey}.fits")
    write(tmp_path / "unnamed.fits")
    assert len(bad) > 200

    index = StampIndex.from_paths(tmp_path)
    assert {file.path.name for file in index} == {*good, *bad}
    rejected = sorted(file.status for file in index.rejected)
    assert rejected == [*[Status.UNKNOWN_SURVEY] * 3, Status.UNNAMED]
    raised = {}
    for file in index:
        name = file.path.name
        try:
            raw = read_image(file.path, around=CENTER, size=60 * u.arcsec)
        except tuple(DAMAGE) as error:
            raised[name] = type(error)
            continue
        if good.get(name) is not None:
            np.testing.assert_array_equal(raw.data, good[name])
            assert raw.wcs.pixel_to_world(15.5, 11.5).separation(CENTER) < 1 * u.mas
    # There is something beyond a blank centre, and here so much is read.
    blank = nothing_usable_around_the_target.__name__
    expected = {name: e for name, e in bad.items() if not name.startswith(blank)}
    assert raised == expected


def test_a_folder_is_no_file(tmp_path):
    folder = tmp_path / "1_g_SDSS9.fits"
    folder.mkdir()
    with pytest.raises(UnreadableStampError, match="is not a file"):
        read_image(folder)


def test_an_endless_file_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("astro_vbinary.stamps.container.MAX_DECOMPRESSED", 10_000)
    path = at(
        tmp_path / "a.fits.gz", gzip.compress(whole(tmp_path / "b", 11).read_bytes())
    )
    with pytest.raises(UnreadableStampError, match="more than 10000 bytes"):
        read_image(path)


def test_large_compressed_files_are_read_from_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("astro_vbinary.stamps.container.MAX_IN_MEMORY", 1000)
    path = write(tmp_path / "a.fits")
    at(tmp_path / "a.fits.gz", gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read_image(tmp_path / "a.fits.gz").data, star())
