"""Bad pixels and uncertainties in the extensions that go with an image."""

import numpy as np

from astro_vbinary.stamps.container import astropy_reads, image_shape

__all__ = ["base_name", "extension_kind", "find_companions", "to_mask", "to_sigma"]

#: What an extension of a name (``EXTNAME``, or ``EXTTYPE`` in files of the HSC and
#: LSST pipelines) holds. A weight says only where there are data: HST's are exposure
#: times, JWST's have no absolute scale.
EXTENSION_KINDS = {
    "sigma": ("ERR", "ERROR", "ERRORS", "SIGMA", "RMS", "STD", "STDDEV", "UNCERT"),
    "variance": ("VAR", "VARIANCE"),
    "inverse_variance": ("INVVAR", "IVAR", "INVVARIANCE"),
    "weight": ("WHT", "WEIGHT", "WEIGHTS", "COVERAGE", "FOOTPRINT"),
    "flags": ("DQ", "MASK", "FLAG", "FLAGS", "BPM", "BADPIX"),
    "other": (
        *("PSF", "CON", "CTX", "SAMP", "TIME", "BKG", "BACKGROUND", "MODEL"),
        *("SEG", "SEGMENTATION", "D2IMARR", "WCSDVARR", "AREA", "WAVELENGTH"),
        *("VAR_POISSON", "VAR_RNOISE", "VAR_FLAT"),
    ),
}
_KIND_OF = {name: kind for kind, names in EXTENSION_KINDS.items() for name in names}

#: Names of the extension with the image itself.
IMAGE_NAMES = ("SCI", "IMAGE", "SCIENCE", "DATA", "INTERP")

#: Planes of the masks of the HSC and LSST pipelines, found by ``MP_*`` cards, in
#: which a pixel is no measurement (Bosch et al. 2018, PASJ 70, S5, section 3).
#: ``DETECTED``, ``BRIGHT_OBJECT``, ``INTRP`` and the like say other things.
BAD_PLANES = ("BAD", "SAT", "CR", "NO_DATA", "UNMASKEDNAN")

#: Of JWST's bits only this says that a pixel must not be used ("Data quality flags"
#: in the reference pages of the JWST pipeline's documentation).
JWST_DO_NOT_USE = 1

#: Bits of HST's DQ arrays, by instrument and detector, that leave a pixel usable: warm
#: pixels, whose dark current is subtracted (64), sink-pixel trails (1024, WFC3), blobs
#: (512) and signal in the zeroth read (2048) of WFC3/IR; a source in the pixel (1024)
#: and signal in the zeroth read (2048) of NICMOS; a pixel above a charge trap (256)
#: and a repaired warm pixel (1024) of WFPC2. Any other bit is bad, saturation and
#: cosmic rays among them. From "ACS Data Quality Flags" (stsci.edu), table 3.4 of
#: the WFPC2 Data Handbook, and the tables of flags in the WFC3 and NICMOS Data
#: Handbooks.
HST_HARMLESS = {
    ("ACS", None): 64,
    ("WFC3", "UVIS"): 64 | 1024,
    ("WFC3", "IR"): 64 | 512 | 1024 | 2048,
    ("NICMOS", None): 1024 | 2048,
    ("WFPC2", None): 256 | 1024,
}

_NDDATA_TYPES = {
    "VARIANCEUNCERTAINTY": "variance",
    "INVERSEVARIANCE": "inverse_variance",
}


def _name(hdu):
    return str(hdu.name or hdu.header.get("EXTTYPE") or "").strip().upper()


def _split(name):
    base, _, tail = name.rpartition("_")
    if name in _KIND_OF or name in IMAGE_NAMES:
        return "", name
    return base, tail


def base_name(hdu):
    """What an extension's name shares with those of its companions.

    Parameters
    ----------
    hdu : HDU of `astropy.io.fits`
        The extension.

    Returns
    -------
    str
        ``VIS`` of ``VIS_SCI`` and ``VIS_RMS``; nothing of ``SCI`` and ``ERR``.
    """
    return _split(_name(hdu))[0]


