"""The page around the rows: head, the sample at a glance, and the end."""

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

from astro_vbinary import __version__
from astro_vbinary.status import STATUS_MEANINGS
from astro_vbinary.vetting.report import figures
from astro_vbinary.vetting.report.candidates import HEADINGS
from astro_vbinary.vetting.report.pictures import FIELD, SIDE
from astro_vbinary.vetting.report.words import LABEL_WORDS, escape, survey_width

__all__ = ["Glance", "page_end", "page_start"]

#: Where style and script are.
FOLDER = Path(__file__).with_name("page")

#: Says that there are scripts before the table is there: thousands of rows are not laid
#: out only to be taken away again.
EARLY = 'document.documentElement.className="js"'

#: Columns of a catalogue that say how it was made.
PROVENANCE = ("weights", "version", "threshold", "prevalence", "inputs")


@dataclass
class Glance:
    """What the page says of the whole sample.

    Attributes
    ----------
    results : ReportedResults
        All sources.
    candidates : list of ReportedSource
        Those that are, or may be, pairs.
    rows, pictured : int
        How many candidates are listed, and how many have all columns.
    has_stamps : bool
        Whether there are images.
    reliability : tuple of `~numpy.ndarray` or None
        Probabilities of labelled sources, and whether labels say binary.
    completeness : `~astropy.table.QTable` or None
        What could be found.
    title : str
        The heading.
    """

    results: object
    candidates: list
    rows: int
    pictured: int
    has_stamps: bool
    reliability: tuple | None
    completeness: object
    title: str


def page_start(glance):
    """Everything before the rows of candidates.

    Parameters
    ----------
    glance : Glance
        The sample.

    Returns
    -------
    str
        HTML.
    """
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(EARLY)}' '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    title = escape(glance.title)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{title}</title><style>{style}</style><script>{EARLY}</script>",
            "</head><body>",
            _marks(),
            f"<header><h1>{title}</h1>{_summary(glance)}</header><main>",
            '<section class="glance" aria-label="The sample at a glance">',
            *_figures(glance),
            "</section>",
            _candidates_head(glance),
        ]
    )


def page_end(glance):
    """Everything after the rows of candidates.

    Parameters
    ----------
    glance : Glance
        The sample.

    Returns
    -------
    str
        HTML.
    """
    parts = ["</table>", '<nav id="pages" aria-label="Pages" hidden></nav></section>']
    parts.append("</main><footer>")
    described = [
        (name, words)
        for name, words in glance.results.descriptions.items()
        if words and glance.candidates and name in glance.candidates[0].row
    ]
    if described:
        items = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(words)}</dd></div>"
            for name, words in described
        )
        parts.append(
            "<details><summary>What the columns are</summary>"
            f"<dl>{items}</dl></details>"
        )
    made = [f"astro_vbinary {escape(__version__)}"]
    for name in PROVENANCE:
        values = {str(s.row[name]) for s in glance.results.sources if name in s.row}
        values = sorted(values - {"", "nan"})
        if values:
            shown = escape(", ".join(values[:4]))
            more = f" and {len(values) - 4:,} more" if len(values) > 4 else ""
            made.append(f"{name} {shown}{more}")
    time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts.append(f"<p>Made on {time} with {'; '.join(made)}.</p></footer>")
    parts.append(f"<script>{_asset('report.js')}</script></body></html>\n")
    return "\n".join(parts)


