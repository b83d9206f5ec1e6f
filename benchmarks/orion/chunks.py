"""See, classify and measure sources, a chunk at a time."""

import warnings

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from tqdm.auto import tqdm

from astro_vbinary import classify
from astro_vbinary.measurement import count_peaks, measure_pairs
from astro_vbinary.simulation import simulate_batch
from astro_vbinary.simulation.companions import approximate_detectability
from astro_vbinary.simulation.simulate import stacks_of
from astro_vbinary.surveys import get_survey
from benchmarks.orion.sky import DEPTHS, ROLES, draw_sample, scene_of, sees

__all__ = ["run_chunks"]

#: Sources in a chunk.
CHUNK = 60

#: Probability from which on a source is a pair, and is measured.
THRESHOLD = 0.95

#: Share of the sample that each set of calibrators has as many sources as, and fewest.
CALIBRATORS, FEWEST = 0.25, 60


def run_chunks(folder, count, seed):
    """Do what is not done yet.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where chunks are kept: a file is whole, or not there.
    count : int
        Sources of the sample.
    seed : int
        Of everything.

    Returns
    -------
    list of `~astropy.table.Table`
        One a chunk: what was drawn, and what was found.
    """
    plan = draw_plan(count, seed)
    classifiers, found = {}, []
    starts = range(0, len(plan), CHUNK)
    for number, start in enumerate(tqdm(starts, unit="chunk", desc="orion")):
        path = folder / f"chunk-{number:05d}.fits"
        if not path.exists():
            made = run_chunk(plan[start : start + CHUNK], [seed, number], classifiers)
            part = folder / f".{path.name}.part"
            made.write(part, format="fits", overwrite=True)
            part.replace(path)
        found.append(Table.read(path, mask_invalid=False))
    return found


def draw_plan(count, seed):
    """Sample and calibrators, one after another.

    Parameters
    ----------
    count : int
        Sources of the sample.
    seed : int
        Of the sources.

    Returns
    -------
    `~astropy.table.Table`
        One row a source.
    """
    from astropy.table import vstack

    others = max(int(CALIBRATORS * count), FEWEST)
    return vstack(
        [
            draw_sample(
                count if role == "sample" else others,
                role,
                np.random.default_rng([seed, number]),
            )
            for number, role in enumerate(ROLES)
        ]
    )


def run_chunk(rows, seed, classifiers):
    """Stamps, verdicts and measurements of some sources.

    Parameters
    ----------
    rows : `~astropy.table.Table`
        Of `draw_plan`.
    seed : list of int
        Of the pixels.
    classifiers : dict
        As for `~astro_vbinary.classify`.

    Returns
    -------
    `~astropy.table.Table`
        The rows with the largest ``probability`` and number of ``peaks`` that any
        survey has, the best ``d_prime``, and the measured ``separation`` and its error.
    """
    n = len(rows)
    out = rows.copy()
    for name in ("probability", "d_prime"):
        out[name] = np.zeros(n)
    out["peaks"] = np.zeros(n)
    out["n_surveys"] = np.zeros(n, dtype=int)
    for name in ("measured", "measured_error"):
        out[name] = np.full(n, np.nan)
    for survey in DEPTHS:
        rng = np.random.default_rng([*seed, list(DEPTHS).index(survey)])
        seen = np.flatnonzero(sees(survey, rows["ra"], rows["dec"], rng.random(n)))
        if not len(seen):
            continue
        stacks = _draw(rows[seen], survey, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdicts = classify(stacks, engine="batch", classifiers=classifiers)
        probability = np.nan_to_num(verdicts.probability)
        better = probability > out["probability"][seen]
        _measure(out, seen, stacks, (probability >= THRESHOLD) & better)
        out["probability"][seen] = np.maximum(out["probability"][seen], probability)
        out["n_surveys"][seen] += verdicts.status == "ok"
        scores = [_peaks(stack) for stack in stacks]
        out["peaks"][seen] = np.maximum(out["peaks"][seen], scores)
        d_prime = _d_prime(rows[seen], survey)
        out["d_prime"][seen] = np.maximum(out["d_prime"][seen], d_prime)
    return out


def _draw(rows, survey, rng):
    scenes = [scene_of(row, survey) for row in rows]
    batch = simulate_batch(survey, len(rows), rng, scenes=scenes, hips_share=0.0)
    places = SkyCoord(rows["ra"], rows["dec"], unit="deg")
    names = [str(number) for number in range(len(rows))]
    return [made.stack for made in stacks_of(batch, names, list(places))]


def _measure(out, seen, stacks, chosen):
    """The separation in the survey that is surest so far."""
    rows = np.flatnonzero(chosen)
    if not len(rows):
        return
    table = measure_pairs([stacks[row] for row in rows], posterior="none").to_table()
    out["measured"][seen[rows]] = table["separation"].value
    out["measured_error"][seen[rows]] = table["separation_error"].value


def _peaks(stack):
    """The classical way: a second peak of the brightest band."""
    stamp = max(stack, key=lambda s: np.nanmax(np.where(s.bad, np.nan, s.data)))
    scale = stamp.pixel_scale.value
    fwhm = get_survey(stack.survey.name).band(stamp.band).fwhm.value
    x, y = (round(float(v)) for v in stamp.target_pixel())
    half = min(x, y, stamp.shape[1] - 1 - x, stamp.shape[0] - 1 - y)
    if half * scale < 1:
        return 0.0
    cut = slice(y - half, y + half + 1), slice(x - half, x + half + 1)
    image = np.asarray(stamp.data, dtype=float)[cut]
    return float(count_peaks(image, ~stamp.bad[cut], scale, fwhm).score)


def _d_prime(rows, survey):
    fwhm = get_survey(survey).effective_fwhm().to_value("arcsec")
    found = np.zeros(len(rows))
    for name in ("companion", "neighbour"):
        apart = np.asarray(rows[f"{name}_separation"], dtype=float)
        near = apart <= 2.5
        fainter = np.maximum(rows[f"{name}_difference"], 0.0)
        own = approximate_detectability(
            apart, fainter, rows["signal"] * DEPTHS[survey], fwhm
        )
        found = np.maximum(found, np.where(near, own, 0.0))
    return found
