"""Every recipe with a server that plays its archive, and the sky that it serves."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.archives import fetch_stamps, get_recipe, read_manifest
from astro_vbinary.archives.retrying import Patience
from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.hips import HipsFitsServer
from astro_vbinary.archives.tests.servers.hscla import PASSWORD, USER, HsclaServer
from astro_vbinary.archives.tests.servers.irsa import (
    IrsaServer,
    make_2mass,
    make_allwise,
    make_spitzer,
    make_ztf,
)
from astro_vbinary.archives.tests.servers.legacy import LegacyServer
from astro_vbinary.archives.tests.servers.mast import HapcutServer, JwstServer
from astro_vbinary.archives.tests.servers.panstarrs import PanStarrsServer
from astro_vbinary.archives.tests.servers.sky import Sky, Star
from astro_vbinary.archives.tests.servers.skymapper import SkyMapperServer
from astro_vbinary.archives.tests.servers.unwise import UnwiseServer
from astro_vbinary.surveys import get_survey

#: Two stars half an arcsec apart, for what is sharp.
CLOSE = (Star(0.0, 0.0, 19.5), Star(0.35, 0.3, 20.0))


@dataclass(frozen=True)
class Case:
    """What is fetched, from whom, and what is on the sky."""

    recipe: str
    sky: Sky
    serve: Callable
    size: float
    bands: tuple[str, ...]
    changes: tuple = ()

    @property
    def id(self):
        changes = dict(self.changes)
        changes.pop("account", None)
        return "-".join([self.recipe, *map(str, changes.values())])

    def make(self, url):
        """The recipe, for a server that need not be spared."""
        recipe = get_recipe(self.recipe)
        limits = replace(recipe.limits, rate_per_s=1000.0)
        changes = {"base_url": url, "limits": limits, **dict(self.changes)}
        return replace(recipe, **changes)


def _hips_server(recipe):
    """The tiles of a survey, of native pixels and the survey's zero point."""
    recipe = get_recipe(recipe)
    survey = get_survey(recipe.survey)
    tiles = {}
    for band, hips in recipe.ids.items():
        native = float(survey.band(band).pixel_scale.value)
        zero_point = hips_zero_point(recipe, band)
        tiles[hips] = (native, zero_point, band in recipe.asinh)
    return lambda sky: HipsFitsServer(sky, tiles)


def hips_zero_point(recipe, band):
    """That of the survey, or of one MJy/sr in a native pixel, or any."""
    if recipe.pixel_unit() == "MJy/sr":
        native = float(get_survey(recipe.survey).band(band).pixel_scale.value)
        return 8.9 - 2.5 * np.log10(1e6 * np.deg2rad(native / 3600) ** 2)
    return recipe.zero_point(band) or ANY_ZERO_POINT


#: Of what a HiPS holds whose images have zero points of their own: it is lost.
ANY_ZERO_POINT = 24.0


def _irsa(make):
    return lambda sky: IrsaServer(make(sky))


def _case(recipe, fwhm, serve, size, bands, stars=None, **changes):
    sky = Sky(fwhm) if stars is None else Sky(fwhm, stars)
    return Case(recipe, sky, serve, size, bands, tuple(changes.items()))


_WISE = ("W1", "W2", "W3", "W4")

NATIVE = (
    _case("2mass", 3.0, _irsa(make_2mass), 30, ("J", "H", "Ks")),
    _case("allwise", 6.1, _irsa(make_allwise), 60, _WISE),
    _case("allwise", 6.1, _irsa(make_allwise), 60, _WISE, whole_tiles=False),
    _case("unwise", 6.4, UnwiseServer, 60, ("W1", "W2")),
    _case("unwise", 6.4, UnwiseServer, 60, ("W1", "W2"), whole_tiles=False),
    _case("neowiser", 6.4, UnwiseServer, 60, ("W1", "W2")),
    _case("spitzer", 1.7, _irsa(make_spitzer), 20, ("I1", "I2")),
    _case("ztf", 2.1, _irsa(make_ztf), 30, ("g", "r", "i")),
    _case("skymapper", 2.5, SkyMapperServer, 25, ("u", "v", "g", "r", "i", "z")),
    _case("sdss9", 1.3, LegacyServer, 20, ("u", "g", "r", "i", "z")),
    _case("panstarrs", 1.1, PanStarrsServer, 15, ("g", "r", "i", "z", "y")),
    _case("decals", 1.2, LegacyServer, 15, ("g", "r", "i", "z")),
    _case("hst", 0.15, HapcutServer, 8, ("F606W", "F814W"), CLOSE),
    # WFC3/IR, whose pixels are nearly as large as a star.
    _case("hst", 0.2, HapcutServer, 10, ("F160W",), CLOSE, name="hst-ir"),
    _case("jwst", 0.08, JwstServer, 8, ("F115W", "F444W"), CLOSE),
    _case(
        *("hscla", 0.6, HsclaServer, 12, ("g", "r", "i", "z", "y")),
        account=(USER, PASSWORD),
    ),
)

#: FWHM and size by survey; what is fetched is on native pixels.
_HIPS = {
    "2mass": (3.0, 30),
    "allwise": (6.1, 60),
    "unwise": (6.4, 60),
    "neowiser": (6.4, 60),
    "spitzer": (3.0, 30),
    "ztf": (2.5, 25),
    "skymapper": (2.5, 25),
    "sdss9": (1.3, 20),
    "panstarrs": (1.1, 15),
    "decals": (1.2, 15),
    "hst": (0.2, 8),
    "jwst": (0.16, 8),
    "hscla": (0.6, 12),
}

HIPS = tuple(
    _case(
        *(f"{name}-hips", fwhm, _hips_server(f"{name}-hips"), size),
        get_recipe(f"{name}-hips").bands,
        CLOSE if name in ("hst", "jwst") else None,
    )
    for name, (fwhm, size) in _HIPS.items()
)


def target_table(*positions):
    """A catalogue of sources called S1, S2 ..., at the pair if no other is given."""
    from astropy.table import Table

    positions = positions or (skies.CENTRE,)
    return Table(
        {
            "source": [f"S{n}" for n in range(1, len(positions) + 1)],
            "ra": [p.icrs.ra.deg for p in positions],
            "dec": [p.icrs.dec.deg for p in positions],
        }
    )


#: Far from everything that the servers have.
ELSEWHERE = SkyCoord(200.0, 30.0, unit="deg")

ONCE = Patience(1)


def run(
    folder,
    server,
    recipe,
    *positions,
    bands=None,
    size=10,
    patience=ONCE,
    **changes,
):
    """Fetch, and tell the outcome and reason by source and band."""
    recipe = get_recipe(recipe) if isinstance(recipe, str) else recipe
    limits = replace(recipe.limits, rate_per_s=1000.0)
    recipe = replace(recipe, base_url=server.url, limits=limits, **changes)
    fetch_stamps(
        target_table(*positions),
        folder,
        surveys=[recipe.survey],
        bands=bands,
        size=size * u.arcsec,
        recipes=[recipe],
        origin=recipe.origin,
        use_coverage=False,
        patience=patience,
    )
    return {
        (row["source"], row["band"]): (row["outcome"], row["reason"])
        for row in read_manifest(folder)
    }
