"""
Peaks of a stack
================

The surface of a co-added stack shows at once what the eye may miss on the image: two
stars are two peaks. This is the "2D peak plot" of the reference work.
"""

import numpy as np

from astro_vbinary.plotting import plot_peaks
from astro_vbinary.simulation import simulate_stack

rng = np.random.default_rng(6)
pair = simulate_stack("HST", rng, kind="pair", source="A pair", hips_share=0)
plot_peaks(pair.stack.align().coadd())

# %%
# A single star for comparison, whose saturated core is blank.

rng = np.random.default_rng(2)
single = simulate_stack(
    "Pan-STARRS", rng, kind="saturated", source="One star", hips_share=0
)
plot_peaks(single.stack.align().coadd())
