"""The network: a ResNet34 with additional convolutional layers, two outputs."""

import copy
from itertools import pairwise

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.resnet import BasicBlock

__all__ = ["SYMMETRIES", "BinaryNet", "symmetric_scores"]

#: Numbers of symmetries of the square that scores can be averaged over.
SYMMETRIES = (1, 2, 4, 8)

#: Basic blocks in each stage of a ResNet34 (He et al. 2016, table 1).
DEPTHS = (3, 4, 6, 3)

#: First stage's width in the paper's network.
PAPER_WIDTH = 64


class BinaryNet(nn.Module):
    """A ResNet34 for stacks of any number of bands, after Gezer et al.

    Between the residual stages and the pooling stand additional convolutional
    layers of 3 by 3. The depth is the paper's; the width is a parameter. Before
    the stages the sum of the bands passes a first layer as in a ResNet; with
    ``band_channels`` every band passes one of its own kind, the same for all, and
    their mean and maximum join the sum's: what is in one band only, as a cosmic
    ray, differs in the two, and what is in all of them, as a companion, does not.
    With ``zooms`` the middle of the images also passes first layers of a smaller
    stride, so that close pairs reach the stages at the images' own sampling.

    Parameters
    ----------
    in_channels : int
        Channels of the sum of the bands.
    band_channels : int, optional
        Channels of every band by itself; 0 for the sum alone.
    band_width : int, optional
        Channels that every band's first layer makes.
    zooms : int, optional
        Closer looks at the middle: 1 at its half with two pixels a feature, 2 also at
        its quarter with one; the whole image has four.
    zoom_width : int, optional
        Channels that each closer look makes.
    width : int, optional
        Channels of the first stage; 64 is the paper's network.
    extra_layers : int, optional
        Additional convolutional layers.
    dropout : float, optional
        Share of features dropped before the outputs while training.
    n_classes : int, optional
        Number of classes.
    n_extras : int, optional
        Further outputs, learnt as an auxiliary task: where the companion is.

    Raises
    ------
    ValueError
        If a number is not positive.

    References
    ----------
    He, K., Zhang, X., Ren, S. & Sun, J. 2016, CVPR, 770,
    doi:10.1109/CVPR.2016.90.
    """

    def __init__(
        self,
        in_channels,
        *,
        band_channels=0,
        band_width=8,
        zooms=0,
        zoom_width=8,
        width=PAPER_WIDTH,
        extra_layers=2,
        dropout=0.0,
        n_classes=2,
        n_extras=0,
    ):
        super().__init__()
        for name, value in (
            ("in_channels", in_channels),
            ("width", width),
            ("n_classes", n_classes),
        ):
            if value < 1:
                raise ValueError(f"{name} must be positive, not {value}")
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.n_classes = n_classes
        self.bands = self.join = None
        # Strides of the closer looks: the whole image is seen with one of four.
        strides = (2, 1)[:zooms]
        self.zooms = nn.ModuleList(_look(in_channels, zoom_width, s) for s in strides)
        self.band_zooms = nn.ModuleList()
        joined = width + len(strides) * zoom_width
        if band_channels:
            self.bands = nn.Sequential(
                nn.Conv2d(band_channels, band_width, 7, 2, 3, bias=False),
                nn.BatchNorm2d(band_width),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(3, stride=2, padding=1),
            )
            self.band_zooms.extend(_look(band_channels, zoom_width, s) for s in strides)
            joined += 2 * (band_width + len(strides) * zoom_width)
        if joined > width:
            self.join = nn.Sequential(
                nn.Conv2d(joined, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            )
        planes = width
        for number, depth in enumerate(DEPTHS, 1):
            out = width * 2 ** (number - 1)
            stride = 1 if number == 1 else 2
            setattr(self, f"layer{number}", _stage(planes, out, depth, stride))
            planes = out
        self.extra = nn.Sequential(*(_convolution(planes) for _ in range(extra_layers)))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(planes, n_classes + n_extras)
        self._initialise()

    def forward(self, x, bands=None, owner=None):
        """Scores of the classes.

        Parameters
        ----------
        x : `torch.Tensor`
            Shape (n, in_channels, ny, nx), float: the sums of the bands.
        bands : `torch.Tensor`, optional
            Shape (m, band_channels, ny, nx): all bands of all stacks; needed by a
            network with ``band_channels``.
        owner : `torch.Tensor`, optional
            Shape (m,), int64: the stack that each band belongs to.

        Returns
        -------
        `torch.Tensor`
            Shape (n, n_classes), before the softmax.
        """
        return self.outputs(x, bands, owner)[:, : self.n_classes]

    def outputs(self, x, bands=None, owner=None):
        """Scores of the classes and the further outputs.

        Parameters
        ----------
        x : `torch.Tensor`
            Shape (n, in_channels, ny, nx), as for `forward`.
        bands : `torch.Tensor`, optional
            Shape (m, band_channels, ny, nx), as for `forward`.
        owner : `torch.Tensor`, optional
            Shape (m,), int64, as for `forward`.

        Returns
        -------
        `torch.Tensor`
            Shape (n, n_classes + n_extras).
        """
        features = [self.maxpool(self.relu(self.bn1(self.conv1(x))))]
        if self.bands is not None:
            features += self._pool(self.bands(bands), owner, len(x))
        features += [_closer(look, x) for look in self.zooms]
        for look in self.band_zooms:
            features += self._pool(_closer(look, bands), owner, len(x))
        x = features[0] if self.join is None else self.join(torch.cat(features, 1))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = self.extra(x)
        return self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))

    def fused(self):
        """A network with each normalisation taken into the convolution before it.

        Returns
        -------
        BinaryNet
            A copy for inference: the same scores but for rounding, a fifth faster.
        """
        made = copy.deepcopy(self).eval()
        for module in list(made.modules()):
            names = list(module._modules)
            for first, second in pairwise(names):
                before, after = module._modules[first], module._modules[second]
                if isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                    module._modules[first] = fuse_conv_bn_eval(before, after)
                    module._modules[second] = nn.Identity()
        return made

    @staticmethod
    def _pool(features, owner, n):
        """Mean and maximum over the bands of each of n stacks."""
        count = torch.bincount(owner, minlength=n)
        if len(owner) and bool((owner[1:] < owner[:-1]).any()):
            order = torch.argsort(owner, stable=True)
            features = features[order]
        first = torch.cumsum(count, 0) - count
        # Stacks of as many bands each are one block of memory, or nearly.
        sizes = torch.unique(count).tolist()
        if len(sizes) == 1 and sizes[0]:
            return _reduce(features, n, sizes[0])
        shape = (n, *features.shape[1:])
        made = [
            torch.zeros(
                shape,
                dtype=features.dtype,
                device=features.device,
            ).contiguous(memory_format=torch.channels_last)
            for _ in range(2)
        ]
        for size in sizes:
            if not size:
                continue
            stacks = torch.nonzero(count == size).flatten()
            rows = first[stacks, None] + torch.arange(size, device=owner.device)
            parts = _reduce(features[rows.flatten()], len(stacks), size)
            made = [
                whole.index_copy(0, stacks, part)
                for whole, part in zip(made, parts, strict=True)
            ]
        return made

    def _initialise(self):
        # As torchvision does for its ResNets (He et al. 2015).
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )


