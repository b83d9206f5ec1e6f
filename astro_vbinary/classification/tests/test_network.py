import pytest
import torch
from torchvision.models import resnet34

from astro_vbinary.classification import BinaryNet
from astro_vbinary.classification.network import (
    SYMMETRIES,
    _closer,
    symmetric_scores,
)


def shapes(module, *, skip):
    return {
        name: tuple(value.shape)
        for name, value in module.state_dict().items()
        if not name.startswith(skip)
    }


def banded(*, side=32, counts=(2, 1, 4, 3), seed=1, **options):
    """A network that sees bands, and a batch for it: sums, bands and owner."""
    torch.manual_seed(seed)
    network = BinaryNet(4, band_channels=2, width=4, **options).eval()
    # Statistics of a trained network, not the first ones: zero and one.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    owner = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    sums = torch.randn(len(counts), 4, side, side)
    return network, sums, torch.randn(len(owner), 2, side, side), owner


# -------------------------------------------------------------- the paper's network
def test_the_paper_s_width_is_a_resnet34_in_every_parameter():
    skip = ("conv1", "fc", "extra")
    assert shapes(BinaryNet(3), skip=skip) == shapes(resnet34(), skip=skip)
    assert BinaryNet(5).conv1.weight.shape == (64, 5, 7, 7)
    assert BinaryNet(3).fc.weight.shape == (2, 512)
    extra = shapes(BinaryNet(3).extra, skip="none")
    assert extra["0.0.weight"] == extra["1.0.weight"] == (512, 512, 3, 3)


def test_without_additions_it_is_a_resnet34_in_its_output():
    torch.manual_seed(1)
    theirs = resnet34(num_classes=2).eval()
    ours = BinaryNet(3, extra_layers=0).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))


@pytest.mark.parametrize("channels", [1, 3, 7])
@pytest.mark.parametrize("side", [32, 64, 97])
def test_any_number_of_channels_and_pixels(channels, side):
    scores = BinaryNet(channels, width=4).eval()(torch.randn(3, channels, side, side))
    assert scores.shape == (3, 2)
    assert torch.isfinite(scores).all()


def test_the_additional_layers_are_in_the_forward_pass():
    torch.manual_seed(2)
    network = BinaryNet(3, width=4).eval()
    images = torch.randn(2, 3, 64, 64)
    before = network(images)
    before.sum().backward()
    for layer in network.extra:
        assert layer[0].weight.grad.abs().sum() > 0
        with torch.no_grad():
            kept = layer[0].weight.clone()
            layer[0].weight.mul_(-1)
            assert not torch.allclose(network(images), before)
            layer[0].weight.copy_(kept)
    assert len(BinaryNet(3, width=4, extra_layers=5).extra) == 5


def test_the_same_seed_gives_the_same_network():
    networks = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        networks.append(BinaryNet(2, width=4).state_dict())
    assert all(torch.equal(networks[0][key], networks[1][key]) for key in networks[0])
    assert not torch.equal(networks[0]["fc.weight"], networks[2]["fc.weight"])


@pytest.mark.parametrize("name", ["in_channels", "width", "n_classes"])
def test_numbers_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be positive, not 0"):
        BinaryNet(**({"in_channels": 3} | {name: 0}))


# ------------------------------------------------------------------------ bands
def test_the_order_of_bands_does_not_matter():
    network, sums, bands, owner = banded()
    with torch.inference_mode():
        wanted = network(sums, bands, owner)
        for seed in range(3):
            order = torch.randperm(
                len(owner), generator=torch.Generator().manual_seed(seed)
            )
            found = network(sums, bands[order], owner[order])
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_bands_belong_to_their_stack():
    network, sums, bands, owner = banded()
    with torch.inference_mode():
        wanted = network(sums, bands, owner)
        for stack in range(len(sums)):
            changed = bands.clone()
            changed[owner == stack] += 3.0
            found = network(sums, changed, owner)
            same = torch.isclose(found, wanted, atol=1e-5).all(dim=1)
            assert same.tolist() == [number != stack for number in range(len(sums))]


