import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from astropy.table import QTable, Table

from astro_vbinary.classification import classify, register_weights, weights
from astro_vbinary.exceptions import RunExistsError, RunFailedError, RunInUseError
from astro_vbinary.pipeline import RunInterrupt, RunOptions, running
from astro_vbinary.pipeline.lock import hold_lock
from astro_vbinary.stamps import StampIndex, read_targets


def check_same(one, other):
    """Two tables differ in no more than the last digits of probabilities."""
    assert one.colnames == other.colnames
    assert one.meta == other.meta
    for name in one.colnames:
        assert one[name].dtype == other[name].dtype
        assert one[name].unit == other[name].unit
        assert one[name].info.description == other[name].info.description
        # What a format cannot hold is masked, in both.
        lists = [np.ma.asarray(table[name]).tolist() for table in (one, other)]
        if name == "probability":
            lists = [np.array(values, dtype=float) for values in lists]
            np.testing.assert_allclose(*lists, rtol=1e-5)
        else:
            np.testing.assert_array_equal(*lists)


@pytest.mark.parametrize("ending", [".ecsv", ".vot", ".fits", ".csv", ".parquet"])
def test_the_table_is_that_of_classify(run, good_stamps, tmp_path, ending):
    output, expected = tmp_path / f"out{ending}", tmp_path / f"expected{ending}"
    if ending == ".parquet":
        pytest.importorskip("pandas")
    summary = run(good_stamps, output)
    result = classify(good_stamps, device="cpu")
    result.write(expected)
    check_same(Table.read(output), Table.read(expected))
    assert summary.statuses == result.counts()
    assert summary.rows == len(result) == 11
    assert summary.n_failed == result.n_failed
    assert summary.stacks == 11
    assert {"read", "align", "prepare", "classify", "write"} <= set(summary.stages)


def test_processes_give_the_same_as_one(run, good_stamps, tmp_path, make_own):
    card = register_weights(make_own().path)
    run(good_stamps, tmp_path / "one.ecsv")
    summary = run(good_stamps, tmp_path / "two.ecsv", workers=2)
    assert summary.workers == 2
    one, two = ((tmp_path / f"{n}.ecsv").read_text() for n in ("one", "two"))
    assert one == two
    # The weights that a user registered went to the processes.
    assert QTable.read(tmp_path / "two.ecsv").meta["weights"] == [card.id, "tiny-g4"]


def test_any_executor_does(run, good_stamps, tmp_path):
    run(good_stamps, tmp_path / "one.ecsv")
    with ThreadPoolExecutor(2) as executor:
        run(good_stamps, tmp_path / "two.ecsv", executor=executor)
        # It is not shut down.
        assert executor.submit(int, "5").result() == 5
    assert (tmp_path / "one.ecsv").read_text() == (tmp_path / "two.ecsv").read_text()
    with pytest.raises(TypeError, match="not a int"):
        run(good_stamps, tmp_path / "three.ecsv", executor=5)
    assert sorted(p.name for p in tmp_path.iterdir() if "three" in p.name) == []


@pytest.fixture
def make_own(tmp_path):
    from astro_vbinary.classification.tests.conftest import tiny_entries, tiny_network

    def make():
        entries = tiny_entries(3, id="own", version="2.0")
        return weights.save_weights(tmp_path / "own", tiny_network(1), entries)

    return make


# ---------------------------------------------------------------- the catalogue
@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "sources.csv"
    path.write_text("ID,RAJ2000,DEJ2000\n1,83.8,-5.4\n99,10,20\n3,83.8,-5.4\n7,1,1\n")
    return path


def test_a_catalogue_says_which_sources_there_are(run, good_stamps, tmp_path, catalog):
    summary = run(good_stamps, tmp_path / "out.ecsv", catalog=catalog)
    table = QTable.read(tmp_path / "out.ecsv")
    # What classify has of these sources, and then those that have no stamp.
    assert list(zip(table["source"], table["status"], strict=True)) == [
        ("1", "ok"), ("1", "ok"), ("3", "ok"), ("7", "unreadable"), ("99", "no_stamp"),
    ]  # fmt: skip
    assert list(table["ra"].value[-1:]) == [10]
    assert table["reason"][-1]
    assert summary.left_out == 6
    assert summary.statuses["no_stamp"] == 1
    assert not table["flags"][0] & 16  # the position was given


def test_a_catalogue_with_proper_motions(run, good_stamps, tmp_path):
    table = Table({"source": ["1", "2"], "ra": [83.8, 83.8], "dec": [-5.4, -5.4]})
    table["pmra"], table["pmdec"], table["ref_epoch"] = [5.0, 0], [-3.0, 0], 2016.0
    run(good_stamps, tmp_path / "out.ecsv", catalog=table)
    index = StampIndex.from_paths(good_stamps)
    index = StampIndex([file for file in index if file.source in ("1", "2")])
    targets = read_targets(table)
    classify(index, targets=targets, device="cpu").write(tmp_path / "expected.ecsv")
    check_same(*(Table.read(tmp_path / f"{n}.ecsv") for n in ("out", "expected")))


