"""From an aligned stack to the network's input: one code for training and use.

`prepare_batch` turns the bands of many stacks into images in units of their own
noise and their weighted sum; `Preprocessing` turns those into the network's
channels. Both are tensors on any device, and safe for NaN, constant, saturated,
negative and partly blank images and for backgrounds of any level.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from astro_vbinary.classification.normalising import (
    BLANK_SHARE,
    PreparedBatch,
    prepare_batch,
    regions,
)
from astro_vbinary.exceptions import NoDataError, WeightsError
from astro_vbinary.status import Flag
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = [
    "BAND_CHANNELS",
    "CHANNELS",
    "Prepared",
    "PreparedBatch",
    "Preprocessing",
    "notice",
    "prepare",
    "prepare_batch",
]

#: Channels of the sum of the bands that a network can be given.
CHANNELS = ("linear", "asinh", "valid", "radius")

#: What the reference recipe gives its network instead: each image from its lowest to
#: its highest pixel.
MINMAX = "minmax"

#: Images that are stretched together on a CPU.
TOGETHER = 16

#: Channels of every band by itself.
BAND_CHANNELS = ("linear", "asinh")

#: Share of the 2.5-arcsec circle without data above which a row is flagged.
PARTIAL_SHARE = 0.05

#: Signal-to-noise ratio of a pixel below which nothing is seen.
LOW_SIGNAL = 5.0


@dataclass(frozen=True)
class Prepared:
    """One stack in units of its noise.

    Attributes
    ----------
    signal : `~numpy.ndarray`
        Shape (ny, nx), float32: the sum of the bands, background-subtracted, over
        the standard deviation of the background; zero where not valid.
    valid : `~numpy.ndarray` of bool
        Shape (ny, nx).
    bands : `~numpy.ndarray`
        Shape (n_band, ny, nx), float32: every band that has contrast, likewise.
    flags : `~astro_vbinary.status.Flag`
        What was noticed.
    peak : float
        Largest signal within 2.5 arcsec.
    """

    signal: np.ndarray
    valid: np.ndarray
    bands: np.ndarray
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
        The images that a network sees.

    Raises
    ------
    NoDataError
        If over nine tenths of the 2.5-arcsec circle have no data, or no band
        has any contrast.
    """
    import torch

    mask = np.asarray(stack.mask, dtype=bool)
    # Single precision has seven digits, which a background may use up.
    levels = [
        np.median(band[~bad]) if not bad.all() else 0.0
        for band, bad in zip(stack.data, mask, strict=True)
    ]
    data = np.where(mask, 0, stack.data - np.reshape(levels, (-1, 1, 1)))
    data = data.astype(np.float32)
    scale = float(stack.grid.pixel_scale.value)
    owner = torch.zeros(len(data), dtype=torch.int64)
    made = prepare_batch(
        torch.from_numpy(data), torch.from_numpy(mask), owner, 1, scale
    )
    covered = float(_coverage(mask, stack.grid))
    if covered <= 1 - BLANK_SHARE:
        raise NoDataError(
            f"{100 * (1 - covered):.0f} % of the 2.5-arcsec circle have no usable data"
        )
    if not len(made.bands) or not bool(made.usable[0]):
        raise NoDataError("the image is constant")
    signal, valid = made.signal[0].numpy(), made.valid[0].numpy()
    circle = stack.grid.radius() <= VISUAL_BINARY_LIMIT.value
    peak = float(np.max(signal[circle & valid]))
    flags = notice(covered, peak, (signal, valid, circle))
    if stack.target_assumed:
        flags |= Flag.TARGET_ASSUMED
    return Prepared(signal, valid, made.bands.numpy(), flags, peak)


def notice(covered, peak, images=None):
    """What a user should know of a stack's pixels.

    Parameters
    ----------
    covered : float
        Share of the 2.5-arcsec circle with data.
    peak : float
        Largest signal within it, in units of the noise.
    images : tuple of `~numpy.ndarray`, optional
        Shape (ny, nx): signal, valid pixels, and pixels within the circle; not needed
        where all are valid.

    Returns
    -------
    `~astro_vbinary.status.Flag`
        The flags.
    """
    flags = Flag.NONE
    if covered < 1 - PARTIAL_SHARE:
        flags |= Flag.PARTIAL
    if peak < LOW_SIGNAL:
        flags |= Flag.LOW_SIGNAL
    if images is not None:
        signal, valid, circle = images
        if _core_masked(valid, signal, circle):
            flags |= Flag.CORE_MASKED
    return flags


