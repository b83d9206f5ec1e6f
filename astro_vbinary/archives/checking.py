"""Whether what arrived is the stamp that was asked for: its content decides."""

import io
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from scipy import ndimage

from astro_vbinary.archives.content import MemoryFile, plain_fits
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.exceptions import (
    FetchError,
    NoDataError,
    StampError,
    TargetOutsideError,
)
from astro_vbinary.stamps.blank import find_blank
from astro_vbinary.stamps.grid import pixel_area, sky_to_pixel
from astro_vbinary.stamps.reading import RawImage, read_image
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["Checked", "check_delivered"]

#: The circle in which two stars are a visual binary, in arcsec.
RADIUS = float(VISUAL_BINARY_LIMIT.to_value("arcsec"))

#: Shares of the circle and of the square without data from which on a stamp is
#: partial; the first is that of `astro_vbinary.status.Flag.PARTIAL`.
CIRCLE_SHARE, SQUARE_SHARE = 0.05, 0.10

#: Pixels that an image may be short of on each side, since cutouts are rounded.
ROUNDING = 1.5

#: How much larger than asked an image may be: times, and pixels.
LARGEST = (2.0, 8)

#: A hole is a saturated core where its rim stands this many times the noise above
#: the background, as for `astro_vbinary.status.Flag.CORE_MASKED`.
BRIGHT_RIM = 10.0

#: Cards of the asinh-scaled images of Pan-STARRS (Waters et al. 2020, ApJS 251, 4).
ASINH_CARDS = ("BSOFTEN", "BOFFSET")


@dataclass(frozen=True, eq=False)
class Checked:
    """An image that is what was asked for.

    Parameters
    ----------
    content : bytes
        The whole FITS file.
    image : `~astro_vbinary.stamps.RawImage`
        What is read of it.
    outcome : Outcome
        ``ok``, ``partial`` or ``saturated``.
    reason : str
        What is missing of it, in words.
    """

    content: bytes
    image: RawImage
    outcome: Outcome
    reason: str = ""


def check_delivered(delivered, *, max_bytes=2**28, scale_tolerance=0.25):
    """Check what a recipe delivers.

    Parameters
    ----------
    delivered : `~astro_vbinary.archives.Delivered`
        The file, and what the recipe says of it.
    max_bytes : int, optional
        The most that the file may hold.
    scale_tolerance : float, optional
        How much the pixel scale may differ from that asked for, as a share of it; None
        not to look.

    Returns
    -------
    Checked
        The image.

    Raises
    ------
    ~astro_vbinary.exceptions.FetchError
        If it is not the image, or there are no data; its ``outcome`` says which.
    """
    if delivered.transfer != "linear":
        raise FetchError(
            Outcome.NOT_FITS,
            f"pixels are {delivered.transfer!r}, and only linear flux is taken",
        )
    request = delivered.request
    content = as_bytes(delivered.payload)
    content = plain_fits(content, max_bytes=max_bytes)
    image = _read(content, request)
    if all(card in image.header for card in ASINH_CARDS):
        raise FetchError(
            Outcome.NOT_FITS,
            f"the header has {' and '.join(ASINH_CARDS)}: pixels are asinh-scaled, "
            "and only linear flux is taken",
        )
    scale = _check_scale(image, request, scale_tolerance)
    x, y = map(float, sky_to_pixel(image.wcs, request.position))
    short = _check_window(image, request, scale, x, y)
    return Checked(content, image, *_check_pixels(image, request, scale, x, y, short))


def as_bytes(payload):
    """A payload as the bytes of a file.

    Parameters
    ----------
    payload : bytes or `~astropy.io.fits.HDUList`
        Also a single HDU.

    Returns
    -------
    bytes
        The file.

    Raises
    ------
    TypeError
        If it is anything else.
    """
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    if not hasattr(payload, "writeto"):
        raise TypeError(f"a payload must be bytes or an HDUList, not {payload!r}")
    buffer = io.BytesIO()
    payload.writeto(buffer, output_verify="silentfix")
    return buffer.getvalue()


