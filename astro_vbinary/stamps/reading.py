"""Read one image from a FITS file, whatever its layout."""

from dataclasses import dataclass, field

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from astro_vbinary.exceptions import (
    NoCelestialWCSError,
    NoDataError,
    NoImageError,
    TargetOutsideError,
)
from astro_vbinary.stamps.celestial import (
    SMALLEST_SIDE,
    ImagePlane,
    shift_wcs,
    target_window,
)
from astro_vbinary.stamps.container import (
    as_location,
    astropy_reads,
    image_shape,
    open_fits,
)
from astro_vbinary.stamps.headers import epoch_from_header, unit_from_header
from astro_vbinary.stamps.motion import position_at
from astro_vbinary.stamps.quality import (
    extension_kind,
    find_companions,
    to_mask,
    to_sigma,
)

__all__ = ["RawImage", "find_images", "read_image"]

#: Cards that describe numbers in the file and no longer those in memory.
SCALING_KEYWORDS = ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM")


@dataclass(frozen=True, eq=False)
class RawImage:
    """An image as a FITS file holds it, on its own pixels.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), float32 or float64 in native byte order; NaN where the file
        has no finite number.
    wcs : `~astropy.wcs.WCS`
        Celestial WCS of the data, two-dimensional.
    mask : `~numpy.ndarray` of bool or None
        Shape (ny, nx), True where a pixel is bad; None where none is.
    uncertainty : `~numpy.ndarray` or None
        Shape (ny, nx), one standard deviation in the data's unit; NaN where it is not
        known, None where the file states none.
    unit : `~astropy.units.UnitBase` or None
        Unit of the data.
    epoch : `~astropy.time.Time` or None
        When the image was taken.
    header : `~astropy.io.fits.Header`
        The image's header, and after it what only the file's first header has. Its
        WCS is that of the file: use ``wcs``.
    """

    data: np.ndarray
    wcs: WCS
    mask: np.ndarray | None = None
    uncertainty: np.ndarray | None = None
    unit: u.UnitBase | None = None
    epoch: Time | None = None
    header: fits.Header = field(default_factory=fits.Header)

    def __repr__(self):
        ny, nx = self.data.shape
        return f"<RawImage {ny} x {nx} px>"


def read_image(path, *, hdu=None, around=None, size=None):
    """Read an image and what belongs to it from a FITS file.

    Any pixel type, BSCALE, BZERO and BLANK are understood, as are files compressed as
    a whole (gzip, bzip2) or image by image (``.fz``), and any celestial WCS that
    astropy reads. Axes of one pixel are dropped. Extensions with uncertainties
    (``ERR``, ``VARIANCE``, ``INVVAR``...) and flags (``DQ``, ``MASK``...) are used
    where they have the image's shape; which flags are bad is told in
    ``astro_vbinary.stamps.quality``. A file is never executed, unpickled or expanded.

    Parameters
    ----------
    path : str, `~pathlib.Path` or `~astro_vbinary.stamps.PackedStamp`
        A local FITS file, or one in a shard.
    hdu : int or str, optional
        Number or ``EXTNAME`` of the HDU. By default the first with a two-dimensional
        image that is not, by its name, a companion of another one; one named ``SCI``
        or ``IMAGE`` goes before others, one with a celestial WCS before one without,
        and one that has the target on it before all.
    around : `~astropy.coordinates.SkyCoord`, optional
        A scalar position that must be on the image. With a proper motion and an
        ``obstime`` it is moved to the image's epoch.
    size : `~astropy.units.Quantity`, optional
        An angle: only the part is read that holds a square of this side, north up,
        around the position, or around the image's centre where there is none. By
        default the whole image is read, however large.

    Returns
    -------
    RawImage
        The image.

    Raises
    ------
    UnreadableStampError
        If the file is not FITS, is cut short, or cannot be opened or decoded.
    NoImageError
        If there is no two-dimensional image of at least 3 x 3 px.
    NoCelestialWCSError
        If the image has no celestial WCS.
    TargetOutsideError
        If the position is not on the image.
    NoDataError
        If no pixel can be used, or all that can have one value.
    FileNotFoundError
        If there is no such file.
    ValueError
        If ``around`` or ``size`` is not what it should be.
    """
    path = as_location(path)
    _check_request(around, size)
    failure = None
    with open_fits(path) as (hdulist, hdus):
        for number in find_images(hdus, hdu, path):
            try:
                return _read_hdu(path, hdulist, hdus, number, around, size)
            except (NoCelestialWCSError, TargetOutsideError) as error:
                # A position outside one chip may be on the next.
                if failure is None or isinstance(error, TargetOutsideError):
                    failure = error
    raise failure


