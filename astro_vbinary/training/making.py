"""From labelled stacks to weights with a card."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from astropy.table import Table

from astro_vbinary.classification.checking import SPLIT_FILE, check_id
from astro_vbinary.classification.network import BinaryNet
from astro_vbinary.classification.preprocessing import Preprocessing
from astro_vbinary.classification.weights import (
    load_card,
    load_network,
    save_weights,
)
from astro_vbinary.exceptions import LabelError, WeightsError
from astro_vbinary.stamps.tables import load_table, save_table
from astro_vbinary.training.card_entries import calibrate, make_entries
from astro_vbinary.training.labelled import join_stacks
from astro_vbinary.training.reading import WORK, simulate_stacks
from astro_vbinary.training.reports import report_scores
from astro_vbinary.training.splitting import PARTS, check_split, split_stacks
from astro_vbinary.training.tuning import fit_network, score_stacks

__all__ = ["MadeWeights", "initial_parts", "train_weights"]

#: The learning curves.
HISTORY_FILE = "history.csv"


@dataclass(frozen=True)
class MadeWeights:
    """What came of a training.

    Attributes
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        The card, beside its weights.
    history : `~astropy.table.Table`
        One row an epoch.
    parts : `~numpy.ndarray` of str
        The part of each stack.
    """

    card: object
    history: Table
    parts: np.ndarray


def train_weights(
    stacks,
    folder,
    *,
    recipe,
    group=3,
    policy="published",
    initial=None,
    parts=None,
    name=None,
    version="1.0",
    licence="LicenseRef-private",
    device="cpu",
    progress=True,
    told=None,
):
    """Split labelled stacks, train, calibrate, test, and write weights and card.

    A run that was killed goes on from its last epoch, to the same weights. One that is
    done is only read.

    Parameters
    ----------
    stacks : LabelledStacks
        What `read_stacks` gives.
    folder : str or `~pathlib.Path`
        Gets ``ID.safetensors``, ``ID.toml``, ``split.ecsv`` and ``history.csv``.
    recipe : TuningRecipe
        How to train.
    group : int, optional
        Resolution group that the weights are for.
    policy : str, optional
        Policy by which the group is meant.
    initial : `~astro_vbinary.classification.WeightsCard`, optional
        Weights that the recipe starts from, where it starts from any.
    parts : sequence of str, optional
        The part of each stack, instead of a split drawn here; checked for leaks.
    name : str, optional
        Id of the weights; by default made of the folder's name and the group.
    version, licence : str, optional
        For the card.
    device : str, optional
        Device of torch.
    progress : bool, optional
        Whether to show bars on a terminal.
    told : callable, optional
        Called with the figures of each epoch, a dict, as it is done; such as
        `~astro_vbinary.training.EpochLog`.

    Returns
    -------
    MadeWeights
        Card, history and split.

    Raises
    ------
    LabelError
        If a part has not both classes.
    LeakError
        If given parts share something.
    ValueError
        If the folder holds a run on other data or by another recipe.
    """
    folder = Path(folder)
    name = check_id(name or _default_id(folder, group))
    parts = _split(stacks, recipe, parts)
    network, preprocessing, symmetries = initial_parts(recipe, initial)
    fingerprint = _fingerprint(stacks, parts, recipe, initial, name, version, licence)
    done = _finished(folder, name, fingerprint)
    if done is not None:
        shutil.rmtree(folder / WORK, ignore_errors=True)
        return MadeWeights(done, load_table(folder / HISTORY_FILE), parts)
    work = folder / WORK
    work.mkdir(parents=True, exist_ok=True)
    _write_split(folder / SPLIT_FILE, stacks, parts)
    part = {key: np.flatnonzero(parts == key) for key in PARTS}
    everything, train = _with_simulated(stacks, part["train"], recipe, group, progress)
    network, history, best = fit_network(
        network,
        everything,
        train,
        part["validation"],
        preprocessing=preprocessing,
        recipe=recipe,
        folder=work,
        fingerprint=fingerprint,
        device=device,
        progress=progress,
        told=told,
    )
    history = Table(rows=history)
    save_table(history, folder / HISTORY_FILE, overwrite=True)
    # What is kept is in half precision, so that is what is calibrated.
    network.load_state_dict(
        {
            key: value.half().float() if value.is_floating_point() else value
            for key, value in network.state_dict().items()
        }
    )
    chosen = part["validation"]
    scores, _ = score_stacks(
        network, stacks, chosen, preprocessing, symmetries=symmetries
    )
    entries = make_entries(
        stacks,
        part,
        recipe=recipe,
        initial=initial,
        preprocessing=preprocessing,
        n_simulated=len(train) - len(part["train"]),
    )
    entries |= {
        "id": name,
        "version": version,
        "group": group,
        "policies": [policy],
        "licence": licence,
        "calibration": calibrate(scores, stacks.labels[chosen]),
    }
    entries["training"] |= {"fingerprint": fingerprint, "epoch": best}
    card = save_weights(folder, network, entries)
    tested = {"validation": chosen, "test": part["test"]}
    entries["scores"] = {
        key: report_scores(card, stacks, index, network)
        for key, index in tested.items()
        if len(index)
    }
    card = save_weights(folder, network, entries)
    shutil.rmtree(work)
    return MadeWeights(card, history, parts)


def initial_parts(recipe, initial):
    """The network that a recipe starts from, and what it is given.

    Parameters
    ----------
    recipe : TuningRecipe
        The recipe.
    initial : `~astro_vbinary.classification.WeightsCard` or None
        Earlier weights, for a recipe that starts from such.

    Returns
    -------
    network : `~astro_vbinary.classification.BinaryNet`
        On the CPU.
    preprocessing : `~astro_vbinary.classification.Preprocessing`
        Its channels.
    symmetries : int
        Turned and mirrored images that its scores are averaged over.

    Raises
    ------
    WeightsError
        If the recipe needs earlier weights and there are none.
    """
    if recipe.initial:
        if initial is None:
            raise WeightsError(f"the recipe {recipe.name} starts from earlier weights")
        return load_network(initial), initial.preprocessing, initial.symmetries
    preprocessing = Preprocessing(recipe.channels, recipe.band_channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = BinaryNet(
            len(recipe.channels),
            band_channels=len(recipe.band_channels),
            width=recipe.width,
        )
    return network, preprocessing, 1


def _split(stacks, recipe, parts):
    given = {"positions": stacks.positions, "hashes": stacks.hashes}
    if parts is None:
        parts = split_stacks(
            stacks.sources,
            stacks.labels,
            surveys=stacks.surveys,
            shares=recipe.shares,
            rules=recipe.rules,
            seed=recipe.seed,
            **given,
        )
    parts = np.asarray(parts, dtype=str)
    unknown = set(parts) - set(PARTS)
    if unknown or len(parts) != len(stacks):
        raise LabelError(
            f"parts must be {', '.join(PARTS)} for each of {len(stacks)} stacks, not "
            f"{len(parts)} of {', '.join(sorted(set(parts)))}"
        )
    # Also a split that was drawn here: nothing is trained on trust.
    check_split(parts, stacks.sources, rules=recipe.rules, **given)
    for key in ("train", "validation"):
        own = stacks.classes[parts == key]
        if not {0, 1} <= set(own.tolist()):
            raise LabelError(
                f"the {key} part needs stacks of both classes: {int((own == 1).sum())} "
                f"of its {len(own)} are binary, {int((own == 0).sum())} are not"
            )
    return parts


def _with_simulated(stacks, train, recipe, group, progress):
    """The stacks and simulated ones behind them, and which are trained on."""
    count = round(len(train) * recipe.simulated / (1 - recipe.simulated))
    if not count:
        return stacks, train
    drawn = simulate_stacks(
        [stacks.surveys[i] for i in train],
        count,
        group=group,
        seed=recipe.seed + 7,
        grid=(stacks.pixel_scale, stacks.side),
        progress=progress,
    )
    more = np.arange(len(drawn)) + len(stacks)
    return join_stacks([stacks, drawn]), np.concatenate([train, more])


def _default_id(folder, group):
    stem = "".join(c if c.isalnum() else "-" for c in folder.resolve().name).strip("-")
    return f"{stem or 'own'}-g{group}"


def _fingerprint(stacks, parts, recipe, initial, *more):
    entries = [
        stacks.fingerprint(),
        parts.tolist(),
        asdict(recipe),
        None if initial is None or not recipe.initial else initial.sha256,
        *more,
    ]
    return hashlib.sha256(json.dumps(entries, default=str).encode()).hexdigest()


def _finished(folder, name, fingerprint):
    """The card of a run that is done; None where there is none or it is unfinished."""
    path = folder / f"{name}.toml"
    if not path.exists() or (folder / WORK / "checkpoint.pt").exists():
        return None
    card = load_card(path)
    if card.entries.get("training", {}).get("fingerprint") != fingerprint:
        raise ValueError(
            f"{path} was made of other labels, stamps or options; give another folder"
        )
    load_network(card)
    return card


def _write_split(path, stacks, parts):
    table = Table()
    for column in ("sources", "surveys"):
        table[column[:-1]] = np.array(getattr(stacks, column), dtype=str)
    table["part"] = parts
    table["label"] = stacks.labels
    table["ra"], table["dec"] = stacks.positions.T
    table["pixels"] = [",".join(own) for own in stacks.hashes]
    save_table(table, path, overwrite=True)
