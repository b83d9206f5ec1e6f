"""Peak memory of a run, by the number of stacks.

Usage: python -m benchmarks.memory [N ...] [--distinct N] [--workers N]
           [--folder DIR] [--ending ENDING] [--csv FILE]

For each N, by default 5000 and 20000, a folder of N stacks is made of a few hundred
simulated ones (hard links under other names; what is read, aligned and classified is
the same as with as many of their own), with a catalogue of their positions.
``astro-vbinary run`` is started on it, and the memory of it and all its processes is
added up every half second. Printed for each N: stacks, seconds, stacks a second, and
the peaks of

PSS  what the processes hold, with what they share counted once
RSS  the sum of what each holds, with what they share counted for each

and the ratio of the last N to each of the others. The goal is a PSS below 1.5 GB with
20,000 stacks, and not over 1.1 times that of 5,000.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: Seconds between two looks at the memory.
PACE = 0.5

#: Surveys that are simulated, in equal parts.
SURVEYS = ("Pan-STARRS", "DECaLS", "SDSS9", "HSCLA")


def make_folder(folder, distinct):
    """Simulate stacks; returns the files of each, and their positions."""
    from astropy.table import Table

    from astro_vbinary.simulation import write_folder
    from astro_vbinary.stamps import StampIndex

    if not (folder / "truth.ecsv").exists():
        each = -(-distinct // len(SURVEYS))
        write_folder(
            folder, dict.fromkeys(SURVEYS, each), seed=1, hips_share=0, progress=True
        )
    truth = Table.read(folder / "truth.ecsv")
    places = {row["source"]: (row["ra"], row["dec"]) for row in truth}
    return list(StampIndex.from_paths(folder).groups().values()), places


def link(groups, places, count, folder):
    """A folder of many names for few files, and a catalogue of them."""
    folder.mkdir()
    lines = ["source,ra,dec"]
    for number in range(count):
        files = groups[number % len(groups)]
        for file in files:
            name = f"s{number:06d}_{file.band}_{file.survey}.fits"
            (folder / name).hardlink_to(file.path)
        ra, dec = places[files[0].source]
        lines.append(f"s{number:06d},{ra:.9f},{dec:.9f}")
    catalog = folder.with_suffix(".csv")
    catalog.write_text("\n".join(lines) + "\n")
    return catalog


def family(pid):
    """Ids of a process and of all that descend from it."""
    found = [pid]
    for parent in found:
        tasks = Path(f"/proc/{parent}/task")
        for children in tasks.glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def memory(pid):
    """PSS and RSS of a process and its descendants, in MB."""
    pss = rss = 0
    for member in family(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has just ended
        kilobytes = {line.split(":")[0]: line.split()[1] for line in lines[1:]}
        pss += int(kilobytes["Pss"])
        rss += int(kilobytes["Rss"])
    return pss / 1024, rss / 1024


def measure(catalog, stamps, output, workers):
    """Seconds of a run, and the peaks of its memory."""
    command = [sys.executable, "-m", "astro_vbinary.cli", "run", str(catalog)]
    command += ["--stamps", str(stamps), "-o", str(output)]
    if workers is not None:
        command += ["--workers", str(workers)]
    started, pss, rss = time.monotonic(), 0.0, 0.0
    process = subprocess.Popen(command)
    while process.poll() is None:
        now = memory(process.pid)
        pss, rss = max(pss, now[0]), max(rss, now[1])
        time.sleep(PACE)
    if process.returncode not in (0, 3):
        raise SystemExit(f"the run ended with {process.returncode}")
    return time.monotonic() - started, pss, rss


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, default=[5000, 20000])
    parser.add_argument("--distinct", type=int, default=500)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--folder", type=Path, help="kept, and used again")
    parser.add_argument("--ending", default=".parquet")
    parser.add_argument("--csv", type=Path, help="also write the table there")
    options = parser.parse_args()
    if not Path("/proc/self/smaps_rollup").exists():
        raise SystemExit("this needs Linux")
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        work = Path(temporary)
        simulated = (options.folder or work) / "simulated"
        groups, places = make_folder(simulated, options.distinct)
        peaks, rows = [], []
        for count in options.counts:
            stamps = work / f"stamps{count}"
            catalog = link(groups, places, count, stamps)
            output = work / f"out{count}{options.ending}"
            seconds, pss, rss = measure(catalog, stamps, output, options.workers)
            peaks.append(pss)
            size = sum(path.stat().st_size for path in stamps.iterdir())
            rows.append(
                {
                    "stacks": count,
                    "read (MB)": f"{size / 1e6:.0f}",
                    "seconds": f"{seconds:.0f}",
                    "stacks a second": f"{count / seconds:.0f}",
                    "memory (MB, PSS)": f"{pss:.0f}",
                }
            )
            print(
                f"{count:7,} stacks  {seconds:7.0f} s  {count / seconds:6.1f} a s  "
                f"PSS {pss:6.0f} MB  RSS {rss:6.0f} MB  ({os.cpu_count()} cores)",
                flush=True,
            )
    if options.csv is not None:
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        with options.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    for count, peak in zip(options.counts[:-1], peaks, strict=False):
        print(f"PSS of the last over that of {count:,}: {peaks[-1] / peak:.2f}")


if __name__ == "__main__":
    main()
