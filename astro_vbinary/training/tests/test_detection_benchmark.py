import json
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

ROOT = Path(__file__).parents[3]
if not (ROOT / "benchmarks" / "detection").is_dir():
    pytest.skip("the benchmarks are not installed", allow_module_level=True)


@pytest.fixture(scope="module", autouse=True)
def importable():
    # As where the command is run: in the folder of the checkout.
    sys.path.insert(0, str(ROOT))
    yield
    sys.path.remove(str(ROOT))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from benchmarks.detection.__main__ import main

    folder = tmp_path_factory.mktemp("detection")
    options = ["--quick", "--quiet", "--workers", "0", "--docs", str(folder / "docs")]
    chosen = ["--detectors", "network,glrt,daofind_pairs"]
    assert main([str(folder), *options, *chosen]) == 0
    return folder


def test_every_question_has_a_table_and_a_figure(made):
    names = ["visual", "surveys", "singles", "kinds", "orion", "efficiency", "curves",
             "reliability"]  # fmt: skip
    for name in names:
        table = Table.read(made / f"{name}.ecsv")
        assert len(table)
        if name != "curves":
            assert (made / "docs" / f"{name}.csv").stat().st_size
    for name in ("roc", "completeness", "contaminants", "reliability"):
        assert 5_000 < (made / "docs" / f"{name}.png").stat().st_size < 150_000
    assert json.loads((made / "summary.json").read_text())["targets"]


def test_detectors_stand_in_their_order_and_below_the_bound(made):
    curves = Table.read(made / "curves.ecsv")
    assert set(curves["detector"]) == {
        "bound", "network", "glrt", "daofind_pairs", "network+glrt"
    }  # fmt: skip
    assert not (made / "above.ecsv").exists()
    wide = curves["separation"] >= 1
    best = {
        name: np.average(part["completeness"], weights=part["n"])
        for name in ("glrt", "daofind_pairs")
        for part in [curves[wide & (curves["detector"] == name)]]
    }
    assert best["glrt"] > best["daofind_pairs"]


def test_a_run_goes_on_from_what_is_kept(made, monkeypatch):
    from benchmarks.detection import scoring
    from benchmarks.detection.__main__ import main

    asked = []
    original = scoring.score_block

    def count(one, number, names, fresh):
        asked.append((names, fresh))
        return original(one, number, names, fresh)

    monkeypatch.setattr(scoring, "score_block", count)
    options = [str(made), "--quick", "--quiet", "--workers", "0"]
    assert main([*options, "--detectors", "glrt,daofind_pairs"]) == 0
    assert asked == []


def test_stacks_of_another_simulator_are_not_mixed_in(made):
    from benchmarks.detection.scoring import run
    from benchmarks.detection.sets import quick_sets
    from benchmarks.detection.store import Models, Store

    store = Store(made / "scores")
    chosen = {"pairs-test-Pan-STARRS": quick_sets()["pairs-test-Pan-STARRS"]}
    for block in store.part("pairs-test-Pan-STARRS").values():
        block["checksum"] = 1.1 * block["checksum"]
    store.write = lambda: None
    with pytest.raises(ValueError, match="another simulator; name another folder"):
        run(chosen, ["count_peaks"], store, Models(), workers=0, progress=False)


def test_the_part_of_the_visual_task():
    from benchmarks.detection.visual import part_of_task

    nan = np.nan
    table = {
        "label": np.array([1, 1, 1, 1, 0, 0, 0]),
        "separation": np.array([1.5, 0.9, 2.45, 1.5, nan, nan, nan]),
        "fwhm": np.full(7, 1.0),
        "d_prime_eye": np.array([9.0, 90.0, 9.0, 7.0, nan, nan, nan]),
        "nearest": np.array([nan, nan, nan, nan, nan, 2.6, 2.8]),
    }
    wanted = ["pair", "none", "edge", "none", "other", "edge", "other"]
    assert part_of_task(table).tolist() == wanted


def test_unknown_detectors_are_named(capsys):
    from benchmarks.detection.__main__ import main

    with pytest.raises(SystemExit):
        main(["here", "--detectors", "eye"])
    assert "unknown ['eye']; known: network" in capsys.readouterr().err