def test_names_that_do_not_fit_are_told_before_the_work(run, good_stamps, tmp_path):
    catalog = tmp_path / "sources.csv"
    catalog.write_text("source,ra,dec\n101,1,1\n102,1,1\n")
    with pytest.raises(ValueError, match="its first names are '101', '102', those of"):
        run(good_stamps, tmp_path / "out.ecsv", catalog=catalog)


def test_nothing_to_do_leaves_nothing(run, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="nothing to do"):
        run(tmp_path / "none", tmp_path / "out.ecsv")
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "missing", tmp_path / "out.ecsv")
    assert [path.name for path in tmp_path.iterdir()] == ["none"]


# -------------------------------------------------------------------- going on
def test_a_stopped_run_goes_on(run, good_stamps, tmp_path, stopping):
    output = tmp_path / "out.ecsv"
    resume = stopping(2)
    with pytest.raises(RunInterrupt, match="stopped after 4 of 11 stacks"):
        run(good_stamps, output)
    assert not output.exists()
    resume()
    summary = run(good_stamps, output)
    assert (summary.stacks, summary.stacks_before) == (7, 4)
    run(good_stamps, tmp_path / "straight.ecsv")
    assert output.read_text() == (tmp_path / "straight.ecsv").read_text()
    # What is left is a record.
    assert sorted(path.name for path in (tmp_path / "out.ecsv.run").iterdir()) == [
        "journal.sqlite",
        "lock.sqlite",
    ]


def test_a_run_stopped_while_the_table_is_written(
    run, good_stamps, tmp_path, monkeypatch
):
    output = tmp_path / "out.ecsv"
    with monkeypatch.context() as patched:
        patched.setattr(running.Journal, "finish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(good_stamps, output)
    # The table is there, and the journal does not know it.
    written = output.read_text()
    summary = run(good_stamps, output)
    assert summary.stacks == 0
    assert output.read_text() == written


def test_lost_and_damaged_parts_are_made_again(run, good_stamps, tmp_path, stopping):
    output = tmp_path / "out.ecsv"
    resume = stopping(4)
    with pytest.raises(RunInterrupt):
        run(good_stamps, output)
    resume()
    first, second, *_ = sorted((tmp_path / "out.ecsv.run" / "parts").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:-50])
    summary = run(good_stamps, output)
    assert summary.stacks_before == 4
    assert summary.rows == 11


def test_a_finished_run_is_not_run_again(run, light, good_stamps, tmp_path):
    output = tmp_path / "out.ecsv"
    run(good_stamps, output)
    with pytest.raises(RunExistsError, match="is finished; give --overwrite"):
        run(good_stamps, output)
    assert run(good_stamps, output, overwrite=True).stacks == 11
    # Where the table is gone there is nothing to keep.
    output.unlink()
    assert run(good_stamps, output).stacks == 11


def test_another_s_file_is_kept(run, light, good_stamps, tmp_path, stopping):
    output = tmp_path / "out.ecsv"
    output.write_text("precious")
    with pytest.raises(RunExistsError, match="exists; give --overwrite to replace"):
        run(good_stamps, output)
    output.unlink()
    resume = stopping(2)
    with pytest.raises(RunInterrupt):
        run(good_stamps, output)
    resume()
    output.write_text("precious")
    with pytest.raises(RunExistsError, match="is not of the unfinished run"):
        run(good_stamps, output)
    assert output.read_text() == "precious"
    # Going on is possible with --overwrite too, and loses nothing.
    assert run(good_stamps, output, overwrite=True).stacks_before == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prior": 0.1}, "prior: None before, 0.1 now"),
        ({"policy": "effective"}, "policy: published before, effective now"),
        ({"chunk_size": 3}, "chunk size: 2 before, 3 now"),
        ({"catalog": {}}, "the positions in the catalogue"),
    ],
)
def test_other_options_are_told(
    run, light, good_stamps, tmp_path, stopping, changes, message
):
    from astropy.coordinates import SkyCoord

    if "catalog" in changes:
        changes = {"catalog": {"1": SkyCoord(83.8, -5.4, unit="deg")}}
    output = tmp_path / "out.ecsv"
    resume = stopping(2)
    with pytest.raises(RunInterrupt):
        run(good_stamps, output)
    resume()
    with pytest.raises(RunExistsError, match=message):
        run(good_stamps, output, **changes)
    assert run(good_stamps, output, overwrite=True, **changes).stacks_before == 0