def symmetric_scores(network, sums, bands=None, owner=None, *, symmetries=1):
    """Scores averaged over images that are turned and mirrored.

    Parameters
    ----------
    network : BinaryNet
        The network, in evaluation mode.
    sums, bands, owner : `torch.Tensor`
        As for `BinaryNet.forward`.
    symmetries : int, optional
        1 for the images as they are, 2 with those turned by half a circle, 4 with
        all quarter turns, 8 with their mirror images.

    Returns
    -------
    `torch.Tensor`
        Shape (n, n_classes), before the softmax.

    Raises
    ------
    ValueError
        If the number of symmetries is none of those.
    """
    if symmetries not in SYMMETRIES:
        raise ValueError(f"symmetries must be one of {SYMMETRIES}, not {symmetries}")
    turns = {1: (0,), 2: (0, 2)}.get(symmetries, (0, 1, 2, 3))
    total = 0.0
    for mirror in (False, True)[: 2 if symmetries == 8 else 1]:
        for turn in turns:
            planes = [
                None if x is None else _turn(x, turn, mirror) for x in (sums, bands)
            ]
            total = total + network(*planes, owner).float()
    return total / symmetries


def _turn(images, turn, mirror):
    if not turn and not mirror:
        return images
    images = torch.rot90(images, turn, (2, 3))
    images = images.flip(3) if mirror else images
    return images.contiguous(memory_format=torch.channels_last)


def _reduce(features, n, size):
    """Mean and maximum over every so many images."""
    # Channels are last in memory: so the reductions run over whole images.
    last = features.permute(0, 2, 3, 1).reshape(n, size, -1)
    shape = (n, *features.shape[2:], features.shape[1])
    return [
        part.view(shape).permute(0, 3, 1, 2) for part in (last.mean(1), last.amax(1))
    ]


def _look(channels, width, stride):
    """A first layer for the middle of an image."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 7, stride, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def _closer(look, images):
    """Features of the middle, as many as the whole image has with a stride of four."""
    layer = look[0]
    size = (images.shape[-1] // 4 - 1) * layer.stride[0] + layer.kernel_size[0]
    size += size % 2
    start = (images.shape[-1] - size) // 2
    middle = images[:, :, start : start + size, start : start + size]
    return look(middle)


def _stage(planes, out, depth, stride):
    shortcut = None
    if stride != 1 or planes != out:
        shortcut = nn.Sequential(
            nn.Conv2d(planes, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out)
        )
    blocks = [BasicBlock(planes, out, stride, shortcut)]
    blocks += [BasicBlock(out, out) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _convolution(planes):
    return nn.Sequential(
        nn.Conv2d(planes, planes, 3, padding=1, bias=False),
        nn.BatchNorm2d(planes),
        nn.ReLU(inplace=True),
    )
