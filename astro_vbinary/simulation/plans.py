"""What the bands of one stack have in common, and how they differ."""

from dataclasses import dataclass, replace

import numpy as np

from astro_vbinary.psf import (
    SPACE_SURVEYS,
    draw_ellipticity,
    draw_ground_psfs,
    draw_seeing,
)
from astro_vbinary.simulation.aberrations import draw_aberrations
from astro_vbinary.simulation.artefacts import Defects, draw_defects
from astro_vbinary.simulation.instruments import draw_correlation
from astro_vbinary.simulation.nebulae import draw_nebula
from astro_vbinary.simulation.stars import noise_norm, space_bank

__all__ = ["Plan", "draw_plan", "draw_psfs"]

#: Standard deviation of the halo's offset from the core, in FWHM: coma and other
#: asymmetry.
LEAN = 0.2

#: Scatter of ln(depth) from band to band: u and r of SDSS differ tenfold.
DEPTH_SCATTER = 0.7

#: Scatter of the colours of a stack's sources, in dex.
COLOUR_SCATTER = 0.14


@dataclass(frozen=True)
class Plan:
    """How one stack's pictures turn out.

    Attributes
    ----------
    shares : `~numpy.ndarray`
        Shape (n_star + 1, n_band): signal-to-noise ratio of each star in each band
        over that in all; the last row is the galaxy's.
    defects : Defects
        Of detectors and archive.
    trail : tuple of float or None
        (east, north) in arcsec that the telescope moved by.
    sky : float
        Electrons of the sky in a pixel.
    correlation : float
        Standard deviation in pixels of the kernel that the noise is smoothed with.
    gradient_angle : float
        Direction in rad of the sloping background.
    texture : `~numpy.ndarray` or None
        The nebula, as from `~astro_vbinary.simulation.nebulae.draw_nebula`.
    seed : int
        Of what all bands have alike.
    saturated : `~numpy.ndarray` of bool
        Shape (n_band,): where a saturated star is; in the first band it always is.
    """

    shares: np.ndarray
    defects: Defects
    trail: tuple[float, float] | None
    sky: float
    correlation: float
    gradient_angle: float
    texture: np.ndarray | None
    seed: int
    saturated: np.ndarray


def draw_plan(survey, scene, exposures, rng, *, clean=False):
    """Draw how one stack's pictures turn out.

    Parameters
    ----------
    survey : str
        One of `~astro_vbinary.simulation.SIMULATED_SURVEYS`.
    scene : Scene
        What is on the sky.
    exposures : list of Exposure
        The stack's bands, with their PSFs drawn.
    rng : `~numpy.random.Generator`
        Source of randomness.
    clean : bool, optional
        Whether the noise is white and only the scene's own defects are there.

    Returns
    -------
    Plan
        For the renderer.
    """
    count = len(exposures)
    depth = np.exp(DEPTH_SCATTER * rng.standard_normal(count))
    colours = 10 ** (
        COLOUR_SCATTER * rng.standard_normal((len(scene.stars) + 1, count))
    )
    shares = depth * colours
    shares /= np.sqrt((shares**2).sum(axis=1, keepdims=True))
    # A pair whose companion is not on the image is none.
    keep = max(scene.separation + 0.4, 0.8) if scene.label else 0.0
    space = survey in SPACE_SURVEYS
    defects = draw_defects(rng, space=space, certain=scene.defects, keep=keep)
    if clean:
        defects = replace(defects, names=defects.names & scene.defects)
    trail = None
    if "trailed" in scene.defects:
        length = rng.uniform(0.4, 2.0) * exposures[0].fwhm
        angle = rng.uniform(0, np.pi)
        trail = length * np.sin(angle), length * np.cos(angle)
    return Plan(
        shares=shares,
        defects=defects,
        trail=trail,
        sky=10 ** rng.uniform(0.7, 3.5),
        correlation=0.0 if clean else draw_correlation(survey, rng),
        gradient_angle=2 * np.pi * rng.random(),
        texture=None if scene.nebula is None else draw_nebula(scene.nebula[0], rng),
        seed=int(rng.integers(2**31)),
        saturated=rng.random(count) < 0.8,
    )


def draw_psfs(survey, exposures, n, rng):
    """Draw the PSFs of many stacks and note them in their exposures.

    Sets ``fwhm``, and in ``extra``: ``norm`` (flux of a star of unit signal-to-noise
    ratio), and from the ground ``psf`` (a `~astro_vbinary.psf.GroundPSFs` and the
    number in it), ``lean`` ((x, y) in pixels of the halo off the core) and ``cubic``
    (see `~astro_vbinary.simulation.aberrations.draw_aberrations`).

    Parameters
    ----------
    survey : str
        One of `~astro_vbinary.simulation.SIMULATED_SURVEYS`.
    exposures : list of Exposure
        Of all stacks.
    n : int
        Number of stacks.
    rng : `~numpy.random.Generator`
        Source of randomness.
    """
    if survey in SPACE_SURVEYS:
        for e in exposures:
            bank = space_bank(survey, e.band, e.pixel_scale, e.psf_seed)
            e.fwhm, e.extra["norm"] = bank.fwhm, bank.norm
        return
    seeing = draw_seeing(survey, rng, n)
    ellipticity = draw_ellipticity(survey, rng, n)
    cubic = draw_aberrations([e.stack for e in exposures], n, rng)
    for exposure, form in zip(exposures, cubic, strict=True):
        exposure.extra["cubic"] = form
    by_band = {}
    for exposure in exposures:
        by_band.setdefault(exposure.band, []).append(exposure)
    for band, part in by_band.items():
        stacks = [e.stack for e in part]
        common = {"seeing": seeing[stacks], "ellipticity": ellipticity[:, stacks]}
        psfs = draw_ground_psfs(survey, band, rng, len(part), **common)
        scale = np.array([e.pixel_scale for e in part])
        norms = noise_norm(psfs.fwhm, psfs.beta, psfs.halo, scale)
        widths = psfs.delivered(scale)
        lean = LEAN * psfs.fwhm[:, None] * rng.standard_normal((len(part), 2))
        for number, exposure in enumerate(part):
            exposure.fwhm = float(widths[number])
            exposure.extra |= {
                "psf": (psfs, number),
                "norm": float(norms[number]),
                "lean": lean[number] / exposure.pixel_scale,
            }