def test_other_files_and_weights_are_told(
    run, light, stamps, tmp_path, stopping, make_own
):
    output = tmp_path / "out.ecsv"
    resume = stopping(2)
    with pytest.raises(RunInterrupt):
        run(stamps, output)
    resume()
    shutil.copy(stamps / "1_g_PanSTARRS.fits", stamps / "9_g_PanSTARRS.fits")
    (stamps / "0_r_PanSTARRS.fits").unlink()
    os.utime(stamps / "1_g_PanSTARRS.fits", (0, 0))
    with pytest.raises(RunExistsError) as raised:
        run(stamps, output)
    for what, name in (("gone", "0_r"), ("new", "9_g"), ("changed", "1_g")):
        assert f"1 file is {what} ({stamps}/{name}_PanSTARRS.fits)" in str(raised.value)
    register_weights(make_own().path)
    with pytest.raises(RunExistsError, match="weights: tiny-g3"):
        run(stamps, output)


def test_one_run_at_a_time(run, light, good_stamps, tmp_path):
    output = tmp_path / "out.ecsv"
    folder = running.working_folder(output)
    folder.mkdir()
    with (
        hold_lock(folder),
        pytest.raises(RunInUseError, match=f"in use by process {os.getpid()} on"),
    ):
        run(good_stamps, output)
    # What a process that was killed leaves behind is no hindrance.
    (folder / "owner.json").write_text('{"process": 1}')
    assert run(good_stamps, output).rows == 11


# -------------------------------------------------------------- what goes wrong
def test_a_full_disk(run, light, good_stamps, tmp_path, stopping):
    output = tmp_path / "out.ecsv"
    resume = stopping(2, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(RunFailedError, match="No space left on device"):
        run(good_stamps, output)
    resume()
    assert run(good_stamps, output).stacks_before == 4


def test_a_disk_that_is_full_for_the_table(
    run, light, good_stamps, tmp_path, monkeypatch
):
    output = tmp_path / "out.ecsv"
    with monkeypatch.context() as patched:

        def full(table, path):
            path.write_text("half of")
            raise OSError(errno.ENOSPC, "No space left on device")

        patched.setattr("astro_vbinary.pipeline.assembling.write_table", full)
        with pytest.raises(RunFailedError, match="No space left on device"):
            run(good_stamps, output)
    assert [path.name for path in tmp_path.iterdir()] == ["out.ecsv.run"]
    assert run(good_stamps, output).stacks == 0


def test_where_nothing_can_be_written(run, light, good_stamps, tmp_path, monkeypatch):
    with pytest.raises(RunFailedError, match="there is no folder"):
        run(good_stamps, tmp_path / "missing" / "out.ecsv")

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(running.Path, "mkdir", refuse)
    with pytest.raises(RunFailedError, match=r"cannot write in .*: Permission denied"):
        run(good_stamps, tmp_path / "out.ecsv")


def test_a_damaged_journal(run, light, good_stamps, tmp_path):
    output = tmp_path / "out.ecsv"
    folder = running.working_folder(output)
    folder.mkdir()
    (folder / "journal.sqlite").write_bytes(b"no journal" * 1000)
    with pytest.raises(RunFailedError, match="it is damaged: start anew"):
        run(good_stamps, output)
    assert run(good_stamps, output, overwrite=True).rows == 11


def test_a_file_that_vanishes_is_a_row(run, stamps, tmp_path, monkeypatch):
    make = running.make_plan

    def plan_and_lose(*args, **kwargs):
        plan = make(*args, **kwargs)
        for name in ("0_g_PanSTARRS", "0_r_PanSTARRS", "4_r_PanSTARRS"):
            (stamps / f"{name}.fits").unlink()
        return plan

    monkeypatch.setattr(running, "make_plan", plan_and_lose)
    summary = run(stamps, tmp_path / "out.ecsv")
    assert summary.rows == 11
    rows = {
        (row["source"], row["survey"]): row
        for row in QTable.read(tmp_path / "out.ecsv")
    }
    gone, less = rows["0", "Pan-STARRS"], rows["4", "Pan-STARRS"]
    assert gone["status"] == "unreadable"
    assert "0_g_PanSTARRS.fits" in gone["reason"]
    assert less["status"] == "ok"
    assert "4_r_PanSTARRS.fits" in less["reason"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "best"}, "unknown policy"),
        ({"engine": "best"}, "unknown engine"),
        ({"precision": "best"}, "unknown precision"),
        ({"prior": 2}, "prior must be"),
        ({"chunk_size": 0}, "chunk_size must be at least 1"),
        ({"workers": -1}, "workers must be at least 0"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        RunOptions(**options)


def test_an_unknown_ending_or_device(run, good_stamps, tmp_path):
    with pytest.raises(ValueError, match="unknown ending"):
        run(good_stamps, tmp_path / "out.txt")
    with pytest.raises(ValueError, match="no device 'abacus'"):
        run(good_stamps, tmp_path / "out.ecsv", device="abacus")
    assert list(tmp_path.iterdir()) == []
