"""Which pairs are above the nine-tenths limit that the catalogue states.

The limit of a survey is found as `astro_vbinary.measurement.measure_pairs` finds it,
the PSFs not quite known, in stamps of single stars of several brightnesses: the median
of some for each.
"""

import astropy.units as u
import numpy as np

from astro_vbinary.measurement import fit_pairs, subtract_neighbours
from astro_vbinary.measurement.pair_jobs import join_jobs, make_job
from astro_vbinary.measurement.pair_psfs import model_psf
from astro_vbinary.measurement.pairs import DEFAULT_UNCERTAINTY
from astro_vbinary.measurement.stack_limits import stack_limits
from astro_vbinary.simulation import simulate_batch
from astro_vbinary.simulation.scenes import usual_background
from astro_vbinary.simulation.simulate import stacks_of
from benchmarks.orion.chunks import CHUNK
from benchmarks.orion.sky import DEPTHS, SIGNALS, WIDEST, scene_of, sees

__all__ = ["above_limit", "survey_limit"]

#: Signal-to-noise ratios in Pan-STARRS, stamps of each, and separations in arcsec.
GRID, STAMPS = np.geomspace(*SIGNALS, 8), 3
SEPARATIONS = np.geomspace(0.25, WIDEST, 8)

#: Share of the companions that are found, and of single stars too.
NINE_TENTHS, RATE = 0.9, 1e-3

#: Magnitude difference where not even equal stars are found.
NOTHING = -10.0


def above_limit(table, seed):
    """Which pairs some survey that looks there would show nine times of ten.

    Parameters
    ----------
    table : `~astropy.table.Table`
        All chunks.
    seed : int
        As for `~benchmarks.orion.sky.draw_plan`.

    Returns
    -------
    `~numpy.ndarray` of bool
        One a row, False where there is no pair.
    """
    number = np.array([int(str(name)[2:]) for name in table["source"]])
    signal = np.asarray(table["signal"], dtype=float)
    shown = np.zeros(len(table), dtype=bool)
    for index, survey in enumerate(DEPTHS):
        # As `write_stamps` throws them.
        dice = {
            chunk: np.random.default_rng([seed, chunk, index]).random(CHUNK)
            for chunk in np.unique(number // CHUNK)
        }
        thrown = np.array([dice[n // CHUNK][n % CHUNK] for n in number])
        seen = sees(survey, np.asarray(table["ra"]), np.asarray(table["dec"]), thrown)
        limit = survey_limit(survey)
        for name in ("companion", "neighbour"):
            apart, fainter = (
                np.ma.filled(table[f"{name}_{part}"], np.nan).astype(float)
                for part in ("separation", "difference")
            )
            # Where the neighbour is the brighter one, the source is its companion.
            brighter = signal * 10 ** (0.4 * np.maximum(-fainter, 0.0))
            with np.errstate(invalid="ignore"):
                there = seen & (apart <= WIDEST)
                there &= np.abs(fainter) <= _look_up(limit, brighter, apart)
            shown |= there
    return shown


def survey_limit(survey):
    """The largest magnitude difference of companions that a survey shows.

    Parameters
    ----------
    survey : str
        One of `~benchmarks.orion.sky.DEPTHS`.

    Returns
    -------
    `~numpy.ndarray`
        Shape (signals, separations).
    """
    rng = np.random.default_rng([90, list(DEPTHS).index(survey)])
    nothing = {
        f"{name}_{part}": np.nan
        for name in ("companion", "neighbour")
        for part in ("separation", "angle", "difference")
    }
    scenes = [
        usual_background(scene_of({"signal": signal} | nothing, survey), rng)
        for signal in np.repeat(GRID, STAMPS)
    ]
    made = simulate_batch(survey, len(scenes), rng, scenes=scenes, hips_share=0.0)

    def usual(stack, stamp, scale):
        return model_psf(survey, stamp.band, round(float(scale), 4)), "model"

    names = [str(number) for number in range(len(scenes))]
    jobs = [
        make_job({}, one.stack, usual) for one in stacks_of(made, names, made.targets)
    ]
    there = np.array([job is not None for job in jobs])
    batch = subtract_neighbours(join_jobs([job for job in jobs if job is not None]))
    options = {"uncertainty": DEFAULT_UNCERTAINTY["model"]}
    limits = np.full((len(jobs), len(SEPARATIONS)), NOTHING)
    limits[there] = stack_limits(
        batch,
        fit_pairs(batch, neighbours=False, triples=False, **options),
        completeness=(NINE_TENTHS,),
        separations=tuple(SEPARATIONS),
        false_positive_rate=RATE,
        max_separation=WIDEST * u.arcsec,
        **options,
    )[0]
    limits = np.nan_to_num(limits, nan=NOTHING)
    return np.median(limits.reshape(len(GRID), STAMPS, -1), axis=1)


def _look_up(limit, signal, separation):
    """The limit between the points of the grid."""
    from scipy.interpolate import RegularGridInterpolator

    axes = np.log(GRID), np.log(SEPARATIONS)
    table = RegularGridInterpolator(axes, limit)
    x, y = (
        np.clip(np.nan_to_num(np.log(values), nan=axis[0]), axis[0], axis[-1])
        for axis, values in zip(axes, (signal, separation), strict=True)
    )
    return table(np.column_stack([x, y]))
