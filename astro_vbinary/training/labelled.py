"""Labelled stacks as tensors: aligned once, kept on disk, cut out when needed."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from astro_vbinary.classification.preprocessing import prepare_batch, regions

__all__ = ["LabelledStacks", "join_stacks", "network_inputs"]

#: Pixels around the grid that are kept, so that shifted images have no blank edges.
MARGIN = 4

#: Attributes with one entry a stack that are no arrays, and those that are neither.
LISTS = ("sources", "surveys", "hashes", "annotators", "truth")
PLAIN = ("pixel_scale", "rejected")


@dataclass(frozen=True)
class LabelledStacks:
    """Aligned bands of many stacks, with their labels.

    Attributes
    ----------
    bands : `torch.Tensor`
        Shape (m, side, side), float32: aligned bands, NaN where there is no data; the
        grid of the network with a few pixels more on every side.
    owner : `torch.Tensor`
        Shape (m,), int64: the stack that each band belongs to, ascending.
    spread : `torch.Tensor`
        Shape (m,), float32: scatter of each band's background.
    labels : `~numpy.ndarray`
        Shape (n,), float64: 1 for a pair, 0 for none, between where people differ.
    sources, surveys : list of str
        What each stack is of.
    positions : `~numpy.ndarray`
        Shape (n, 2): right ascension and declination of the targets in deg, ICRS.
    hashes : list of tuple of str
        ``pixel_hash`` of each stack's images, as they are in the files.
    annotators : list of tuple of str
        Who labelled each stack.
    truth : list of dict
        What else the table of labels says of each stack.
    pixel_scale : float
        Side of a pixel in arcsec.
    rejected : tuple of tuple of str
        What could not be used, and why.
    """

    bands: torch.Tensor
    owner: torch.Tensor
    spread: torch.Tensor
    labels: np.ndarray
    sources: list
    surveys: list
    positions: np.ndarray
    hashes: list
    annotators: list
    truth: list
    pixel_scale: float
    rejected: tuple = field(default=())

    def __len__(self):
        return len(self.labels)

    @property
    def side(self):
        """Pixels along each axis of the network's grid (int)."""
        return self.bands.shape[-1] - 2 * MARGIN

    @property
    def classes(self):
        """1 for a pair, 0 for none, -1 where it is undecided; shape (n,), int."""
        return np.select([self.labels > 0.5, self.labels < 0.5], [1, 0], -1)

    def rows(self, index):
        """Bands of some stacks.

        Parameters
        ----------
        index : sequence of int
            The k stacks.

        Returns
        -------
        rows : `torch.Tensor`
            Shape (m,), int64: places among the bands.
        owner : `torch.Tensor`
            Shape (m,), int64: place in the index of the stack of each.
        """
        index = torch.as_tensor(np.asarray(index, dtype=np.int64))
        count = torch.bincount(self.owner, minlength=len(self))
        first = torch.cumsum(count, 0) - count
        chosen = count[index]
        owner = torch.repeat_interleave(torch.arange(len(index)), chosen)
        start = torch.cumsum(chosen, 0) - chosen
        return first[index][owner] + torch.arange(len(owner)) - start[owner], owner

    def take(self, index):
        """Some of the stacks.

        Parameters
        ----------
        index : sequence of int
            Which.

        Returns
        -------
        LabelledStacks
            In the order of the index.
        """
        rows, owner = self.rows(index)
        index = np.asarray(index, dtype=int)
        return LabelledStacks(
            bands=self.bands[rows],
            owner=owner,
            spread=self.spread[rows],
            labels=self.labels[index],
            positions=self.positions[index],
            pixel_scale=self.pixel_scale,
            rejected=self.rejected,
            **{name: [getattr(self, name)[i] for i in index] for name in LISTS},
        )

    def images(self, index):
        """The middle of some stacks' bands, as the network's grid has it.

        Parameters
        ----------
        index : sequence of int
            The stacks.

        Returns
        -------
        bands : `torch.Tensor`
            Shape (m, side, side), float32, NaN where there is no data.
        owner : `torch.Tensor`
            Shape (m,), int64.
        """
        rows, owner = self.rows(index)
        stop = self.bands.shape[-1] - MARGIN
        return self.bands[rows, MARGIN:stop, MARGIN:stop], owner

    def fingerprint(self):
        """Hash of labels, names and pixels.

        Returns
        -------
        str
            The same for the same stacks in the same order.
        """
        made = hashlib.sha256()
        for row in zip(
            self.sources, self.surveys, self.labels.tolist(), self.hashes, strict=True
        ):
            made.update(json.dumps(row).encode())
        made.update(f"{self.pixel_scale} {tuple(self.bands.shape)}".encode())
        return made.hexdigest()

    def save(self, path):
        """Write everything to one file.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The file; replaced whole.
        """
        from safetensors.torch import save_file

        path = Path(path)
        entries = {name: getattr(self, name) for name in (*LISTS, *PLAIN)}
        tensors = {
            "bands": self.bands.contiguous(),
            "owner": self.owner,
            "spread": self.spread,
            "labels": torch.from_numpy(np.ascontiguousarray(self.labels)),
            "positions": torch.from_numpy(np.ascontiguousarray(self.positions)),
        }
        part = path.with_suffix(".part")
        save_file(tensors, part, metadata={"stacks": json.dumps(entries, default=str)})
        part.replace(path)

    @classmethod
    def load(cls, path):
        """Read what `save` has written.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            The file.

        Returns
        -------
        LabelledStacks
            The stacks.
        """
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            entries = json.loads(file.metadata()["stacks"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        for name in ("hashes", "annotators", "rejected"):
            entries[name] = [tuple(own) for own in entries[name]]
        entries["rejected"] = tuple(entries["rejected"])
        for name in ("labels", "positions"):
            tensors[name] = tensors[name].numpy()
        return cls(**tensors, **entries)


def join_stacks(parts):
    """Several sets of stacks as one.

    Parameters
    ----------
    parts : sequence of LabelledStacks
        At least one; all of one grid.

    Returns
    -------
    LabelledStacks
        All stacks, in order.
    """
    offset, owner = 0, []
    for part in parts:
        owner.append(part.owner + offset)
        offset += len(part)
    lists = {
        name: [item for part in parts for item in getattr(part, name)] for name in LISTS
    }
    return LabelledStacks(
        bands=torch.cat([p.bands for p in parts]),
        owner=torch.cat(owner),
        spread=torch.cat([p.spread for p in parts]),
        labels=np.concatenate([p.labels for p in parts]),
        positions=np.concatenate([p.positions for p in parts]),
        pixel_scale=parts[0].pixel_scale,
        rejected=tuple(row for p in parts for row in p.rejected),
        **lists,
    )


def network_inputs(bands, owner, n, pixel_scale, preprocessing):
    """What a network is given: as in inference.

    Parameters
    ----------
    bands : `torch.Tensor`
        Shape (m, side, side), float32, NaN where there is no data.
    owner : `torch.Tensor`
        Shape (m,), int64.
    n : int
        Number of stacks.
    pixel_scale : float
        Side of a pixel in arcsec.
    preprocessing : `~astro_vbinary.classification.Preprocessing`
        The network's channels.

    Returns
    -------
    inputs : tuple of `torch.Tensor`
        Sums, bands and owner, as for `~astro_vbinary.classification.BinaryNet`.
    usable : `~numpy.ndarray` of bool
        Shape (n,): whether there is anything to classify.
    peak : `~numpy.ndarray`
        Shape (n,): largest signal within 2.5 arcsec in units of the noise.
    """
    mask = torch.isnan(bands)
    made = prepare_batch(torch.nan_to_num(bands, nan=0.0), mask, owner, n, pixel_scale)
    inputs = (
        preprocessing.channels_of(made.signal, made.valid, pixel_scale),
        preprocessing.band_channels_of(made.bands, pixel_scale),
        made.owner,
    )
    some = torch.bincount(made.owner, minlength=n) > 0
    circle = regions(tuple(bands.shape[-2:]), pixel_scale, bands.device)[0]
    peak = made.signal.flatten(1)[:, circle].amax(dim=1)
    return inputs, (made.usable & some).cpu().numpy(), peak.cpu().numpy()
