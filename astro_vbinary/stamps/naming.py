"""How a file's name tells its source, band and survey."""

import re
import string
from dataclasses import dataclass

from astro_vbinary.exceptions import StampNameError

__all__ = [
    "DEFAULT_TEMPLATES",
    "NamingTemplate",
    "StampName",
    "has_fits_suffix",
    "parse_name",
    "split_suffix",
]

#: Templates tried in this order: a stack of bands, and one band.
DEFAULT_TEMPLATES = ("{source}_stacked_{survey}", "{source}_{band}_{survey}")

#: Placeholders of a template.
PLACEHOLDERS = ("source", "band", "survey")

_FITS_SUFFIX = re.compile(r"\.(fits|fit|fts)(\.(gz|fz|bz2))?$|\.fz$", re.IGNORECASE)
_OTHER_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{0,4}$", re.IGNORECASE)

# A source's name may hold the separators, so it takes as much as it can.
_PATTERNS = {
    "source": "(?P<source>.+)",
    "band": "(?P<band>.+?)",
    "survey": "(?P<survey>.+?)",
}


@dataclass(frozen=True)
class StampName:
    """What a file's name tells.

    Parameters
    ----------
    source : str
        Name of the source.
    band : str or None
        Name of the band; None for a stack of bands.
    survey : str or None
        The survey as it is spelt in the name; None where the template has none.
    """

    source: str
    band: str | None = None
    survey: str | None = None


class NamingTemplate:
    """A pattern of file names, such as ``{source}_{band}_{survey}``.

    What is not a placeholder stands for itself. Names are matched from the right,
    so that a source's name may hold the separator. Suffixes (``.fits``, ``.fit``,
    ``.fts``, each also with ``.gz``, ``.fz`` or ``.bz2``) are no part of a name.

    Parameters
    ----------
    template : str
        Text with ``{source}`` and perhaps ``{band}`` and ``{survey}``.

    Raises
    ------
    ValueError
        If a placeholder is unknown, repeated, or next to another one, or if there
        is none for the source.

    Examples
    --------
    >>> from astro_vbinary.stamps import NamingTemplate
    >>> template = NamingTemplate("{source}_{band}_{survey}")
    >>> template.parse("V_380_Ori_g_PanSTARRS.fits.gz")
    StampName(source='V_380_Ori', band='g', survey='PanSTARRS')
    >>> template.format(source="22466", band="r", survey="SDSS9")
    '22466_r_SDSS9.fits'
    """

    def __init__(self, template):
        self.template, _ = split_suffix(str(template))
        self.fields = ()
        pattern, last = "", None
        for literal, field, spec, conversion in self._pieces(template):
            pattern += re.escape(literal)
            if field is None:
                continue
            if field not in PLACEHOLDERS or spec or conversion:
                known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                raise ValueError(
                    f"template {template!r} has the placeholder {{{field}}}; "
                    f"known: {known}"
                )
            if field in self.fields:
                raise ValueError(f"template {template!r} has {{{field}}} twice")
            if last is not None and not literal:
                raise ValueError(
                    f"template {template!r} needs a text between {{{last}}} and "
                    f"{{{field}}}"
                )
            pattern += _PATTERNS[field]
            self.fields, last = (*self.fields, field), field
        if "source" not in self.fields:
            raise ValueError(f"template {template!r} has no {{source}}")
        self._pattern = re.compile(pattern, re.DOTALL)

    def _pieces(self, template):
        try:
            return list(string.Formatter().parse(self.template))
        except ValueError as error:
            raise ValueError(f"template {template!r} is malformed: {error}") from error

    def parse(self, filename):
        """What a file's name tells.

        Parameters
        ----------
        filename : str
            The name, with or without its suffix, without its folder.

        Returns
        -------
        StampName
            Source, band and survey.

        Raises
        ------
        ~astro_vbinary.exceptions.StampNameError
            If the name does not fit.
        """
        stem, _ = split_suffix(filename)
        match = self._pattern.fullmatch(stem)
        if match is None:
            raise StampNameError(f"{filename!r} does not fit {self.template!r}")
        return StampName(**match.groupdict())

    def format(self, *, source, band=None, survey=None, suffix=".fits"):
        """The file name of a stamp.

        Parameters
        ----------
        source : str
            Name of the source.
        band, survey : str, optional
            Names of the band and the survey; required where the template has them.
        suffix : str, optional
            What to end the name with.

        Returns
        -------
        str
            A name from which `parse` gives the same parts back.

        Raises
        ------
        ValueError
            If a part is missing, holds a slash, or makes a name that would be
            understood as another one.
        """
        given = {"source": source, "band": band, "survey": survey}
        parts = {field: str(given[field] or "") for field in self.fields}
        for field, value in parts.items():
            if not value or re.search(r"[/\\\0]", value):
                raise ValueError(f"{field} {value!r} cannot be in a file's name")
        name = self.template.format(**parts) + suffix
        try:
            understood = self.parse(name)
        except StampNameError:
            understood = None
        if understood != StampName(**parts):
            raise ValueError(f"{name!r} would not be understood as {parts}")
        return name

    def __repr__(self):
        return f"NamingTemplate({self.template!r})"


