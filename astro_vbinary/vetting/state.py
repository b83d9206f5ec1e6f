"""What the address of a page says: the queue, the filters and how images are shown."""

from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from astro_vbinary.plotting.style import STRETCHES
from astro_vbinary.vetting.annotations import ANNOTATION_LABELS
from astro_vbinary.vetting.look import COLOURS, CUTS, FIELDS, Look
from astro_vbinary.vetting.ordering import ORDERS

__all__ = ["SHOWN", "PageState"]

#: Which sources are walked through.
SHOWN = {
    "todo": "Without a label of mine",
    "all": "All",
    **{name: f"I said: {words}" for name, words in ANNOTATION_LABELS.items()},
}

_CHOICES = {
    "order": ORDERS,
    "show": SHOWN,
    "priors": ("hidden", "shown"),
    "stretch": STRETCHES,
    "cut": CUTS,
    "colours": COLOURS,
    "field": tuple(f"{field:g}" for field in FIELDS),
    "group": ("", "0", "1", "2", "3", "4"),
}


@dataclass(frozen=True)
class PageState:
    """What a page shows, as its address has it.

    Parameters
    ----------
    order, show, priors, stretch, cut, colours, field, group : str
        One of the choices of each.
    survey, status, about : str
        Filters, and the survey that a label is about; empty for any, and for the whole
        source.
    """

    order: str = "given"
    survey: str = ""
    group: str = ""
    status: str = ""
    show: str = "todo"
    priors: str = "hidden"
    stretch: str = "asinh"
    cut: str = "auto"
    colours: str = "inferno"
    field: str = "10"
    about: str = ""

    @classmethod
    def read(cls, query, default):
        """The state that a query asks for; what makes no sense is as by default.

        Parameters
        ----------
        query : mapping of str to str
            Names and values.
        default : PageState
            What is not asked for.

        Returns
        -------
        PageState
            The state.
        """
        asked = {}
        for item in fields(cls):
            value = query.get(item.name)
            if value is None or len(value) > 200:
                continue
            if value in _CHOICES.get(item.name, (value,)):
                asked[item.name] = value
        return replace(default, **asked)

    def query(self, default, **changes):
        """The query of an address that leads to this state.

        Parameters
        ----------
        default : PageState
            What need not be said.
        **changes : str
            What should be different in it, or is said besides.

        Returns
        -------
        str
            Begins with ``?``, or is empty.
        """
        own = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if getattr(self, item.name) != getattr(default, item.name)
        }
        said = {k: v for k, v in (own | changes).items() if v is not None}
        return f"?{urlencode(said)}" if said else ""

    @property
    def look(self):
        """How images are shown (`Look`)."""
        return Look(self.stretch, self.cut, self.colours, float(self.field))

    @property
    def filters(self):
        """What `arrange` takes (dict)."""
        return {
            "order": self.order,
            "survey": self.survey,
            "group": int(self.group or 0),
            "status": self.status,
        }
