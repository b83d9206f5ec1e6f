"""The common grid that the bands of a stack are brought to."""

import warnings
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area

from astro_vbinary.stamps.celestial import is_icrs

__all__ = ["GROUP_GRIDS", "SkyGrid", "is_mirrored", "pixel_area", "sky_to_pixel"]

#: Pixel scale (arcsec) and side (pixels) of each resolution group's grid. Every
#: grid is wider than the 5-arcsec circle of a visual binary, so that neighbours
#: just outside it are seen as such, in pixels about as fine as its sharpest images'.
GROUP_GRIDS = {1: (0.5, 32), 2: (0.2, 48), 3: (0.055, 104), 4: (0.046, 120)}


@dataclass(frozen=True)
class SkyGrid:
    """A small tangent-plane image grid: north up, east left, target at the centre.

    Parameters
    ----------
    center : `~astropy.coordinates.SkyCoord`
        Position of the grid's centre, scalar, in any frame.
    pixel_scale : `~astropy.units.Quantity`
        Side of a pixel, an angle.
    shape : tuple of int
        (ny, nx) in pixels.

    Raises
    ------
    ValueError
        If the centre is not scalar, the scale not positive or the shape not
        two positive integers.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astropy.coordinates import SkyCoord
    >>> from astro_vbinary import SkyGrid
    >>> grid = SkyGrid.for_group(3, SkyCoord(83.8, -5.4, unit="deg"))
    >>> grid.shape, grid.pixel_scale
    ((104, 104), <Quantity 0.055 arcsec>)
    """

    center: SkyCoord
    pixel_scale: u.Quantity
    shape: tuple[int, int]

    def __post_init__(self):
        if not isinstance(self.center, SkyCoord) or not self.center.isscalar:
            raise ValueError(f"center must be one SkyCoord, not {self.center!r}")
        scale = u.Quantity(self.pixel_scale).to(u.arcsec)
        if not (scale.isscalar and np.isfinite(scale.value) and scale.value > 0):
            raise ValueError(f"pixel_scale must be a positive angle, not {scale}")
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 2 or min(shape) < 1:
            raise ValueError(f"shape must be two positive integers, not {self.shape}")
        object.__setattr__(self, "pixel_scale", scale)
        object.__setattr__(self, "shape", shape)

    @classmethod
    def for_group(cls, group, center):
        """The grid that stacks of a resolution group are classified on.

        Parameters
        ----------
        group : int
            Number of the resolution group, 1 to 4.
        center : `~astropy.coordinates.SkyCoord`
            Position of the target.

        Returns
        -------
        SkyGrid
            A square grid.

        Raises
        ------
        ValueError
            If there is no such group.
        """
        if group not in GROUP_GRIDS:
            raise ValueError(f"no group {group!r}; known: {sorted(GROUP_GRIDS)}")
        scale, side = GROUP_GRIDS[group]
        return cls(center, scale * u.arcsec, (side, side))

    def at(self, center):
        """The same grid around another position.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`
            The new centre.

        Returns
        -------
        SkyGrid
            A grid of the same scale and shape.
        """
        return SkyGrid(center, self.pixel_scale, self.shape)

    @property
    def wcs(self):
        """The grid's `~astropy.wcs.WCS`: ICRS, TAN projection."""
        icrs = self.center.icrs
        ny, nx = self.shape
        step = self.pixel_scale.to_value(u.deg)
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.crval = [icrs.ra.deg, icrs.dec.deg]
        wcs.wcs.crpix = [(nx + 1) / 2, (ny + 1) / 2]
        wcs.wcs.cdelt = [-step, step]
        # By default a grid on the very pole is turned by half a circle.
        wcs.wcs.lonpole = 180
        wcs.wcs.radesys = "ICRS"
        wcs.pixel_shape = (nx, ny)
        wcs.wcs.set()
        return wcs

    @property
    def pixel_area(self):
        """Solid angle of a pixel at the centre, a `~astropy.units.Quantity`."""
        return self.pixel_scale**2

    def radius(self):
        """Distance of every pixel's centre from the grid's centre.

        Returns
        -------
        `~numpy.ndarray`
            Shape (ny, nx), float64, in arcsec.
        """
        ny, nx = self.shape
        y, x = np.mgrid[:ny, :nx]
        scale = self.pixel_scale.to_value(u.arcsec)
        return scale * np.hypot(x - (nx - 1) / 2, y - (ny - 1) / 2)

    def __repr__(self):
        ny, nx = self.shape
        return (
            f"<SkyGrid {ny} x {nx} px of {self.pixel_scale:.4g} at "
            f"{self.center.icrs.to_string(precision=6)}>"
        )


def pixel_area(wcs, position):
    """Solid angle of an image's pixel at a position on the sky.

    The local derivative of the full transformation is taken, distortions
    included, and not the linear part of the WCS alone.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS of two dimensions.
    position : `~astropy.coordinates.SkyCoord`
        Where to measure, scalar.

    Returns
    -------
    `~astropy.units.Quantity`
        In square arcsec.
    """
    sides = _pixel_sides(wcs, position)
    area = 0 if sides is None else np.linalg.norm(np.cross(*sides[:2]))
    # Far outside an image a distortion has no meaning: neither has its area.
    if not area > 0:
        return (proj_plane_pixel_area(wcs.celestial) * u.deg**2).to(u.arcsec**2)
    return (area * u.rad**2).to(u.arcsec**2)


def is_mirrored(wcs, position):
    """Whether an image shows the sky mirrored: east is right where north is up.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS of two dimensions.
    position : `~astropy.coordinates.SkyCoord`
        Where to look, scalar.

    Returns
    -------
    bool
        False where the WCS says nothing at the position.
    """
    sides = _pixel_sides(wcs, position)
    return sides is not None and bool(np.linalg.det(sides) > 0)


def sky_to_pixel(wcs, position):
    """Pixels of positions that may be far outside an image.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS of two dimensions.
    position : `~astropy.coordinates.SkyCoord`
        One or several positions.

    Returns
    -------
    x, y : float or `~numpy.ndarray`
        Zero at the centre of the first pixel; NaN where there is no pixel. Where
        the inverse of a distortion does not converge, as it does on the image
        and near it, the last iteration is returned.
    """
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        if is_icrs(wcs):
            place = position.icrs
            x, y = wcs.world_to_pixel_values(place.ra.deg, place.dec.deg)
        else:
            x, y = wcs.world_to_pixel(position)
    return (float(x), float(y)) if np.ndim(x) == 0 else (x, y)


def _pixel_sides(wcs, position):
    """A pixel's side along x, along y, and its place, as vectors; None if nowhere."""
    x, y = sky_to_pixel(wcs, position)
    if not (np.isfinite(x) and np.isfinite(y)):
        return None
    world = wcs.all_pix2world([x - 0.5, x + 0.5, x, x], [y, y, y - 0.5, y + 0.5], 0)
    lon, lat = np.deg2rad(world[wcs.wcs.lng]), np.deg2rad(world[wcs.wcs.lat])
    # Unit vectors have no seam and no poles.
    unit = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return unit[:, 1] - unit[:, 0], unit[:, 3] - unit[:, 2], unit.mean(axis=1)
