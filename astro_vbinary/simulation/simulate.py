"""From a seed to the stamps of one source, with the truth about them."""

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from tqdm.auto import tqdm

from astro_vbinary.simulation.batch import simulate_batch
from astro_vbinary.simulation.folders import TruthFolder
from astro_vbinary.simulation.hips import to_hips
from astro_vbinary.stamps import StampStack, SurveyStamp

__all__ = ["SimulatedStack", "simulate_stack", "stacks_of", "write_folder"]


@dataclass(frozen=True)
class SimulatedStack:
    """Stamps and the truth about them.

    Attributes
    ----------
    stack : `~astro_vbinary.stamps.StampStack`
        As it would be read from files.
    truth : dict
        ``source``, ``survey``, ``kind``, ``label`` (1 for two or more stars within
        2.5 arcsec), ``form`` (``native`` or ``hips``), ``population``,
        ``separation`` (arcsec), ``position_angle`` (deg east of north),
        ``magnitude_difference``, ``nearest`` (arcsec, of a star beyond the circle),
        ``signal`` and ``companion_signal`` (matched-filter signal-to-noise ratio
        over the stack on a dark sky), ``fwhm`` (arcsec, of the sharpest band),
        ``bands`` (their number), ``ra``, ``dec`` (deg).
    """

    stack: StampStack
    truth: dict


def simulate_stack(
    survey,
    rng,
    *,
    kind=None,
    scene=None,
    bands=None,
    source="sim",
    target=None,
    population="training",
    hips_share=0.2,
    psf_seed=0,
):
    """Simulate the stamps of one source in one survey.

    Parameters
    ----------
    survey : str
        One of `~astro_vbinary.simulation.SIMULATED_SURVEYS`.
    rng : `~numpy.random.Generator`
        Source of randomness; the same state gives the same pixels.
    kind : str, optional
        One of `~astro_vbinary.simulation.KINDS`; drawn with their frequencies
        by default, so that half of the stacks are pairs.
    scene : `~astro_vbinary.simulation.Scene`, optional
        What is on the sky, instead of one that is drawn.
    bands : int or sequence of str, optional
        How many bands, or which; any of the survey's by default.
    source : str, optional
        Name of the source.
    target : `~astropy.coordinates.SkyCoord`, optional
        Where it is; drawn around Orion by default.
    population : str, optional
        Of the companions; one of `~astro_vbinary.simulation.POPULATIONS`.
    hips_share : float, optional
        Share of stacks in the oversampled form: 322 px of 0.031 arcsec,
        resampled from the survey's own pixels as by a HiPS server.
    psf_seed : int, optional
        Which bank of PSFs space telescopes have.

    Returns
    -------
    SimulatedStack
        Stamps and truth.

    Raises
    ------
    ValueError
        If the survey, the kind, a band or the population is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.simulation import simulate_stack
    >>> made = simulate_stack("Pan-STARRS", np.random.default_rng(1), kind="pair")
    >>> made.stack.survey.name, made.truth["label"]
    ('Pan-STARRS', 1)
    """
    batch = simulate_batch(
        survey,
        1,
        rng,
        kinds=kind,
        bands=bands,
        scenes=None if scene is None else [scene],
        population=population,
        hips_share=hips_share,
        psf_seed=psf_seed,
    )
    return stacks_of(batch, [source], None if target is None else [target])[0]


def stacks_of(batch, sources, targets=None):
    """The stamps of a batch, as files would hold them.

    Parameters
    ----------
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        Images and truth.
    sources : sequence of str
        A name for each stack.
    targets : sequence of `~astropy.coordinates.SkyCoord`, optional
        Where the sources are, instead of where the batch says.

    Returns
    -------
    list of SimulatedStack
        One a source.
    """
    stamps = [[] for _ in range(len(batch))]
    for frames in batch.frames:
        for number, exposure in enumerate(frames.exposures):
            stack = exposure.stack
            target = batch.targets[stack] if targets is None else targets[stack]
            low, high = frames.box(number)
            image = frames.images[number, low:high, low:high].cpu().numpy().copy()
            stamp = SurveyStamp(
                image,
                _wcs(exposure, target, (frames.side - 1) / 2 - low),
                survey=batch.survey,
                band=exposure.band,
                source=sources[stack],
                target=target,
            )
            if batch.hips[stack]:
                stamp = _as_served(stamp, batch.fill[stack])
            stamps[stack].append((exposure.extra["number"], stamp))
    made = []
    for number, own in enumerate(stamps):
        target = batch.targets[number] if targets is None else targets[number]
        ordered = [stamp for _, stamp in sorted(own, key=lambda pair: pair[0])]
        truth = batch.truth[number] | {
            "source": sources[number],
            "ra": float(target.icrs.ra.deg),
            "dec": float(target.icrs.dec.deg),
        }
        made.append(SimulatedStack(StampStack(ordered, target=target), truth))
    return made


def _wcs(exposure, target, middle):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [target.icrs.ra.deg, target.icrs.dec.deg]
    wcs.wcs.crpix = [middle + offset + 1 for offset in exposure.target]
    wcs.wcs.cd = exposure.cd / 3600
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def _as_served(stamp, fill):
    """In the oversampled form, with the archive's fill where there is no data."""
    served = to_hips(stamp)
    if np.isnan(fill):
        return served
    image = np.where(np.isfinite(served.data), served.data, fill).astype(np.float32)
    return SurveyStamp(
        image,
        served.wcs,
        survey=served.survey,
        band=served.band,
        source=served.source,
        target=served.target,
    )


def write_folder(
    folder,
    survey_counts,
    *,
    seed=0,
    psf_seed=0,
    kind=None,
    population="training",
    hips_share=0.2,
    progress=False,
):
    """Write a folder of simulated stamps with a table of the truth.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Made where it is missing; files in it are not replaced, but for those of a run
        that was stopped.
    survey_counts : dict of str to int
        Number of stacks for each survey.
    seed : int, optional
        Seed of the random numbers.
    psf_seed : int, optional
        Which set of wavefronts space telescopes have.
    kind : str, optional
        One of `~astro_vbinary.simulation.KINDS`; drawn by default.
    population : str, optional
        Of the companions; one of `~astro_vbinary.simulation.POPULATIONS`.
    hips_share : float, optional
        Share of stacks in the oversampled form.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    `~astropy.table.QTable`
        The truth, one row a stack; also written to ``truth.ecsv``.

    Raises
    ------
    ValueError
        If a survey cannot be simulated.
    FileExistsError
        If the folder has a table of the truth or a stamp's file already.
    """
    made_in = TruthFolder(folder)
    jobs = [
        (survey, number)
        for survey, count in survey_counts.items()
        for number in range(count)
    ]
    for survey, number in tqdm(
        jobs, unit="stack", desc="simulate", disable=None if progress else True
    ):
        # Of its own seed, so that a source does not depend on the others.
        rng = np.random.default_rng([seed, sum(map(ord, survey)), number])
        made = simulate_stack(
            survey,
            rng,
            kind=kind,
            source=f"{survey.lower().replace('-', '')}{number:04d}",
            population=population,
            hips_share=hips_share,
            psf_seed=psf_seed,
        )
        made_in.add(made.stack, made.truth)
    return made_in.finish()
