"""Simulated point-spread functions held against real ones.

Usage: python benchmarks/psf_realism.py FOLDER [--output DIR] [--draws N]
FOLDER holds the FITS files named in ``psf_files.py``; missing ones are skipped.
Every real PSF and every simulated one are measured on the same pixels by the same
code: the FWHM, and the share of the light within FWHM/2, FWHM and 2 FWHM of the
real star over that within ``outer``. From space the simulated FWHM is to be within
10 % of the real one; from the ground the real one is one night's seeing, which is
to lie between the 1st and 99th percentile of the survey's, and the light is compared
at its width. The shares are to agree within 0.05. Prints a table; with ``--output``
also writes there psf_realism.ecsv, psf_realism.png, and psf_realism.csv, which is the
table of the user guide.
"""

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable
from psf_files import CASES, read
from scipy import ndimage

from astro_vbinary.psf import (
    ImagePSF,
    MixturePSF,
    draw_ground_psfs,
    measure_psf,
    space_psf,
)

#: How far simulation and reality may be apart: the FWHM as a ratio, the shares of the
#: light, and the percentiles of the seeing.
FWHM_GOAL, SHARE_GOAL, PERCENTILES = 0.10, 0.05, (1.0, 99.0)

#: Radii of the encircled energy in FWHM of the real star.
RADII = (0.5, 1.0, 2.0)


def simulate(case, draws):
    """The simulated PSFs that stand for a case.

    Parameters
    ----------
    case : Case
        The case.
    draws : int
        How many.

    Returns
    -------
    list of `~astro_vbinary.psf.PSF`
        The PSFs.
    """
    if case.kind == "ground":
        psfs = draw_ground_psfs(case.survey, case.band, np.random.default_rng(1), draws)
        return [psfs.psf(i) for i in range(len(psfs))]
    return [
        space_psf(
            case.survey,
            case.band,
            1000 + seed,
            camera=case.camera,
            drizzled=case.kind == "drizzled",
        )
        for seed in range(draws)
    ]


def scaled(psf, factor):
    """A core and halo under another seeing.

    Parameters
    ----------
    psf : `~astro_vbinary.psf.MixturePSF`
        Of Moffat profiles.
    factor : float
        By which both become wider.

    Returns
    -------
    `~astro_vbinary.psf.MixturePSF`
        The same shape.
    """
    parts = [replace(part, fwhm=part.fwhm * factor) for part in psf.components]
    return MixturePSF(parts, psf.weights)


