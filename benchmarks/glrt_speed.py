"""The likelihood-ratio scan: how fast it is, and how near to the limit.

Usage: python benchmarks/glrt_speed.py [-n STAMPS] [--workers 2] [--efficiency]

Stamps are 48 px of 0.25 arcsec with a Moffat PSF of 1.1 arcsec, as a ground-based
survey's r band. Times are of ``glrt`` on stamps that share their PSF and on stamps
that have each its own, of single stars, of pairs, and of one pair in ten; against
them, a fit of two stars to each stamp with scipy's least_squares. Each figure is the
median of several runs; every worker is a process with one thread.

With --efficiency: thresholds from simulated single stars, and the d' at which half of
the pairs are found.
"""

import argparse
import multiprocessing
import time
from dataclasses import replace

import astropy.units as u
import numpy as np
import torch
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import least_squares

from astro_vbinary.measurement import (
    GLRT_THRESHOLDS,
    PixelBatch,
    calibrate_threshold,
    clairvoyant_bound,
    detectability,
    efficiency,
    glrt,
    pair_flux,
)
from astro_vbinary.psf import MoffatPSF

SIDE, SCALE = 48, 0.25
CD = np.diag([-SCALE, SCALE])
PSF = MoffatPSF(1.1 * u.arcsec, beta=3.0, ellipticity=0.06, angle=30 * u.deg)


