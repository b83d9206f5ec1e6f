"""Measured pairs against the truth, the Cramer-Rao bound and other codes.

Usage: python benchmarks/pairs_accuracy.py [-n PAIRS] [--peers COUNT] [-o DIR]

Stamps are 41 px of 0.25 arcsec with a Moffat PSF of 1.1 arcsec, in one band. Pairs
have log-uniform separations of 0.3 to 2.2 arcsec, magnitude differences of 0 to 2.5
and signal-to-noise ratios of 30 to 300; those with d' >= 8 are judged. Prints, by
separation, the rms error over the bound, the coverage of the intervals with 95 %
binomial intervals, and the share of single stars above each false-alarm probability.
On the same stamps: photutils' PSF photometry with the true PSF, started at the truth,
and a fit of two Moffat profiles of free width and slope by scipy's least_squares,
started at the truth too. Times are of one thread, without making the stamps.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import torch
from astropy.table import QTable, Table
from photutils.psf import ImagePSF, PSFPhotometry
from scipy.optimize import least_squares

from astro_vbinary.measurement import (
    PixelBatch,
    detectability,
    fit_pairs,
    sample_posterior,
)
from astro_vbinary.measurement.information import information
from astro_vbinary.measurement.pair_rows import is_degenerate
from astro_vbinary.measurement.pair_terms import pair_errors
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.star_design import draw_stars
from astro_vbinary.measurement.thresholds import binomial_interval
from astro_vbinary.psf import MoffatPSF

SIDE, SCALE = 41, 0.25
CD = np.diag([-SCALE, SCALE])
PSF = MoffatPSF(1.1 * u.arcsec, beta=3.0, ellipticity=0.06, angle=30 * u.deg)
NAMES = ("separation", "angle", "difference")
BINS = (0.0, 0.55, 1.1, 2.5)


def simulate(n, rng, *, single=False):
    """Stamps of pairs, or of single stars, and what is on them."""
    origin = (SIDE - 1) / 2 + rng.uniform(-0.5, 0.5, (n, 1, 2))
    images = rng.normal(size=(n, 1, SIDE, SIDE)).astype(np.float32)
    batch = PixelBatch.from_arrays(images, 1.0, [PSF], CD, origin)
    splines = SplinePSF.of(batch)
    apart = np.exp(rng.uniform(np.log(0.3), np.log(2.2), n))
    angle = rng.uniform(0, 2 * np.pi, n)
    ratio = 0.0 if single else 10 ** (-0.4 * rng.uniform(0, 2.5, n))
    first = rng.normal(0, 0.1, (n, 2))
    offset = apart[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
    places = torch.as_tensor(np.stack([first, first + offset], 1))
    power = draw_stars(batch, splines, places[:, 0]).square().sum((1, 2, 3)).numpy()
    total = np.exp(rng.uniform(np.log(30), np.log(300), n)) / np.sqrt(power)
    flux = np.stack([total / (1 + ratio), total * ratio / (1 + ratio)], 1)[:, None]
    for star in (0, 1):
        image = draw_stars(batch, splines, places[:, star])
        level = torch.as_tensor(flux[:, :, star], dtype=image.dtype)
        batch.images.add_(image * level[..., None, None])
    return batch, places, flux, apart, np.rad2deg(angle)


def turned(angle):
    """An angle from -180 to 180 degrees."""
    return (angle + 180) % 360 - 180


def share(good):
    """A share and its 95 % interval as text."""
    good = np.asarray(good, dtype=bool)
    if not len(good):
        return "-"
    low, high = binomial_interval(int(good.sum()), len(good))
    return f"{good.mean():.3f} ({low:.3f} to {high:.3f})"


def judge(fit, truth, bound):
    """Errors over the bound, and coverage, by separation."""
    apart, angle, difference = truth
    error = np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))
    off = np.column_stack(
        [
            fit.separation - apart,
            turned(fit.position_angle - angle),
            fit.magnitude_difference[:, 0] - difference,
        ]
    )
    # Of nearly equal stars, either may come out as the brighter.
    other = np.abs(off[:, 1]) > 90
    off[other, 1] = turned(off[other, 1] + 180)
    off[other, 2] = -fit.magnitude_difference[other, 0] - difference[other]
    rows = []
    close = is_degenerate(fit)
    for low, high in itertools.pairwise(BINS):
        part = (apart >= low) & (apart < high)
        row = {"separation": f"{low:g} to {high:g}", "n": int(part.sum())}
        for name, values, own, least in zip(
            NAMES, off.T, error.T, bound.T, strict=True
        ):
            pull = (values / least)[part]
            pull = pull[np.isfinite(pull)]
            row[f"{name}: rms over bound"] = f"{np.sqrt((pull**2).mean()):.2f}"
            # Robust against the few that fell on the other side of a degeneracy.
            middle = 1.4826 * np.median(np.abs(pull))
            row[f"{name}: MAD over bound"] = f"{middle:.2f}"
            clear = part & ~close & np.isfinite(own)
            inside = np.abs(values / own)[clear]
            row[f"{name}: in 68 %"] = share(inside < 1)
            row[f"{name}: in 95 %"] = share(inside < 1.959964)
        rows.append(row)
    return Table(rows=rows), off, error


def posterior_coverage(batch, fit, apart, moment, rng):
    """Coverage of the posterior's intervals where the fit is degenerate."""
    rows = np.flatnonzero(is_degenerate(fit))
    start = time.process_time()
    found = sample_posterior(batch, fit, rows, rng=rng)
    spent = time.process_time() - start
    print(
        f"\nposterior of {len(rows)} degenerate pairs: {len(rows) / spent:.1f} a "
        f"second, median effective samples {np.median(found.effective_samples):.0f}"
    )
    for name, true in (("separation", apart[rows]), ("moment", moment[rows])):
        for level in (0.6827, 0.95):
            low, high = found.interval(name, level)
            inside = share((low < true) & (true < high))
            print(f"  {name} in {100 * level:.0f} %: {inside}")


