"""Gaia and the Washington catalogue: who is who."""

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from astro_vbinary.context import match_gaia, match_wds

ID = 3017364063330465152


def stars():
    """A fast star, its companion, a background star, and another at 4 arcsec."""
    arcsec = 1 / 3600
    cos = np.cos(np.deg2rad(-5.0))
    return Table(
        {
            "source_id": [ID, ID + 1, ID + 2, ID + 3],
            "ra": [83.0, 83.0 + 1.0 * arcsec / cos, 84.0, 84.0],
            "dec": [-5.0, -5.0, -5.0, -5.0 + 1.5 * arcsec],
            "ref_epoch": [2016.0] * 4,
            "pmra": [100.0, 101.0, 30.0, -2.0],
            "pmdec": [-50.0, -49.5, 10.0, 1.0],
            "pmra_error": [0.1] * 4,
            "pmdec_error": [0.1] * 4,
            "parallax": [2.5, 2.52, 2.5, 0.3],
            "parallax_error": [0.05] * 4,
            "ruwe": [1.0, 1.1, 4.2, 1.0],
            "ipd_frac_multi_peak": MaskedColumn([0, 2, 35, 0], mask=[0, 0, 0, 1]),
            "phot_g_mean_mag": [12.0, 14.0, 13.0, 15.0],
        }
    )


def test_stars_are_found_where_they_were():
    cos = np.cos(np.deg2rad(-5.0))
    # In 2000 the star was 1.6 arcsec west and 0.8 north of its place in 2016.
    ra, dec = 83.0 - 1.6 / 3600 / cos, -5.0 + 0.8 / 3600
    (found,) = match_gaia(stars(), [ra], [dec], [2000.0], radius=0.3)
    assert found["gaia_source_id"] == ID
    assert found["gaia_ruwe"] == 1.0
    assert found["gaia_neighbours"] == 1
    assert found["pmra"] == 100.0
    assert match_gaia(stars(), [ra], [dec], [2016.0], radius=0.3) == [None]
    assert match_gaia(stars(), [np.nan], [dec]) == [None]


def test_companions_agree_and_background_stars_do_not():
    pair, chance = match_gaia(stars(), [83.0, 84.0], [-5.0, -5.0])
    assert pair["gaia_agreement"] > 0.05
    assert chance["gaia_agreement"] < 1e-6
    assert chance["gaia_ipd_frac_multi_peak"] == 35
    alone = match_gaia(stars()[:1], [83.0], [-5.0])[0]
    assert alone["gaia_agreement"] is None
    assert alone["gaia_neighbours"] == 0
    bare = match_gaia(stars()["source_id", "ra", "dec"], [83.0], [-5.0])[0]
    assert bare["gaia_source_id"] == ID
    assert bare["gaia_ruwe"] is None
    assert bare["gaia_agreement"] is None


def test_the_closest_pair_of_a_washington_system_is_taken():
    table = Table(
        {
            "WDS": ["05320-0500", "05320-0500", "05380-0500"],
            "RAJ2000": ["05:32:00.1", "05:32:00.1", "05:38:00.0"],
            "DEJ2000": ["-05:00:01", "-05:00:01", "-05:00:00"],
            "sep2": [25.0, 0.8, 1.2],
            "pa2": [10.0, 123.0, 45.0],
        }
    )
    one, none = match_wds(table, [83.0, 83.5], [-5.0, -5.0])
    assert one == {
        "wds_id": "05320-0500",
        "wds_separation": 0.8,
        "wds_position_angle": 123.0,
    }
    assert none is None
    assert match_wds(table[:1], [83.0], [-5.0]) == [None]
    with pytest.raises(ValueError, match="no column for wds_id"):
        match_wds(table["RAJ2000", "DEJ2000"], [83.0], [-5.0])
