"""The recipes of the bundled weights, and the command that runs them.

``python -m astro_vbinary.training.bundled --group 3 -o DIR`` trains on fresh
simulations, calibrates, reads the held-out test stream once and writes weights and
card. Run again it goes on from what is in DIR. ``--initial CARD`` starts from earlier
weights, as the bundled ones did from their version 0.1, and learns in a fraction of the
time. ``--report`` prints the scores of the weights that are installed, on the test
stream drawn anew.
"""

import datetime
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from astro_vbinary import __version__
from astro_vbinary.classification.network import SYMMETRIES
from astro_vbinary.classification.preprocessing import Preprocessing
from astro_vbinary.classification.weights import (
    find_weights,
    load_card,
    load_network,
    save_weights,
)
from astro_vbinary.stamps.grid import GROUP_GRIDS
from astro_vbinary.training.card_scores import (
    format_scores,
    score_card,
    visual_threshold,
)
from astro_vbinary.training.commands import module_parser, run_command
from astro_vbinary.training.evaluation import fit_temperature
from astro_vbinary.training.loop import TrainingOptions, train_network
from astro_vbinary.training.scoring import score_stream
from astro_vbinary.training.stream import BLOCK, SimulationStream, join_blocks

__all__ = ["RECIPES", "Recipe", "main", "stream_of"]


@dataclass(frozen=True)
class Recipe:
    """What a set of bundled weights is made from.

    Attributes
    ----------
    id, version : str
        Name of the weights.
    group : int
        Resolution group.
    mixture : dict of str to float
        Surveys and their shares of every stream.
    validation, calibration, test : int
        Blocks of 64 stacks simulated for each purpose.
    seed : int
        The streams have this seed plus 2, 3, 4 and 6; that of training has other PSFs
        of space telescopes than the others, and that of the test as well.
    symmetries : int
        Turned and mirrored images that scores are averaged over.
    options : `~astro_vbinary.training.TrainingOptions`
        How the network is trained.
    """

    id: str
    version: str
    group: int
    mixture: dict
    validation: int = 16
    calibration: int = 90
    test: int = 120
    seed: int = 0
    symmetries: int = 1
    options: TrainingOptions = field(default_factory=TrainingOptions)


#: One recipe a group. Both groups also learn from the survey that the effective
#: policy puts beside theirs, so that the same weights serve both policies.
RECIPES = {
    3: Recipe(
        id="gezer-resnet34-g3",
        version="0.2",
        group=3,
        mixture={
            "Pan-STARRS": 0.20,
            "SDSS9": 0.22,
            "DECaLS": 0.15,
            "HST": 0.35,
            "HSCLA": 0.08,
        },
        seed=3000,
        options=TrainingOptions(steps=14000, reuse=4, rate=1.5e-3, warmup=0.02),
    ),
    4: Recipe(
        id="gezer-resnet34-g4",
        version="0.2",
        group=4,
        mixture={"JWST": 0.55, "HSCLA": 0.33, "HST": 0.12},
        seed=4000,
        options=TrainingOptions(steps=10000, reuse=5, rate=1.5e-3, warmup=0.02),
    ),
}

#: What ``python -m`` runs.
MODULE = "astro_vbinary.training.bundled"

#: Seed, relative to the recipe's, and bank of PSFs of each stream.
STREAMS = {"train": (6, 0), "validation": (2, 1), "calibration": (3, 1), "test": (4, 2)}


def stream_of(recipe, name, **changes):
    """One of a recipe's streams.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    name : str
        ``train``, ``validation``, ``calibration`` or ``test``.
    **changes : dict
        Other arguments for `~astro_vbinary.training.SimulationStream`.

    Returns
    -------
    `~astro_vbinary.training.SimulationStream`
        The stream.
    """
    offset, psf_seed = STREAMS[name]
    scale, side = GROUP_GRIDS[recipe.group]
    options = {
        "pixel_scale": scale,
        "side": side,
        "seed": recipe.seed + offset,
        "psf_seed": psf_seed,
    }
    return SimulationStream(recipe.mixture, **options | changes)


