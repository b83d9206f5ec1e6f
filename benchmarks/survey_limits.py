"""What each survey could do at best, whatever looks at its stamps.

Usage: python benchmarks/survey_limits.py [--output DIR] [--pairs N]

For one typical PSF of each survey's sharpest band under the noise of the sky: the
closest equal pair and the faintest companion of which a scan finds half at a
false-positive rate of 1e-3 (d' = 4.4), the PSF known and not quite known; and the
share of pairs that an eye would see (d' > 8, the PSF not quite known) among the
companions that surveys of young stars in Orion find within 2.5 arcsec.
"""

import argparse
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import torch
from astropy.table import QTable

from astro_vbinary.measurement import (
    PixelBatch,
    PSFUncertainty,
    contrast_curve,
    detectability,
    pair_flux,
    required_d_prime,
)
from astro_vbinary.psf import SPACE_SURVEYS, draw_ground_psfs, space_psf
from astro_vbinary.simulation.companions import draw_companion
from astro_vbinary.surveys import get_survey, resolution_group

#: Surveys and the band that is looked at.
BANDS = {
    "2MASS": "Ks",
    "Spitzer": "IRAC1",
    "ZTF": "r",
    "SkyMapper": "i",
    "SDSS9": "i",
    "Pan-STARRS": "i",
    "DECaLS": "z",
    "HSCLA": "i",
    "HST": "F814W",
    "JWST": "F200W",
}

#: Threshold of a scan, and its false-positive rate (`glrt_speed.py`).
THRESHOLD, RATE = 4.4, 1e-3

#: What nobody knows of a PSF by its name alone.
UNKNOWN = PSFUncertainty(ellipticity=0.05, size=0.1)

#: Signal-to-noise ratios of the primary, and separations in arcsec.
SIGNALS = (30, 300)
SEPARATIONS = np.geomspace(0.02, 2.4, 36)

#: d' of a pair that an eye would see.
VISIBLE = 8.0

#: Pairs at a time.
CHUNK = 100


def typical(survey, band):
    """A blank image of a survey with one of its usual PSFs, and the PSF's FWHM."""
    entry = get_survey(survey).band(band)
    scale = entry.pixel_scale.to_value(u.arcsec)
    if survey in SPACE_SURVEYS:
        psf = space_psf(survey, band, 0)
        width = 6.0
    else:
        one = np.ones(1)
        rng = np.random.default_rng(0)
        round_ = np.zeros((2, 1))
        psf = draw_ground_psfs(survey, band, rng, 1, seeing=one, ellipticity=round_)
        psf = psf.psf(0)
        width = 20.0
    side = int(width / scale) // 2 * 2 + 1
    cd = [[-scale, 0], [0, scale]]
    middle = [side // 2] * 2
    return PixelBatch.from_arrays(np.zeros((1, 1, side, side)), 1.0, [psf], cd, middle)


def closest(batch, signal, unknown):
    """Separation in arcsec from where on a scan finds half of the equal pairs."""
    many = batch[torch.zeros(len(SEPARATIONS), dtype=torch.long)]
    star = signal * pair_flux(batch, snr=1.0, ratio=1.0)[0].sum()
    wanted = required_d_prime(0.5, RATE, threshold=THRESHOLD)
    d = detectability(
        many,
        SEPARATIONS * u.arcsec,
        np.full(len(SEPARATIONS), 30.0) * u.deg,
        np.full((len(SEPARATIONS), 1, 2), star),
        uncertainty=unknown,
    )
    missed = np.flatnonzero(np.asarray(d) < wanted)
    start = missed[-1] + 1 if missed.size else 0
    return SEPARATIONS[start] if start < len(SEPARATIONS) else np.nan


def faintest(batch, signal, separation):
    """Magnitude difference to which a scan finds half of the companions."""
    curve = contrast_curve(
        batch,
        signal,
        [separation] * u.arcsec,
        threshold=THRESHOLD,
        uncertainty=UNKNOWN,
        angles=2,
    )
    return float(curve.value[0])


def orion(batch, fwhm, count, rng):
    """Share of Orion's pairs that an eye would see, PSF not quite known."""
    drawn = [draw_companion("orion", rng, fwhm=fwhm) for _ in range(count)]
    seen = 0
    for start in range(0, count, CHUNK):
        part = drawn[start : start + CHUNK]
        many = batch[torch.zeros(len(part), dtype=torch.long)]
        ratio = 10 ** (-0.4 * np.array([c.magnitude_difference for c in part]))
        signal = np.array([c.signal for c in part])
        star = signal * pair_flux(batch, snr=1.0, ratio=1.0)[0].sum()
        both = np.stack([star, star * ratio], axis=1)[:, None, :]
        d = detectability(
            many,
            [c.separation for c in part] * u.arcsec,
            [c.position_angle for c in part] * u.deg,
            both,
            uncertainty=UNKNOWN,
        )
        seen += int((np.asarray(d) > VISIBLE).sum())
    return seen / count


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, help="folder for the table as CSV")
    parser.add_argument("--pairs", type=int, default=1000, help="of Orion's")
    options = parser.parse_args()
    rows = []
    for survey, band in BANDS.items():
        batch = typical(survey, band)
        fwhm = get_survey(survey).band(band).fwhm.to_value(u.arcsec)
        row = {
            "survey": survey,
            "band": band,
            "group": resolution_group(survey).number,
            "FWHM": round(fwhm, 2),
        }
        for signal in SIGNALS:
            for name, unknown in (("known", None), ("unknown", UNKNOWN)):
                apart = closest(batch, signal, unknown)
                row[f"closest, S/N {signal}, PSF {name}"] = round(apart, 2)
        row["faintest at 1.5 arcsec"] = round(faintest(batch, 300, 1.5), 1)
        share = orion(batch, fwhm, options.pairs, np.random.default_rng(1))
        row["Orion's pairs seen"] = round(share, 3)
        rows.append(row)
    table = QTable(rows)
    table.pprint_all()
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        table.write(
            options.output / "survey_limits.csv", format="ascii.csv", overwrite=True
        )


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    main()
