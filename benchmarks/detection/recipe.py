"""The reference recipe, trained on as many stamps as the reference work had."""

from pathlib import Path

import numpy as np
import torch

from astro_vbinary.stamps.grid import GROUP_GRIDS
from astro_vbinary.training.reference import ReferenceRecipe, train_reference
from benchmarks.detection.detectors import View
from benchmarks.detection.scoring import truth_of
from benchmarks.detection.visual import part_of_task

__all__ = ["STAMPS", "labelled_stamps", "train"]

#: Stamps of each class that the reference work labelled by eye, by group.
STAMPS = {3: 150, 4: 40}


def labelled_stamps(one, count):
    """Stamps of the visual task: what somebody would label by eye.

    Parameters
    ----------
    one : ~benchmarks.detection.sets.TestSet
        Where they come from.
    count : int
        Of each class.

    Returns
    -------
    images, valid, labels : `~numpy.ndarray`
        Shapes (n, ny, nx), (n, ny, nx) and (n,).
    """
    images, valid, labels = [], [], []
    wanted = {"pair": count, "other": count}
    for number in range(one.blocks):
        view = View(one.batch(number), one.group)
        truth = truth_of(view)
        part = part_of_task(truth)
        for name, left in wanted.items():
            # No block gives more than a few, so that all surveys are there.
            most = min(left, max(count // 12, 2))
            rows = np.flatnonzero((part == name) & truth["usable"])[:most]
            index = torch.from_numpy(rows)
            images.append(view.prepared.signal[index].numpy())
            valid.append(view.prepared.valid[index].numpy())
            labels.append(np.full(len(rows), int(name == "pair")))
            wanted[name] -= len(rows)
        if not any(wanted.values()):
            break
    return tuple(np.concatenate(values) for values in (images, valid, labels))


def train(one, folder, *, stamps=None, epochs=ReferenceRecipe.epochs):
    """Train a group's network by the reference recipe.

    Parameters
    ----------
    one : ~benchmarks.detection.sets.TestSet
        The labelled set.
    folder : str or `~pathlib.Path`
        Where it is kept; a run that was stopped goes on.
    stamps : int, optional
        Of each class; as many as the reference work had by default.
    epochs : int, optional
        Passes over the stamps.

    Returns
    -------
    str
        The folder.
    """
    torch.set_num_threads(1)
    count = STAMPS[one.group] if stamps is None else stamps
    kept = Path(folder) / "stamps.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        images, valid, labels = labelled_stamps(one, count)
        np.savez_compressed(kept, images=images, valid=valid, labels=labels)
    with np.load(kept) as file:
        images, valid, labels = (file[key] for key in ("images", "valid", "labels"))
    train_reference(
        images,
        labels,
        [str(number) for number in range(len(labels))],
        GROUP_GRIDS[one.group][0],
        folder,
        valid=valid,
        recipe=ReferenceRecipe(epochs=epochs),
        progress=False,
    )
    return str(folder)
