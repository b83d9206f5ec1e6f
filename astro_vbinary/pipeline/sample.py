"""The companion fraction of a sample, by what would have been found in its stamps."""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table, join

from astro_vbinary.measurement.thresholds import binomial_interval
from astro_vbinary.pipeline.catalog_building import build_catalog
from astro_vbinary.pipeline.companion_fraction import (
    CompanionFraction,
    companion_fraction,
)
from astro_vbinary.pipeline.fusion import default_population
from astro_vbinary.pipeline.fusion_settings import FusionSettings
from astro_vbinary.pipeline.options import RunOptions
from astro_vbinary.pipeline.running import run_catalog
from astro_vbinary.pipeline.sample_sets import SETS, SampleStars, make_sets
from astro_vbinary.stamps import StampIndex
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["SampleFraction", "sample_fraction"]

#: Columns of a catalogue that are needed.
NEEDED = ("source", "ra", "dec", "status", "label", "prevalence", "threshold")

#: Cells of the completeness map: separations and magnitude differences.
CELLS = (6, 5)


@dataclass(frozen=True, kw_only=True)
class SampleFraction:
    """What a sample came to.

    Attributes
    ----------
    found, sources : int
        Sources that are called binary, and all that have a verdict.
    chance : float
        Expected neighbours of a source within 2.5 arcsec, on average.
    result : CompanionFraction
        The fraction, and what it was made of.
    injected : `~astropy.table.Table`
        One row a source that was made up: the truth, ``label`` and ``probability``.
    completeness : `~astropy.table.QTable`
        One row a cell of separation and magnitude difference, as
        `~astro_vbinary.plotting.plot_completeness` takes it.
    """

    found: int
    sources: int
    chance: float
    result: CompanionFraction
    injected: Table
    completeness: QTable

    def summary(self):
        """All numbers in one row.

        Returns
        -------
        `~astropy.table.QTable`
            The fraction with its interval, and what went into it.
        """
        made = self.result
        row = {
            "fraction": made.fraction,
            "low": made.low,
            "high": made.high,
            "level": made.level,
            "found": self.found,
            "sources": self.sources,
            "chance": self.chance,
        }
        for name in ("completeness", "false_positives", "neighbours"):
            columns = (name, f"{name}_low", f"{name}_high")
            row |= dict(zip(columns, getattr(made, name), strict=True))
        for name in SETS:
            row[f"n_{name}"] = int((self.injected["set"] == name).sum())
        return QTable(rows=[row])


