"""Numbers, names and flags as a reader sees them; everything is escaped here."""

import html
import unicodedata
from functools import lru_cache

import numpy as np

from astro_vbinary.exceptions import VBinaryError
from astro_vbinary.pipeline.catalog_columns import CATALOG_FLAGS
from astro_vbinary.status import FLAG_MEANINGS, Flag
from astro_vbinary.surveys import get_survey
from astro_vbinary.vetting.report.charts import MINUS

__all__ = [
    "FORMS",
    "LABEL_WORDS",
    "cell",
    "escape",
    "flag_words",
    "links",
    "measure",
    "name_markup",
]

#: Labels in words.
LABEL_WORDS = {
    "binary": "binary",
    "undecided": "undecided",
    "not_binary": "not binary",
    "no_verdict": "no verdict",
}

#: Formats of numbers by the unit of their column.
FORMS = {"deg": ".6f", "arcsec": ".4f", "mag": ".3f", "yr": ".3f", "mas / yr": ".2f"}

#: Categories of characters that are shown by their number: control, format (of text
#: that runs from right to left, too), surrogates, separators of lines.
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def escape(text):
    """Text as markup in which nothing is hidden.

    Parameters
    ----------
    text : object
        The text.

    Returns
    -------
    str
        HTML, safe between tags and in quoted attributes.
    """
    shown = "".join(
        f"\\u{ord(c):04x}" if unicodedata.category(c) in HIDDEN else c
        for c in str(text)
    )
    return html.escape(shown)


def name_markup(name):
    """A name of somebody's choosing, isolated from the text around it.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        HTML.
    """
    return f"<bdi>{escape(name)}</bdi>"


def measure(value, error=np.nan, *, form=".2f", unit=""):
    """A number and its error.

    Parameters
    ----------
    value : float
        The number.
    error : float, optional
        Its error.
    form : str, optional
        Format of both.
    unit : str, optional
        Written behind the number.

    Returns
    -------
    str
        HTML; a dash where there is no number.
    """
    if not np.isfinite(value):
        return "\N{EN DASH}"
    text = f"{_number(value, form)}{unit}"
    if np.isfinite(error):
        text += f" <small>± {_number(error, form)}</small>"
    return text


def _number(value, form):
    # What a degenerate fit has no hold on can have errors of any size.
    return f"{value:{form if abs(value) < 1e4 else '.0e'}}".replace("-", MINUS)


def cell(value, unit=""):
    """A cell of the catalogue.

    Parameters
    ----------
    value : float or str
        The cell.
    unit : str, optional
        Unit of its column.

    Returns
    -------
    str
        HTML; empty where there is nothing to show.
    """
    if isinstance(value, str):
        return escape(value)
    if not np.isfinite(value):
        return ""
    text = f"{value:{FORMS[unit]}}" if unit in FORMS else f"{value:.6g}"
    return escape(f"{text} {unit}".strip())


def flag_words(row, verdicts):
    """What is flagged of a source, in words.

    Parameters
    ----------
    row : dict
        Its columns of the catalogue.
    verdicts : dict of str to dict
        Its verdicts, by survey.

    Returns
    -------
    list of str
        Text, not escaped.
    """
    names = [name for name in str(row.get("flags", "")).split(",") if name]
    if "flags" not in row:
        names += [n for n in ("triple", "degenerate") if row.get(n, 0) > 0]
    found = [CATALOG_FLAGS.get(name, name) for name in names]
    by_flag = {}
    for survey, verdict in verdicts.items():
        value = verdict.get("flags", 0)
        number = int(value) if np.isfinite(value) else 0
        for flag in Flag:
            # What every image of a survey has is no news of this one.
            if flag and number & flag and flag is not Flag.SEEING_LIMITED:
                by_flag.setdefault(flag, []).append(survey)
    for flag, surveys in by_flag.items():
        found.append(f"{FLAG_MEANINGS[flag]} ({', '.join(surveys)})")
    return found


def links(row):
    """Where else to look at a source: by its position, and by nothing else.

    Parameters
    ----------
    row : dict
        Its columns.

    Returns
    -------
    str
        HTML; empty without a position.
    """
    ra, dec = (float(row.get(name, np.nan)) for name in ("ra", "dec"))
    if not np.isfinite(ra + dec):
        return ""
    place = f"{ra:.6f}{dec:+.6f}".replace("+", "%2B")
    spaced = f"{ra:.6f}%20{dec:+.6f}".replace("+", "%2B")
    addresses = {
        "Aladin": f"https://aladin.cds.unistra.fr/AladinLite/?target={spaced}&fov=0.01",
        "SIMBAD": "https://simbad.cds.unistra.fr/simbad/sim-coo?Coord="
        f"{place}&CooFrame=ICRS&Radius=5&Radius.unit=arcsec",
    }
    return " ".join(
        f'<a href="{html.escape(address)}" target="_blank" '
        f'rel="noopener noreferrer">{name}</a>'
        for name, address in addresses.items()
    )


def survey_width(name):
    """Effective width of a survey's stars, for ordering.

    Parameters
    ----------
    name : str
        Name of the survey.

    Returns
    -------
    float
        In arcsec; infinite where the survey is not known.
    """
    try:
        return _known_width(name)
    except VBinaryError:
        return float("inf")


# What is unknown raises, and is not kept: it may be registered later.
@lru_cache(256)
def _known_width(name):
    return float(get_survey(name).effective_fwhm().to_value("arcsec"))
