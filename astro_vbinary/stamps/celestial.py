"""The celestial WCS of an image, and the part of the image around a position."""

import re
import warnings

import astropy.units as u
import numpy as np
from astropy.coordinates import angular_separation
from astropy.utils.exceptions import AstropyUserWarning, AstropyWarning
from astropy.wcs import WCS, NoConvergence, Sip
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel

from astro_vbinary.exceptions import (
    NoCelestialWCSError,
    NoImageError,
    TargetOutsideError,
)
from astro_vbinary.stamps.directions import offset_vectors, to_angles

__all__ = ["ImagePlane", "is_icrs", "shift_wcs", "target_window"]

#: Fewest pixels on a side of an image.
SMALLEST_SIDE = 3

#: Largest separation between a position and what its pixel stands for. Far outside
#: an image the polynomials of a distortion can lead back into it.
ROUND_TRIP = 1 * u.arcsec

_WCSLIB_PLACE = re.compile(r"ERROR \d+ in \w+\(\) at line \d+ of file \S+:")


class ImagePlane:
    """Which axes of an HDU are the sky's, and their WCS.

    Parameters
    ----------
    shape : tuple of int
        Shape of the HDU's data, as numpy orders it.
    header : `~astropy.io.fits.Header`
        Its header.
    hdulist : `~astropy.io.fits.HDUList`
        The file, for distortions in lookup tables.
    where : str
        The file and HDU, for messages.

    Attributes
    ----------
    wcs : `~astropy.wcs.WCS`
        Two-dimensional, longitude first.
    shape : tuple of int
        (ny, nx).

    Raises
    ------
    NoCelestialWCSError
        If the header has no celestial WCS.
    NoImageError
        If more than the two celestial axes are longer than one pixel, or these are
        shorter than three.
    """

    def __init__(self, shape, header, hdulist, *, where):
        with warnings.catch_warnings():
            # What astropy mends or does not understand in a header is legion; the
            # result is checked instead.
            warnings.simplefilter("ignore", AstropyWarning)
            wcs = _read_wcs(header, hdulist, where)
            longitude, latitude = wcs.wcs.lng, wcs.wcs.lat
            if (wcs.naxis, longitude, latitude) != (2, 0, 1):
                try:
                    wcs = wcs.sub([longitude + 1, latitude + 1])
                except Exception as error:
                    raise NoCelestialWCSError(
                        f"{where}: the celestial axes of the WCS cannot be told "
                        f"from the others: {error}"
                    ) from error
        ndim = len(shape)
        self.axes = (ndim - 1 - latitude, ndim - 1 - longitude)
        sides = tuple(shape[axis] if axis >= 0 else 1 for axis in self.axes)
        others = [n for axis, n in enumerate(shape) if axis not in self.axes]
        if any(n > 1 for n in others) or min(sides) < SMALLEST_SIDE:
            raise NoImageError(
                f"{where}: data of shape {tuple(shape)} are no image of at least "
                f"{SMALLEST_SIDE} x {SMALLEST_SIDE} px"
            )
        self.shape = sides
        self.wcs = wcs
        self.ndim = ndim

    def index(self, window):
        """Slices of the HDU's data that are a window of the image.

        Parameters
        ----------
        window : tuple of slice
            (y, x) slices.

        Returns
        -------
        tuple of slice
            One an axis of the data.
        """
        index = [slice(0, 1)] * self.ndim
        for axis, part in zip(self.axes, window, strict=True):
            index[axis] = part
        return tuple(index)

    def flatten(self, values):
        """The image in data read with `index`.

        Parameters
        ----------
        values : `~numpy.ndarray`
            Data with all their axes.

        Returns
        -------
        `~numpy.ndarray`
            Shape (ny, nx).
        """
        others = [axis for axis in range(self.ndim) if axis not in self.axes]
        plane = values.transpose(*self.axes, *others)
        return plane.reshape(plane.shape[:2])


def is_icrs(wcs):
    """Whether the axes of an image are right ascension and declination in ICRS.

    For these, positions need no objects of `astropy.coordinates`, which take longer
    than the numbers do.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        A celestial WCS.

    Returns
    -------
    bool
        Only of two axes in this order, in degrees.
    """
    own = wcs.wcs
    return (
        (wcs.naxis, own.lng, own.lat) == (2, 0, 1)
        and (own.lngtyp.strip(), own.radesys) == ("RA", "ICRS")
        and all(unit == "deg" for unit in own.cunit)
    )


def _read_wcs(header, hdulist, where):
    reasons = []
    # Distortions are defined in two dimensions: astropy wants to be told so.
    for naxis in (None, 2):
        try:
            wcs = WCS(header, fobj=hdulist, naxis=naxis)
            if not wcs.has_celestial:
                reasons.append("no celestial axes")
                break
            flat = wcs.naxis == 2 and wcs.wcs.lng == 0
            scales = (wcs if flat else wcs.celestial).pixel_scale_matrix
            if not np.all(np.isfinite(scales)) or np.linalg.det(scales) == 0:
                reasons.append("pixels of no or infinite size")
                break
            if np.array_equal(np.abs(scales), np.eye(2)):
                # astropy's default of one degree, where a header gives no scale.
                reasons.append("no pixel scale")
                break
            return wcs
        except Exception as error:  # a malformed header fails in many ways
            message = " ".join(_WCSLIB_PLACE.sub("", str(error)).split())
            reasons.append(message or type(error).__name__)
    raise NoCelestialWCSError(f"{where} has no celestial WCS: {reasons[0]}")


