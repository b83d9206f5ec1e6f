"""Open a FITS file and make sure that all of it is there.

astropy reads what it finds and only warns of the rest, so the file's structure is
walked first: that costs a few seeks, and says exactly what is wrong.
"""

import bz2
import gzip
import os
import shutil
import tempfile
import warnings
import zlib
from contextlib import contextmanager
from math import prod
from pathlib import Path

from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from astro_vbinary.exceptions import StampError, UnreadableStampError

__all__ = [
    "FITS_MAGIC",
    "as_location",
    "astropy_reads",
    "image_extent",
    "image_shape",
    "open_fits",
]

#: How every FITS file begins (FITS standard 4.0, section 4.4.1.1).
FITS_MAGIC = b"SIMPLE"

#: Unit of a FITS file's structure, in bytes (FITS standard 4.0, section 3.1).
BLOCK = 2880

#: Blocks after which a header without an END card is given up: 36,000 cards.
MAX_HEADER_BLOCKS = 1000

#: Decompressed files are kept in memory up to this size (bytes), then on disk,
#: and given up where they grow beyond the second.
MAX_IN_MEMORY = 64 * 2**20
MAX_DECOMPRESSED = 16 * 2**30

_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open}


def as_location(path):
    """Where the bytes of a file are.

    Parameters
    ----------
    path : str, path-like or object
        A path, or anything with ``open()`` and ``name``, such as
        `~astro_vbinary.stamps.PackedStamp`.

    Returns
    -------
    `~pathlib.Path` or object
        A `~pathlib.Path` of what is a path; anything else as it is.
    """
    return Path(path) if isinstance(path, str | os.PathLike) else path


@contextmanager
def open_fits(path):
    """Open a FITS file, compressed or not, of which nothing is missing.

    Parameters
    ----------
    path : str, `~pathlib.Path` or `~astro_vbinary.stamps.PackedStamp`
        A local file. Nothing in its name is expanded or fetched.

    Yields
    ------
    hdulist : `~astropy.io.fits.HDUList`
        The open file.
    hdus : list
        Its HDUs, without what may follow the last one.

    Raises
    ------
    ~astro_vbinary.exceptions.UnreadableStampError
        If the file is not FITS, is cut short, or cannot be opened.
    FileNotFoundError
        If there is no such file.
    """
    path = as_location(path)
    if isinstance(path, Path) and path.exists() and not path.is_file():
        raise UnreadableStampError(f"{path} is not a file")
    try:
        file = path.open("rb")
    except (FileNotFoundError, StampError):
        raise
    except OSError as error:
        raise UnreadableStampError(f"{path} cannot be opened: {error}") from error
    with file, _plain(file, path) as stream:
        count = _count_hdus(stream, path)
        stream.seek(0)
        with astropy_reads(path):
            hdulist = fits.open(stream, memmap=False)
        with hdulist:
            with astropy_reads(path):
                hdus = [hdulist[number] for number in range(count)]
            yield hdulist, hdus


def image_shape(hdu):
    """Shape of the data of an HDU that holds an image.

    Parameters
    ----------
    hdu : HDU of `astropy.io.fits`
        Any HDU.

    Returns
    -------
    tuple of int
        Shape as numpy orders it; empty for tables, for what astropy does not
        understand, and where there are no data.
    """
    kinds = (fits.PrimaryHDU, fits.ImageHDU, fits.CompImageHDU)
    return tuple(hdu.shape) if isinstance(hdu, kinds) else ()


def image_extent(stream, path):
    """Where the pixels are in a file that is one two-dimensional image.

    Parameters
    ----------
    stream : file-like
        The content of the file.
    path : str, `~pathlib.Path` or object
        The file, for messages.

    Returns
    -------
    tuple of int or None
        Bytes before and up to the end of the pixels; None where the file holds
        anything else, but for junk after the image.

    Raises
    ------
    ~astro_vbinary.exceptions.UnreadableStampError
        If the file is not FITS or is cut short.
    """
    if _count_hdus(stream, path) != 1:
        return None
    stream.seek(0)
    cards, start = _read_structure(stream, 0, path)
    if cards["NAXIS"] != b"2" or "GROUPS" in cards:
        return None
    if cards.get("PCOUNT", b"0") != b"0" or cards.get("GCOUNT", b"1") != b"1":
        return None
    size = _data_size(cards, 0, path)
    return (start, start + size) if size else None


