"""
Candidates side by side
=======================

`~astro_vbinary.plotting.plot_mosaic` draws one image for each of many sources, to
look through the candidates of a catalogue. ``astro-vbinary demo`` draws its
candidates so.
"""

import numpy as np

from astro_vbinary.plotting import plot_mosaic
from astro_vbinary.simulation import simulate_stack

coadds, labels = [], []
for number in range(8):
    kind = "pair" if number % 2 else "single"
    rng = np.random.default_rng(20 + number)
    made = simulate_stack("Pan-STARRS", rng, kind=kind, source=str(number))
    coadds.append(made.stack.align().coadd())
    labels.append(f"{number}: {kind}")
plot_mosaic(coadds, labels=labels, columns=4)
