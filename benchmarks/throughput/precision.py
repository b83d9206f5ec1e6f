"""How far each precision moves the probabilities of stamps, from single precision.

Usage: python -m benchmarks.throughput.precision FOLDER ... [--device NAME]

Printed are, for every folder of stamps, the number of verdicts, the largest and the
median change, and how many change by more than 0.01. A CPU that has no instructions for
half precision emulates them: slowly, with the same numbers.
"""

import argparse
import sys

import numpy as np

from astro_vbinary.classification import classify
from astro_vbinary.classification.classifier import PRECISIONS

#: Largest change of a probability that a precision may make.
ALLOWED = 0.01


def probabilities(folder, device, precision):
    """Probabilities of all rows; NaN where there is none."""
    table = classify(folder, device=device, precision=precision).to_table()
    return np.ma.filled(np.ma.asarray(table["probability"], dtype=float), np.nan)


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args(arguments)
    print(f"{'folder':>24}  precision     n  largest   median  beyond {ALLOWED}")
    for folder in given.folders:
        exact = probabilities(folder, given.device, "float32")
        for precision in PRECISIONS[2:]:
            change = np.abs(probabilities(folder, given.device, precision) - exact)
            change = change[np.isfinite(change)]
            print(
                f"{folder[-24:]:>24}  {precision:>9}  {len(change):>4}  "
                f"{change.max():.5f}  {np.median(change):.5f}  "
                f"{(change > ALLOWED).sum():>4}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
