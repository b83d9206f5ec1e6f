"""One way to write a catalogue, in the format that the file's ending tells."""

from pathlib import Path

from astro_vbinary.stamps.tables import FORMATS, write_table

__all__ = ["CATALOG_FORMATS", "write_catalog"]

#: Endings, and what is written.
CATALOG_FORMATS = {
    **dict.fromkeys(FORMATS, "table"),
    ".reg": "regions",
    ".crtf": "regions",
    ".wds": "measure lines",
    ".txt": "measure lines",
}


def write_catalog(table, path, *, label=None, overwrite=False):
    """Write a catalogue as a table, as regions or as measure lines.

    Parameters
    ----------
    table : `~astropy.table.Table`
        A catalogue, verdicts or measured pairs.
    path : str or `~pathlib.Path`
        Ends in one of `CATALOG_FORMATS`.
    label : str, optional
        Only rows of this label.
    overwrite : bool, optional
        Whether an existing file may be replaced.

    Returns
    -------
    int
        How many rows were written.

    Raises
    ------
    ValueError
        If the ending is unknown or a column is missing.
    FileExistsError
        If the file exists and may not be replaced.
    """
    from astro_vbinary.pipeline.formats.columns import has_pair, require, texts
    from astro_vbinary.pipeline.formats.measure_lines import write_measure_lines
    from astro_vbinary.pipeline.formats.sky_regions import write_regions

    path = Path(path)
    kind = CATALOG_FORMATS.get(path.suffix)
    if kind is None:
        known = ", ".join(CATALOG_FORMATS)
        raise ValueError(f"unknown ending {path.suffix!r} of {path}; known: {known}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists")
    if label is not None:
        require(table, ("label",), "rows of one label")
        table = table[[own == label for own in texts(table, "label")]]
    if kind == "regions":
        write_regions(table, path)
    elif kind == "measure lines":
        write_measure_lines(table, path)
        return int(has_pair(table).sum())
    else:
        # What the format cannot hold is taken out of a copy.
        write_table(table.copy(), path, overwrite=overwrite)
    return len(table)
