"""Find what is needed in tables whose columns others have named."""

import astropy.units as u
import numpy as np
from astropy.coordinates import Angle

__all__ = ["NAMES", "angles", "column", "numbers"]

#: Names that a column may have, whatever their case, ``_`` and ``-``: those of Gaia's
#: archive, of VizieR and of 2MASS.
NAMES = {
    "ra": ("ra", "raicrs", "raj2000", "radeg", "ra2000"),
    "dec": ("dec", "deicrs", "decj2000", "dej2000", "dedeg", "decdeg", "dec2000"),
    "magnitude": (
        "magnitude",
        "mag",
        "photgmeanmag",
        "gmag",
        "hmag",
        "hm",
        "kmag",
        "kmag2mass",
        "jmag",
    ),
    "id": ("sourceid", "gaiasourceid", "source", "id"),
    "ref_epoch": ("refepoch", "epoch"),
    "pmra": ("pmra", "pmracosdec"),
    "pmra_error": ("pmraerror", "epmra"),
    "pmdec": ("pmdec", "pmde"),
    "pmdec_error": ("pmdecerror", "epmde"),
    "parallax": ("parallax", "plx"),
    "parallax_error": ("parallaxerror", "eplx"),
    "ruwe": ("ruwe",),
    "ipd_frac_multi_peak": ("ipdfracmultipeak", "ipdfmp"),
    "wds_id": ("wdsid", "wds"),
    "separation": ("separation", "sep2", "sep", "lastsep"),
    "position_angle": ("positionangle", "pa2", "pa", "lastpa"),
}


def column(table, what, *, required=True):
    """The name of a column.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    what : str
        A key of `NAMES`.
    required : bool, optional
        Whether there must be one.

    Returns
    -------
    str or None
        None where there is none.

    Raises
    ------
    ValueError
        If there must be one and is none.
    """
    plain = {_plain(name): name for name in reversed(table.colnames)}
    for name in NAMES[what]:
        if name in plain:
            return plain[name]
    if required:
        raise ValueError(
            f"the table has no column for {what}: one of {', '.join(NAMES[what])}, "
            f"not {', '.join(table.colnames)}"
        )
    return None


def numbers(table, what, unit=None, *, required=True):
    """A column as plain numbers.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Of n rows.
    what : str
        A key of `NAMES`.
    unit : `~astropy.units.Unit`, optional
        What they are brought to; a column without a unit has it already.
    required : bool, optional
        Whether there must be one.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,), float64; NaN where masked, and where there is no such column.
    """
    name = column(table, what, required=required)
    if name is None:
        return np.full(len(table), np.nan)
    values = table[name]
    own = getattr(values, "unit", None)
    mask = np.array(getattr(values, "mask", False)) | np.zeros(len(table), bool)
    bare = getattr(values, "unmasked", values)
    bare = np.ma.getdata(getattr(bare, "value", bare)).astype(float)
    if own is not None and unit is not None and own != u.dimensionless_unscaled:
        bare = (bare * own).to_value(unit)
    return np.where(mask, np.nan, bare)


def angles(table):
    """Positions in a table.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Of n rows, with degrees, quantities, or text such as ``05:35:16.5``.

    Returns
    -------
    ra, dec : `~numpy.ndarray`
        Shape (n,), float64, in degrees.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    found = []
    for what, unit in (("ra", u.hourangle), ("dec", u.deg)):
        name = column(table, what)
        if table[name].dtype.kind in "US":
            found.append(Angle(list(table[name].astype(str)), unit=unit).deg)
        else:
            found.append(numbers(table, what, u.deg))
    return tuple(found)


def _plain(name):
    return "".join(letter for letter in name.lower() if letter.isalnum())
