"""From a seed to the stamps of one source, with the truth about them."""

from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.wcs import WCS
from tqdm.auto import tqdm

from astro_vbinary.simulation.artefacts import (
    apply_artefacts,
    draw_artefacts,
    saturate,
)
from astro_vbinary.simulation.instruments import draw_exposures
from astro_vbinary.simulation.render import (
    add_noise,
    draw_texture,
    render_background,
    render_sources,
)
from astro_vbinary.simulation.scenes import KINDS, draw_scene
from astro_vbinary.stamps import NamingTemplate, SkyGrid, StampStack, SurveyStamp

__all__ = ["SimulatedStack", "simulate_stack", "write_folder"]

#: The oversampled form in which the reference work keeps every survey:
#: 322 pixels over about 10 arcsec.
HIPS_SIDE, HIPS_SCALE = 322, 10.0 / 322

#: Name of the truth table in a folder of simulated stamps.
TRUTH_FILE = "truth.ecsv"


@dataclass(frozen=True)
class SimulatedStack:
    """Stamps and the truth about them.

    Attributes
    ----------
    stack : `~astro_vbinary.stamps.StampStack`
        As it would be read from files.
    truth : dict
        ``source``, ``survey``, ``kind``, ``label`` (1 for a pair), ``form``
        (``native`` or ``hips``), ``separation`` (arcsec), ``position_angle``
        (deg east of north), ``magnitude_difference``, ``signal`` and
        ``companion_signal`` (matched-filter signal-to-noise ratio over the
        stack), ``fwhm`` (arcsec, mean of the bands), ``ra``, ``dec`` (deg).
    """

    stack: StampStack
    truth: dict


