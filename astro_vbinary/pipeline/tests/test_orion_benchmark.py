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


def test_scores_of_surveys_are_compared_by_the_pairs_among_them():
    from benchmarks.orion.fraction import best_share

    pair = np.array([True, True, False, True, False, False])
    nothing = np.nan
    # High scores are artefacts in the first survey, stars in the second.
    first = np.array([9.0, 1.0, 9.0, 1.0, 9.0, 1.0])
    second = np.array([nothing, 2.0, nothing, 2.0, 1.0, nothing])
    best = best_share([first, second], pair)
    assert best == pytest.approx([0.5, 1.0, 0.5, 1.0, 0.5, 0.5])
    assert best_share([np.full(6, nothing)], pair) == pytest.approx(np.zeros(6))


def test_the_sky_has_what_is_said_of_it():
    from astro_vbinary.context import NeighbourCounts
    from benchmarks.orion.sky import FRACTION, draw_plan, draw_stars, scene_of

    plan = draw_plan(5_000, 1)
    table = plan[plan["role"] == "sample"]
    assert len(set(plan["source"])) == len(plan)
    apart = np.ma.filled(table["companion_separation"], np.nan)
    assert np.isfinite(apart).mean() == pytest.approx(FRACTION, abs=0.02)
    assert 0.25 <= np.nanmin(apart) < np.nanmax(apart) <= 2.5
    # Half as frequent beyond 0.5 arcsec: ln 2 against ln(5) / 2.
    close = np.log(2) / (np.log(2) + np.log(5) / 2)
    own = apart[np.isfinite(apart)]
    assert (own < 0.5).mean() == pytest.approx(close, abs=0.08)
    # Real neighbours are as many as the density around predicts.
    counts = NeighbourCounts.from_table(draw_stars(5_000, 1))
    expected = counts.expected(table["ra"], table["dec"], np.full(len(table), 4.0))
    near = (np.ma.filled(table["neighbour_separation"], np.nan) <= 4).sum()
    assert near == pytest.approx(expected.sum(), abs=4 * np.sqrt(expected.sum()))

    row = next(row for row in table if np.isfinite(row["companion_separation"]))
    scene = scene_of(row, "HST")
    assert scene.label == 1
    assert scene.separation == row["companion_separation"]
    star = scene.stars[1]
    assert np.hypot(star.east, star.north) == pytest.approx(scene.separation)
    ratio = -2.5 * np.log10(star.signal / scene.stars[0].signal)
    assert ratio == pytest.approx(row["companion_difference"])


def test_calibrators_have_what_they_are_for():
    from benchmarks.orion.sky import draw_plan

    plan = draw_plan(40, 2)
    has = {
        name: np.isfinite(np.ma.filled(plan[f"{name}_separation"], np.nan))
        for name in ("companion", "neighbour")
    }
    role = np.asarray(plan["role"])
    assert set(role) == {"sample", "companion", "single", "chance"}
    assert has["companion"][role == "companion"].all()
    assert has["neighbour"][role == "chance"].all()
    assert (plan["neighbour_separation"][role == "chance"] <= 2.5).all()
    assert not has["companion"][np.isin(role, ("single", "chance"))].any()
    assert not has["neighbour"][np.isin(role, ("single", "companion"))].any()


