"""
One source in all surveys
=========================

`~astro_vbinary.plotting.plot_source` draws a source as every survey sees it, on one
scale, from the sharpest to the coarsest. A pair that JWST splits easily can be a
single blob from the ground.
"""

import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.plotting import plot_source
from astro_vbinary.simulation import simulate_stack

target = SkyCoord("05h35m17.3s", "-05d23m28s")
surveys = ("JWST", "HST", "HSCLA", "Pan-STARRS", "SDSS9")
stacks = [
    simulate_stack(
        survey,
        np.random.default_rng(6),
        kind="pair",
        source="Simulated pairs",
        target=target,
        hips_share=0,
    ).stack
    for survey in surveys
]
plot_source(stacks)
