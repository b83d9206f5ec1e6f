import bz2
import gzip
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.exceptions import StampError
from astro_vbinary.stamps import StampIndex, SurveyStamp, pack, unpack
from astro_vbinary.stamps.shards import COLUMNS
from astro_vbinary.stamps.shards.format import PARTS
from astro_vbinary.stamps.tests.helpers_fits import beside, star, tan_wcs, write

PLAIN = fits.PrimaryHDU(star(), tan_wcs().to_header())


def as_bytes(*hdus):
    with tempfile.TemporaryFile() as file:
        fits.HDUList(list(hdus)).writeto(file)
        file.seek(0)
        return file.read()


WHOLE = as_bytes(PLAIN)
KINDS = {
    "plain": WHOLE,
    "junk": WHOLE + b"junk after the image",
    "gzip": gzip.compress(WHOLE),
    "bzip2": bz2.compress(WHOLE),
    "extensions": as_bytes(PLAIN, fits.ImageHDU(star(), name="ERR")),
    "in_extension": as_bytes(fits.PrimaryHDU(), fits.ImageHDU(star(), PLAIN.header)),
    "cube": as_bytes(fits.PrimaryHDU(np.stack([star(), star()]), PLAIN.header)),
    "one_plane": as_bytes(fits.PrimaryHDU(star()[None], PLAIN.header)),
    "no_wcs": as_bytes(fits.PrimaryHDU(star())),
    "cut_short": WHOLE[:4000],
    "empty": b"",
    "html": b"<html><body>503</body></html>",
}


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fill(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def outcome(file):
    """What reading a file comes to, without the place of the file."""
    try:
        stamp = SurveyStamp.read(file.location, survey="SDSS9", band="g", source="1")
    except StampError as error:
        return error.status, str(error).replace(str(file.path), "")
    return stamp.data.tobytes(), repr(stamp.wcs), str(stamp.epoch), stamp.unit


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_every_kind_of_file_comes_back_and_reads_the_same(tmp_path, compression):
    suffix = {"gzip": ".fits.gz", "bzip2": ".fits.bz2"}
    files = {
        f"deep/{kind}_g_SDSS9{suffix.get(kind, '.fits')}": content
        for kind, content in KINDS.items()
    }
    folder, shards = tmp_path / "files", tmp_path / "shards"
    fill(folder, files)
    report = pack(folder, shards, compression=compression)
    assert (report.files, report.lost) == (len(KINDS), ())
    assert report.size == sum(map(len, KINDS.values()))
    first, second = StampIndex.from_paths(folder), StampIndex.from_paths(shards)
    assert [f.path.name for f in first] == [f.path.name for f in second]
    for file, packed in zip(first, second, strict=True):
        assert outcome(file) == outcome(packed)
    unpack(shards, tmp_path / "back")
    assert contents(tmp_path / "back") == files


@settings(max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=400),
            st.sampled_from(list(KINDS.values())),
            st.integers(0, len(WHOLE)).map(lambda stop: WHOLE[:stop]),
            # One byte of a good file is another one.
            st.tuples(
                st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=1)
            ).map(lambda at: WHOLE[: at[0]] + at[1] + WHOLE[at[0] + 1 :]),
            st.binary(max_size=100).map(lambda more: WHOLE + more),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_bytes_come_back(several):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {f"{n}_g_SDSS9.fits": content for n, content in enumerate(several)}
        fill(folder / "files", files)
        assert pack(folder / "files", folder / "shards").files == len(files)
        assert unpack(folder / "shards", folder / "back").lost == ()
        assert contents(folder / "back") == files


def test_odd_names_come_back(tmp_path):
    files = {
        "\u03c1 Oph, north_g_SDSS9.fits": WHOLE,
        "a b/c;d/$(e)_g_SDSS9.fits": WHOLE,
        "unnamed.fits": WHOLE,
        "4_g_Palomar.fits": WHOLE,
        b"not utf8 \xff_g_SDSS9.fits".decode("utf-8", "surrogateescape"): WHOLE,
    }
    fill(tmp_path / "files", files)
    pack(tmp_path / "files", tmp_path / "shards")
    unpack(tmp_path / "shards", tmp_path / "back")
    assert contents(tmp_path / "back") == files


def test_shards_have_all_columns_and_say_what_they_are(tmp_path):
    fill(tmp_path / "files", {"1_g_SDSS9.fits": WHOLE, "2_g_SDSS9.fits": b""})
    pack(tmp_path / "files", tmp_path / "shards")
    names = sorted(p.name for p in (tmp_path / "shards").iterdir())
    assert names[1] == "healpix=none"
    for folder in (tmp_path / "shards").iterdir():
        with h5py.File(folder / "001-of-001.hdf5") as file:
            expected = {c.name for c in COLUMNS} | {f"{part}_bytes" for part in PARTS}
            assert set(file) == expected
            assert file.attrs["format"] == "astro_vbinary stamps"
            assert file["ra"].attrs["unit"] == "deg"
            assert all(file[column.name].shape == (1,) for column in COLUMNS)


def test_bands_of_a_source_lie_beside_each_other(tmp_path):
    # Two places in two pixels: a source stays in one of them all the same.
    far = tan_wcs(center=beside(4e4))
    for number in range(3):
        for band in "gri":
            wcs = far if band == "r" else tan_wcs()
            write(tmp_path / f"{number}_{band}_SDSS9.fits", wcs=wcs)
    (tmp_path / "1_z_SDSS9.fits").write_bytes(b"damaged")
    pack(tmp_path, tmp_path / "shards")
    (path,) = (tmp_path / "shards").rglob("*.hdf5")
    with h5py.File(path) as file:
        sources = file["object_id"].asstr()[:].tolist()
    assert sources == [*"000", *"1111", *"222"]


def test_shards_can_be_packed_again(tmp_path):
    fill(tmp_path / "files", {f"{k}_g_SDSS9.fits": c for k, c in KINDS.items()})
    pack(tmp_path / "files", tmp_path / "one")
    pack(tmp_path / "one", tmp_path / "two", compression="gzip")
    pack(tmp_path / "two", tmp_path / "three")
    for path in (tmp_path / "one").rglob("*.hdf5"):
        other = tmp_path / "three" / path.relative_to(tmp_path / "one")
        with h5py.File(path) as first, h5py.File(other) as second:
            for name in first:
                np.testing.assert_array_equal(first[name][:], second[name][:])


def test_the_same_files_give_the_same_bytes(tmp_path):
    fill(tmp_path / "files", {f"{k}_g_SDSS9.fits": c for k, c in KINDS.items()})
    for name in ("one", "two"):
        pack(tmp_path / "files", tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_real_stamps_come_back(real_data, tmp_path):
    files = list((real_data / "images").glob("*.fits*"))
    pack(files, tmp_path / "shards", root=real_data / "images")
    unpack(tmp_path / "shards", tmp_path / "back")
    expected = contents(real_data / "images")
    assert contents(tmp_path / "back") == {p.name: expected[p.name] for p in files}
