"""The stamps of some sources, and what simpler methods say of them."""

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table

from astro_vbinary.simulation import simulate_batch
from astro_vbinary.simulation.companions import approximate_detectability
from astro_vbinary.simulation.scenes import usual_background
from astro_vbinary.simulation.simulate import stacks_of
from astro_vbinary.surveys import get_survey, resolution_group
from benchmarks.detection.detectors import View, score
from benchmarks.orion.sky import DEPTHS, scene_of, sees

__all__ = ["PEERS", "ask_peers", "simulate_surveys", "write_stamps"]

#: The simpler methods, by the names of the detection benchmark.
PEERS = {"peaks": "count_peaks", "reference": "reference"}


def write_stamps(rows, folder, seed, *, surveys=tuple(DEPTHS), references=None):
    """Simulate the stamps of sources, and write them.

    Parameters
    ----------
    rows : `~astropy.table.Table`
        Of `~benchmarks.orion.sky.draw_plan`.
    folder : `~pathlib.Path`
        It exists.
    seed : sequence of int
        Of the pixels.
    surveys : sequence of str, optional
        Which of those that look there.
    references : dict of int to object, optional
        Networks by the reference recipe, by group; without them nobody else looks.

    Returns
    -------
    `~astropy.table.Table`
        One row a source: ``n_surveys``, ``d_prime``, the detectability in the survey
        that shows most, and what `ask_peers` adds.
    """
    out = Table({"source": rows["source"]})
    out["n_surveys"] = np.zeros(len(rows), dtype=int)
    out["d_prime"] = np.zeros(len(rows))
    for survey, seen, batch in simulate_surveys(rows, seed, surveys=surveys):
        own = rows[seen]
        places = SkyCoord(own["ra"], own["dec"], unit="deg")
        for made in stacks_of(batch, [str(name) for name in own["source"]], places):
            for stamp in made.stack:
                name = f"{stamp.source}_{stamp.band}_{stamp.survey.name}.fits"
                stamp.write(folder / name)
        out["n_surveys"][seen] += 1
        out["d_prime"][seen] = np.maximum(out["d_prime"][seen], _d_prime(own, survey))
        if references is not None:
            ask_peers(out, rows, seen, batch, references)
    return out


def simulate_surveys(rows, seed, *, surveys=tuple(DEPTHS)):
    """Simulate what each survey sees of sources.

    Parameters
    ----------
    rows, seed, surveys
        As for `write_stamps`.

    Yields
    ------
    survey : str
        Its name.
    seen : `~numpy.ndarray`
        Which rows it looks at, at least one.
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        Their stamps.
    """
    for survey in surveys:
        rng = np.random.default_rng([*seed, list(DEPTHS).index(survey)])
        seen = np.flatnonzero(
            sees(survey, rows["ra"], rows["dec"], rng.random(len(rows)))
        )
        if not len(seen):
            continue
        scenes = [usual_background(scene_of(row, survey), rng) for row in rows[seen]]
        batch = simulate_batch(survey, len(seen), rng, scenes=scenes, hips_share=0.0)
        yield survey, seen, batch


def ask_peers(out, rows, seen, batch, references):
    """Let the simpler methods look at the sample, and at nothing else.

    Parameters
    ----------
    out : `~astropy.table.Table`
        One row a source: gets a column for each of `PEERS` in this survey, such as
        ``peaks_HST``, NaN where it has not looked.
    rows : `~astropy.table.Table`
        The sources.
    seen : `~numpy.ndarray`
        Which of them the survey looks at.
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        Their stamps.
    references : dict of int to object
        Networks by the reference recipe, by group.
    """
    chosen = np.flatnonzero(np.asarray(rows["role"])[seen] == "sample")
    if not len(chosen):
        return
    group = resolution_group(get_survey(batch.survey)).number
    view = View(batch, group, models={"reference": references[group]})
    for name, method in PEERS.items():
        column = f"{name}_{get_survey(batch.survey).name}"
        out[column] = np.full(len(rows), np.nan)
        out[column][seen[chosen]] = score(method, view, chosen)[chosen]


def _d_prime(rows, survey):
    """The detectability of what is beside the source, the PSF being known."""
    fwhm = get_survey(survey).effective_fwhm().to_value("arcsec")
    found = np.zeros(len(rows))
    for name in ("companion", "neighbour"):
        apart = np.asarray(rows[f"{name}_separation"], dtype=float)
        fainter = np.maximum(rows[f"{name}_difference"], 0.0)
        own = approximate_detectability(
            apart, fainter, rows["signal"] * DEPTHS[survey], fwhm
        )
        found = np.maximum(found, np.where(apart <= 2.5, own, 0.0))
    return found
