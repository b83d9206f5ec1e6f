"""The registry: which surveys are known, by which names."""

import threading
import warnings
from importlib import metadata, resources

from astro_vbinary.exceptions import (
    DuplicateNameError,
    UnknownSurveyError,
    VBinaryWarning,
)
from astro_vbinary.surveys.loading import survey_from_toml
from astro_vbinary.surveys.names import normalize_name, suggest
from astro_vbinary.surveys.survey import Survey

__all__ = ["SurveyRegistry", "get_survey", "list_surveys", "register_survey"]

#: Entry-point group by which another package brings surveys: each entry is a
#: `Survey`, or a callable without arguments that returns one.
ENTRY_POINT_GROUP = "astro_vbinary.surveys"


class SurveyRegistry:
    """Surveys by name and alias.

    The functions `get_survey`, `list_surveys` and `register_survey` work on one
    registry that holds the surveys of this package and of plug-ins; another one is
    needed only to keep a set of surveys apart from it. A new one is empty.

    Examples
    --------
    >>> from astro_vbinary.surveys import SurveyRegistry, get_survey
    >>> registry = SurveyRegistry()
    >>> registry.register(get_survey("JWST"))
    >>> registry.names()
    ('JWST',)
    """

    def __init__(self):
        self._surveys = {}
        self._lookup = {}

    def register(self, survey):
        """Add a survey.

        Parameters
        ----------
        survey : Survey
            The survey.

        Raises
        ------
        TypeError
            If it is no `Survey`.
        ~astro_vbinary.exceptions.DuplicateNameError
            If its name or an alias is taken, however it is spelt.
        """
        if not isinstance(survey, Survey):
            raise TypeError(f"only a Survey can be registered, not {survey!r}")
        names = {normalize_name(name): name for name in (survey.name, *survey.aliases)}
        for form, name in names.items():
            if form in self._lookup:
                raise DuplicateNameError(
                    f"survey {survey.name!r} cannot be called {name!r}: "
                    f"that is a name of {self._lookup[form]!r}"
                )
        self._lookup.update(dict.fromkeys(names, survey.name))
        self._surveys[survey.name] = survey

    def get(self, name):
        """A survey by its name or an alias.

        Parameters
        ----------
        name : str
            Case, ``-``, ``_`` and spaces do not matter.

        Returns
        -------
        Survey
            The survey.

        Raises
        ------
        ~astro_vbinary.exceptions.UnknownSurveyError
            If there is none; the message lists the known ones.
        """
        form = normalize_name(name)
        if form not in self._lookup:
            known = {form: form for form in self._lookup}
            known.update({normalize_name(name): name for name in self._surveys})
            raise UnknownSurveyError(
                f"unknown survey {name!r}{suggest(name, known.values())}; "
                f"known: {', '.join(self.names()) or 'none'}"
            )
        return self._surveys[self._lookup[form]]

    def names(self):
        """Names of the surveys, in the order of their telescopes' apertures.

        Returns
        -------
        tuple of str
            The smallest aperture first; equal ones by name.
        """
        surveys = self._surveys.values()
        ordered = sorted(surveys, key=lambda s: (s.aperture.value, s.name.casefold()))
        return tuple(survey.name for survey in ordered)


_default = None
_lock = threading.Lock()


def _load_builtin(registry):
    folder = resources.files("astro_vbinary.surveys") / "data"
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            text = file.read_text(encoding="utf-8")
            registry.register(survey_from_toml(text, source=file.name))


def _load_plugins(registry):
    for entry in metadata.entry_points(group=ENTRY_POINT_GROUP):
        # Whatever another package gets wrong must not take this one down with it.
        try:
            survey = entry.load()
            registry.register(survey() if callable(survey) else survey)
        except Exception as error:
            warnings.warn(
                f"survey plug-in {entry.name!r} ({entry.value}) is left out: "
                f"{type(error).__name__}: {error}",
                VBinaryWarning,
                stacklevel=4,
            )


def _default_registry():
    """The package's registry, read from its files on first use."""
    global _default
    with _lock:
        if _default is None:
            registry = SurveyRegistry()
            _load_builtin(registry)
            _load_plugins(registry)
            _default = registry
    return _default


def get_survey(name):
    """A survey by its name or an alias.

    Parameters
    ----------
    name : str or Survey
        Case, ``-``, ``_`` and spaces do not matter. A `Survey` is returned as it is.

    Returns
    -------
    Survey
        The survey.

    Raises
    ------
    ~astro_vbinary.exceptions.UnknownSurveyError
        If the registry has none of that name; the message lists the known ones.

    Examples
    --------
    >>> from astro_vbinary import get_survey
    >>> get_survey("desi-legacy")
    <Survey DECaLS: 4 m, bands g r i z>
    """
    return name if isinstance(name, Survey) else _default_registry().get(name)


def list_surveys():
    """Names of all known surveys, in the order of their telescopes' apertures.

    Returns
    -------
    tuple of str
        The smallest aperture first; equal ones by name.

    Examples
    --------
    >>> from astro_vbinary import list_surveys
    >>> list_surveys()[-2:]
    ('JWST', 'HSCLA')
    """
    return _default_registry().names()


def register_survey(survey):
    """Make a survey known for the rest of the session.

    A package that brings a survey for good declares an entry point of the group
    ``astro_vbinary.surveys`` instead.

    Parameters
    ----------
    survey : Survey
        The survey.

    Raises
    ------
    TypeError
        If it is no `Survey`.
    ~astro_vbinary.exceptions.DuplicateNameError
        If its name or an alias is taken, however it is spelt.
    """
    _default_registry().register(survey)
