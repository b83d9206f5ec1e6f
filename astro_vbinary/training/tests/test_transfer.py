"""A network that starts from an earlier one starts with the earlier one's scores."""

import pytest
import torch

from astro_vbinary.classification import BinaryNet
from astro_vbinary.training import transfer
from astro_vbinary.training.tests.test_loop import make_block
from astro_vbinary.training.transfer import transfer_weights

NEW = {"band_channels": 1, "band_width": 2, "zooms": 2, "n_extras": 4}


def trained(in_channels=2, seed=1, **options):
    """A network whose normalisation has seen images."""
    torch.manual_seed(seed)
    network = BinaryNet(in_channels, width=4, **options)
    with torch.no_grad():
        for _ in range(30):
            network.train()(*planes(network))
    return network.eval()


def planes(network):
    block = BLOCK
    sums = block.sums.float()[:, : network.conv1.in_channels]
    bands = (block.bands.float(), block.owner) if network.bands is not None else ()
    return sums, *bands


BLOCK = make_block(0)


def agreement(one, other):
    return torch.corrcoef(torch.stack([(m[:, 1] - m[:, 0]) for m in (one, other)]))[
        0, 1
    ]


@torch.no_grad()
def test_bands_and_closer_looks_are_added_to_what_is_known(monkeypatch):
    old = trained()
    new = trained(seed=2, **NEW)
    wanted = old(*planes(old))
    assert agreement(new(*planes(new)), wanted) < 0.9
    # All but the small share that the new features have at first.
    monkeypatch.setattr(transfer, "SMALL", 0.0)
    transfer_weights(new, old.state_dict(), BLOCK)
    assert agreement(new(*planes(new)), wanted) > 0.999
    # What was known is there, tensor by tensor.
    torch.testing.assert_close(new.layer3[1].conv2.weight, old.layer3[1].conv2.weight)
    torch.testing.assert_close(new.fc.weight[:2], old.fc.weight)


@torch.no_grad()
def test_the_same_kind_of_network_is_copied():
    old, new = trained(**NEW), trained(seed=3, **NEW)
    transfer_weights(new, old.state_dict(), BLOCK)
    torch.testing.assert_close(new(*planes(new)), old(*planes(old)))


@torch.no_grad()
def test_a_new_channel_counts_for_nothing_at_first():
    old, new = trained(1), trained(2, seed=3)
    transfer_weights(new, old.state_dict(), BLOCK)
    torch.testing.assert_close(new(*planes(new)), old(*planes(old)))


def test_what_does_not_fit_is_told():
    old = trained()
    wider = BinaryNet(2, width=6)
    with pytest.raises(ValueError, match=r"conv1.weight is \(4, 2, 7, 7\), not \(6"):
        transfer_weights(wider, old.state_dict(), BLOCK)
    with pytest.raises(ValueError, match="the network has no other"):
        transfer_weights(old, {"other": torch.zeros(1)}, BLOCK)
