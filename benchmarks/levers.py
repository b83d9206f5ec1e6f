"""What makes the network better: the same short training with one thing changed.

Every variant starts from the same weights, the bundled ones or with ``--random`` random
ones, sees the same simulated stacks in the same order for as many steps, and is
measured on the same held-out stacks. Printed are its cross entropy, its area under the
ROC, and the difference of its cross entropy from the recipe's with a paired bootstrap
interval over the stacks. Short trainings say what helps early; what helps late, or only
a little, they cannot tell. Variants without some of the inputs or layers of the bundled
weights need ``--random`` and thousands of steps: after 400 no such training has learnt
anything. On another grid the bundled weights must first get used to it.

    python -m benchmarks.levers FOLDER --group 4 --steps 300
"""

import argparse
import csv
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from astro_vbinary.classification.preprocessing import Preprocessing
from astro_vbinary.classification.weights import find_weights, load_network
from astro_vbinary.surveys import get_survey
from astro_vbinary.training.bundled import RECIPES, stream_of
from astro_vbinary.training.evaluation import roc_area
from astro_vbinary.training.loop import predict_block, train_network
from astro_vbinary.training.stream import SimulationStream, join_blocks

#: Held-out blocks of 64 stacks, and how many of them a run's history is measured on.
HELD, WATCHED = 60, 2

#: Resamplings of the bootstrap.
RESAMPLINGS = 1000


@dataclass(frozen=True)
class WidthChannels(Preprocessing):
    """The bands' channels and one more: how wide a star is on such images."""

    band_channels: tuple[str, ...] = ("linear", "asinh", "fwhm")

    def __post_init__(self):
        # The third is no channel of the package.
        pass


@dataclass(frozen=True)
class WidthStream(SimulationStream):
    """A stream whose bands come with their nominal FWHM, the registry's, as a plane."""

    preprocessing: Preprocessing = field(default_factory=WidthChannels)

    def band_inputs(self, made, aligned, batch):
        """Channels of every band, the last of them constant over the image."""
        planes = Preprocessing().band_channels_of(made.bands, self.pixel_scale)
        survey = get_survey(batch.survey)
        known = {name: survey.effective_fwhm(name).value for name in survey.band_names}
        width = [known[aligned.exposures[i].band] for i in made.kept.tolist()]
        width = torch.log2(1 + torch.tensor(width) / self.pixel_scale) / 4
        plane = width[:, None, None, None].expand(-1, 1, *planes.shape[2:])
        return torch.cat([planes, plane.to(planes)], dim=1)


@dataclass(frozen=True)
class Variant:
    """What one training differs in; whether it can start from the bundled weights."""

    text: str
    options: dict = field(default_factory=dict)
    stream: dict = field(default_factory=dict)
    kind: type = SimulationStream
    finer: float = 1.0
    fits: bool = False


def channels(**changes):
    """Arguments of a stream with other channels."""
    return {"preprocessing": Preprocessing(**changes)}


VARIANTS = {
    "recipe": Variant("as the bundled weights", fits=True),
    "seed": Variant("the same in another order", {"seed": 1}, fits=True),
    "sum": Variant(
        "the sum of the bands alone", {"band_width": 0}, channels(band_channels=())
    ),
    "linear": Variant(
        "no asinh stretch",
        {},
        channels(
            channels=("linear", "valid", "radius"),
            band_channels=("linear",),
        ),
    ),
    "asinh": Variant(
        "the asinh stretch alone",
        {},
        channels(channels=("asinh", "valid", "radius"), band_channels=("asinh",)),
    ),
    "no zooms": Variant("no closer looks at the middle", {"zooms": 0}),
    "no auxiliary": Variant(
        "separation and angle not learnt", {"auxiliary": 0.0}, fits=True
    ),
    "smoothing": Variant("label smoothing of 0.05", {"smoothing": 0.05}, fits=True),
    "fwhm": Variant(
        "nominal FWHM of every band as an input", kind=WidthStream, fits=True
    ),
    "finer grid": Variant(
        "a grid with pixels of three quarters", finer=0.75, fits=True
    ),
    "coarser grid": Variant(
        "a grid with pixels of four thirds", finer=4 / 3, fits=True
    ),
}


