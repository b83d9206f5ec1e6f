"""
Verdicts against the truth
==========================

`~astro_vbinary.plotting.plot_result` draws the probabilities of a catalogue, survey
by survey. Where the truth is known, as of simulated stamps, it also shows the share
of pairs that were found by their separation.

The catalogue here is made up of random numbers, so that the example needs no
network; ``astro-vbinary demo`` draws the same figure of real verdicts.
"""

import astropy.units as u
import numpy as np
from astropy.table import QTable

from astro_vbinary.plotting import plot_result

rng = np.random.default_rng(8)
count = 120
truth = QTable()
truth["source"] = [str(number) for number in range(count)]
truth["survey"] = np.repeat(["Pan-STARRS", "SDSS9", "HST", "JWST"], count // 4)
truth["label"] = rng.integers(0, 2, count)
truth["separation"] = rng.uniform(0.2, 2.4, count) * u.arcsec

evidence = np.where(truth["label"], 3 * truth["separation"].value, -2.5)
catalogue = truth["source", "survey"]
catalogue["probability"] = 1 / (1 + np.exp(-evidence - rng.normal(-1, 1.5, count)))
catalogue["label"] = np.where(catalogue["probability"] > 0.5, "binary", "not")

plot_result(catalogue, truth=truth)