def simulate_stack(
    survey, rng, *, kind=None, source="sim", target=None, hips_share=0.2, psf_seed=0
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
    source : str, optional
        Name of the source.
    target : `~astropy.coordinates.SkyCoord`, optional
        Where it is; drawn around Orion by default.
    hips_share : float, optional
        Share of stacks in the oversampled form: 322 px of 0.031 arcsec,
        resampled from the survey's own pixels as by a HiPS server.
    psf_seed : int, optional
        Which set of wavefronts space telescopes have.

    Returns
    -------
    SimulatedStack
        Stamps and truth.

    Raises
    ------
    ValueError
        If the survey or kind is unknown.
    """
    if kind is None:
        weights = np.array([weight for _, weight, _ in KINDS.values()])
        kind = str(rng.choice(list(KINDS), p=weights / weights.sum()))
    if target is None:
        target = SkyCoord(rng.uniform(82, 86), rng.uniform(-9, 1), unit="deg")
    smeared = kind == "smeared"
    trail = smeared and rng.random() < 0.5
    exposures = draw_exposures(
        survey,
        rng,
        psf_seed=psf_seed,
        smear=rng.uniform(0.1, 0.35) if trail else 0.0,
        misregistration=rng.uniform(0.1, 0.35) if smeared and not trail else 0.0,
    )
    widths = [e.psf.fwhm.to_value(u.arcsec) for e in exposures]
    radius = min(e.side * e.pixel_scale for e in exposures) / 2
    scene = draw_scene(kind, rng, fwhm=float(np.mean(widths)), radius=radius)
    space = survey in ("HST", "JWST")
    reach = scene.separation + 0.4 if scene.label else 0.0
    artefacts = draw_artefacts(rng, space=space, keep=reach)
    texture = draw_texture(rng)
    depth = np.exp(rng.normal(0, 0.4, len(exposures)))
    colours = 10 ** (0.4 * rng.normal(0, 0.35, (len(scene.stars) + 1, len(exposures))))
    shares = depth * colours
    shares /= np.sqrt((shares**2).sum(axis=1, keepdims=True))
    sky = 10 ** rng.uniform(0.7, 3.5)
    correlation = rng.uniform(0.4, 1.0) if rng.random() < 0.4 else 0.0
    hips = rng.random() < hips_share

    stamps = []
    for number, exposure in enumerate(exposures):
        signals = [
            s.signal * w for s, w in zip(scene.stars, shares[:-1, number], strict=True)
        ]
        galaxy = 0.0 if scene.galaxy is None else scene.galaxy["signal"]
        image = render_sources(
            scene, exposure, signals, rng, galaxy_signal=galaxy * shares[-1, number]
        )
        image += render_background(scene.background, exposure, texture, rng)
        image = add_noise(image, rng, sky_electrons=sky, correlation=correlation)
        # A star saturates in its bright bands first.
        if scene.saturation and (rng.random() < 0.8 or number == 0):
            image = saturate(image, exposure, scene.saturation, rng)
        zeroed = scene.saturation == "zeroed"
        holes = (image == 0) if zeroed else None
        image = apply_artefacts(image, exposure, artefacts, rng)
        if zeroed:
            image[holes] = 0
        wcs = _wcs(exposure, target)
        if hips:
            image, wcs = _oversample(image, wcs, target, fill=artefacts.fill)
        stamps.append(
            SurveyStamp(
                image,
                wcs,
                survey=survey,
                band=exposure.band,
                source=source,
                target=target,
            )
        )
    truth = {
        "source": source,
        "survey": survey,
        "kind": kind,
        "label": scene.label,
        "form": "hips" if hips else "native",
        "separation": scene.separation,
        "position_angle": scene.position_angle,
        "magnitude_difference": scene.magnitude_difference,
        "signal": scene.stars[0].signal if scene.stars else np.nan,
        "companion_signal": scene.stars[1].signal if scene.label else np.nan,
        "fwhm": float(np.mean(widths)),
        "bands": len(stamps),
        "ra": target.icrs.ra.deg,
        "dec": target.icrs.dec.deg,
    }
    return SimulatedStack(StampStack(stamps, target=target), truth)


def _wcs(exposure, target):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [target.icrs.ra.deg, target.icrs.dec.deg]
    wcs.wcs.crpix = [exposure.target_pixel[0] + 1, exposure.target_pixel[1] + 1]
    wcs.wcs.cd = exposure.cd / 3600
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def _oversample(image, wcs, target, *, fill):
    """What a HiPS server makes of it: bilinear, 322 px of 0.031 arcsec."""
    from reproject import reproject_interp

    side = (HIPS_SIDE, HIPS_SIDE)
    grid = SkyGrid(target, HIPS_SCALE * u.arcsec, side)
    known = np.where(np.isfinite(image), image, np.nan)
    out, _ = reproject_interp(
        (known, wcs), grid.wcs, shape_out=side, order="bilinear", roundtrip_coords=False
    )
    return np.where(np.isfinite(out), out, fill).astype(np.float32), grid.wcs


def write_folder(
    folder,
    survey_counts,
    *,
    seed=0,
    psf_seed=0,
    kind=None,
    hips_share=0.2,
    progress=False,
):
    """Write a folder of simulated stamps with a table of the truth.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Made where it is missing; files in it are not replaced.
    survey_counts : dict of str to int
        Number of stacks for each survey.
    seed : int, optional
        Seed of the random numbers.
    psf_seed : int, optional
        Which set of wavefronts space telescopes have.
    kind : str, optional
        One of `~astro_vbinary.simulation.KINDS`; drawn by default.
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
        If the folder has a table of the truth already.
    OSError
        If a stamp's file exists.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / TRUTH_FILE).exists():
        raise FileExistsError(f"{folder / TRUTH_FILE} exists; give another folder")
    template = NamingTemplate("{source}_{band}_{survey}")
    jobs = [
        (survey, number)
        for survey, count in survey_counts.items()
        for number in range(count)
    ]
    rows = []
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
            hips_share=hips_share,
            psf_seed=psf_seed,
        )
        for stamp in made.stack:
            name = template.format(source=stamp.source, band=stamp.band, survey=survey)
            stamp.write(folder / name)
        rows.append(made.truth)
    table = truth_table(rows)
    table.write(folder / TRUTH_FILE)
    return table


def truth_table(rows):
    """The truth about many stacks as a table with units.

    Parameters
    ----------
    rows : sequence of dict
        As in `SimulatedStack.truth`.

    Returns
    -------
    `~astropy.table.QTable`
        One row a stack.
    """
    table = QTable(rows=list(rows))
    for name, unit in (
        ("separation", u.arcsec),
        ("position_angle", u.deg),
        ("magnitude_difference", u.mag),
        ("fwhm", u.arcsec),
        ("ra", u.deg),
        ("dec", u.deg),
    ):
        if name in table.colnames:
            table[name] = table[name] * unit
    return table
