"""Scores of a network on a stream: nothing but scores and truth is kept."""

import numpy as np
from tqdm.auto import tqdm

from astro_vbinary.training.loop import predict_block

__all__ = ["ScoredSet", "score_stream"]


class ScoredSet:
    """Scores with their truth.

    Parameters
    ----------
    scores : `~numpy.ndarray`
        Shape (n, 2), float32, before the softmax.
    truth : list of dict
        As in `~astro_vbinary.simulation.SimulatedBatch`, n of them.
    """

    def __init__(self, scores, truth):
        self.scores, self.truth = scores, truth

    def __len__(self):
        return len(self.truth)

    @property
    def labels(self):
        """1 for a pair, else 0; shape (n,), int64."""
        return self.column("label").astype(np.int64)

    @property
    def margin(self):
        """Difference of the scores, pair minus not; shape (n,), float64."""
        return self.scores[:, 1].astype(float) - self.scores[:, 0]

    def column(self, name):
        """One entry of the truth for every stack.

        Parameters
        ----------
        name : str
            The entry.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n,).
        """
        return np.array([row[name] for row in self.truth])


def score_stream(
    network, stream, blocks, *, device="cpu", progress=True, start=0, symmetries=1
):
    """Score the first blocks of a stream.

    Parameters
    ----------
    network : `~astro_vbinary.classification.BinaryNet`
        The network.
    stream : `~astro_vbinary.training.SimulationStream`
        What to score.
    blocks : int
        How many blocks.
    device : str, optional
        Device of torch.
    progress : bool, optional
        Whether to show a bar.
    start : int, optional
        Number of the first block.
    symmetries : int, optional
        Turned and mirrored images that scores are averaged over: 1, 2, 4 or 8.

    Returns
    -------
    ScoredSet
        One entry for each stack that has something to classify.
    """
    scores, truth = [], []
    bar = tqdm(
        range(start, start + blocks),
        unit="block",
        desc="score",
        disable=None if progress else True,
    )
    for number in bar:
        block = stream.block(number)
        made = predict_block(network, block, device=device, symmetries=symmetries)
        scores.append(made.numpy())
        truth += block.truth
    return ScoredSet(np.concatenate(scores), truth)
