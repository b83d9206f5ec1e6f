"""Kill a run at random moments, go on, and compare with one that was left alone.

Usage: python -m benchmarks.kills [FOLDER] [--kills N] [--workers N] [--chunk N]
           [--longest S] [--seed N] [--dask]

FOLDER is one of stamps, by default examples/stamps. ``astro-vbinary run`` is started in
a process of its own and killed with SIGKILL after a random time, counted from the first
part that it writes, or from its start in one case of four; then the next is started. In
the end one is left to finish. Printed is what each kill left behind, and whether the
table is that of an undisturbed run, byte for byte; so for each run that ended before it
was killed.

With --dask the run is left alone, on a cluster of its own on this machine, and one of
the cluster's workers is killed each time instead.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from astro_vbinary.pipeline.running import working_folder

#: Seconds to wait for a part.
PATIENCE = 600


def start(options, output):
    """Start a run; it writes ECSV, which can be compared as text."""
    command = [sys.executable, "-m", "astro_vbinary.cli", "run", str(options.folder)]
    command += ["-o", str(output), "--chunk", str(options.chunk), "-q"]
    command += ["--workers", str(options.workers), "--device", "cpu"]
    return subprocess.Popen(command)


def n_parts(output):
    """Parts that are written."""
    return len(list((working_folder(output) / "parts").glob("[0-9]*.parquet")))


def kill_runs(options, output, rng):
    """Start and kill runs, and let a last one finish; yields what happened.

    A run that ends before its time is compared, removed, and begun anew.
    """
    kills = 0
    while kills < options.kills:
        before = n_parts(output)
        process = start(options, output)
        early = kills % 4 == 3
        deadline = time.monotonic() + PATIENCE
        while not early and n_parts(output) <= before and process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
                raise SystemExit("no part was written in time")
            time.sleep(0.01)
        delay = rng.uniform(0, options.longest)
        time.sleep(delay)
        if process.poll() is not None:
            yield f"it had ended; {compare(output, options.expected)}"
            output.unlink()
            continue
        process.kill()
        process.wait()
        kills += 1
        when = "its start" if early else "its first part"
        told = f"kill {kills}, {delay:.2f} s after {when}"
        yield f"{told}; parts {before} -> {n_parts(output)}"
    if start(options, output).wait():
        raise SystemExit("the last run failed")


def compare(output, expected):
    """Say that two tables are the same, or stop."""
    if output.read_bytes() != expected.read_bytes():
        raise SystemExit("THE TABLES DIFFER")
    return "the tables are identical"


def kill_workers(options, output, rng):
    """Run on a Dask cluster whose workers are killed; yields what happened."""
    from astro_vbinary.pipeline import RunOptions, run_catalog
    from astro_vbinary.pipeline.clusters import connect

    told, over = [], threading.Event()

    def kill(client):
        while not over.is_set() and len(told) < options.kills:
            if over.wait(rng.uniform(0.5, 0.5 + options.longest)):
                return
            pids = list(client.run(os.getpid, on_error="ignore").values())
            if len(pids) > 1 and n_parts(output):
                pid = pids[rng.integers(len(pids))]
                os.kill(pid, signal.SIGKILL)
                told.append(f"worker {pid} killed; {n_parts(output)} parts")

    with connect("local", workers=options.workers) as client:
        killer = threading.Thread(target=kill, args=[client])
        killer.start()
        settings = RunOptions(chunk_size=options.chunk, device="cpu")
        run_catalog(options.folder, output, options=settings, executor=client)
        over.set()
        killer.join()
    yield from told


def main():
    """Print the outcome of every kill, and whether the tables are the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).parent.parent / "examples" / "stamps"
    parser.add_argument("folder", nargs="?", type=Path, default=here)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=1)
    parser.add_argument("--longest", type=float, default=0.5, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dask", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.ecsv"
        options.expected = Path(folder) / "expected.ecsv"
        if start(options, options.expected).wait():
            raise SystemExit("the undisturbed run failed")
        kill = kill_workers if options.dask else kill_runs
        for told in kill(options, output, rng):
            print(told, flush=True)
        print(compare(output, options.expected))


if __name__ == "__main__":
    main()
