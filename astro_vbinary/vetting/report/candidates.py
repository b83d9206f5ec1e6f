"""Rows of the table of candidates, and what is behind each."""

import numpy as np

from astro_vbinary.vetting.report.pictures import FIELD, SIDE
from astro_vbinary.vetting.report.words import (
    LABEL_WORDS,
    cell,
    escape,
    flag_words,
    links,
    measure,
    name_markup,
    survey_width,
)

__all__ = ["HEADINGS", "candidate_rows"]

#: Headings of the table: what they say, and how their column sorts.
HEADINGS = (
    ("", ""),
    ("Source", "text"),
    ("Verdict", "text"),
    ("Probability", "number"),
    ("Surveys", "text"),
    ("Separation (″)", "number"),
    ("Angle (°)", "number"),
    ("Δ mag", "number"),
    ("Flags", "text"),
)

#: Columns that the row itself shows, or that are links.
SHOWN = {"source", "label", "flags"}


def candidate_rows(source, number, *, strips=(), small="", units=None, full=True):
    """A candidate as a group of two rows: what is known, and what is behind it.

    Parameters
    ----------
    source : ReportedSource
        The candidate.
    number : int
        Its place, from 1.
    strips : sequence of Strip, optional
        Its pictures.
    small : str, optional
        Data URI of its small picture.
    units : dict of str to str, optional
        Of the columns of the catalogue.
    full : bool, optional
        Whether all columns of the catalogue are given.

    Returns
    -------
    str
        HTML.
    """
    row = source.row
    flags = flag_words(row, source.verdicts)
    image = f'<img src="{small}" alt="" decoding="async">' if small else ""
    cells = [
        f'<td class="small">{image}</td>',
        f'<th scope="row">{name_markup(source.name)}</th>',
        f'<td class="{source.label}">{LABEL_WORDS.get(source.label, "")}</td>',
        f"<td>{measure(source.probability, form='.3f')}</td>",
        f"<td>{_surveys(source)}</td>",
        f"<td>{_pair(row, 'separation', '.3f')}</td>",
        f"<td>{_pair(row, 'position_angle', '.1f')}</td>",
        f"<td>{_pair(row, 'magnitude_difference', '.2f')}</td>",
        f"<td>{len(flags) or ''}</td>",
    ]
    parts = [
        f'<tbody id="c{number}"><tr>{"".join(cells)}</tr>',
        f'<tr class="more"><td colspan="{len(HEADINGS)}"><details>',
        "<summary>Images and details</summary>",
        f'<div class="behind" id="d{number}">',
        '<div class="strips">',
        *_survey_blocks(source, strips),
        "</div>",
        f'<div class="facts"><p class="links">{links(row)}</p>',
    ]
    if flags:
        items = "".join(f"<li>{escape(words)}</li>" for words in flags)
        parts.append(f'<ul class="flags">{items}</ul>')
    if full:
        parts.append(_columns(row, units or {}))
    parts.append("</div></div></details></td></tr></tbody>\n")
    return "".join(parts)


def _pair(row, name, form):
    error = row.get(f"{name}_error", np.nan)
    return measure(row.get(name, np.nan), error, form=form)


def _surveys(source):
    row = source.row
    names = str(row.get("surveys", "")) or ",".join(source.surveys)
    text = escape(names.replace(",", ", "))
    total, pairs = row.get("n_surveys", np.nan), row.get("n_binary", np.nan)
    if np.isfinite(total) and np.isfinite(pairs) and total > 1:
        text += f" <small>{pairs:.0f} of {total:.0f} say binary</small>"
    return text


def _survey_blocks(source, strips):
    """One block a survey: pictures or a reason, the verdict and the measurement."""
    shown = {strip.survey: strip for strip in strips}
    others = [name for name in source.surveys if name not in shown]
    for name in [*shown, *sorted(others, key=survey_width)]:
        strip, measured = shown.get(name), source.pairs.get(name)
        head = f"<b>{escape(name or 'no survey')}</b>"
        said = [
            _verdict(source.verdicts.get(name)),
            _measured(measured) if measured else "",
        ]
        if strip is None:
            # As few elements as can be: there are thousands of these.
            words = "; ".join(filter(None, said))
            words = words.replace("<small>", "").replace("</small>", "")
            yield f'<p class="said">{head} {words}</p>'
            continue
        if strip.band:
            head += f" <small>{escape(strip.band)}</small>"
        spans = "".join(f"<span>{words}</span>" for words in said if words)
        body = f'<p class="reason">{escape(strip.reason)}</p>'
        if strip.picture:
            body = _picture(strip)
        yield f"<figure><figcaption>{head} {spans}</figcaption>{body}</figure>"


def _verdict(verdict):
    if not verdict:
        return ""
    if np.isfinite(verdict["probability"]):
        return f"p = {verdict['probability']:.3f}"
    return escape(verdict.get("reason", "") or verdict.get("status", ""))


def _measured(row):
    if not np.isfinite(row.get("separation", np.nan)):
        return escape(row.get("reason", "") or row.get("status", ""))
    parts = [
        f"{_pair(row, 'separation', '.3f')}″",
        f"{_pair(row, 'position_angle', '.1f')}°",
        f"Δ{escape(row.get('reference_band', ''))} "
        f"{_pair(row, 'magnitude_difference', '.2f')}",
    ]
    chance = row.get("false_alarm", np.nan)
    if np.isfinite(chance):
        parts.append(f"false alarm {chance:.0e}" if chance > 0 else "false alarm 0")
    return ", ".join(parts)


def _picture(strip):
    words = ["stamp", "fit", "residual"][: strip.panels]
    alt = f"{strip.survey} {strip.band}: {', '.join(words)}"
    scale, middle = SIDE / FIELD, SIDE / 2
    marks = []
    for panel in range(strip.panels):
        x0 = panel * SIDE
        marks.append(f'<use href="#ring" x="{x0}"/>')
        if strip.places is None:
            continue
        for star, (east, north) in zip("ab", strip.places, strict=True):
            # East is to the left.
            x, y = x0 + middle - east * scale, middle - north * scale
            marks.append(f'<use href="#{star}" x="{x:.1f}" y="{y:.1f}"/>')
    names = [f"<span>{word}</span>" for word in words]
    if strip.span:
        names[-1] = f"<span>residual <small>{escape(strip.span)}</small></span>"
    return (
        f'<div class="strip n{strip.panels}"><div class="frame">'
        f'<img src="{strip.picture}" alt="{escape(alt)}" width="{strip.panels * SIDE}" '
        f'height="{SIDE}" loading="lazy" decoding="async">'
        f'<svg viewBox="0 0 {strip.panels * SIDE} {SIDE}" aria-hidden="true">'
        f'{"".join(marks)}</svg></div><div class="names">{"".join(names)}</div></div>'
    )


def _columns(row, units):
    entries = []
    for name, value in row.items():
        text = "" if name in SHOWN else cell(value, units.get(name, ""))
        if text:
            entries.append(f"<div><dt>{escape(name)}</dt><dd>{text}</dd></div>")
    return f'<dl class="columns">{"".join(entries)}</dl>'
