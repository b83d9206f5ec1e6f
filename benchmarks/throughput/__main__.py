"""Ours and the usual script, on the same files in one run, stage by stage.

Usage: python -m benchmarks.throughput [--stacks N] [--repeats N] [--threads N]
           [--folder DIR] [--docs DIR]

Four-filter stacks of 48-px stamps, turned by up to two degrees as a survey's are, are
written as FITS files and packed into shards. Each repeat times, in turn,

* the usual script (``reference_script.py``) on part of the stacks: every
  ``--every``-th, for it is slow;
* `astro_vbinary.classify` on all files, and on the shards, by the batch engine;
* the network alone, as it is bundled, on tensors that are ready.

Times are medians of the repeats, in milliseconds a stack. Preparation is reading,
aligning and stacking. With ``--threads 1`` all is on one core; the default are two.
"""

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from astro_vbinary.classification import BinaryClassifier, classify
from astro_vbinary.stamps import StampIndex, pack
from benchmarks.throughput import reference_script
from benchmarks.throughput.files import write_stacks

GROUP = 3
BATCH = 32

#: Stages that are the preparation.
PREPARATION = ("read", "align", "stack")


def time_reference(groups, card, network):
    """Seconds of each stage of the usual script."""

    def judge(images, counts):
        # The script knows one image; the bundled network also wants the bands.
        planes = images[:, None].expand(-1, network_channels(card), -1, -1)
        owner = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        bands = images[owner][:, None].expand(-1, band_channels(card), -1, -1)
        return network(planes, bands, owner)

    grid = card.entries["grid"]
    start = time.perf_counter()
    _, seconds = reference_script.classify(
        groups, grid["pixel_scale"], grid["side"], judge
    )
    return seconds | {"total": time.perf_counter() - start}


def network_channels(card):
    """Channels of the sums."""
    return len(card.preprocessing.channels)


def band_channels(card):
    """Channels of each band."""
    return len(card.preprocessing.band_channels)


def time_ours(index, classifier):
    """Seconds of each stage of `classify`, by the usual script's names."""
    seconds = {}
    start = time.perf_counter()
    classify(
        index,
        device=str(classifier.device),
        classifiers={GROUP: classifier},
        batch_size=BATCH,
        timings=seconds,
    )
    total = time.perf_counter() - start
    seconds.pop("load", None)
    seconds["stack"] = seconds.pop("prepare")
    return seconds | {"total": total}


def time_network(count, classifier, network):
    """Seconds of the bundled network on tensors, four bands a stack."""
    side = classifier.card.entries["grid"]["side"]
    owner = torch.arange(BATCH).repeat_interleave(4)
    made = [
        torch.randn(n, channels, side, side).to(memory_format=torch.channels_last)
        for n, channels in (
            (BATCH, network_channels(classifier.card)),
            (4 * BATCH, band_channels(classifier.card)),
        )
    ]
    start = time.perf_counter()
    with torch.inference_mode():
        for _ in range(0, count, BATCH):
            network(*made, owner)
    spent = time.perf_counter() - start
    return {"classify": spent * count / (BATCH * -(-count // BATCH))}


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stacks", type=int, default=1024)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="kept, and used again")
    parser.add_argument("--docs", type=Path, help="also write the table there")
    parser.add_argument("-q", "--quiet", action="store_true")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        stamps, shards = folder / "stamps", folder / "shards"
        if not stamps.exists():
            write_stacks(stamps, given.stacks)
            pack(stamps, shards)
        report(given, stamps, shards)
    return 0


def report(given, stamps, shards):
    """Time everything in turn and print the table."""
    from astro_vbinary.classification.weights import load_network

    classifier = BinaryClassifier.for_group(GROUP, device="cpu", precision="float32")
    network = load_network(classifier.card).eval()
    network = network.to(memory_format=torch.channels_last)
    index, packed = StampIndex.from_paths(stamps), StampIndex.from_paths(shards)
    groups = [[str(f.path) for f in files] for files in index.groups().values()]
    some = groups[:: given.every]
    n = len(groups)
    ways = {
        "usual script": (
            len(some),
            lambda: time_reference(some, classifier.card, network),
        ),
        "files": (n, lambda: time_ours(index, classifier)),
        "shards": (n, lambda: time_ours(packed, classifier)),
        "network alone": (n, lambda: time_network(n, classifier, network)),
    }
    # Once before, so that nothing is loaded or planned within the measurement.
    time_reference(some[:2], classifier.card, network)
    time_ours(StampIndex(index[:256]), classifier)
    found = {name: [] for name in ways}
    for _ in tqdm(range(given.repeats), unit="repeat", disable=given.quiet or None):
        for name, (count, measure) in ways.items():
            made = {stage: 1e3 * s / count for stage, s in measure().items()}
            made["preparation"] = sum(made.get(stage, np.nan) for stage in PREPARATION)
            found[name].append(made)
    print(f"{n} stacks, {len(some)} for the usual script; {given.threads} threads")
    stages = ("read", "align", "stack", "preparation", "classify", "total")
    rows = []
    for stage in stages:
        row = {"stage": stage}
        for name, runs in found.items():
            values = [run.get(stage, np.nan) for run in runs]
            row[name] = f"{np.median(values):.3f}" if np.isfinite(values).all() else ""
        for name in ("files", "shards"):
            ratios = [
                slow[stage] / fast[stage]
                for slow, fast in zip(found["usual script"], found[name], strict=True)
            ]
            row[f"ratio, {name}"] = f"{np.median(ratios):.1f}"
        rows.append(row)
    show(rows)
    bare = [run["classify"] for run in found["network alone"]]
    ours = [run["classify"] for run in found["files"]]
    share = np.median([b / o for b, o in zip(bare, ours, strict=True)])
    print(f"classification at {share:.2f} of the bare network's throughput")
    reads = [
        f["read"] / s["read"]
        for f, s in zip(found["files"], found["shards"], strict=True)
    ]
    print(f"reading from shards {np.median(reads):.1f} times as fast as from files")
    if given.docs is not None:
        given.docs.mkdir(parents=True, exist_ok=True)
        with (given.docs / "stages.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def show(rows):
    """Print rows as a table."""
    names = list(rows[0])
    print("  ".join(f"{name:>14}" for name in names))
    for row in rows:
        print("  ".join(f"{row[name]:>14}" for name in names))


if __name__ == "__main__":
    sys.exit(main())
