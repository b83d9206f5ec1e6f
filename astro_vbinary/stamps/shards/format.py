"""What is in a shard: the columns, the bytes, and how shards lie in a folder.

A shard is an HDF5 file with one row for each FITS file, and one dataset for each
column. The layout of the folder, ``healpix=NNNN/001-of-001.hdf5``, and the names
``object_id``, ``ra``, ``dec``, ``healpix``, ``image_band`` and ``image_scale`` are
those of the Multimodal Universe (The Multimodal Universe Collaboration 2024,
arXiv:2412.02527).

The content of a file is its header, its image and the rest, one after the other, each
in a dataset of bytes that all rows share. A file that is anything else than one
two-dimensional image is all rest.
"""

from typing import NamedTuple

__all__ = [
    "COLUMNS",
    "FORMAT",
    "NO_PIXEL",
    "NSIDE",
    "PARTS",
    "PIXEL_TYPES",
    "SHARD_NAME",
    "VERSION",
    "Column",
    "is_shard_folder",
    "pixel_folder",
]

#: What a shard says of itself in its attributes ``format`` and ``version``.
FORMAT = "astro_vbinary stamps"
VERSION = 1

#: HEALPix resolution of the shards, nested order, as the Multimodal Universe has it.
NSIDE = 16

#: What stands for a pixel where no stamp of a source has a position.
NO_PIXEL = -1

#: Name of the one shard in the folder of a pixel.
SHARD_NAME = "001-of-001.hdf5"

_FOLDER_PREFIX = "healpix="

#: Parts of a file, in their order: each a dataset of bytes ``{part}_bytes``, and the
#: columns ``{part}_offset`` and ``{part}_size``.
PARTS = ("header", "image", "tail")

#: Type of the pixels by BITPIX (FITS standard 4.0, table 8), as they are in the file.
PIXEL_TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


class Column(NamedTuple):
    """One column of a shard.

    Attributes
    ----------
    name : str
        Name of the dataset.
    dtype : str
        Type as numpy spells it; ``str`` is text of any length.
    unit : str
        Unit; empty where there is none.
    default : object
        The value where a file does not tell.
    meaning : str
        What it is.
    """

    name: str
    dtype: str
    unit: str
    default: object
    meaning: str


_NAN = float("nan")

#: Columns of a shard, in the order in which they are written.
COLUMNS = (
    Column("object_id", "str", "", "", "name of the source"),
    Column("survey", "str", "", "", "survey, as the registry spells it"),
    Column("image_band", "str", "", "", "band; empty for a stack of bands"),
    Column("hdu", "str", "", "", "number or name of the HDU, where it was given"),
    Column("name", "str", "", "", "the file, from the folder that was packed"),
    Column("number", "i8", "", 0, "place of the file in the order of the folder"),
    Column("ra", "f8", "deg", _NAN, "ICRS position of the target, or of the centre"),
    Column("dec", "f8", "deg", _NAN, "ICRS position of the target, or of the centre"),
    Column("target_given", "?", "", False, "whether ra and dec are the target's"),
    Column("healpix", "i8", "", NO_PIXEL, "pixel of the source, nside 16, nested"),
    Column("plain", "?", "", False, "whether the file is one image in two dimensions"),
    Column("bitpix", "i8", "", 0, "type of the pixels, where plain"),
    Column("naxis1", "i8", "", 0, "pixels along x, where plain"),
    Column("naxis2", "i8", "", 0, "pixels along y, where plain"),
    Column("bscale", "f8", "", 1.0, "factor of the numbers in the file"),
    Column("bzero", "f8", "", 0.0, "offset of the numbers in the file"),
    Column("blank", "f8", "", _NAN, "number that stands for no value"),
    Column("image_scale", "f8", "arcsec", _NAN, "side of a pixel"),
    Column("crpix1", "f8", "pix", _NAN, "reference pixel along x, from one"),
    Column("crpix2", "f8", "pix", _NAN, "reference pixel along y, from one"),
    Column("crval1", "f8", "deg", _NAN, "longitude of the reference pixel"),
    Column("crval2", "f8", "deg", _NAN, "latitude of the reference pixel"),
    Column("cd1_1", "f8", "deg/pix", _NAN, "longitude along x"),
    Column("cd1_2", "f8", "deg/pix", _NAN, "longitude along y"),
    Column("cd2_1", "f8", "deg/pix", _NAN, "latitude along x"),
    Column("cd2_2", "f8", "deg/pix", _NAN, "latitude along y"),
    Column("ctype1", "str", "", "", "axis and projection"),
    Column("ctype2", "str", "", "", "axis and projection"),
    Column("radesys", "str", "", "", "frame of the WCS: ICRS, FK5, ..."),
    Column("equinox", "f8", "yr", _NAN, "equinox of the frame, where it has one"),
    Column("wcs_plain", "?", "", False, "whether these numbers are the whole WCS"),
    Column("unit", "str", "", "", "BUNIT"),
    Column("zero_point", "f8", "mag", _NAN, "magnitude of one unit of flux"),
    Column("mjd", "f8", "d", _NAN, "epoch, Modified Julian Date in UTC"),
    Column("origin", "str", "", "", "where the file was when it was packed"),
    Column("sha256", "S64", "", b"", "SHA-256 of the file, hexadecimal"),
    Column("size", "i8", "byte", 0, "length of the file"),
    *(
        Column(f"{part}_{what}", "i8", "byte", 0, f"{meaning} of the file's {part}")
        for part in PARTS
        for what, meaning in (("offset", "where the bytes begin"), ("size", "length"))
    ),
)


def pixel_folder(pixel):
    """Name of the folder of a HEALPix pixel.

    Parameters
    ----------
    pixel : int
        Number of the pixel, or `NO_PIXEL`.

    Returns
    -------
    str
        The name.

    Examples
    --------
    >>> from astro_vbinary.stamps.shards.format import NO_PIXEL, pixel_folder
    >>> pixel_folder(1376), pixel_folder(NO_PIXEL)
    ('healpix=1376', 'healpix=none')
    """
    return f"{_FOLDER_PREFIX}{'none' if pixel == NO_PIXEL else pixel}"


def is_shard_folder(name):
    """Whether a folder's name is that of a HEALPix pixel.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    bool
        True for what `pixel_folder` gives.
    """
    rest = name.removeprefix(_FOLDER_PREFIX)
    return rest != name and (rest == "none" or rest.isdigit())
