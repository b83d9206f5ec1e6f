"""
From stamps to a companion fraction
===================================

Two dozen sources of a simulated Orion, seen by Pan-STARRS and DECaLS: classified,
measured, brought together, and corrected for what could not have been seen
(:doc:`/user/fraction`). So few say little, as the interval shows; ``python -m
benchmarks.orion`` does 27,730. The folder of the checkout has to be in ``PYTHONPATH``.
"""

import tempfile
import warnings
from pathlib import Path

import astropy.units as u

from astro_vbinary.context import NeighbourCounts
from astro_vbinary.pipeline import (
    FusionSettings,
    PairPopulation,
    RunOptions,
    build_catalog,
    run_catalog,
    sample_fraction,
)
from astro_vbinary.plotting import plot_completeness
from benchmarks.orion.sky import draw_plan, draw_stars
from benchmarks.orion.stamps import write_stamps

warnings.simplefilter("ignore")
folder = Path(tempfile.mkdtemp())
stamps = folder / "stamps"
stamps.mkdir()
plan = draw_plan(1000, 1)
sources = plan[plan["role"] == "sample"][:24]
write_stamps(sources, stamps, [1], surveys=("Pan-STARRS", "DECaLS"))

# %%
# Verdicts of every stack, then one catalogue of the sources, with the neighbours that
# are expected by chance:

here = RunOptions(workers=0, prior=0.13)
run_catalog(stamps, folder / "verdicts.ecsv", options=here)
counts = NeighbourCounts.from_table(draw_stars(1000, 1))
summary = build_catalog(
    folder / "verdicts.ecsv",
    stamps,
    folder / "catalog",
    settings=FusionSettings(prevalence=0.13, prior=0.13),
    neighbours=counts,
)
print(summary.labels)

# %%
# Companions put beside the same stars tell what share of them is found, here of those
# from 1 to 2.5 arcsec and to 3 mag, which images from the ground can show:

made = sample_fraction(
    folder / "catalog",
    stamps,
    folder / "fraction",
    count=12,
    population=PairPopulation.log_uniform(1 * u.arcsec, largest_difference=3),
    neighbours=counts,
    prior=0.13,
    options=here,
)
print(made.result)
plot_completeness(made.completeness)
