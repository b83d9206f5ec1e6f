"""The commands of this room: what is printed, written and returned."""

import tomllib

import pytest
import torch

from astro_vbinary.classification import weights
from astro_vbinary.training import bundled
from astro_vbinary.training.commands import module_parser, run_command
from astro_vbinary.training.loop import TrainingOptions


@pytest.fixture
def tiny(monkeypatch):
    """A recipe of group 3 that is done in seconds, and learns next to nothing."""
    recipe = bundled.Recipe(
        id="tiny-g3", version="1", group=3, mixture={"DECaLS": 1.0}, seed=50,
        validation=1, calibration=2, test=2,
        options=TrainingOptions(
            width=8, band_width=2, zooms=1, steps=2, batch=16, pool=1, interval=2
        ),
    )  # fmt: skip
    monkeypatch.setitem(bundled.RECIPES, 3, recipe)
    return recipe


def test_weights_are_made_and_reported(tiny, tmp_path, capsys, monkeypatch):
    made = tmp_path / "made"
    assert bundled.main(["--group", "3", "-o", str(made), "-q"]) == 0
    printed = capsys.readouterr().out
    assert "visual_task" in printed
    card = tomllib.loads((made / "tiny-g3.toml").read_text())
    assert 0.3 < card["calibration"]["prevalence"] < 0.7
    assert card["scores"]["all"]["n"] > 50
    # The report finds the same scores, and writes them where it is asked to.
    monkeypatch.setattr(weights, "_registered", {})
    weights.register_weights(made / "tiny-g3.toml")
    again = tmp_path / "again"
    assert bundled.main(["--group", "3", "--report", "-o", str(again), "-q"]) == 0
    assert "tiny-g3 1:" in capsys.readouterr().out
    # As text: a share of nothing is NaN, which equals nothing, not even itself.
    cards = [(folder / "tiny-g3.toml").read_text() for folder in (made, again)]
    assert cards[0] == cards[1]


def test_it_starts_from_other_weights(tiny, tmp_path):
    bundled.main(["--group", "3", "-o", str(tmp_path / "a"), "-q"])
    first = weights.load_card(tmp_path / "a" / "tiny-g3.toml")
    arguments = ["--group", "3", "-o", str(tmp_path / "b"), "-q"]
    assert bundled.main([*arguments, "--initial", str(first.path)]) == 0
    second = weights.load_card(tmp_path / "b" / "tiny-g3.toml")
    one, other = (weights.load_network(card).state_dict() for card in (first, second))
    assert not torch.equal(one["conv1.weight"], other["conv1.weight"])
    assert second.entries["training"]["initial"]


def test_errors_are_a_line(tiny, tmp_path, capsys):
    bad = tmp_path / "bad.toml"
    bad.write_text("id = 3")
    arguments = ["--group", "3", "-o", str(tmp_path / "c"), "-q"]
    assert bundled.main([*arguments, "--initial", str(bad)]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1
    with pytest.raises(SystemExit) as stopped:
        bundled.main(["--group", "3"])
    assert stopped.value.code == 2
    assert "-o DIR is needed" in capsys.readouterr().err


def test_a_stopped_command_says_how_to_go_on(capsys):
    def stop(options):
        raise KeyboardInterrupt

    assert run_command(stop, module_parser("m", "d").parse_args([])) == 130
    assert "go on from the last checkpoint" in capsys.readouterr().err
