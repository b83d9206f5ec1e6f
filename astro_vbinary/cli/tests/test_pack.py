import pytest
from astropy.table import Table

from astro_vbinary.cli import exits
from astro_vbinary.stamps.tests.helpers_fits import write
from astro_vbinary.status import Status


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def shards(run, some_damaged, tmp_path):
    done = run("pack", some_damaged, "-o", tmp_path / "shards", "-q")
    assert done.exit_code == exits.DONE, done.output
    assert done.output == ""
    return tmp_path / "shards"


def test_pack_and_unpack_give_the_files_back(run, some_damaged, shards, tmp_path):
    done = run("unpack", shards, "-o", tmp_path / "back")
    assert done.exit_code == exits.DONE, done.output
    assert contents(tmp_path / "back") == contents(some_damaged)
    assert f"{len(contents(some_damaged))} files" in done.output


def test_pack_says_what_it_left_out(run, stamps, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    write(folder / "1_g_SDSS9.fits")
    (folder / "notes.txt").write_text("no stamp")
    done = run("pack", folder, "-o", tmp_path / "out")
    assert done.exit_code == exits.DONE
    assert "1 file (0.0 MB) in 1 shard" in done.output
    assert "1 other file left out" in done.output


@pytest.mark.usefixtures("bundled")
def test_classify_gives_the_same_from_shards(run, some_damaged, shards, tmp_path):
    tables = []
    for name, folder in (("files", some_damaged), ("shards", shards)):
        done = run("classify", folder, "-o", tmp_path / f"{name}.ecsv", "-q")
        assert done.exit_code == exits.PARTLY, done.output
        tables.append(Table.read(tmp_path / f"{name}.ecsv"))
    files, packed = tables
    assert str(Status.UNREADABLE) in files["status"]
    assert str(Status.OK) in files["status"]
    assert files.colnames == packed.colnames
    for name in set(files.colnames) - {"reason"}:
        assert list(map(str, files[name])) == list(map(str, packed[name])), name
    for first, second in zip(files["reason"], packed["reason"], strict=True):
        # The file's place, with a folder for its pixel, is all that may differ.
        words = [word for word in str(second).split() if str(shards) not in word]
        assert words == [w for w in str(first).split() if str(some_damaged) not in w]


@pytest.mark.parametrize("command", ["stack", "plot"])
def test_commands_take_shards(run, some_damaged, shards, tmp_path, command):
    names = []
    for folder in (some_damaged, shards):
        output = tmp_path / f"{folder.name}-{command}"
        done = run(command, folder, "-o", output)
        assert done.exit_code == exits.PARTLY, done.output
        names.append(sorted(path.name for path in output.iterdir()))
    assert names[0] == names[1] != []


def test_inject_takes_shards(run, some_damaged, shards, tmp_path):
    for folder in (some_damaged, shards):
        done = run("inject", folder, "-o", tmp_path / f"{folder.name}-inject")
        assert done.exit_code in (exits.PARTLY, exits.FAILED), done.output
    first = contents(tmp_path / f"{some_damaged.name}-inject")
    assert contents(tmp_path / f"{shards.name}-inject") == first


def test_shards_are_kept_unless_told_otherwise(run, stamps, shards):
    before = contents(shards)
    done = run("pack", stamps, "-o", shards)
    assert done.exit_code == exits.FAILED
    assert "overwrite" in done.output
    assert contents(shards) == before
    assert run("pack", stamps, "-o", shards, "--overwrite").exit_code == exits.DONE
    assert contents(shards) != before


def test_no_other_folder_is_ever_replaced(run, stamps, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    done = run("pack", stamps, "-o", mine, "--overwrite")
    assert done.exit_code == exits.FAILED
    assert "thesis.tex" in done.output
    assert (mine / "thesis.tex").exists()


def test_a_file_that_cannot_be_read_is_named(run, stamps, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    write(folder / "1_g_SDSS9.fits")
    (folder / "2_g_SDSS9.fits").symlink_to(tmp_path / "nowhere")
    done = run("pack", folder, "-o", tmp_path / "out")
    assert done.exit_code == exits.PARTLY, done.output
    assert "not packed" in done.output
    assert "2_g_SDSS9.fits" in done.output


def test_unpack_refuses_to_replace(run, some_damaged, shards):
    done = run("unpack", shards, "-o", some_damaged)
    assert done.exit_code == exits.FAILED
    assert "overwrite" in done.output
    done = run("unpack", shards, "-o", some_damaged, "--overwrite")
    assert done.exit_code == exits.DONE, done.output


def test_unpack_restores_what_is_not_damaged(run, some_damaged, shards, tmp_path):
    (path,) = shards.glob("healpix=none/*.hdf5")
    path.write_bytes(path.read_bytes()[:-10])
    done = run("unpack", shards, "-o", tmp_path / "back")
    assert done.exit_code == exits.PARTLY, done.output
    assert "cut short" in done.output
    expected = contents(some_damaged)
    del expected["bad_g_SDSS9.fits"]
    assert contents(tmp_path / "back") == expected


def test_unpack_of_what_is_no_shard(run, stamps, tmp_path):
    done = run("unpack", stamps, "-o", tmp_path / "back")
    assert done.exit_code == exits.FAILED
    assert "there is no shard in" in done.output


@pytest.mark.usefixtures("bundled")
def test_classify_of_a_damaged_shard_has_a_row_for_it(run, shards, tmp_path):
    (path,) = shards.glob("healpix=none/*.hdf5")
    path.write_bytes(b"")
    output = tmp_path / "out.ecsv"
    done = run("classify", shards, "-o", output)
    assert done.exit_code == exits.PARTLY, done.output
    table = Table.read(output)
    assert str(Status.OK) in table["status"]
    rows = table[table["status"] == str(Status.UNREADABLE)]
    assert len(rows) == 1
    assert "001-of-001.hdf5" in rows["reason"][0]