def parse_name(filename, *, templates=DEFAULT_TEMPLATES):
    """What a file's name tells, by the first template that it fits.

    Parameters
    ----------
    filename : str
        The name, without its folder.
    templates : sequence of str or NamingTemplate, optional
        Templates in the order in which they are tried.

    Returns
    -------
    StampName
        Source, band and survey.

    Raises
    ------
    ~astro_vbinary.exceptions.StampNameError
        If no template fits.

    Examples
    --------
    >>> from astro_vbinary.stamps.naming import parse_name
    >>> parse_name("22466_stacked_2MASS.fits")
    StampName(source='22466', band=None, survey='2MASS')
    """
    templates = as_templates(templates)
    for template in templates:
        try:
            return template.parse(filename)
        except StampNameError:
            continue
    tried = ", ".join(repr(template.template) for template in templates)
    raise StampNameError(f"the name {filename!r} fits none of {tried}")


def as_templates(templates):
    """Templates from whatever stands for them.

    Parameters
    ----------
    templates : str, NamingTemplate, or a sequence of them
        The templates.

    Returns
    -------
    tuple of NamingTemplate
        The same, ready to use.

    Raises
    ------
    ValueError
        If there is none, or one is malformed.
    """
    if isinstance(templates, str | NamingTemplate):
        templates = (templates,)
    made = tuple(
        t if isinstance(t, NamingTemplate) else NamingTemplate(t) for t in templates
    )
    if not made:
        raise ValueError("at least one naming template is needed")
    return made


def split_suffix(filename):
    """Split a file's name before the suffix that says it is FITS.

    Parameters
    ----------
    filename : str
        The name.

    Returns
    -------
    tuple of str
        What is before the suffix, and the suffix, which may be empty.

    Examples
    --------
    >>> from astro_vbinary.stamps.naming import split_suffix
    >>> split_suffix("22466_g_SDSS9.fits.gz")
    ('22466_g_SDSS9', '.fits.gz')
    """
    match = _FITS_SUFFIX.search(filename)
    if match is None:
        return filename, ""
    return filename[: match.start()], match.group()


def has_fits_suffix(filename):
    """Whether a file's name ends as those of FITS files do, compressed or not.

    Parameters
    ----------
    filename : str
        The name.

    Returns
    -------
    bool
        True where `split_suffix` finds a suffix.
    """
    return bool(split_suffix(filename)[1])


def without_other_suffix(filename):
    """A name without a suffix that is not one of FITS, such as ``.txt``.

    Parameters
    ----------
    filename : str
        The name.

    Returns
    -------
    str
        The name as it is where it has no such suffix.
    """
    if has_fits_suffix(filename):
        return filename
    return _OTHER_SUFFIX.sub("", filename)
