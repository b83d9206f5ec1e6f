"""The sums and the sky of ``benchmarks.orion``; not the run, which is long."""

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
if not (ROOT / "benchmarks" / "orion").is_dir():
    pytest.skip("the benchmarks are not installed", allow_module_level=True)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    # As where the command is run: in the folder of the checkout.
    monkeypatch.syspath_prepend(str(ROOT))


def test_the_fraction_is_recovered_and_its_interval_covers():
    from benchmarks.orion.fraction import companion_fraction

    rng = np.random.default_rng(3)
    fraction, complete, false, near, chance = 0.13, 0.6, 0.02, 0.4, 0.015
    seen = 1 - (1 - fraction * complete) * (1 - chance * near) * (1 - false)
    exact = {"companion": (600, 1000), "single": (20, 1000), "chance": (400, 1000)}
    best, _, _ = companion_fraction(round(seen * 1e6), 10**6, exact, chance, rng)
    assert best == pytest.approx(fraction, abs=1e-5)
    covered = 0
    for _ in range(100):
        sets = {
            "companion": (int(rng.binomial(500, complete)), 500),
            "single": (int(rng.binomial(500, false)), 500),
            "chance": (int(rng.binomial(500, near)), 500),
        }
        found = int(rng.binomial(2000, seen))
        _, low, high = companion_fraction(found, 2000, sets, chance, rng)
        covered += low <= fraction <= high
    # 95 % of 100, three deviations below.
    assert covered >= 88


def test_recall_is_at_the_precision_and_prevalence():
    from benchmarks.orion.fraction import recall_at_precision

    pairs, others = np.arange(100) / 100, np.arange(100) / 200
    half = recall_at_precision(pairs, others, precision=0.5, prevalence=0.5)
    assert half == (1.0, 100)
    rare, false = recall_at_precision(pairs, others, precision=0.95, prevalence=0.02)
    # At 2 % not one of a hundred may be wrong.
    assert (rare, false) == (0.5, 0)
    assert recall_at_precision(others, pairs, precision=0.95, prevalence=0.02)[0] == 0


def test_equal_scores_are_found_together():
    from benchmarks.orion.fraction import pure_count

    scores = np.array([5.0, 4.0, 3.0, 3.0, 0.0])
    pair = np.array([True, True, True, False, True])
    assert pure_count(scores, pair, purity=0.95) == 2
    assert pure_count(scores, pair, purity=0.75) == 3
    assert pure_count(np.zeros(5), pair, purity=0.5) == 0


def test_the_sky_has_what_is_said_of_it():
    from benchmarks.orion.fraction import predicted_chances
    from benchmarks.orion.sky import FRACTION, REACH, draw_sample, scene_of

    table = draw_sample(20_000, "sample", np.random.default_rng(1))
    share = np.isfinite(table["companion_separation"]).mean()
    assert share == pytest.approx(FRACTION, abs=0.01)
    apart = table["companion_separation"]
    assert 0.25 <= np.nanmin(apart) < np.nanmax(apart) <= 2.5
    # Half as frequent beyond 0.5 arcsec: ln 2 against ln(5) / 2.
    close = np.log(2) / (np.log(2) + np.log(5) / 2)
    own = apart[np.isfinite(apart)]
    assert (own < 0.5).mean() == pytest.approx(close, abs=0.04)
    near = np.isfinite(table["neighbour_separation"]).sum()
    expected = predicted_chances(table, REACH).sum()
    assert near == pytest.approx(expected, abs=4 * np.sqrt(expected))

    both = np.isfinite(apart) & (table["neighbour_separation"] > 2.5)
    row = table[int(np.flatnonzero(both)[0])]
    scene = scene_of(row, "HST")
    assert scene.label == 1
    assert len(scene.stars) == 3
    assert scene.separation == row["companion_separation"]
    star = scene.stars[1]
    assert np.hypot(star.east, star.north) == pytest.approx(scene.separation)
    ratio = -2.5 * np.log10(star.signal / scene.stars[0].signal)
    assert ratio == pytest.approx(row["companion_difference"])


def test_calibrators_have_what_they_are_for():
    from benchmarks.orion.chunks import draw_plan

    plan = draw_plan(40, seed=2)
    again = draw_plan(40, seed=2)
    assert (plan["signal"] == again["signal"]).all()
    has = {
        name: np.isfinite(plan[f"{name}_separation"])
        for name in ("companion", "neighbour")
    }
    role = np.asarray(plan["role"])
    assert has["companion"][role == "companion"].all()
    assert has["neighbour"][role == "chance"].all()
    assert (plan["neighbour_separation"][role == "chance"] <= 2.5).all()
    assert not has["companion"][np.isin(role, ("single", "chance"))].any()
    assert not has["neighbour"][np.isin(role, ("single", "companion"))].any()