def extension_kind(hdu):
    """What an extension holds, by its name.

    Parameters
    ----------
    hdu : HDU of `astropy.io.fits`
        The extension.

    Returns
    -------
    str or None
        ``image``, a key of `EXTENSION_KINDS`, or None where the name does not tell.
    """
    tail = _split(_name(hdu))[1]
    if tail in IMAGE_NAMES:
        return "image"
    kind = _KIND_OF.get(tail)
    if tail == "UNCERT":  # as astropy's CCDData writes it
        utype = str(hdu.header.get("UTYPE", "")).strip().upper()
        kind = _NDDATA_TYPES.get(utype, kind)
    return kind


def find_companions(hdus, image):
    """Extensions that say how good the pixels of an image are.

    Parameters
    ----------
    hdus : list
        HDUs of the file.
    image : HDU of `astropy.io.fits`
        The one with the image.

    Returns
    -------
    list of tuple
        (kind, HDU): extensions of the image's shape, version (``EXTVER``) and, where
        several share a file, base name. Others are left alone.
    """
    found = []
    for hdu in hdus:
        if hdu is image or image_shape(hdu) != image_shape(image):
            continue
        kind = extension_kind(hdu)
        if kind in (None, "image", "other") or hdu.ver != image.ver:
            continue
        if base_name(hdu) in ("", base_name(image)):
            found.append((kind, hdu))
    return found


def to_mask(kind, hdu, values, primary, *, path):
    """Bad pixels, from an extension of flags or weights.

    Parameters
    ----------
    kind : str
        ``flags`` or ``weight``.
    hdu : HDU of `astropy.io.fits`
        The extension.
    values : `~numpy.ndarray`
        Its pixels.
    primary : `~astropy.io.fits.Header`
        The file's first header, which names the telescope.
    path : `~pathlib.Path`
        The file, for messages.

    Returns
    -------
    `~numpy.ndarray` of bool
        True where a pixel is bad: where a weight is not positive, or where a flag is
        set that means so for the telescope. Of a telescope that is not known, any
        flag does.
    """
    if kind == "weight":
        return ~(values > 0)
    with astropy_reads(path):
        if values.dtype.kind == "f":
            values = np.nan_to_num(values, nan=1, posinf=1, neginf=1)
        flags = values.astype(np.int64)
        return (flags & _bad_bits(hdu.header, primary)) != 0


def _bad_bits(header, primary):
    planes = {key[3:]: header[key] for key in header if key.startswith("MP_")}
    if planes:
        return sum(1 << int(planes[name]) for name in BAD_PLANES if name in planes)
    telescope, instrument, detector = (
        str(primary.get(key) or header.get(key) or "").strip().upper()
        for key in ("TELESCOP", "INSTRUME", "DETECTOR")
    )
    if telescope == "JWST":
        return JWST_DO_NOT_USE
    if telescope == "HST":
        by_instrument = HST_HARMLESS.get((instrument, None), 0)
        return ~HST_HARMLESS.get((instrument, detector), by_instrument)
    return -1


def to_sigma(kind, values):
    """One standard deviation per pixel, from an extension of uncertainties.

    Parameters
    ----------
    kind : str
        ``sigma``, ``variance`` or ``inverse_variance``.
    values : `~numpy.ndarray`
        Its pixels, float.

    Returns
    -------
    `~numpy.ndarray`
        Of the values' shape and dtype; NaN where it is not known.
    """
    known = np.isfinite(values) & (values > 0)
    sigma = np.full_like(values, np.nan)
    if kind == "sigma":
        sigma[known] = values[known]
    elif kind == "variance":
        sigma[known] = np.sqrt(values[known])
    else:
        sigma[known] = 1 / np.sqrt(values[known])
    return sigma