def test_pairs_above_the_limit_are_those_that_a_survey_looks_at(monkeypatch):
    from benchmarks.orion import limits
    from benchmarks.orion.sky import DEPTHS, PLACE

    # One survey shows all companions to 3 mag from half an arcsecond on, the others
    # none; it sees the middle but for its gaps.
    reach = np.where(limits.SEPARATIONS > 0.5, 3.0, limits.NOTHING)
    nothing = np.full((len(limits.GRID), len(reach)), limits.NOTHING)
    monkeypatch.setattr(
        limits,
        "survey_limit",
        lambda survey: nothing + (reach + 10.0) * (survey == "HST"),
    )
    count = 400
    names = [f"co{number:06d}" for number in range(count)]
    values = {
        "ra": np.full(count, PLACE[0]),
        "dec": np.full(count, PLACE[1]),
        "signal": np.full(count, 100.0),
        "companion_separation": np.tile([1.0, 1.0, 0.3, np.nan], count // 4),
        "companion_difference": np.tile([2.9, 3.1, 0.0, np.nan], count // 4),
        "neighbour_separation": np.full(count, 3.0),
        "neighbour_difference": np.zeros(count),
    }
    from astropy.table import Table

    shown = limits.above_limit(Table({"source": names} | values), 1)
    index = list(DEPTHS).index("HST")
    dice = np.random.default_rng([1, 0, index]).random(count)
    wanted = (np.arange(count) % 4 == 0) & (dice < 0.97)
    assert (shown == wanted).all()
    assert 90 < shown.sum() < 100


def test_tables_say_what_was_put_in_and_what_came_out(monkeypatch, tmp_path):
    from astropy.table import Table, vstack

    from benchmarks.orion import report

    monkeypatch.setattr(
        report, "above_limit", lambda table, seed: np.asarray(table["d_prime"]) > 6
    )

    def rows(role, count, *, found, flags="", off=0.0, companion=False, near=False):
        label = np.where(np.arange(count) < found, "binary", "not_binary")
        apart = np.full(count, 1.0 if companion else np.nan)
        return Table(
            {
                "role": [role] * count,
                "ra": np.full(count, 83.0),
                "dec": np.full(count, -5.0),
                "companion_separation": apart,
                "companion_difference": np.full(count, 1.0),
                "neighbour_separation": np.full(count, 1.0 if near else np.nan),
                "n_surveys": np.ones(count, int),
                "d_prime": np.full(count, 10.0 * (companion or near)),
                "peaks_HST": np.full(count, 100.0 if role == "single" else np.nan),
                "peaks_DECaLS": np.where(label == "binary", 1.0, 0.0),
                "reference_DECaLS": np.zeros(count),
                "label": label,
                "probability": np.where(label == "binary", 0.99, 0.01),
                "best_survey": ["DECaLS"] * count,
                "separation": 1.0 + np.full(count, off),
                "separation_error": np.full(count, 0.01),
                "degenerate": np.zeros(count, int),
                "flags": [flags] * count,
                "chance": np.zeros(count),
            }
        )

    table = vstack(
        [
            rows("sample", 900, found=0),
            rows("sample", 40, found=40, companion=True),
            rows("sample", 20, found=20, companion=True, off=0.015),
            # What a fit itself says is not for use does not count.
            rows("sample", 20, found=20, companion=True, off=1.0, flags="bad_fit"),
            rows("sample", 20, found=0, companion=True),
            rows("companion", 100, found=80, companion=True),
            rows("single", 100, found=0),
            rows("chance", 100, found=70, near=True),
        ]
    )
    report.make_tables(table, docs=tmp_path)
    got = dict(Table.read(tmp_path / "orion.csv").iterrows())
    assert got["companion fraction put in"] == "0.1000"
    # 80 of 1000 are found, where 80 of 100 would be.
    assert got["companion fraction recovered, 95 % interval"].startswith("0.1000 (0.0")
    # Of 200 companions and 100 neighbours.
    assert got["recall at 0.95: above the stated limit, all"].startswith("0.7667 ")
    flagged = "measured companions flagged bad_fit or triple"
    assert got[flagged].startswith("0.2500 ")
    assert got["separations within their 68 % interval, all"].startswith("0.6667 ")
    assert got["separations within their 95 % interval, others"].startswith("1.0000 ")
    peers = Table.read(tmp_path / "orion_peers.csv")
    assert list(peers["pairs at purity 0.95"]) == [80, 0, 80]
    assert (tmp_path / "orion.png").stat().st_size > 10_000
