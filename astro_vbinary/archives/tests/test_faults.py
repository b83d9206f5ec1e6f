"""Every kind of trouble, every outcome: what is good arrives, once, whole."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from astro_vbinary.archives import (
    Outcome,
    fetch_stamps,
    read_manifest,
)
from astro_vbinary.archives.tests import helpers_loopback as loopback

#: ``python -m benchmarks.fetch_faults -n 5000`` does many more.
N_SOURCES = int(os.environ.get("ASTRO_VBINARY_FAULTS", "150"))


def test_every_fault_ends_in_its_outcome(tmp_path):
    catalog = loopback.make_catalog(N_SOURCES)
    faults = loopback.plan_faults(N_SOURCES, slow_share=0.2)
    with loopback.LoopbackServer(faults) as server:
        recipe = server.recipe(concurrency=16, timeout_s=4.0, bands=("g",))
        summary = fetch_stamps(
            catalog, tmp_path, recipes=[recipe], patience=loopback.FAST
        )
        assert loopback.find_mistakes(server, tmp_path, catalog, ["g"]) == []
        assert set(summary.fetched) == set(Outcome)
        assert summary.n_pending == 0
        assert summary.gave_up == ()
        # An answer that is too large is stopped as soon as it is.
        assert server.poured < 2**28
        # On the next run failures are tried again, and nothing else.
        asked = server.asked.copy()
        again = fetch_stamps(
            catalog, tmp_path, recipes=[recipe], patience=loopback.Patience(tries=1)
        )
        retried = {name for name, _ in server.asked - asked}
        failed = {s for s, f in faults.items() if f.outcome.is_failure}
        assert retried == failed
        assert sum(again.fetched.values()) == len(failed)
        # Once the trouble is over, they arrive.
        server.faults = {s: f for s, f in faults.items() if s not in failed}
        last = fetch_stamps(catalog, tmp_path, recipes=[recipe], patience=loopback.FAST)
        assert last.fetched == {Outcome.OK: len(failed)}
        assert not last.troubled


def test_killed_at_any_moment_it_ends_as_if_undisturbed(tmp_path):
    n = 60
    faults = {
        "s3": loopback.Fault("nan"),
        "s5": loopback.Fault("404"),
        "s8": loopback.Fault("clipped"),
        "s9": loopback.Fault("400"),
    }
    rng = np.random.default_rng(1)
    with loopback.LoopbackServer(faults, delay=0.02) as server:

        def start(output):
            module = "astro_vbinary.archives.tests.helpers_loopback"
            command = [sys.executable, "-m", module, server.url, output, str(n)]
            return subprocess.Popen([str(part) for part in command])

        assert start(tmp_path / "whole").wait() == 0
        output = tmp_path / "killed"
        for _ in range(3):
            before = len(list(output.glob("*/*.fits")))
            process = start(output)
            deadline = time.monotonic() + 60
            while len(list(output.glob("*/*.fits"))) <= before + 4:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.2))
            process.send_signal(signal.SIGKILL)
            process.wait()
        # What an unlucky moment can leave behind.
        (output / ".fetch" / "temp" / "1-abc-half.part").write_bytes(b"SIMPLE")
        assert start(output).wait() == 0
    assert loopback.files_of(output) == loopback.files_of(tmp_path / "whole")
    assert len(loopback.files_of(output)) == 2 * (n - 3)
    assert loopback.rows_of(output) == loopback.rows_of(tmp_path / "whole")
    assert list((output / ".fetch" / "temp").iterdir()) == []
    assert list((output / ".fetch" / "lives").iterdir()) == []


def test_a_file_whose_row_was_not_written_is_not_trusted(tmp_path):
    with loopback.LoopbackServer({"s0": loopback.Fault("nan")}) as server:
        stray = tmp_path / "Pan-STARRS" / "s0_g_Pan-STARRS.fits"
        stray.parent.mkdir()
        stray.write_bytes(b"left by a run that was killed")
        fetch_stamps(loopback.make_catalog(1), tmp_path, recipes=[server.recipe()])
    assert not stray.exists()


def test_several_processes_share_the_work_and_the_limits(tmp_path):
    n, concurrency, rate = 40, 3, 60.0
    options = f'{{"concurrency": {concurrency}, "rate": {rate}}}'
    with loopback.LoopbackServer(delay=0.03) as server:
        command = [sys.executable, "-m", loopback.__name__, server.url, tmp_path]
        command += [n, options]
        processes = [
            subprocess.Popen([str(part) for part in command]) for _ in range(3)
        ]
        assert [process.wait() for process in processes] == [0, 0, 0]
        table = read_manifest(tmp_path)
        assert set(table["outcome"]) == {"ok"}
        assert set(table["attempts"]) == {1}
        assert set(server.served.values()) == {1}
        assert len(server.served) == 2 * n
        assert server.most_active <= concurrency
        starts = np.sort(server.starts)
    # Arrivals wander a little, and no more than a place's worth of requests.
    for span in (0.25, 0.5, 1.0):
        most = np.max(np.searchsorted(starts, starts + span) - np.arange(len(starts)))
        assert most <= rate * span + concurrency
    assert len(starts) / (starts[-1] - starts[0]) <= rate * 1.05


@pytest.mark.parametrize("origin", ["hips", "mixed"])
def test_origins_are_mixed_only_when_asked(tmp_path, origin):
    from astro_vbinary.exceptions import MixedOriginsError

    catalog = loopback.make_catalog(2)
    with loopback.LoopbackServer() as server:
        fetch_stamps(catalog, tmp_path, recipes=[server.recipe()])
        hips = server.recipe(origin="hips", name="loopback-hips")
        if origin == "hips":
            with pytest.raises(MixedOriginsError, match="native"):
                fetch_stamps(catalog, tmp_path, recipes=[hips], origin=origin)
        else:
            fetch_stamps(catalog, tmp_path, recipes=[hips], origin=origin)
            table = read_manifest(tmp_path, files_only=True)
            assert set(table["origin"]) == {"native"}
            assert len(read_manifest(tmp_path)) == 2 * len(table) == 8
