import pytest
import torch
from torchvision.models import resnet34

from astro_vbinary.classification import BinaryNet


def shapes(module, *, skip):
    return {
        name: tuple(value.shape)
        for name, value in module.state_dict().items()
        if not name.startswith(skip)
    }


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
