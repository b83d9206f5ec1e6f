"""Read a manifest: a table that says what each file is."""

from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.stamps.tables import cell_text, read_table

__all__ = ["read_manifest"]

#: Columns that a manifest must have, and may have.
REQUIRED_COLUMNS = ("path", "source", "survey", "band")
OPTIONAL_COLUMNS = ("hdu", "ra", "dec")

#: What stands for a band where there are several, as in the names of files.
STACKED = "stacked"


def read_manifest(manifest, *, root=None):
    """Rows of a manifest, checked for their form only.

    Parameters
    ----------
    manifest : `~astropy.table.Table`, str or `~pathlib.Path`
        The table, or a file with it.
    root : str or `~pathlib.Path`, optional
        The folder that relative paths start from; by default the manifest's.

    Returns
    -------
    list of dict
        ``path`` (`~pathlib.Path`), ``source``, ``survey`` and ``band`` (str, or None
        where empty; also where the band is ``stacked``), ``hdu`` (int, str or None)
        and ``target`` (`~astropy.coordinates.SkyCoord` or None).

    Raises
    ------
    FileNotFoundError
        If there is no such manifest.
    ValueError
        If the manifest cannot be read or lacks a column.
    """
    folder = Path()
    if isinstance(manifest, str | Path):
        folder = Path(manifest).parent
        manifest = read_table(manifest, "manifest")
    folder = folder if root is None else Path(root)
    names = manifest.colnames
    missing = [name for name in REQUIRED_COLUMNS if name not in names]
    if missing:
        raise ValueError(
            f"the manifest has no column {', '.join(missing)}; it has "
            f"{', '.join(names) or 'none'}, and needs {', '.join(REQUIRED_COLUMNS)} "
            f"(and may have {', '.join(OPTIONAL_COLUMNS)})"
        )
    degrees = {
        name: _degrees(manifest[name]) for name in ("ra", "dec") if name in names
    }
    rows = []
    for number, row in enumerate(manifest):
        cells = {name: cell_text(row[name]) for name in REQUIRED_COLUMNS}
        path = cells["path"] or ""
        hdu = cell_text(row["hdu"]) if "hdu" in names else None
        position = [degrees[name][number] for name in ("ra", "dec") if name in degrees]
        rows.append(
            {
                **cells,
                "path": folder / path,
                "band": None if cells["band"] == STACKED else cells["band"],
                "source": cells["source"] if path else None,
                "hdu": int(hdu) if hdu and hdu.isdigit() else hdu,
                "target": _target(position),
            }
        )
    return rows


def _degrees(column):
    values = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
    return (values * (column.unit or u.deg)).to_value(u.deg)


def _target(position):
    if len(position) != 2 or not np.all(np.isfinite(position)):
        return None
    return SkyCoord(*position, unit="deg")
