"""The training loop: resumable, reproducible, on CPU or GPU."""

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from astro_vbinary.classification.network import BinaryNet
from astro_vbinary.classification.preprocessing import Preprocessing

__all__ = ["TrainingOptions", "predict_set", "train_network"]


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained.

    Attributes
    ----------
    width : int
        Channels of the network's first stage.
    epochs : int
        Passes over the set.
    batch : int
        Stacks in a step.
    rate : float
        Highest learning rate; it rises over the first tenth of the steps and
        falls along a cosine.
    weight_decay : float
        Of AdamW.
    smoothing : float
        Label smoothing of the cross entropy.
    dropout : float
        Share of features dropped before the outputs.
    shift : int
        Largest shift in pixels of the augmentation.
    seed : int
        Seed of initial weights, order and augmentation.
    bfloat16 : bool
        Whether the forward pass runs in bfloat16.
    """

    width: int = 16
    epochs: int = 24
    batch: int = 128
    rate: float = 3e-3
    weight_decay: float = 0.02
    smoothing: float = 0.02
    dropout: float = 0.1
    shift: int = 3
    seed: int = 0
    bfloat16: bool = True


def train_network(
    train,
    validation,
    circle,
    *,
    folder,
    options=TrainingOptions(),
    preprocessing=Preprocessing(),
    device="cpu",
    progress=True,
):
    """Train a network, keeping the epoch with the best validation loss.

    The folder gets a checkpoint after every epoch, from which a killed run goes
    on, and ``history.csv``.

    Parameters
    ----------
    train, validation : `~astro_vbinary.training.SimulatedSet`
        What to learn from, and what chooses the epoch.
    circle : `~numpy.ndarray` of bool
        Shape (ny, nx), True within 2.5 arcsec of the target.
    folder : str or `~pathlib.Path`
        Where checkpoints are kept.
    options : TrainingOptions, optional
        How to train.
    preprocessing : `~astro_vbinary.classification.Preprocessing`, optional
        The network's channels.
    device : str, optional
        Device of torch.
    progress : bool, optional
        Whether to show a bar.

    Returns
    -------
    network : `~astro_vbinary.classification.BinaryNet`
        With the best epoch's weights, in evaluation mode, on the CPU.
    history : list of dict
        One entry an epoch: ``epoch``, ``train_loss``, ``validation_loss``,
        ``validation_accuracy``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    network = BinaryNet(
        len(preprocessing.channels), width=options.width, dropout=options.dropout
    ).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options.rate, weight_decay=options.weight_decay
    )
    steps = -(-len(train) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.rate, total_steps=steps * options.epochs, pct_start=0.1
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=options.smoothing)
    state = {"epoch": 0, "best": float("inf"), "history": [], "network": None}
    last = folder / "last.pt"
    if last.exists():
        # Written by this loop: tensors and plain values, nothing that runs.
        saved = torch.load(last, map_location=device, weights_only=True)
        if saved["options"] != asdict(options):
            raise ValueError(f"{last} was made with other options: {saved['options']}")
        network.load_state_dict(saved["current"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        state = {key: saved[key] for key in state}
    circle = torch.as_tensor(circle, device=device)

    labels = torch.as_tensor(train.labels)
    for epoch in range(state["epoch"], options.epochs):
        # A seed for each epoch, so that a resumed run draws what it would have.
        rng = np.random.default_rng([options.seed, epoch])
        torch.manual_seed(options.seed * 10_000 + epoch)
        order = rng.permutation(len(train))
        network.train()
        total = 0.0
        bar = tqdm(
            range(steps),
            desc=f"epoch {epoch + 1}/{options.epochs}",
            leave=False,
            disable=None if progress else True,
        )
        for step in bar:
            index = np.sort(order[step * options.batch : (step + 1) * options.batch])
            if len(index) < 2:
                continue
            signal, valid = _tensors(train, index, device)
            signal, valid = _augment(signal, valid, rng, options.shift)
            inputs = preprocessing.channels_of(signal, valid, circle)
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            with torch.autocast(
                torch.device(device).type, torch.bfloat16, enabled=options.bfloat16
            ):
                scores = network(inputs)
            loss = loss_of(scores.float(), labels[index].to(device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(index)
        logits = predict_set(
            network, validation, circle, preprocessing=preprocessing, device=device
        )
        target = torch.as_tensor(validation.labels)
        held = float(nn.functional.cross_entropy(torch.as_tensor(logits), target))
        correct = float((logits.argmax(axis=1) == validation.labels).mean())
        state["history"].append(
            {
                "epoch": epoch + 1,
                "train_loss": total / len(train),
                "validation_loss": held,
                "validation_accuracy": correct,
            }
        )
        if held < state["best"]:
            state["best"] = held
            state["network"] = {
                key: value.detach().cpu().clone()
                for key, value in network.state_dict().items()
            }
        state["epoch"] = epoch + 1
        part = folder / "last.part"
        torch.save(
            {
                **state,
                "options": asdict(options),
                "current": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "schedule": schedule.state_dict(),
            },
            part,
        )
        part.replace(last)
        _write_history(folder / "history.csv", state["history"])
    network = network.cpu()
    network.load_state_dict(state["network"])
    return network.eval(), state["history"]


def predict_set(
    network, data, circle, *, preprocessing=Preprocessing(), device="cpu", batch=256
):
    """Scores of a network on a set.

    Parameters
    ----------
    network : `~astro_vbinary.classification.BinaryNet`
        The network.
    data : `~astro_vbinary.training.SimulatedSet`
        The set.
    circle : `~numpy.ndarray` or `torch.Tensor` of bool
        Shape (ny, nx), True within 2.5 arcsec of the target.
    preprocessing : `~astro_vbinary.classification.Preprocessing`, optional
        The network's channels.
    device : str, optional
        Device of torch.
    batch : int, optional
        Stacks at a time.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, 2), float32, before the softmax.
    """
    network.eval()
    circle = torch.as_tensor(circle, device=device)
    scores = []
    with torch.inference_mode():
        for start in range(0, len(data), batch):
            index = np.arange(start, min(start + batch, len(data)))
            signal, valid = _tensors(data, index, device)
            inputs = preprocessing.channels_of(signal, valid, circle)
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            scores.append(network(inputs).float().cpu().numpy())
    return np.concatenate(scores)


def _tensors(data, index, device):
    signal = torch.as_tensor(data.signal[index], device=device).float()
    valid = torch.as_tensor(data.valid[index], device=device)
    return torch.sinh(signal), valid


def _augment(signal, valid, rng, shift):
    """One of the square's eight symmetries and a small shift, for a whole batch."""
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    dy, dx = (int(v) for v in rng.integers(-shift, shift + 1, 2))
    made = []
    for plane in (signal, valid):
        plane = torch.rot90(plane, turns, (1, 2))
        if mirror:
            plane = plane.flip(2)
        plane = plane.roll((dy, dx), (1, 2))
        # What rolls in from the other side was never seen.
        if dy:
            plane[:, slice(0, dy) if dy > 0 else slice(dy, None)] = 0
        if dx:
            plane[:, :, slice(0, dx) if dx > 0 else slice(dx, None)] = 0
        made.append(plane)
    return made


def _write_history(path, history):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
