"""Make the example stamps again: python examples/make_stamps.py examples/stamps

Simulated, all of them, with the truth beside them in ``truth.ecsv``, and a
catalogue of the positions in ``catalog.ecsv``. Stacks of large images are passed
over, to keep the folder small.
"""

import argparse
from pathlib import Path

import numpy as np

from astro_vbinary.simulation import simulate_stack
from astro_vbinary.simulation.folders import TRUTH_FILE, truth_table

#: Stacks for each survey, and the largest side in pixels.
COUNTS = {
    "Pan-STARRS": 8,
    "SDSS9": 8,
    "DECaLS": 6,
    "HST": 4,
    "HSCLA": 5,
    "JWST": 3,
}
LARGEST = 130

#: No training or test set has this seed.
SEED = 20_000


def main():
    """Write the stamps, the truth and the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True)
    rows = []
    for survey, count in COUNTS.items():
        made, number = 0, 0
        while made < count:
            number += 1
            rng = np.random.default_rng([SEED, sum(map(ord, survey)), number])
            source = f"{1000 + len(rows)}"
            sample = simulate_stack(
                survey, rng, source=source, hips_share=0.0, psf_seed=3
            )
            if max(max(stamp.shape) for stamp in sample.stack) > LARGEST:
                continue
            for stamp in sample.stack:
                stamp.write(folder / f"{source}_{stamp.band}_{survey}.fits")
            rows.append(sample.truth)
            made += 1
    truth = truth_table(rows)
    truth.write(folder / TRUTH_FILE)
    catalogue = truth["source", "ra", "dec"]
    catalogue.write(folder / "catalog.ecsv")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{len(rows)} stacks, {size / 1e6:.2f} MB in {folder}")


if __name__ == "__main__":
    main()
