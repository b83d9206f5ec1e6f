"""Shards give the index that the folder gave."""

import numpy as np
import pytest
from astropy.table import Table

from astro_vbinary.stamps import StampFile, StampIndex, StampStack, pack
from astro_vbinary.stamps.tests.helpers_fits import beside, tan_wcs, write
from astro_vbinary.status import Status


def told(index):
    """What an index says, without where the files are."""
    files = [
        (f.path.name, f.source, f.survey, f.band, f.hdu, str(f.target)) for f in index
    ]
    rejected = [
        (f.path.name, f.status, f.source, f.survey, f.band) for f in index.rejected
    ]
    return files, rejected


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "files"
    for name in ("z", "b/y", "a"):
        (folder / name).mkdir(parents=True)
    for number in (2, 10, 1):
        for band in "rg":
            # Neighbours in name are far from each other in the sky.
            wcs = tan_wcs(center=beside(1e5 * number))
            write(folder / f"{number}_{band}_SDSS9.fits", wcs=wcs)
    write(folder / "a" / "3_g_PS1.fits")
    write(folder / "b" / "1_g_sdss9.fits", wcs=tan_wcs(center=beside(1e6)))
    write(folder / "b" / "y" / "4_stacked_2MASS.fits.fz")
    write(folder / "z" / "unnamed.fits")
    write(folder / "z" / "5_g_Palomar.fits")
    (folder / "z" / "6_g_SDSS9.fits").write_bytes(b"damaged")
    (folder / "notes.txt").write_text("no stamp")
    return folder


@pytest.fixture
def shards(folder, tmp_path):
    pack(folder, tmp_path / "shards")
    assert len(list((tmp_path / "shards").iterdir())) > 3
    return tmp_path / "shards"


def test_the_same_files_in_the_same_order(folder, shards):
    first, second = StampIndex.from_paths(folder), StampIndex.from_paths(shards)
    assert told(first) == told(second)
    statuses = {file.status for file in second.rejected}
    assert statuses == {Status.DUPLICATE, Status.UNKNOWN_SURVEY, Status.UNNAMED}
    assert list(first.groups()) == list(second.groups())
    assert (first.ignored, second.ignored) == (1, 0)
    reasons = [
        [f.reason.replace(str(f.path), "") for f in index.rejected if f.source is None]
        for index in (first, second)
    ]
    assert reasons[0] == reasons[1]


def test_one_shard_and_files_beside_shards(folder, shards):
    paths = sorted(shards.rglob("*.hdf5"))
    parts = [StampIndex.from_paths(path) for path in paths]
    total = sum(len(part) + len(part.rejected) for part in parts)
    assert total == len(list(folder.rglob("*.fits*")))
    assert all(file.packed.shard == str(paths[0]) for file in parts[0])
    both = StampIndex.from_paths([shards, folder / "a"])
    assert both.rejected[-1].status == Status.DUPLICATE
    assert StampIndex.from_paths([folder / "a", shards])[0].packed is None


def test_a_folder_of_shards_among_files(folder, shards):
    shards.rename(folder / "b" / "shards")
    index = StampIndex.from_paths(folder)
    assert len(index) == len(StampIndex.from_paths(folder / "b" / "shards"))
    assert sum(file.packed is not None for file in index.rejected) > 5


def test_paths_tell_shard_and_name(shards):
    file = StampIndex.from_paths(shards)[0]
    assert file.path.parts[-3:] == (
        file.path.parts[-3],
        "001-of-001.hdf5",
        "10_g_SDSS9.fits",
    )
    assert file.path.parts[-3].startswith("healpix=")
    assert file.location is file.packed
    plain = StampFile(file.path, "1", "SDSS9")
    assert plain.location is plain.path
    assert plain != file


def test_a_stack_is_read_as_from_files(folder, shards):
    first = StampStack.read(folder, source="10", survey="SDSS9")
    second = StampStack.read(shards, source="10", survey="SDSS9")
    assert second.bands == ("g", "r")
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.data, two.data)
        assert one.wcs.wcs == two.wcs.wcs
        assert two.meta["path"].endswith("001-of-001.hdf5/" + one.meta["path"][-15:])


def test_templates_name_what_had_no_name(folder, shards):
    template = "un{source}"
    file = StampIndex.from_paths(shards, templates=[template]).rejected[-2]
    assert file.path.name == "unnamed.fits"
    other = StampIndex.from_paths(folder, templates=[template])
    assert (file.source, file.status) == ("named", Status.UNNAMED)
    assert any(file.reason == o.reason for o in other.rejected)


def test_a_manifest_is_kept(folder, tmp_path):
    table = Table(
        {
            "path": ["1_g_SDSS9.fits", "z/unnamed.fits", "z/unnamed.fits"],
            "source": ["one", "two", "two"],
            "survey": ["SDSS9", "2MASS", "2MASS"],
            "band": ["r", "", "J"],
            "hdu": ["", "0", "PRIMARY"],
            "ra": [83.25, 83.5, np.nan],
            "dec": [-5.25, -5.5, np.nan],
        }
    )
    index = StampIndex.from_manifest(table, root=folder)
    pack(index, tmp_path / "out", root=folder)
    assert told(StampIndex.from_paths(tmp_path / "out")) == told(index)


def test_two_files_of_one_name_are_packed_apart(folder, tmp_path):
    pack(folder / "a", tmp_path / "one")
    pack(folder / "a", tmp_path / "two")
    with pytest.raises(ValueError, match=r"would both be named 3_g_PS1\.fits"):
        pack([tmp_path / "one", tmp_path / "two"], tmp_path / "three")


def test_several_folders_are_named_from_the_one_that_holds_them(folder, tmp_path):
    pack([folder / "z", folder / "a"], tmp_path / "out")
    index = StampIndex.from_paths(tmp_path / "out")
    assert [file.packed.member for file in index] == [
        "z/6_g_SDSS9.fits",
        "a/3_g_PS1.fits",
    ]
    with pytest.raises(ValueError, match="is not in the folder"):
        pack([folder / "z", folder / "a"], tmp_path / "other", root=folder / "a")
