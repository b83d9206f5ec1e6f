"""Which simulated stacks are called pairs by their fit, and which are.

Usage: python benchmarks/pairs_false_alarms.py [-n STACKS] [FOLDER]

Simulates STACKS stacks of each of four ground-based surveys, of all kinds (half of
them pairs), or takes those of FOLDER with its ``truth.ecsv``; measures them with the
surveys' usual PSFs, and prints how many of each kind have ``false_alarm`` below 0.001
and no ``bad_fit``.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from astropy.table import Table

from astro_vbinary.measurement import measure_pairs
from astro_vbinary.simulation import simulate_stack

SURVEYS = ("Pan-STARRS", "SDSS9", "DECaLS", "HSCLA")

#: No training or test set has this seed.
SEED = 77_001


def simulate(count):
    """Stacks, and the kind and label of each."""
    stacks, truth = [], {}
    for survey in SURVEYS:
        for number in range(count):
            rng = np.random.default_rng([SEED, sum(map(ord, survey)), number])
            source = f"{survey} {number}"
            made = simulate_stack(survey, rng, source=source, hips_share=0.0)
            stacks.append(made.stack)
            truth[source] = made.truth["kind"], made.truth["label"]
    return stacks, truth


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("-n", type=int, default=60, help="stacks of each survey")
    options = parser.parse_args()
    if options.folder is None:
        stacks, truth = simulate(options.n)
    else:
        stacks = options.folder
        known = Table.read(options.folder / "truth.ecsv")
        truth = {str(r["source"]): (str(r["kind"]), int(r["label"])) for r in known}
    start = time.process_time()
    table = measure_pairs(stacks, posterior="none").to_table()
    spent = time.process_time() - start
    counts = {}
    for row in table:
        kind, label = truth[str(row["source"])]
        called = row["false_alarm"] < 1e-3
        names = ("all", "all pairs" if label == 1 else "all others", kind)
        for name in names:
            entry = counts.setdefault(name, np.zeros(3, dtype=int))
            entry += [1, called and not row["bad_fit"], called and row["bad_fit"]]
    rows = [
        {"kind": k, "stacks": v[0], "called pairs": v[1], "bad fit": v[2]}
        for k, v in sorted(counts.items())
    ]
    Table(rows=rows).pprint_all()
    print(f"\n{len(table)} stacks in {spent:.0f} s of one processor")


if __name__ == "__main__":
    main()
