"""The recipes of the bundled weights, and the command that runs them.

``python -m astro_vbinary.training.bundled --group 3 -o DIR`` simulates the sets,
trains, calibrates, reads the held-out test set once and writes weights and card.
Run again it goes on from what is in DIR. ``--report`` prints the scores of the
weights that are installed, on the test set made anew.
"""

import argparse
import datetime
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from astropy.coordinates import SkyCoord

from astro_vbinary import __version__
from astro_vbinary.classification.preprocessing import Preprocessing
from astro_vbinary.classification.weights import (
    find_weights,
    load_network,
    save_weights,
)
from astro_vbinary.stamps.grid import GROUP_GRIDS, SkyGrid
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT
from astro_vbinary.training.dataset import simulate_set
from astro_vbinary.training.evaluation import (
    calibration_error,
    classification_report,
    fit_temperature,
    visual_task,
)
from astro_vbinary.training.loop import TrainingOptions, predict_set, train_network

__all__ = ["RECIPES", "Recipe", "main"]


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
        Surveys and their shares of every set.
    train, validation, calibration, test : int
        Stacks simulated for each purpose.
    seed : int
        The sets have this seed plus 1, 2, 3 and 4; the last two also have
        space telescopes with other wavefronts than the first two.
    options : `~astro_vbinary.training.TrainingOptions`
        How the network is trained.
    """

    id: str
    version: str
    group: int
    mixture: dict
    train: int = 14000
    validation: int = 1000
    calibration: int = 1500
    test: int = 4000
    seed: int = 0
    options: TrainingOptions = field(default_factory=TrainingOptions)


#: One recipe a group. Both groups also learn from the survey that the effective
#: policy puts beside theirs, so that the same weights serve both policies.
RECIPES = {
    3: Recipe(
        id="gezer-resnet34-g3",
        version="0.1",
        group=3,
        mixture={
            "Pan-STARRS": 0.24,
            "SDSS9": 0.26,
            "DECaLS": 0.18,
            "HST": 0.26,
            "HSCLA": 0.06,
        },
        seed=300,
    ),
    4: Recipe(
        id="gezer-resnet34-g4",
        version="0.1",
        group=4,
        mixture={"JWST": 0.5, "HSCLA": 0.35, "HST": 0.15},
        seed=400,
    ),
}

#: What ``python -m`` runs.
MODULE = "astro_vbinary.training.bundled"

#: Order of the sets' seeds, and the wavefronts of each.
SETS = {"train": (1, 0), "validation": (2, 0), "calibration": (3, 1), "test": (4, 2)}


def build_set(recipe, name, folder, *, workers=None, progress=True):
    """One of a recipe's sets, simulated where it is not there yet.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    name : str
        ``train``, ``validation``, ``calibration`` or ``test``.
    folder : str or `~pathlib.Path`
        Where the sets are kept.
    workers : int, optional
        Processes; by default one a core.
    progress : bool, optional
        Whether to show a bar.

    Returns
    -------
    `~astro_vbinary.training.SimulatedSet`
        The set.
    """
    offset, psf_seed = SETS[name]
    return simulate_set(
        Path(folder) / f"g{recipe.group}-{name}",
        group=recipe.group,
        mixture=recipe.mixture,
        count=getattr(recipe, name),
        seed=recipe.seed + offset,
        psf_seed=psf_seed,
        workers=workers,
        progress=progress,
    )


def circle_of(group):
    """The pixels of a group's grid within 2.5 arcsec of the target.

    Parameters
    ----------
    group : int
        Resolution group.

    Returns
    -------
    `~numpy.ndarray` of bool
        Of the grid's shape.
    """
    grid = SkyGrid.for_group(group, SkyCoord(0, 0, unit="deg"))
    return grid.radius() <= VISUAL_BINARY_LIMIT.value


def score(card, scores, data):
    """The reports of a card on a test set.

    Parameters
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        For the calibration and the threshold.
    scores : `~numpy.ndarray`
        Shape (n, 2), the network's on the set.
    data : `~astro_vbinary.training.SimulatedSet`
        The set.

    Returns
    -------
    dict of dict
        ``visual_task`` (balanced, pairs that an eye would see), the same for
        each survey, ``all``, and ``right_by_kind``: the share that is right and
        n for each kind of scene.
    """
    probability = card.probability(scores)
    visual = visual_task(data)
    reports = {
        "visual_task": classification_report(
            data.labels[visual], probability[visual], threshold=card.threshold
        )
    }
    surveys = data.column("survey")
    for survey in sorted(set(surveys)):
        part = visual[surveys[visual] == survey]
        reports[f"visual_task_{survey}"] = classification_report(
            data.labels[part], probability[part], threshold=card.threshold
        )
    reports["all"] = classification_report(
        data.labels, probability, threshold=card.threshold
    )
    reports["all"]["calibration_error"] = calibration_error(data.labels, probability)
    right = (probability >= card.threshold).astype(int) == data.labels
    kinds = data.column("kind")
    reports["right_by_kind"] = {
        kind: {
            "share": float(right[kinds == kind].mean()),
            "n": int((kinds == kind).sum()),
        }
        for kind in sorted(set(kinds))
    }
    return reports


def make(recipe, folder, *, device="cpu", workers=None, progress=True):
    """Run a recipe from simulation to weights.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    folder : str or `~pathlib.Path`
        Where sets, checkpoints and at last weights and card are written.
    device : str, optional
        Device of torch.
    workers : int, optional
        Processes of the simulation; by default one a core.
    progress : bool, optional
        Whether to show bars.

    Returns
    -------
    `~astro_vbinary.classification.WeightsCard`
        The card of the new weights.
    """
    folder = Path(folder)
    sets = {
        name: build_set(recipe, name, folder, workers=workers, progress=progress)
        for name in SETS
    }
    circle = circle_of(recipe.group)
    preprocessing = Preprocessing()
    network, history = train_network(
        sets["train"],
        sets["validation"],
        circle,
        folder=folder / f"g{recipe.group}-run",
        options=recipe.options,
        preprocessing=preprocessing,
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
    held = predict_set(
        network, sets["calibration"], circle, preprocessing=preprocessing
    )
    margin = held[:, 1] - held[:, 0]
    temperature, bias = fit_temperature(margin, sets["calibration"].labels)
    best = min(history, key=lambda entry: entry["validation_loss"])
    scale, side = GROUP_GRIDS[recipe.group]
    entries = {
        "id": recipe.id,
        "version": recipe.version,
        "description": (
            "ResNet34 with additional convolutional layers, after Gezer et al., "
            f"at a quarter of its width; for resolution group {recipe.group}"
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
            "in_channels": len(preprocessing.channels),
            "width": recipe.options.width,
            "extra_layers": 2,
        },
        "preprocessing": asdict(preprocessing)
        | {"channels": [*preprocessing.channels]},
        "calibration": {
            "temperature": temperature,
            "bias": bias,
            "prevalence": float(sets["calibration"].labels.mean()),
            "n": len(sets["calibration"]),
        },
        "training": {
            "command": f"python -m {MODULE} --group {recipe.group} -o DIR",
            "data": "simulated by astro_vbinary.simulation; no real image",
            "mixture": recipe.mixture,
            "seed": recipe.seed,
            **{f"n_{name}": len(data) for name, data in sets.items()},
            "epoch": best["epoch"],
            "options": asdict(recipe.options),
        },
    }
    card = save_weights(folder, network, entries)
    scores = predict_set(
        load_network(card), sets["test"], circle, preprocessing=preprocessing
    )
    entries["scores"] = score(card, scores, sets["test"])
    return save_weights(folder, network, entries)


def format_scores(reports):
    """Reports as text, in the form of the paper's Table 2.

    Parameters
    ----------
    reports : dict of dict
        As made by `score`.

    Returns
    -------
    str
        Several lines.
    """
    lines = []
    for name, report in reports.items():
        if name == "right_by_kind":
            continue
        lines.append(
            f"{name}: accuracy {report['accuracy']:.4f} "
            f"({report['accuracy_low']:.4f} to {report['accuracy_high']:.4f}, "
            f"95 %), n = {report['n']}, {report['n_binary']} binary, "
            f"ROC area {report['roc_auc']:.4f}"
        )
        if "calibration_error" in report:
            lines.append(f"  calibration error {report['calibration_error']:.4f}")
        for number, label in ((0, "not"), (1, "binary")):
            lines.append(
                f"  {label:>7}: precision {report[f'precision_{number}']:.3f}  "
                f"recall {report[f'recall_{number}']:.3f}  "
                f"F1 {report[f'f1_{number}']:.3f}"
            )
    lines.append("share right by kind of scene:")
    lines += [
        f"  {kind:>12}: {entry['share']:.3f}  n = {entry['n']}"
        for kind, entry in reports.get("right_by_kind", {}).items()
    ]
    return "\n".join(lines)


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
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--group", type=int, choices=sorted(RECIPES), required=True)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--device", default="cpu", help="device of torch")
    parser.add_argument("--workers", type=int, help="processes of the simulation")
    parser.add_argument(
        "--threads", type=int, help="threads of torch; by default all cores"
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="only print the scores of the installed weights on the test set",
    )
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = RECIPES[options.group]
    if options.report:
        card = find_weights(recipe.id)
        data = build_set(recipe, "test", options.output, workers=options.workers)
        scores = predict_set(
            load_network(card),
            data,
            circle_of(recipe.group),
            preprocessing=card.preprocessing,
        )
        print(format_scores(score(card, scores, data)))
        return 0
    card = make(recipe, options.output, device=options.device, workers=options.workers)
    print(f"{card.path}\n{format_scores(card.scores)}")
    return 0


if __name__ == "__main__":
    np.seterr(all="warn")
    sys.exit(main())
