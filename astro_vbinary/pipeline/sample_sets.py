"""Stamps with known content, like those of a sample: what it would have found."""

import shutil
import warnings
from contextlib import suppress
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning
from tqdm.auto import tqdm

from astro_vbinary.exceptions import StampError
from astro_vbinary.simulation import (
    SIMULATED_SURVEYS,
    InjectionError,
    Scene,
    SingleStar,
    Star,
    inject_source,
    simulate_stack,
)
from astro_vbinary.stamps import NamingTemplate, StampStack
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["SETS", "SampleStars", "make_sets"]

#: What is put in: companions of the population beside the sample's stars; stars of its
#: surroundings, moved to somewhere within 2.5 arcsec; simulated single stars.
SETS = ("companion", "neighbour", "single")

#: Signal-to-noise ratio of a simulated star where the real one is too faint to tell.
FAINT = 10.0

#: How the stamps are named.
TEMPLATE = NamingTemplate("{source}_{band}_{survey}")


@dataclass(frozen=True)
class SampleStars:
    """Sources that hardly are pairs, and their stamps.

    Attributes
    ----------
    names : list of str
        The sources, in random order.
    places : dict of str to tuple of float
        Right ascension and declination of each, in degrees.
    groups : dict of str to list
        Files of each source, one sequence a survey.
    """

    names: list
    places: dict
    groups: dict

    @classmethod
    def choose(cls, catalog, index, rng):
        """Those that the catalogue does not call binary.

        Parameters
        ----------
        catalog : `~astropy.table.Table`
            With ``source``, ``label``, ``status``, ``ra`` and ``dec``.
        index : `~astro_vbinary.stamps.StampIndex`
            The stamps.
        rng : `~numpy.random.Generator`
            Source of randomness.

        Returns
        -------
        SampleStars
            The sources.

        Raises
        ------
        ValueError
            If there is none that has stamps.
        """
        groups = {}
        for (source, _), files in index.groups().items():
            groups.setdefault(source, []).append(files)
        places = {
            str(row["source"]): (float(row["ra"]), float(row["dec"]))
            for row in catalog
            if str(row["label"]) != "binary" and str(row["status"]) == "ok"
        }
        names = sorted(name for name in places if name in groups)
        if not names:
            raise ValueError(
                "no source of the catalogue is without a companion and has stamps"
            )
        rng.shuffle(names)
        return cls(names, places, groups)

    def stacks(self, name):
        """The stamps of a source that can be read.

        Parameters
        ----------
        name : str
            The source.

        Returns
        -------
        list of `~astro_vbinary.stamps.StampStack`
            One a survey.
        """
        found = []
        for files in self.groups[name]:
            with suppress(StampError), warnings.catch_warnings():
                warnings.simplefilter("ignore", AstropyWarning)
                found.append(StampStack.read_files(files, on_error="drop"))
        return found


def make_sets(stars, folder, count, *, population, counts=None, seed=0, progress=False):
    """Write the stamps of all sets.

    Parameters
    ----------
    stars : SampleStars
        Whose stamps are used, in turn.
    folder : `~pathlib.Path`
        Gets ``stamps``; one that is there already is whole.
    count : int
        Sources of each set.
    population : PairPopulation
        Of the companions.
    counts : `~astro_vbinary.context.NeighbourCounts`, optional
        Of a catalogue with magnitudes; without it there are no neighbours.
    seed : int, optional
        Of everything.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    `~astropy.table.Table`
        The truth, one row a source: ``source``, ``set``, ``star``, ``separation``
        (arcsec), ``position_angle`` (deg), ``magnitude_difference``, ``n_put`` (surveys
        whose stamps have the companion) and ``n_surveys``.
    """
    stamps, truth = folder / "stamps", folder / "truth.ecsv"
    if truth.exists():
        return Table.read(truth)
    shutil.rmtree(stamps, ignore_errors=True)
    stamps.mkdir(parents=True)
    kinds = [kind for kind in SETS if kind != "neighbour" or counts is not None]
    jobs = [(kind, number) for kind in kinds for number in range(count)]
    rows = []
    for kind, number in tqdm(
        jobs, unit="source", desc="inject", disable=None if progress else True
    ):
        rng = np.random.default_rng([seed, SETS.index(kind), number])
        name = stars.names[number % len(stars.names)]
        row = {"source": f"{kind}{number:06d}", "set": kind, "star": name}
        stacks = stars.stacks(name)
        if kind == "single":
            made, drawn = [_single(stack, rng) for stack in stacks], (np.nan,) * 3
            found = [stamp for stack in made if stack is not None for stamp in stack]
            put = sum(stack is not None for stack in made)
        else:
            if kind == "companion":
                drawn = _companion(population, rng)
            else:
                drawn = _neighbour(counts, *stars.places[name], rng)
            angle, key = drawn[1] * u.deg, int(rng.integers(2**31))
            one = inject_source(stacks, drawn[0] * u.arcsec, angle, drawn[2], seed=key)
            found, put = one.stamps, len(one.signals)
        for stamp in found:
            survey = stamp.survey.name
            own = TEMPLATE.format(source=row["source"], band=stamp.band, survey=survey)
            stamp.write(stamps / own)
        values = zip(
            ("separation", "position_angle", "magnitude_difference"), drawn, strict=True
        )
        rows.append(row | dict(values) | {"n_put": put, "n_surveys": len(stacks)})
    table = Table(rows=rows)
    part = truth.with_suffix(".part")
    table.write(part, format="ascii.ecsv", overwrite=True)
    part.replace(truth)
    return table


def _companion(population, rng):
    cell = rng.choice(len(population), p=population.weight)
    # Cells have a width: a tenth, and a quarter of a magnitude.
    apart = population.separation[cell] * np.exp(rng.uniform(-0.055, 0.055))
    fainter = population.magnitude_difference[cell] + rng.uniform(-0.125, 0.125)
    widest = VISUAL_BINARY_LIMIT.to_value(u.arcsec)
    return float(min(apart, widest)), rng.uniform(0, 360), float(max(fainter, 0.0))


def _neighbour(counts, ra, dec, rng):
    """A star of the surroundings; one that is brighter counts as equal."""
    own = counts.magnitude_at([ra], [dec])[0]
    around = counts.magnitudes_around(ra, dec)
    fainter = float(rng.choice(around)) - own if len(around) else np.nan
    fainter = max(np.nan_to_num(fainter, nan=0.0), 0.0)
    apart = VISUAL_BINARY_LIMIT.to_value(u.arcsec) * np.sqrt(rng.random())
    return float(max(apart, 0.01)), rng.uniform(0, 360), fainter


def _single(stack, rng):
    """A simulated star as bright as the real one, in the same bands."""
    survey = stack.survey.name if stack.survey is not None else ""
    if survey not in SIMULATED_SURVEYS:
        return None
    try:
        signal = SingleStar.from_stack(stack, drop=True).signal
    except InjectionError:
        signal = FAINT
    scene = Scene(kind="single", label=0, stars=(Star(0.0, 0.0, signal),))
    return simulate_stack(
        survey,
        rng,
        scene=scene,
        bands=[stamp.band for stamp in stack],
        target=stack.target,
        hips_share=0.0,
    ).stack
