"""Pixels that hold no measurement although nothing says so."""

import numpy as np
from scipy import ndimage

__all__ = ["LARGEST", "fill_nearest", "find_blank", "find_hot"]

#: Smallest connected patch of exact zeros that counts as blank. Three by three
#: pixels of a background-subtracted float image are never all exactly zero.
SMALLEST_PATCH = 9

#: No measurement is larger, in any unit: archives fill what they do not have with the
#: least number of single precision too (-3.4e38).
LARGEST = 1e30

#: A hot pixel stands this many times its noise above the background, and this
#: many times higher than any neighbour does. A star leaves a tenth of its peak in
#: the next pixel even where its FWHM is 0.85 px, and no survey samples it worse.
HOT_SIGNAL, HOT_RATIO = 50.0, 10.0

#: A value that several pixels share exactly, this many times higher than any other,
#: is a code of the archive's for a saturated core.
CODE_RATIO = 100.0


def find_hot(data):
    """Pixels too bright for their surroundings to have come through a telescope.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape (ny, nx); values that are not finite, or beyond any
        measurement, have no say.

    Returns
    -------
    `~numpy.ndarray` of bool
        True for a pixel at least 50 times the noise above the background and ten
        times higher above it than its highest neighbour, and for pixels that share
        one value a hundred times higher than any other.
    """
    data = np.asarray(data, dtype=float)
    good = np.abs(data) <= LARGEST
    if not good.any():
        return np.zeros(data.shape, dtype=bool)
    level = np.median(data[good])
    noise = 1.4826 * np.median(np.abs(data[good] - level))
    excess = np.where(good, data - level, 0.0)
    ring = np.ones((3, 3), dtype=bool)
    ring[1, 1] = False
    highest = ndimage.maximum_filter(excess, footprint=ring, mode="constant")
    # Of noiseless images nothing is known.
    if not noise > 0:
        return np.zeros(data.shape, dtype=bool)
    hot = excess > np.maximum(HOT_SIGNAL * noise, HOT_RATIO * highest)
    coded = good & (excess == excess.max())
    if coded.sum() > 1:
        others = max(excess[~coded].max(initial=0.0), noise)
        if excess.max() > CODE_RATIO * others:
            hot |= coded
    return hot


def find_blank(data):
    """Patches of exact zeros: detector edges, missing bands, zeroed cores.

    Archives fill what they do not have with zeros as often as with NaN, and some with
    the least number there is.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape (ny, nx).

    Returns
    -------
    `~numpy.ndarray` of bool
        True where a pixel is in a connected patch of at least nine exact zeros, or
        beyond 1e30 or -1e30. Images of integers, where zero is a count like any other,
        have no such patches unless over half of the image is zero.
    """
    data = np.asarray(data)
    zero, filled = data == 0, np.abs(data) > LARGEST
    count = int(zero.sum())
    if count < SMALLEST_PATCH:
        return filled
    if data.dtype.kind in "iu" and count < zero.size / 2:
        return filled
    labels, _ = ndimage.label(zero)
    large = np.bincount(labels.ravel()) >= SMALLEST_PATCH
    large[0] = False
    return large[labels] | filled


#: Patches up to which each is filled by itself, which is faster than all at once.
MOST_PATCHES = 40


def fill_nearest(images, bad):
    """Replace bad pixels by their nearest good neighbours.

    Parameters
    ----------
    images : sequence of `~numpy.ndarray`
        Planes of shape (ny, nx), filled in the same way.
    bad : `~numpy.ndarray` of bool
        Shape (ny, nx), not all True.

    Returns
    -------
    list of `~numpy.ndarray`
        Copies.
    """
    made = [image.copy() for image in images]
    labels, count = ndimage.label(bad, structure=np.ones((3, 3)))
    if count > MOST_PATCHES:
        patches = [(slice(None), slice(None))]
    else:
        # All around a patch the pixels are good, so that its surroundings suffice.
        patches = [
            tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in found)
            for found in ndimage.find_objects(labels)
        ]
    for patch in patches:
        nearest = ndimage.distance_transform_edt(
            bad[patch], return_distances=False, return_indices=True
        )
        for new, old in zip(made, images, strict=True):
            new[patch][bad[patch]] = old[patch][tuple(nearest)][bad[patch]]
    return made
