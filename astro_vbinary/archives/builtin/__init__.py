"""The recipes of this package."""

__all__ = ["builtin_recipes", "local_recipe"]


def builtin_recipes():
    """The recipes of this package.

    Returns
    -------
    tuple of `~astro_vbinary.archives.Recipe`
        In the order in which they are listed.
    """
    return ()


def local_recipe(survey, location):
    """A recipe for images on this machine, or for one's own HiPS.

    Parameters
    ----------
    survey : str
        The survey that they are of.
    location : str or `~pathlib.Path`
        A folder of images or mosaics, or a HiPS tree on disk or on the web.

    Returns
    -------
    `~astro_vbinary.archives.Recipe`
        The recipe.
    """
    raise NotImplementedError
