"""The network on isolated single stars, by itself: a part of the whole benchmark.

Usage: python -m benchmarks.detection.singles FOLDER [--docs DIR] [--workers N]

The same sets, threshold and figures as ``python -m benchmarks.detection``, which takes
much longer; a run of that in the same FOLDER goes on from these scores. With --docs the
network's lines of ``singles.csv`` and ``targets.csv`` there are replaced.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np

from astro_vbinary.training.stream import BLOCK
from benchmarks.detection.contaminants import single_rows
from benchmarks.detection.scoring import QUOTA, run
from benchmarks.detection.sets import GROUPS, SETS
from benchmarks.detection.store import Models, Store
from benchmarks.detection.views import TARGETS, VIEWS
from benchmarks.detection.visual import part_of_task, visual_rows

DETECTORS = ("network",)


def measure(store, workers):
    """Score the network, and count the single stars that it calls pairs."""
    rows = []
    for group in GROUPS:
        held, stars = (
            SETS[f"{n}-{group}"] for n in ("mixed-validation", "singles-test")
        )
        sets = {one.name: one for one in (held, stars)}
        run(sets, DETECTORS, store, Models({}, {}), workers=workers)
        table = of_the_task(store.table(held, DETECTORS))
        _, thresholds = visual_rows(table, table, DETECTORS)
        table = store.table(stars, DETECTORS)
        rows += single_rows(table, DETECTORS, thresholds, group)
    return rows


def of_the_task(table):
    """Leave out what the whole benchmark leaves out for the sake of slow detectors."""
    part = part_of_task(table)
    other = (part == "other") & table["usable"]
    # Counted anew in each block.
    seen = other.reshape(-1, BLOCK).cumsum(axis=1).ravel()
    left_out = (part == "other") & (~other | (seen > QUOTA))
    return table | {"network": np.where(left_out, np.nan, table["network"])}


def replace(path, headings, lines, same):
    """Put lines in the place of those of a file that are about the same thing."""
    with path.open(newline="") as file:
        kept = list(csv.reader(file))[1:]
    new = {same(line): line for line in lines}
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(new.get(same(line), line) for line in kept)


def main(arguments=None):
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args(arguments)
    view = VIEWS["singles"]
    rows = measure(Store(given.folder / "scores"), given.workers)
    cells = [[style.format(row[k]) for k, (_, style) in view.items()] for row in rows]
    headings = [heading for heading, _ in view.values()]
    for line in [headings, *cells]:
        print("  ".join(f"{cell:>12}" for cell in line))
    if given.docs is not None:
        replace(
            given.docs / "singles.csv", headings, cells, lambda line: tuple(line[:2])
        )
        wanted = TARGETS["singles"]
        lines = []
        for row in rows:
            met = "yes" if row["fpr"] <= wanted else "no"
            group = f"group {row['group']}"
            lines.append(["singles", group, f"{row['fpr']:.4f}", str(wanted), met])
        headings = ["Target", "Of", "Measured", "Wanted", "Met"]
        replace(
            given.docs / "targets.csv", headings, lines, lambda line: tuple(line[:2])
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
