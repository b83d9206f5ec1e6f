"""The network: a ResNet34 with additional convolutional layers, two outputs."""

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

__all__ = ["BinaryNet"]

#: Basic blocks in each stage of a ResNet34 (He et al. 2016, table 1).
DEPTHS = (3, 4, 6, 3)

#: First stage's width in the paper's network.
PAPER_WIDTH = 64


class BinaryNet(nn.Module):
    """A ResNet34 for stacks of any number of channels, after Gezer et al.

    Between the residual stages and the pooling stand additional convolutional
    layers of 3 by 3. The depth is the paper's; the width is a parameter.

    Parameters
    ----------
    in_channels : int
        Number of input channels.
    width : int, optional
        Channels of the first stage; 64 is the paper's network.
    extra_layers : int, optional
        Additional convolutional layers.
    dropout : float, optional
        Share of features dropped before the outputs while training.
    n_classes : int, optional
        Number of outputs.

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
        width=PAPER_WIDTH,
        extra_layers=2,
        dropout=0.0,
        n_classes=2,
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
        planes = width
        for number, depth in enumerate(DEPTHS, 1):
            out = width * 2 ** (number - 1)
            stride = 1 if number == 1 else 2
            setattr(self, f"layer{number}", _stage(planes, out, depth, stride))
            planes = out
        self.extra = nn.Sequential(*(_convolution(planes) for _ in range(extra_layers)))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(planes, n_classes)
        self._initialise()

    def forward(self, x):
        """Scores of the classes.

        Parameters
        ----------
        x : `torch.Tensor`
            Shape (n, in_channels, ny, nx), float.

        Returns
        -------
        `torch.Tensor`
            Shape (n, n_classes), before the softmax.
        """
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = self.extra(x)
        return self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))

    def _initialise(self):
        # As torchvision does for its ResNets (He et al. 2015).
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )


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
