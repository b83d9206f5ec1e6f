"""Where the stars of the scan's templates are.

A close pair is laid out along a line through its photocentre, which is where one
star fits best: the primary on one side, the secondary on the other, at distances in
inverse ratio of their fluxes. A wide companion stands beside a primary that is fitted
by itself.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["PairLayout", "directions", "sky_points"]

#: Directions around the star; the scan's angles.
DIRECTIONS = 24

#: Distances from the photocentre in units of the full width at half maximum: each
#: 1.35 times the last.
RADII = 0.12 * 1.35 ** np.arange(10)

#: How many steps further out the secondary is than the primary: flux ratios of 1,
#: 0.55, 0.30 and 0.17.
RATIO_STEPS = (0, 2, 4, 6)

#: Range of separations of close pairs, in units of the full width at half maximum.
CLOSE_RANGE = (0.2, 2.4)

#: From where on a companion stands by itself, in the same unit.
WIDE_FROM = 0.6

#: Step of the grid of wide companions, in the same unit.
WIDE_STEP = 0.42


@dataclass(frozen=True)
class PairLayout:
    """Where the stars of all close templates are, along a direction.

    Attributes
    ----------
    primary, secondary : `~torch.Tensor`
        Shape (t,), long: which of ``radii`` each star has; the primary's is towards
        the opposite direction.
    share : `~torch.Tensor`
        Shape (t,): the secondary's share of the flux.
    radii : `~torch.Tensor`
        Shape (r,): distances from the photocentre, the first zero, in units of the
        full width at half maximum.
    """

    primary: torch.Tensor
    secondary: torch.Tensor
    share: torch.Tensor
    radii: torch.Tensor

    @classmethod
    def make(cls, device):
        """Lay out all close templates.

        Parameters
        ----------
        device : `torch.device`
            Where the tensors go.

        Returns
        -------
        PairLayout
            The same every time.
        """
        chosen = []
        for first, step in itertools.product(range(len(RADII)), RATIO_STEPS):
            second = first + step
            if second < len(RADII):
                apart = RADII[first] + RADII[second]
                if CLOSE_RANGE[0] <= apart <= CLOSE_RANGE[1]:
                    chosen.append((first + 1, second + 1, RADII[first] / apart))
        # The primary at the photocentre itself, a faint secondary anywhere.
        for second, radius in enumerate(RADII):
            if radius >= WIDE_FROM:
                chosen.append((0, second + 1, 1.0))
        first, second, share = zip(*chosen, strict=True)
        return cls(
            torch.tensor(first, device=device),
            torch.tensor(second, device=device),
            torch.tensor(share, dtype=torch.float32, device=device),
            torch.tensor([0.0, *RADII], dtype=torch.float32, device=device),
        )


def directions(device):
    """Unit vectors (east, north) of the scan's angles.

    Parameters
    ----------
    device : `torch.device`
        Where the tensor goes.

    Returns
    -------
    `~torch.Tensor`
        Shape (directions, 2), float32; the second half is opposite to the first.
    """
    angle = torch.arange(DIRECTIONS, device=device) * (2 * torch.pi / DIRECTIONS)
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=1)


def sky_points(radius, step, device, *, inner=0.0):
    """A square grid of offsets within a ring.

    Parameters
    ----------
    radius, step : float
        Outer radius and spacing in arcsec.
    device : `torch.device`
        Where the tensor goes.
    inner : float, optional
        Inner radius in arcsec.

    Returns
    -------
    `~torch.Tensor`
        Shape (q, 2), float32, (east, north) in arcsec; eight on the outer edge where
        the grid has none in the ring.
    """
    count = int(np.ceil(radius / step))
    axis = torch.arange(-count, count + 1, device=device) * step
    east, north = torch.meshgrid(axis, axis, indexing="ij")
    distance = torch.hypot(east, north)
    keep = (distance <= radius) & (distance >= inner)
    if not bool(keep.any()):
        return radius * directions(device)[:: DIRECTIONS // 8]
    return torch.stack([east[keep], north[keep]], dim=1)
