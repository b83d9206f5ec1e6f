"""Chance neighbours: the expected number is density times area, also at edges."""

import numpy as np
import pytest
from astropy.table import QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.context import (
    NeighbourCounts,
    chance_controls,
    chance_neighbours,
)

AREA = 3600.0**2


def field(rng, density, *, side=0.5, ra=83.0, dec=-5.0, bright=14.0, faint=20.0):
    """A uniform field: stars a square degree, magnitudes uniform."""
    cos = np.cos(np.deg2rad(dec))
    n = rng.poisson(density * side**2)
    x = ra + rng.uniform(-side / 2, side / 2, n) / cos
    y = dec + rng.uniform(-side / 2, side / 2, n)
    return x, y, rng.uniform(bright, faint, n)


def inside(rng, n, side, ra=83.0, dec=-5.0):
    cos = np.cos(np.deg2rad(dec))
    return (
        ra + rng.uniform(-side / 2, side / 2, n) / cos,
        dec + rng.uniform(-side / 2, side / 2, n),
    )


@settings(max_examples=12, deadline=None)
@given(
    st.floats(2000, 60000),
    st.floats(0.1, 2.5),
    st.floats(-70, 70),
    st.integers(0, 2**31),
)
def test_expected_numbers_are_density_times_area(density, s, dec, seed):
    rng = np.random.default_rng(seed)
    counts = NeighbourCounts(*field(rng, density, dec=dec))
    places = inside(rng, 80, 0.3, dec=dec)
    found = counts.expected(*places, np.full(80, s))
    truth = np.pi * s**2 * density / AREA
    # Of the whole field's Poisson error, and that of the 80 annuli (that overlap).
    error = truth * np.hypot(1 / np.sqrt(density * 0.25), 1 / np.sqrt(120 * 20))
    assert abs(found.mean() - truth) < 5 * error + 0.01 * truth


def test_edges_do_not_thin_the_sky():
    rng = np.random.default_rng(3)
    density = 8000
    counts = NeighbourCounts(*field(rng, density))
    t = np.linspace(-0.24, 0.24, 40)
    ra, dec = 83.0 + t / np.cos(np.deg2rad(5.0)), np.full(40, -5.0 + 0.248)
    found = counts.expected(ra, dec, np.ones(40))
    truth = np.pi * density / AREA
    assert found.mean() == pytest.approx(truth, rel=0.12)
    # Much of each annulus is beyond the edge.
    assert counts._inside_share(83.0, -5.0 + 0.2499, counts.radius) < 0.6
    away = counts.expected([200.0, np.nan], [40.0, 0.0], [1.0, 1.0])
    assert np.isnan(away).all()


def test_fainter_stars_do_not_count():
    rng = np.random.default_rng(4)
    counts = NeighbourCounts(*field(rng, 20000))
    ra, dec = inside(rng, 60, 0.3)
    every = counts.expected(ra, dec, np.ones(60))
    half = counts.expected(ra, dec, np.ones(60), np.full(60, 17.0))
    assert half.mean() == pytest.approx(0.5 * every.mean(), rel=0.06)
    # No local count is zero by chance.
    few = counts.expected(ra, dec, np.ones(60), np.full(60, 14.05))
    assert (few > 0).all()
    assert few.mean() == pytest.approx(every.mean() / 120, rel=0.3)


def test_the_density_is_that_of_the_place():
    rng = np.random.default_rng(5)
    thin, thick = field(rng, 4000), field(rng, 40000, side=0.1)
    joined = [np.concatenate(pair) for pair in zip(thin, thick, strict=True)]
    counts = NeighbourCounts(*joined)
    middle, aside = counts.expected([83.0, 83.2], [-5.0, -5.2], [1.0, 1.0])
    assert middle / aside == pytest.approx(11, rel=0.35)


def test_the_source_and_its_companions_are_not_neighbours():
    rng = np.random.default_rng(6)
    ra, dec, mag = field(rng, 5000)
    around = 83.0 + rng.uniform(-1, 1, 50) / 3600, -5.0 + rng.uniform(-1, 1, 50) / 3600
    crowded = NeighbourCounts(
        np.append(ra, around[0]), np.append(dec, around[1]), np.append(mag, [15.0] * 50)
    )
    alone = NeighbourCounts(ra, dec, mag)
    found = [one.expected([83.0], [-5.0], [1.0])[0] for one in (crowded, alone)]
    assert found[0] == pytest.approx(found[1], rel=0.05)


def test_chance_and_controls_agree():
    rng = np.random.default_rng(7)
    ra, dec, mag = field(rng, 60000)
    counts = NeighbourCounts(ra, dec, mag)
    own = np.flatnonzero((np.abs(ra - 83) < 0.2) & (np.abs(dec + 5) < 0.2))[:150]
    s = rng.uniform(0.5, 2.5, len(own))
    difference = rng.uniform(0, 3, len(own))
    chance = chance_neighbours(counts, ra[own], dec[own], s, difference)
    assert (chance > 0).all()
    table = chance_controls(counts, ra[own], dec[own], s, difference)
    assert (table["places"] == 8 * len(own)).all()
    assert (abs(table["counted"] - table["expected"]) < 4 * table["error"]).all()
    assert table["expected"][0] == pytest.approx(8 * chance.sum(), rel=0.1)
    # Where the source is not in the catalogue, every star counts.
    unknown = chance_neighbours(counts, [83.1], [-5.1001], [1.0], [0.5])
    assert unknown[0] == pytest.approx(np.pi * 60000 / AREA, rel=0.4)


def test_tables_of_others_are_understood():
    rng = np.random.default_rng(8)
    ra, dec, mag = field(rng, 3000)
    vizier = Table({"RA_ICRS": ra, "DE_ICRS": dec, "Gmag": mag})
    units = QTable(
        {"ra": ra, "dec": dec, "phot_g_mean_mag": mag}, units=["deg"] * 2 + ["mag"]
    )
    one, other = (NeighbourCounts.from_table(t) for t in (vizier, units))
    assert len(one) == len(other) == len(ra)
    assert one.magnitude == pytest.approx(other.magnitude)
    assert len(NeighbourCounts.from_table(vizier["RA_ICRS", "DE_ICRS"])) == len(ra)
    with pytest.raises(ValueError, match="no column for dec: one of dec"):
        NeighbourCounts.from_table(vizier["RA_ICRS", "Gmag"])
    with pytest.raises(ValueError, match="no star"):
        NeighbourCounts([], [])