def target_window(plane, around, size, *, where):
    """The part of an image that holds a square around a position.

    Parameters
    ----------
    plane : ImagePlane
        The image.
    around : `~astropy.coordinates.SkyCoord` or None
        The position in ICRS; None for the centre of the image.
    size : `~astropy.units.Quantity` or None
        Side of the square, north up; None for all of the image.
    where : str
        The file and HDU, for messages.

    Returns
    -------
    tuple of slice
        (y, x) slices.

    Raises
    ------
    TargetOutsideError
        If the position is not on the image.
    NoCelestialWCSError
        If the WCS gives no position there.
    """
    ny, nx = plane.shape
    x, y = (nx - 1) / 2, (ny - 1) / 2
    if around is not None:
        x, y = _pixel_of(around, plane.wcs)
        if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
            raise TargetOutsideError(
                f"{where}: the target {around.to_string()} is not on the image of "
                f"{ny} x {nx} px"
            )
    half_x, half_y = _half_sides(plane.wcs, x, y, size)
    return _span(y, half_y, ny), _span(x, half_x, nx)


def _half_sides(wcs, x, y, size):
    """Half the sides, in pixels, of what holds the square; all where size is None."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        plain = is_icrs(wcs)
        try:
            if plain:
                lon, lat = (float(value) for value in wcs.all_pix2world(x, y, 0))
            else:
                center = pixel_to_skycoord(x, y, wcs)
                lon = center.spherical.lon.value
        except Exception as error:
            raise NoCelestialWCSError(f"the WCS cannot be used: {error}") from error
        if not np.isfinite(lon):
            raise NoCelestialWCSError(
                f"the WCS gives no position at pixel ({x:.1f}, {y:.1f})"
            )
        if size is None:
            return np.inf, np.inf
        half = (size / 2).to_value(u.rad)
        angles = np.arange(8) * np.pi / 4
        reach = np.where(np.arange(8) % 2, np.sqrt(2), 1) * half
        try:
            if plain:
                edge = to_angles(offset_vectors((lon, lat), angles, reach))
                edge_x, edge_y = wcs.all_world2pix(*edge.T, 0)
            else:
                edge = center.directional_offset_by(angles * u.rad, reach * u.rad)
                edge_x, edge_y = skycoord_to_pixel(edge, wcs)
        except (NoConvergence, ValueError):
            return np.inf, np.inf
    half_x, half_y = np.max(np.abs(edge_x - x)), np.max(np.abs(edge_y - y))
    if not np.isfinite(half_x + half_y):
        return np.inf, np.inf
    return max(half_x, SMALLEST_SIDE), max(half_y, SMALLEST_SIDE)


def _span(center, half, length):
    """Pixels within a distance; symmetric about the centre of a pixel or of two."""
    if not np.isfinite(half):
        return slice(0, length)
    start, stop = np.floor(center - half), np.ceil(center + half) + 1
    return slice(max(int(start), 0), min(int(stop), length))


def _pixel_of(position, wcs):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyUserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN, far away
        try:
            if is_icrs(wcs):
                place = position.icrs
                lon, lat = place.ra.deg, place.dec.deg
                x, y = (float(value) for value in wcs.all_world2pix(lon, lat, 0))
                back = np.deg2rad(wcs.all_pix2world(x, y, 0))
                back = angular_separation(*np.deg2rad([lon, lat]), *back) * u.rad
            else:
                x, y = (float(value) for value in skycoord_to_pixel(position, wcs))
                back = pixel_to_skycoord(x, y, wcs).icrs.separation(position)
        except (NoConvergence, ValueError):  # as astropy fails far from an image
            return np.nan, np.nan
        except Exception as error:
            raise NoCelestialWCSError(f"the WCS cannot be used: {error}") from error
    return (x, y) if back < ROUND_TRIP else (np.nan, np.nan)


def shift_wcs(wcs, window):
    """The WCS of a part of an image.

    `~astropy.wcs.WCS.slice` leaves lookup tables where they were in the versions of
    astropy before 8.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the image, two-dimensional; it is not changed.
    window : tuple of slice
        (y, x) slices with a start and a stop.

    Returns
    -------
    `~astropy.wcs.WCS`
        The WCS of the part.
    """
    y, x = window
    shift = np.array([x.start, y.start], dtype=float)
    part = wcs.deepcopy()
    if shift.any():
        part.wcs.crpix = part.wcs.crpix - shift
        if part.sip is not None:
            sip = part.sip
            part.sip = Sip(sip.a, sip.b, sip.ap, sip.bp, sip.crpix - shift)
        for table in (part.cpdis1, part.cpdis2, part.det2im1, part.det2im2):
            if table is not None:
                table.crval = tuple(np.asarray(table.crval) - shift)
        part.wcs.set()
    part.array_shape = (y.stop - y.start, x.stop - x.start)
    return part
