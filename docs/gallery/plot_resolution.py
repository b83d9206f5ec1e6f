"""
What the surveys can resolve
============================

The published policy groups surveys by Rayleigh's limit at one wavelength: by the
size of the telescope. What an image resolves also depends on the air above it, on
the wavelength and on the pixels.
"""

from astro_vbinary.plotting import plot_resolution

plot_resolution(policy="published")

# %%
# The effective policy groups surveys by the width of a star on their images.

plot_resolution(policy="effective")
