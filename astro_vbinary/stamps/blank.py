"""Pixels that hold no measurement although nothing says so."""

import numpy as np
from scipy import ndimage

__all__ = ["find_blank"]

#: Smallest connected patch of exact zeros that counts as blank. Three by three
#: pixels of a background-subtracted float image are never all exactly zero.
SMALLEST_PATCH = 9


def find_blank(data):
    """Patches of exact zeros: detector edges, missing bands, zeroed cores.

    Archives fill what they do not have with zeros as often as with NaN.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape (ny, nx).

    Returns
    -------
    `~numpy.ndarray` of bool
        True where a pixel is in a connected patch of at least nine exact zeros.
        Images of integers, where zero is a count like any other, have none
        unless over half of the image is zero.
    """
    zero = np.asarray(data) == 0
    count = int(zero.sum())
    if count < SMALLEST_PATCH:
        return np.zeros(zero.shape, dtype=bool)
    if np.asarray(data).dtype.kind in "iu" and count < zero.size / 2:
        return np.zeros(zero.shape, dtype=bool)
    labels, _ = ndimage.label(zero)
    large = np.bincount(labels.ravel()) >= SMALLEST_PATCH
    large[0] = False
    return large[labels]