def open_stream(recipe, name, variant):
    """A recipe's stream as a variant sees it."""
    base = stream_of(recipe, name)
    scale, side = base.pixel_scale, base.side
    if variant.finer != 1:
        scale, side = scale * variant.finer, 4 * round(side / variant.finer / 4)
    made = {
        "pixel_scale": scale,
        "side": side,
        "seed": base.seed,
        "psf_seed": base.psf_seed,
    }
    return variant.kind(recipe.mixture, **made | variant.stream)


def entropies(margin, labels):
    """Cross entropy of every stack, from the difference of the two scores."""
    return np.logaddexp(0, np.where(labels == 1, -margin, margin))


def run(recipe, name, folder, options, initial, quiet):
    """Train one variant; difference of scores and labels of the held-out stacks."""
    variant = VARIANTS[name]
    done = folder / f"{name.replace(' ', '_')}.npz"
    if done.exists():
        with np.load(done) as saved:
            return saved["margin"], saved["labels"]
    held = open_stream(recipe, "validation", variant)
    bar = tqdm(range(HELD), desc="held out", unit="block", disable=quiet or None)
    blocks = [held.block(number) for number in bar]
    network, _ = train_network(
        open_stream(recipe, "train", variant),
        join_blocks(blocks[:WATCHED]),
        folder=folder / name.replace(" ", "_"),
        options=replace(options, **variant.options),
        initial=initial,
        progress=not quiet,
    )
    scores = torch.cat([predict_block(network, block) for block in blocks]).numpy()
    labels = torch.cat([block.labels for block in blocks]).numpy()
    margin = scores[:, 1].astype(float) - scores[:, 0]
    np.savez(done, margin=margin, labels=labels)
    return margin, labels


def main(arguments=None):
    """Train the variants and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where checkpoints are kept")
    parser.add_argument("--group", type=int, choices=sorted(RECIPES), default=4)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate")
    parser.add_argument(
        "--random", action="store_true", help="start from random weights"
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS)
    parser.add_argument("--csv", type=Path, help="also write the table there")
    parser.add_argument("-q", "--quiet", action="store_true")
    given = parser.parse_args(arguments)
    recipe = RECIPES[given.group]
    able = [name for name in VARIANTS if given.random or VARIANTS[name].fits]
    chosen = given.variants or able
    if not set(chosen) <= set(able):
        parser.error(f"without --random only {', '.join(able)} can be trained")
    initial = None
    if not given.random:
        initial = load_network(find_weights(recipe.id)).state_dict()
    start = "random" if given.random else "bundled"
    folder = given.folder / f"g{given.group}-{start}-{given.steps}x{given.batch}"
    folder.mkdir(parents=True, exist_ok=True)
    options = replace(
        recipe.options,
        steps=given.steps,
        batch=given.batch,
        average=0.99,
        rate=given.rate,
        warmup=0.05,
        interval=max(given.steps // 4, 1),
    )
    names = ["recipe", *(name for name in chosen if name != "recipe")]
    rows, base = [], None
    for name in names:
        margin, labels = run(recipe, name, folder, options, initial, given.quiet)
        own = entropies(margin, labels)
        base = own if base is None else base
        # The same stacks: a finer grid may leave out another one or two of them.
        paired = len(own) == len(base)
        difference = own - base if paired else np.full(1, own.mean() - base.mean())
        rng = np.random.default_rng(0)
        index = rng.integers(len(difference), size=(RESAMPLINGS, len(difference)))
        low, high = np.quantile(difference[index].mean(axis=1), [0.025, 0.975])
        row = {
            "variant": name,
            "what": VARIANTS[name].text,
            "n": len(own),
            "cross_entropy": f"{own.mean():.4f}",
            "roc_auc": f"{roc_area(labels, margin):.4f}",
            "difference": f"{difference.mean():+.4f}",
            "low": f"{low:+.4f}",
            "high": f"{high:+.4f}",
        }
        rows.append(row)
        print("  ".join(f"{value:>9}" for value in row.values()), flush=True)
    if given.csv is not None:
        with given.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
