"""
How stars look in each survey
=============================

Point-spread functions as they are simulated, with pixels of each survey's images. The
stretch is logarithmic, from a ten-thousandth of the peak.
"""

import matplotlib.pyplot as plt
import numpy as np

from astro_vbinary import get_survey
from astro_vbinary.psf import draw_ground_psfs, space_psf

rng = np.random.default_rng(1)
psfs = {
    ("HST", "F606W"): space_psf("HST", "F606W", 1),
    ("HST", "F160W"): space_psf("HST", "F160W", 1, camera="WFC3/IR"),
    ("JWST", "F090W"): space_psf("JWST", "F090W", 1),
    ("JWST", "F444W"): space_psf("JWST", "F444W", 1),
}
for name, band in [("HSCLA", "i"), ("Pan-STARRS", "i"), ("SDSS9", "r"), ("2MASS", "J")]:
    psfs[name, band] = draw_ground_psfs(name, band, rng, 1).psf(0)

figure, panels = plt.subplots(2, 4, figsize=(10, 5.4), layout="constrained")
for panel, ((name, band), psf) in zip(panels.flat, psfs.items(), strict=True):
    # Half a native pixel for JWST and HST, whose images are drizzled.
    scale = get_survey(name).band(band).pixel_scale
    if get_survey(name).space:
        scale = scale / 2
    side = 2 * int((8 * psf.fwhm / scale).value) + 1
    image = psf.image((side, side), scale)
    panel.imshow(np.log10(np.clip(image / image.max(), 1e-4, 1)), origin="lower")
    panel.set_title(f"{name} {band}: FWHM {psf.fwhm:.2f}", fontsize="small")
    panel.set_axis_off()

# %%
# How much of the light is within a radius.

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
radii = np.linspace(0.1, 6, 40)
for (name, band), psf in psfs.items():
    light = psf.encircled_energy(radii * psf.fwhm)
    axes.plot(radii, light, label=f"{name} {band}")
axes.set(xlabel="radius / FWHM", ylabel="share of the light", xlim=(0, 6), ylim=(0, 1))
axes.legend(fontsize="small", ncols=2)

# %%
# No two stars of a survey are the same: ten seeds of JWST in F090W, and ten nights of
# Pan-STARRS.

seeds = [space_psf("JWST", "F090W", seed) for seed in range(10)]
nights = draw_ground_psfs("Pan-STARRS", "i", rng, 10)
print("JWST F090W:", [f"{psf.fwhm.value:.3f}" for psf in seeds])
print("Pan-STARRS i:", nights.fwhm.round(2))