def test_a_stack_s_scores_do_not_depend_on_its_batch():
    network, sums, bands, owner = banded(n_extras=4)
    with torch.inference_mode():
        wanted = network.outputs(sums, bands, owner)
        for stack in range(len(sums)):
            own = owner == stack
            alone = torch.zeros(int(own.sum()), dtype=torch.int64)
            found = network.outputs(sums[stack : stack + 1], bands[own], alone)
            torch.testing.assert_close(found[0], wanted[stack], atol=1e-5, rtol=1e-4)
        turned = network.outputs(sums.flip(0), bands, len(sums) - 1 - owner)
        torch.testing.assert_close(turned.flip(0), wanted, atol=1e-5, rtol=1e-4)


def test_a_band_twice_is_that_band():
    network, sums, bands, owner = banded(counts=(1, 2))
    with torch.inference_mode():
        wanted = network(sums, bands, owner)
        # Neither the mean nor the maximum of the bands counts them.
        twice = network(sums, bands.repeat(2, 1, 1, 1), owner.repeat(2))
        torch.testing.assert_close(twice, wanted, atol=1e-5, rtol=1e-4)


def test_a_stack_without_bands_is_scored_by_its_sum():
    network, sums, bands, owner = banded(counts=(2, 0, 1))
    scores = network(sums, bands, owner)
    assert torch.isfinite(scores).all()


def test_bands_are_learnt_from():
    network, sums, bands, owner = banded()
    network(sums, bands, owner).sum().backward()
    assert network.bands[0].weight.grad.abs().sum() > 0
    assert network.join[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("side", [32, 64, 104, 120])
def test_closer_looks_see_the_middle_alone_and_in_more_detail(side):
    torch.manual_seed(1)
    network = BinaryNet(1, width=4, band_channels=1, zooms=2).eval()
    owner = torch.zeros(2, dtype=torch.int64)
    sums, bands = torch.randn(1, 1, side, side), torch.randn(2, 1, side, side)
    assert torch.isfinite(network(sums, bands, owner)).all()
    looked = []
    for look in (*network.zooms, *network.band_zooms):
        images = torch.randn(1, 1, side, side, requires_grad=True)
        features = _closer(look, images)
        # As many as the first layers of the whole image have.
        assert features.shape[-1] == side // 4
        features.sum().backward()
        seen = images.grad[0, 0].abs() > 0
        rows = torch.nonzero(seen.any(dim=1))
        low, high = int(rows[0]), int(rows[-1])
        assert abs(low - (side - 1 - high)) <= 2
        looked.append(high - low + 1)
    wide, near = looked[:2]
    assert near < wide < side
    assert looked[2:] == [wide, near]


def test_without_band_channels_bands_are_not_looked_at():
    torch.manual_seed(1)
    network = BinaryNet(4, width=4).eval()
    assert network.bands is None
    sums = torch.randn(2, 4, 32, 32)
    wanted = network(sums)
    owner = torch.zeros(3, dtype=torch.int64)
    torch.testing.assert_close(network(sums, torch.randn(3, 2, 32, 32), owner), wanted)


# ----------------------------------------------------------------------- extras
def test_further_outputs_come_after_the_scores():
    network, sums, bands, owner = banded(n_extras=3, n_classes=2)
    with torch.inference_mode():
        made = network.outputs(sums, bands, owner)
        assert made.shape == (4, 5)
        torch.testing.assert_close(network(sums, bands, owner), made[:, :2])
    assert BinaryNet(1, width=4).fc.out_features == 2


# ------------------------------------------------------------------- symmetries
@pytest.mark.parametrize("symmetries", SYMMETRIES)
def test_scores_are_the_same_for_images_turned_by_the_symmetries(symmetries):
    network, sums, bands, owner = banded()
    options = {"symmetries": symmetries}
    turn = {1: 0, 2: 2, 4: 1, 8: 1}[symmetries]
    with torch.inference_mode():
        wanted = symmetric_scores(network, sums, bands, owner, **options)
        planes = [torch.rot90(x, turn, (2, 3)) for x in (sums, bands)]
        if symmetries == 8:
            planes = [x.flip(2) for x in planes]
        found = symmetric_scores(network, *planes, owner, **options)
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
        plain = network(sums, bands, owner)
        assert torch.allclose(wanted, plain, atol=1e-5) == (symmetries == 1)


def test_symmetries_work_without_bands_and_unknown_ones_are_told():
    network = BinaryNet(2, width=4).eval()
    images = torch.randn(2, 2, 32, 32)
    assert symmetric_scores(network, images, symmetries=8).shape == (2, 2)
    with pytest.raises(ValueError, match=r"one of \(1, 2, 4, 8\), not 3"):
        symmetric_scores(network, images, symmetries=3)
