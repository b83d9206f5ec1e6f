"""The folder of a catalogue: measured, written, killed and gone on with."""

import os
import pickle
import signal
import subprocess
import sys
import time

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from astro_vbinary import measurement
from astro_vbinary.exceptions import RunExistsError
from astro_vbinary.measurement.tests.test_pairs import PAIR, make_stamp
from astro_vbinary.pipeline import RunInterrupt, build_catalog, catalog_building
from astro_vbinary.pipeline.catalog_plan import make_catalog_plan, measure
from astro_vbinary.pipeline.tests.test_catalog import verdict, verdicts
from astro_vbinary.status import Status

FILES = {"catalog.ecsv", "verdicts.ecsv", "pairs.ecsv"}


@pytest.fixture(scope="session")
def pair_stamps(tmp_path_factory):
    """Pairs named 1 to 4, a single star, and a damaged file."""
    folder = tmp_path_factory.mktemp("pairs")
    for number in range(1, 5):
        make_stamp(PAIR, source=str(number), seed=number).write(
            folder / f"{number}_i_Pan-STARRS.fits"
        )
    make_stamp(PAIR[:1], source="5").write(folder / "5_i_Pan-STARRS.fits")
    (folder / "6_i_Pan-STARRS.fits").write_bytes(b"SIMPLE  = no")
    return folder


@pytest.fixture(scope="session")
def table():
    rows = [
        verdict(str(n), "Pan-STARRS", p)
        for n, p in zip(range(1, 7), (0.9, 0.95, 0.99, 0.8, 0.1, 0.9), strict=True)
    ]
    rows.append(verdict("1", "2MASS", status=Status.UNRESOLVED))
    return verdicts(*rows)


def build(table, stamps, folder, **options):
    return build_catalog(table, stamps, folder, **{"chunk_size": 2} | options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="session")
