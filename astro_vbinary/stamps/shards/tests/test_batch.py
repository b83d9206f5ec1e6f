import gzip
import multiprocessing
import pickle

import numpy as np
import pytest
from astropy.io import fits

from astro_vbinary.stamps import PackedStamp, StampIndex, pack, read_packed
from astro_vbinary.stamps.shards import COLUMNS, batch
from astro_vbinary.stamps.shards.format import PIXEL_TYPES
from astro_vbinary.stamps.tests.helpers_fits import beside, star, tan_wcs, write

SHAPES = [(24, 32), (24, 32), (48, 48), (7, 9)]
TYPES = ["f4", "f4", "f8", "i2", "u1"]


@pytest.fixture(scope="module", params=["none", "gzip"])
def packed(request, tmp_path_factory):
    """Folder and index of shards: many kinds of images in two pixels of the sky."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(40):
        image = star(SHAPES[number % 4], dtype=TYPES[number % 5], seed=number)
        wcs = tan_wcs(image.shape, center=beside(4e4 * (number % 3)), angle=number)
        write(folder / f"{number}_g_SDSS9.fits", image, wcs=wcs)
    content = (folder / "7_g_SDSS9.fits").read_bytes()
    (folder / "7_r_SDSS9.fits.gz").write_bytes(gzip.compress(content))
    (folder / "8_r_SDSS9.fits").write_bytes(b"damaged")
    shards = tmp_path_factory.mktemp("out") / "shards"
    pack(folder, shards, compression=request.param)
    return folder, StampIndex.from_paths(shards)


def check(folder, files):
    found = read_packed(files)
    assert len(found) == len(files)
    assert found.errors == {}
    for number, file in enumerate(files):
        path = folder / file.path.name
        header, image = found.headers[number], found.images[number]
        row = {name: values[number] for name, values in found.columns.items()}
        if path.suffix == ".gz" or file.path.name == "8_r_SDSS9.fits":
            assert image is None
            assert not row["plain"]
            assert bytes(header) == b""
            continue
        with fits.open(path) as hdulist:
            np.testing.assert_array_equal(image, hdulist[0].data)
            assert image.dtype == PIXEL_TYPES[hdulist[0].header["BITPIX"]]
            assert fits.Header.fromstring(bytes(header)) == hdulist[0].header
            assert row["crval1"] == hdulist[0].header["CRVAL1"]
        assert row["wcs_plain"]


def test_all_at_once(packed):
    folder, index = packed
    check(folder, index)


def test_in_any_order_and_more_than_once(packed):
    folder, index = packed
    rng = np.random.default_rng(1)
    check(folder, [index[i] for i in rng.integers(0, len(index), 100)])
    check(folder, [index[5].packed])


@pytest.mark.parametrize("name", ["BYTE_GAP", "LONGEST_READ", "ROW_GAP"])
def test_in_many_reads(packed, monkeypatch, name):
    folder, index = packed
    monkeypatch.setattr(batch, name, 1)
    check(folder, index[::3])


def test_nothing_is_nothing():
    found = read_packed([])
    assert (len(found), found.errors) == (0, {})
    assert repr(found) == "<PackedBatch of 0 stamps, 0 plain>"


def test_columns_that_are_asked_for(packed):
    _, index = packed
    found = read_packed(index[3:6], columns=["object_id", "sha256", "naxis1"])
    assert found.columns["object_id"] == [file.source for file in index[3:6]]
    assert found.columns["sha256"].dtype == "S64"
    with pytest.raises(ValueError, match="no column colour; known: object_id"):
        read_packed(index[:1], columns=["colour"])


def test_numbers_come_by_default():
    names = set(batch.BATCH_COLUMNS)
    assert {"crpix1", "cd2_2", "wcs_plain", "plain", "bscale", "mjd", "ra"} <= names
    assert names < {column.name for column in COLUMNS}


def test_files_must_be_in_shards(packed):
    folder, _ = packed
    with pytest.raises(ValueError, match="is in no shard"):
        read_packed(StampIndex.from_paths(folder)[:1])


def test_views_cannot_be_written_to(packed):
    _, index = packed
    image = read_packed(index[:1]).images[0]
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 1


def test_a_shard_that_is_gone_stops_no_other(packed, tmp_path):
    _, index = packed
    gone = PackedStamp(str(tmp_path / "gone.hdf5"), 0, "1_g_SDSS9.fits")
    beyond = PackedStamp(index[0].packed.shard, 10_000, "1_g_SDSS9.fits")
    found = read_packed([gone, index[20], gone])
    assert list(found.errors) == [0, 2]
    assert "there is no shard" in str(found.errors[0])
    assert found.images[0] is None
    assert not found.columns["plain"][0]
    assert found.images[1] is not None
    assert "rows only" in str(read_packed([beyond]).errors[0])


def first_value(file):
    """What a worker reads."""
    return float(read_packed([file]).images[0][0, 0]), len(file.location.open().read())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_entries_are_read_by_other_processes(packed, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot start processes by {method}")
    _, index = packed
    files = [file for file in index if file.band == "g"]
    expected = [first_value(file) for file in files]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(first_value, files) == expected


def test_entries_are_small(packed):
    _, index = packed
    assert len(pickle.dumps(index[0].packed)) < 400