def simulate(n, rng, *, pairs, snr=(20, 300), low=0.3):
    """Stamps of single stars or of pairs, with fresh noise.

    Parameters
    ----------
    n : int
        Number of stamps.
    rng : `~numpy.random.Generator`
        Source of randomness.
    pairs : float
        Share of pairs.
    snr : tuple of float, optional
        Range of the total signal-to-noise ratio.
    low : float, optional
        Least separation in arcsec.

    Returns
    -------
    batch : `~astro_vbinary.measurement.PixelBatch`
        The stamps, which share one PSF.
    truth : dict
        ``separation``, ``position_angle``, ``flux``, ``center``.
    """
    target = (SIDE - 1) / 2 + rng.uniform(-0.5, 0.5, (n, 1, 2))
    images = rng.normal(size=(n, 1, SIDE, SIDE)).astype(np.float32)
    blank = PixelBatch.from_arrays(images, 1.0, [PSF], CD, target)
    ratio = np.where(rng.random(n) < pairs, 10 ** (-0.4 * rng.uniform(0, 2.5, n)), 0.0)
    total = np.exp(rng.uniform(*np.log(snr), n))
    flux = pair_flux(blank, total, ratio[:, None])
    apart, angle = rng.uniform(low, 2.4, n), rng.uniform(0, 2 * np.pi, n)
    first = rng.normal(0, 0.1, (n, 2))
    second = first + apart[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    for i in range(n):
        for star, place in enumerate((first[i], second[i])):
            if flux[i, 0, star]:
                position = tuple(target[i, 0] + place / np.diag(CD))
                images[i, 0] += flux[i, 0, star] * PSF.image(
                    (SIDE, SIDE), SCALE * u.arcsec, position=position
                )
    truth = {
        "separation": apart * u.arcsec,
        "position_angle": np.rad2deg(angle) * u.deg,
        "flux": flux,
        "center": first * u.arcsec,
    }
    return replace(blank, images=torch.from_numpy(images)), truth


def fit_by_scipy(image, spline, half):
    """Square root of T for one stamp, fitted in the obvious way.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx), of unit noise.
    spline : `~scipy.interpolate.RectBivariateSpline`
        The effective PSF by offset (y, x) from the star in pixels.
    half : float
        How far it reaches.

    Returns
    -------
    float
        From one start: the brightest pixel, then the residual's brightest.
    """
    axis = np.arange(len(image), dtype=float)

    def star(x, y):
        dy, dx = np.clip(axis - y, -half, half), np.clip(axis - x, -half, half)
        return spline(dy, dx)

    def residual(p, stars):
        model = p[-1] + sum(p[3 * i + 2] * star(*p[3 * i : 3 * i + 2]) for i in stars)
        return (image - model).ravel()

    peak = star(0, 0).max()
    level = np.median(image)

    def brightest(values):
        y, x = np.unravel_index(values.argmax(), values.shape)
        return [x, y, max(values.max(), 1.0) / peak]

    one = least_squares(residual, [*brightest(image - level), level], args=((0,),))
    rest = residual(one.x, (0,)).reshape(image.shape)
    start = [*one.x[:3], *brightest(rest), one.x[-1]]
    two = least_squares(residual, start, args=((0, 1),))
    return np.sqrt(max(2 * (one.cost - two.cost), 0))


def own_psfs(batch):
    """The same stamps, as if each had a PSF of its own.

    Parameters
    ----------
    batch : `~astro_vbinary.measurement.PixelBatch`
        Stamps that share one PSF.

    Returns
    -------
    `~astro_vbinary.measurement.PixelBatch`
        The stamps with one array each.
    """
    return replace(batch, psf=batch.psf.repeat(len(batch), 1, 1, 1))


def work(task):
    """One worker's part: simulate, then time the runs.

    Parameters
    ----------
    task : tuple
        Seed, number of stamps, share of pairs, whether PSFs are each stamp's own,
        number of runs, and a barrier.

    Returns
    -------
    list of tuple of float
        Wall and processor seconds of each run.
    """
    seed, n, pairs, own, runs = task
    torch.set_num_threads(1)
    batch, _ = simulate(n, np.random.default_rng(seed), pairs=pairs)
    if own:
        batch = own_psfs(batch)
    glrt(batch[:64])
    times = []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        glrt(batch)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def measure(pool, workers, n, pairs, *, own, runs=5):
    """Stamps a second of all workers together.

    Parameters
    ----------
    pool : `~multiprocessing.pool.Pool`
        The workers.
    workers : int
        How many.
    n : int
        Stamps for each.
    pairs : float
        Share of pairs.
    own : bool
        Whether each stamp has its own PSF.
    runs : int, optional
        How often.

    Returns
    -------
    wall, cpu : float
        Stamps a second of the clock, and of workers' processor time.
    """
    tasks = [(seed, n, pairs, own, runs) for seed in range(workers)]
    found = np.median(pool.map(work, tasks, chunksize=1), axis=1)
    return (n / found).sum(axis=0)


def report_speed(n, workers):
    """Print the table of speeds.

    Parameters
    ----------
    n : int
        Stamps for each worker.
    workers : int
        Number of processes.
    """
    print(f"stamps of {SIDE} px, one band; {workers} processes of one thread")
    print("stamps                    PSFs      stamps/s   stamps/s of processor time")
    rates = {}
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for name, pairs in (("singles", 0.0), ("1 pair in 10", 0.1), ("pairs", 1.0)):
            for own in (False, True):
                wall, cpu = measure(pool, workers, n, pairs, own=own)
                rates[name, own] = cpu / workers
                kind = "own" if own else "shared"
                print(f"{name:25} {kind:8} {wall:9.0f}   {cpu:9.0f}", flush=True)
    batch, _ = simulate(24, np.random.default_rng(99), pairs=1.0)
    effective, half = batch.psf[0, 0].double().numpy(), batch.psf.shape[-1] // 2
    axis = np.arange(-half, half + 1.0) / batch.oversampling
    spline = RectBivariateSpline(axis, axis, effective, kx=3, ky=3)
    times, values = [], []
    for image in batch.images[:, 0].double().numpy():
        start = time.process_time()
        values.append(fit_by_scipy(image, spline, axis[-1]))
        times.append(time.process_time() - start)
    rate = 1 / np.median(times)
    print(f"scipy least_squares, pairs, one process: {rate:.0f} stamps/s of processor")
    print(f"ratio, pairs, one core each: {rates['pairs', False] / rate:.0f}")
    ours = glrt(batch).statistic
    print(
        "median of sqrt(T): "
        f"{np.median(ours):.2f}, by scipy {np.median(values):.2f}; "
        f"scipy is lower by more than 0.5 in {(values < ours - 0.5).sum()} of 24"
    )


def report_efficiency(n):
    """Print thresholds and the d' at which half of the pairs are found.

    Parameters
    ----------
    n : int
        Single stars; a fifth as many pairs.
    """
    rng = np.random.default_rng(7)
    scores = np.concatenate(
        [
            glrt(simulate(min(2000, n - i), rng, pairs=0.0)[0]).statistic
            for i in range(0, n, 2000)
        ]
    )
    for rate, usual in GLRT_THRESHOLDS.items():
        if n * rate >= 1:
            found = calibrate_threshold(scores, rate)
            print(
                f"false-positive rate {rate:g}: sqrt(T) > {found.value:.2f} "
                f"({found.low:.2f} to {found.high:.2f}, 95 %), n = {n}; usual {usual}"
            )
    threshold = calibrate_threshold(scores, 1e-3).value
    d, seen = [], []
    for _ in range(0, n // 5, 2000):
        batch, truth = simulate(2000, rng, pairs=1.0, snr=(8, 400), low=0.15)
        d.append(detectability(batch, **truth))
        seen.append(glrt(batch).statistic > threshold)
    d, seen = np.concatenate(d), np.concatenate(seen)
    against = efficiency(d, seen, rng=rng)
    scan = efficiency(d, seen, rng=rng, limit=GLRT_THRESHOLDS[1e-3])
    print(f"pairs: n = {len(d)}; half are found at d' = {against.d_prime:.2f}")
    for name, score in (("clairvoyant", against), ("4.4, the scan's", scan)):
        print(
            f"efficiency against {name} limit: {score.eta:.2f} "
            f"({score.low:.2f} to {score.high:.2f}, 95 %)"
        )
    for low in range(1, 8):
        part = (d >= low) & (d < low + 1)
        bound = clairvoyant_bound(d[part], 1e-3).mean()
        print(
            f"d' {low} to {low + 1}: found {seen[part].mean():.3f}, bound {bound:.3f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=4000, help="stamps for each worker")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--efficiency", action="store_true", help="d' at half")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.efficiency:
        report_efficiency(options.n)
    else:
        report_speed(options.n, options.workers)
