"""Whether the completeness that is predicted is that which injections find.

Usage: python benchmarks/completeness_check.py [-n TRIALS] [-j JOBS] [--full] [-o DIR]

Beside stars with the usual PSF of four surveys, at two signal-to-noise ratios,
companions are injected on a grid of separations and magnitude differences, TRIALS in
each cell; in cells whose completeness is neither 0 nor 1, four times as many, since 200
leave an error of 4 %. Prints one row a survey and ratio; ``-o`` also writes it as CSV,
with all cells, and a figure. The scan looks 2.5 arcsec far around stars of surveys from
the ground, and 0.35 arcsec around those of HST and JWST; with ``--full`` 2.5 there too,
which takes many times as long.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import Table, vstack

from astro_vbinary import get_survey
from astro_vbinary.measurement import survey_completeness
from astro_vbinary.measurement.thresholds import binomial_interval

#: Surveys, the band, and how far the scan looks by default, in arcsec.
SURVEYS = {
    "Pan-STARRS": ("i", 2.5),
    "HSCLA": ("i", 2.5),
    "HST": ("F814W", 0.35),
    "JWST": ("F200W", 0.35),
}

#: Signal-to-noise ratios of the primary; separations in units of the FWHM, none above
#: 0.96 of the scan's; magnitude differences.
SIGNALS = (30, 300)
SEPARATIONS = (0.25, 0.5, 1.0, 1.5, 4.0)
DIFFERENCES = (0, 1, 2, 3, 4, 4.5)

#: How far prediction and count may be apart.
ALLOWED = 0.05

#: Completeness from and to which a cell gets more trials, and how many times as many.
BETWEEN, MORE = (0.02, 0.98), 4


def check(survey, signal, trials, full):
    """All cells of one survey and signal-to-noise ratio.

    Parameters
    ----------
    survey : str
        Name of the survey.
    signal : float
        Signal-to-noise ratio of the primary.
    trials : int
        Injections a cell.
    full : bool
        Whether to look 2.5 arcsec far everywhere.

    Returns
    -------
    `~astropy.table.Table`
        One row a cell.
    """
    band, largest = SURVEYS[survey]
    largest = 2.5 if full else largest
    fwhm = get_survey(survey).band(band).fwhm.to_value(u.arcsec)
    apart = np.unique(np.minimum(np.array(SEPARATIONS) * fwhm, 0.96 * largest))
    options = {"trials": trials, "max_separation": largest * u.arcsec}

    def run(separations, differences, seed):
        return survey_completeness(
            survey,
            band,
            signal,
            separations * u.arcsec,
            differences * u.mag,
            seed=seed,
            **options,
        )

    table = run(apart, np.array(DIFFERENCES, dtype=float), 0)
    low = np.minimum(table["completeness"], table["predicted"])
    high = np.maximum(table["completeness"], table["predicted"])
    for row in np.flatnonzero((high > BETWEEN[0]) & (low < BETWEEN[1])):
        cell = [table[name][row].value for name in table.colnames[:2]]
        for seed in range(1, MORE):
            again = run(*np.array(cell)[:, None], seed)
            table["found"][row] += again["found"][0]
            table["trials"][row] += trials
    chosen = Table()
    chosen["survey"] = np.full(len(table), survey)
    chosen["band"], chosen["S/N"] = band, signal
    chosen["separation"] = table["separation"].value.round(3)
    chosen["in FWHM"] = (table["separation"].value / fwhm).round(2)
    chosen["difference"] = table["magnitude_difference"].value
    for name in ("found", "trials"):
        chosen[name] = table[name]
    chosen["completeness"] = (chosen["found"] / chosen["trials"]).round(4)
    chosen["predicted"] = table["predicted"].round(4)
    return chosen


def summary(cells):
    """What is told of the cells of one survey and signal-to-noise ratio.

    Parameters
    ----------
    cells : `~astropy.table.Table`
        As of `check`.

    Returns
    -------
    dict
        One row.
    """
    share = cells["found"] / cells["trials"]
    apart = np.abs(share - cells["predicted"])
    low, high = binomial_interval(cells["found"], cells["trials"], level=0.99)
    chance = (cells["predicted"] < low) | (cells["predicted"] > high)
    between = (cells["predicted"] > BETWEEN[0]) & (cells["predicted"] < BETWEEN[1])
    return {
        "survey": cells["survey"][0],
        "band": cells["band"][0],
        "S/N": cells["S/N"][0],
        "cells": len(cells),
        "neither 0 nor 1": int(between.sum()),
        "injections": int(cells["trials"].sum()),
        "largest difference": f"{apart.max():.3f}",
        "mean difference": f"{apart.mean():.3f}",
        "over 0.05": int((apart > ALLOWED).sum()),
        "over 0.05 and chance": int(((apart > ALLOWED) & chance).sum()),
        "over chance": int(chance.sum()),
    }


def draw(cells, path):
    """Found against predicted, one panel a survey.

    Parameters
    ----------
    cells : `~astropy.table.Table`
        As of `check`, of all.
    path : `~pathlib.Path`
        Where the figure goes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.5), layout="constrained")
    panels = figure.subplots(1, len(SURVEYS), sharey=True, squeeze=False)[0]
    for ax, survey in zip(panels, SURVEYS, strict=True):
        ax.fill_between([0, 1], [-0.05, 0.95], [0.05, 1.05], color="0.9")
        for signal, marker in zip(SIGNALS, "os", strict=True):
            part = cells[(cells["survey"] == survey) & (cells["S/N"] == signal)]
            low, high = binomial_interval(part["found"], part["trials"])
            share = part["completeness"]
            ax.errorbar(
                part["predicted"],
                share,
                [np.clip(share - low, 0, 1), np.clip(high - share, 0, 1)],
                fmt=marker,
                ms=3,
                lw=0.8,
                label=f"S/N {signal}",
            )
        ax.set(title=survey, xlabel="predicted", xlim=(-0.06, 1.06), aspect="equal")
    panels[0].set(ylabel="found", ylim=(-0.06, 1.06))
    panels[0].legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--trials", type=int, default=200)
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    parser.add_argument("--full", action="store_true", help="2.5 arcsec everywhere")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    cells, rows = [], []
    work = partial(check, trials=options.trials, full=options.full)
    context = get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context) as pool:
        for found in pool.map(work, *zip(*product(SURVEYS, SIGNALS), strict=True)):
            cells.append(found)
            rows.append(summary(found))
            print(", ".join(f"{k} {v}" for k, v in rows[-1].items()), flush=True)
    cells, table = vstack(cells), Table(rows=rows)
    table.pprint_all()
    apart = np.abs(cells["completeness"] - cells["predicted"])
    worst = cells[np.argsort(apart)[::-1][:5]]
    print("The five that are farthest apart:")
    worst.pprint_all()
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        for name, what in (("check", table), ("cells", cells)):
            path = options.output / f"completeness_{name}.csv"
            what.write(path, format="ascii.csv", overwrite=True)
        draw(cells, options.output / "completeness_check.png")


if __name__ == "__main__":
    main()
