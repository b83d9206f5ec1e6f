"""Many stacks at once: aligned, prepared and judged as tensors, from file to verdict.

The same numbers as `BinaryClassifier.prepare` and ``judge`` give one by one.
"""

import numpy as np

from astro_vbinary.classification.normalising import (
    BLANK_SHARE,
    prepare_batch,
    regions,
)
from astro_vbinary.classification.preprocessing import notice
from astro_vbinary.status import Flag, Status

__all__ = ["judge_stacks"]

#: What is not in the row of a stack that has no pixel on its grid.
NOTHING = {
    "bands": "",
    "n_bands": 0,
    "ra": np.nan,
    "dec": np.nan,
    "weights": "",
    "weights_sha256": "",
}


def judge_stacks(classifier, rows, stacks, *, prior=None, timed):
    """Fill in the rows of stacks that are not aligned yet.

    Parameters
    ----------
    classifier : BinaryClassifier
        The classifier.
    rows : list of dict
        A row for each stack, changed in place.
    stacks : list of `~astro_vbinary.stamps.light.LightStack`
        The stacks.
    prior : float, optional
        As for `BinaryClassifier.predict`.
    timed : callable
        Gives a context manager that measures the stage of that name.
    """
    import torch

    from astro_vbinary.stamps.batching import align_light

    grid = classifier.card.entries["grid"]
    scale, side = grid["pixel_scale"], grid["side"]
    with timed("align"):
        made = align_light(stacks, scale, side, device=classifier.device)
    with timed("prepare"):
        for row, stack, center in zip(rows, stacks, made.centers, strict=True):
            row["source"] = stack.source or ""
            row["bands"] = ",".join(band or "stacked" for band in stack.bands)
            row["n_bands"] = len(stack.stamps)
            row["ra"], row["dec"] = (float(value) for value in center)
        prepared = prepare_batch(made.data, made.mask, made.owner, len(stacks), scale)
        covered = _covered(made, len(stacks), scale)
        usable = _explain(rows, stacks, made, prepared, covered, scale)
    index = np.flatnonzero(usable)
    if not len(index):
        return
    with timed("classify"):
        chosen = torch.from_numpy(usable).to(prepared.signal.device)
        place = torch.cumsum(chosen, 0) - 1
        kept = chosen[prepared.owner]
        whole = bool(chosen.all())
        scores = classifier.scores_of(
            prepared.signal if whole else prepared.signal[chosen],
            prepared.valid if whole else prepared.valid[chosen],
            prepared.bands if whole else prepared.bands[kept],
            place[prepared.owner[kept]],
        )
        values = classifier.card.probability(scores, prior=prior)
        for number, value in zip(index, values, strict=True):
            classifier.decide(rows[number], value)


def _covered(made, n, scale):
    """Share of the 2.5-arcsec circle that any band covers; shape (n,)."""
    import torch

    if not bool(made.mask.any()):
        return np.ones(n)
    circle = regions(tuple(made.data.shape[-2:]), scale, made.data.device)[0]
    good = (~made.mask).flatten(1).index_select(1, circle).float()
    total = torch.zeros((n, len(circle)), device=good.device)
    total.index_add_(0, made.owner.to(good.device), good)
    return (total > 0).float().mean(dim=1).cpu().numpy()


def _explain(rows, stacks, made, prepared, covered, scale):
    """Flags of the rows, and reasons where there is nothing to classify."""
    import torch

    shape = tuple(made.data.shape[-2:])
    circle = regions(shape, scale, made.data.device)[0]
    n = len(stacks)
    empty = np.ones(n, dtype=bool)
    seen = (~made.mask).flatten(1).any(dim=1).cpu().numpy()
    empty[made.owner.cpu().numpy()[seen]] = False
    some = (torch.bincount(prepared.owner, minlength=n) > 0).cpu().numpy()
    usable = prepared.usable.cpu().numpy() & some & ~empty
    signal = prepared.signal.flatten(1).index_select(1, circle)
    whole = bool(prepared.valid.all())
    if not whole:
        good = prepared.valid.flatten(1).index_select(1, circle)
        signal = signal.masked_fill(~good, -torch.inf)
    peaks = signal.amax(dim=1).cpu().numpy()
    full = prepared.valid.flatten(1).all(dim=1).cpu().numpy()
    inside = np.zeros(shape, dtype=bool)
    inside.ravel()[circle.cpu().numpy()] = True
    for number, row in enumerate(rows):
        if empty[number]:
            # As where it does not even come to a grid.
            row |= NOTHING
            reason = "no stamp has a valid pixel around the target"
        elif covered[number] <= 1 - BLANK_SHARE:
            share = 100 * (1 - covered[number])
            reason = f"{share:.0f} % of the 2.5-arcsec circle have no usable data"
        elif not usable[number]:
            reason = "the image is constant"
        else:
            images = None
            if not full[number]:
                images = (
                    prepared.signal[number].cpu().numpy(),
                    prepared.valid[number].cpu().numpy(),
                    inside,
                )
            flags = notice(float(covered[number]), float(peaks[number]), images)
            assumed = stacks[number].target is None
            row["flags"] |= flags | (Flag.TARGET_ASSUMED if assumed else Flag.NONE)
            continue
        usable[number] = False
        row["status"], row["reason"] = Status.NO_DATA, reason
    return usable
