"""What the templates are filled with."""

import numpy as np

from astro_vbinary.plotting.panels import BARS
from astro_vbinary.plotting.style import STRETCHES
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT, get_survey, list_surveys
from astro_vbinary.vetting.agreement import make_consensus, measure_agreement
from astro_vbinary.vetting.annotations import ANNOTATION_LABELS
from astro_vbinary.vetting.look import COLOURS, CUTS, FIELDS
from astro_vbinary.vetting.ordering import ORDERS
from astro_vbinary.vetting.state import SHOWN
from astro_vbinary.vetting.store import SKIPPED

__all__ = ["agreement_page", "overview_page", "source_page"]

#: Sources on a page of the overview.
PAGE = 24

#: Keys, what they press, and what the help says.
KEYS = {
    "binary": ("b", "Binary"),
    "not_binary": ("n", "Not binary"),
    "unsure": ("u", "Unsure"),
    "bad_image": ("x", "Bad image"),
    "skip": ("s", "Skip"),
}


def source_page(session, state, item, annotator, address):
    """Values of ``source.html``.

    Parameters
    ----------
    session : Session
        The sitting.
    state : PageState
        What the address asks for.
    item : tuple of int
        Number and look.
    annotator : str
        Who looks.
    address : callable
        Makes the address of an item.

    Returns
    -------
    dict
        The values.
    """
    number, look = item
    source = session.project.sources[number]
    seen = session.seen(annotator)
    walk = session.walk(state, seen)
    place = walk.index(item) if item in walk else None
    before = walk[place - 1] if place else None
    after = walk[place + 1] if place is not None and place + 1 < len(walk) else None
    given = session.store.labels(source=source.name, looks=True)
    mine = [v for v in given if v.annotator == annotator and v.look == look]
    # A second look that showed the first answer would measure nothing.
    others = [v for v in given if v.annotator != annotator] if look == 1 else []
    following = session.following(state, seen, item)
    return {
        "source": source,
        "number": number,
        "look": look,
        "surveys": _surveys(session, state, number),
        "mine": mine[-1] if mine else None,
        "others": others,
        "showing": state.priors == "shown",
        "keys": KEYS,
        "words": ANNOTATION_LABELS,
        "progress": _progress(session, state, seen),
        "place": None if place is None else place + 1,
        "length": len(walk),
        "previous": address(state, before) if before else None,
        "next": address(state, after) if after else None,
        "prefetch": [] if following is None else _pictures(session, state, *following),
        "options": _options(session, source),
        "field": float(state.field),
        "marks": _marks(float(state.field)),
    }


