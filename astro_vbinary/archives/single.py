"""Stamps of one source, as objects: what `SurveyStamp` and `StampStack` call."""

import tempfile
from contextlib import nullcontext
from pathlib import Path

from astropy.table import Table

from astro_vbinary.archives.downloading import fetch_stamps
from astro_vbinary.archives.exporting import read_manifest
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.planning import DEFAULT_SIZE
from astro_vbinary.archives.resolving import parse_position, resolve_name
from astro_vbinary.archives.sources import name_of
from astro_vbinary.exceptions import FetchError
from astro_vbinary.surveys import get_survey

__all__ = ["fetch_files"]


def fetch_files(
    make, coord, *, survey, bands=None, source=None, size=None, folder=None, **options
):
    """Fetch stamps of one source and make something of their files.

    Parameters
    ----------
    make : callable
        Called with the name of the survey, that of the source, its position, and a
        list of band, path and `FetchError` or None of each request.
    coord : `~astropy.coordinates.SkyCoord` or str
        Position, or a text with one, or a name that Sesame knows.
    survey : str
        Name of the survey.
    bands : sequence of str, optional
        Which bands.
    source : str, optional
        Name of the source; by default the text, or one made of the position.
    size : `~astropy.units.Quantity`, optional
        Side of the stamps.
    folder : str or `~pathlib.Path`, optional
        Where the files stay; by default they are not kept.
    **options
        As for `fetch_stamps`.

    Returns
    -------
    object
        What ``make`` returns.
    """
    position = coord
    if isinstance(coord, str):
        position = parse_position(coord)
        if position is None:
            position = resolve_name(coord)
            source = source or coord
    source = source or name_of(position)
    icrs = position.icrs
    table = Table({"source": [str(source)], "ra": [icrs.ra.deg], "dec": [icrs.dec.deg]})
    kept = tempfile.TemporaryDirectory() if folder is None else nullcontext(folder)
    with kept as place:
        fetch_stamps(
            table,
            place,
            surveys=[survey],
            bands=bands,
            size=DEFAULT_SIZE if size is None else size,
            **options,
        )
        found = get_survey(survey)
        name = found.name
        wanted = None if bands is None else {found.band(b).name for b in bands}
        rows = [
            row
            for row in read_manifest(place)
            if row["source"] == str(source)
            and row["survey"] == name
            and (wanted is None or row["band"] in wanted)
        ]
        files = [(row["band"], Path(place) / row["path"], _error(row)) for row in rows]
        # HiPS goes where the archive gave none, so what is there comes last.
        best = {}
        for band, path, error in files:
            if band not in best or error is None:
                best[band] = (band, path, error)
        return make(name, str(source), position, list(best.values()))


def _error(row):
    outcome = Outcome(row["outcome"]) if row["outcome"] else Outcome.HTTP_ERROR
    if outcome.has_file:
        return None
    what = f"{row['survey']} {row['band']} of {row['source']}"
    return FetchError(outcome, f"{what}: {row['reason'] or 'not fetched'}")
