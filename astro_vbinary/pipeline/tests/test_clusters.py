import os
import signal
import threading
import time

import pytest
from astropy.table import Table

from astro_vbinary.exceptions import RunFailedError
from astro_vbinary.pipeline import dispatch, running
from astro_vbinary.pipeline.clusters import connect
from astro_vbinary.pipeline.tests.helpers_work import light_work, slow_work

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client():
    with connect("local", workers=2) as client:
        yield client


def test_a_cluster_gives_the_same_as_one_process(
    run, light, empty_stamps, tmp_path, client
):
    stamps = empty_stamps("abcdefghij")
    summary = run(stamps, tmp_path / "out.ecsv", chunk_size=1, executor=client)
    assert summary.workers == 2
    run(stamps, tmp_path / "one.ecsv", chunk_size=1)
    assert (tmp_path / "out.ecsv").read_text() == (tmp_path / "one.ecsv").read_text()


def test_a_worker_that_is_killed_costs_nothing(
    run, empty_stamps, tmp_path, client, monkeypatch
):
    monkeypatch.setattr(dispatch, "work", slow_work)
    stamps = empty_stamps(f"{number:02d}" for number in range(40))
    parts = running.working_folder(tmp_path / "out.ecsv") / "parts"
    victims = list(client.run(os.getpid).values())

    def kill_one():
        while len(list(parts.glob("[0-9]*"))) < 3:
            time.sleep(0.02)
        os.kill(victims[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    summary = run(stamps, tmp_path / "out.ecsv", chunk_size=1, executor=client)
    killer.join()
    assert summary.rows == 40
    assert set(Table.read(tmp_path / "out.ecsv")["reason"]) == {"light"}
    monkeypatch.setattr(dispatch, "work", light_work)
    run(stamps, tmp_path / "one.ecsv", chunk_size=1)
    assert (tmp_path / "out.ecsv").read_text() == (tmp_path / "one.ecsv").read_text()


def test_a_chunk_that_kills_its_worker_is_given_up(
    run, light, empty_stamps, tmp_path, client, monkeypatch
):
    # Dask gives a chunk to several workers before it gives it up.
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    monkeypatch.setattr(dispatch, "MOST_DEATHS", 1)
    stamps = empty_stamps(["a", "deadly", "z"])
    with_one = {"chunk_size": 1, "executor": client}
    run(stamps, tmp_path / "out.ecsv", **with_one)
    table = Table.read(tmp_path / "out.ecsv")
    reasons = dict(zip(table["source"], table["reason"], strict=True))
    assert "the process that worked on it died" in reasons["deadly"]
    assert reasons["a"] == reasons["z"] == "light"


def test_no_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr("astro_vbinary.pipeline.clusters.PATIENCE", 0.3)
    with (
        pytest.raises(RunFailedError, match="no Dask scheduler answers at tcp://127"),
        connect("tcp://127.0.0.1:1"),
    ):
        pass
