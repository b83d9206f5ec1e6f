"""Fetch from a server that makes every kind of trouble, and check every outcome.

Usage: python -m benchmarks.fetch_faults [-n N] [--seed N] [--concurrency N]

The server is on this machine. Three in ten of the N requests meet lasting trouble, two
in ten such as passes after one or two answers: error pages with status 200, statuses
with and without ``Retry-After``, broken connections, silence, half files, blank, small,
large, coarse, clipped and misplaced images, redirects, and answers of 10 GB. Printed is
how many ended how, and every request that did not end as it should: wrong outcome,
missing or other pixels, an answer that came twice.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from astro_vbinary.archives import fetch_stamps
from astro_vbinary.archives.tests import helpers_loopback as loopback


def main():
    """Print the outcomes and the mistakes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds")
    options = parser.parse_args()
    catalog = loopback.make_catalog(options.n)
    faults = loopback.plan_faults(options.n, seed=options.seed, slow_share=0.3)
    with (
        tempfile.TemporaryDirectory() as folder,
        loopback.LoopbackServer(faults) as server,
    ):
        recipe = server.recipe(
            concurrency=options.concurrency, timeout_s=options.timeout, bands=("g",)
        )
        began = time.monotonic()
        summary = fetch_stamps(
            catalog, folder, recipes=[recipe], patience=loopback.FAST, progress=True
        )
        took = time.monotonic() - began
        mistakes = loopback.find_mistakes(server, Path(folder), catalog, ["g"])
        kinds = Counter(fault.kind for fault in faults.values())
        print(f"{options.n} requests, {len(faults)} with trouble, {took:.0f} s")
        print("trouble:", ", ".join(f"{k} {n}" for k, n in sorted(kinds.items())))
        print("outcomes:", ", ".join(f"{k} {n}" for k, n in summary.fetched.items()))
        print(f"answers sent: {sum(server.asked.values())}")
        print(f"most at a time: {server.most_active} of {options.concurrency} allowed")
    print(*mistakes, sep="\n", end="\n" if mistakes else "")
    print(f"{len(mistakes)} mistakes")
    if mistakes:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