@contextmanager
def astropy_reads(path):
    """Turn whatever astropy raises on a damaged file into one error.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file, for the message.

    Raises
    ------
    ~astro_vbinary.exceptions.UnreadableStampError
        For any exception but those of this package.
    """
    with warnings.catch_warnings():
        # Cards that break the standard, and what follows the last HDU.
        warnings.simplefilter("ignore", AstropyWarning)
        try:
            yield
        except StampError:
            raise
        except Exception as error:  # damage can surface as nearly any of them
            reason = str(error) or type(error).__name__
            raise UnreadableStampError(f"{path} cannot be read: {reason}") from error


@contextmanager
def _plain(file, path):
    """The file itself, or its content where it is compressed as a whole."""
    start = file.read(len(FITS_MAGIC))
    file.seek(0)
    opener = next((_OPENERS[m] for m in _OPENERS if start.startswith(m)), None)
    if opener is None:
        yield file
        return
    with tempfile.SpooledTemporaryFile(max_size=MAX_IN_MEMORY) as spool:
        try:
            with opener(file) as packed:
                shutil.copyfileobj(_Limited(packed), spool, 2**20)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise UnreadableStampError(
                f"{path} cannot be decompressed: {error}"
            ) from error
        spool.seek(0)
        yield spool


class _Limited:
    """A stream to read from that does not go on for ever."""

    def __init__(self, stream):
        self._stream = stream
        self._left = MAX_DECOMPRESSED

    def read(self, size):
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise OSError(f"it holds more than {MAX_DECOMPRESSED} bytes")
        return chunk


def _count_hdus(stream, path):
    """Number of HDUs; raises where one of them is not all there."""
    total = stream.seek(0, 2)
    stream.seek(0)
    start = stream.read(80)
    if not start:
        raise UnreadableStampError(f"{path} is empty")
    if not start.startswith(FITS_MAGIC):
        kind = "an HTML page" if b"<" in start.lstrip()[:1] else "something else"
        raise UnreadableStampError(f"{path} is not a FITS file but {kind}")
    count, position = 0, 0
    while position < total:
        stream.seek(position)
        begin = stream.read(8)
        if count and not b"XTENSION".startswith(begin):
            break  # junk after the last HDU harms nobody
        stream.seek(position)
        cards, length = _read_structure(stream, count, path)
        size = _data_size(cards, count, path)
        if position + length + size > total:
            raise UnreadableStampError(
                f"{path} is cut short: HDU {count} ends at byte "
                f"{position + length + size}, the file at {total}"
            )
        position += length + -(-size // BLOCK) * BLOCK
        count += 1
    return count


def _read_structure(stream, number, path):
    """What sets the size of an HDU's data, and the length of its header."""
    cards = {}
    for block_number in range(1, MAX_HEADER_BLOCKS + 1):
        block = stream.read(BLOCK)
        for start in range(0, len(block), 80):
            keyword = block[start : start + 8].rstrip()
            if keyword == b"END":
                return cards, (block_number - 1) * BLOCK + len(block)
            if keyword.startswith((b"NAXIS", b"BITPIX", b"PCOUNT", b"GCOUNT")):
                value = block[start + 10 : start + 80].split(b"/")[0].strip()
                cards.setdefault(keyword.decode("ascii", "replace"), value)
            elif keyword == b"GROUPS":
                cards["GROUPS"] = block[start + 10 : start + 80].split(b"/")[0].strip()
        if len(block) < BLOCK:
            break
    raise UnreadableStampError(
        f"{path} is cut short or damaged: the header of HDU {number} has no end"
    )


def _data_size(cards, number, path):
    """Bytes of an HDU's data without padding (FITS standard 4.0, eq. 1 and 2)."""
    try:
        axes = [int(cards[f"NAXIS{n}"]) for n in range(1, int(cards["NAXIS"]) + 1)]
        bytes_each = abs(int(cards["BITPIX"])) // 8
        extra, groups = int(cards.get("PCOUNT", 0)), int(cards.get("GCOUNT", 1))
    except (KeyError, ValueError) as error:
        raise UnreadableStampError(
            f"{path} is damaged: the header of HDU {number} does not say how large "
            f"it is ({error})"
        ) from error
    if cards.get("GROUPS") == b"T" and axes and axes[0] == 0:
        axes = axes[1:]
    elements = prod(axes) if axes else 0
    if min([*axes, extra, groups]) < 0 or len(axes) > 999:
        raise UnreadableStampError(
            f"{path} is damaged: the header of HDU {number} has a negative size"
        )
    return bytes_each * groups * (extra + elements)
