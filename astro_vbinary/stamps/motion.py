"""Where a source is when an image is taken."""

import warnings

from astropy.coordinates import SkyCoord, UnitSphericalRepresentation
from erfa import ErfaWarning

__all__ = ["moves", "position_at"]


def moves(target):
    """Whether a target is not always at the same place.

    Parameters
    ----------
    target : `~astropy.coordinates.SkyCoord`
        Position.

    Returns
    -------
    bool
        Only where it has both a proper motion and an ``obstime``.
    """
    return "s" in target.data.differentials and target.obstime is not None


def position_at(target, epoch):
    """Where a target is at an epoch.

    Parameters
    ----------
    target : `~astropy.coordinates.SkyCoord`
        Position; it moves only where it has both a proper motion and an
        ``obstime``.
    epoch : `~astropy.time.Time` or None
        When; None leaves the position as it is.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`
        The position in ICRS, without velocities.
    """
    if moves(target) and epoch is not None:
        with warnings.catch_warnings():
            # Without a distance erfa takes a very large one, and says so.
            warnings.simplefilter("ignore", ErfaWarning)
            target = target.apply_space_motion(new_obstime=epoch)
    icrs = target.icrs
    bare = isinstance(icrs.data, UnitSphericalRepresentation)
    if bare and not icrs.data.differentials:
        return icrs
    return SkyCoord(icrs.ra, icrs.dec, frame="icrs")
