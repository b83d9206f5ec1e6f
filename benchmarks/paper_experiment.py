"""The paper's experiment: its recipe on as many stamps, over random splits.

Usage: python -m benchmarks.paper_experiment -o DIR [--group N] [--splits N] [--quick]
           [--epochs N] [--width N] [--docs DIR] [--device NAME]
           [--threads N]

150 + 150 simulated stamps of group 3, or 40 + 40 of group 4, that an eye could label;
the recipe ``gezer`` of ``astro-vbinary train``, split 70 / 15 / 15, 40 epochs. Printed
is the report of the test parts over all splits, with the spread from split to split,
beside the paper's Table 2, the public notebook's accuracy, and the bundled weights on
the same test stamps. A run that was stopped goes on; what is done is in DIR.
A split of group 3 is some 8,000 passes of a ResNet34, many minutes on one core;
``--width 16`` is a network with a quarter of its channels. ``--quick`` is a small one
on few stamps, to see it work.
"""

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from astro_vbinary.classification.weights import find_weights, load_network
from astro_vbinary.training import TUNING_RECIPES, evaluate_weights, train_weights
from astro_vbinary.training.reports import make_report
from benchmarks.labelled_sets import draw_stacks

#: Stamps of each class that the reference work labelled, by group.
STAMPS = {3: 150, 4: 40}

#: Table 2 of the reference work (group 3), and the accuracy of the public notebook.
TABLE_2 = {
    "precision_0": 0.98,
    "recall_0": 0.96,
    "f1_0": 0.97,
    "precision_1": 0.96,
    "recall_1": 0.98,
    "f1_1": 0.97,
    "accuracy": 0.97,
}
NOTEBOOK = 0.89


def one_split(stacks, group, seed, folder, options):
    """Train on one split; reports of it and of the bundled weights on its test part."""
    recipe = replace(
        TUNING_RECIPES["gezer"],
        seed=seed,
        epochs=options.epochs,
        width=options.width,
    )
    made = train_weights(
        stacks,
        folder,
        recipe=recipe,
        group=group,
        name=f"split-{seed}-g{group}",
        device=options.device,
    )
    test = stacks.take(np.flatnonzero(made.parts == "test"))
    bundled = find_weights(group=group)
    reports = {}
    for name, card in (("gezer", made.card), ("bundled", bundled)):
        evaluated = evaluate_weights(card, load_network(card), test)
        reports[name] = make_report(evaluated, np.arange(len(test)))
    # The tensors are 45 MB a split; the card and the curves are kept.
    made.card.weights_path.unlink()
    return reports


def report_rows(group, results):
    """Mean of each figure over the splits, standard deviation, and the paper's."""
    rows = []
    for key, paper in TABLE_2.items():
        cells = [key]
        for name in ("gezer", "bundled"):
            values = np.array([row[name][key] for row in results], dtype=float)
            # Without a stamp that is called a pair there is no precision.
            values = values[np.isfinite(values)]
            if len(values) > 1:
                shown = f"{values.mean():.3f} +- {values.std(ddof=1):.3f}"
            else:
                shown = ", ".join(f"{value:.3f}" for value in values) or "-"
            cells.append(shown)
        rows.append([*cells, f"{paper:.2f}" if group == 3 else "-"])
    return rows


def print_report(group, results, width):
    """What the splits gave, beside the paper's table."""
    print(
        f"group {group}, {len(results)} splits of {results[0]['gezer']['n']} test "
        f"stamps, width {width}:"
    )
    print(f"{'':>12}  {'gezer':<18}{'bundled':<18}paper")
    for key, ours, bundled, paper in report_rows(group, results):
        print(f"{key:>12}  {ours:<18}{bundled:<18}{paper}")
    print(f"the public notebook's accuracy, on 28 stamps split by file: {NOTEBOOK}")


def write_docs(group, results, width, folder):
    """The documentation's table."""
    folder.mkdir(parents=True, exist_ok=True)
    n = results[0]["gezer"]["n"]
    headings = f"{len(results)} splits, {n} test stamps each", f"gezer, width {width}"
    with (folder / f"paper_experiment_{group}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*headings, "bundled", "Table 2"])
        writer.writerows(report_rows(group, results))


def main():
    """Run what is not done yet, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--group", type=int, choices=sorted(STAMPS), default=3)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--width", type=int, default=64, help="64 is the paper's")
    parser.add_argument("--docs", type=Path, help="folder for the documentation")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.quick:
        options.splits, options.epochs = min(options.splits, 2), min(options.epochs, 2)
        options.width = 8
    count = 24 if options.quick else STAMPS[options.group]
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"results-g{options.group}.json"
    settings = [options.group, options.epochs, options.width, count]
    done = {"settings": settings, "splits": []}
    if path.exists():
        done = json.loads(path.read_text())
        if done["settings"] != settings:
            raise SystemExit(f"{path} is of other options; give another folder")
    stacks = draw_stacks(options.group, count, seed=9100 + options.group)
    for seed in range(len(done["splits"]), options.splits):
        folder = options.output / f"g{options.group}-split-{seed}"
        done["splits"].append(one_split(stacks, options.group, seed, folder, options))
        part = path.with_suffix(".part")
        part.write_text(json.dumps(done))
        part.replace(path)
    found = done["splits"][: options.splits]
    print_report(options.group, found, options.width)
    if options.docs:
        write_docs(options.group, found, options.width, options.docs)


if __name__ == "__main__":
    main()
