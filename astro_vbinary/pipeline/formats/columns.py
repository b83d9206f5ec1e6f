"""Columns of a catalogue or a table of pairs by name; absent ones are blank."""

import numpy as np

from astro_vbinary.stamps.tables import cell_text

__all__ = ["has_pair", "numbers", "require", "texts"]


def numbers(table, name, unit=None):
    """A column as plain numbers.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With n rows.
    name : str
        The column.
    unit : str, optional
        What the numbers are to be in; a column without a unit is taken to be.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,), float64; NaN where masked, and everywhere without the column.
    """
    if name not in table.colnames:
        return np.full(len(table), np.nan)
    column = table[name]
    if unit is not None and getattr(column, "unit", None) is not None:
        column = column.to(unit)
    values = getattr(column, "value", column)
    # Masked quantities, masked columns, and plain ones.
    mask = getattr(column, "mask", getattr(values, "mask", False))
    values = getattr(values, "unmasked", values)
    values = np.array(np.ma.getdata(values), dtype=np.float64)
    values[np.broadcast_to(np.asarray(mask, dtype=bool), values.shape)] = np.nan
    return values


def texts(table, name):
    """A column as text.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With n rows.
    name : str
        The column.

    Returns
    -------
    list of str
        Empty where masked, and everywhere without the column.
    """
    if name not in table.colnames:
        return [""] * len(table)
    return [cell_text(value) or "" for value in table[name]]


def require(table, names, what):
    """Raise unless a table has some columns.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    names : iterable of str
        The columns.
    what : str
        What needs them, for the message.

    Raises
    ------
    ValueError
        If one is missing.
    """
    missing = [name for name in names if name not in table.colnames]
    if missing:
        raise ValueError(f"{what} need the columns {', '.join(missing)}")


def has_pair(table):
    """Which rows say where on the sky a companion is.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A catalogue or measured pairs, with n rows.

    Returns
    -------
    `~numpy.ndarray` of bool
        Shape (n,).
    """
    known = [
        numbers(table, name, unit)
        for name, unit in (
            ("ra", "deg"),
            ("dec", "deg"),
            ("separation", "arcsec"),
            ("position_angle", "deg"),
        )
    ]
    return np.isfinite(known).all(axis=0)
