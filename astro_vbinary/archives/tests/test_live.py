"""The archives themselves: off unless ``pytest --remote-data`` asks for them."""

import astropy.units as u
import pytest
from astropy.coordinates import SkyCoord

from astro_vbinary.archives import fetch_stamps, read_manifest, recipes
from astro_vbinary.archives.tests.cases import target_table

#: A place where each survey has been: the Orion Nebula Cluster, if it was there.
ORION = SkyCoord(83.8221, -5.3911, unit="deg")
STRIPE_82 = SkyCoord(10.0, 0.2, unit="deg")
PLACES = {"DECaLS": STRIPE_82, "SDSS9": STRIPE_82, "HSCLA": STRIPE_82}

#: Bands that are there.
BANDS = {"HST": "F814W", "JWST": "F115W"}


@pytest.mark.remote_data
@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_archive_still_answers_as_its_recipe_expects(recipe, tmp_path):
    if recipe.name == "hscla":
        try:
            recipe._credentials()
        except OSError as error:
            pytest.skip(str(error))
    band = BANDS.get(recipe.survey, recipe.bands[0])
    fetch_stamps(
        target_table(PLACES.get(recipe.survey, ORION)),
        tmp_path,
        surveys=[recipe.survey],
        bands=[band],
        size=20 * u.arcsec,
        recipes=[recipe],
        origin=recipe.origin,
    )
    (row,) = read_manifest(tmp_path)
    assert row["outcome"] in ("ok", "partial", "saturated"), row["reason"]
    assert row["unit"]
