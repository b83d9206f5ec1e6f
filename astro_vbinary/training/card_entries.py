"""What a card says of weights that were trained on labels."""

import datetime
from dataclasses import asdict

import numpy as np

from astro_vbinary import __version__
from astro_vbinary.training.evaluation import fit_temperature

__all__ = ["calibrate", "make_entries"]


def calibrate(scores, labels):
    """Temperature and bias from a few stacks.

    Parameters
    ----------
    scores : `~numpy.ndarray`
        Shape (n, 2), before the softmax.
    labels : `~numpy.ndarray`
        Shape (n,), 0 to 1.

    Returns
    -------
    dict
        ``temperature``, ``bias``, ``prevalence`` and ``n``, as a card has them.

    Notes
    -----
    Labels are drawn in by Platt's (1999) correction, (n + 1) / (n + 2) and 1 / (m + 2)
    for n pairs and m others: on few stacks that are all right the likelihood has no
    maximum.
    """
    labels = np.asarray(labels, dtype=float)
    pairs, others = labels.sum(), (1 - labels).sum()
    high, low = (pairs + 1) / (pairs + 2), 1 / (others + 2)
    margin = scores[:, 1].astype(float) - scores[:, 0]
    temperature, bias = fit_temperature(margin, low + labels * (high - low))
    return {
        # A network whose scores say nothing would get one without bound.
        "temperature": float(np.clip(temperature, 0.05, 50.0)),
        "bias": float(np.clip(bias, -10, 10)),
        "prevalence": float(np.clip(labels.mean(), 0.01, 0.99)),
        "n": len(labels),
    }


def make_entries(stacks, part, *, recipe, initial, preprocessing, n_simulated):
    """The entries of a card that follow from data and recipe.

    Parameters
    ----------
    stacks : LabelledStacks
        All stacks.
    part : dict of str to `~numpy.ndarray`
        Places of the stacks of each part.
    recipe : TuningRecipe
        How the weights were trained.
    initial : `~astro_vbinary.classification.WeightsCard` or None
        What they were started from.
    preprocessing : `~astro_vbinary.classification.Preprocessing`
        The network's channels.
    n_simulated : int
        Simulated stacks that were trained on.

    Returns
    -------
    dict
        Without what the weights are called and whom they serve.
    """
    return {
        "description": _description(recipe, stacks, initial),
        "surveys": sorted({stacks.surveys[i] for i in part["train"]}),
        "classes": ["not", "binary"],
        "threshold": 0.5,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "code_version": __version__,
        "grid": {"pixel_scale": stacks.pixel_scale, "side": stacks.side},
        "network": _network_entries(recipe, initial),
        "preprocessing": _plain(preprocessing),
        "training": _training_entries(stacks, part, recipe, initial, n_simulated),
    }


def _plain(options):
    """A dataclass as numbers, text and lists."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(options).items()
    }


def _description(recipe, stacks, initial):
    start = "random weights"
    if recipe.initial:
        start = f"{initial.id} {initial.version}"
    return (
        f"Trained by the recipe {recipe.name} from {start} on {len(stacks)} labelled "
        "stacks"
    )


def _network_entries(recipe, initial):
    if recipe.initial:
        return dict(initial.entries["network"])
    return {
        "in_channels": len(recipe.channels),
        "band_channels": len(recipe.band_channels),
        "width": recipe.width,
        "extra_layers": 2,
    }


def _training_entries(stacks, part, recipe, initial, n_simulated):
    made = {
        "command": f"astro-vbinary train --recipe {recipe.name}",
        "data": f"{len(stacks)} labelled stacks of {len(set(stacks.sources))} sources",
        "n_simulated": n_simulated,
        "annotators": len({who for own in stacks.annotators for who in own}),
    }
    if recipe.initial:
        made["initial"] = f"{initial.id} {initial.version}, sha256 {initial.sha256}"
    for key, index in part.items():
        labels = stacks.labels[index]
        made[key] = {
            "n": len(index),
            "n_binary": int((labels > 0.5).sum()),
            "sources": len({stacks.sources[i] for i in index}),
            "data_sha256": stacks.take(index).fingerprint(),
        }
    made["options"] = _plain(recipe)
    return made
