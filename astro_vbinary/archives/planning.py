"""Which recipes are used for which surveys, and which requests they get."""

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import astropy.units as u
import numpy as np

from astro_vbinary.archives.manifest import Manifest
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Recipe
from astro_vbinary.archives.records import MANIFEST_NAME
from astro_vbinary.archives.registry import get_recipe, recipes
from astro_vbinary.archives.requests import StampRequest
from astro_vbinary.archives.sources import list_positions
from astro_vbinary.exceptions import (
    UnknownArchiveError,
    UnknownBandError,
    UnknownSurveyError,
)
from astro_vbinary.surveys import get_survey, list_surveys

__all__ = [
    "ORIGIN_CHOICES",
    "Estimate",
    "choose_recipes",
    "estimate",
    "make_requests",
    "plan_fetch",
]

#: Side of a stamp: what is read of larger images (`~astro_vbinary.StampStack`), so
#: that background and neighbours are seen.
DEFAULT_SIZE = 20 * u.arcsec

#: How the origin is chosen: the survey's own archive, and HiPS where it has none
#: (``auto``); only one of them; or HiPS also for stamps that the archive did not give.
ORIGIN_CHOICES = ("auto", "native", "hips", "mixed")

#: Requests that are made and noted at a time.
CHUNK = 2000


@dataclass(frozen=True)
class Choice:
    """The recipes of one survey.

    Parameters
    ----------
    recipe : `~astro_vbinary.archives.Recipe`
        What is asked first.
    bands : tuple of str
        The bands that it is asked for.
    fallback : `~astro_vbinary.archives.Recipe` or None
        What is asked for what that did not give.
    """

    recipe: Recipe
    bands: tuple[str, ...]
    fallback: Recipe | None = None


def choose_recipes(surveys=None, bands=None, *, origin="auto", base_urls=None, own=()):
    """The recipes for some surveys.

    Parameters
    ----------
    surveys : sequence of str, optional
        Names of surveys, or of recipes; by default all surveys that have a recipe.
    bands : sequence of str, optional
        Names of bands; a survey that has none of them is an error where it was named.
    origin : {"auto", "native", "hips", "mixed"}, optional
        Where stamps come from.
    base_urls : dict of str to str, optional
        Other servers, by name of recipe.
    own : sequence of `~astro_vbinary.archives.Recipe`, optional
        Recipes that go before the known ones for their surveys.

    Returns
    -------
    list of Choice
        One for each survey.

    Raises
    ------
    ~astro_vbinary.exceptions.UnknownArchiveError
        If a survey has no such recipe, or a name in ``base_urls`` is unknown.
    ~astro_vbinary.exceptions.UnknownSurveyError
        If a survey is not in the registry.
    ~astro_vbinary.exceptions.UnknownBandError
        If no survey has one of the bands.
    ValueError
        If the origin is none of the four.
    """
    if origin not in ORIGIN_CHOICES:
        raise ValueError(f"origin must be one of {ORIGIN_CHOICES}, not {origin!r}")
    urls = {get_recipe(name).name: url for name, url in (base_urls or {}).items()}
    named = surveys is not None
    if not named:
        surveys = [r.survey for r in own] or list_surveys()
    names, own = _split_names(surveys, tuple(own))
    chosen = []
    for name in names:
        found = _find(name, origin, own)
        if not found:
            if named:
                raise UnknownArchiveError(_no_recipe(name, origin))
            continue
        found = [
            replace(r, base_url=urls[r.name]) if r.name in urls else r for r in found
        ]
        # The first that has any of the bands; HiPS fills no gaps unless asked.
        wanted = [(r, _pick_bands(r, bands)) for r in found]
        wanted = [(recipe, names) for recipe, names in wanted if names]
        if wanted:
            fallback = wanted[1][0] if origin == "mixed" and len(wanted) > 1 else None
            chosen.append(Choice(*wanted[0], fallback))
    _check_bands(surveys, bands, chosen)
    return chosen


def _split_names(names, own):
    """Names of surveys, each once, and the recipes that are to serve them."""
    surveys = {}
    for name in names:
        try:
            surveys[get_survey(name).name] = None
        except UnknownSurveyError:
            try:
                recipe = get_recipe(name)
            except UnknownArchiveError:
                recipe = None
            if recipe is None:
                raise
            own = (*own, recipe)
            surveys[recipe.survey] = None
    return list(surveys), own


def _find(survey, origin, own):
    mine = [recipe for recipe in own if recipe.survey == survey]
    if mine:
        return mine[:1]
    native = list(recipes(survey=survey, origin="native"))[:1]
    hips = list(recipes(survey=survey, origin="hips"))[:1]
    if origin == "native":
        return native
    return hips if origin == "hips" else native + hips


def _no_recipe(survey, origin):
    have = ", ".join(r.name for r in recipes(survey=survey)) or "none"
    return f"no archive for {survey} with origin {origin!r}; known for it: {have}"


