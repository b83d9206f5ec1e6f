"""How far each stage is from what the machine could do, and what more stacks cost.

Usage: python -m benchmarks.throughput.limits [--stacks N] [--repeats N] [--folder DIR]
           [--docs DIR]

On one core: the seconds that each stage of `astro_vbinary.classify` takes, beside the
least that the bytes or the operations of that stage would take at the rates measured on
the same core, in the same repeat:

read      bytes of the files, at the rate at which they come from the page cache
align     operations of the products of matrices, at the rate of large products
stack     bytes of images, each read and written once, at the rate of copying
classify  operations of the network, at the rate of large products

and from the whole the hours of a core, and the bytes, of a thousand to a billion
sources, with as many stacks a source as in Gezer et al. (56,500 of 27,730).
"""

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from tqdm.auto import tqdm

from astro_vbinary.classification import BinaryClassifier
from astro_vbinary.classification.weights import load_network
from astro_vbinary.stamps import StampIndex
from benchmarks.throughput.__main__ import (
    GROUP,
    band_channels,
    network_channels,
    show,
    time_ours,
)
from benchmarks.throughput.files import SCALE, SIDE, write_stacks

#: Stacks of a source: figures of Gezer et al.
STACKS_A_SOURCE = 56_500 / 27_730

#: Bands of a stack here.
BANDS = 4

#: Sources of the second table.
SOURCES = (1_000, 27_730, 1_000_000, 1_000_000_000)


def best(function, repeats=5):
    """Shortest of some times (s)."""
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        spent.append(time.perf_counter() - start)
    return min(spent)


def product_rate(size=1024):
    """Operations a second in a product of large matrices, single precision."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / best(lambda: a @ b)


def copy_rate(size=2**26):
    """Bytes a second, read and written, in copying what no cache holds."""
    source = torch.zeros(size // 4)
    target = torch.empty_like(source)
    return 2 * size / best(lambda: target.copy_(source))


def read_seconds(paths):
    """Seconds to get the bytes of files that were read before."""

    def read():
        for path in paths:
            path.read_bytes()

    return best(read, 3)


def network_operations(classifier, count=8):
    """Operations of the network for one stack."""
    side = classifier.card.entries["grid"]["side"]
    network = load_network(classifier.card).eval()
    owner = torch.arange(count).repeat_interleave(BANDS)
    sums = torch.zeros(count, network_channels(classifier.card), side, side)
    bands = torch.zeros(count * BANDS, band_channels(classifier.card), side, side)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(sums, bands, owner)
    return counter.get_total_flops() / count


def align_operations(classifier, native=SIDE, pixel=SCALE):
    """Operations of the products that resample the bands of one stack."""
    from astro_vbinary.stamps.resampling import FINER

    grid = classifier.card.entries["grid"]
    across = grid["side"] * grid["pixel_scale"] / pixel
    fine = across * FINER
    return BANDS * 2 * (fine * native**2 + fine**2 * native)


def main(arguments=None):
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stacks", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="kept, and used again")
    parser.add_argument("--docs", type=Path, help="also write the tables there")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        stamps = (given.folder or Path(temporary)) / "stamps"
        if not stamps.exists():
            write_stacks(stamps, given.stacks)
        index = StampIndex.from_paths(stamps)
        groups = list(index.groups().values())[: given.stacks]
        files = [file for group in groups for file in group]
        measure(given, StampIndex(files), len(groups))
    return 0


def measure(given, index, count):
    """Time the stages and the limits in turn, and print both tables."""
    paths = [Path(file.path) for file in index]
    size = sum(path.stat().st_size for path in paths)
    classifier = BinaryClassifier.for_group(GROUP, device="cpu", precision="float32")
    side = classifier.card.entries["grid"]["side"]
    work = {
        "read": (size / count, "bytes"),
        "align": (align_operations(classifier), "operations"),
        # Each band and the sum: there, and back.
        "stack": ((BANDS + 1) * 2 * 4 * side**2, "bytes"),
        "classify": (network_operations(classifier), "operations"),
    }
    time_ours(index, classifier)
    runs = []
    for _ in tqdm(range(given.repeats), unit="repeat", disable=None):
        products, copies = product_rate(), copy_rate()
        least = {
            "read": read_seconds(paths) / count,
            "align": work["align"][0] / products,
            "stack": work["stack"][0] / copies,
            "classify": work["classify"][0] / products,
        }
        taken = time_ours(index, classifier)
        runs.append((taken, least))
    rows = []
    for stage, (amount, unit) in work.items():
        takes = np.median([1e3 * taken[stage] / count for taken, _ in runs])
        floor = np.median([1e3 * least[stage] for _, least in runs])
        rows.append(
            {
                "stage": stage,
                "a stack needs": f"{amount:.2g} {unit}",
                "least (ms)": f"{floor:.3f}",
                "takes (ms)": f"{takes:.3f}",
                "share of the limit": f"{floor / takes:.2f}",
            }
        )
    print(f"{count} stacks, medians of {given.repeats}, one core")
    show(rows)
    total = np.median([taken["total"] / count for taken, _ in runs])
    costs = [
        {
            "sources": f"{sources:,}",
            "stacks": f"{sources * STACKS_A_SOURCE:,.0f}",
            "read (GB)": f"{sources * STACKS_A_SOURCE * size / count / 1e9:,.1f}",
            "core hours": f"{sources * STACKS_A_SOURCE * total / 3600:,.2f}",
        }
        for sources in SOURCES
    ]
    show(costs)
    if given.docs is not None:
        given.docs.mkdir(parents=True, exist_ok=True)
        for name, table in (("limits", rows), ("costs", costs)):
            with (given.docs / f"{name}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(table)


if __name__ == "__main__":
    sys.exit(main())
