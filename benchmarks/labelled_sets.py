"""Labelled sets for the benchmarks of training: as by eye, and of another domain."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from astro_vbinary.stamps.grid import GROUP_GRIDS
from astro_vbinary.training import SimulationStream
from astro_vbinary.training.evaluation import visual_task
from astro_vbinary.training.labelled import MARGIN, join_stacks
from astro_vbinary.training.reading import stacks_from_batch
from astro_vbinary.training.scoring import ScoredSet
from astro_vbinary.training.stream import BLOCK

#: Surveys of the published groups.
SURVEYS = {3: ("Pan-STARRS", "SDSS9", "HST"), 4: ("JWST", "HSCLA")}

#: The other domain: seeing and length of the trail in FWHM, height of the stripes in
#: units of the sky noise.
BLUR, TRAIL, STRIPES = 0.6, 1.2, 1.5


@dataclass(frozen=True)
class WorseStream(SimulationStream):
    """Simulations of a telescope that tracks badly, in bad seeing, read out in stripes.

    Stars are trailed in one direction in all bands of a stack, so that a single one
    looks like two to weights that have not seen it.
    """

    def batch(self, number):
        """The pixels of a block.

        Parameters
        ----------
        number : int
            Which one.

        Returns
        -------
        `~astro_vbinary.simulation.SimulatedBatch`
            As rendered, and then made worse.
        """
        batch = super().batch(number)
        rng = np.random.default_rng([self.seed, number, 99])
        trail = rng.uniform(0, np.pi, len(batch))
        length = TRAIL * rng.uniform(0.3, 1.0, len(batch))
        wider = BLUR * rng.uniform(0.3, 1.0, len(batch))
        for frames in batch.frames:
            images = frames.images.numpy().astype(np.float32)
            for place, exposure in enumerate(frames.exposures):
                own = exposure.stack
                fwhm = exposure.fwhm / exposure.pixel_scale
                images[place] = worsen(
                    images[place],
                    blur=wider[own] * fwhm / 2.3548,
                    trail=length[own] * fwhm,
                    angle=trail[own] + exposure.angle,
                    stripes=STRIPES,
                    rng=rng,
                )
            frames.images = torch.from_numpy(images)
        return batch


def worsen(image, *, blur, trail, angle, stripes, rng):
    """An image with wider and trailed stars, and stripes.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx); what is not finite stays so.
    blur : float
        Standard deviation in pixels of the Gaussian.
    trail : float
        Length in pixels of the trail.
    angle : float
        Its direction in rad from the x axis.
    stripes : float
        Scatter of the rows, in units of the noise.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray`
        A copy.
    """
    from scipy import ndimage

    good = np.isfinite(image)
    if not good.any():
        return image
    level = np.median(image[good])
    below = level - image[good & (image <= level)]
    noise = 1.4826 * np.median(below) if below.size else 0.0
    data = np.where(good, image - level, 0.0)
    steps = max(int(np.ceil(2 * trail)), 1)
    along = np.linspace(-trail / 2, trail / 2, steps)
    moved = np.mean(
        [
            ndimage.shift(data, (s * np.sin(angle), s * np.cos(angle)), order=1)
            for s in along
        ],
        axis=0,
    )
    moved = ndimage.gaussian_filter(moved, blur)
    # As noisy as before: a blurred exposure is not a smooth one.
    moved += noise * 0.9 * rng.normal(size=image.shape)
    moved += noise * stripes * rng.normal(size=(len(image), 1))
    return np.where(good, moved + level, np.nan).astype(image.dtype)


def draw_stacks(group, count, *, seed, surveys=None, worse=False):
    """Stacks that somebody would label by eye: half pairs, half others.

    Parameters
    ----------
    group : int
        Resolution group.
    count : int
        Of each class.
    seed : int
        Seed of the stream; no two seeds share a scene.
    surveys : sequence of str, optional
        Surveys; those of the published group by default.
    worse : bool, optional
        Whether they are of the other domain.

    Returns
    -------
    `~astro_vbinary.training.LabelledStacks`
        In random order.
    """
    surveys = sorted(surveys or SURVEYS[group])
    parts = []
    for number, survey in enumerate(surveys):
        # As many of each survey, to one.
        own = (count + number) // len(surveys)
        parts.append(_draw_survey(group, survey, own, [seed, number], worse))
    whole = join_stacks(parts)
    whole = replace(whole, sources=[f"{seed}-{i}" for i in range(len(whole))])
    return whole.take(np.random.default_rng(seed).permutation(len(whole)))


def _draw_survey(group, survey, count, seed, worse):
    """So many of each class of one survey."""
    scale, side = GROUP_GRIDS[group]
    stream = (WorseStream if worse else SimulationStream)(
        {survey: 1.0},
        pixel_scale=scale,
        side=side + 2 * MARGIN,
        seed=10 * seed[0] + seed[1],
        psf_seed=2,
        hips_share=0.0,
    )
    parts, left, number = [], {0: count, 1: count}, 0
    while any(left.values()):
        made = stacks_from_batch(
            stream.batch(number), scale, side, first=BLOCK * number
        )
        number += 1
        task = visual_task(ScoredSet(None, made.truth))
        chosen = []
        for label in left:
            own = task[made.labels[task] == label][: left[label]]
            left[label] -= len(own)
            chosen.append(own)
        parts.append(made.take(np.concatenate(chosen)))
    return join_stacks(parts)
