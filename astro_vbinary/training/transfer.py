"""Start a network from the weights of an earlier one that saw the sums alone."""

import torch

__all__ = ["transfer_weights"]

#: Factor on the random weights of features that the earlier network did not have.
SMALL = 0.1


def transfer_weights(network, state, block):
    """Fill in what an earlier network has learnt; nothing else is changed.

    Input channels and outputs that the earlier network did not have count for
    nothing at first. What joins the bands to their sum passes the sum on as it is,
    on average over a block, so that the network starts with the earlier one's scores.

    Parameters
    ----------
    network : `~astro_vbinary.classification.BinaryNet`
        The new network, changed in place.
    state : dict of str to `torch.Tensor`
        The earlier network's tensors, of the same width and depth.
    block : `~astro_vbinary.training.Block`
        Some stacks, to measure the sums' features on.

    Raises
    ------
    ValueError
        If a tensor of the earlier network does not fit.
    """
    own = network.state_dict()
    for name, values in state.items():
        if name not in own:
            raise ValueError(f"the network has no {name}")
        target = own[name]
        if target.shape == values.shape:
            target.copy_(values)
        elif _takes_images(name) and values.shape[1] < target.shape[1]:
            target.zero_()
            target[:, : values.shape[1]] = values
        elif name == "join.0.weight" and values.shape[1] < target.shape[1]:
            target *= SMALL
            target[:, : values.shape[1]] = values
        elif name in ("fc.weight", "fc.bias") and len(values) < len(target):
            target[: len(values)] = values
        else:
            raise ValueError(
                f"{name} is {tuple(values.shape)}, not {tuple(target.shape)}"
            )
    network.load_state_dict(own)
    if network.join is not None and "join.0.weight" not in state:
        _pass_on(network, block)


def _takes_images(name):
    """Whether a tensor is a first layer's, of the sums or of the bands."""
    first = ("conv1.weight", "bands.0.weight")
    return name in first or ("zooms." in name and name.endswith(".0.weight"))


def _pass_on(network, block):
    with torch.no_grad():
        weight = network.join[0].weight
        width = len(weight)
        weight[:, width:] *= SMALL
        weight[:, :width] = torch.eye(width)[:, :, None, None]
        network.eval()
        x = network.bn1(network.conv1(block.sums.float()))
        x = network.maxpool(network.relu(x))
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
        norm = network.join[1]
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)
