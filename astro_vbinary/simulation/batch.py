"""Many stacks of one survey at once: drawn one by one, rendered together."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.simulation.exposures import draw_exposures
from astro_vbinary.simulation.plans import draw_plan, draw_psfs
from astro_vbinary.simulation.rendering import Frames, render_frames
from astro_vbinary.simulation.scenes import draw_kind, draw_scene

__all__ = ["Frames", "SimulatedBatch", "simulate_batch"]

#: Share of the stacks of any kind with bands that are misregistered.
MISREGISTERED_SHARE = 0.02

#: Sizes of images are rounded up to a multiple of this many pixels, so that many are
#: rendered together: small ones, and those above the limit.
SMALL_STEP, LARGE_STEP, SMALL_SIDE = 8, 32, 64


@dataclass
class SimulatedBatch:
    """Simulated stacks and the truth about them.

    Attributes
    ----------
    survey : str
        The survey.
    frames : list of Frames
        All images, by size.
    scenes : list of Scene
        What is on the sky of each stack.
    truth : list of dict
        As in `~astro_vbinary.simulation.SimulatedStack`.
    hips : `~numpy.ndarray` of bool
        Shape (n,): stacks that are kept in the oversampled form.
    fill : `~numpy.ndarray`
        Shape (n,): what stands where there is no data.
    targets : `~astropy.coordinates.SkyCoord`
        Shape (n,).
    """

    survey: str
    frames: list
    scenes: list
    truth: list
    hips: np.ndarray
    fill: np.ndarray
    targets: SkyCoord

    def __len__(self):
        return len(self.scenes)


def simulate_batch(
    survey,
    n,
    rng,
    *,
    kinds=None,
    bands=None,
    population="training",
    psf_seed=0,
    hips_share=0.15,
    field=None,
    scenes=None,
    clean=False,
    device="cpu",
):
    """Simulate the images of many stacks of one survey.

    Parameters
    ----------
    survey : str
        One of `~astro_vbinary.simulation.SIMULATED_SURVEYS`.
    n : int
        Number of stacks.
    rng : `~numpy.random.Generator`
        Source of randomness; the same state gives the same pixels.
    kinds : str or sequence of str, optional
        One of `~astro_vbinary.simulation.KINDS` for all, or one for each; drawn
        with their frequencies by default.
    bands : int or sequence of str, optional
        How many bands each stack has, or which; any of the survey's by default.
    population : str, optional
        Of the companions; one of `~astro_vbinary.simulation.POPULATIONS`.
    psf_seed : int, optional
        Which bank of PSFs a space telescope has.
    hips_share : float, optional
        Share of stacks in the oversampled form.
    field : float, optional
        Largest side of a stamp in arcsec; by default the survey's own range.
    scenes : sequence of `~astro_vbinary.simulation.Scene` or callable, optional
        What to render, one a stack, instead of scenes that are drawn; or what draws
        a scene, called with ``rng``, and by keyword ``fwhm`` and ``radius`` as
        `~astro_vbinary.simulation.draw_scene` is.
    clean : bool, optional
        Whether images have white noise, none of the defects that may come with any
        scene, and bands that are registered as well as the survey's are.
    device : str, optional
        Device of torch for the rendering.

    Returns
    -------
    SimulatedBatch
        Images and truth.

    Raises
    ------
    ValueError
        If the survey, a kind, a band or the population is unknown, or there are not
        as many kinds or scenes as stacks.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.simulation import align_batch, simulate_batch
    >>> rng = np.random.default_rng(1)
    >>> batch = simulate_batch("Pan-STARRS", 6, rng, kinds="pair", bands=["g", "i"])
    >>> align_batch(batch, 0.1, 64).data.shape
    torch.Size([12, 64, 64])
    """
    if scenes is not None and not callable(scenes):
        kinds = [scene.kind for scene in scenes]
    elif kinds is None:
        kinds = [draw_kind(rng) for _ in range(n)]
    elif isinstance(kinds, str):
        kinds = [kinds] * n
    if len(kinds) != n:
        what = "kinds" if scenes is None or callable(scenes) else "scenes"
        raise ValueError(f"{len(kinds)} {what} for {n} stacks")
    exposures, stacks = [], []
    for number, kind in enumerate(kinds):
        wrong = kind == "misregistered" or rng.random() < MISREGISTERED_SHARE
        own = draw_exposures(
            survey,
            rng,
            stack=number,
            bands=bands,
            psf_seed=psf_seed,
            misregistered=wrong and not clean,
        )
        for exposure in own:
            if field is not None:
                exposure.side = min(exposure.side, round(field / exposure.pixel_scale))
        exposures += own
        stacks.append(own)
    draw_psfs(survey, exposures, n, rng)
    drawn, plans = [], []
    for number, (kind, own) in enumerate(zip(kinds, stacks, strict=True)):
        radius = min(e.side * e.pixel_scale for e in own) / 2
        sharpest = min(e.fwhm for e in own)
        if scenes is None:
            scene = draw_scene(
                kind, rng, fwhm=sharpest, radius=radius, population=population
            )
        elif callable(scenes):
            scene = scenes(rng, fwhm=sharpest, radius=radius)
        else:
            scene = scenes[number]
        drawn.append(scene)
        plans.append(draw_plan(survey, scene, own, rng, clean=clean))
    hips = rng.random(n) < hips_share
    frames = [
        render_frames(survey, part, side, drawn, plans, rng, device=device)
        for side, part in _by_size(exposures).items()
    ]
    targets = SkyCoord(rng.uniform(82, 86, n), rng.uniform(-9, 1, n), unit="deg")
    right_ascension, declination = targets.ra.deg, targets.dec.deg
    truth = [
        _truth(survey, drawn[i], stacks[i])
        | {
            "form": "hips" if hips[i] else "native",
            "population": population if drawn[i].label else "",
            "ra": float(right_ascension[i]),
            "dec": float(declination[i]),
        }
        for i in range(n)
    ]
    fill = np.array([plan.defects.fill for plan in plans])
    return SimulatedBatch(survey, frames, drawn, truth, hips, fill, targets)


def _by_size(exposures):
    """Images that are rendered together: sizes are rounded up to a few."""
    groups = {}
    for exposure in exposures:
        step = SMALL_STEP if exposure.side <= SMALL_SIDE else LARGE_STEP
        side = -(-exposure.side // step) * step
        groups.setdefault(side, []).append(exposure)
    return groups


def _truth(survey, scene, exposures):
    stars = scene.stars
    return {
        "source": "",
        "survey": survey,
        "kind": scene.kind,
        "label": scene.label,
        "form": "",
        "population": "",
        "separation": scene.separation,
        "position_angle": scene.position_angle,
        "magnitude_difference": scene.magnitude_difference,
        "nearest": scene.nearest,
        "signal": stars[0].signal if stars else float("nan"),
        "companion_signal": stars[1].signal if scene.label else float("nan"),
        "fwhm": min(e.fwhm for e in exposures),
        "bands": len(exposures),
    }
