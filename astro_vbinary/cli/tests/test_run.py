import importlib.util
import json
import os
import signal
import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest
from astropy.table import Table

from astro_vbinary.cli import exits
from astro_vbinary.cli.tests.test_main import command_line
from astro_vbinary.exceptions import RunFailedError
from astro_vbinary.pipeline import RunInterrupt
from astro_vbinary.pipeline.running import working_folder


@pytest.fixture(autouse=True)
def _weights(bundled):
    """Verdicts of an untrained network: quick, and worth nothing."""


@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "sources.csv"
    path.write_text("source,ra,dec\nS0,83.8,-5.4\nQ,1,1\n")
    return path


def test_a_folder_is_what_classify_makes_of_it(run, some_damaged, tmp_path):
    output, other = tmp_path / "out.ecsv", tmp_path / "other.ecsv"
    done = run("run", some_damaged, "-o", output, "--workers", 0, "--chunk", 2)
    assert done.exit_code == exits.PARTLY, done.output
    assert run("classify", some_damaged, "-o", other).exit_code == exits.PARTLY
    one, two = Table.read(output), Table.read(other)
    assert one.colnames == two.colnames
    for name in ("source", "survey", "status", "reason"):
        assert list(one[name]) == list(two[name])
    np.testing.assert_allclose(one["probability"], two["probability"], rtol=1e-5)
    assert "4 rows: 4 sources, 2 surveys" in done.output
    for told in ("unreadable", "stacks at", "align", f"Catalogue: {output}"):
        assert told in done.output
    # What remains of the work is a record of it.
    path = working_folder(output) / "journal.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        (record,) = connection.execute(
            "SELECT value FROM about WHERE name = 'summary'"
        ).fetchone()
    assert json.loads(record)["rows"] == 4


def test_a_catalogue_names_the_sources(run, stamps, tmp_path, catalog):
    output = tmp_path / "out.parquet"
    pytest.importorskip("pandas")
    options = ["--stamps", stamps, "-o", output, "--workers", 0]
    done = run("run", catalog, *options)
    table = Table.read(output)
    assert list(table["source"]) == ["S0", "Q"]
    assert table["status"][1] == "no_stamp"
    assert "2 stacks left out" in done.output
    again = run("run", catalog, *options)
    assert again.exit_code == exits.FAILED
    assert "is finished; give --overwrite to run it anew" in again.output
    quiet = run("run", catalog, *options, "--overwrite", "-q")
    assert quiet.output == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["sources.csv", "-o", "o.csv"], exits.USAGE, "give either --stamps or"),
        ([".", "--stamps", ".", "-o", "o.csv"], exits.USAGE, "folder of stamps, so"),
        ([".", "-o", "o.csv"], exits.FAILED, "no stamps in"),
        ([".", "-o", "o.txt"], exits.FAILED, "unknown ending"),
        ([".", "-o", "missing/o.csv"], exits.FAILED, "there is no folder missing"),
        ([".", "-o", "o.csv", "--dask", "tcp://a:1", "--workers", 2], 2, "--workers"),
    ],
)
def test_what_cannot_be_done(
    run, tmp_path, monkeypatch, catalog, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    done = run("run", *arguments)
    assert done.exit_code == code, done.output
    assert message in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["sources.csv"]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            RunInterrupt(256, 1200),
            exits.INTERRUPTED,
            "Stopped after 256 of 1,200 stacks; run the same command again to go on.",
        ),
        (RunFailedError("the disk is full"), exits.FAILED, "Error: the disk is full"),
        (ValueError("no device 'abacus'"), exits.FAILED, "Error: no device 'abacus'"),
    ],
)
def test_what_can_be_mended_is_one_line(
    run, stamps, tmp_path, monkeypatch, error, code, message
):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("astro_vbinary.pipeline.running.run_catalog", fail)
    monkeypatch.setattr("astro_vbinary.pipeline.run_catalog", fail, raising=False)
    done = run("run", stamps, "-o", tmp_path / "out.ecsv")
    assert done.exit_code == code
    assert message in done.output


def test_dask_that_is_not_installed(run, stamps, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    done = run("run", stamps, "-o", tmp_path / "out.ecsv", "--dask", "local")
    assert done.exit_code == exits.FAILED
    assert 'pip install "astro-vbinary[dask]"' in done.output


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_ctrl_c_and_then_the_same_command(stamps, tmp_path):
    output = tmp_path / "out.ecsv"
    # A process of its own has the bundled weights.
    command = ["run", stamps, "-o", output, "--workers", 1, "--chunk", 1]
    process = command_line(*command, start_new_session=True)
    parts = working_folder(output) / "parts"
    try:
        deadline = time.monotonic() + 120
        while not any(parts.glob("[0-9]*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    if process.returncode == exits.DONE:
        pytest.skip("it was done before the signal came")
    assert process.returncode == exits.INTERRUPTED, err
    assert out == ""
    err_before = err.strip()
    assert err_before.startswith("Stopped after")
    assert err_before.endswith("of 3 stacks; run the same command again to go on.")
    again = command_line(*command)
    out, err = again.communicate(timeout=120)
    assert again.returncode == exits.DONE, err
    # A part that the journal does not know yet is made again.
    number = int(err_before.split()[2])
    assert (f"{number} were done before" in out) == (number > 0)
    assert len(Table.read(output)) == 3
