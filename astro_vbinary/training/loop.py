"""The training loop: fresh simulations, resumable, on CPU or GPU."""

import csv
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from tqdm.auto import tqdm

from astro_vbinary.classification.network import BinaryNet, symmetric_scores
from astro_vbinary.training.feeding import BlockPool, turn_block
from astro_vbinary.training.precision import gains_from_bfloat16
from astro_vbinary.training.stream import AUXILIARY
from astro_vbinary.training.transfer import transfer_weights

__all__ = [
    "TrainingOptions",
    "build_network",
    "predict_block",
    "save_state",
    "train_network",
]


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained.

    Attributes
    ----------
    width : int
        Channels of the network's first stage.
    band_width : int
        Channels that every band's first layer makes.
    zooms : int
        Closer looks at the middle of the images.
    steps : int
        Steps of the optimiser.
    batch : int
        Stacks in a step.
    reuse : int
        How often a simulated stack is seen, each time turned and mirrored anew.
    pool : int
        Blocks of stacks that a step draws from.
    rate : float
        Learning rate: it rises over the first steps, stays, and falls to zero over
        the last ones.
    warmup, decay : float
        Shares of the steps in which it rises and falls.
    weight_decay : float
        Of AdamW.
    dropout : float
        Share of features dropped before the outputs.
    smoothing : float
        Label smoothing of the cross entropy.
    auxiliary : float
        Weight of the auxiliary task.
    average : float
        Decay of the running average of the weights that is kept, a step.
    interval : int
        Steps between two checkpoints.
    seed : int
        Seed of initial weights, order and augmentation.
    bfloat16 : bool
        Whether the forward pass runs in bfloat16 where the processor is faster so.
    """

    width: int = 16
    band_width: int = 8
    zooms: int = 2
    steps: int = 5000
    batch: int = 128
    reuse: int = 3
    pool: int = 40
    rate: float = 2.5e-3
    warmup: float = 0.04
    decay: float = 0.35
    weight_decay: float = 0.02
    dropout: float = 0.1
    smoothing: float = 0.0
    auxiliary: float = 0.1
    average: float = 0.998
    interval: int = 250
    seed: int = 0
    bfloat16: bool = True


def build_network(options, preprocessing):
    """An untrained network.

    Parameters
    ----------
    options : TrainingOptions
        Its widths.
    preprocessing : `~astro_vbinary.classification.Preprocessing`
        Its channels.

    Returns
    -------
    `~astro_vbinary.classification.BinaryNet`
        The network.
    """
    return BinaryNet(
        len(preprocessing.channels),
        band_channels=len(preprocessing.band_channels),
        band_width=options.band_width,
        zooms=options.zooms,
        width=options.width,
        dropout=options.dropout,
        n_extras=len(AUXILIARY),
    )


def train_network(
    stream,
    validation,
    *,
    folder,
    options=TrainingOptions(),
    initial=None,
    device="cpu",
    progress=True,
):
    """Train a network on a stream of simulations.

    The folder gets a checkpoint every so many steps, from which a killed run goes
    on, and ``history.csv``. A finished or stopped run goes on, too, where more or
    fewer ``steps`` are asked for.

    Parameters
    ----------
    stream : `~astro_vbinary.training.SimulationStream`
        What to learn from.
    validation : `~astro_vbinary.training.Block`
        What the history is measured on.
    folder : str or `~pathlib.Path`
        Where checkpoints are kept.
    options : TrainingOptions, optional
        How to train.
    initial : dict of str to `torch.Tensor`, optional
        Weights of an earlier network to start from; by default random ones.
    device : str, optional
        Device of torch.
    progress : bool, optional
        Whether to show a bar.

    Returns
    -------
    network : `~astro_vbinary.classification.BinaryNet`
        With the running average of the weights, in evaluation mode, on the CPU.
    history : list of dict
        One entry a checkpoint: ``step``, ``seconds``, ``train_loss``,
        ``validation_loss``, ``validation_accuracy``.

    Raises
    ------
    ValueError
        If the folder holds a run with other options.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(options.seed)
        network = build_network(options, stream.preprocessing)
    if initial is not None:
        transfer_weights(network, initial, validation)
    network = network.to(device, memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(options.average),
        use_buffers=True,
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options.rate, weight_decay=options.weight_decay
    )
    step, seconds, history = 0, 0.0, []
    last = folder / "last.pt"
    if last.exists():
        # Written by this loop: tensors and plain values, nothing that runs.
        saved = torch.load(last, map_location=device, weights_only=True)
        _check_options(saved["options"], options, last)
        network.load_state_dict(saved["network"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        step, seconds, history = saved["step"], saved["seconds"], saved["history"]
    pool = BlockPool(stream, options, step)
    half = options.bfloat16 and gains_from_bfloat16(device)
    total, seen, start = 0.0, 0, time.monotonic()
    bar = tqdm(
        total=options.steps,
        initial=step,
        desc=folder.name,
        unit="step",
        disable=None if progress else True,
    )
    while step < options.steps:
        network.train()
        for group in optimiser.param_groups:
            group["lr"] = options.rate * _schedule(step, options)
        block, generator = pool.draw(step)
        loss = _loss(network, block, generator, options, device, half)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        average.update_parameters(network)
        total, seen, step = total + float(loss.detach()), seen + 1, step + 1
        bar.update()
        if step % options.interval and step < options.steps:
            continue
        scores = predict_block(average.module, validation, device=device)
        seconds += time.monotonic() - start
        start = time.monotonic()
        history.append(_measure(step, seconds, total / seen, scores, validation.labels))
        bar.set_postfix(loss=f"{history[-1]['validation_loss']:.4f}")
        total, seen = 0.0, 0
        save_state(
            last,
            {
                "options": asdict(options),
                "step": step,
                "seconds": seconds,
                "history": history,
                "network": network.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
            },
        )
        _write_history(folder / "history.csv", history)
    bar.close()
    return average.module.cpu().eval(), history


def _check_options(saved, options, path):
    wanted = asdict(options)
    # How long a run goes on may change; what it is may not.
    free = {"steps", "decay", "interval", "pool", "reuse"}
    other = {k for k in wanted if k not in free and saved.get(k) != wanted[k]}
    if other:
        raise ValueError(
            f"{path} was made with other options: "
            + ", ".join(f"{key} = {saved.get(key)}" for key in sorted(other))
        )


def _schedule(step, options):
    """Share of the highest rate: a trapezium."""
    rise = max(options.warmup * options.steps, 1)
    fall = max(options.decay * options.steps, 1)
    return min(1.0, (step + 1) / rise, (options.steps - step) / fall)


def _loss(network, block, generator, options, device, half):
    sums, bands, auxiliary = turn_block(block, generator)
    kind = torch.device(device).type
    precision = torch.autocast(kind, torch.bfloat16, enabled=half)
    with torch.random.fork_rng(), precision:
        # What dropout drops depends on the step alone, also after a resumption.
        torch.manual_seed(generator.initial_seed())
        outputs = network.outputs(
            sums.to(device).float(), bands.to(device).float(), block.owner.to(device)
        ).float()
    scores, extras = outputs[:, : network.n_classes], outputs[:, network.n_classes :]
    loss = nn.functional.cross_entropy(
        scores, block.labels.to(device), label_smoothing=options.smoothing
    )
    pairs = torch.nonzero(block.labels == 1).flatten()
    if len(pairs) and options.auxiliary:
        wanted = auxiliary[pairs].to(device)
        loss = loss + options.auxiliary * nn.functional.smooth_l1_loss(
            extras[pairs.to(device)], wanted
        )
    return loss


def predict_block(network, block, *, device="cpu", batch=128, symmetries=1):
    """Scores of a network on a block.

    Parameters
    ----------
    network : `~astro_vbinary.classification.BinaryNet`
        The network; it is put into evaluation mode.
    block : `~astro_vbinary.training.Block`
        The stacks.
    device : str, optional
        Device of torch.
    batch : int, optional
        Stacks at a time.
    symmetries : int, optional
        As for `~astro_vbinary.classification.symmetric_scores`.

    Returns
    -------
    `torch.Tensor`
        Shape (n, 2), float32, before the softmax.
    """
    network.eval()
    scores = []
    with torch.inference_mode():
        for start in range(0, len(block), batch):
            index = torch.arange(start, min(start + batch, len(block)))
            part = block.take(index)
            sums, bands = part.sums.to(device).float(), part.bands.to(device).float()
            made = symmetric_scores(
                network, sums, bands, part.owner.to(device), symmetries=symmetries
            )
            scores.append(made.float().cpu())
    return torch.cat(scores)


def _measure(step, seconds, train_loss, scores, labels):
    return {
        "step": step,
        "seconds": round(seconds, 1),
        "train_loss": train_loss,
        "validation_loss": float(nn.functional.cross_entropy(scores, labels)),
        "validation_accuracy": float((scores.argmax(dim=1) == labels).float().mean()),
    }


def save_state(path, state):
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    state : dict
        Tensors and plain values.
    """
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)


def _write_history(path, history):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)
