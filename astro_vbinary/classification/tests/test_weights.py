import hashlib
import pickle
import tomllib

import astropy.units as u
import numpy as np
import pytest
import tomli_w
import torch
from safetensors.torch import load_file, save_file

from astro_vbinary.classification import (
    BinaryNet,
    list_weights,
    load_card,
    register_weights,
    weights,
)
from astro_vbinary.classification.tests.conftest import tiny_entries, tiny_network
from astro_vbinary.classification.tests.helpers_stacks import TARGET
from astro_vbinary.classification.weights import (
    REQUIRED,
    find_weights,
    load_network,
    save_weights,
)
from astro_vbinary.exceptions import (
    DuplicateNameError,
    UnknownWeightsError,
    WeightsError,
)


def change_card(card, change):
    """Edit a card's file; None takes an entry out."""
    entries = tomllib.loads(card.path.read_text()) | change
    entries = {key: value for key, value in entries.items() if value is not None}
    card.path.write_text(tomli_w.dumps(entries))
    return card.path


def test_weights_come_back_as_they_were_saved(make_card):
    card = make_card(seed=4)
    network = load_network(card)
    assert not network.training
    inputs = (
        torch.randn(2, 4, 64, 64),
        torch.randn(3, 2, 64, 64),
        torch.tensor([0, 0, 1]),
    )
    with torch.inference_mode():
        torch.testing.assert_close(network(*inputs), tiny_network(4)(*inputs))
    assert all(value.dtype == torch.float32 for value in network.parameters())


def test_files_are_half_precision_and_hold_no_code(make_card):
    card = make_card()
    tensors = load_file(card.weights_path)
    kinds = {value.dtype for value in tensors.values()}
    assert kinds == {torch.float16, torch.int64}
    content = card.weights_path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == card.sha256
    assert (
        len(content) < 2.2 * sum(p.numel() for p in tiny_network().parameters()) + 4e4
    )


def test_a_card_says_what_the_network_is(make_card):
    card = make_card(4, threshold=0.7, scores={"test": {"accuracy": 0.9}})
    assert (card.id, card.version, card.group) == ("tiny-g4", "1.0", 4)
    assert card.policies == ("published", "effective")
    assert card.surveys == ("Pan-STARRS", "SDSS9")
    assert card.threshold == 0.7
    assert card.scores["test"]["accuracy"] == 0.9
    assert card.preprocessing.channels == ("linear", "asinh", "valid", "radius")
    assert card.preprocessing.band_channels == ("linear", "asinh")
    assert card.symmetries == 1
    grid = card.grid(TARGET)
    assert grid.shape == (64, 64)
    assert grid.pixel_scale == 0.1 * u.arcsec
    assert "entries" not in repr(card)


def test_probabilities_are_those_of_a_softmax_when_not_calibrated(make_card):
    scores = np.random.default_rng(1).normal(0, 3, (50, 2)).astype(np.float32)
    softmax = torch.softmax(torch.from_numpy(scores).double(), dim=1)[:, 1].numpy()
    np.testing.assert_allclose(make_card().probability(scores), softmax)
    warm = make_card(calibration={"temperature": 2.0, "bias": 0.5, "prevalence": 0.5})
    odds = np.log(softmax / (1 - softmax)) / 2 + 0.5
    np.testing.assert_allclose(warm.probability(scores), 1 / (1 + np.exp(-odds)))
    extreme = np.array([[0, 1e30], [1e30, 0]], dtype=np.float32)
    np.testing.assert_allclose(warm.probability(extreme), [1, 0], atol=1e-12)


# --------------------------------------------------------------- broken weights
@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_entry_is_named(make_card, name):
    path = change_card(make_card(), {name: None})
    with pytest.raises(WeightsError, match=f"lacks {name}"):
        load_card(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"threshold": 0.0}, "threshold 0.0"),
        (
            {"calibration": {"temperature": 0.0, "bias": 0.0, "prevalence": 0.5}},
            "temperature",
        ),
        ({"calibration": {"bias": 0.0, "prevalence": 0.5}}, "temperature"),
        ({"calibration": {"temperature": 1.0, "bias": 0.0}}, "prevalence"),
        (
            {"preprocessing": {"channels": ["linear"]}},
            "network of 4 in_channels is given 1",
        ),
        ({"preprocessing": {"channels": ["red", "linear", "valid"]}}, "red"),
    ],
)
def test_entries_that_make_no_sense_are_told(make_card, change, message):
    path = change_card(make_card(), change)
    with pytest.raises(WeightsError, match=message):
        load_card(path)


def test_a_card_that_is_missing_or_no_toml_is_told(make_card, tmp_path):
    with pytest.raises(WeightsError, match="no card"):
        load_card(tmp_path / "nothing.toml")
    with pytest.raises(WeightsError, match="holds 0 cards"):
        load_card(tmp_path)
    path = make_card().path
    path.write_bytes(b"\xff\xfe = [")
    with pytest.raises(WeightsError, match="is not TOML"):
        load_card(path)


