"""Simple exposures, and where stars are on an image."""

import numpy as np

from astro_vbinary.psf import GroundPSFs
from astro_vbinary.simulation.artefacts import Defects
from astro_vbinary.simulation.exposures import Exposure
from astro_vbinary.simulation.plans import Plan
from astro_vbinary.simulation.stars import noise_norm

#: Defects of nothing.
NOTHING = Defects(frozenset(), 0.0, 3.0, float("nan"), 0.0, 1.0)


def ground_psfs(**changes):
    """One round PSF without a halo; any column can be given instead."""
    columns = {
        "fwhm": [1.2], "beta": [4.0], "e1": [0.0], "e2": [0.0],
        "halo": [0.0], "halo_fwhm": [2.4], "halo_beta": [2.2],
    }  # fmt: skip
    return GroundPSFs(**columns | {key: [value] for key, value in changes.items()})


def make_exposure(*, stack=0, number=0, scale=0.25, side=32, angle=0.0, **psf):
    """An exposure of a ground survey with a simple PSF, the target in the middle."""
    psfs = ground_psfs(**psf)
    norm = noise_norm(psfs.fwhm, psfs.beta, psfs.halo, np.array([scale]))
    return Exposure(
        stack=stack, band="r", pixel_scale=scale, side=side, angle=angle,
        target=(0.0, 0.0), shift=(0.0, 0.0), fwhm=float(psfs.fwhm[0]),
        extra={
            "number": number, "psf": (psfs, 0), "lean": np.zeros(2),
            "cubic": np.zeros(4),
            "norm": float(norm[0]),
        },
    )  # fmt: skip


def make_plan(**changes):
    """A plan for one star in one band, with white noise and nothing wrong."""
    plain = {
        "shares": np.ones((2, 1)), "defects": NOTHING, "trail": None, "sky": 1e9,
        "correlation": 0.0, "gradient_angle": 0.0, "texture": None, "seed": 1,
        "saturated": np.ones(1, dtype=bool),
    }  # fmt: skip
    return Plan(**plain | changes)


def windowed_centroid(image, start, width):
    """The centroid (x, y) under a Gaussian window that follows it."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    x0, y0 = start
    for _ in range(60):
        weight = image * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 2 / width**2)
        dx = ((x - x0) * weight).sum() / weight.sum()
        dy = ((y - y0) * weight).sum() / weight.sum()
        # A window takes about half of the way.
        x0, y0 = x0 + 1.5 * dx, y0 + 1.5 * dy
    return x0, y0
