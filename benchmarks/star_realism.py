"""Real single stars beside simulated ones: where do the two part?

Usage: python benchmarks/star_realism.py FOLDER [-o FILE] [--count N]

FOLDER holds ``stamps/`` and ``labels.ecsv``. Every star is measured in the same way:
an elliptical Moffat profile is fitted on its own pixels, the half-maximum contour is
taken, the waves that the profile leaves around bright stars (coma, trefoil, over the
peak), and the noise from what is beyond 4 FWHM. Prints medians with the 10th and 90th
percentile per survey and band, and per survey how the bands of one star differ.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy.table import Table

from astro_vbinary import StampStack, get_survey
from astro_vbinary.psf.measure import half_maximum
from astro_vbinary.simulation import SIMULATED_SURVEYS, simulate_stack
from astro_vbinary.simulation.starshape import (
    azimuthal_orders,
    measure_star,
    noise_correlation,
)

#: Words in the evidence of rows that are no single stars to measure.
NOT_STARS = ("galaxy", "saturated", "G=10", "G=11", "G=12", "wide/hard")

#: Columns of the first table and how they are printed.
COLUMNS = {
    "contour": ".3f",
    "beta": ".1f",
    "ellipticity": ".3f",
    "residual": ".3f",
    "coma": ".3f",
    "trefoil": ".3f",
    "peak": ".0f",
    "along_x": ".2f",
    "along_y": ".2f",
    "diagonal": ".2f",
}

#: Bands of a lower signal-to-noise ratio have no say in how bands differ.
LEAST_SIGNAL = 50


def _measure(stack, kind):
    """One row a band."""
    rows = []
    target = stack.target.icrs
    for stamp in stack:
        scale = stamp.pixel_scale.value
        bad = stamp.bad
        width = 1.8 if scale < 0.1 else None
        star = measure_star(stamp.data, stamp.target_pixel(), bad=bad, width=width)
        if star is None:
            continue
        y, x = np.indices(stamp.shape)
        near = np.hypot(x - star.x, y - star.y) < 1.5 * max(star.fwhm, 1.8)
        light = np.where(near & ~bad, stamp.data - star.background, 0.0)
        bright = star.peak > 30 * star.noise
        place = stamp.wcs.pixel_to_world(star.x, star.y).icrs
        east, north = (v.to_value("arcsec") for v in target.spherical_offsets_to(place))
        # The long axis on the sky, from north through east.
        angle = 0.5 * np.arctan2(star.e2, star.e1)
        sky = stamp.wcs.pixel_scale_matrix @ [np.cos(angle), np.sin(angle)]
        turned = 2 * np.arctan2(*sky)
        # In faint stars the noise makes such waves.
        waves = (np.nan,) * 3
        if star.peak > 150 * star.noise:
            waves = azimuthal_orders(stamp.data, star, bad=bad)
        along = noise_correlation(np.asarray(stamp.data, float), star, bad=bad)
        rows.append(
            {
                "kind": kind,
                "survey": stack.survey.name,
                "source": stack.source,
                "band": stamp.band,
                "contour": half_maximum(light)[0] * scale if bright else np.nan,
                "beta": star.beta,
                "ellipticity": star.ellipticity,
                "residual": star.residual,
                "coma": waves[0],
                "trefoil": waves[2],
                "peak": star.peak / star.noise,
                "signal": star.signal,
                "along_x": along[0],
                "along_y": along[1],
                "diagonal": along[2],
                "e_north": star.ellipticity * np.cos(turned),
                "e_east": star.ellipticity * np.sin(turned),
                "east": east,
                "north": north,
            }
        )
    return rows


def _real(folder):
    rows = []
    for row in Table.read(folder / "labels.ecsv"):
        evidence = str(row["evidence"])
        if row["label"] != 0 or any(word in evidence for word in NOT_STARS):
            continue
        survey = get_survey(str(row["survey"])).name
        stack = StampStack.read(
            folder / "stamps",
            source=str(row["source"]),
            survey=survey,
            on_error="drop",
        )
        rows += _measure(stack, "real")
    return rows


def _simulated(surveys, count):
    rows = []
    for survey in surveys:
        for number in range(count):
            rng = np.random.default_rng([77, sum(map(ord, survey)), number])
            made = simulate_stack(
                survey, rng, kind="single", source=f"s{number}", hips_share=0
            )
            rows += _measure(made.stack, "simulated")
    return rows


def _spread(values, form):
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if not values.size:
        return "-"
    return "/".join(f"{v:{form}}" for v in np.percentile(values, [10, 50, 90]))


def _print_bands(table):
    print(
        "10th, 50th, 90th percentile of: FWHM of the contour (arcsec), Moffat's beta,"
    )
    print("ellipticity, misfit within a FWHM, peak over noise, and the correlation of")
    print("neighbouring background pixels along x, along y and diagonally")
    for survey in sorted(set(table["survey"])):
        own = table[table["survey"] == survey]
        for band in [b for b in get_survey(survey).band_names if b in set(own["band"])]:
            for kind in ("real", "simulated"):
                part = own[(own["band"] == band) & (own["kind"] == kind)]
                if len(part):
                    values = (_spread(part[k], form) for k, form in COLUMNS.items())
                    print(
                        f"{survey:10} {band:6} {kind:9} {len(part):3d}  "
                        + "  ".join(f"{v:>17}" for v in values)
                    )


def _print_stacks(table):
    print("between the bands of one star (rms): each component of the ellipticity;")
    print("ln FWHM about the band's median; position along an axis (arcsec). And the")
    print(
        "mean ellipticity, the scatter of ln FWHM of stars, and the distance from the"
    )
    print("target (arcsec)")
    bright = table[(table["signal"] > LEAST_SIGNAL) & np.isfinite(table["contour"])]
    for survey in sorted(set(bright["survey"])):
        for kind in ("real", "simulated"):
            part = bright[(bright["survey"] == survey) & (bright["kind"] == kind)]
            if not len(part):
                continue
            usual = {
                b: np.median(part["contour"][part["band"] == b])
                for b in set(part["band"])
            }
            found = [_one_star(part[part["source"] == s], usual) for s in
                     sorted(set(part["source"]))]  # fmt: skip
            columns = list(zip(*found, strict=True))
            print(
                f"{survey:10} {kind:9} {len(found):3d}  "
                + "  ".join(_spread(c, ".3f") for c in columns[:4])
                + f"  {np.std(columns[4]):.3f}  {_spread(columns[5], '.3f')}"
            )


def _one_star(rows, usual):
    widths = np.log([row["contour"] / usual[row["band"]] for row in rows])
    count = len(rows)
    factor = count / (count - 1) if count > 1 else np.nan

    def rms(*columns):
        return np.sqrt(factor * np.mean([np.var(c) for c in columns]))

    e = np.hypot(rows["e_north"].mean(), rows["e_east"].mean())
    off = np.hypot(rows["east"].mean(), rows["north"].mean())
    return (
        rms(rows["e_north"], rows["e_east"]),
        rms(widths),
        rms(rows["east"], rows["north"]),
        e,
        np.mean(widths),
        off,
    )


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="table of all measurements")
    parser.add_argument("--count", type=int, default=40, help="stacks of each survey")
    options = parser.parse_args()
    if not (options.folder / "labels.ecsv").is_file():
        parser.error(
            f"{options.folder} has no labels.ecsv; it should be a folder with "
            "that table and the stamps in stamps/"
        )
    rows = _real(options.folder)
    rows += _simulated(SIMULATED_SURVEYS, options.count)
    table = Table(rows=rows)
    _print_bands(table)
    print()
    _print_stacks(table)
    if options.output is not None:
        table.write(options.output, overwrite=True)


if __name__ == "__main__":
    main()
