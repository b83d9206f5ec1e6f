r"""Neighbours by chance: how many are expected, and controls of that.

A neighbour within s of a source and no fainter than its companion is expected
:math:`\pi s^2 n(\le m)` times, n being the local density of such stars. There is at
least one with the probability :math:`1 - e^{-\pi s^2 n}`.
"""

import numpy as np
from astropy.table import QTable

__all__ = ["chance_controls", "chance_neighbours"]

#: Distances in arcsec, and angles, by which sources are shifted for controls.
SHIFTS, ANGLES = (20.0, 30.0, 40.0), 8


def chance_neighbours(counts, ra, dec, separation, magnitude_difference=None):
    """Expected number of chance neighbours as near and as bright as companions.

    Parameters
    ----------
    counts : NeighbourCounts
        Of a catalogue, deep enough to show the companions; if it is not, the result is
        a lower limit.
    ra, dec : array-like of float
        Shape (m,): the sources, in degrees.
    separation : array-like of float
        Shape (m,), in arcsec.
    magnitude_difference : array-like of float, optional
        Shape (m,): of the companions. Added to the magnitude of the source in the
        catalogue; where either is not known, stars of all magnitudes count.

    Returns
    -------
    `~numpy.ndarray`
        Shape (m,), float64.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.context import NeighbourCounts, chance_neighbours
    >>> rng = np.random.default_rng(0)
    >>> ra, dec = rng.uniform(80, 80.5, 3000), rng.uniform(-0.25, 0.25, 3000)
    >>> counts = NeighbourCounts(ra, dec)
    >>> near, far = chance_neighbours(counts, [80.2, 80.2], [0, 0], [0.5, 1.0])
    >>> print(f"{far / near:.1f}")
    4.0
    """
    limit = _limits(counts, ra, dec, magnitude_difference)
    return counts.expected(ra, dec, separation, limit)


def chance_controls(
    counts, ra, dec, separation, magnitude_difference=None, *, shifts=SHIFTS
):
    """Compare the expected numbers with counts at places beside the sources.

    Each source is shifted by each of some distances, in eight directions, and what is
    there in the catalogue is counted: stars as near and as bright as its companion.

    Parameters
    ----------
    counts, ra, dec, separation, magnitude_difference : object
        As for `chance_neighbours`.
    shifts : sequence of float, optional
        In arcsec.

    Returns
    -------
    `~astropy.table.QTable`
        One row a distance: ``shift``, ``places``, ``expected`` and ``counted``
        neighbours at all of them, and ``error``, the root of what is expected, for the
        places do not overlap.
    """
    ra, dec = np.asarray(ra, float), np.asarray(dec, float)
    separation = np.asarray(separation, float)
    limit = _limits(counts, ra, dec, magnitude_difference)
    limit = np.full(len(ra), np.nan) if limit is None else limit
    rows = []
    for shift in shifts:
        expected = counted = places = 0
        for turn in range(ANGLES):
            angle = 2 * np.pi * turn / ANGLES
            y = dec + shift / 3600 * np.cos(angle)
            x = ra + shift / 3600 * np.sin(angle) / np.cos(np.deg2rad(y))
            near = counts.expected(x, y, separation, limit)
            good = np.isfinite(near)
            expected += near[good].sum()
            counted += counts.count(
                x[good], y[good], separation[good], limit[good]
            ).sum()
            places += int(good.sum())
        rows.append((shift, places, float(expected), int(counted)))
    shift, places, expected, counted = map(np.array, zip(*rows, strict=True))
    return QTable(
        {
            "shift": shift,
            "places": places,
            "expected": expected,
            "counted": counted,
            "error": np.sqrt(expected),
        }
    )


def _limits(counts, ra, dec, magnitude_difference):
    if magnitude_difference is None:
        return None
    return counts.magnitude_at(ra, dec) + np.asarray(magnitude_difference, float)
