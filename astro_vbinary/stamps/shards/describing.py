"""What the index of a shard says about one FITS file."""

import hashlib
import io
import os
import warnings
from dataclasses import dataclass

import numpy as np
from astropy.wcs.utils import wcs_to_celestial_frame
from erfa import ErfaWarning

from astro_vbinary.exceptions import NoCelestialWCSError, StampError
from astro_vbinary.stamps.celestial import ImagePlane
from astro_vbinary.stamps.container import (
    astropy_reads,
    image_extent,
    image_shape,
    open_fits,
)
from astro_vbinary.stamps.headers import epoch_from_header, zero_point_from_header
from astro_vbinary.stamps.reading import find_images
from astro_vbinary.stamps.shards.format import PIXEL_TYPES

__all__ = ["describe_file"]

#: Numbers by which the pole of a gnomonic projection is where it is by default: the
#: native longitude of the celestial pole (Calabretta & Greisen 2002, section 2.4).
DEFAULT_LONPOLE = 180.0

#: Largest distance (arcsec) between positions that are the same.
SAME_PLACE = 1e-6


@dataclass(frozen=True)
class _Content:
    """The bytes of a file as something that `open_fits` takes."""

    content: bytes
    label: str

    def open(self, mode="rb"):
        return io.BytesIO(self.content)

    def __str__(self):
        return self.label


def describe_file(content, path, *, hdu=None, target=None):
    """Columns of a shard that follow from the content of a file.

    Nothing is too odd to be described: what cannot be told is left at its default.

    Parameters
    ----------
    content : bytes
        The file.
    path : str or `~pathlib.Path`
        Its name, for messages.
    hdu : int, str or None, optional
        The HDU with the image; None to find it.
    target : `~astropy.coordinates.SkyCoord`, optional
        Position of the source.

    Returns
    -------
    dict
        Values by name of the column, without those at their defaults; the lengths of
        the parts are always there.
    """
    row = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    file = _Content(content, os.fspath(path))
    start, stop = _extent(file)
    row |= {"header_size": start, "image_size": stop - start}
    row |= {"tail_size": len(content) - stop}
    if target is not None:
        position = target.icrs
        row |= {"ra": float(position.ra.deg), "dec": float(position.dec.deg)}
        row["target_given"] = True
    try:
        with open_fits(file) as (hdulist, hdus), astropy_reads(path):
            if row["image_size"]:
                row |= _pixels(hdus[0].header, row["image_size"])
            number, plane = _find_plane(file, hdulist, hdus, hdu)
            header = hdus[number].header
            row |= _photometry(header, hdus[0].header)
            row |= _celestial(plane, given=target is not None)
    except StampError:
        pass  # its status and reason come from reading it, whenever that is
    return row


def _extent(file):
    """Where the pixels begin and end; none at the start where it is not plain."""
    try:
        with astropy_reads(file):
            return image_extent(file.open(), file) or (0, 0)
    except StampError:
        return 0, 0


def _find_plane(file, hdulist, hdus, hdu):
    """The HDU that is read, and which axes of it are the sky's."""
    failure = None
    for number in find_images(hdus, hdu, file):
        item = hdus[number]
        try:
            plane = ImagePlane(
                image_shape(item), item.header, hdulist, where=f"HDU {number}"
            )
            return number, plane
        except NoCelestialWCSError as error:
            failure = failure or error
    raise failure


def _pixels(header, size):
    row = {name: int(header[name.upper()]) for name in ("bitpix", "naxis1", "naxis2")}
    if row["bitpix"] not in PIXEL_TYPES:
        return {}
    if row["naxis1"] * row["naxis2"] * abs(row["bitpix"]) != 8 * size:
        return {}
    row["plain"] = True
    for name in ("bscale", "bzero"):
        if name.upper() in header:
            row[name] = float(header[name.upper()])
    # BLANK means nothing for floats (FITS standard 4.0, section 4.4.2.4).
    if row["bitpix"] > 0 and isinstance(header.get("BLANK"), int):
        row["blank"] = float(header["BLANK"])
    return row