def _pick_bands(recipe, bands):
    if bands is None:
        return recipe.bands
    survey, names = get_survey(recipe.survey), set()
    for band in bands:
        with suppress(UnknownBandError):
            names.add(survey.band(band).name)
    return tuple(name for name in recipe.bands if name in names)


def _check_bands(surveys, bands, chosen):
    for band in bands or ():
        if any(_has_band(choice, band) for choice in chosen):
            continue
        names = ", ".join(surveys)
        raise UnknownBandError(f"none of {names} has an archive with a band {band!r}")


def _has_band(choice, band):
    return bool(_pick_bands(choice.recipe, [band]))


def make_requests(positions, choice, *, size, pixel_scale=None, coverage=None):
    """Requests of all sources for one recipe, a few at a time.

    Parameters
    ----------
    positions : iterable of tuple
        Name of the source, right ascension and declination (ICRS, deg).
    choice : Choice
        The recipe and the bands.
    size : float
        Side of the stamps in arcsec.
    pixel_scale : float, optional
        Side of a pixel in arcsec, for archives that resample.
    coverage : dict of str to CoverageMap, optional
        Maps of bands.

    Yields
    ------
    requests : list of `~astro_vbinary.archives.StampRequest`
        Some requests.
    outcome : Outcome or None
        ``no_coverage`` for those that need not be sent.
    """
    recipe = choice.recipe
    scale = pixel_scale if recipe.origin == "hips" else None
    positions = iter(positions)
    while chunk := list(islice(positions, CHUNK)):
        absent = {}
        for band, covered in (coverage or {}).items():
            _, ra, dec = zip(*chunk, strict=True)
            absent[band] = ~covered.touches(np.array(ra), np.array(dec), size)
        inside, outside = [], []
        for number, (source, ra, dec) in enumerate(chunk):
            for band in choice.bands:
                request = StampRequest(
                    *(recipe.survey, band, source, ra, dec, size),
                    origin=recipe.origin,
                    pixel_scale=scale,
                )
                gone = band in absent and absent[band][number]
                (outside if gone else inside).append(request)
        if inside:
            yield inside, None
        if outside:
            yield outside, Outcome.NO_COVERAGE


@dataclass(frozen=True)
class Estimate:
    """What a run would ask of one archive.

    Parameters
    ----------
    recipe : `~astro_vbinary.archives.Recipe`
        The archive.
    n_stamps : int
        Stamps that are wanted.
    n_calls : int
        Requests to the server.
    n_bytes : int
        Bytes that they bring, roughly.
    seconds : float
        How long it takes at the rate that is promised to the server, at least.
    """

    recipe: Recipe
    n_stamps: int
    n_calls: int
    n_bytes: int
    seconds: float


def estimate(recipe, requests):
    """What some requests would ask of an archive.

    Parameters
    ----------
    recipe : `~astro_vbinary.archives.Recipe`
        The archive.
    requests : iterable of `~astro_vbinary.archives.StampRequest`
        The requests.

    Returns
    -------
    Estimate
        Numbers, roughly.
    """
    n_stamps = n_calls = n_bytes = 0
    for job in recipe.plan(requests):
        n_stamps += len(job.requests)
        n_calls += recipe.n_calls(job)
        n_bytes += recipe.estimate(job)
    seconds = 0.0 if recipe.offline else n_calls / recipe.limits.rate_per_s
    return Estimate(recipe, n_stamps, n_calls, n_bytes, seconds)


def plan_fetch(
    sources,
    output=None,
    *,
    surveys=None,
    bands=None,
    size=DEFAULT_SIZE,
    origin="auto",
    pixel_scale=None,
    recipes=(),
    base_urls=None,
):
    """What `fetch_stamps` would ask of each archive, without asking.

    Parameters
    ----------
    sources : `~astropy.table.Table`, path, or `~astropy.coordinates.SkyCoord`
        As for `fetch_stamps`.
    output : str or `~pathlib.Path`, optional
        The folder of stamps: what it has, and what it says is not there, is left out.
    surveys, bands, size, origin, pixel_scale, recipes, base_urls : optional
        As for `fetch_stamps`.

    Returns
    -------
    list of Estimate
        One for each archive. HiPS as a fallback is not counted.
    """
    size = u.Quantity(size).to_value(u.arcsec)
    scale = None if pixel_scale is None else u.Quantity(pixel_scale).to_value(u.arcsec)
    choices = choose_recipes(
        surveys, bands, origin=origin, base_urls=base_urls, own=tuple(recipes)
    )
    positions = list_positions(sources)
    there = output is not None and (Path(output) / MANIFEST_NAME).is_file()
    with Manifest(Path(output) / MANIFEST_NAME if there else ":memory:") as manifest:
        return [
            estimate(
                choice.recipe,
                (
                    request
                    for chunk, _ in make_requests(
                        positions, choice, size=size, pixel_scale=scale
                    )
                    for request in manifest.leave_out_done(chunk)
                ),
            )
            for choice in choices
        ]
