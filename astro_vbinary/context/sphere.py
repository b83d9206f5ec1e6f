"""Positions on the sky as points that a tree can search."""

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["chord", "make_tree", "separation", "unit_vectors"]

ARCSEC = np.pi / 180 / 3600


def unit_vectors(ra, dec):
    """Points on the unit sphere.

    Parameters
    ----------
    ra, dec : array-like of float
        Shape (n,), in degrees.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, 3).
    """
    ra, dec = np.deg2rad(np.asarray(ra, float)), np.deg2rad(np.asarray(dec, float))
    return np.stack(
        [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1
    )


def chord(angle):
    """Straight distance of points an angle apart.

    Parameters
    ----------
    angle : array-like of float
        In arcsec.

    Returns
    -------
    `~numpy.ndarray`
        On the unit sphere.
    """
    return 2 * np.sin(np.asarray(angle) * ARCSEC / 2)


def separation(one, other):
    """Angle between points.

    Parameters
    ----------
    one, other : `~numpy.ndarray`
        Shape (..., 3).

    Returns
    -------
    `~numpy.ndarray`
        In arcsec.
    """
    straight = np.linalg.norm(one - other, axis=-1)
    return 2 * np.arcsin(np.clip(straight / 2, 0, 1)) / ARCSEC


def make_tree(ra, dec):
    """A tree of positions.

    Parameters
    ----------
    ra, dec : array-like of float
        Shape (n,), in degrees, all finite.

    Returns
    -------
    `scipy.spatial.cKDTree`
        Of unit vectors.
    """
    return cKDTree(unit_vectors(ra, dec))
