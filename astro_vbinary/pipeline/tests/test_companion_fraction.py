"""The corrected fraction: its formula, its interval, and a sample of stamps."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table

from astro_vbinary.context import NeighbourCounts
from astro_vbinary.pipeline import (
    PairPopulation,
    RunOptions,
    companion_fraction,
    sample_fraction,
)
from astro_vbinary.simulation import Scene, Star, simulate_stack

PLACE = SkyCoord(83.8, -5.4, unit="deg")


def test_the_fraction_is_recovered_and_its_interval_covers():
    rng = np.random.default_rng(3)
    fraction, complete, false, near, chance = 0.13, 0.6, 0.02, 0.4, 0.015
    seen = 1 - (1 - fraction * complete) * (1 - chance * near) * (1 - false)
    exact = {
        "companions": (600, 1000),
        "singles": (20, 1000),
        "neighbours": (400, 1000),
    }
    best = companion_fraction(round(seen * 1e6), 10**6, chance=chance, **exact)
    assert best.fraction == pytest.approx(fraction, abs=1e-5)
    covered = 0
    for _ in range(100):
        result = companion_fraction(
            int(rng.binomial(2000, seen)),
            2000,
            companions=(int(rng.binomial(500, complete)), 500),
            singles=(int(rng.binomial(500, false)), 500),
            neighbours=(int(rng.binomial(500, near)), 500),
            chance=chance,
            rng=rng,
        )
        covered += result.low <= fraction <= result.high
    # 95 % of 100, three deviations below.
    assert covered >= 88


def test_what_was_never_found_says_nothing():
    result = companion_fraction(5, 100, companions=(0, 50))
    assert np.isnan(result.fraction)
    assert 0 <= result.low < result.high <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"companions": (5, 4)}, "5 of 4 companions"),
        ({"companions": (0, 0)}, "that were put in"),
        ({"companions": (3, 4), "chance": 0.1}, "none was put in"),
    ],
)
def test_counts_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        companion_fraction(1, 10, **arguments)


@pytest.fixture(autouse=True)
def bundled():
    """The bundled weights, and not the tiny ones of this room."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Six single stars of DECaLS, their catalogue and the stars around."""
    folder = tmp_path_factory.mktemp("sample")
    rows = []
    for number in range(6):
        place = PLACE.directional_offset_by(60 * number * u.deg, 30 * u.arcsec)
        scene = Scene(kind="single", label=0, stars=(Star(0.0, 0.0, 800.0),))
        made = simulate_stack(
            "DECaLS",
            np.random.default_rng(number),
            scene=scene,
            bands=["g", "r"],
            source=f"s{number}",
            target=place,
            hips_share=0,
        )
        for stamp in made.stack:
            stamp.write(folder / f"s{number}_{stamp.band}_DECaLS.fits")
        rows.append((f"s{number}", place.ra.deg, place.dec.deg))
    catalog = Table(rows=rows, names=("source", "ra", "dec"))
    catalog["status"], catalog["label"] = "ok", "not_binary"
    catalog["prevalence"], catalog["threshold"] = 0.5, 0.5
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(-0.1, 0.1, (2, 2000))
    counts = NeighbourCounts(83.8 + ra, -5.4 + dec, rng.uniform(15, 17, 2000))
    return folder, catalog, counts


def test_wide_equal_companions_are_found_and_single_stars_are_not(sample, tmp_path):
    folder, catalog, counts = sample
    wide = PairPopulation([1.9], [0.3], [1.0])

    def ask():
        return sample_fraction(
            catalog,
            folder,
            tmp_path / "work",
            count=6,
            population=wide,
            neighbours=counts,
            options=RunOptions(workers=0),
        )

    made = ask()
    assert (made.found, made.sources) == (0, 6)
    assert made.result.completeness[0] > 0.8
    assert made.result.false_positives[0] < 0.2
    density = 2000 / (0.2 * 3600) ** 2 / np.cos(np.deg2rad(5.4))
    assert made.chance == pytest.approx(np.pi * 2.5**2 * density, rel=0.2)
    assert made.result.fraction == 0
    assert set(made.injected["set"]) == {"companion", "neighbour", "single"}
    own = made.injected[made.injected["set"] == "companion"]
    assert (np.abs(own["separation"] - 1.9) < 0.15).all()
    assert own["n_put"].min() == 1
    assert int(made.completeness["trials"].sum()) == 6
    row = made.summary()[0]
    assert row["n_single"] == 6
    # What was done is there: the same call only reads it.
    stamp = next((tmp_path / "work" / "stamps").iterdir())
    before = stamp.stat().st_mtime_ns
    again = ask()
    assert again.result == made.result
    assert stamp.stat().st_mtime_ns == before


def test_a_catalogue_of_pairs_has_nobody_to_ask(sample, tmp_path):
    folder, catalog, _ = sample
    all_pairs = QTable(catalog)
    all_pairs["label"] = "binary"
    with pytest.raises(ValueError, match="without a companion"):
        sample_fraction(all_pairs, folder, tmp_path)


def test_a_missing_column_is_named(sample, tmp_path):
    folder, catalog, _ = sample
    with pytest.raises(ValueError, match="no column prevalence, threshold"):
        sample_fraction(
            catalog["source", "ra", "dec", "status", "label"], folder, tmp_path
        )


def test_surveys_that_cannot_be_simulated_tell_nothing_of_false_positives(
    sample, tmp_path, monkeypatch
):
    folder, catalog, _ = sample
    monkeypatch.setattr("astro_vbinary.pipeline.sample_sets.SIMULATED_SURVEYS", ())
    made = sample_fraction(
        *(catalog, folder, tmp_path / "work"),
        count=2,
        population=PairPopulation([1.9], [0.3], [1.0]),
        options=RunOptions(workers=0),
    )
    assert made.result.false_positives == (0.0, 0.0, 0.0)
    assert made.result.completeness[0] > 0
