"""Labelled stacks from files or from the simulator."""

import hashlib
from dataclasses import replace

import numpy as np
import torch
from tqdm.auto import tqdm

from astro_vbinary import __version__
from astro_vbinary.exceptions import LabelError, StampError
from astro_vbinary.simulation import SIMULATED_SURVEYS, align_batch
from astro_vbinary.stamps import StampIndex
from astro_vbinary.stamps.batching import align_light
from astro_vbinary.stamps.grid import GROUP_GRIDS
from astro_vbinary.stamps.light_reading import read_light, read_shards
from astro_vbinary.stamps.stack import READ_SIZE
from astro_vbinary.surveys import get_survey, resolution_group
from astro_vbinary.training.identity import pixel_hash
from astro_vbinary.training.labelled import (
    MARGIN,
    LabelledStacks,
    join_stacks,
    network_inputs,
)
from astro_vbinary.training.labels import combine_labels
from astro_vbinary.training.stream import BLOCK, SimulationStream

__all__ = ["kept_stacks", "read_stacks", "simulate_stacks", "stacks_from_batch"]

#: Folder in the output of a training for what only a run in progress needs.
WORK = ".work"

#: Stacks that are read and aligned together.
TOGETHER = 32


def read_stacks(
    stamps,
    labels,
    *,
    group=3,
    policy="published",
    surveys=None,
    unsure="half",
    grid=None,
    progress=True,
):
    """Read and align the stacks that have a label.

    Parameters
    ----------
    stamps : path, sequence of paths, or `~astro_vbinary.stamps.StampIndex`
        Where the stamps are.
    labels : `~astropy.table.Table`
        As of `read_labels`.
    group : int, optional
        Resolution group; stacks of other groups are passed over.
    policy : str, optional
        Policy by which the group is meant.
    surveys : sequence of str, optional
        Surveys to use instead of those of the group.
    unsure : {"half", "drop"}, optional
        Whether ``unsure`` counts one half or is left out.
    grid : tuple, optional
        Pixel scale in arcsec and side in pixels; by default the group's.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    LabelledStacks
        In the order of the files, with what could not be used as ``rejected``.

    Raises
    ------
    LabelError
        If no stack has a label and can be used.
    FileNotFoundError
        If a path does not exist.
    """
    if not isinstance(stamps, StampIndex):
        stamps = StampIndex.from_paths(stamps)
    wanted = combine_labels(labels, unsure=unsure)
    chosen = None if surveys is None else {get_survey(name).name for name in surveys}
    jobs, elsewhere = [], set()
    for key, files in stamps.groups().items():
        label = wanted.get(key, wanted.get((key[0], "")))
        if label is None:
            continue
        fits = (
            resolution_group(get_survey(key[1]), policy=policy).number == group
            if chosen is None
            else key[1] in chosen
        )
        if fits:
            jobs.append((key, files, label))
        else:
            elsewhere.add(key[1])
    rejected = [(str(file.path), file.reason) for file in stamps.rejected]
    parts = []
    bar = tqdm(
        total=len(jobs), unit="stack", desc="align", disable=None if progress else True
    )
    for start in range(0, len(jobs), TOGETHER):
        some = jobs[start : start + TOGETHER]
        parts += _read_some(some, grid or GROUP_GRIDS[group], rejected)
        bar.update(len(some))
    bar.close()
    if not parts:
        names = sorted({key[0] for key in wanted})[:3]
        raise LabelError(
            f"no stack of group {group} has a label and can be used; "
            + (
                f"there are labels for stacks of {', '.join(sorted(elsewhere))}; "
                if elsewhere
                else ""
            )
            + (
                f"the first reason: {rejected[0][1]}"
                if rejected
                else f"the first labels are of {', '.join(names)}"
            )
        )
    return replace(join_stacks(parts), rejected=tuple(rejected))


def kept_stacks(folder, index, labels, options, read):
    """Stacks that an unfinished training has kept, or new ones, which are kept.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Output of the training.
    index : `~astro_vbinary.stamps.StampIndex`
        The stamps.
    labels : `~astropy.table.Table`
        The labels.
    options : tuple
        What else decides the stacks.
    read : callable
        Makes the stacks.

    Returns
    -------
    LabelledStacks
        The stacks.
    """
    made = hashlib.sha256(repr((__version__, options)).encode())
    for name in labels.colnames:
        made.update(repr((name, [str(value) for value in labels[name]])).encode())
    for file in index:
        # In a shard the path leads on, beyond the file.
        path = next(p for p in (file.path, *file.path.parents) if p.exists())
        state = path.stat()
        row = (str(file.path), file.band, state.st_size, state.st_mtime_ns)
        made.update(repr(row).encode())
    path = folder / WORK / f"stacks-{made.hexdigest()[:16]}.safetensors"
    if path.exists():
        return LabelledStacks.load(path)
    stacks = read()
    path.parent.mkdir(parents=True, exist_ok=True)
    stacks.save(path)
    return stacks


