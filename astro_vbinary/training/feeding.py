"""What one step of a training sees: stacks of recent blocks, turned and mirrored."""

from collections import deque

import torch

from astro_vbinary.training.stream import BLOCK, join_blocks

__all__ = ["BlockPool", "turn_block"]


class BlockPool:
    """The most recent blocks of a stream; which they are depends on the step alone.

    Parameters
    ----------
    stream : `~astro_vbinary.training.SimulationStream`
        Where blocks come from.
    options : `~astro_vbinary.training.TrainingOptions`
        How many are kept, and how often each stack is seen.
    step : int
        The step that is drawn for first.
    """

    def __init__(self, stream, options, step):
        self.stream, self.options = stream, options
        self.next = max(self._needed(step) - options.pool, 0)
        self.blocks = deque(maxlen=options.pool)

    def _needed(self, step):
        fresh = self.options.batch / self.options.reuse
        return self.options.pool // 4 + int(step * fresh / BLOCK)

    def draw(self, step):
        """Draw the stacks of one step.

        Parameters
        ----------
        step : int
            Not before the last one.

        Returns
        -------
        block : `~astro_vbinary.training.Block`
            The stacks.
        generator : `torch.Generator`
            What else is random in this step.
        """
        while self.next < self._needed(step) or not self.blocks:
            self.blocks.append(self.stream.block(self.next))
            self.next += 1
        generator = torch.Generator().manual_seed(self.options.seed * 10**7 + step)
        number = torch.randint(
            len(self.blocks), (self.options.batch,), generator=generator
        )
        parts = []
        for which in torch.unique(number).tolist():
            block = self.blocks[which]
            count = min(int((number == which).sum()), len(block))
            order = torch.randperm(len(block), generator=generator)[:count]
            parts.append(block.take(order))
        return join_blocks(parts), generator


def turn_block(block, generator):
    """One of the square's eight symmetries for a whole batch.

    Parameters
    ----------
    block : `~astro_vbinary.training.Block`
        The stacks, which are left as they are.
    generator : `torch.Generator`
        Source of randomness.

    Returns
    -------
    sums, bands, auxiliary : `torch.Tensor`
        As in the block, turned and mirrored together; images channels last in memory.
    """
    turns = int(torch.randint(4, (1,), generator=generator))
    mirror = bool(torch.randint(2, (1,), generator=generator))
    planes = []
    for plane in (block.sums, block.bands):
        turned = torch.rot90(plane, turns, (2, 3))
        turned = turned.flip(3) if mirror else turned
        planes.append(turned.contiguous(memory_format=torch.channels_last))
    auxiliary = block.auxiliary.clone()
    # Twice the direction turns by half a circle with every quarter turn.
    if turns % 2:
        auxiliary[:, 2:] *= -1
    if mirror:
        auxiliary[:, 3] *= -1
    return (*planes, auxiliary)