def _photometry(header, primary):
    row = {}
    unit = header.get("BUNIT")
    if isinstance(unit, str):
        row["unit"] = unit.strip()
    epoch = epoch_from_header(header)
    epoch = epoch_from_header(primary) if epoch is None else epoch
    if epoch is not None:
        with warnings.catch_warnings():
            # Years before 1960 are dubious in UTC.
            warnings.simplefilter("ignore", ErfaWarning)
            row["mjd"] = float(epoch.utc.mjd)
    zero_point = zero_point_from_header(header)
    zero_point = zero_point_from_header(primary) if zero_point is None else zero_point
    if zero_point is not None:
        row["zero_point"] = zero_point
    return row


def _celestial(plane, *, given):
    wcs = plane.wcs
    cd = wcs.pixel_scale_matrix
    frame = wcs_to_celestial_frame(wcs)
    equinox = getattr(frame, "equinox", None)
    row = {
        "image_scale": float(np.sqrt(np.abs(np.linalg.det(cd))) * 3600),
        "ctype1": str(wcs.wcs.ctype[0]),
        "ctype2": str(wcs.wcs.ctype[1]),
        "radesys": frame.name.upper(),
        "wcs_plain": _is_whole(plane, frame),
    }
    for axis in (0, 1):
        row[f"crpix{axis + 1}"] = float(wcs.wcs.crpix[axis])
        row[f"crval{axis + 1}"] = float(wcs.wcs.crval[axis])
        for other in (0, 1):
            row[f"cd{axis + 1}_{other + 1}"] = float(cd[axis, other])
    if equinox is not None:
        row["equinox"] = float(equinox.jyear)
    if not given:
        ra, dec = _center(wcs, frame, plane.shape)
        if np.isfinite(ra) and np.isfinite(dec):
            row |= {"ra": ra, "dec": dec}
    return row


def _center(wcs, frame, shape):
    """ICRS position of the middle of an image in deg."""
    ny, nx = shape
    x, y = (nx - 1) / 2, (ny - 1) / 2
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        if frame.name == "icrs":  # a SkyCoord takes as long as all the rest
            ra, dec = wcs.all_pix2world(x, y, 0)
            return float(ra), float(dec)
        center = wcs.pixel_to_world(x, y).icrs
        return float(center.ra.deg), float(center.dec.deg)


def _is_whole(plane, frame):
    """Whether reference pixel and value, matrix and frame are the whole WCS."""
    wcs = plane.wcs
    tables = (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)
    known_frame = frame.name == "icrs" or (
        frame.name == "fk5" and frame.equinox.jyear == 2000.0
    )
    return bool(
        plane.axes == (0, 1)
        and plane.ndim == 2
        and list(wcs.wcs.ctype) == ["RA---TAN", "DEC--TAN"]
        and wcs.sip is None
        and all(table is None for table in tables)
        and not wcs.wcs.get_pv()
        and not wcs.wcs.get_ps()
        and wcs.wcs.lonpole == DEFAULT_LONPOLE
        and known_frame
        and _is_gnomonic(wcs, plane.shape)
    )


def _is_gnomonic(wcs, shape):
    """Whether positions are those of a gnomonic projection and a matrix alone.

    wcslib hides the polynomials of some headers (TPV and other distortions of its
    own) behind the axes of a projection without any, so the positions are compared.
    """
    ny, nx = shape
    y, x = np.meshgrid(np.linspace(0, ny - 1, 5), np.linspace(0, nx - 1, 5))
    pixel = np.stack([x.ravel(), y.ravel()]) + 1 - wcs.wcs.crpix[:, None]
    xi, eta = np.radians(wcs.pixel_scale_matrix @ pixel)
    ra0, dec0 = np.radians(wcs.wcs.crval)
    # Calabretta & Greisen 2002, section 5.1.3, with the pole at the reference.
    depth = np.cos(dec0) - eta * np.sin(dec0)
    ra = ra0 + np.arctan2(xi, depth)
    dec = np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, depth))
    true_ra, true_dec = np.radians(wcs.all_pix2world(x.ravel(), y.ravel(), 0))
    apart = np.hypot(np.sin((ra - true_ra) / 2) * np.cos(dec), (dec - true_dec) / 2)
    return bool(np.all(np.degrees(2 * apart) * 3600 < SAME_PLACE))
