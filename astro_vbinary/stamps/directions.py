"""Positions and places around them as vectors: numbers alone, for many at a time."""

import numpy as np

__all__ = ["frames", "offset_vectors", "tangent_vectors", "to_angles", "to_vectors"]


def tangent_vectors(centers, offsets):
    """Directions on the sky by their places on tangent planes.

    Parameters
    ----------
    centers : `~numpy.ndarray`
        Shape (m, 2): longitude and latitude in deg of the points of contact.
    offsets : `~numpy.ndarray`
        Shape (n, 2): to the (east, north), in rad.

    Returns
    -------
    `~numpy.ndarray`
        Shape (m, n, 3), of any length.
    """
    radial, east, north = frames(centers)
    frame = np.stack([east, north], axis=1)
    return radial[:, None] + offsets @ frame


def offset_vectors(center, angles, distances):
    """Directions on the sky some way from a position.

    Parameters
    ----------
    center : tuple of float
        Longitude and latitude in deg.
    angles, distances : `~numpy.ndarray`
        Shape (n,): from north to east, and along great circles; in rad.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, 3), unit vectors.
    """
    radial, east, north = frames(np.array([center], dtype=float))
    way = np.sin(angles)[:, None] * east + np.cos(angles)[:, None] * north
    return np.cos(distances)[:, None] * radial + np.sin(distances)[:, None] * way


def frames(centers):
    """Unit vectors to positions and to the east and north of them.

    Parameters
    ----------
    centers : `~numpy.ndarray`
        Shape (m, 2): longitude and latitude in deg.

    Returns
    -------
    radial, east, north : `~numpy.ndarray`
        Shape (m, 3) each.
    """
    lon, lat = np.deg2rad(centers).T
    cos, sin, flat, high = np.cos(lon), np.sin(lon), np.cos(lat), np.sin(lat)
    radial = np.stack([flat * cos, flat * sin, high], axis=-1)
    east = np.stack([-sin, cos, np.zeros(len(lon))], axis=-1)
    north = np.stack([-high * cos, -high * sin, flat], axis=-1)
    return radial, east, north


def to_vectors(world):
    """Unit vectors of positions.

    Parameters
    ----------
    world : `~numpy.ndarray`
        Shape (m, 2): longitude and latitude in deg.

    Returns
    -------
    `~numpy.ndarray`
        Shape (m, 3).
    """
    return frames(world)[0]


def to_angles(vectors):
    """Positions of vectors of any length.

    Parameters
    ----------
    vectors : `~numpy.ndarray`
        Shape (..., 3).

    Returns
    -------
    `~numpy.ndarray`
        Shape (..., 2): longitude from 0 to 360 and latitude, in deg.
    """
    x, y, z = np.moveaxis(vectors, -1, 0)
    lon = np.rad2deg(np.arctan2(y, x)) % 360
    return np.stack([lon, np.rad2deg(np.arctan2(z, np.hypot(x, y)))], axis=-1)
