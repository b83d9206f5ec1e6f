"""How names of surveys and bands are compared, and what to say of unknown ones."""

import difflib

__all__ = ["normalize_name", "suggest"]

_IGNORED = str.maketrans("", "", "-_ ")


def normalize_name(name):
    """What is compared of a name: lower case, without ``-``, ``_`` and spaces.

    Parameters
    ----------
    name : str
        Any spelling.

    Returns
    -------
    str
        The same for all spellings that count as equal.

    Raises
    ------
    TypeError
        If ``name`` is no string.

    Examples
    --------
    >>> from astro_vbinary.surveys.names import normalize_name
    >>> normalize_name("Pan-STARRS 1")
    'panstarrs1'
    """
    if not isinstance(name, str):
        raise TypeError(f"a name must be a str, not {name!r}")
    return name.casefold().translate(_IGNORED)


def suggest(name, known):
    """A parenthesis that names the closest known names, for an error message.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        ``" (did you mean ...?)"``, or nothing where no name is close.
    """
    by_form = {normalize_name(item): item for item in known}
    close = difflib.get_close_matches(normalize_name(name), by_form, n=3, cutoff=0.6)
    matches = dict.fromkeys(by_form[form] for form in close)
    return f" (did you mean {' or '.join(map(repr, matches))}?)" if matches else ""
