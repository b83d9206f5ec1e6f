"""Shards that are damaged, foreign or of another time, and packing that fails."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import h5py
import pytest

from astro_vbinary.exceptions import UnreadableStampError
from astro_vbinary.stamps import StampIndex, SurveyStamp, pack, read_packed, unpack
from astro_vbinary.stamps.shards import Shard, writing
from astro_vbinary.stamps.shards.packed import PackedStamp
from astro_vbinary.stamps.tests.helpers_fits import write
from astro_vbinary.status import Status

COUNT = 5


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(COUNT):
        write(folder / f"{number}_g_SDSS9.fits")
    return folder


@pytest.fixture
def shards(folder, tmp_path):
    pack(folder, tmp_path / "shards")
    return tmp_path / "shards"


@pytest.fixture
def shard(shards):
    (path,) = shards.rglob("*.hdf5")
    return path


@contextmanager
def editing(path):
    """A shard to change, which is another file then, as when it is copied again."""
    other = path.with_name("other.hdf5")
    shutil.copy(path, other)
    with h5py.File(other, "r+") as file:
        yield file
    other.replace(path)


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


def cut_short(path):
    replace(path, path.read_bytes()[:-1])


def empty(path):
    replace(path, b"")


def something_else(path):
    replace(path, b"<html>502 Bad Gateway</html>")


def foreign(path):
    path.unlink()
    with h5py.File(path, "w") as file:
        file["image_array"] = [1, 2, 3]


def of_the_future(path):
    with editing(path) as file:
        file.attrs["version"] = 99


def without_a_column(path):
    with editing(path) as file:
        del file["crpix1"], file["tail_bytes"]


def of_many_lengths(path):
    with editing(path) as file:
        del file["ra"]
        file["ra"] = [1.0]


DAMAGES = {
    cut_short: "it is cut short",
    empty: "it is",
    something_else: "it is not an HDF5 file",
    foreign: "is an HDF5 file, but not a shard of stamps",
    of_the_future: "has version 99 of the format; this release reads version 1",
    without_a_column: "it has no crpix1, tail_bytes",
    of_many_lengths: "its columns differ in length",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_says_what_is_wrong(shards, shard, tmp_path, damage):
    files = StampIndex.from_paths(shards)
    damage(shard)
    reason = DAMAGES[damage]
    with pytest.raises(UnreadableStampError, match=reason) as caught:
        Shard.open(shard)
    assert str(shard) in str(caught.value)
    index = StampIndex.from_paths(shards)
    assert len(index) == 0
    assert [file.status for file in index.rejected] == [Status.UNREADABLE]
    assert reason in index.rejected[0].reason
    # An index that was made before.
    with pytest.raises(UnreadableStampError, match=reason):
        SurveyStamp.read(files[0].location)
    found = read_packed(files)
    assert len(found.errors) == COUNT
    assert reason in str(found.errors[0])
    report = unpack(shards, tmp_path / "back")
    assert (report.files, len(report.lost)) == (0, 1)
    assert reason in report.lost[0][1]


def test_other_hdf5_files_in_a_folder_are_passed_over(folder):
    foreign_path = folder / "measurements.h5"
    foreign_path.write_bytes(b"")
    foreign(foreign_path)
    index = StampIndex.from_paths(folder)
    assert (len(index), index.rejected, index.ignored) == (COUNT, (), 1)
    named = StampIndex.from_paths(foreign_path)
    assert "not a shard" in named.rejected[0].reason


def test_a_shard_is_known_wherever_it_is(folder, shard, tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    shutil.copy(shard, other / "mine.h5")
    assert len(StampIndex.from_paths(other)) == COUNT
    shutil.copy(shard, other / "mine")
    assert len(StampIndex.from_paths(other / "mine")) == COUNT


@pytest.mark.parametrize("part", ["header", "image", "tail"])
def test_a_damaged_row_is_lost_alone(folder, shards, shard, tmp_path, part):
    with editing(shard) as file:
        offset = file[f"{part}_offset"][2]
        file[f"{part}_bytes"][offset + 7] ^= 1
    report = unpack(shards, tmp_path / "back")
    assert report.files == COUNT - 1
    ((path, reason),) = report.lost
    assert path.name == "2_g_SDSS9.fits"
    assert reason.startswith(f"row 2 of the shard {shard} is damaged")
    assert sorted(p.name for p in (tmp_path / "back").iterdir()) == [
        f"{number}_g_SDSS9.fits" for number in (0, 1, 3, 4)
    ]
    for number, file in enumerate(StampIndex.from_paths(shards)):
        if number == 2:
            with pytest.raises(UnreadableStampError, match="row 2 of the shard"):
                SurveyStamp.read(file.location)
        else:
            assert SurveyStamp.read(file.location).shape == (24, 32)


@pytest.mark.parametrize("column", ["image_offset", "image_size", "naxis1", "bitpix"])
@pytest.mark.parametrize("value", [-5, 2**40])
def test_numbers_that_make_no_sense(shards, shard, column, value):
    with editing(shard) as file:
        file[column][1] = value
    files = StampIndex.from_paths(shards)
    found = read_packed(files)
    assert len(found.errors) == COUNT
    assert "is damaged" in str(found.errors[0])


@pytest.mark.parametrize("name", ["../out.fits", "/tmp/out.fits", "a/../../b.fits", ""])
def test_a_name_never_leads_out_of_the_folder(shards, shard, tmp_path, name):
    with editing(shard) as file:
        file["name"][1] = name
    before = set(tmp_path.iterdir())
    report = unpack(shards, tmp_path / "back")
    assert report.files == COUNT - 1
    assert "is no name of a file" in report.lost[0][1]
    assert set(tmp_path.iterdir()) - before == {tmp_path / "back"}


def test_a_shard_that_is_replaced_is_not_taken_for_what_it_was(folder, shards):
    first, second, *_ = StampIndex.from_paths(shards)
    assert SurveyStamp.read(first.location).shape == (24, 32)
    (folder / "0_g_SDSS9.fits").write_bytes(b"has no position, and so another shard")
    pack(folder, shards, overwrite=True)
    for file in (first, second):
        with pytest.raises(UnreadableStampError, match="was replaced since"):
            file.location.open()
        assert "was replaced since" in str(read_packed([file]).errors[0])
    assert len(StampIndex.from_paths(shards)) == COUNT


def test_packed_stamps_are_read_only_and_in_range(shard):
    packed = PackedStamp(str(shard), 0, "a/0_g_SDSS9.fits")
    assert packed.name == "0_g_SDSS9.fits"
    assert str(packed) == f"{shard}/a/0_g_SDSS9.fits"
    with pytest.raises(ValueError, match="'rb'"):
        packed.open("wb")
    with pytest.raises(UnreadableStampError, match="has no row 77"):
        PackedStamp(str(shard), 77, "x").open()
    with pytest.raises(FileNotFoundError, match="there is no shard"):
        PackedStamp(str(shard) + "x", 0, "x").open()


def test_packing_that_fails_leaves_nothing(folder, tmp_path, monkeypatch):
    before = set(tmp_path.iterdir())

    def fail(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(writing.Spool, "finish", fail)
        with pytest.raises(KeyboardInterrupt):
            pack(folder, tmp_path / "out")
    assert set(tmp_path.iterdir()) == before
    assert pack(folder, tmp_path / "out").files == COUNT


def test_what_a_killed_run_left_is_removed(folder, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        check=True,
        capture_output=True,
        text=True,
    )
    left = tmp_path / f".out.{done.stdout.strip()}.part"
    left.mkdir()
    (left / "rows.part").write_text("")
    running = tmp_path / f".out.{os.getppid()}.part"
    running.mkdir()
    pack(folder, tmp_path / "out")
    assert not left.exists()
    assert running.exists()


def test_a_disk_that_is_too_small_is_seen_at_once(folder, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="no room for"):
        pack(folder, tmp_path / "out")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from astro_vbinary.stamps import pack
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    pack(sys.argv[1], sys.argv[2])
except OSError as error:
    print(error)
print(sorted(path.name for path in Path(sys.argv[2]).parent.iterdir()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits files as Linux does")
@pytest.mark.parametrize("limit", [8000, 18_000])  # of what waits, and of the shard
def test_a_disk_that_fills_leaves_nothing(folder, tmp_path, limit):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, folder, tmp_path / "out", str(limit)],
        check=True,
        capture_output=True,
        text=True,
    )
    message, left = done.stdout.splitlines()
    assert "File too large" in message
    assert left == "['files']"
    assert done.stderr == ""


def test_output_must_be_free(folder, shards, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(FileExistsError, match="is no folder"):
        pack(folder, file)
    with pytest.raises(FileExistsError, match="has shards already"):
        pack(folder, shards)
    (shards / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"other things than shards.*notes\.txt"):
        pack(folder, shards, overwrite=True)
    (tmp_path / "empty").mkdir()
    assert pack(folder, tmp_path / "empty").files == COUNT


def test_what_cannot_be_done_is_said(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="nothing to pack"):
        pack(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(
        ValueError, match="unknown compression 'zip'; known: none, gzip"
    ):
        pack(folder, tmp_path / "out", compression="zip")
    with pytest.raises(FileNotFoundError):
        pack(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        unpack(tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(ValueError, match="there is no shard in"):
        unpack(folder, tmp_path / "out")


def test_unpacking_keeps_what_is_there(folder, shards, tmp_path):
    with pytest.raises(FileExistsError, match="overwrite"):
        unpack(shards, folder)
    first = folder / "0_g_SDSS9.fits"
    content = first.read_bytes()
    first.write_bytes(b"")
    assert unpack(shards, folder, overwrite=True).files == COUNT
    assert first.read_bytes() == content