def _read_some(jobs, grid, rejected):
    """One set of stacks, or none where no file can be used."""
    images = read_shards([file for _, files, _ in jobs for file in files])
    kept, stacks = [], []
    for job in jobs:
        key, files, label = job
        try:
            stack = read_light(
                files,
                survey=get_survey(key[1]),
                size=READ_SIZE,
                target=_target(label),
                images=images,
            )
        except StampError as error:
            rejected.append((f"{key[0]} in {key[1]}", str(error)))
            continue
        rejected += [(str(path), str(error)) for path, error in stack.dropped]
        kept.append(job)
        stacks.append(stack)
    if not stacks:
        return []
    hashes = [
        tuple(filter(None, (pixel_hash(stamp.data) for stamp in stack.stamps)))
        for stack in stacks
    ]
    scale, side = grid
    made = align_light(stacks, scale, side + 2 * MARGIN)
    bands = made.data.masked_fill(made.mask, torch.nan)
    stacks = LabelledStacks(
        bands=bands,
        owner=made.owner,
        spread=_spread(bands),
        labels=np.array([label.value for *_, label in kept]),
        sources=[key[0] for key, *_ in kept],
        surveys=[key[1] for key, *_ in kept],
        positions=np.array(made.centers, dtype=float),
        hashes=hashes,
        annotators=[label.annotators for *_, label in kept],
        truth=[label.extra for *_, label in kept],
        pixel_scale=scale,
    )
    return _usable(stacks, rejected)


def _target(label):
    if label.position is None:
        return None
    from astropy.coordinates import SkyCoord

    return SkyCoord(*label.position, unit="deg", frame="icrs")


def _usable(stacks, rejected):
    """Those with something to classify, as a list of one set or none."""
    from astro_vbinary.classification import Preprocessing

    n = len(stacks)
    bands, owner = stacks.images(range(n))
    usable = network_inputs(
        bands, owner, n, stacks.pixel_scale, Preprocessing(("valid",), ())
    )[1]
    for number in np.flatnonzero(~usable):
        rejected.append(
            (
                f"{stacks.sources[number]} in {stacks.surveys[number]}",
                "there is nothing to classify",
            )
        )
    return [stacks.take(np.flatnonzero(usable))] if usable.any() else []


def _spread(bands):
    """Scatter of each band's background, by its lower half."""
    flat = bands.flatten(1)[:, ::3].numpy()
    with np.errstate(all="ignore"):
        level = np.nanmedian(np.where(np.isfinite(flat), flat, np.nan), axis=1)
        below = np.where(flat <= level[:, None], level[:, None] - flat, np.nan)
        made = 1.4826 * np.nanmedian(below, axis=1)
    return torch.from_numpy(np.nan_to_num(made).astype(np.float32))


def simulate_stacks(
    surveys, count, *, group=3, seed=0, psf_seed=0, grid=None, progress=False
):
    """Draw simulated stacks, to train on together with labelled ones.

    Parameters
    ----------
    surveys : sequence of str
        Surveys, all equally frequent; those that cannot be simulated are passed over.
    count : int
        Number of stacks.
    group : int, optional
        Resolution group whose grid they are brought to.
    seed, psf_seed : int, optional
        As for `SimulationStream`.
    grid : tuple, optional
        Pixel scale in arcsec and side in pixels; by default the group's.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    LabelledStacks
        Named ``simulated-0`` and so on.

    Raises
    ------
    LabelError
        If none of the surveys can be simulated.
    """
    known = sorted(set(surveys) & set(SIMULATED_SURVEYS))
    if not known:
        raise LabelError(
            f"cannot simulate {', '.join(sorted(set(surveys)))}; surveys that can be: "
            f"{', '.join(SIMULATED_SURVEYS)}"
        )
    scale, side = grid or GROUP_GRIDS[group]
    stream = SimulationStream(
        dict.fromkeys(known, 1.0),
        pixel_scale=scale,
        side=side + 2 * MARGIN,
        seed=seed,
        psf_seed=psf_seed,
    )
    parts, number, have = [], 0, 0
    bar = tqdm(
        total=count, unit="stack", desc="simulate", disable=None if progress else True
    )
    while have < count:
        batch = stream.batch(number)
        made = stacks_from_batch(batch, scale, side, first=number * BLOCK)
        parts.append(made.take(range(min(len(made), count - have))))
        have, number = have + len(parts[-1]), number + 1
        bar.update(len(parts[-1]))
    bar.close()
    return join_stacks(parts)


def stacks_from_batch(batch, pixel_scale, side, *, first=0):
    """Simulated images as labelled stacks.

    Parameters
    ----------
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        The images.
    pixel_scale : float
        Of the grid, in arcsec.
    side : int
        Pixels along each axis of the network's grid.
    first : int, optional
        Number in the name of the first stack.

    Returns
    -------
    LabelledStacks
        Without the stacks that have nothing to classify.
    """
    aligned = align_batch(batch, pixel_scale, side + 2 * MARGIN)
    bands = aligned.data.masked_fill(aligned.mask, torch.nan)
    n = len(batch)
    hashes = [[] for _ in range(n)]
    for image, owner in zip(bands, aligned.owner.tolist(), strict=True):
        hashes[owner].append(pixel_hash(image.numpy()))
    made = LabelledStacks(
        bands=bands,
        owner=aligned.owner,
        spread=_spread(bands),
        labels=np.array([float(row["label"]) for row in batch.truth]),
        sources=[f"simulated-{first + i}" for i in range(n)],
        surveys=[batch.survey] * n,
        positions=np.array([(row["ra"], row["dec"]) for row in batch.truth]),
        hashes=[tuple(filter(None, own)) for own in hashes],
        annotators=[()] * n,
        truth=[dict(row) for row in batch.truth],
        pixel_scale=pixel_scale,
    )
    return _usable(made, [])[0]