def _coverage(mask, grid):
    """Share of the circle that any band covers."""
    circle = grid.radius() <= VISUAL_BINARY_LIMIT.value
    return (~mask.all(axis=0))[circle].mean()


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
    """How images in units of noise become the network's channels.

    Parameters
    ----------
    channels : tuple of str, optional
        Names out of ``CHANNELS`` for the sum of the bands, in the network's order:
        ``linear`` (over its brightest pixels), ``asinh`` (of the noise's units),
        ``valid`` (1 where there is data) and ``radius`` (distance from the target
        over 2.5 arcsec); or ``minmax`` (from the lowest pixel to the highest, as the
        reference recipe has it).
    band_channels : tuple of str, optional
        Names out of ``BAND_CHANNELS`` for every band; none for a network that sees
        the sum only.
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
    band_channels: tuple[str, ...] = BAND_CHANNELS
    softening: float = 2.0
    span: float = 6.0

    def __post_init__(self):
        for name, known in (
            ("channels", (*CHANNELS, MINMAX)),
            ("band_channels", BAND_CHANNELS),
        ):
            chosen = tuple(getattr(self, name))
            object.__setattr__(self, name, chosen)
            unknown = set(chosen) - set(known)
            if unknown:
                raise WeightsError(
                    f"unknown {name} {sorted(unknown)}; known: {', '.join(known)}"
                )
        if not self.channels:
            known = ", ".join((*CHANNELS, MINMAX))
            raise WeightsError(f"channels are needed; known: {known}")

    def channels_of(self, signal, valid, pixel_scale):
        """The network's input for the sums of a batch.

        Parameters
        ----------
        signal : `torch.Tensor`
            Shape (n, ny, nx), float32, in units of the noise.
        valid : `torch.Tensor`
            Shape (n, ny, nx), bool.
        pixel_scale : float
            Side of a pixel in arcsec.

        Returns
        -------
        `torch.Tensor`
            Shape (n, n_channel, ny, nx), float32, channels last in memory.
        """
        shape = tuple(signal.shape[-2:])
        radius = regions(shape, pixel_scale, signal.device)[3]
        made = _channels_last(signal, len(self.channels))
        for number, name in enumerate(self.channels):
            if name == "valid":
                made[:, number] = valid
            elif name == "radius":
                made[:, number] = radius
            elif name == MINMAX:
                made[:, number] = _from_lowest(signal, valid)
            else:
                made[:, number] = self._stretch(name, signal, pixel_scale)
        return made

    def band_channels_of(self, bands, pixel_scale):
        """The network's input for the bands of a batch.

        Parameters
        ----------
        bands : `torch.Tensor`
            Shape (m, ny, nx), float32, in units of the noise.
        pixel_scale : float
            Side of a pixel in arcsec.

        Returns
        -------
        `torch.Tensor`
            Shape (m, n_channel, ny, nx), float32, channels last in memory.
        """
        if not self.band_channels:
            return bands.new_zeros((len(bands), 0, *bands.shape[1:]))
        made = _channels_last(bands, len(self.band_channels))
        # What is at work stays in the processor's cache.
        together = TOGETHER if bands.device.type == "cpu" else max(len(bands), 1)
        for start in range(0, len(bands), together):
            part = slice(start, start + together)
            for number, name in enumerate(self.band_channels):
                made[part, number] = self._stretch(name, bands[part], pixel_scale)
        return made

    def _stretch(self, name, signal, pixel_scale):
        if name == "linear":
            shape = tuple(signal.shape[-2:])
            circle = regions(shape, pixel_scale, signal.device)[0]
            inside = signal.flatten(1).index_select(1, circle)
            # The tenth brightest pixel: one hot pixel does not set the scale.
            peak = inside.topk(10, dim=1).values[:, -1].clamp(min=3.0)
            return (signal / peak[:, None, None]).clamp_(-0.3, 1.5)
        # torch's asinh has no vectorised kernel.
        size = signal.abs().div_(self.softening)
        scaled = (size * size).add_(1).sqrt_().add_(size).log_().div_(self.span)
        return scaled.copysign_(signal).clamp_(-1.0, 2.0)


def _from_lowest(signal, valid):
    """(x - min) / (max - min) over the pixels with data; zero where there are none."""
    import torch

    low = signal.masked_fill(~valid, torch.inf).amin(dim=(1, 2), keepdim=True)
    high = signal.masked_fill(~valid, -torch.inf).amax(dim=(1, 2), keepdim=True)
    scaled = (signal - low) / (high - low).clamp(min=1e-6)
    return scaled.masked_fill(~valid, 0.0)


def _channels_last(images, count):
    """Room for the channels of images, in the order that networks like."""
    import torch

    n, ny, nx = images.shape
    return torch.empty(
        (n, count, ny, nx),
        dtype=images.dtype,
        device=images.device,
        memory_format=torch.channels_last,
    )
