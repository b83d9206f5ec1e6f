"""The classical detectors by name, and how to run one on many images."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from astro_vbinary.measurement.peer_detectors import (
    count_peaks,
    daofind_pairs,
    deblend_pairs,
)
from astro_vbinary.measurement.peer_result import THRESHOLD
from astro_vbinary.measurement.peer_shape import SHAPE_THRESHOLD, moment_shape

__all__ = ["PEERS", "Peer", "run_peer"]


@dataclass(frozen=True)
class Peer:
    """A classical detector.

    Attributes
    ----------
    name : str
        Its name in ``PEERS``.
    detect : callable
        Called with an image, its mask, the pixel scale and the stars' FWHM; returns
        a `~astro_vbinary.measurement.PeerResult`.
    package : str
        The package that does the work; empty for this one.
    threshold : float
        Score from which on the verdict is a pair.
    """

    name: str
    detect: Callable
    package: str = ""
    threshold: float = THRESHOLD


#: The classical detectors by name.
PEERS = MappingProxyType(
    {
        peer.name: peer
        for peer in (
            Peer("count_peaks", count_peaks, "photutils"),
            Peer("daofind_pairs", daofind_pairs, "photutils"),
            Peer("deblend_pairs", deblend_pairs, "sep"),
            Peer("moment_shape", moment_shape, threshold=SHAPE_THRESHOLD),
            Peer(
                "adaptive_moments",
                partial(moment_shape, adaptive=True),
                threshold=SHAPE_THRESHOLD,
            ),
        )
    }
)


def run_peer(name, images, valid, pixel_scale, fwhm):
    """Scores of a classical detector on many images.

    Parameters
    ----------
    name : str
        One of ``PEERS``.
    images : `~numpy.ndarray`
        Shape (n, ny, nx), co-added images with the target at the centre.
    valid : `~numpy.ndarray` of bool or None
        Shape (n, ny, nx), True where a pixel can be used; None for all that are
        finite.
    pixel_scale : `~astropy.units.Quantity` or float
        Side of a pixel, in arcsec where it is a number.
    fwhm : `~astropy.units.Quantity`, float or `~numpy.ndarray`
        Typical full width at half maximum of the stars, one or one an image, in
        arcsec where it is a number.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,), float64: higher is more like a pair, 0 where no second source
        was found, NaN where there is nothing to measure. ``PEERS`` tells from which
        score on each calls a pair.

    Raises
    ------
    ValueError
        If the name is unknown or shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.measurement.peers import run_peer
    >>> rng = np.random.default_rng(1)
    >>> y, x = np.mgrid[:64, :64] - 31.5
    >>> star, other = (40 * np.exp(-(x**2 + (y - d) ** 2) / 18) for d in (0, 16))
    >>> images = np.array([star, star + other]) + rng.normal(size=(2, 64, 64))
    >>> run_peer("daofind_pairs", images, None, 0.1, 0.7) >= 5
    array([False,  True])
    """
    if name not in PEERS:
        raise ValueError(f"unknown peer {name!r}; known: {', '.join(PEERS)}")
    images = np.asarray(images)
    if images.ndim != 3:
        raise ValueError(f"images must be (n, ny, nx), not {images.shape}")
    if valid is not None and np.shape(valid) != images.shape:
        raise ValueError(f"masks {np.shape(valid)} for images {images.shape}")
    detect = PEERS[name].detect
    return np.array(
        [
            detect(
                image, None if valid is None else valid[number], pixel_scale, width
            ).score
            for number, (image, width) in enumerate(
                zip(images, _widths(fwhm, len(images)), strict=True)
            )
        ],
        dtype=float,
    )


def _widths(fwhm, count):
    if np.ndim(fwhm) == 0:
        return [fwhm] * count
    if np.shape(fwhm) != (count,):
        raise ValueError(f"fwhm must be one, or one an image, not {np.shape(fwhm)}")
    return list(fwhm)
