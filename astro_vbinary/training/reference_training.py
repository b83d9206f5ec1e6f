"""Training by the reference recipe: the split, the loop, checkpoints."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import astropy.units as u
import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from astro_vbinary.training.evaluation import classification_report
from astro_vbinary.training.reference_classifier import (
    FILE,
    ReferenceClassifier,
    ReferenceRecipe,
    build_network,
    normalise,
    predict_inputs,
)

__all__ = ["split_sources", "train_reference"]

#: The checkpoint, which goes when the run is done.
CHECKPOINT = "reference-last.pt"


def split_sources(sources, labels, *, shares=(0.70, 0.15, 0.15), seed=0):
    """Split stamps so that no source stands on two sides, classes in balance.

    Parameters
    ----------
    sources : sequence of str
        Name of each stamp's source.
    labels : sequence of int
        1 for a pair, else 0. A source counts as a pair where one of its stamps does.
    shares : tuple of float, optional
        Shares of each class's sources in each part; the first gets the rest.
    seed : int, optional
        Seed of the draw.

    Returns
    -------
    list of `~numpy.ndarray`
        Positions of each part's stamps, sorted.

    Raises
    ------
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> from astro_vbinary.training.reference import split_sources
    >>> names = [str(number // 2) for number in range(40)]
    >>> parts = split_sources(names, [1] * 20 + [0] * 20)
    >>> [len(part) for part in parts]
    [24, 8, 8]
    """
    if len(sources) != len(labels):
        raise ValueError(f"{len(sources)} sources for {len(labels)} labels")
    pairs = {}
    for source, label in zip(map(str, sources), labels, strict=True):
        pairs[source] = max(pairs.get(source, 0), int(label))
    rng = np.random.default_rng(seed)
    part_of = {}
    for label in (0, 1):
        names = sorted(name for name, value in pairs.items() if value == label)
        rng.shuffle(names)
        start = 0
        for number, share in reversed(list(enumerate(shares))):
            count = round(share * len(names)) if number else len(names) - start
            part_of |= dict.fromkeys(names[start : start + count], number)
            start += count
    of_stamp = np.array([part_of[str(source)] for source in sources], dtype=int)
    return [np.flatnonzero(of_stamp == number) for number in range(len(shares))]


def train_reference(
    images,
    labels,
    sources,
    pixel_scale,
    folder,
    *,
    valid=None,
    recipe=None,
    device="cpu",
    progress=True,
):
    """Train the reference recipe, keeping the epoch with the best validation F1.

    After every epoch a checkpoint is written, from which a stopped run goes on; a
    run that is done is only read.

    Parameters
    ----------
    images : `~numpy.ndarray`
        Shape (n, ny, nx), co-added images with the target at the centre, all on
        pixels of one size. What is not finite counts as not valid.
    labels : sequence of int
        1 for a pair, else 0; shape (n,).
    sources : sequence of str
        Name of each image's source; shape (n,).
    pixel_scale : `~astropy.units.Quantity` or float
        Side of a pixel, in arcsec where it is a number.
    folder : str or `~pathlib.Path`
        Where the checkpoint and at last ``reference.safetensors`` are kept.
    valid : `~numpy.ndarray` of bool, optional
        Shape (n, ny, nx), True where a pixel can be used.
    recipe : ReferenceRecipe, optional
        How to train.
    device : str, optional
        Device of torch.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    ReferenceClassifier
        On the CPU, with the report of its test part.

    Raises
    ------
    ValueError
        If the shapes do not fit, labels are not 0 or 1, a part has not both classes,
        or the folder holds a run on other data or by another recipe.
    """
    recipe = recipe or ReferenceRecipe()
    labels = np.asarray(labels)
    if not len(images) == len(labels) == len(sources):
        raise ValueError(
            f"{len(images)} images, {len(labels)} labels, {len(sources)} sources"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, not {sorted(set(labels.tolist()))}")
    scale = float(u.Quantity(pixel_scale, u.arcsec).value)
    inputs, usable = normalise(images, valid, pixel_scale=scale, crop=recipe.crop)
    inputs, labels = inputs[usable], labels[usable].astype(np.int64)
    names = [str(name) for name, use in zip(sources, usable, strict=True) if use]
    parts = split_sources(names, labels, shares=recipe.shares, seed=recipe.seed)
    for part, what in zip(parts[::2], ("training", "validation"), strict=True):
        if len(np.unique(labels[part])) < 2:
            raise ValueError(
                f"the {what} part needs stamps of both classes; it has "
                f"{labels[part].sum()} pairs of {len(part)}"
            )
    fingerprint = _fingerprint(inputs, labels, names, recipe, scale)
    folder = Path(folder)
    if (folder / FILE).exists():
        done = ReferenceClassifier.load(folder)
        if done.fingerprint != fingerprint:
            raise ValueError(f"{folder / FILE} was made of other data or otherwise")
        return done
    folder.mkdir(parents=True, exist_ok=True)
    network, history, epoch = _run(
        inputs, labels, parts, recipe, folder, fingerprint, device, progress
    )
    train, test, validation = parts
    report = {"n": 0}
    if len(test):
        report = classification_report(
            labels[test], predict_inputs(network, inputs[test])
        )
    report |= {
        "n_train": len(train),
        "n_validation": len(validation),
        "epoch": epoch,
        "left_out": int((~usable).sum()),
    }
    made = ReferenceClassifier(network, scale, recipe, report, history, fingerprint)
    made.save(folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return made


def _run(inputs, labels, parts, recipe, folder, fingerprint, device, progress):
    """The epochs; the network with the best one's weights, history, and its number."""
    train, _, validation = parts
    network = build_network(recipe.seed).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.rate)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, recipe.step, recipe.gamma)
    state = {"epoch": 0, "best": -1.0, "kept": 0, "history": [], "network": None}
    last = folder / CHECKPOINT
    if last.exists():
        # Written below: tensors and plain values, nothing that runs.
        saved = torch.load(last, map_location=device, weights_only=True)
        if saved["fingerprint"] != fingerprint:
            raise ValueError(f"{last} is of other data or another recipe")
        network.load_state_dict(saved["current"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        state = {key: saved[key] for key in state}
    bar = tqdm(
        range(state["epoch"], recipe.epochs),
        initial=state["epoch"],
        total=recipe.epochs,
        unit="epoch",
        desc="reference recipe",
        disable=None if progress else True,
    )
    for epoch in bar:
        # A seed for each epoch, so that a resumed run draws what it would have.
        rng = np.random.default_rng([recipe.seed, epoch])
        loss = _epoch(network, optimiser, inputs, labels, train, recipe, rng)
        schedule.step()
        probability = predict_inputs(network, inputs[validation])
        held = classification_report(labels[validation], probability)
        f1 = np.nan_to_num(held["f1_1"])
        state["history"].append(
            {
                "epoch": epoch + 1,
                "train_loss": loss,
                "validation_f1": float(f1),
                "validation_accuracy": held["accuracy"],
            }
        )
        bar.set_postfix(loss=f"{loss:.3f}", f1=f"{f1:.3f}")
        if f1 > state["best"]:
            state["best"], state["kept"] = float(f1), epoch + 1
            state["network"] = {
                key: value.detach().cpu().clone()
                for key, value in network.state_dict().items()
            }
        state["epoch"] = epoch + 1
        part = last.with_suffix(".part")
        torch.save(
            {
                **state,
                "fingerprint": fingerprint,
                "current": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
            },
            part,
        )
        part.replace(last)
    network = network.cpu()
    network.load_state_dict(state["network"])
    return network.eval(), state["history"], state["kept"]


def _epoch(network, optimiser, inputs, labels, train, recipe, rng):
    """One pass over the training part; its mean loss."""
    device = next(network.parameters()).device
    network.train()
    order, total, count = rng.permutation(train), 0.0, 0
    for start in range(0, len(order), recipe.batch):
        index = order[start : start + recipe.batch]
        if len(index) < 2 and count:  # batch normalisation needs two
            continue
        moved = np.stack([_augment(inputs[i], rng, recipe.shift) for i in index])
        batch = torch.as_tensor(moved[:, None], device=device)
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.bfloat16):
            scores = network(batch)
        wanted = torch.as_tensor(labels[index], device=device)
        loss = nn.functional.cross_entropy(scores.float(), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += float(loss.detach()) * len(index)
        count += len(index)
    return total / count


def _augment(image, rng, shift):
    """A flip, a quarter turn and a small shift, at random; what moves in is zero."""
    image = np.rot90(image, int(rng.integers(4)))
    if rng.integers(2):
        image = image[:, ::-1]
    if rng.integers(2):
        image = image[::-1]
    dy, dx = (int(v) for v in rng.integers(-shift, shift + 1, 2))
    ny, nx = image.shape
    moved = np.zeros_like(image)
    moved[max(dy, 0) : ny + min(dy, 0), max(dx, 0) : nx + min(dx, 0)] = image[
        max(-dy, 0) : ny + min(-dy, 0), max(-dx, 0) : nx + min(-dx, 0)
    ]
    return moved


def _fingerprint(inputs, labels, names, recipe, scale):
    made = hashlib.sha256(np.ascontiguousarray(inputs))
    made.update(labels.tobytes())
    made.update(json.dumps([names, asdict(recipe), scale]).encode())
    return made.hexdigest()