def _check_request(around, size):
    if around is not None and not (isinstance(around, SkyCoord) and around.isscalar):
        raise ValueError(f"around must be one SkyCoord, not {around!r}")
    if size is None:
        return
    angle = (
        isinstance(size, u.Quantity)
        and size.isscalar
        and size.unit.is_equivalent("deg")
    )
    if not angle or not 0 < size.to_value(u.deg) < 180:
        raise ValueError(f"size must be an angle between 0 and 180 deg, not {size!r}")


def find_images(hdus, wanted, path):
    """Numbers of the HDUs that may hold the image, the likeliest first.

    Parameters
    ----------
    hdus : list
        HDUs of a file.
    wanted : int, str or None
        Number or ``EXTNAME`` of the HDU; None for any.
    path : str or `~pathlib.Path`
        The file, for messages.

    Returns
    -------
    list of int
        At least one.

    Raises
    ------
    NoImageError
        If there is none.
    """
    if wanted is not None:
        chosen = [n for n, item in enumerate(hdus) if _is_wanted(n, item, wanted)]
        if not chosen:
            known = ", ".join(f"{n} {item.name!r}" for n, item in enumerate(hdus))
            raise NoImageError(f"{path} has no HDU {wanted!r}; it has {known}")
    else:
        chosen = range(len(hdus))
    found, seen = [], []
    for number in chosen:
        item = hdus[number]
        with astropy_reads(path):
            shape = image_shape(item)
            kind = extension_kind(item)
        sides = sorted(shape)
        if not shape:
            continue
        seen.append(" x ".join(map(str, shape)))
        flat = len(sides) > 1 and all(side == 1 for side in sides[:-2])
        if not flat or sides[-2] < SMALLEST_SIDE:
            continue
        if wanted is None and kind not in (None, "image"):
            continue
        has_wcs = any("--" in str(item.header.get(f"CTYPE{n}")) for n in (1, 2, 3, 4))
        found.append((kind != "image", not has_wcs, number))
    if not found:
        seen = f"only data of {', '.join(seen)}" if seen else "no image at all"
        raise NoImageError(
            f"{path} has no image of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} px "
            f"in two dimensions, {seen}"
        )
    return [number for *_, number in sorted(found)]


def _is_wanted(number, hdu, wanted):
    if isinstance(wanted, str):
        return hdu.name.upper() == wanted.strip().upper()
    return number == wanted


def _read_hdu(path, hdulist, hdus, number, around, size):
    image, primary = hdus[number], hdus[0].header
    where = f"{path} HDU {number}"
    epoch = epoch_from_header(image.header)
    epoch = epoch_from_header(primary) if epoch is None else epoch
    plane = ImagePlane(image_shape(image), image.header, hdulist, where=where)
    if around is not None:
        around = position_at(around, epoch)
    window = target_window(plane, around, size, where=where)

    def take(hdu):
        with astropy_reads(path):
            return plane.flatten(hdu.section[plane.index(window)])

    data = _to_float(take(image), image.header)
    bad = ~np.isfinite(data)
    data[bad] = np.nan
    sigma = None
    for kind, hdu in find_companions(hdus, image):
        if kind in ("flags", "weight"):
            bad |= to_mask(kind, hdu, take(hdu), primary, path=path)
        elif sigma is None:
            sigma = to_sigma(kind, _to_float(take(hdu), hdu.header))
    _check_data(data, bad, where)
    return RawImage(
        data=data,
        wcs=shift_wcs(plane.wcs, window),
        mask=bad if bad.any() else None,
        uncertainty=sigma,
        unit=unit_from_header(image.header),
        epoch=epoch,
        header=_merge_headers(image.header, primary, path),
    )


def _to_float(values, header):
    """Native float pixels; those of BLANK become NaN."""
    exact = values.dtype.itemsize <= (4 if values.dtype.kind == "f" else 2)
    data = np.array(values, dtype=np.float32 if exact else np.float64)
    if values.dtype.kind in "iu" and isinstance(header.get("BLANK"), int):
        # astropy leaves BLANK alone in unsigned integers.
        data[values == header["BLANK"] + int(header.get("BZERO", 0))] = np.nan
    return data


def _check_data(data, bad, where):
    good = data[~bad]
    if not good.size:
        raise NoDataError(f"{where}: all {data.size} pixels are blank or masked")
    if good.min() == good.max():
        raise NoDataError(f"{where}: all usable pixels are {good[0]:g}")


def _merge_headers(header, primary, path):
    with astropy_reads(path):
        merged = header.copy()
        if primary is not header:
            merged.extend(primary, unique=True, bottom=True)
        for keyword in SCALING_KEYWORDS:
            merged.remove(keyword, ignore_missing=True)
        return merged
