"""The recipes of this package."""

__all__ = ["builtin_recipes", "local_recipe"]


def builtin_recipes():
    """The recipes of this package.

    Returns
    -------
    tuple of `~astro_vbinary.archives.Recipe`
        Those of the surveys' own archives, and then those of HiPS.
    """
    from astro_vbinary.archives.builtin.allwise import ALLWISE
    from astro_vbinary.archives.builtin.decals import DECALS
    from astro_vbinary.archives.builtin.hips import HIPS_RECIPES
    from astro_vbinary.archives.builtin.hscla import HSCLA
    from astro_vbinary.archives.builtin.hst import HST
    from astro_vbinary.archives.builtin.jwst import JWST
    from astro_vbinary.archives.builtin.neowiser import NEOWISER
    from astro_vbinary.archives.builtin.panstarrs import PANSTARRS
    from astro_vbinary.archives.builtin.sdss9 import SDSS9
    from astro_vbinary.archives.builtin.skymapper import SKYMAPPER
    from astro_vbinary.archives.builtin.spitzer import SPITZER
    from astro_vbinary.archives.builtin.twomass import TWOMASS
    from astro_vbinary.archives.builtin.unwise import UNWISE
    from astro_vbinary.archives.builtin.ztf import ZTF

    return (
        *(TWOMASS, ALLWISE, UNWISE, NEOWISER, SPITZER, ZTF, SKYMAPPER),
        *(SDSS9, PANSTARRS, DECALS, HST, JWST, HSCLA),
        *HIPS_RECIPES,
    )


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
        The recipe; its origin is ``local``.

    Raises
    ------
    NotADirectoryError
        If the location is neither a folder nor an address.
    UnknownSurveyError
        If the survey is not in the registry.
    """
    from pathlib import Path

    from astro_vbinary.archives.builtin.folder import FolderRecipe
    from astro_vbinary.archives.builtin.tree import TreeRecipe
    from astro_vbinary.surveys import get_survey

    survey = get_survey(survey)
    fields = {"survey": survey.name, "bands": survey.band_names}
    fields["name"] = f"{survey.name}-local"
    if survey.name == "Pan-STARRS":
        # That of the survey is for one count a second: only an image can say more.
        fields["zero_points"] = dict.fromkeys(survey.band_names)
    text = str(location)
    if text.startswith(("http://", "https://")):
        return TreeRecipe(base_url=text, **fields)
    path = Path(location).expanduser().resolve()
    if not path.is_dir():
        raise NotADirectoryError(f"{text!r} is neither a folder nor an http(s) address")
    is_tree = (path / "properties").is_file() or any(path.glob("*/properties"))
    return (TreeRecipe if is_tree else FolderRecipe)(base_url=str(path), **fields)
