"""The training loop for labelled stacks: short, resumable, the same on every run."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from astro_vbinary.training.augmenting import augment
from astro_vbinary.training.evaluation import classification_report
from astro_vbinary.training.labelled import network_inputs
from astro_vbinary.training.loop import save_state

__all__ = ["fit_network", "score_stacks", "soft_cross_entropy"]

#: The checkpoint, which goes when the run is done.
CHECKPOINT = "checkpoint.pt"

#: Stacks that are scored together.
TOGETHER = 64


def fit_network(
    network,
    stacks,
    train,
    validation,
    *,
    preprocessing,
    recipe,
    folder,
    fingerprint,
    device="cpu",
    progress=True,
    told=None,
):
    """Train a network on labelled stacks, keeping the best epoch.

    After every epoch a checkpoint is written, from which a killed run goes on to the
    same weights.

    Parameters
    ----------
    network : `~astro_vbinary.classification.BinaryNet`
        With its initial weights; changed in place.
    stacks : LabelledStacks
        All stacks.
    train, validation : `~numpy.ndarray` of int
        Places of those to train on, and to choose the epoch by.
    preprocessing : `~astro_vbinary.classification.Preprocessing`
        The network's channels.
    recipe : TuningRecipe
        How to train.
    folder : str or `~pathlib.Path`
        Where the checkpoint is kept.
    fingerprint : str
        Of everything that decides the result; a checkpoint of another is refused.
    device : str, optional
        Device of torch.
    progress : bool, optional
        Whether to show a bar on a terminal.
    told : callable, optional
        Called with the entry of each epoch that is done.

    Returns
    -------
    network : `~astro_vbinary.classification.BinaryNet`
        With the best epoch's weights, in evaluation mode, on the CPU.
    history : list of dict
        One entry an epoch: ``epoch``, ``rate``, ``train_loss``, ``validation_loss``,
        ``validation_accuracy``, ``validation_f1``.
    best : int
        The epoch that was kept.

    Raises
    ------
    ValueError
        If the folder holds a checkpoint of other data or another recipe.
    """
    network = network.to(device, memory_format=torch.channels_last)
    _freeze(network, recipe)
    parameters = [p for p in network.parameters() if p.requires_grad]
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser]
    optimiser = kind(parameters, lr=recipe.rate, weight_decay=recipe.weight_decay)
    state = {"epoch": 0, "best": 0, "score": -np.inf, "history": [], "kept": None}
    path = Path(folder) / CHECKPOINT
    if path.exists():
        # Written below: tensors and plain values, nothing that runs.
        saved = torch.load(path, map_location=device, weights_only=True)
        if saved["fingerprint"] != fingerprint:
            raise ValueError(
                f"{path} is of other labels, stamps or options; give another folder"
            )
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        state = {key: saved[key] for key in state}
    weight = _class_weights(stacks, train, recipe)
    bar = tqdm(
        initial=state["epoch"],
        total=recipe.epochs,
        unit="epoch",
        desc=recipe.name,
        disable=None if progress else True,
    )
    while state["epoch"] < recipe.epochs and not _stopped(state, recipe):
        epoch = state["epoch"]
        # A seed for each epoch, so that a resumed run draws what it would have.
        rng = np.random.default_rng([recipe.seed, 1, epoch])
        train_loss = _epoch(
            network, optimiser, stacks, train, weight, preprocessing, recipe, rng, epoch
        )
        scores, _ = score_stacks(network, stacks, validation, preprocessing)
        entry = _measure(scores, stacks.labels[validation])
        entry = {
            "epoch": epoch + 1,
            "rate": optimiser.param_groups[0]["lr"],
            "train_loss": train_loss,
        } | entry
        state["history"].append(entry)
        score = (
            entry["validation_f1"]
            if recipe.choose == "f1"
            else -entry["validation_loss"]
        )
        if score > state["score"]:
            state |= {"score": score, "best": epoch + 1, "kept": _copy(network)}
        state["epoch"] = epoch + 1
        if told is not None:
            told(entry)
        bar.update()
        bar.set_postfix(loss=f"{entry['validation_loss']:.3f}", best=state["best"])
        save_state(
            path,
            state
            | {
                "fingerprint": fingerprint,
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
            },
        )
    bar.close()
    network = network.cpu()
    network.load_state_dict(state["kept"])
    return network.eval(), state["history"], state["best"]


def _copy(network):
    return {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}


def _stopped(state, recipe):
    """Whether it has not become better for too long."""
    return bool(recipe.patience) and state["epoch"] - state["best"] >= recipe.patience


def _freeze(network, recipe):
    modules = dict(network.named_children())
    for name in recipe.frozen:
        if name not in modules:
            raise ValueError(
                f"no stage {name!r} to freeze; known: {', '.join(modules)}"
            )
        for parameter in modules[name].parameters():
            parameter.requires_grad_(False)


def _training_mode(network, recipe):
    network.train()
    for name in recipe.frozen:
        getattr(network, name).eval()
    if not recipe.statistics:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def _class_weights(stacks, train, recipe):
    """What a pair, and what any other stack, counts."""
    share = float(np.clip(stacks.labels[train].mean(), 1e-3, 1 - 1e-3))
    if not recipe.class_weights:
        return 1.0, 1.0
    return 0.5 / (1 - share), 0.5 / share


def _epoch(
    network, optimiser, stacks, train, weight, preprocessing, recipe, rng, epoch
):
    """One pass over the training part; its mean loss."""
    device = next(network.parameters()).device
    _training_mode(network, recipe)
    order = rng.permutation(train)
    steps = max(-(-len(order) // recipe.batch), 1)
    total, count = 0.0, 0
    for step, index in enumerate(np.array_split(order, steps)):
        rate = recipe.rate * _schedule(epoch, (epoch * steps + step), steps, recipe)
        for group in optimiser.param_groups:
            group["lr"] = rate
        bands, owner = augment(stacks, index, recipe, rng)
        inputs, _, _ = network_inputs(
            bands.to(device), owner, len(index), stacks.pixel_scale, preprocessing
        )
        wanted = torch.as_tensor(stacks.labels[index], dtype=torch.float32)
        wanted = wanted.to(device)
        seed = int(rng.integers(2**62))
        with (
            torch.random.fork_rng(),
            torch.autocast(device.type, torch.bfloat16, enabled=recipe.bfloat16),
        ):
            # What dropout drops depends on the step alone.
            torch.manual_seed(seed)
            scores = network(*inputs).float()
        loss = soft_cross_entropy(scores, wanted, weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        total += float(loss.detach()) * len(index)
        count += len(index)
    return total / max(count, 1)


def soft_cross_entropy(scores, labels, weight=(1.0, 1.0)):
    """Cross entropy with labels between the classes.

    Parameters
    ----------
    scores : `torch.Tensor`
        Shape (n, 2), before the softmax.
    labels : `torch.Tensor`
        Shape (n,), float: 1 for a pair, 0 for none, or between.
    weight : tuple of float, optional
        What a stack that is no pair, and what a pair, counts.

    Returns
    -------
    `torch.Tensor`
        The mean, a scalar.
    """
    logs = nn.functional.log_softmax(scores, dim=1)
    none, pair = (1 - labels) * logs[:, 0], labels * logs[:, 1]
    return -(weight[0] * none + weight[1] * pair).mean()


def _schedule(epoch, step, steps, recipe):
    """Share of the highest rate."""
    if recipe.schedule == "step":
        return recipe.gamma ** (epoch // recipe.step)
    total = recipe.epochs * steps
    rise = max(0.05 * total, 1)
    # A plain number: it is in the checkpoint, which holds nothing else.
    return float(min((step + 1) / rise, 0.5 * (1 + np.cos(np.pi * step / total))))


def score_stacks(network, stacks, index, preprocessing, *, symmetries=1):
    """Scores of a network on some stacks, as in inference.

    Parameters
    ----------
    network : `~astro_vbinary.classification.BinaryNet`
        The network, on its device; it is put into evaluation mode.
    stacks : LabelledStacks
        The stacks.
    index : sequence of int
        Which.
    preprocessing : `~astro_vbinary.classification.Preprocessing`
        The network's channels.
    symmetries : int, optional
        Turned and mirrored images that scores are averaged over.

    Returns
    -------
    scores : `~numpy.ndarray`
        Shape (k, 2), float32, before the softmax.
    peak : `~numpy.ndarray`
        Shape (k,): largest signal within 2.5 arcsec in units of the noise.
    """
    from astro_vbinary.classification.network import symmetric_scores

    network.eval()
    device = next(network.parameters()).device
    scores, peaks = [np.zeros((0, 2), np.float32)], [np.zeros(0, np.float32)]
    with torch.inference_mode():
        for start in range(0, len(index), TOGETHER):
            part = index[start : start + TOGETHER]
            bands, owner = stacks.images(part)
            inputs, _, peak = network_inputs(
                bands.to(device), owner, len(part), stacks.pixel_scale, preprocessing
            )
            made = symmetric_scores(network, *inputs, symmetries=symmetries)
            scores.append(made.float().cpu().numpy())
            peaks.append(peak)
    return np.concatenate(scores), np.concatenate(peaks)


def _measure(scores, labels):
    margin = scores[:, 1].astype(float) - scores[:, 0]
    probability = 1 / (1 + np.exp(-np.clip(margin, -700, 700)))
    loss = np.mean(np.logaddexp(0, margin) - labels * margin)
    decided = labels != 0.5
    report = classification_report(
        (labels[decided] > 0.5).astype(int), probability[decided]
    )
    return {
        "validation_loss": float(loss),
        "validation_accuracy": report["accuracy"],
        "validation_f1": float(np.nan_to_num(report["f1_1"])),
    }
