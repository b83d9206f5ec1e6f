"""The command: draw, see, classify, measure, count."""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from astropy.table import vstack

from astro_vbinary.measurement.thresholds import binomial_interval
from benchmarks.orion.chunks import THRESHOLD, run_chunks
from benchmarks.orion.fraction import (
    companion_fraction,
    predicted_chances,
    pure_count,
    recall_at_precision,
)
from benchmarks.orion.sky import FRACTION, WIDEST

#: Precision of the recall that is wanted, the prevalence it is meant at, and d' from
#: which on nine tenths are found at a false-positive rate of 1e-3.
PRECISION, PREVALENCE, NINE_TENTHS = 0.95, 0.02, 5.7


def main(arguments=None):
    """Run it.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.orion",
        description="A simulated Orion, from stamps to a corrected companion fraction.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sources", type=int, default=27_730)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    plan = {"sources": options.sources, "seed": options.seed}
    path = options.output / "plan.json"
    if path.exists() and json.loads(path.read_text()) != plan:
        print(f"{options.output} holds another run: {path.read_text()}")
        return 1
    path.write_text(json.dumps(plan))
    start = time.perf_counter()
    table = vstack(run_chunks(options.output, options.sources, options.seed))
    print(f"{len(table):,} sources, {time.perf_counter() - start:.0f} s")
    report(table, np.random.default_rng(options.seed))
    return 0


def report(table, rng):
    """Print what was put in and what came out.

    Parameters
    ----------
    table : `~astropy.table.Table`
        All chunks.
    rng : `~numpy.random.Generator`
        Source of randomness.
    """
    role = np.asarray(table["role"]).astype(str)
    sample = table[role == "sample"]
    found = np.asarray(sample["probability"]) >= THRESHOLD
    companion = np.isfinite(sample["companion_separation"])
    near = np.asarray(sample["neighbour_separation"]) <= WIDEST
    sets = {
        name: (int((own["probability"] >= THRESHOLD).sum()), len(own))
        for name in ("companion", "single", "chance")
        for own in [table[role == name]]
    }
    for name, (k, n) in sets.items():
        low, high = binomial_interval(k, n)
        print(f"found of {name:9s} {k:6,d} of {n:6,d}  {_share(k / n, low, high)}")
    expected = predicted_chances(sample, WIDEST)
    print(
        f"chance pairs         {near.sum():,} put in, {expected.sum():.1f} predicted "
        f"+- {np.sqrt(expected.sum()):.1f} (Poisson)"
    )
    best, low, high = companion_fraction(
        int(found.sum()), len(sample), sets, expected.mean(), rng
    )
    print(
        f"companion fraction   {companion.mean():.4f} put in ({FRACTION} drawn), "
        f"recovered {_share(best, low, high)}"
    )
    is_pair = companion | near
    clear = np.asarray(table["d_prime"]) >= NINE_TENTHS
    single = np.isnan(table["companion_separation"])
    single &= ~(np.asarray(table["neighbour_separation"]) <= WIDEST)
    # Chance pairs of their set are many: the shares of all are mended by prevalence.
    recall, false = recall_at_precision(
        np.asarray(table["probability"])[clear & ~single],
        np.asarray(table["probability"])[single],
        precision=PRECISION,
        prevalence=PREVALENCE,
    )
    print(
        f"recall at precision {PRECISION} and {100 * PREVALENCE:.0f} % prevalence, "
        f"d' >= {NINE_TENTHS}: {recall:.3f} ({(clear & ~single).sum():,} pairs, "
        f"{false} of {single.sum():,} others found)"
    )
    for name, scores in (
        ("two peaks", sample["peaks"]),
        ("network", sample["probability"]),
    ):
        count = pure_count(np.asarray(scores), is_pair, purity=PRECISION)
        print(
            f"pairs at purity {PRECISION}: {name:9s} {count:6,d} of {is_pair.sum():,}"
        )
    known = companion & ~near & np.isfinite(sample["measured"])
    if known.any():
        apart = np.asarray(sample["companion_separation"])[known]
        off = np.asarray(sample["measured"])[known] - apart
        print(
            f"measured separations {known.sum():,}, median |error| "
            f"{np.median(abs(off)):.3f} arcsec, within a tenth "
            f"{100 * (abs(off) < 0.1 * apart).mean():.0f} %"
        )


def _share(value, low, high):
    return f"{value:.4f} [{float(low):.4f}, {float(high):.4f}]"


if __name__ == "__main__":
    sys.exit(main())