def test_a_changed_file_does_not_load(make_card):
    card = make_card()
    content = bytearray(card.weights_path.read_bytes())
    content[-1] ^= 1
    card.weights_path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"its card says {card.sha256}"):
        load_network(card)
    card.weights_path.unlink()
    with pytest.raises(WeightsError, match="cannot read the weights of tiny-g3"):
        load_network(card)


def put_file(card, content):
    card.weights_path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return load_card(change_card(card, {"sha256": sha256}))


class Trap:
    """Unpickling it would show."""

    sprung = False

    def __reduce__(self):
        return (setattr, (Trap, "sprung", True))


def test_a_pickle_is_not_opened_whatever_its_card_says(make_card, tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "a.pt")
    for content in (pickle.dumps(Trap()), (tmp_path / "a.pt").read_bytes(), b"", b"PK"):
        card = put_file(make_card(), content)
        with pytest.raises(WeightsError, match="does not fit its network"):
            load_network(card)
    assert not Trap.sprung


def test_tensors_of_another_network_do_not_fit(make_card, tmp_path):
    card = make_card()
    tensors = load_file(card.weights_path)
    wrong = {
        "of another width": BinaryNet(4, band_channels=2, width=8).state_dict(),
        "one missing": {k: v for k, v in tensors.items() if k != "fc.bias"},
        "one too many": tensors | {"fc2.bias": torch.zeros(2)},
    }
    for found in wrong.values():
        save_file(found, tmp_path / "wrong.safetensors")
        changed = put_file(card, (tmp_path / "wrong.safetensors").read_bytes())
        with pytest.raises(WeightsError, match="tiny-g3 does not fit its network"):
            load_network(changed)


@pytest.mark.parametrize(
    "network",
    [
        {"in_channels": 4, "band_channels": 2, "width": 5},
        {"in_channels": 4, "band_channels": 2, "width": 0},
        {"in_channels": 4, "band_channels": 2, "depth": 50},
    ],
)
def test_a_network_that_the_card_describes_wrongly_does_not_fit(make_card, network):
    card = load_card(change_card(make_card(), {"network": network}))
    with pytest.raises(WeightsError, match="does not fit its network"):
        load_network(card)


# --------------------------------------------------------------------- registry
def test_weights_are_found_by_id_and_by_group(bundled):
    assert {card.id for card in list_weights()} == {"tiny-g3", "tiny-g4"}
    assert find_weights("tiny-g4").group == 4
    assert find_weights(group=3).id == "tiny-g3"
    with pytest.raises(UnknownWeightsError, match=r"'big'; known: tiny-g3 \(group 3\)"):
        find_weights("big")
    with pytest.raises(UnknownWeightsError, match="group 2 of policy 'published'"):
        find_weights(group=2)


def test_a_user_s_weights_are_known_after_registering(bundled, make_card):
    own = make_card(2, id="mine", folder="mine")
    assert register_weights(own.path.parent).id == "mine"
    register_weights(own.path)  # the same again
    assert find_weights(group=2).path == own.path
    assert [card.id for card in list_weights()][-1] == "mine"
    copy = make_card(3, id="tiny-g3", folder="copy")
    with pytest.raises(DuplicateNameError, match="'tiny-g3' are already known"):
        register_weights(copy.path)


def test_the_newest_of_a_group_is_taken(bundled, make_card):
    register_weights(make_card(3, id="newer", version="1.1", folder="newer").path)
    assert find_weights(group=3).id == "newer"


def test_weights_serve_the_policies_that_they_name(bundled, make_card):
    own = make_card(2, id="mine", policies=["effective"], folder="mine")
    register_weights(own.path)
    assert find_weights(group=2, policy="effective").id == "mine"
    with pytest.raises(UnknownWeightsError):
        find_weights(group=2, policy="published")


def test_saving_an_incomplete_card_is_told(tmp_path):
    entries = tiny_entries()
    del entries["licence"]
    with pytest.raises(WeightsError, match="lacks licence"):
        save_weights(tmp_path, tiny_network(), entries)


BUNDLED = sorted(weights._bundled_folder().glob("*.toml"))


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_bundled_set_loads_and_is_described(path):
    card = load_card(path)
    assert path.stem == card.id
    network = load_network(card)
    side = card.grid(TARGET).shape[0]
    with torch.inference_mode():
        process = card.preprocessing
        sums = torch.randn(2, len(process.channels), side, side)
        bands = torch.randn(3, len(process.band_channels), side, side)
        scores = network(sums, bands, torch.tensor([0, 0, 1]))
    probability = card.probability(scores.numpy())
    assert ((probability > 0) & (probability < 1)).all()
    assert {"licence", "sha256", "version"} <= set(card.entries)
