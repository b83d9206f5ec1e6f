"""From an aligned stack to the network's input: one code for training and use.

`prepare` turns a stack into one image in units of its own noise (numpy, a stack
at a time); `Preprocessing.channels` turns a batch of those into the network's
channels (torch, on any device). Both are safe for NaN, constant, saturated,
negative and partly blank images and for backgrounds of any level.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from astro_vbinary.exceptions import NoDataError, WeightsError
from astro_vbinary.status import Flag
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["CHANNELS", "Prepared", "Preprocessing", "prepare"]

#: Channels that a network can be given.
CHANNELS = ("linear", "asinh", "valid")

#: Radius in arcsec outside which the background is measured where there is room.
BACKGROUND_RADIUS = 2.0

#: Bands are weighted by the signal-to-noise ratio of their brightest pixel,
#: between these: a blank band still counts a little, a saturated one no more
#: than any bright one.
WEIGHT_RANGE = (3.0, 300.0)

#: Share of the 2.5-arcsec circle without data above which a row is flagged, and
#: above which there is nothing to classify.
PARTIAL_SHARE, BLANK_SHARE = 0.05, 0.9

#: Signal-to-noise ratio of a pixel below which nothing is seen.
LOW_SIGNAL = 5.0


@dataclass(frozen=True)
class Prepared:
    """One stack as one image in units of its noise.

    Attributes
    ----------
    signal : `~numpy.ndarray`
        Shape (ny, nx), float32: background-subtracted, over the standard
        deviation of the background; zero where not valid.
    valid : `~numpy.ndarray` of bool
        Shape (ny, nx).
    flags : `~astro_vbinary.status.Flag`
        What was noticed.
    peak : float
        Largest signal within 2.5 arcsec.
    """

    signal: np.ndarray
    valid: np.ndarray
    flags: Flag
    peak: float


def prepare(stack):
    """Subtract the background of each band, weight and combine them.

    Parameters
    ----------
    stack : `~astro_vbinary.stamps.AlignedStack`
        The stack.

    Returns
    -------
    Prepared
        The image that a network sees.

    Raises
    ------
    NoDataError
        If over nine tenths of the 2.5-arcsec circle have no data, or no band
        has any contrast.
    """
    radius = stack.grid.radius()
    circle = radius <= VISUAL_BINARY_LIMIT.value
    outside = radius > BACKGROUND_RADIUS
    total = np.zeros(stack.grid.shape)
    norm = np.zeros(stack.grid.shape)
    for image, bad in zip(stack.data, stack.mask, strict=True):
        normal = _normalise(image, ~bad, outside)
        if normal is None:
            continue
        inside = normal[circle & ~bad]
        peak = np.percentile(inside, 99.5) if inside.size else 0.0
        weight = np.clip(peak, *WEIGHT_RANGE)
        total += np.where(bad, 0.0, weight * normal)
        norm += np.where(bad, 0.0, weight**2)
    valid = norm > 0
    covered = valid[circle].mean()
    if covered <= 1 - BLANK_SHARE:
        raise NoDataError(
            f"{100 * (1 - covered):.0f} % of the 2.5-arcsec circle have no usable data"
        )
    image = np.where(valid, total / np.sqrt(np.where(valid, norm, 1)), np.nan)
    signal = _normalise(image, valid, outside)
    if signal is None:
        raise NoDataError("the image is constant")
    peak = float(np.max(signal[circle & valid]))
    flags = Flag.NONE
    if covered < 1 - PARTIAL_SHARE:
        flags |= Flag.PARTIAL
    if peak < LOW_SIGNAL:
        flags |= Flag.LOW_SIGNAL
    if _core_masked(valid, signal, circle):
        flags |= Flag.CORE_MASKED
    if stack.target_assumed:
        flags |= Flag.TARGET_ASSUMED
    return Prepared(np.where(valid, signal, 0).astype(np.float32), valid, flags, peak)


def _normalise(image, valid, outside):
    """In units of the background's scatter, or None where there is no contrast."""
    ring = image[valid & outside]
    sample = ring if ring.size >= 0.1 * outside.sum() else image[valid]
    if not sample.size:
        return None
    # The lower half of the distribution is the background's own: sources,
    # neighbours and wings only add light.
    level = np.median(sample)
    below = sample[sample <= level]
    spread = 1.4826 * np.median(level - below)
    # Twice: first without what stands out above the first estimate.
    if spread > 0:
        sample = sample[sample < level + 3 * spread]
        level = np.median(sample)
        spread = 1.4826 * np.median(np.abs(sample - level))
    if not (np.isfinite(spread) and spread > 0):
        # No noise at all, as in noiseless images or over half blank ones.
        spread = 1e-3 * np.ptp(image[valid])
    if not (np.isfinite(spread) and spread > 0):
        return None
    return np.where(valid, (image - level) / spread, 0.0)


def _core_masked(valid, signal, circle):
    """Whether a hole within the circle is surrounded by bright pixels."""
    holes, count = ndimage.label(~valid)
    for number in range(1, count + 1):
        hole = holes == number
        if not (hole & circle).any():
            continue
        rim = ndimage.binary_dilation(hole, iterations=2) & valid
        if rim.any() and np.median(signal[rim]) > 10:
            return True
    return False


@dataclass(frozen=True)
class Preprocessing:
    """How the image in units of noise becomes the network's channels.

    Parameters
    ----------
    channels : tuple of str, optional
        Names out of ``CHANNELS``, in the network's order.
    softening : float, optional
        Signal at which the asinh channel turns from linear to logarithmic.
    span : float, optional
        Value of the asinh that is brought to one.

    Raises
    ------
    WeightsError
        If a channel is unknown.
    """

    channels: tuple[str, ...] = CHANNELS
    softening: float = 2.0
    span: float = 6.0

    def __post_init__(self):
        object.__setattr__(self, "channels", tuple(self.channels))
        unknown = set(self.channels) - set(CHANNELS)
        if unknown or not self.channels:
            raise WeightsError(
                f"unknown channels {sorted(unknown)}; known: {', '.join(CHANNELS)}"
            )

    def channels_of(self, signal, valid, circle):
        """The network's input for a batch.

        Parameters
        ----------
        signal : `torch.Tensor`
            Shape (n, ny, nx), float32, in units of the noise.
        valid : `torch.Tensor`
            Shape (n, ny, nx), bool.
        circle : `torch.Tensor`
            Shape (ny, nx), bool, True within 2.5 arcsec.

        Returns
        -------
        `torch.Tensor`
            Shape (n, n_channel, ny, nx), float32.
        """
        import torch

        made = []
        for name in self.channels:
            if name == "linear":
                inside = signal[:, circle]
                # The tenth brightest pixel: one hot pixel does not set the scale.
                peak = inside.topk(10, dim=1).values[:, -1].clamp(min=3.0)
                made.append((signal / peak[:, None, None]).clamp(-0.3, 1.5))
            elif name == "asinh":
                scaled = torch.asinh(signal / self.softening) / self.span
                made.append(scaled.clamp(-1.0, 2.0))
            else:
                made.append(valid.to(signal.dtype))
        return torch.stack(made, dim=1)
