"""Labelled stacks turned, shifted, blurred and made noisier, before they are prepared.

What is done to a stack is done to all its bands alike, on its pixels as they were
aligned, so that everything after it is the code of inference.
"""

import numpy as np
import torch
from torch.nn import functional

from astro_vbinary.surveys import get_survey
from astro_vbinary.training.labelled import MARGIN

__all__ = ["augment", "blur", "correlated_noise", "turn"]


def augment(stacks, index, recipe, rng):
    """Some stacks, each changed at random.

    Parameters
    ----------
    stacks : LabelledStacks
        The stacks, which are left as they are.
    index : sequence of int
        Which.
    recipe : TuningRecipe
        How much: its ``symmetries``, ``shift``, ``blur`` and ``noise``.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    bands : `torch.Tensor`
        Shape (m, side, side), float32, NaN where there is no data.
    owner : `torch.Tensor`
        Shape (m,), int64.
    """
    rows, owner = stacks.rows(index)
    n, side, own = len(index), stacks.side, owner.numpy()
    shift = rng.integers(-recipe.shift, recipe.shift + 1, (n, 2)) + MARGIN
    symmetry = rng.integers(0, 8, n)
    wider = 1 + rng.uniform(0, 1, n) * recipe.blur
    wider[rng.random(n) < 0.5] = 1
    louder = rng.uniform(0, 1, n) * recipe.noise
    whole = stacks.bands[rows]
    corner = shift[own]
    made = torch.stack(
        [
            band[y : y + side, x : x + side]
            for band, (y, x) in zip(whole, corner.tolist(), strict=True)
        ]
    )
    if recipe.symmetries:
        made = turn(made, symmetry[own])
    surveys = np.array([stacks.surveys[i] for i in index])
    seed = int(rng.integers(2**62))
    for number, name in enumerate(sorted(set(surveys))):
        fwhm, native = _pixels_of(name, stacks.pixel_scale)
        chosen = np.flatnonzero((surveys == name)[own])
        sigma = np.sqrt(wider[own[chosen]] ** 2 - 1) * fwhm / 2.3548
        some = chosen[sigma > 0.3]
        if len(some):
            made[some] = blur(made[some], sigma[sigma > 0.3])
        if recipe.noise:
            generator = torch.Generator().manual_seed((seed + number) % 2**62)
            grain = correlated_noise(len(chosen), side, native, generator)
            level = torch.from_numpy(louder[own[chosen]].astype(np.float32))
            made[chosen] += grain * (level * stacks.spread[rows[chosen]])[:, None, None]
    return made, owner


def _pixels_of(survey, pixel_scale):
    """Width of a star and of the survey's own pixels, in pixels of the grid."""
    survey = get_survey(survey)
    native = min(band.pixel_scale.to_value("arcsec") for band in survey.bands)
    return survey.effective_fwhm().to_value(
        "arcsec"
    ) / pixel_scale, native / pixel_scale


def turn(images, symmetry):
    """Turn and mirror each image by one of the square's eight symmetries.

    Parameters
    ----------
    images : `torch.Tensor`
        Shape (m, side, side).
    symmetry : `~numpy.ndarray` of int
        Shape (m,): quarter turns, and four more for those that are mirrored.

    Returns
    -------
    `torch.Tensor`
        A copy.
    """
    made = torch.empty_like(images)
    for code in np.unique(symmetry).tolist():
        chosen = torch.from_numpy(np.flatnonzero(symmetry == code))
        part = torch.rot90(images[chosen], code % 4, (1, 2))
        made[chosen] = part.flip(2) if code >= 4 else part
    return made


def blur(images, sigma):
    """Smooth each image with a Gaussian of its own; gaps stay gaps.

    Parameters
    ----------
    images : `torch.Tensor`
        Shape (m, side, side), float32, NaN where there is no data.
    sigma : `~numpy.ndarray`
        Shape (m,), in pixels.

    Returns
    -------
    `torch.Tensor`
        Shape (m, side, side).
    """
    m = len(images)
    reach = int(np.ceil(3 * float(np.max(sigma))))
    x = torch.arange(-reach, reach + 1, dtype=torch.float32)
    width = torch.from_numpy(np.asarray(sigma, dtype=np.float32))[:, None]
    kernel = torch.exp(-0.5 * (x / width) ** 2)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)

    def smooth(planes):
        planes = functional.conv2d(
            planes[None], kernel[:, None, None], padding=(0, reach), groups=m
        )
        planes = functional.conv2d(
            planes, kernel[:, None, :, None], padding=(reach, 0), groups=m
        )
        return planes[0]

    gaps = torch.isnan(images)
    data = smooth(torch.nan_to_num(images, nan=0.0))
    # What lies beyond the edge has no weight, as what lies in a gap.
    share = smooth((~gaps).float())
    return (data / share.clamp(min=1e-6)).masked_fill(gaps, torch.nan)


def correlated_noise(m, side, native, generator):
    """Noise as of an image that was brought to finer pixels, of unit scatter.

    Parameters
    ----------
    m : int
        Number of images.
    side : int
        Pixels along each axis.
    native : float
        Side of the survey's own pixels in pixels of the grid.
    generator : `torch.Generator`
        Source of randomness.

    Returns
    -------
    `torch.Tensor`
        Shape (m, side, side), float32.
    """
    coarse = side if native <= 1 else max(int(np.ceil(side / native)), 4)
    grain = torch.randn((m, 1, coarse, coarse), generator=generator)
    if coarse != side:
        grain = functional.interpolate(
            grain, size=(side, side), mode="bicubic", align_corners=False
        )
    return (grain / grain.std())[:, 0]
