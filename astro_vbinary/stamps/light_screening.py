"""Which pixels of light stamps are none, at little cost where all are good."""

import numpy as np

from astro_vbinary.stamps.blank import LARGEST, find_blank, find_hot
from astro_vbinary.stamps.light import UNKNOWN

__all__ = ["find_bad"]

#: One pixel in so many tells level and noise of an image well enough.
SAMPLE = 4

#: Images that are looked at together: they stay in the processor's cache.
TOGETHER = 32


def find_bad(stamps):
    """Fill in the pixels without a measurement, and the level where there are none.

    Parameters
    ----------
    stamps : sequence of LightStamp
        The images.
    """
    groups = {}
    for stamp in stamps:
        if stamp.bad is UNKNOWN:
            groups.setdefault((stamp.data.shape, stamp.data.dtype), []).append(stamp)
    for same in groups.values():
        for start in range(0, len(same), TOGETHER):
            part = same[start : start + TOGETHER]
            level, doubtful = _look_over(np.array([stamp.data for stamp in part]))
            for stamp, value, doubt in zip(part, level, doubtful, strict=True):
                stamp.bad, stamp.level = None, float(value)
                if doubt:
                    data = stamp.data
                    bad = ~np.isfinite(data) | find_blank(data) | find_hot(data)
                    if bad.any():
                        stamp.bad, stamp.level = bad, None


def _medians(rows):
    """Of each row, the upper one of two; without any care for what is no number."""
    middle = rows.shape[1] // 2
    return np.partition(rows, middle, axis=1)[:, middle]


def _look_over(images):
    """Levels, and whether any pixel could be bad; False only where certainly none is.

    Level and noise of a sample of the pixels stand for the image's, with a wide margin.
    """
    n, ny, nx = images.shape
    flat = images.reshape(n, -1)
    sample = flat[:, ::SAMPLE]
    level = _medians(sample)
    with np.errstate(invalid="ignore", over="ignore"):
        noise = 1.4826 * _medians(np.abs(sample - level[:, None]))
        peak = flat.max(axis=1)
        # NaN is not below either.
        doubtful = ~(noise > 0) | ~(flat.min(axis=1) >= -LARGEST) | ~(peak <= LARGEST)
        doubtful |= ~np.isfinite(level) | ~flat.all(axis=1)
        image, place = np.nonzero(flat > (level + 15 * noise)[:, None])
        y, x = np.divmod(place, nx)
        inner = (y > 0) & (y < ny - 1) & (x > 0) & (x < nx - 1)
        doubtful[image[~inner]] = True
        value = flat[image, place]
        doubtful |= np.bincount(image[value == peak[image]], minlength=n) > 1
        steps = np.array([-nx - 1, -nx, -nx + 1, -1, 1, nx - 1, nx, nx + 1])
        around = np.clip(place[:, None] + steps, 0, nx * ny - 1)
        highest = flat[image[:, None], around].max(axis=1) - level[image]
        hot = value - level[image] > 4 * highest - noise[image]
    doubtful[image[hot]] = True
    return level, doubtful
