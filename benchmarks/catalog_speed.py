"""How long a catalogue of candidates takes, in which memory, and whether kills hurt it.

Usage: python -m benchmarks.catalog_speed [-n 10000] [--surveys PanSTARRS,DECaLS]
           [--workers 2] [--neighbours 100000] [--kills N] [--seed N] [--folder DIR]

Simulated pairs, one in three of them a single star instead, are written as stamps of
each survey; the table of verdicts says that all are candidates. ``astro-vbinary
catalog`` measures them, makes one verdict of those of a source, counts chance
neighbours in a simulated field, and writes the catalogue; where this build has
``astro-vbinary report``, that is written too. Each command is a process of its own.
Printed are its time and the most memory that one of its processes held.

With --kills the command is killed with SIGKILL after random times and started again;
then the tables are compared with those of one that was left alone, byte for byte.
"""

import argparse
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table
from tqdm import tqdm

from astro_vbinary.classification.result import make_row, make_table
from astro_vbinary.simulation import draw_scene, simulate_stack
from astro_vbinary.status import Status
from astro_vbinary.surveys import get_survey

#: Side of the simulated field in degrees.
SIDE = 2.0


def make_sample(folder, options):
    """Stamps, verdicts and stars of the field around them.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where to.
    options : `argparse.Namespace`
        Of the command line.

    Returns
    -------
    verdicts, stars : `~pathlib.Path`
        The tables; the stamps are in ``stamps``.
    """
    stamps = folder / "stamps"
    stamps.mkdir(parents=True)
    rng = np.random.default_rng(options.seed)
    surveys = [get_survey(name) for name in options.surveys.split(",")]
    rows = []
    for number in tqdm(range(options.n), desc="simulate", disable=None):
        kind = "pair" if number % 3 else "single"
        fwhm = min(survey.effective_fwhm().value for survey in surveys)
        scene, target = draw_scene(kind, rng, fwhm=fwhm, radius=5.0), None
        for survey in surveys:
            made = simulate_stack(
                survey.name,
                rng,
                scene=scene,
                target=target,
                source=str(number),
                bands=2,
                hips_share=0.0,
            )
            target = made.stack.target
            for stamp in made.stack:
                stamp.write(stamps / f"{number}_{stamp.band}_{survey.name}.fits")
            row = make_row(source=str(number), survey=survey, status=Status.OK)
            row |= {"ra": target.ra.deg, "dec": target.dec.deg}
            rows.append(row | {"probability": 0.9, "label": "binary"})
    table = make_table({name: [row[name] for row in rows] for name in rows[0]})
    table.write(folder / "verdicts.ecsv")
    ra, dec = (np.median(table[name].to_value(u.deg)) for name in ("ra", "dec"))
    count = options.neighbours
    Table(
        {
            "ra": ra + rng.uniform(-SIDE / 2, SIDE / 2, count),
            "dec": dec + rng.uniform(-SIDE / 2, SIDE / 2, count),
            "magnitude": 10 + 10 * rng.random(count) ** 0.4,
        }
    ).write(folder / "stars.fits")
    return folder / "verdicts.ecsv", folder / "stars.fits"


def start(folder, output, options):
    """Start the command that makes the catalogue."""
    command = [sys.executable, "-m", "astro_vbinary.cli", "catalog"]
    command += [str(folder / "verdicts.ecsv"), "--stamps", str(folder / "stamps")]
    command += ["--neighbours", str(folder / "stars.fits"), "-o", str(output), "-q"]
    command += ["--no-report", "--workers", str(options.workers)]
    return subprocess.Popen(command)


def timed(what, process, options):
    """Wait for a process, and print what it took."""
    started = time.perf_counter()
    if process.wait() not in (0, 3):  # 3: some stacks could not be measured
        raise SystemExit(f"{what} failed")
    seconds = time.perf_counter() - started
    # Of the largest process that has ended, children of the command's included.
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{what}: {seconds:.1f} s, {1e3 * seconds / options.n:.1f} ms a candidate, "
        f"at most {memory:,.0f} MiB a process",
        flush=True,
    )
    return seconds


def kill(folder, alone, options, seconds):
    """Kill the command at random times, let a last one finish, and compare."""
    rng = np.random.default_rng(options.seed)
    output = folder / "killed"
    parts = output / "catalog.ecsv.run" / "parts"
    for number in range(options.kills):
        process = start(folder, output, options)
        time.sleep(rng.uniform(0, seconds / max(options.kills, 2)))
        process.kill()
        process.wait()
        there = len(list(parts.glob("0*"))) if parts.exists() else 0
        print(f"kill {number + 1}: {there} parts")
        if (output / "catalog.ecsv").exists() and not parts.exists():
            print("  it had ended")
            break
    if not (output / "catalog.ecsv").exists() or parts.exists():
        timed("gone on with", start(folder, output, options), options)
    for name in ("catalog.ecsv", "pairs.ecsv", "verdicts.ecsv"):
        if (output / name).read_bytes() != (alone / name).read_bytes():
            raise SystemExit(f"{name.upper()} DIFFERS")
    print("the tables are identical, byte for byte")


def main():
    """Print time and memory of each stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=10_000, help="candidates")
    parser.add_argument("--surveys", default="Pan-STARRS,DECaLS")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--neighbours", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder",
        type=Path,
        help="keep everything there; stamps that are there are used",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        started = time.perf_counter()
        if not (folder / "stars.fits").exists():
            make_sample(folder, options)
        print(f"simulated: {time.perf_counter() - started:.1f} s", flush=True)
        output = folder / "catalog"
        seconds = timed("catalogue", start(folder, output, options), options)
        table = Table.read(output / "catalog.ecsv")
        labels, counts = np.unique(table["label"], return_counts=True)
        for label, number in zip(labels, counts, strict=True):
            print(f"  {number:,} {label}")
        if importlib.util.find_spec("astro_vbinary.vetting.report"):
            command = [sys.executable, "-m", "astro_vbinary.cli", "report", str(output)]
            command += ["--stamps", str(folder / "stamps"), "-q"]
            command += ["-o", str(output / "report.html")]
            timed("report", subprocess.Popen(command), options)
        if options.kills:
            kill(folder, output, options, seconds)


if __name__ == "__main__":
    main()