@cache
def _asset(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def _hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _marks():
    """What is drawn on every picture, defined once: the circle and both stars."""
    radius = 2.5 * SIDE / FIELD
    return (
        '<svg class="defs" width="0" height="0" aria-hidden="true">'
        f'<g id="ring"><circle cx="{SIDE / 2}" cy="{SIDE / 2}" r="{radius:.2f}"/></g>'
        '<g id="a"><circle r="4.5"/></g><g id="b"><circle r="2.8"/></g></svg>'
    )


def _summary(glance):
    sources, candidates = glance.results.sources, glance.candidates
    labels = Counter(source.label for source in sources)
    measured = sum(np.isfinite(s.row.get("separation", np.nan)) for s in candidates)
    surveys = {name for source in sources for name in source.verdicts} or {
        name for s in sources for name in str(s.row.get("surveys", "")).split(",")
    } - {""}
    tiles = [
        (len(sources), "sources"),
        (labels["binary"], "binary"),
        *([(labels["undecided"], "undecided")] if labels["undecided"] else []),
        (measured, "pairs measured"),
        (len(surveys), "survey" if len(surveys) == 1 else "surveys"),
    ]
    items = "".join(f"<li><b>{n:,}</b> {words}</li>" for n, words in tiles)
    note = (
        ""
        if glance.results.fused
        else "<p>There is no catalogue yet: a source is called binary where any survey "
        "says so, and has the largest of its surveys' probabilities.</p>"
    )
    return f'<ul class="tiles">{items}</ul>{note}'


def _figures(glance):
    sources = glance.results.sources
    if svg := figures.sky_map(sources):
        yield _figure(
            "Where they are",
            svg,
            '<i class="key binary"></i> binary <i class="key undecided"></i> undecided '
            '<i class="key other"></i> all others',
        )
    svg, count, about = figures.pair_map(
        glance.candidates, sources, glance.completeness
    )
    if count or about:
        words = (
            f'<i class="key binary"></i> {count:,} measured pairs; faint where '
            "separation and magnitude difference trade off."
        )
        shades = f' <i class="key shade"></i> {escape(about)}.' if about else ""
        yield _figure("How wide, how unequal", svg, words + shades)
    if glance.reliability is not None and len(glance.reliability[0]):
        probability, truth = glance.reliability
        yield _figure(
            "How reliable",
            figures.reliability(probability, truth),
            f"{len(truth):,} labelled sources, in ten bins with 95 % intervals; on the "
            "line, what has probability p is a pair that often.",
        )
    if svg := figures.probability_histogram(sources):
        yield _figure(
            "How sure", svg, "Sources by their probability; the height is logarithmic."
        )
    yield _counts(sources)


def _figure(title, svg, caption):
    return f"<figure><h2>{title}</h2>{svg}<figcaption>{caption}</figcaption></figure>"


def _counts(sources):
    """Verdicts by survey, and rows by status."""
    surveys, statuses = {}, Counter()
    for source in sources:
        for name, verdict in source.verdicts.items():
            own = surveys.setdefault(name, Counter())
            status = str(verdict.get("status", "ok") or "ok")
            statuses[status] += 1
            if status != "ok" or not np.isfinite(verdict["probability"]):
                own["none"] += 1
            else:
                own["binary" if verdict.get("label") == "binary" else "not"] += 1
        if not source.verdicts:
            statuses[str(source.row.get("status", "") or "ok")] += 1
    parts = ["<figure><h2>Who says so</h2>"]
    if surveys:
        most = max(sum(own.values()) for own in surveys.values())
        rows = "".join(
            f'<tr><th scope="row">{escape(name or "no survey")}</th>'
            f"<td>{own['binary']:,}</td><td>{own['not']:,}</td><td>{own['none']:,}</td>"
            f"<td>{_bar(own, most)}</td></tr>"
            for name, own in sorted(
                surveys.items(), key=lambda item: (survey_width(item[0]), item[0])
            )
        )
        parts.append(
            "<table><thead><tr><th>Survey</th><th>Binary</th><th>Not</th>"
            f"<th>No verdict</th><th></th></tr></thead><tbody>{rows}</tbody></table>"
        )
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{count:,}</td>'
        f"<td>{escape(STATUS_MEANINGS.get(name, ''))}</td></tr>"
        for name, count in statuses.most_common()
    )
    parts.append(
        "<table><thead><tr><th>Status</th><th>Rows</th><th>Meaning</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></figure>"
    )
    return "".join(parts)


def _bar(counts, most):
    parts, start = [], 0.0
    for kind in ("binary", "not", "none"):
        width = 120 * counts[kind] / most
        parts.append(
            f'<rect class="{kind}" x="{start:.1f}" width="{width:.1f}" height="8"/>'
        )
        start += width
    return (
        '<svg class="share" viewBox="0 0 120 8" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def _candidates_head(glance):
    listed, pictured = glance.rows, glance.pictured
    notes = [
        "Binary sources first, then undecided ones, the most probable first."
        if listed
        else "No source is binary or undecided."
    ]
    if listed < len(glance.candidates):
        notes.append(f"The first {listed:,} of {len(glance.candidates):,} are listed.")
    if listed > pictured:
        what = "images and all columns" if glance.has_stamps else "all columns"
        notes.append(f"The first {pictured:,} have {what}.")
    if glance.has_stamps:
        notes.append(
            f"Images are {FIELD:g} arcsec wide, north up and east to the left; the "
            "dashed circle is that of 2.5 arcsec, the small circles are the measured "
            "stars, the larger one the brighter. The fit is drawn again with the PSF "
            "of the survey or of the stamp's own stars, so what is left shows where "
            "that PSF is not the image's, too."
        )
    options = "".join(
        f'<option value="{name}">{words}</option>'
        for name, words in LABEL_WORDS.items()
        if any(source.label == name for source in glance.candidates)
    )
    tools = (
        '<form id="tools" hidden>'
        '<label>Find <input id="find" type="search" placeholder="source or survey">'
        "</label>"
        f'<label>Verdict <select id="label"><option value="">all</option>{options}'
        "</select></label>"
        '<label>Probability from <input id="least" type="number" min="0" max="1" '
        'step="0.05" value="0"></label>'
        '<label>Separation from <input id="wide" type="number" min="0" max="2.5" '
        'step="0.1" value="0"> ″</label>'
        '<label><input id="flagged" type="checkbox"> without flags only</label>'
        '<output id="count" aria-live="polite"></output></form>'
    )
    heads = "".join(
        f'<th scope="col"{f" data-sort={kind}" if kind else ""}>{words}</th>'
        if words
        else '<td class="small"></td>'
        for words, kind in HEADINGS
    )
    return (
        '<section class="candidates" aria-labelledby="list"><h2 id="list">Candidates'
        f"</h2><p>{' '.join(notes)}</p>{tools}"
        f'<table id="candidates"><thead><tr>{heads}</tr></thead>'
    )
