"""One sitting: a project, its labels, and who comes next."""

import secrets
import unicodedata
from functools import lru_cache
from urllib.parse import quote, unquote

from astro_vbinary.vetting.annotations import ANNOTATION_LABELS, Annotation
from astro_vbinary.vetting.ordering import arrange, next_item
from astro_vbinary.vetting.painting import Painter
from astro_vbinary.vetting.state import PageState

__all__ = ["Session", "clean_name"]

#: Most letters of an annotator's name and of a note.
LONGEST_NAME, LONGEST_NOTE = 64, 2000


def clean_name(name):
    """An annotator's name without what cannot be seen.

    Parameters
    ----------
    name : str
        As it was typed.

    Returns
    -------
    str
        On one line, at most 64 letters; may be empty.
    """
    plain = "".join(c for c in name if unicodedata.category(c)[0] != "C" or c == " ")
    return " ".join(plain.split())[:LONGEST_NAME]


class Session:
    """What the page needs to know, apart from requests.

    Parameters
    ----------
    project : `~astro_vbinary.vetting.VettingProject`
        The sources.
    store : `~astro_vbinary.vetting.LabelStore`
        Their labels, open.
    annotator : str
        Who labels until somebody else says so.
    default : PageState
        What a page shows by itself.
    repeats, seed : float, int
        As for `arrange`.
    """

    def __init__(self, project, store, *, annotator, default=None, repeats=0.0, seed=0):
        self.project = project
        self.store = store
        self.painter = Painter(project)
        self.annotator = clean_name(annotator) or "anonymous"
        self.default = default or PageState()
        #: Set apart pictures of this sitting from those that a browser may still keep.
        self.nonce = secrets.token_hex(4)
        self._arrange = lru_cache(32)(
            lambda filters: arrange(
                project, repeats=repeats, seed=seed, **dict(filters)
            )
        )

    def items(self, state):
        """What passes the filters, in order, whoever looks.

        Parameters
        ----------
        state : PageState
            The filters.

        Returns
        -------
        list of tuple of int
            Number and look.
        """
        return self._arrange(tuple(state.filters.items()))

    def seen(self, annotator):
        """What somebody labelled or skipped, by number and look.

        Parameters
        ----------
        annotator : str
            Who.

        Returns
        -------
        dict of tuple of int to str
            Labels; sources that are not in the project are left out.
        """
        return {
            (number, look): label
            for (name, look), label in self.store.seen(annotator).items()
            if (number := self.project.find(name)) is not None
        }

    def walk(self, state, seen):
        """The items that the arrows lead through.

        Parameters
        ----------
        state : PageState
            The filters.
        seen : dict
            As from `seen`.

        Returns
        -------
        list of tuple of int
            All where those without a label are walked through, since one may go back.
        """
        items = self.items(state)
        if state.show in ANNOTATION_LABELS:
            return [item for item in items if seen.get(item) == state.show]
        return items

    def following(self, state, seen, item):
        """What comes after an item.

        Parameters
        ----------
        state : PageState
            The filters.
        seen : dict
            As from `seen`.
        item : tuple of int or None
            Where one is; None at the beginning.

        Returns
        -------
        tuple of int or None
            None at the end.
        """
        items = self.walk(state, seen)
        if state.show == "todo":
            return next_item(items, seen, after=item)
        place = items.index(item) + 1 if item in items else 0
        return items[place] if place < len(items) else None

    def label(self, item, label, *, annotator, note="", about=""):
        """Keep a label.

        Parameters
        ----------
        item : tuple of int
            Number and look.
        label : str
            One of `ANNOTATION_LABELS`.
        annotator : str
            Who.
        note : str, optional
            What they wrote.
        about : str, optional
            The survey that it is about; empty for the whole source.
        """
        number, look = item
        source = self.project.sources[number]
        images = tuple(
            view.name
            for place, view in enumerate(source.views)
            if about in ("", view.survey) and not self.painter.reason(number, place)
        )
        position = {}
        if source.target is not None:
            icrs = source.target.icrs
            position = {"ra": float(icrs.ra.deg), "dec": float(icrs.dec.deg)}
        self.store.add(
            Annotation(
                source.name,
                about,
                label,
                annotator,
                note=note.strip()[:LONGEST_NOTE],
                images=images,
                look=look,
                **position,
            )
        )

    def name_of(self, cookie):
        """The annotator that a cookie names.

        Parameters
        ----------
        cookie : str or None
            Its value.

        Returns
        -------
        str
            The name; that of the start where there is none.
        """
        return clean_name(unquote(cookie or "")) or self.annotator


def to_cookie(name):
    """An annotator's name as the value of a cookie.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        ASCII only.
    """
    return quote(name, safe="")