def with_photutils(batch, places, flux):
    """Separations by photutils, and seconds."""
    model = ImagePSF(
        batch.psf[0, 0].numpy().astype(float), oversampling=batch.oversampling
    )
    peer = PSFPhotometry(model, fit_shape=(25, 25), grouper=lambda x, y: [1] * len(x))
    result, start = [], time.process_time()
    for row in range(len(batch)):
        matrix = batch.to_pixel[row, 0].numpy()
        pixel = places[row].numpy() @ matrix.T + batch.origin[row, 0].numpy()
        first = QTable({"x": pixel[:, 0], "y": pixel[:, 1], "flux": flux[row, 0]})
        first["local_bkg"] = 0.0
        image = batch.images[row, 0].numpy().astype(float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = peer(image, error=np.ones_like(image), init_params=first)
        x, y = np.asarray(found["x_fit"]), np.asarray(found["y_fit"])
        offset = np.linalg.solve(matrix, [x[1] - x[0], y[1] - y[0]])
        result.append(_terms(offset, *np.asarray(found["flux_fit"])))
    return np.array(result), time.process_time() - start


def with_moffats(batch, places, flux):
    """Separations by two Moffat profiles of free shape, and seconds."""
    y, x = np.indices((SIDE, SIDE))

    def model(p):
        image = np.full((SIDE, SIDE), p[0])
        core = np.exp(p[1]) / (2 * np.sqrt(2 ** (1 / p[2]) - 1))
        for x0, y0, light in (p[3:6], p[6:9]):
            r2 = ((x - x0) ** 2 + (y - y0) ** 2) / core**2
            image += light * (p[2] - 1) / (np.pi * core**2) * (1 + r2) ** -p[2]
        return image

    result, start = [], time.process_time()
    for row in range(len(batch)):
        matrix = batch.to_pixel[row, 0].numpy()
        pixel = places[row].numpy() @ matrix.T + batch.origin[row, 0].numpy()
        image = batch.images[row, 0].numpy().astype(float)
        guess = [0, np.log(4.5), 3.0, *pixel[0], flux[row, 0, 0]]
        guess += [*pixel[1], flux[row, 0, 1]]
        scale = [1, 0.1, 1, 1, 1, flux[row, 0, 0], 1, 1, flux[row, 0, 1]]
        low = [-np.inf, 0, 1.2, *[-np.inf] * 6]
        found = least_squares(
            lambda p, image=image: (image - model(p)).ravel(),
            guess,
            x_scale=scale,
            bounds=(low, np.inf),
            max_nfev=60,
        ).x
        offset = np.linalg.solve(matrix, found[6:8] - found[3:5])
        result.append(_terms(offset, found[5], found[8]))
    return np.array(result), time.process_time() - start


def _terms(offset, first, second):
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = -2.5 * np.log10(second / first)
    return np.hypot(*offset), np.rad2deg(np.arctan2(*offset)), difference


def compare(batch, places, flux, truth, bound, ours, seconds):
    """A table of all three codes on the same stamps."""
    codes = {
        "fit_pairs": (ours, seconds),
        "photutils PSFPhotometry": with_photutils(batch, places, flux),
        "two Moffats, scipy": with_moffats(batch, places, flux),
    }
    rows = []
    for name, (found, spent) in codes.items():
        off = found - np.column_stack(truth)
        off[:, 1] = turned(off[:, 1])
        other = np.abs(off[:, 1]) > 90
        off[other, 1] = turned(off[other, 1] + 180)
        off[other, 2] = -found[other, 2] - truth[2][other]
        row = {"code": name, "stacks a second": f"{len(found) / spent:.0f}"}
        for label, values, least in zip(NAMES, off.T, bound.T, strict=True):
            pull = np.abs(values / least)
            row[f"{label}: MAD over bound"] = f"{1.4826 * np.nanmedian(pull):.2f}"
            lost = ~(pull < 5)
            row[f"{label}: beyond 5 bounds"] = f"{lost.mean():.3f}"
        rows.append(row)
    return Table(rows=rows)


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=2000, help="pairs")
    parser.add_argument("--peers", type=int, default=200, help="of them by the others")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="folder for the tables")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(options.seed)
    batch, places, flux, apart, angle = simulate(options.n, rng)
    seen = detectability(
        batch,
        apart * u.arcsec,
        angle * u.deg,
        flux,
        center=places[:, 0].numpy() * u.arcsec,
    )
    kept = np.flatnonzero(seen >= 8)
    batch, places = batch[torch.as_tensor(kept)], places[kept]
    flux, apart, angle = flux[kept], apart[kept], angle[kept]
    known = information(
        batch, SplinePSF.of(batch), places, torch.as_tensor(flux)
    ).covariance
    covariance, _ = pair_errors(places.numpy(), flux, known.numpy())
    bound = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    difference = -2.5 * np.log10(flux[:, 0, 1] / flux[:, 0, 0])
    truth = apart, angle, difference
    fit_pairs(batch[:8])
    start = time.process_time()
    fit = fit_pairs(batch)
    seconds = time.process_time() - start
    print(
        f"{len(kept)} of {options.n} pairs have d' >= 8: fitted at "
        f"{len(kept) / seconds:.0f} a second; {int(fit.triple.sum())} called triple\n"
    )
    table, *_ = judge(fit, truth, bound)
    for name in table.colnames[1:]:
        print(f"{name:32}", *(f"{value:26}" for value in table[name].astype(str)))
    ratio = flux[:, 0, 1] / flux[:, 0].sum(1)
    posterior_coverage(batch, fit, apart, ratio * (1 - ratio) * apart**2, rng)
    singles = simulate(options.n, rng, single=True)[0]
    alarm = fit_pairs(singles, triples=False).false_alarm
    print(f"\nfalse-alarm probabilities of {options.n} single stars:")
    for rate in (0.1, 0.01, 0.001):
        print(f"  below {rate:g}: {share(alarm < rate)}")
    few = np.arange(min(options.peers, len(kept)))
    part = batch[torch.as_tensor(few)]
    start = time.process_time()
    own = fit_pairs(part)
    spent = time.process_time() - start
    ours = np.column_stack(
        [own.separation, own.position_angle, own.magnitude_difference[:, 0]]
    )
    peers = compare(
        part,
        places[few],
        flux[few],
        [values[few] for values in truth],
        bound[few],
        ours,
        spent,
    )
    print(f"\nthe first {len(few)} of the pairs by each code:")
    peers.pprint_all()
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        kind = {"format": "ascii.csv", "overwrite": True}
        _turned(table).write(options.output / "pairs_accuracy.csv", **kind)
        _turned(peers).write(options.output / "pairs_peers.csv", **kind)


def _turned(table):
    """Rows and columns exchanged."""
    first, *others = table.colnames
    names = [first, *(str(value) for value in table[first])]
    rows = [[name, *(str(value) for value in table[name])] for name in others]
    return Table(rows=rows, names=names)


if __name__ == "__main__":
    main()
