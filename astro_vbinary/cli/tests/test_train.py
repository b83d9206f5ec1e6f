"""From a folder of stamps through labels, training and evaluation to a catalogue."""

import numpy as np
import pytest
import torch
from astropy.io import fits
from astropy.table import Table

from astro_vbinary.classification import weights
from astro_vbinary.classification.network import BinaryNet
from astro_vbinary.classification.weights import load_card, save_weights
from astro_vbinary.cli import exits
from astro_vbinary.simulation import write_folder
from astro_vbinary.stamps import StampIndex
from astro_vbinary.training import curves

SOURCES = 32


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A folder with untrained weights on a coarse grid."""
    folder = tmp_path_factory.mktemp("start")
    entries = {
        "id": "start",
        "version": "1",
        "group": 3,
        "policies": ["published"],
        "surveys": ["Pan-STARRS"],
        "classes": ["not", "binary"],
        "threshold": 0.5,
        "licence": "BSD-3-Clause",
        "grid": {"pixel_scale": 0.2, "side": 32},
        "network": {"in_channels": 2, "width": 8, "extra_layers": 1},
        "preprocessing": {"channels": ["linear", "asinh"]},
        "calibration": {"temperature": 1.0, "bias": 0.0, "prevalence": 0.5},
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_weights(folder, BinaryNet(2, width=8, extra_layers=1), entries)
    return folder


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Stamps with their truth, which is a table of labels too."""
    folder = tmp_path_factory.mktemp("simulated")
    write_folder(folder, {"SDSS9": SOURCES}, hips_share=0)
    return folder


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path, start):
    monkeypatch.setenv("ASTRO_VBINARY_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(weights, "_bundled_folder", lambda: start)
    monkeypatch.setattr(weights, "_registered", {})
    # What the intervals are is tested elsewhere.
    monkeypatch.setattr(curves, "DRAWS", 10)


@pytest.fixture
def train(run, simulated, tmp_path):
    def invoke(*more, labels=None, output="mine"):
        labels = labels or simulated / "truth.ecsv"
        given = ["--stamps", simulated, "-o", tmp_path / output, "--epochs", 1]
        return run("train", labels, *given, *more)

    return invoke


def test_from_stamps_to_a_catalogue(run, train, simulated, tmp_path):
    done = train("--licence", "CC-BY-4.0", "--simulated", 0.2)
    assert done.exit_code == exits.DONE, done.output
    mine = tmp_path / "mine"
    assert sorted(path.name for path in mine.iterdir()) == [
        "history.csv",
        "history.png",
        "mine-g3.safetensors",
        "mine-g3.toml",
        "split.ecsv",
    ]
    card = load_card(mine)
    assert card.entries["licence"] == "CC-BY-4.0"
    assert card.surveys == ("SDSS9",)
    assert card.entries["training"]["n_simulated"] > 0
    split = Table.read(mine / "split.ecsv")
    n_test = int((split["part"] == "test").sum())

    report = tmp_path / "report"
    given = [simulated / "truth.ecsv", "--stamps", simulated, "-o", report]
    done = run("evaluate", mine, *given, "--against", "start", "--prevalence", 0.1)
    assert done.exit_code == exits.DONE, done.output
    assert f"{SOURCES - n_test} stacks are left out" in done.output
    assert "where 10 % are pairs" in done.output
    assert "McNemar's exact test" in done.output
    scores = Table.read(report / "scores.ecsv")
    assert len(scores) == n_test
    assert set(scores["source"]) == set(split["source"][split["part"] == "test"])
    parts = Table.read(report / "parts.ecsv")
    assert parts["n"][0] == n_test
    assert (report / "report.html").read_text().startswith("<!doctype html>")
    assert (report / "report.txt").read_text() in done.output + "\n"
    assert run("evaluate", mine, *given).exit_code == exits.FAILED
    done = run("evaluate", mine, *given, "--seen", "--overwrite")
    assert len(Table.read(report / "scores.ecsv")) == SOURCES

    assert run("weights", "add", mine).exit_code == exits.DONE
    assert "mine-g3" in run("weights", "list").output
    assert "CC-BY-4.0" in run("weights", "show", "mine-g3").output
    output = tmp_path / "verdicts.ecsv"
    for command in ("classify", "run"):
        more = ["--workers", 0] if command == "run" else []
        done = run(
            command,
            simulated,
            "-o",
            output,
            "--weights",
            "mine-g3",
            "--overwrite",
            *more,
        )
        assert done.exit_code == exits.DONE, done.output
        catalogue = Table.read(output)
        assert set(catalogue["weights_sha256"]) == {card.sha256}
        output.unlink()
    done = run("evaluate", "mine-g3", *given, "--overwrite", "-q")
    assert done.output == ""
    assert len(Table.read(report / "scores.ecsv")) == n_test
    assert run("weights", "remove", "mine-g3").exit_code == exits.DONE
    assert "mine-g3" not in run("weights", "list").output


def test_the_split_can_be_given_and_is_refused_where_it_leaks(train, tmp_path):
    assert train().exit_code == exits.DONE
    path = tmp_path / "mine" / "split.ecsv"
    again = train("--split", path, output="again")
    assert again.exit_code == exits.DONE, again.output
    one, two = (load_card(tmp_path / name) for name in ("mine", "again"))
    assert one.sha256 == two.sha256
    table = Table.read(path)
    # All of one square of the sky, so that any split parts a cell.
    leak = train("--split", path, "--cell", 3000, output="leak")
    assert leak.exit_code == exits.FAILED
    assert "are in different parts" in leak.output
    table["part"][0] = "nowhere"
    table.write(tmp_path / "wrong.ecsv")
    wrong = train("--split", tmp_path / "wrong.ecsv", output="wrong")
    assert wrong.exit_code == exits.FAILED
    assert "nowhere" in wrong.output


def test_a_mirrored_copy_under_another_name_is_never_on_the_other_side(
    run, simulated, tmp_path
):
    stamps = tmp_path / "stamps"
    stamps.mkdir()
    index = StampIndex.from_paths(simulated)
    labels = Table.read(simulated / "truth.ecsv")["source", "label"]
    for file in index:
        with fits.open(file.path) as hdus:
            hdus.writeto(stamps / file.path.name)
            # Elsewhere on the sky, mirrored, under another name.
            hdus[0].data = hdus[0].data[:, ::-1].copy()
            hdus[0].header["CRVAL1"] += 40
            hdus.writeto(stamps / f"copy{file.path.name}")
    for source, label in list(labels.iterrows()):
        labels.add_row((f"copy{source}", label))
    labels.write(tmp_path / "labels.csv")
    output = tmp_path / "copies"
    given = ["--stamps", stamps, "-o", output, "--epochs", 1]
    done = run("train", tmp_path / "labels.csv", *given)
    assert done.exit_code == exits.DONE, done.output
    split = Table.read(output / "split.ecsv")
    part = dict(zip(split["source"], split["part"], strict=True))
    assert len(part) == 2 * SOURCES
    for source, own in part.items():
        if not source.startswith("copy"):
            assert part[f"copy{source}"] == own
    assert np.unique(split["part"]).size == 3


def test_what_cannot_be_done_is_told_in_a_line(run, train, simulated, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("source,label\nnobody,binary\n")
    done = train(labels=labels)
    assert done.exit_code == exits.FAILED
    assert "no stack of group 3 has a label" in done.output
    labels.write_text("source,label\nsdss90000,perhaps\n")
    assert "'perhaps' is none of binary" in train(labels=labels).output
    assert train("--recipe", "gezer", "--initial", "start").exit_code == exits.USAGE
    assert "no weights 'x'" in train("--initial", "x").output
    assert "cannot be an id" in train("--id", "a/b").output
    done = run("weights", "add", simulated)
    assert done.exit_code == exits.FAILED
    assert "does not belong beside weights" in done.output
    assert len(done.output.splitlines()) == 1