def _read(content, request):
    """The image on which the target is, if there is one."""
    file = MemoryFile(content)
    try:
        return read_image(file, around=request.position)
    except TargetOutsideError:
        pass
    except NoDataError as error:
        raise FetchError(Outcome.BLANK, str(error)) from error
    except StampError as error:
        raise FetchError(Outcome.NOT_FITS, str(error)) from error
    # Beside the target, or somewhere else altogether?
    try:
        image = read_image(file)
    except NoDataError as error:
        raise FetchError(Outcome.BLANK, str(error)) from error
    ny, nx = image.data.shape
    centre = image.wcs.pixel_to_world((nx - 1) / 2, (ny - 1) / 2).icrs
    away = centre.separation(request.position).to_value("arcsec")
    scale = np.sqrt(pixel_area(image.wcs, centre)).to_value("arcsec")
    if away < (request.size + max(nx, ny) * scale) / np.sqrt(2):
        raise FetchError(Outcome.NO_COVERAGE, "the cutout ends before the target")
    raise FetchError(
        Outcome.NOT_FITS, f"the image is of another place, {away:.4g} arcsec away"
    )


def _check_scale(image, request, tolerance):
    scale = float(np.sqrt(pixel_area(image.wcs, request.position)).to_value("arcsec"))
    if tolerance is not None and not abs(scale / request.scale - 1) <= tolerance:
        raise FetchError(
            Outcome.NOT_FITS,
            f"pixels of {scale:.4g} arcsec; {request.scale:.4g} were asked for",
        )
    return scale


def _check_window(image, request, scale, x, y):
    """Arcsec that the image is short of on its shortest side."""
    ny, nx = image.data.shape
    times, pixels = LARGEST
    if max(nx, ny) > times * request.size / scale + pixels:
        raise FetchError(
            Outcome.NOT_FITS,
            f"an image of {ny} x {nx} px, {max(nx, ny) * scale:.4g} arcsec; "
            f"{request.size:g} were asked for",
        )
    margin = (min(x, nx - 1 - x, y, ny - 1 - y) + 0.5) * scale
    if margin < min(RADIUS, request.size / 2 - ROUNDING * scale):
        raise FetchError(
            Outcome.NO_COVERAGE, f"the image ends {margin:.2g} arcsec from the target"
        )
    return request.size / 2 - margin - ROUNDING * scale


def _check_pixels(image, request, scale, x, y, short):
    data = image.data
    bad = ~np.isfinite(data) | find_blank(data)
    if image.mask is not None:
        bad |= image.mask
    rows, columns = np.ogrid[: data.shape[0], : data.shape[1]]
    circle = np.hypot(rows - y, columns - x) * scale <= RADIUS
    if not circle.any():  # pixels larger than the circle
        circle[round(y), round(x)] = True
    if bad.any() and has_saturated_core(data, bad, circle):
        return Outcome.SATURATED, "a bright core has no data"
    lost = bad[circle].mean()
    if lost == 1:
        raise FetchError(
            Outcome.BLANK, f"no data within {RADIUS:g} arcsec of the target"
        )
    if short > 0:
        return Outcome.PARTIAL, f"the image is {short:.2g} arcsec short on one side"
    half = request.size / 2 / scale
    square = (np.abs(rows - y) <= half) & (np.abs(columns - x) <= half)
    if lost > CIRCLE_SHARE:
        return Outcome.PARTIAL, f"{100 * lost:.0f} % of the circle have no data"
    if bad[square].mean() > SQUARE_SHARE:
        share = 100 * bad[square].mean()
        return Outcome.PARTIAL, f"{share:.0f} % of the square have no data"
    return Outcome.OK, ""


def has_saturated_core(data, bad, circle):
    """Whether a hole in the circle is the core of a star that saturated.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape (ny, nx).
    bad : `~numpy.ndarray` of bool
        Shape (ny, nx), True where there are no data.
    circle : `~numpy.ndarray` of bool
        Shape (ny, nx), True around the target.

    Returns
    -------
    bool
        Whether a hole that touches the circle has a rim ten times the noise above the
        background.
    """
    good = data[~bad]
    if not good.size:
        return False
    level = np.median(good)
    noise = 1.4826 * np.median(np.abs(good - level))
    labels, _ = ndimage.label(bad)
    for number in np.unique(labels[circle & bad]):
        hole = labels == number
        rim = ndimage.binary_dilation(hole, iterations=2) & ~bad
        if rim.any() and np.median(data[rim]) - level > BRIGHT_RIM * noise:
            return True
    return False


def parse_fits(content):
    """Open bytes as astropy does, with compressed images as tables.

    Parameters
    ----------
    content : bytes
        A whole FITS file.

    Returns
    -------
    `~astropy.io.fits.HDUList`
        To be closed.
    """
    return fits.open(io.BytesIO(content), memmap=False, disable_image_compression=True)
