"""Processes that die, are killed or are interrupted: nothing is lost by it."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from astro_vbinary.exceptions import RunFailedError
from astro_vbinary.pipeline import dispatch, running
from astro_vbinary.pipeline.tests import helpers_work

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


# ---------------------------------------------------------- of those that work
def test_only_a_chunk_that_kills_its_process_again_and_again_is_given_up(
    run, light, empty_stamps, tmp_path
):
    names = [*"abcdefgh", "deadly", "once"]
    stamps = empty_stamps(names)
    summary = run(stamps, tmp_path / "out.ecsv", workers=2, chunk_size=1)
    assert stamps.with_suffix(".died").exists()
    assert summary.rows == len(names)
    table = Table.read(tmp_path / "out.ecsv")
    reasons = dict(zip(table["source"], table["reason"], strict=True))
    assert list(reasons) == sorted(names)
    assert reasons.pop("deadly") == "the process that worked on it died 3 times"
    assert set(reasons.values()) == {"light"}
    assert set(table["status"]) == {"error"}


def test_a_chunk_that_raises_is_given_up(run, light, empty_stamps, tmp_path):
    run(empty_stamps(["a", "wrong", "z"]), tmp_path / "out.ecsv", chunk_size=1)
    table = Table.read(tmp_path / "out.ecsv")
    assert list(table["reason"]) == ["light", "ZeroDivisionError: a mistake", "light"]


def test_where_nothing_works_the_run_stops(
    run, light, empty_stamps, tmp_path, monkeypatch
):
    stamps = empty_stamps("abcdefgh")
    with monkeypatch.context() as patched:
        patched.setattr(dispatch, "work", lambda *_: 1 / 0)
        with pytest.raises(RunFailedError, match="3 chunks in a row were not done"):
            run(stamps, tmp_path / "out.ecsv", chunk_size=1)
    summary = run(stamps, tmp_path / "out.ecsv", chunk_size=1)
    assert (summary.stacks, summary.stacks_before) == (8, 0)


def test_a_pool_of_the_user_s_that_breaks(run, light, empty_stamps, tmp_path):
    stamps = empty_stamps([*"ab", "once"])
    with ProcessPoolExecutor(1) as executor, pytest.raises(RunFailedError, match="on"):
        run(stamps, tmp_path / "out.ecsv", chunk_size=1, executor=executor)
    assert run(stamps, tmp_path / "out.ecsv", chunk_size=1).rows == 3


# ------------------------------------------------------- of the one that hands out
def start(*arguments):
    """A run in a process of its own, the first of a new session."""
    return subprocess.Popen(
        [sys.executable, "-m", helpers_work.__name__, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def members(session):
    """Ids of the living processes of a session."""
    found = subprocess.run(
        ["ps", "-e", "-o", "pid=,sess=,stat="], capture_output=True, text=True
    )
    rows = [line.split() for line in found.stdout.splitlines()]
    return [pid for pid, sess, stat in rows if sess == str(session) and stat[0] != "Z"]


def n_parts(output):
    return len(list((running.working_folder(output) / "parts").glob("[0-9]*")))


def test_killed_at_random_moments_the_table_is_the_same(empty_stamps, tmp_path):
    stamps = empty_stamps(f"{number:02d}" for number in range(40))
    expected, output = tmp_path / "expected.ecsv", tmp_path / "out.ecsv"
    _, err = start(stamps, expected, 0).communicate(timeout=120)
    assert expected.exists(), err
    rng = np.random.default_rng(20)
    for _ in range(3):
        before = n_parts(output)
        process = start(stamps, output, 0)
        wait_until(lambda before=before: n_parts(output) > before)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.communicate()
        assert not output.exists()
    assert 3 <= n_parts(output) < 40
    _, err = start(stamps, output, 0).communicate(timeout=120)
    assert output.exists(), err
    assert output.read_text() == expected.read_text()


def test_workers_end_with_their_owner(empty_stamps, tmp_path):
    stamps = empty_stamps(map(str, range(100)))
    process = start(stamps, tmp_path / "out.ecsv", 2)
    wait_until(lambda: n_parts(tmp_path / "out.ecsv") > 1)
    assert len(members(process.pid)) >= 3
    process.kill()
    process.communicate()
    wait_until(lambda: not members(process.pid))


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_leaves_no_process_and_no_mess(empty_stamps, tmp_path, workers):
    stamps = empty_stamps(map(str, range(100)))
    process = start(stamps, tmp_path / "out.ecsv", workers)
    wait_until(lambda: n_parts(tmp_path / "out.ecsv") > 1)
    # As a terminal does: to every process in the foreground.
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "RunInterrupt: stopped after" in err
    assert err.count("Traceback") == 1  # none but the script's own
    wait_until(lambda: not members(process.pid))
    left = sorted(Path(running.working_folder(tmp_path / "out.ecsv")).iterdir())
    assert [p.name for p in left] == ["journal.sqlite", "lock.sqlite", "parts"]
