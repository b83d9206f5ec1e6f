"""How many labels it takes in another domain: fine-tuning against training anew.

Usage: python -m benchmarks.label_efficiency -o DIR [--labels N ...] [--repeats N]
           [--recipe NAME ...] [--width N] [--test N] [--statistics]
           [--docs DIR] [--device NAME] [--threads N] [--quick]

The domain is that of a telescope that tracks badly in bad seeing, read out in stripes
(``benchmarks/labelled_sets.py``). The recipes ``finetune`` and ``gezer`` are trained on
30, 100, 300, 1,000 and 3,000 labelled stacks of it and scored, as are the bundled
weights as they are, on one test set that no training sees. Written are DIR/curve.csv
and DIR/curve.png; a run that was stopped goes on, and one of another width adds to it.
With ``--docs`` the documentation's table and figure are written too. ``--quick`` is a
small one, to see it work.
"""

import argparse
import csv
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from astro_vbinary.classification.weights import find_weights, load_network
from astro_vbinary.training import TUNING_RECIPES, evaluate_weights, train_weights
from astro_vbinary.training.reports import make_report
from benchmarks.labelled_sets import draw_stacks

SURVEYS = ("Pan-STARRS", "SDSS9")
FIELDS = (
    "recipe",
    "width",
    "labels",
    "repeat",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "roc_auc",
    "roc_auc_low",
    "roc_auc_high",
    "n",
    "seconds",
)


def score(card, test):
    """The figures of weights on the test set."""
    evaluated = evaluate_weights(card, load_network(card), test)
    return make_report(evaluated, np.arange(len(test)))


def train(name, count, repeat, options, folder):
    """Weights of a recipe from so many labels; their card and the seconds."""
    stacks = draw_stacks(3, count // 2, seed=9400 + repeat, surveys=SURVEYS, worse=True)
    recipe = replace(TUNING_RECIPES[name], seed=repeat)
    if options.statistics:
        recipe = replace(recipe, statistics=True)
    if not recipe.initial:
        recipe = replace(recipe, width=options.width)
    if options.quick:
        recipe = replace(recipe, epochs=2, width=8)
    started = time.monotonic()
    made = train_weights(
        stacks,
        folder,
        recipe=recipe,
        initial=find_weights(group=3) if recipe.initial else None,
        name=f"{name}-{count}-{repeat}",
        device=options.device,
    )
    return made.card, time.monotonic() - started


def draw(rows, path, dpi=150):
    """The curve with its intervals."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    colours = iter(("#d55e00", "#0072b2", "#009e73", "#cc79a7"))
    lines = {(row["recipe"], int(row["width"])) for row in rows} - {("bundled", 0)}
    for name, width in sorted(lines):
        own = [
            row for row in rows if (row["recipe"], int(row["width"])) == (name, width)
        ]
        own.sort(key=lambda row: int(row["labels"]))
        colour, label = next(colours), f"{name}, width {width}" if width else name
        x = [float(row["labels"]) for row in own]
        y = np.array([float(row["accuracy"]) for row in own])
        low = y - [float(row["accuracy_low"]) for row in own]
        high = [float(row["accuracy_high"]) for row in own] - y
        ax.errorbar(x, y, [low, high], fmt="o-", color=colour, capsize=3, label=label)
    for row in rows:
        if row["recipe"] == "bundled":
            ax.axhline(
                float(row["accuracy"]), color="0.4", ls=":", label="bundled, as is"
            )
    ax.set(xscale="log", xlabel="labels", ylabel="accuracy on the test set")
    ax.legend()
    fig.savefig(path, dpi=dpi)


def write_docs(rows, folder):
    """The documentation's table and figure."""
    folder.mkdir(parents=True, exist_ok=True)
    headings = "Recipe", "Width", "Labels", "Accuracy", "95 % from", "to", "ROC area"
    with (folder / "label_efficiency.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*headings, "n", "Seconds"])
        for row in sorted(rows, key=lambda r: (r["recipe"], int(r["labels"]))):
            names = "accuracy", "accuracy_low", "accuracy_high", "roc_auc"
            figures = [f"{float(row[name]):.3f}" for name in names]
            width = row["width"] if int(row["width"]) else ""
            ends = row["n"], round(float(row["seconds"]))
            writer.writerow([row["recipe"], width, row["labels"], *figures, *ends])
    draw(rows, folder / "label_efficiency.png", dpi=90)


def main():
    """Run what is not done yet, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--labels", type=int, nargs="+", default=[30, 100, 300, 1000, 3000]
    )
    parser.add_argument("--recipe", nargs="+", default=["finetune", "gezer"])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument(
        "--statistics",
        action="store_true",
        help="let the statistics of the normalisations follow the new images in "
        "finetune too, for comparison; give a folder of its own",
    )
    parser.add_argument(
        "--width",
        type=int,
        default=64,
        help="channels of gezer's network, 64 in the paper",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.quick:
        options.labels, options.test = [40, 60], 60
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / ("curve-quick.csv" if options.quick else "curve.csv")
    rows = []
    if path.exists():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    widths = {
        name: 0
        if TUNING_RECIPES[name].initial
        else 8
        if options.quick
        else options.width
        for name in options.recipe
    }
    jobs = [("bundled", 0, 0, 0)] + [
        (name, widths[name], count, repeat)
        for count in options.labels
        for repeat in range(options.repeats)
        for name in options.recipe
    ]
    keys = FIELDS[:4]
    done = {(row["recipe"], *(int(row[key]) for key in keys[1:])) for row in rows}
    test = draw_stacks(3, options.test // 2, seed=9300, surveys=SURVEYS, worse=True)
    for job in jobs:
        if job in done:
            continue
        name, width, count, repeat = job
        card, seconds = find_weights(group=3), 0.0
        if name != "bundled":
            folder = options.output / f"{name}-{width}-{count}-{repeat}"
            card, seconds = train(name, count, repeat, options, folder)
        report = score(card, test) | {"seconds": round(seconds, 1)}
        report |= dict(zip(keys, job, strict=True))
        rows.append({key: report[key] for key in FIELDS})
        part = path.with_suffix(".part")
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=FIELDS)
            writer.writeheader()
            writer.writerows(rows)
        part.replace(path)
        print(
            f"{name:>9} {width or '':>2} {count:>5} labels: "
            f"accuracy {report['accuracy']:.3f} ({report['accuracy_low']:.3f} to "
            f"{report['accuracy_high']:.3f}), ROC "
            f"area {report['roc_auc']:.3f}, {seconds:.0f} s",
            flush=True,
        )
    draw(rows, path.with_suffix(".png"))
    if options.docs:
        write_docs(rows, options.docs)


if __name__ == "__main__":
    main()
