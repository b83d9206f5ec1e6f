"""
The bands of one survey
=======================

A stack has the images of one source in the bands of one survey.
`~astro_vbinary.plotting.plot_stack` shows each in its own pixels; pixels without a
measurement are grey. The dashed circle is 2.5 arcsec in radius: two stars in it are
a visual binary.
"""

import numpy as np

from astro_vbinary.plotting import plot_stack
from astro_vbinary.simulation import simulate_stack

rng = np.random.default_rng(33)
made = simulate_stack("SDSS9", rng, kind="pair", source="Simulated 33", hips_share=0)
plot_stack(made.stack)

# %%
# SDSS frames, as these, are rotated: the compass and the lines of equal offset say
# how. Once the bands are aligned, north is up and the target is at the centre of
# one common grid, and their mean is drawn too.

plot_stack(made.stack.align())