def sample_fraction(
    catalog,
    stamps,
    folder,
    *,
    count=300,
    population=None,
    neighbours=None,
    prior=None,
    options=None,
    psf="model",
    level=0.95,
    seed=0,
    progress=False,
):
    """Correct the share of binaries in a catalogue for what its stamps do not show.

    Companions of a population are put beside the sample's own stars, in the stamps of
    all their surveys, and go through what the sample went through: the networks, the
    fits, one verdict a source. So do simulated single stars, as bright and in the same
    bands, for the false positives; and, with a catalogue of ``neighbours``, stars of
    each source's surroundings moved to within 2.5 arcsec, for pairs by chance.

    Parameters
    ----------
    catalog : path or `~astropy.table.Table`
        The catalogue, or the folder with ``catalog.ecsv``.
    stamps : path, sequence of paths, or `~astro_vbinary.stamps.StampIndex`
        Its stamps.
    folder : str or `~pathlib.Path`
        For what is made meanwhile; what was stopped goes on there.
    count : int, optional
        Sources that are made up, of each kind.
    population : PairPopulation, optional
        What the fraction is of: uniform in the logarithm of the separation from 0.03
        to 2.5 arcsec and from 0 to 5 mag by default.
    neighbours : `~astro_vbinary.context.NeighbourCounts`, optional
        Of a catalogue with magnitudes.
    prior : float, optional
        Share of binaries that the verdicts were told to assume, if they were.
    options : RunOptions, optional
        How the sample was classified.
    psf : str or `~pathlib.Path`, optional
        How the sample was measured.
    level : float, optional
        Of the interval.
    seed : int, optional
        Of everything.
    progress : bool, optional
        Whether to show bars on a terminal.

    Returns
    -------
    SampleFraction
        The fraction with its interval, and the tables behind it.

    Raises
    ------
    FileNotFoundError
        If there is no such catalogue or path.
    ValueError
        If the catalogue lacks a column, or has no sources that can be used.
    """
    catalog = _read(catalog)
    judged = catalog[[str(status) == "ok" for status in catalog["status"]]]
    if not len(judged):
        raise ValueError("no source of the catalogue has a verdict")
    index = stamps if isinstance(stamps, StampIndex) else StampIndex.from_paths(stamps)
    rng = np.random.default_rng([seed, 99])
    population = population or default_population()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    truth = make_sets(
        SampleStars.choose(catalog, index, rng),
        folder,
        count,
        population=population,
        counts=neighbours,
        seed=seed,
        progress=progress,
    )
    settings = FusionSettings(
        prevalence=float(catalog["prevalence"][0]),
        threshold=float(catalog["threshold"][0]),
        prior=prior,
    )
    options = replace(options or RunOptions(), prior=prior)
    made = _judge(folder, settings, options, psf, seed, progress)
    injected = join(truth, made, "source", join_type="left")
    injected["label"] = np.ma.filled(injected["label"], "")
    own = {name: injected[injected["set"] == name] for name in SETS}
    # Of surveys that cannot be simulated nobody was asked.
    own["single"] = own["single"][own["single"]["n_put"] > 0]
    counts = {name: (int(_found(part).sum()), len(part)) for name, part in own.items()}
    chance = 0.0
    if neighbours is not None:
        widest = np.full(len(judged), VISUAL_BINARY_LIMIT.to_value(u.arcsec))
        places = (np.asarray(judged[name], float) for name in ("ra", "dec"))
        chance = float(np.nanmean(neighbours.expected(*places, widest)))
    found = int(_found(judged).sum())
    result = companion_fraction(
        found,
        len(judged),
        companions=counts["companion"],
        singles=counts["single"],
        neighbours=counts["neighbour"],
        chance=chance,
        level=level,
        rng=np.random.default_rng(seed),
    )
    return SampleFraction(
        found=found,
        sources=len(judged),
        chance=chance,
        result=result,
        injected=injected,
        completeness=_map(own["companion"]),
    )


def _read(catalog):
    if not isinstance(catalog, Table):
        from astro_vbinary.stamps.tables import read_table

        path = Path(catalog)
        path = path / "catalog.ecsv" if path.is_dir() else path
        catalog = read_table(path, "catalogue")
    missing = [name for name in NEEDED if name not in catalog.colnames]
    if missing:
        raise ValueError(f"the catalogue has no column {', '.join(missing)}")
    return catalog


def _found(table):
    return np.array([str(label) == "binary" for label in table["label"]], dtype=bool)


def _judge(folder, settings, options, psf, seed, progress):
    """What the library says of the made-up sources."""
    stamps, verdicts = folder / "stamps", folder / "verdicts.ecsv"
    if not verdicts.exists():
        run_catalog(stamps, verdicts, options=options, progress=progress)
    done = folder / "catalog" / "catalog.ecsv"
    if not done.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build_catalog(
                verdicts,
                stamps,
                done.parent,
                psf=psf,
                posterior="none",
                contrast=False,
                seed=seed,
                settings=settings,
                workers=options.workers,
                progress=progress,
            )
    table = Table.read(done)["source", "label", "probability"]
    table["source"] = table["source"].astype(str)
    return table


def _map(table):
    """Shares found over separation and magnitude difference."""
    s, dm = (
        np.asarray(table[name], float)
        for name in ("separation", "magnitude_difference")
    )
    found = _found(table)
    wide, unequal = CELLS
    edges = (
        np.geomspace(s.min() * 0.999, s.max() * 1.001, wide + 1),
        np.linspace(0, dm.max() * 1.001 + 1e-6, unequal + 1),
    )
    trials = np.histogram2d(s, dm, edges)[0].astype(int)
    seen = np.histogram2d(s[found], dm[found], edges)[0].astype(int)
    middle = np.sqrt(edges[0][1:] * edges[0][:-1])
    between = 0.5 * (edges[1][1:] + edges[1][:-1])
    made = QTable()
    made["separation"] = np.repeat(middle, unequal) * u.arcsec
    made["magnitude_difference"] = np.tile(between, wide) * u.mag
    made["found"], made["trials"] = seen.ravel(), trials.ravel()
    with np.errstate(invalid="ignore"):
        made["completeness"] = np.divide(seen.ravel(), trials.ravel())
    low, high = binomial_interval(seen.ravel(), trials.ravel())
    made["low"], made["high"] = low, high
    return made
