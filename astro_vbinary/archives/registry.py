"""Which recipes are known."""

import threading
import warnings
from importlib import metadata

from astro_vbinary.archives.recipe import Recipe
from astro_vbinary.exceptions import (
    DuplicateNameError,
    UnknownArchiveError,
    VBinaryWarning,
)
from astro_vbinary.surveys import get_survey
from astro_vbinary.surveys.names import normalize_name, suggest

__all__ = ["get_recipe", "recipes", "register_recipe"]

#: Entry-point group by which another package brings recipes: each entry is a
#: `Recipe`, an iterable of them, or a callable without arguments that returns one
#: or the other.
ENTRY_POINT_GROUP = "astro_vbinary.archives"

_known = None
_lock = threading.RLock()


def _add(known, recipe):
    if not isinstance(recipe, Recipe):
        raise TypeError(f"only a Recipe can be registered, not {recipe!r}")
    form = normalize_name(recipe.name)
    if form in known:
        raise DuplicateNameError(
            f"recipe {recipe.name!r} cannot be registered: {known[form].name!r} is"
        )
    known[form] = recipe


def _add_plugins(known):
    for entry in metadata.entry_points(group=ENTRY_POINT_GROUP):
        # Whatever another package gets wrong must not take this one down with it.
        try:
            found = entry.load()
            if callable(found) and not isinstance(found, Recipe):
                found = found()
            for recipe in [found] if isinstance(found, Recipe) else found:
                _add(known, recipe)
        except Exception as error:
            warnings.warn(
                f"archives of {entry.value!r} are left out: {error}",
                VBinaryWarning,
                stacklevel=4,
            )


def _recipes():
    global _known
    with _lock:
        if _known is None:
            from astro_vbinary.archives.builtin import builtin_recipes

            known = {}
            for recipe in builtin_recipes():
                _add(known, recipe)
            _add_plugins(known)
            _known = known
        return _known


def get_recipe(name):
    """A recipe by its name.

    Parameters
    ----------
    name : str
        Case, ``-``, ``_`` and spaces do not matter.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    ~astro_vbinary.exceptions.UnknownArchiveError
        If there is none; the message lists the known ones.
    """
    known = _recipes()
    form = normalize_name(name)
    if form not in known:
        names = [recipe.name for recipe in known.values()]
        raise UnknownArchiveError(
            f"unknown archive {name!r}{suggest(name, names)}; "
            f"known: {', '.join(sorted(names)) or 'none'}"
        )
    return known[form]


def recipes(*, survey=None, origin=None):
    """The known recipes.

    Parameters
    ----------
    survey : str, optional
        Only those of this survey.
    origin : {"native", "hips", "local"}, optional
        Only those of this origin.

    Returns
    -------
    tuple of Recipe
        In the order in which they were registered.

    Raises
    ------
    ~astro_vbinary.exceptions.UnknownSurveyError
        If the survey is not in the registry of surveys.
    """
    name = None if survey is None else get_survey(survey).name
    return tuple(
        recipe
        for recipe in _recipes().values()
        if (name is None or recipe.survey == name)
        and (origin is None or recipe.origin == origin)
    )


def register_recipe(recipe):
    """Make a recipe known for the rest of the session.

    A package that brings one for good declares an entry point of the group
    ``astro_vbinary.archives`` instead.

    Parameters
    ----------
    recipe : Recipe
        The recipe.

    Raises
    ------
    TypeError
        If it is no `Recipe`.
    ~astro_vbinary.exceptions.DuplicateNameError
        If its name is taken, however it is spelt.
    """
    with _lock:
        _add(_recipes(), recipe)