def make(recipe, folder, *, initial=None, device="cpu", progress=True):
    """Run a recipe from simulation to weights.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    folder : str or `~pathlib.Path`
        Where checkpoints and at last weights and card are written.
    initial : `~astro_vbinary.classification.WeightsCard`, optional
        Weights to start from.
    device : str, optional
        Device of torch.
    progress : bool, optional
        Whether to show bars.

    Returns
    -------
    `~astro_vbinary.classification.WeightsCard`
        The card of the new weights.
    """
    folder = Path(folder)
    held = stream_of(recipe, "validation")
    validation = join_blocks([held.block(i) for i in range(recipe.validation)])
    network, history = train_network(
        stream_of(recipe, "train"),
        validation,
        folder=folder / f"g{recipe.group}",
        options=recipe.options,
        initial=None if initial is None else load_network(initial).state_dict(),
        device=device,
        progress=progress,
    )
    # What is bundled is in half precision, so that is what is calibrated.
    network.load_state_dict(
        {
            key: value.half().float() if value.is_floating_point() else value
            for key, value in network.state_dict().items()
        }
    )
    data = score_stream(
        network,
        stream_of(recipe, "calibration"),
        recipe.calibration,
        device=device,
        progress=progress,
        symmetries=recipe.symmetries,
    )
    temperature, bias = fit_temperature(data.margin, data.labels)
    entries = _entries(recipe, history[-1], data, temperature, bias)
    if initial is not None:
        entries["training"]["initial"] = f"{initial.id} {initial.version}"
    card = save_weights(folder, network, entries)
    entries["threshold"] = visual_threshold(card, data)
    card = save_weights(folder, network, entries)
    tested = score_stream(
        load_network(card),
        stream_of(recipe, "test"),
        recipe.test,
        device=device,
        progress=progress,
        symmetries=recipe.symmetries,
    )
    entries["scores"] = score_card(card, tested)
    return save_weights(folder, network, entries)


def _entries(recipe, last, data, temperature, bias):
    """The card but for the scores."""
    preprocessing = asdict(Preprocessing())
    preprocessing = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in preprocessing.items()
    }
    scale, side = GROUP_GRIDS[recipe.group]
    options = recipe.options
    return {
        "id": recipe.id,
        "version": recipe.version,
        "description": (
            "ResNet34 with additional convolutional layers, after Gezer et al., "
            "at a quarter of its width, that sees every band and their sum; for "
            f"resolution group {recipe.group}"
        ),
        "group": recipe.group,
        "policies": ["published", "effective"],
        "surveys": sorted(recipe.mixture),
        "classes": ["not", "binary"],
        "threshold": 0.5,
        "licence": "BSD-3-Clause",
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "code_version": __version__,
        "grid": {"pixel_scale": scale, "side": side},
        "network": {
            "in_channels": len(preprocessing["channels"]),
            "band_channels": len(preprocessing["band_channels"]),
            "band_width": options.band_width,
            "zooms": options.zooms,
            "width": options.width,
            "extra_layers": 2,
            "n_extras": 4,
            "symmetries": recipe.symmetries,
        },
        "preprocessing": preprocessing,
        "calibration": {
            "temperature": temperature,
            "bias": bias,
            "prevalence": float(data.labels.mean()),
            "n": len(data),
        },
        "training": {
            "command": f"python -m {MODULE} --group {recipe.group} -o DIR",
            "data": "simulated by astro_vbinary.simulation; no real image",
            "mixture": recipe.mixture,
            "seed": recipe.seed,
            "n_simulated": round(last["step"] * options.batch / options.reuse),
            "n_seen": last["step"] * options.batch,
            "seconds": last["seconds"],
            "validation_loss": last["validation_loss"],
            "validation_accuracy": last["validation_accuracy"],
            "options": asdict(options),
        },
    }


def main(arguments=None):
    """The command line of this module.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.

    Returns
    -------
    int
        Exit code.
    """
    parser = module_parser(MODULE, __doc__)
    parser.add_argument("--group", type=int, choices=sorted(RECIPES), required=True)
    parser.add_argument("-o", "--output", type=Path, metavar="DIR")
    parser.add_argument(
        "--initial", type=Path, metavar="CARD", help="weights to start from"
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="only print the scores of the installed weights on the test stream; with "
        "-o also write their card with these scores",
    )
    parser.add_argument(
        "--symmetries",
        type=int,
        choices=SYMMETRIES,
        help="for a report: turned and mirrored images that scores are averaged over; "
        "by default as many as the card says",
    )
    options = parser.parse_args(arguments)
    if options.output is None and not options.report:
        parser.error("-o DIR is needed to train")
    return run_command(_report if options.report else _train, options)


def _train(options):
    initial = None if options.initial is None else load_card(options.initial)
    card = make(
        RECIPES[options.group],
        options.output,
        initial=initial,
        device=options.device,
        progress=not options.quiet,
    )
    print(f"{card.path}\n{format_scores(card.scores)}")


def _report(options):
    recipe = RECIPES[options.group]
    if options.output is not None:
        # What cannot be written is told before the work.
        options.output.mkdir(parents=True, exist_ok=True)
    card = find_weights(recipe.id)
    network = load_network(card)
    # On the grid and with the channels of the card, which may be older.
    stream = stream_of(
        recipe, "test", **card.entries["grid"], preprocessing=card.preprocessing
    )
    data = score_stream(
        network.to(options.device),
        stream,
        recipe.test,
        device=options.device,
        progress=not options.quiet,
        symmetries=options.symmetries or card.symmetries,
    )
    scores = score_card(card, data)
    print(f"{card.id} {card.version}: {len(data)} of {recipe.test * BLOCK} stacks")
    print(format_scores(scores))
    if options.output is not None:
        entries = {key: value for key, value in card.entries.items() if key != "sha256"}
        save_weights(options.output, network.cpu(), entries | {"scores": scores})


if __name__ == "__main__":
    sys.exit(main())
