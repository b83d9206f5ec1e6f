"""How fast stamps are fetched, in how much memory, and what our part of it costs.

Usage: python -m benchmarks.fetch_throughput [-n N] [--concurrency N]

A server in a process of its own, on this machine, sends N simulated stamps of 80 x 80
px. They are fetched with `fetch_stamps`, at no limited rate, in a process of its own,
and then with as many threads that do nothing but ``httpx.Client.get`` and drop what
they get. Printed are the stamps per second of both, the ratio of their times, and the
memory of the fetching process at several points, which should not grow.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from astro_vbinary.archives.tests import helpers_loopback as loopback

#: Points at which the memory is looked at.
N_POINTS = 10


def serve(pipe):
    """Serve until told to stop."""
    with loopback.LoopbackServer() as server:
        pipe.send(server.url)
        pipe.recv()


def memory():
    """Memory in use, and the most that was, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20, peak


def fetch(url, n, concurrency):
    """Fetch as the package does, and tell of memory and time."""
    from astro_vbinary.archives import downloading
    from astro_vbinary.archives.recipe import HostLimits

    limits = HostLimits(concurrency, 1e9, 60.0, 2**20)
    recipe = loopback.LoopbackRecipe(base_url=url, limits=limits, bands=("g",))
    points, done = [], [0]
    told = downloading._Run.told

    def watch(self, request, record):
        told(self, request, record)
        done[0] += 1
        if done[0] % max(n // N_POINTS, 1) == 0:
            points.append((done[0], *memory()))

    downloading._Run.told = watch
    catalog = loopback.make_catalog(n)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        summary = downloading.fetch_stamps(catalog, folder, recipes=[recipe])
        took = time.monotonic() - began
    ok = sum(summary.fetched.values())
    print(json.dumps({"seconds": took, "ok": ok, "points": points}))


def fetch_bare(url, n, concurrency):
    """Fetch the same with nothing but httpx, and drop it."""
    import httpx

    catalog = loopback.make_catalog(n)
    rows = iter(zip(catalog["source"], catalog["ra"], catalog["dec"], strict=True))
    lock = threading.Lock()

    def work():
        while True:
            with lock:
                row = next(rows, None)
            if row is None:
                return
            source, ra, dec = row
            query = {"id": source, "ra": ra, "dec": dec, "size": 20.0, "band": "g"}
            client.get(f"{url}/cutout", params=query).raise_for_status()

    with httpx.Client() as client:
        threads = [threading.Thread(target=work) for _ in range(concurrency)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps({"seconds": time.monotonic() - began}))


def measure(kind, url, options):
    """Run one kind in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.fetch_throughput", "--run", kind]
    command += ["--url", url, "-n", str(options.n)]
    command += ["--concurrency", str(options.concurrency)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--run", choices=["fetch", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run = {"fetch": fetch, "bare": fetch_bare}[options.run]
        run(options.url, options.n, options.concurrency)
        return
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=[theirs], daemon=True)
    server.start()
    url = ours.recv()
    bare = measure("bare", url, options)
    full = measure("fetch", url, options)
    ours.send("stop")
    server.join()
    n = options.n
    print(f"{n} stamps of 80 x 80 px, {options.concurrency} at a time")
    for name, kind in (("bare httpx", bare), ("fetch_stamps", full)):
        rate, cost = n / kind["seconds"], 1e3 * kind["seconds"] / n
        print(f"{name:<13}{rate:8.0f} stamps/s {cost:8.2f} ms each")
    print(f"ratio {full['seconds'] / bare['seconds']:.2f}")
    print("stamps   memory  peak (MB)")
    for done, used, peak in full["points"]:
        print(f"{done:6d} {used:8.1f} {peak:8.1f}")


if __name__ == "__main__":
    main()
