"""Stacks that are ready to be fitted, and batches of them."""

from contextlib import suppress
from dataclasses import dataclass

import astropy.units as u
import numpy as np

from astro_vbinary.exceptions import VBinaryError
from astro_vbinary.measurement.building import (
    batch_from_arrays,
    local_map,
    sampled_width,
    stack_pixels,
)
from astro_vbinary.measurement.noise_grain import noise_grain
from astro_vbinary.stamps.motion import position_at
from astro_vbinary.status import Status

__all__ = ["PairJob", "join_jobs", "make_job"]

#: Half side in arcsec of the pixels that are looked at.
REACH = 7.0


@dataclass
class PairJob:
    """One stack that is ready to be fitted.

    Attributes
    ----------
    row : dict
        Its entry of the table, to be completed.
    images, weight, cd, target : `~numpy.ndarray`
        As of `~astro_vbinary.measurement.building.stack_pixels`.
    psfs : list of `~astro_vbinary.psf.PSF`
        One a band.
    bands : list of str
        Their names.
    position : `~astropy.coordinates.SkyCoord`
        The target's.
    grain : `~numpy.ndarray`
        Shape (k,): as `~astro_vbinary.measurement.noise_grain.noise_grain` finds it.
    psf : str
        Where the PSFs come from.
    """

    row: dict
    images: np.ndarray
    weight: np.ndarray
    cd: np.ndarray
    target: np.ndarray
    psfs: list
    bands: list
    position: object
    grain: np.ndarray
    psf: str


def make_job(row, stack, find):
    """Pixels and PSFs of a stack.

    Parameters
    ----------
    row : dict
        Its entry of the table: gets ``psf``, ``resampled`` and ``epoch``, or the
        status and the reason where it cannot be fitted.
    stack : `~astro_vbinary.stamps.StampStack`
        The stamps.
    find : callable
        From a stack, a stamp of it and its scale in arcsec to its PSF and where that
        is from.

    Returns
    -------
    PairJob or None
        None where no pixel near the target can be used.
    """
    maps = [local_map(stamp) for stamp in stack]
    scales = [abs(np.linalg.det(matrix)) ** -0.5 for matrix, _ in maps]
    finer = np.array(
        [
            _finer(stack.survey, stamp.band, scale)
            for stamp, scale in zip(stack, scales, strict=True)
        ]
    )
    images, weight, cd, target = stack_pixels(stack, bins=finer, maps=maps)
    scales = np.sqrt(np.abs(np.linalg.det(cd)))
    inside = _near(target, cd, weight)
    if not inside.any():
        shapes = np.array([stamp.shape[::-1] for stamp in stack])
        there = ((target > -0.5) & (target < shapes - 0.5)).all(axis=1).any()
        row["status"] = Status.NO_DATA if there else Status.TARGET_OUTSIDE
        if not there:
            row["reason"] = "the target is on no image of the stack"
            return None
        row["reason"] = "no usable pixel around the target"
        return None
    found = [
        find(stack, stamp, scale) for stamp, scale in zip(stack, scales, strict=True)
    ]
    kinds = {kind for _, kind in found}
    first = stack[0]
    row["psf"] = "model" if "model" in kinds else kinds.pop()
    row["resampled"] = int((finer > 1).any())
    if first.epoch is not None:
        row["epoch"] = first.epoch.jyear
    return PairJob(
        row,
        images,
        weight,
        cd,
        target,
        [own for own, _ in found],
        [stamp.band or "stacked" for stamp in stack],
        position_at(stack.target, first.epoch),
        np.array(
            [
                noise_grain(image, good, place, scale, sampled_width(psf, scale))
                for image, good, place, scale, (psf, _) in zip(
                    images, weight, target, scales, found, strict=True
                )
            ]
        ),
        row["psf"],
    )


def _near(target, cd, weight):
    """Which bands have a good pixel within an arcsecond of the target, or the next."""
    seen = np.zeros(len(weight), dtype=bool)
    for number, (where, matrix, own) in enumerate(zip(target, cd, weight, strict=True)):
        reach = max(1.0 / np.sqrt(abs(np.linalg.det(matrix))), 1.0)
        ny, nx = own.shape
        y, x = np.ogrid[:ny, :nx]
        near = (x - where[0]) ** 2 + (y - where[1]) ** 2 <= reach**2
        seen[number] = (own[near] > 0).any()
    return seen


def _finer(survey, band, scale):
    """How many pixels of a stamp are as wide as one of the survey's own, at least 1."""
    if survey is None:
        return 1
    known = survey.bands
    with suppress(VBinaryError):
        known = known if band is None else [survey.band(band)]
    own = [b.pixel_scale for b in known if b.pixel_scale is not None]
    if not own:
        return 1
    return max(int(min(own).to_value(u.arcsec) / scale + 0.1), 1)


def join_jobs(jobs):
    """Stacks of one survey in arrays of one size.

    Parameters
    ----------
    jobs : sequence of PairJob
        Of any number of bands.

    Returns
    -------
    `~astro_vbinary.measurement.PixelBatch`
        One stack for each.
    """
    cut = [_cut(job) for job in jobs]
    shape = np.max([images.shape[1:] for images, *_ in cut], axis=0)
    most = max(len(job.bands) for job in jobs)
    images = np.zeros((len(jobs), most, *shape), dtype=np.float32)
    weight = np.zeros_like(images)
    for number, (own, good, _) in enumerate(cut):
        k, ny, nx = own.shape
        images[number, :k, :ny, :nx] = own
        weight[number, :k, :ny, :nx] = good / jobs[number].grain[:, None, None]
    # A band that a stack lacks is like its last, without any good pixel.
    bands = [np.minimum(np.arange(most), len(job.bands) - 1) for job in jobs]
    each = list(zip(jobs, bands, cut, strict=True))
    return batch_from_arrays(
        images,
        weight,
        [[job.psfs[band] for band in own] for job, own, _ in each],
        np.stack([job.cd[own] for job, own, _ in each]),
        np.stack([origin[own] for _, own, (*_, origin) in each]),
        grain=np.stack([job.grain[own] for job, own, _ in each]),
    )


def _cut(job):
    """The pixels around the target."""
    scales = np.sqrt(np.abs(np.linalg.det(job.cd)))
    half = int(np.ceil(REACH / scales.min()))
    ny, nx = job.images.shape[1:]
    low = np.maximum(np.round(job.target.min(axis=0)).astype(int) - half, 0)
    high = np.round(job.target.max(axis=0)).astype(int) + half + 1
    rows, columns = slice(low[1], min(high[1], ny)), slice(low[0], min(high[0], nx))
    return (
        job.images[:, rows, columns],
        job.weight[:, rows, columns],
        job.target - low,
    )
