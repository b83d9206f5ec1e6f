"""The catalogue: one row a source, of verdicts, measurements and what is around."""

import numpy as np

from astro_vbinary import __version__
from astro_vbinary.classification import find_weights
from astro_vbinary.exceptions import UnknownWeightsError
from astro_vbinary.pipeline.catalog_columns import CATALOG_FLAGS, make_catalog_table
from astro_vbinary.pipeline.catalog_rows import make_source_row
from astro_vbinary.pipeline.fusion_settings import FusionSettings

__all__ = ["make_catalog"]

#: Columns that a table of verdicts needs, and what others are where they are missing.
NEEDED = ("source", "survey", "probability")
ABSENT = {
    "ra": np.nan,
    "dec": np.nan,
    "fwhm": np.nan,
    "label": "",
    "status": "ok",
    "flags": 0,
    "weights": "",
    "weights_sha256": "",
}

#: Chance neighbours from which a pair is probably one.
MANY = 0.1


def make_catalog(
    verdicts,
    pairs=None,
    *,
    settings=None,
    neighbours=None,
    gaia=None,
    wds=None,
    inputs=None,
):
    """Make one row a source out of verdicts and measurements.

    Parameters
    ----------
    verdicts : `~astropy.table.Table`
        One row a source and survey, as `~astro_vbinary.classify` or `run_catalog` give
        them. Needed are ``source``, ``survey`` and ``probability``. A column ``snr``
        with the signal-to-noise ratio of the source is used where there is one; else it
        is taken to be 100, and 10 where the row is flagged as of low signal.
    pairs : `~astropy.table.Table` or `~astro_vbinary.measurement.PairResult`, optional
        What was measured.
    settings : FusionSettings, optional
        How verdicts are made one.
    neighbours : `~astro_vbinary.context.NeighbourCounts`, optional
        A catalogue of stars, for the expected number of chance neighbours.
    gaia, wds : `~astropy.table.Table`, optional
        Gaia's sources and the Washington catalogue, see
        `~astro_vbinary.context.match_gaia` and `~astro_vbinary.context.match_wds`.
    inputs : dict of str to str, optional
        Hash of the files of each source.

    Returns
    -------
    `~astropy.table.QTable`
        In the order in which sources come in ``verdicts``; see
        ``astro_vbinary.pipeline.catalog_columns.CATALOG_COLUMNS``.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astro_vbinary.pipeline import make_catalog
    >>> verdicts = Table(
    ...     {
    ...         "source": ["1", "1"],
    ...         "survey": ["Pan-STARRS", "HST"],
    ...         "probability": [0.7, 0.999],
    ...         "label": ["not", "binary"],
    ...         "fwhm": [1.02, 0.07],
    ...     }
    ... )
    >>> catalog = make_catalog(verdicts)
    >>> print(catalog["n_surveys"][0], catalog["label"][0])
    2 binary
    """
    settings = settings or FusionSettings()
    sources = _by_source(verdicts)
    measured = _pairs_by_source(pairs)
    epochs = [_epoch(measured.get(name, {})) for name in sources]
    places = [_place(rows) for rows in sources.values()]
    stars = _match_gaia(gaia, places, epochs)
    priors = _priors(verdicts)
    rows = [
        make_source_row(own, measured.get(name, {}), settings, priors=priors, gaia=star)
        for (name, own), star in zip(sources.items(), stars, strict=True)
    ]
    for row, star in zip(rows, stars, strict=True):
        if star:
            row |= {k: v for k, v in star.items() if k.startswith("gaia_")}
        row["version"] = __version__
        row["inputs"] = (inputs or {}).get(row["source"], "")
    if wds is not None and rows:
        from astro_vbinary.context import match_wds

        for row, found in zip(rows, match_wds(wds, *_columns(places)), strict=True):
            row |= found or {}
    if neighbours is not None:
        _add_chance(rows, neighbours)
    for row in rows:
        row["flags"] = ",".join(name for name in CATALOG_FLAGS if name in row["flags"])
    return make_catalog_table(rows)


def _by_source(verdicts):
    """Rows of each source, without units."""
    missing = [name for name in NEEDED if name not in verdicts.colnames]
    if missing:
        raise ValueError(
            f"the table of verdicts has no column {', '.join(missing)}, only "
            f"{', '.join(verdicts.colnames)}"
        )
    sources = {}
    for row in plain_rows(verdicts):
        sources.setdefault(str(row["source"]), []).append(ABSENT | row)
    # Files that belong to no source have no place in a catalogue of sources.
    sources.pop("", None)
    return sources


def _pairs_by_source(pairs):
    if pairs is None:
        return {}
    table = pairs.to_table() if hasattr(pairs, "to_table") else pairs
    found = {}
    for row in plain_rows(table):
        found.setdefault(str(row["source"]), {})[str(row["survey"])] = row
    return found


def plain_rows(table):
    """Rows of a table as dictionaries without units.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table; masked numbers become NaN, or 0, and masked text is empty.

    Yields
    ------
    dict
        A row.
    """
    columns = []
    for name in table.colnames:
        values = table[name]
        mask = np.array(getattr(values, "mask", False))
        values = getattr(values, "unmasked", values)
        values = np.ma.getdata(getattr(values, "value", values))
        if mask.any():
            empty = {"f": np.nan, "U": "", "S": b"", "O": ""}
            values = np.where(mask, empty.get(values.dtype.kind, 0), values)
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8")
        columns.append(values.tolist())
    for cells in zip(*columns, strict=True):
        yield dict(zip(table.colnames, cells, strict=True))


def _priors(verdicts):
    """The prevalence that each weights' calibration assumed."""
    if "weights" not in verdicts.colnames:
        return {}
    found = {}
    for name in {str(one) for one in verdicts["weights"]} - {""}:
        try:
            card = find_weights(name)
        except UnknownWeightsError:
            continue
        prevalence = card.entries["calibration"].get("prevalence", 0.5)
        found[name] = float(np.clip(prevalence, 1e-6, 1 - 1e-6))
    return found


def _place(rows):
    good = [(r["ra"], r["dec"]) for r in rows if np.isfinite(r["ra"] + r["dec"])]
    return tuple(np.median(good, axis=0)) if good else (np.nan, np.nan)


def _columns(places):
    return np.array(places, dtype=float).reshape(-1, 2).T


def _epoch(pairs):
    known = [r["epoch"] for r in pairs.values() if np.isfinite(r.get("epoch", np.nan))]
    return float(np.median(known)) if known else np.nan


def _match_gaia(gaia, places, epochs):
    if gaia is None or not places:
        return [None] * len(places)
    from astro_vbinary.context import match_gaia

    return match_gaia(gaia, *_columns(places), epochs)


def _add_chance(rows, counts):
    from astro_vbinary.context import chance_neighbours

    chosen = [row for row in rows if np.isfinite(row.get("separation", np.nan))]
    if not chosen:
        return
    values = {
        name: [row[name] for row in chosen]
        for name in ("ra", "dec", "separation", "magnitude_difference")
    }
    found = chance_neighbours(counts, *values.values())
    for row, chance in zip(chosen, found, strict=True):
        row["chance"] = float(chance)
        row["chance_probability"] = float(-np.expm1(-chance))
        if chance >= MANY:
            row["flags"].add("likely_chance")