def draw(psf, case, shape, center):
    """A simulated star on the pixels of a real one.

    Parameters
    ----------
    psf : `~astro_vbinary.psf.PSF`
        The simulated PSF.
    case : Case
        The case.
    shape : tuple of int
        (ny, nx) of the real image.
    center : tuple of float
        (x, y) of the real star.

    Returns
    -------
    `~numpy.ndarray`
        The image.
    """
    scale = case.scale * u.arcsec
    if case.native is not None:
        return _resampled(psf, case, shape, center)
    if case.oversampling == 1:
        return psf.image(shape, scale, position=center)
    radius = (shape[0] // 2) * scale
    return psf.effective(case.oversampling * scale, case.oversampling, radius)


def _resampled(psf, case, shape, center):
    """As stars look that were interpolated linearly between native pixels."""
    fine = 5
    radius = (shape[0] // 2 + 2) * case.scale * u.arcsec
    image = psf.effective(case.native * u.arcsec, fine, radius)
    weights = 1 - np.abs(np.arange(1 - fine, fine)) / fine
    for axis in (0, 1):
        image = ndimage.convolve1d(image, weights / fine, axis=axis, mode="constant")
    middle = ((len(image) - 1) / 2,) * 2
    smooth = ImagePSF(image, case.native / fine * u.arcsec, center=middle)
    return smooth.image(shape, case.scale * u.arcsec, position=center)


def compare(path, case, draws):
    """Measure a case.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    case : Case
        What it is.
    draws : int
        How many PSFs to simulate.

    Returns
    -------
    dict
        One row of the table.
    """
    scale, outer = case.scale * u.arcsec, case.outer * u.arcsec
    real = read(path, case)
    widths = [measure_psf(image, scale, [] * u.arcsec).fwhm.value for image in real]
    fwhm = float(np.median(widths))
    radii = np.array(RADII) * fwhm * u.arcsec
    shapes = [measure_psf(image, scale, radii, outer=outer) for image in real]
    psfs = simulate(case, draws)
    first = shapes[0].center

    def measured(psf):
        image = draw(psf, case, real[0].shape, first)
        return measure_psf(image, scale, radii, outer=outer)

    found = [measured(psf) for psf in psfs]
    simulated = np.array([shape.fwhm.value for shape in found])
    matched = found
    if case.kind == "ground":
        # A file shows one night's seeing: the shapes are compared at its width.
        factors = np.ones(draws)
        for _ in range(2):
            factors *= [fwhm / shape.fwhm.value for shape in matched]
            pairs = zip(psfs, factors, strict=True)
            matched = [measured(scaled(psf, factor)) for psf, factor in pairs]
        # The widths of many more, whose shape need not be measured.
        many = draw_ground_psfs(
            case.survey, case.band, np.random.default_rng(2), 2000
        ).fwhm
        cores = [psf.components[0].fwhm.value for psf in psfs]
        simulated = many * np.median(simulated / cores)
    row = {
        "file": case.file if case.plane is None else f"{case.file}[{case.plane}]",
        "survey": case.survey,
        "band": case.band,
        "camera": case.camera or "",
        "ground": case.kind == "ground",
        "n_real": len(real),
        "fwhm_real": fwhm * u.arcsec,
        "fwhm_sim": float(np.median(simulated)) * u.arcsec,
        "fwhm_low": float(np.quantile(simulated, 0.05)) * u.arcsec,
        "fwhm_high": float(np.quantile(simulated, 0.95)) * u.arcsec,
        "fwhm_ratio": float(np.median(simulated) / fwhm),
        "e_real": float(np.median([s.ellipticity for s in shapes])),
        "e_sim": float(np.median([s.ellipticity for s in found])),
        "fwhm_percentile": 100 * float((simulated < fwhm).mean()),
    }
    for k, radius in enumerate(RADII):
        there = float(np.median([s.encircled[k] for s in shapes]))
        here = np.array([s.encircled[k] for s in matched])
        row[f"ee{radius:g}_real"] = there
        row[f"ee{radius:g}_sim"] = float(np.median(here))
        row[f"ee{radius:g}_std"] = float(here.std())
        row[f"ee{radius:g}_diff"] = float(np.median(here)) - there
    return row


def table_of(folder, draws, names=None):
    """Measure all cases whose file is there.

    Parameters
    ----------
    folder : `~pathlib.Path`
        With the files.
    draws : int
        How many PSFs to simulate for each.
    names : str, optional
        Only cases whose file holds this.

    Returns
    -------
    `~astropy.table.QTable`
        One row a case.
    """
    rows = []
    for case in CASES:
        path = folder / case.file
        if names and names not in case.file:
            continue
        if not path.is_file():
            print(f"no {case.file}")
            continue
        rows.append(compare(path, case, draws))
    table = QTable(rows)
    for name in table.colnames:
        if name.startswith(("fwhm", "e_", "ee")):
            table[name].info.format = ".3f"
    return table


def reached(row):
    """Whether a row reaches the goals.

    Parameters
    ----------
    row : `~astropy.table.Row`
        Of the table.

    Returns
    -------
    fwhm, light : bool
        For the width and for the shares of the light.
    """
    if row["ground"]:
        fwhm = PERCENTILES[0] <= row["fwhm_percentile"] <= PERCENTILES[1]
    else:
        fwhm = abs(row["fwhm_ratio"] - 1) <= FWHM_GOAL
    worst = max(abs(row[f"ee{radius:g}_diff"]) for radius in RADII)
    return bool(fwhm), bool(worst <= SHARE_GOAL)


def show(table):
    """Print the table and which rows reach the goals.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        From `table_of`.
    """
    print("FWHM in arcsec: real, simulated (median; 5 to 95 %), ratio, percentile")
    print("EE: real, and simulated less real, within FWHM/2, FWHM and 2 FWHM")
    for row in table:
        light = "  ".join(
            f"{row[f'ee{r:g}_real']:5.3f} {row[f'ee{r:g}_diff']:+6.3f}" for r in RADII
        )
        marks = "".join("ok " if good else "NO " for good in reached(row))
        print(
            f"{row['file'][-34:]:34} {row['survey']:7} {row['band']:5} "
            f"{row['fwhm_real'].value:6.3f} {row['fwhm_sim'].value:6.3f} "
            f"({row['fwhm_low'].value:.3f} to {row['fwhm_high'].value:.3f}) "
            f"{row['fwhm_ratio']:4.2f} {row['fwhm_percentile']:3.0f} | {light} | "
            f"{marks}"
        )
    goals = np.array([reached(row) for row in table])
    print(
        f"{len(table)} PSFs: FWHM as wanted for {goals[:, 0].sum()}, "
        f"encircled energy within {SHARE_GOAL} for {goals[:, 1].sum()}"
    )


def write_summary(table, path):
    """Write the columns that the user guide shows.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        From `table_of`.
    path : `~pathlib.Path`
        The file to write, as comma-separated values.
    """
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["PSF", "FWHM real", "simulated", "5 to 95 %"]
            + [f"EE({r:g}) real" for r in RADII]
            + [f"difference ({r:g})" for r in RADII]
        )
        for row in table:
            low, high = row["fwhm_low"].value, row["fwhm_high"].value
            writer.writerow(
                [
                    f"{row['survey']} {row['band']} {row['camera']}".strip(),
                    f"{row['fwhm_real'].value:.3f}",
                    f"{row['fwhm_sim'].value:.3f}",
                    f"{low:.3f} to {high:.3f}",
                    *(f"{row[f'ee{r:g}_real']:.3f}" for r in RADII),
                    *(f"{row[f'ee{r:g}_diff']:+.3f}" for r in RADII),
                ]
            )


def plot(table, path):
    """Draw widths and encircled energies, simulated against real.

    Parameters
    ----------
    table : `~astropy.table.QTable`
        From `table_of`.
    path : `~pathlib.Path`
        The picture to write.
    """
    import matplotlib.pyplot as plt

    labels = [f"{row['survey']} {row['band']} {row['camera']}" for row in table]
    places = np.arange(len(table))[::-1]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9, 0.28 * len(table) + 1.2), sharey=True, layout="constrained"
    )
    real = table["fwhm_real"].value
    middle, low, high = (
        table[f"fwhm_{name}"].value / real for name in ("sim", "low", "high")
    )
    left.axvspan(1 - FWHM_GOAL, 1 + FWHM_GOAL, color="0.9")
    left.errorbar(middle, places, xerr=[middle - low, high - middle], fmt="o", ms=4)
    left.set_yticks(places, labels)
    left.set_xlabel("simulated FWHM (median, 5 to 95 %) / real FWHM")
    right.axvspan(-SHARE_GOAL, SHARE_GOAL, color="0.9")
    for k, (radius, marker) in enumerate(zip(RADII, "osD", strict=True)):
        name = f"ee{radius:g}"
        right.errorbar(
            table[f"{name}_diff"],
            places + 0.2 * (1 - k),
            xerr=table[f"{name}_std"],
            fmt=marker,
            ms=4,
            label=f"within {radius:g} FWHM",
        )
    right.set_xlabel("encircled energy, simulated less real")
    right.legend(fontsize="small")
    for axes in (left, right):
        axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, help="folder for table and figure")
    parser.add_argument("--draws", type=int, default=40, help="PSFs for each file")
    parser.add_argument("--only", help="part of a file's name")
    options = parser.parse_args()
    if not any((options.folder / case.file).is_file() for case in CASES):
        parser.error(f"none of the PSFs that it knows is in {options.folder}")
    result = table_of(options.folder, options.draws, options.only)
    show(result)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        result.write(options.output / "psf_realism.ecsv", overwrite=True)
        write_summary(result, options.output / "psf_realism.csv")
        plot(result, options.output / "psf_realism.png")
