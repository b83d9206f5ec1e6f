"""What looks at a block of stacks, and what each detector is told."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.classification.preprocessing import prepare_batch
from astro_vbinary.measurement import PSFUncertainty, glrt
from astro_vbinary.measurement.peers import PEERS, run_peer
from astro_vbinary.psf import SPACE_SURVEYS
from astro_vbinary.simulation import align_batch
from astro_vbinary.stamps.grid import GROUP_GRIDS
from astro_vbinary.training.loop import predict_block
from astro_vbinary.training.pixels import pixel_batch

__all__ = ["CLASSICAL", "DETECTORS", "EYE", "SLOW", "View", "score"]

#: What an eye does not know of the PSF, and no detector but the scan is told.
EYE = PSFUncertainty(ellipticity=0.05, size=0.1)

#: Detectors that need nothing but the stack itself (and the scan, which is given the
#: true PSFs).
CLASSICAL = ("glrt", *PEERS)

#: All detectors in the order of the tables.
DETECTORS = ("network", "glrt", "reference", *PEERS)

#: Detectors that look at part of the largest sets.
SLOW = ("glrt", "reference", *PEERS)

#: Stacks that the scan looks at together.
SCAN = 8

#: How far the scan looks; and where the curves' pairs are all within half of it.
SCAN_RANGE, CLEAN_RANGE = 2.5 * u.arcsec, 1.0 * u.arcsec


@dataclass
class View:
    """One block of stacks in the forms that detectors ask for.

    Attributes
    ----------
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        The pixels as rendered.
    group : int
        Resolution group of the grid.
    clean : bool
        Whether the scenes are those of the completeness curves.
    models : dict of str to object
        Trained detectors by name.
    """

    batch: object
    group: int
    clean: bool = False
    models: dict = field(default_factory=dict)

    @cached_property
    def aligned(self):
        """The bands on the group's grid."""
        return align_batch(self.batch, *GROUP_GRIDS[self.group])

    @cached_property
    def prepared(self):
        """The bands and their sums in units of their noise."""
        aligned, scale = self.aligned, GROUP_GRIDS[self.group][0]
        return prepare_batch(
            aligned.data, aligned.mask, aligned.owner, len(self.batch), scale
        )

    @cached_property
    def usable(self):
        """Stacks with something to classify; shape (n,), bool."""
        made = self.prepared
        some = torch.bincount(made.owner, minlength=len(self.batch)) > 0
        return (made.usable & some).numpy()

    @cached_property
    def fwhm(self):
        """Median FWHM of each stack's bands in arcsec."""
        widths = [[] for _ in range(len(self.batch))]
        for frames in self.batch.frames:
            for exposure in frames.exposures:
                widths[exposure.stack].append(exposure.fwhm)
        return np.array([np.median(own) for own in widths])


def score(name, view, rows):
    """Scores of one detector on some stacks of a block.

    Parameters
    ----------
    name : str
        One of `DETECTORS`.
    view : View
        The block.
    rows : `~numpy.ndarray` of int
        Which stacks.

    Returns
    -------
    `~numpy.ndarray`
        Shape (64,), float64: higher is more like a pair; minus infinity where the
        detector has no verdict; NaN where it was not asked.
    """
    scores = np.full(len(view.batch), np.nan)
    scores[rows] = -np.inf
    rows = rows[view.usable[rows]]
    if not len(rows):
        return scores
    if name == "network":
        found = _network(view, rows)
    elif name == "glrt":
        found = _scan(view, rows)
    elif name == "reference":
        made, index = view.prepared, torch.from_numpy(rows)
        found = view.models["reference"].predict(
            made.signal[index].numpy(), valid=made.valid[index].numpy()
        )
    else:
        made, index = view.prepared, torch.from_numpy(rows)
        found = run_peer(
            name,
            made.signal[index].numpy(),
            made.valid[index].numpy(),
            GROUP_GRIDS[view.group][0],
            view.fwhm[rows],
        )
    scores[rows] = np.where(np.isnan(found), -np.inf, found)
    return scores


def _network(view, rows):
    """Difference of the two scores."""
    from astro_vbinary.training.stream import Block

    network, process = view.models["network"]
    made, scale = view.prepared, GROUP_GRIDS[view.group][0]
    # Inputs are rounded as in the training.
    block = Block(
        process.channels_of(made.signal, made.valid, scale).half(),
        process.band_channels_of(made.bands, scale).half(),
        made.owner,
        torch.zeros(len(view.batch), dtype=torch.int64),
        torch.zeros((len(view.batch), 4)),
        view.batch.truth,
    )
    found = predict_block(network, block.take(torch.from_numpy(rows))).numpy()
    return found[:, 1].astype(float) - found[:, 0]


def _scan(view, rows):
    found = []
    short = view.clean and view.batch.survey in SPACE_SURVEYS
    largest = CLEAN_RANGE if short else SCAN_RANGE
    for start in range(0, len(rows), SCAN):
        part = [int(row) for row in rows[start : start + SCAN]]
        made = pixel_batch(view.batch, part)
        found.append(glrt(made, max_separation=largest).statistic)
    return np.concatenate(found)


def load_network(group, checkpoint=None):
    """The network of a group, and its channels.

    Parameters
    ----------
    group : int
        Resolution group.
    checkpoint : str or `~pathlib.Path`, optional
        A checkpoint of `~astro_vbinary.training.train_network`; the bundled weights
        by default.

    Returns
    -------
    network : `~astro_vbinary.classification.BinaryNet`
        In evaluation mode.
    preprocessing : `~astro_vbinary.classification.Preprocessing`
        What it is given.
    card : `~astro_vbinary.classification.WeightsCard` or None
        Its calibration; None for a checkpoint.
    """
    from astro_vbinary.classification import weights
    from astro_vbinary.classification.preprocessing import Preprocessing
    from astro_vbinary.training.loop import TrainingOptions, build_network

    if checkpoint is None:
        card = weights.find_weights(group=group)
        return weights.load_network(card), card.preprocessing, card
    # Written by the training loop: tensors and plain values, nothing that runs.
    saved = torch.load(Path(checkpoint), map_location="cpu", weights_only=True)
    process = Preprocessing()
    network = build_network(TrainingOptions(**saved["options"]), process)
    network.load_state_dict(
        {
            key.removeprefix("module."): value
            for key, value in saved["average"].items()
            if key.startswith("module.")
        }
    )
    return network.eval(), process, None
