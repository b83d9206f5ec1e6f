"""Write the report: gathered once, written as it is made."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from astro_vbinary.vetting.report.candidates import candidate_rows
from astro_vbinary.vetting.report.page import Glance, page_end, page_start
from astro_vbinary.vetting.report.pictures import StripMaker
from astro_vbinary.vetting.report.results import load_results

__all__ = ["ReportSummary", "write_report"]

#: Candidates that have images and all columns, by default; and rows at most.
PICTURED, ROWS = 500, 20_000


@dataclass(frozen=True)
class ReportSummary:
    """What a report holds.

    Attributes
    ----------
    sources, candidates, pictures : int
        Sources that were counted, candidates that are listed, and pictures of them.
    failed : int
        Images that could not be shown.
    size : int
        Of the file, in bytes.
    """

    sources: int
    candidates: int
    pictures: int
    failed: int
    size: int


def write_report(
    results,
    output,
    *,
    stamps=None,
    candidates=PICTURED,
    labels=None,
    completeness=None,
    title="Visual binaries",
    progress=False,
):
    """Write a catalogue as one HTML file that needs no other and opens offline.

    It shows the sample at a glance, then every source that is binary or undecided in a
    table that can be sorted and filtered; without scripts it is a plain table. The
    best of them have their stamps in all surveys, north up and at one scale, with the
    fit of the measured pair and its residuals, and all columns of the catalogue.

    Parameters
    ----------
    results : str, `~pathlib.Path` or `~astropy.table.Table`
        A folder with ``catalog.ecsv``, ``verdicts.ecsv`` and ``pairs.ecsv`` (or other
        formats), of which pairs and one of the others may be missing; or a table of
        verdicts, or a catalogue.
    output : str or `~pathlib.Path`
        The file; replaced if it exists.
    stamps : path, sequence of paths or `~astro_vbinary.StampIndex`, optional
        The images; without them there are none in the report.
    candidates : int, optional
        How many candidates have images and all columns, the most probable first; what
        bounds the size of the file. At most 20,000 are listed.
    labels : str or `~pathlib.Path`, optional
        Labels as for `~astro_vbinary.vetting.read_annotations`: the reliability of the
        probabilities is shown in place of how often each was given.
    completeness : str, `~pathlib.Path` or `~astropy.table.QTable`, optional
        What ``astro-vbinary completeness`` makes: shown below the pairs. By default
        the limits in the catalogue are, where it has them.
    title : str, optional
        The heading.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    ReportSummary
        What it holds.

    Raises
    ------
    FileNotFoundError
        If an input does not exist.
    ValueError
        If an input cannot be read, or ``candidates`` is negative.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astro_vbinary.vetting import write_report
    >>> table = Table(
    ...     {"source": ["a", "b"], "survey": ["HST"] * 2, "probability": [0.9, 0.1],
    ...      "label": ["binary", "not"], "ra": [83.8] * 2, "dec": [-5.4, -5.5]}
    ... )
    >>> write_report(table, "report.html").candidates  # doctest: +SKIP
    1
    """
    if candidates < 0:
        raise ValueError(f"candidates must not be negative, not {candidates}")
    loaded = load_results(results)
    listed = loaded.candidates()
    glance = Glance(
        loaded,
        listed,
        rows=min(len(listed), ROWS),
        pictured=min(len(listed), candidates),
        has_stamps=stamps is not None,
        reliability=None if labels is None else _labelled(loaded, labels),
        completeness=_completeness(completeness),
        title=title,
    )
    maker = None if stamps is None else StripMaker(stamps)
    output = Path(output)
    bar = tqdm(
        listed[:ROWS],
        unit="candidate",
        desc="report",
        disable=None if progress else True,
    )
    with output.open("w", encoding="utf-8", newline="\n") as file:
        file.write(page_start(glance))
        for number, source in enumerate(bar, 1):
            full, strips, small = number <= candidates, (), ""
            if full and maker is not None:
                strips, small = maker.strips(source)
            file.write(
                candidate_rows(
                    source,
                    number,
                    strips=strips,
                    small=small,
                    units=loaded.units,
                    full=full,
                )
            )
        file.write(page_end(glance))
    return ReportSummary(
        len(loaded.sources),
        min(len(listed), ROWS),
        maker.made if maker else 0,
        maker.failed if maker else 0,
        output.stat().st_size,
    )


def _labelled(results, labels):
    """Probabilities of labelled sources, and whether the labels say binary."""
    from astro_vbinary.vetting.agreement import make_consensus
    from astro_vbinary.vetting.annotations import read_annotations

    known = {source.name: source for source in results.sources}
    found = []
    for label in make_consensus(read_annotations(labels)):
        source = known.get(label.source)
        if source is None or label.label not in ("binary", "not_binary"):
            continue
        row = source.verdicts.get(label.survey, {}) if label.survey else source.row
        probability = row.get("probability", np.nan)
        if np.isfinite(probability):
            found.append((probability, label.label == "binary"))
    values = np.array(found, dtype=float).reshape(-1, 2)
    return values[:, 0], values[:, 1] > 0


def _completeness(given):
    if given is None or hasattr(given, "colnames"):
        return given
    from astro_vbinary.stamps.tables import read_table

    table = read_table(given, "completeness map", units=True)
    needed = {"separation", "magnitude_difference", "completeness"}
    if missing := needed - set(table.colnames):
        raise ValueError(f"{given} has no column {', '.join(sorted(missing))}")
    return table