def expected(table, pair_stamps, tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalog") / "new"
    build(table, pair_stamps, folder)
    return folder


def test_the_folder_of_a_catalogue(table, pair_stamps, tmp_path):
    summary = build(table, pair_stamps, tmp_path, formats=[".vot", ".fits"])
    assert set(contents(tmp_path)) == FILES | {"catalog.vot", "catalog.fits"}
    assert summary.sources == 6
    assert (summary.measured, summary.failed) == (4, 1)
    catalog = QTable.read(tmp_path / "catalog.ecsv")
    assert list(catalog["source"]) == [str(n) for n in range(1, 7)]
    good = catalog["n_measured"] == 1
    assert list(good) == [True] * 4 + [False] * 2
    assert catalog["separation"][good].to_value("arcsec") == pytest.approx(
        1.273, abs=0.05
    )
    # A companion of 3000 in noise of 1 shows at 1 arcsec and beyond.
    assert (catalog["limit_1.0"][good] > 1.5 * u.mag).all()
    assert (catalog["limit90_1.0"] < catalog["limit_1.0"])[good].all()
    assert set(catalog["limit_survey"][good]) == {"Pan-STARRS"}
    assert np.isnan(catalog["limit_1.0"][~good]).all()
    assert len(set(catalog["inputs"]) - {""}) == 6
    assert all(len(cell) == 16 for cell in catalog["inputs"])
    found = QTable.read(tmp_path / "pairs.ecsv")
    assert list(found["source"]) == ["1", "2", "3", "4", "6"]
    assert len(QTable.read(tmp_path / "verdicts.ecsv")) == len(table)


def test_the_hash_is_of_names_sizes_and_contents(table, pair_stamps, tmp_path):
    stamps = tmp_path / "stamps"
    stamps.mkdir()
    for path in pair_stamps.iterdir():
        (stamps / path.name).write_bytes(path.read_bytes())
    build(table, stamps, tmp_path / "a", min_probability=1.0)
    with (stamps / "1_i_Pan-STARRS.fits").open("r+b") as file:
        file.seek(6000)
        file.write(b"x")
    build(table, stamps, tmp_path / "b", min_probability=1.0)
    hashes = [list(QTable.read(tmp_path / n / "catalog.ecsv")["inputs"]) for n in "ab"]
    assert [a == b for a, b in zip(*hashes, strict=True)] == [False] + [True] * 5


def test_min_probability(table, pair_stamps, tmp_path):
    build(table, pair_stamps, tmp_path / "none", min_probability=1.0)
    found = QTable.read(tmp_path / "none" / "pairs.ecsv")
    assert len(found) == 0
    assert "separation" in found.colnames
    build(table, pair_stamps, tmp_path / "all", min_probability=0.0)
    assert len(QTable.read(tmp_path / "all" / "pairs.ecsv")) == 6


def test_it_is_not_replaced_unasked(table, pair_stamps, expected, tmp_path):
    with pytest.raises(RunExistsError, match="exists; give --overwrite"):
        build(table, pair_stamps, expected)
    assert set(contents(expected)) == FILES
    build(table, pair_stamps, tmp_path)
    build(table, pair_stamps, tmp_path, overwrite=True)
    assert contents(tmp_path) == contents(expected)
    with pytest.raises(ValueError, match=r"unknown ending '\.doc'"):
        build(table, pair_stamps, tmp_path, formats=[".doc"])
    (tmp_path / "v.csv").write_text("a\n1\n")
    with pytest.raises(ValueError, match="has no column label, probability, source"):
        build(tmp_path / "v.csv", pair_stamps, tmp_path / "x")


def test_it_goes_on_where_it_was(table, pair_stamps, expected, tmp_path, monkeypatch):
    measure, calls = catalog_building.measure, []

    def measure_or_stop(chunk):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(chunk)
        return measure(chunk)

    with monkeypatch.context() as patched:
        patched.setattr(catalog_building, "measure", measure_or_stop)
        with pytest.raises(RunInterrupt) as stopped:
            build(table, pair_stamps, tmp_path)
    assert (stopped.value.done, stopped.value.total) == (2, 6)
    assert set(contents_of_parts(tmp_path)) == {"000000.ecsv"}
    with pytest.raises(RunExistsError, match=r"measurement: .* before"):
        build(table, pair_stamps, tmp_path, seed=7)
    with pytest.raises(RunExistsError, match="verdicts: "):
        build(table[:-1], pair_stamps, tmp_path)
    before = len(calls)
    with monkeypatch.context() as patched:
        patched.setattr(
            catalog_building, "measure", lambda c: calls.append(c) or measure(c)
        )
        build(table, pair_stamps, tmp_path)
    assert len(calls) - before == 2
    assert contents(tmp_path) == contents(expected)


def contents_of_parts(folder):
    return contents(folder / "catalog.ecsv.run" / "parts")


def test_damaged_parts_are_made_again(
    table, pair_stamps, expected, tmp_path, monkeypatch
):
    with monkeypatch.context() as patched:
        patched.setattr(catalog_building, "make_catalog", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(table, pair_stamps, tmp_path)
    parts = sorted((tmp_path / "catalog.ecsv.run" / "parts").iterdir())
    assert len(parts) == 3
    parts[1].write_text("damaged")
    parts[2].unlink()
    build(table, pair_stamps, tmp_path)
    assert contents(tmp_path) == contents(expected)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_killed_it_ends_the_same(table, pair_stamps, expected, tmp_path):
    table.write(tmp_path / "verdicts.ecsv")
    out = tmp_path / "out"
    command = (
        "import sys; from astro_vbinary.pipeline import build_catalog; "
        "build_catalog(*sys.argv[1:], chunk_size=2)"
    )
    arguments = [tmp_path / "verdicts.ecsv", pair_stamps, out]
    parts = out / "catalog.ecsv.run" / "parts"
    with subprocess.Popen([sys.executable, "-c", command, *arguments]) as process:
        deadline = time.monotonic() + 120
        while not parts.is_dir() or not list(parts.glob("0*")):
            assert time.monotonic() < deadline
            if process.poll() is not None:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    build_catalog(*arguments, chunk_size=2, overwrite=(out / "catalog.ecsv").exists())
    mine, other = contents(out), contents(expected)
    assert mine.pop("catalog.ecsv") == other["catalog.ecsv"]
    assert mine.pop("pairs.ecsv") == other["pairs.ecsv"]
    assert set(mine) == {"verdicts.ecsv"}


def test_a_chunk_can_be_sent_to_another_process(table, pair_stamps):
    plan = make_catalog_plan(
        table,
        pair_stamps,
        min_probability=None,
        targets={"1": SkyCoord(83.8, -5.4, unit="deg")},
        options={"psf": "model", "seed": 0},
        chunk_size=2,
        digest="",
    )
    chunk = plan.chunk(0)
    assert chunk.candidates == {("1", "Pan-STARRS"), ("2", "Pan-STARRS")}
    sent = pickle.loads(pickle.dumps(chunk))  # noqa: S301
    one, other = measure(chunk), measure(sent)
    assert one.meta == other.meta
    assert (one["separation"] == other["separation"]).all()


def test_a_stack_that_cannot_be_fitted_costs_no_other(
    table, pair_stamps, tmp_path, monkeypatch
):
    real = measurement.measure_pairs

    def measure_or_fail(index, **options):
        if any(file.source == "2" for file in index):
            raise ArithmeticError("no inverse")
        return real(index, **options)

    monkeypatch.setattr(measurement, "measure_pairs", measure_or_fail)
    summary = build(table, pair_stamps, tmp_path)
    assert (summary.measured, summary.failed) == (3, 2)
    found = QTable.read(tmp_path / "pairs.ecsv")
    assert list(found["source"]) == ["1", "2", "3", "4", "6"]
    assert found["reason"][1] == "ArithmeticError: no inverse"


def test_a_lone_table_makes_a_catalogue(pair_stamps, tmp_path):
    bare = Table(
        {
            "source": ["1", "2"],
            "survey": ["Pan-STARRS"] * 2,
            "probability": [0.9, 0.1],
            "label": ["binary", "not"],
        }
    )
    assert build(bare, pair_stamps, tmp_path).measured == 1
