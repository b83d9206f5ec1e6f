"""Tables of results among the files that a user names."""

from pathlib import Path

from astro_vbinary.stamps.tables import read_table

__all__ = ["looks_like_results", "read_results"]

#: Endings of results tables. Of ``.fits`` the content decides.
SUFFIXES = (".ecsv", ".csv", ".vot", ".xml", ".votable", ".parquet")


def looks_like_results(path):
    """Whether a file is a table and no stamp.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.

    Returns
    -------
    bool
        By its ending; of ``.fits`` whether there is a table in the first extension.
    """
    path = Path(path)
    if path.suffix.lower() != ".fits" or not path.is_file():
        return path.suffix.lower() in SUFFIXES and path.is_file()
    from astropy.io import fits

    try:
        names = fits.getheader(path, 1)["TTYPE*"].values()
    except (OSError, IndexError, KeyError):
        return False
    return {"source", "survey"} <= {str(name).strip() for name in names}


def read_results(path):
    """Read a results table.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        ECSV, CSV, FITS, VOTable or Parquet.

    Returns
    -------
    `~astropy.table.Table`
        The table.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it cannot be read, or is no table of results.
    """
    table = read_table(path, "table of results")
    missing = [
        n for n in ("source", "survey", "probability") if n not in table.colnames
    ]
    if missing:
        raise ValueError(f"{path} is no table of results: no {', '.join(missing)}")
    return table
