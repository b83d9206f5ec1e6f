"""Endless simulated stacks: drawn, aligned and prepared in blocks, never stored.

Every block has its own seed, so that a run that was killed draws on as it would
have, and two streams with different seeds share no scene.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from astro_vbinary.classification.preprocessing import Preprocessing, prepare_batch
from astro_vbinary.simulation import align_batch, simulate_batch

__all__ = ["BLOCK", "Block", "SimulationStream", "join_blocks"]

#: Stacks in a block; all of one survey.
BLOCK = 64

#: Targets of the auxiliary task: where the companion is.
AUXILIARY = ("separation", "magnitude_difference", "cos_2theta", "sin_2theta")


@dataclass(frozen=True)
class Block:
    """Inputs of a network with their truth.

    Attributes
    ----------
    sums : `torch.Tensor`
        Shape (n, n_channel, ny, nx), float16: channels of the sums of the bands.
    bands : `torch.Tensor`
        Shape (m, n_band_channel, ny, nx), float16: channels of each band.
    owner : `torch.Tensor`
        Shape (m,), int64: the stack that each band belongs to, ascending.
    labels : `torch.Tensor`
        Shape (n,), int64: 1 for a pair.
    auxiliary : `torch.Tensor`
        Shape (n, 4), float32: logarithm of the separation in arcsec, a third of the
        magnitude difference, cosine and sine of twice the pair's direction from the
        image's x axis towards y; NaN where there is no pair.
    truth : list of dict
        As in `~astro_vbinary.simulation.SimulatedBatch`.
    """

    sums: torch.Tensor
    bands: torch.Tensor
    owner: torch.Tensor
    labels: torch.Tensor
    auxiliary: torch.Tensor
    truth: list

    def __len__(self):
        return len(self.labels)

    def take(self, index):
        """Some of the stacks.

        Parameters
        ----------
        index : `torch.Tensor`
            Shape (k,), int64.

        Returns
        -------
        Block
            In the order of the index.
        """
        count = torch.bincount(self.owner, minlength=len(self))
        first = torch.cumsum(count, 0) - count
        chosen = count[index]
        owner = torch.repeat_interleave(torch.arange(len(index)), chosen)
        start = torch.cumsum(chosen, 0) - chosen
        rows = first[index][owner] + torch.arange(len(owner)) - start[owner]
        return Block(
            self.sums[index],
            self.bands[rows],
            owner,
            self.labels[index],
            self.auxiliary[index],
            [self.truth[i] for i in index.tolist()],
        )


def join_blocks(blocks):
    """Several blocks as one.

    Parameters
    ----------
    blocks : sequence of Block
        At least one.

    Returns
    -------
    Block
        All stacks, in order.
    """
    offset, owner = 0, []
    for block in blocks:
        owner.append(block.owner + offset)
        offset += len(block)
    return Block(
        torch.cat([b.sums for b in blocks]),
        torch.cat([b.bands for b in blocks]),
        torch.cat(owner),
        torch.cat([b.labels for b in blocks]),
        torch.cat([b.auxiliary for b in blocks]),
        [row for b in blocks for row in b.truth],
    )


@dataclass(frozen=True)
class SimulationStream:
    """Blocks of simulated stacks of several surveys on one grid.

    Parameters
    ----------
    mixture : dict of str to float
        Surveys and their shares.
    pixel_scale : float
        Of the grid, in arcsec.
    side : int
        Pixels along each axis of the grid.
    seed : int
        Seed of the stream.
    psf_seed : int, optional
        Which bank of PSFs space telescopes have.
    kinds : tuple of str, optional
        Kinds to draw, in turn; all with their frequencies by default.
    population : str, optional
        Of the companions.
    hips_share : float, optional
        Share of stacks in the oversampled form.
    preprocessing : `~astro_vbinary.classification.Preprocessing`, optional
        The network's channels.
    """

    mixture: dict
    pixel_scale: float
    side: int
    seed: int
    psf_seed: int = 0
    kinds: tuple[str, ...] | None = None
    population: str = "training"
    hips_share: float = 0.08
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    @property
    def field_width(self):
        """Side of a stamp in arcsec that covers the grid at any angle."""
        return 1.45 * self.side * self.pixel_scale

    def batch(self, number):
        """The pixels of a block.

        Parameters
        ----------
        number : int
            Which one.

        Returns
        -------
        `~astro_vbinary.simulation.SimulatedBatch`
            As rendered, the same for the same number.
        """
        rng = np.random.Generator(np.random.SFC64([self.seed, number]))
        names = sorted(self.mixture)
        shares = np.array([self.mixture[name] for name in names])
        survey = str(rng.choice(names, p=shares / shares.sum()))
        kinds = None
        if self.kinds is not None:
            start = number * BLOCK
            kinds = [self.kinds[(start + i) % len(self.kinds)] for i in range(BLOCK)]
        return simulate_batch(
            survey,
            BLOCK,
            rng,
            kinds=kinds,
            population=self.population,
            psf_seed=self.psf_seed,
            hips_share=self.hips_share,
            field=self.field_width,
        )

    def block(self, number):
        """A block as a network's input.

        Parameters
        ----------
        number : int
            Which one.

        Returns
        -------
        Block
            Without the stacks that have nothing to classify.
        """
        return self.prepare(self.batch(number))

    def prepare(self, batch):
        """A batch as a network's input.

        Parameters
        ----------
        batch : `~astro_vbinary.simulation.SimulatedBatch`
            The batch.

        Returns
        -------
        Block
            Without the stacks that have nothing to classify.
        """
        aligned = align_batch(batch, self.pixel_scale, self.side)
        made = prepare_batch(
            aligned.data, aligned.mask, aligned.owner, len(batch), self.pixel_scale
        )
        process = self.preprocessing
        sums = process.channels_of(made.signal, made.valid, self.pixel_scale)
        block = Block(
            sums.half(),
            self.band_inputs(made, aligned, batch).half(),
            made.owner,
            torch.tensor([row["label"] for row in batch.truth]),
            _auxiliary(batch.truth),
            batch.truth,
        )
        # A stack without any band left has nothing to classify either.
        some = torch.bincount(made.owner, minlength=len(batch)) > 0
        return block.take(torch.nonzero(made.usable & some).flatten())

    def band_inputs(self, made, aligned, batch):
        """The network's input for every band by itself.

        Parameters
        ----------
        made : PreparedBatch
            The bands in units of their noise.
        aligned : `~astro_vbinary.simulation.AlignedBatch`
            What they were made from.
        batch : `~astro_vbinary.simulation.SimulatedBatch`
            And what that was made from.

        Returns
        -------
        `torch.Tensor`
            Shape (m, n_band_channel, ny, nx), float32.
        """
        if not self.preprocessing.band_channels:
            return torch.zeros((len(made.bands), 0, 1, 1))
        return self.preprocessing.band_channels_of(made.bands, self.pixel_scale)


def _auxiliary(truth):
    separation = np.array([row["separation"] for row in truth], dtype=np.float32)
    difference = np.array([row["magnitude_difference"] for row in truth])
    angle = np.deg2rad([row["position_angle"] for row in truth])
    # East is to the left: the direction is (-sin, cos) of the position angle.
    columns = [
        np.log(separation),
        difference / 3,
        -np.cos(2 * angle),
        -np.sin(2 * angle),
    ]
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))
