import numpy as np
import pytest
import torch
from click.testing import CliRunner

from astro_vbinary.classification import weights
from astro_vbinary.classification.network import BinaryNet
from astro_vbinary.cli import main
from astro_vbinary.simulation import simulate_stack
from astro_vbinary.stamps.grid import GROUP_GRIDS

#: Surveys of the folder of stamps, and the number of sources in each.
COUNTS = {"Pan-STARRS": 2, "SDSS9": 1}


@pytest.fixture
def run():
    """Run ``astro-vbinary`` in this process."""

    def invoke(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return invoke


def untrained(folder, group, seed=0):
    """Write weights of a tiny network that has learnt nothing."""
    scale, side = GROUP_GRIDS[group]
    entries = {
        "id": f"untrained-g{group}",
        "version": "0",
        "description": "A network that has learnt nothing.",
        "group": group,
        "policies": ["published"],
        "surveys": ["Pan-STARRS", "SDSS9"],
        "classes": ["not", "binary"],
        "threshold": 0.5,
        "licence": "BSD-3-Clause",
        "grid": {"pixel_scale": scale, "side": side},
        "network": {"in_channels": 3, "width": 2, "extra_layers": 1},
        "preprocessing": {"channels": ["linear", "asinh", "valid"]},
        "calibration": {"temperature": 1.0, "bias": 0.0, "prevalence": 0.5},
        "training": {"data": "none", "mixture": {"HST": 0.5}},
        "scores": {
            "visual_task": {
                "n": 2000,
                "accuracy": 0.953,
                "accuracy_low": 0.943,
                "accuracy_high": 0.962,
                "precision_0": 0.94,
                "precision_1": 0.96,
            },
            "right_by_kind": {"single": {"share": 0.9, "n": 100}},
        },
    }
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    try:
        network = BinaryNet(3, width=2, extra_layers=1)
    finally:
        torch.random.set_rng_state(state)
    return weights.save_weights(folder, network, entries)


@pytest.fixture(scope="session")
def untrained_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    untrained(folder, 3)
    return folder


@pytest.fixture
def bundled(monkeypatch, untrained_folder):
    """The only weights that are installed: of group 3, untrained."""
    monkeypatch.setattr(weights, "_bundled_folder", lambda: untrained_folder)
    monkeypatch.setattr(weights, "_registered", {})
    return untrained_folder


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "_bundled_folder", lambda: tmp_path / "none")
    monkeypatch.setattr(weights, "_registered", {})


@pytest.fixture(scope="session")
def stamps(tmp_path_factory):
    """A folder of three sources: all that is in it can be used."""
    folder = tmp_path_factory.mktemp("stamps")
    for survey, count in COUNTS.items():
        for number in range(count):
            rng = np.random.default_rng([5, number])
            source = f"{survey[0]}{number}"
            made = simulate_stack(survey, rng, kind="pair", source=source, hips_share=0)
            for stamp in made.stack[:2]:
                stamp.write(folder / f"{source}_{stamp.band}_{survey}.fits")
    return folder


@pytest.fixture
def some_damaged(stamps, tmp_path):
    """The same, and a file that is cut short."""
    folder = tmp_path / "damaged"
    folder.mkdir()
    for path in stamps.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = next(stamps.glob("P0_*")).read_bytes()
    (folder / "bad_g_SDSS9.fits").write_bytes(content[:3000])
    return folder