def overview_page(session, state, annotator, page, address):
    """Values of ``overview.html``.

    Parameters
    ----------
    session : Session
        The sitting.
    state : PageState
        What the address asks for.
    annotator : str
        Who looks.
    page : str
        Which page, from 1; what is no number is the first.
    address : callable
        Makes the address of an item.

    Returns
    -------
    dict
        The values.
    """
    seen = session.seen(annotator)
    items = [item for item in session.walk(state, seen) if item[1] == 1]
    pages = max(-(-len(items) // PAGE), 1)
    page = min(max(int(page) if page.isdecimal() else 1, 1), pages)
    cards = []
    for item in items[(page - 1) * PAGE : page * PAGE]:
        source = session.project.sources[item[0]]
        pictures = _pictures(session, state, *item)
        said = seen.get(item, "")
        cards.append(
            {
                "name": source.name,
                "address": address(state, item),
                "picture": pictures[0] if pictures else None,
                "label": ANNOTATION_LABELS.get(said, "Skipped" if said else "No label"),
                "said": said,
            }
        )
    return {
        "cards": cards,
        "page": page,
        "pages": pages,
        "progress": _progress(session, state, seen),
        "options": _options(session),
        "length": len(items),
    }


def agreement_page(session, state, address):
    """Values of ``agreement.html``.

    Parameters
    ----------
    session : Session
        The sitting.
    state : PageState
        What the address asks for.
    address : callable
        Makes the address of an item.

    Returns
    -------
    dict
        The values.
    """
    labels = session.store.labels(looks=True)
    first = [label for label in labels if label.look == 1]
    counts = {}
    for label in first:
        own = counts.setdefault(label.annotator, dict.fromkeys(ANNOTATION_LABELS, 0))
        own[label.label] += 1
    said = {}
    for label in first:
        said.setdefault((label.source, label.survey), {})[label.annotator] = label.label
    consensus = {(v.source, v.survey): v.label for v in make_consensus(first)}
    disputed = [
        {
            "source": source,
            "survey": survey,
            "said": given,
            "consensus": ANNOTATION_LABELS[consensus[source, survey]],
            "address": None if number is None else address(state, (number, 1)),
        }
        for (source, survey), given in said.items()
        if len(set(given.values())) > 1
        for number in [session.project.find(source)]
    ]
    rows = [
        {
            **dict(zip(row.colnames, row, strict=True)),
            "agree": _number(row["agree"], "{:.1%}"),
            "kappa": _number(row["kappa"], "{:.3f}"),
        }
        for row in measure_agreement(labels)
    ]
    return {
        "rows": rows,
        "counts": counts,
        "words": ANNOTATION_LABELS,
        "disputed": disputed[:200],
        "n_disputed": len(disputed),
    }


def _surveys(session, state, number):
    source = session.project.sources[number]
    found = []
    for place, name in enumerate(source.surveys):
        panels = [
            {
                "label": view.band or ("stacked" if view.file else view.name),
                "name": view.name,
                "address": _picture(session, state, number, n),
                "reason": session.painter.reason(number, n),
            }
            for n, view in enumerate(source.views)
            if view.survey == name
        ]
        verdict = source.verdicts.get(name)
        found.append(
            {
                "name": name or "No survey",
                "width": _width(name),
                "group": source.group(name),
                "panels": panels,
                "verdict": verdict,
                "probability": _number(verdict.probability, "{:.3f}")
                if verdict
                else None,
                "peaks": f"/peaks/{number}/{place}.png"
                + state.query(session.default, v=session.nonce),
            }
        )
    return found


def _width(survey):
    if survey not in list_surveys():
        return None
    return f"{get_survey(survey).effective_fwhm().to_value('arcsec'):.2g}"


def _picture(session, state, number, view):
    said = {
        name: getattr(state, name) for name in ("stretch", "cut", "colours", "field")
    }
    # Only what the picture depends on, so that other filters do not load it anew.
    plain = session.default
    return f"/stamp/{number}/{view}.png" + plain.query(plain, **said, v=session.nonce)


def _pictures(session, state, number, look):
    views = session.project.sources[number].views
    return [_picture(session, state, number, n) for n in range(len(views))]


def _progress(session, state, seen):
    items = session.items(state)
    done = sum(seen.get(item, SKIPPED) != SKIPPED for item in items)
    return {"done": done, "all": len(items)}


def _options(session, source=None):
    project = session.project
    return {
        "order": ORDERS,
        "show": SHOWN,
        "survey": project.surveys,
        "group": project.groups,
        "status": project.statuses,
        "stretch": STRETCHES,
        "cut": CUTS,
        "colours": COLOURS,
        "field": [f"{field:g}" for field in FIELDS],
        "about": () if source is None else source.surveys,
        "annotators": session.store.annotators(),
    }


def _marks(field):
    """Where marks lie, in arcsec from the middle; up is north, left is east."""
    bar = max((b for b in BARS if b <= field / 3), default=BARS[0])
    edge = field / 2
    return {
        "radius": VISUAL_BINARY_LIMIT.to_value("arcsec"),
        "bar": bar,
        "right": 0.9 * edge,
        "left": 0.9 * edge - bar,
        "low": 0.88 * edge,
        "unit": edge,
    }


def _number(value, form):
    return form.format(value) if np.isfinite(value) else "-"
