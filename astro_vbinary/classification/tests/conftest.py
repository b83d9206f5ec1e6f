"""Tiny random networks with whole cards, so that no test needs trained weights."""

import pytest
import torch

from astro_vbinary.classification import weights
from astro_vbinary.classification.network import BinaryNet


def tiny_entries(group=3, **changes):
    """The entries of a card."""
    return {
        "id": f"tiny-g{group}",
        "version": "1.0",
        "group": group,
        "policies": ["published", "effective"],
        "surveys": ["Pan-STARRS", "SDSS9"],
        "classes": ["not", "binary"],
        "threshold": 0.5,
        "licence": "BSD-3-Clause",
        "grid": {"pixel_scale": 0.1, "side": 64},
        "network": {
            "in_channels": 4,
            "band_channels": 2,
            "band_width": 4,
            "width": 4,
            "extra_layers": 2,
        },
        "preprocessing": {
            "channels": ["linear", "asinh", "valid", "radius"],
            "band_channels": ["linear", "asinh"],
        },
        "calibration": {"temperature": 1.0, "bias": 0.0, "prevalence": 0.5},
    } | changes


def tiny_network(seed=0):
    """A random network whose scores differ from image to image."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = BinaryNet(4, band_channels=2, band_width=4, width=4)
        with torch.no_grad():
            # Half precision and back, as for what is read from a file.
            for value in network.state_dict().values():
                if value.is_floating_point():
                    value.copy_(value.half().float())
    return network.eval()


@pytest.fixture
def make_card(tmp_path):
    """A function that saves a tiny network with changed entries."""

    def make(group=3, *, seed=0, folder="own", **changes):
        entries = tiny_entries(group, **changes)
        return weights.save_weights(tmp_path / folder, tiny_network(seed), entries)

    return make


@pytest.fixture
def bundled(make_card, monkeypatch):
    """Groups 3 and 4 have tiny weights in place of the bundled ones (dict)."""
    cards = {group: make_card(group, folder="bundled") for group in (3, 4)}
    folder = cards[3].path.parent
    monkeypatch.setattr(weights, "_bundled_folder", lambda: folder)
    monkeypatch.setattr(weights, "_registered", {})
    return cards
