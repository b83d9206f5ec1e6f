"""Kill a download at random moments, go on, and compare with one that was left alone.

Usage: python -m benchmarks.fetch_kills [--kills N] [-n N] [--longest S] [--seed N]

The server is on this machine and makes some lasting trouble. A process that fetches N
sources in two bands is killed with SIGKILL after a random time, counted from the first
stamp that it writes, or from its start in one case of four; then the next is started.
In the end one is left to finish. Printed is what each kill left behind, and whether
every file and every row of the manifest (but for times and numbers of attempts) is that
of an undisturbed run.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from astro_vbinary.archives.tests import helpers_loopback as loopback


def start(server, output, n):
    """Start to fetch in a process of its own."""
    command = [sys.executable, "-m", loopback.__name__, server.url, output, n]
    return subprocess.Popen([str(part) for part in command])


def n_files(output):
    """Stamps that are written."""
    return len(list(output.glob("*/*.fits")))


def kill(server, output, options, rng):
    """Start and kill; yields what each kill left behind."""
    kills = 0
    while kills < options.kills:
        before = n_files(output)
        process = start(server, output, options.n)
        early = kills % 4 == 3
        while not early and n_files(output) <= before and process.poll() is None:
            time.sleep(0.005)
        delay = rng.uniform(0, 2.5 if early else options.longest)
        time.sleep(delay)
        if process.poll() is not None:
            raise SystemExit("it ended before its time: take a larger -n")
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        temp = len(list((output / ".fetch" / "temp").glob("*")))
        when = "its start" if early else "its first stamp"
        yield (
            f"kill {kills}, {delay:.2f} s after {when}; stamps {before} -> "
            f"{n_files(output)}, {temp} unfinished"
        )
    if start(server, output, options.n).wait():
        raise SystemExit("the last run failed")


def main():
    """Print the outcome of every kill, and whether the outputs are the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("-n", type=int, default=400, help="sources")
    parser.add_argument("--longest", type=float, default=0.5, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    kinds = ("nan", "404", "clipped", "400", "saturated", "elsewhere")
    faults = {f"s{7 * n}": loopback.Fault(kind) for n, kind in enumerate(kinds)}
    with (
        tempfile.TemporaryDirectory() as folder,
        loopback.LoopbackServer(faults, delay=0.02) as server,
    ):
        whole, output = Path(folder) / "whole", Path(folder) / "killed"
        if start(server, whole, options.n).wait():
            raise SystemExit("the undisturbed run failed")
        for told in kill(server, output, options, rng):
            print(told, flush=True)
        if loopback.files_of(output) != loopback.files_of(whole):
            raise SystemExit("THE FILES DIFFER")
        if loopback.rows_of(output) != loopback.rows_of(whole):
            raise SystemExit("THE MANIFESTS DIFFER")
        print(f"{n_files(output)} files and {2 * options.n} rows are identical")


if __name__ == "__main__":
    main()
