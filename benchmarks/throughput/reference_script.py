"""What an astronomer writes today: one stack after the other, with the usual packages.

The bands of a stack are opened with astropy, each is reprojected onto a common WCS
around the target, their mean is scaled from its minimum to its maximum, and sixteen
such images at a time go through the network in single precision. It is the alternative
that this package is timed beside, kept as short as such scripts are.
"""

import time

import numpy as np
import torch
from astropy.io import fits
from astropy.wcs import WCS
from reproject import reproject_interp

#: Stacks that the network sees at a time.
BATCH = 16


def common_wcs(header, pixel_scale, side):
    """A WCS with north up around the middle of the first band's image."""
    own = WCS(header)
    center = own.pixel_to_world(
        (own.pixel_shape[0] - 1) / 2, (own.pixel_shape[1] - 1) / 2
    )
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [center.icrs.ra.deg, center.icrs.dec.deg]
    wcs.wcs.crpix = [(side + 1) / 2, (side + 1) / 2]
    wcs.wcs.cdelt = [-pixel_scale / 3600, pixel_scale / 3600]
    return wcs


def stack(paths, pixel_scale, side, seconds):
    """The mean of the bands on one grid, from 0 to 1."""
    planes, wcs = [], None
    for path in paths:
        start = time.perf_counter()
        with fits.open(path) as hdulist:
            data, header = hdulist[0].data.astype(float), hdulist[0].header
        if wcs is None:
            wcs = common_wcs(header, pixel_scale, side)
        own = WCS(header)
        read = time.perf_counter()
        plane, _ = reproject_interp(
            (data, own), wcs, shape_out=(side, side), order="bicubic"
        )
        planes.append(plane)
        seconds["read"] += read - start
        seconds["align"] += time.perf_counter() - read
    start = time.perf_counter()
    mean = np.nanmean(planes, axis=0)
    low, high = np.nanmin(mean), np.nanmax(mean)
    mean = np.nan_to_num((mean - low) / (high - low))
    seconds["stack"] += time.perf_counter() - start
    return mean


def classify(groups, pixel_scale, side, network):
    """Scores of all stacks, and the seconds of each stage.

    Parameters
    ----------
    groups : list of list of str
        The files of each stack.
    pixel_scale : float
        Side of the grid's pixels in arcsec.
    side : int
        Their number along each axis.
    network : callable
        Takes images (n, side, side) and the number of bands of each, gives scores.

    Returns
    -------
    scores : `~numpy.ndarray`
        Shape (n, 2).
    seconds : dict of str to float
        Of ``read``, ``align``, ``stack`` and ``classify``.
    """
    seconds = dict.fromkeys(("read", "align", "stack", "classify"), 0.0)
    scores = []
    for first in range(0, len(groups), BATCH):
        part = groups[first : first + BATCH]
        images = [stack(paths, pixel_scale, side, seconds) for paths in part]
        start = time.perf_counter()
        with torch.no_grad():
            made = network(
                torch.tensor(np.array(images), dtype=torch.float32),
                [len(paths) for paths in part],
            )
        scores.append(made.numpy())
        seconds["classify"] += time.perf_counter() - start
    return np.concatenate(scores), seconds
