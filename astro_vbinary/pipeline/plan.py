"""What there is to do: the rows of a catalogue in order, cut into chunks."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from astro_vbinary import __version__
from astro_vbinary.classification.choosing import choose_weights
from astro_vbinary.classification.weights import find_weights
from astro_vbinary.exceptions import UnknownWeightsError
from astro_vbinary.pipeline.positions import to_numbers
from astro_vbinary.pipeline.work import Chunk, Settings, Weights
from astro_vbinary.stamps import StampIndex
from astro_vbinary.stamps.targets import read_targets
from astro_vbinary.surveys import get_survey, resolution_group

__all__ = ["Plan", "file_state", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """The work of a run.

    Attributes
    ----------
    groups : list of tuple of `~astro_vbinary.stamps.StampFile`
        The files of each stack, in the order of the rows.
    rejected : tuple of `~astro_vbinary.stamps.RejectedFile`
        Files that become rows of their own.
    missing : list of str
        Sources of the catalogue that have no stamp.
    positions : dict of str to tuple of float
        Positions of the catalogue.
    left_out : int
        Stacks of sources that the catalogue does not name.
    settings : Settings
        What is the same for every chunk.
    chunk_size : int
        Stacks of a chunk.
    """

    groups: list
    rejected: tuple
    missing: list
    positions: dict = field(repr=False)
    left_out: int
    settings: Settings
    chunk_size: int

    @property
    def n_stacks(self):
        """Stacks, rejected files and missing sources together (int)."""
        return len(self.groups) + len(self.rejected) + len(self.missing)

    def sizes(self):
        """What each chunk counts for.

        Returns
        -------
        list of int
            Its stacks, rejected files and missing sources.
        """
        return [
            min(self.chunk_size, length - start)
            for length in (len(self.groups), len(self.rejected) + len(self.missing))
            for start in range(0, length, self.chunk_size)
        ]

    def chunk(self, number):
        """One of the chunks: those of stacks first, then those of other rows.

        Parameters
        ----------
        number : int
            Its place, from 0.

        Returns
        -------
        Chunk
            The chunk.
        """
        size, n_groups = self.chunk_size, len(self.groups)
        stacked = -(-n_groups // size)
        if number < stacked:
            groups = self.groups[number * size : (number + 1) * size]
            files = tuple(file for group in groups for file in group)
            names = {file.source for file in files}
            return Chunk(
                number,
                files,
                {n: self.positions[n] for n in names if n in self.positions},
                n_stacks=len(groups),
            )
        start = (number - stacked) * size
        stop = start + size
        n_rejected = len(self.rejected)
        rejected = self.rejected[start:stop]
        names = self.missing[max(start - n_rejected, 0) : max(stop - n_rejected, 0)]
        missing = tuple((name, self.positions[name]) for name in names)
        return Chunk(
            number,
            rejected=rejected,
            missing=missing,
            n_stacks=len(rejected) + len(missing),
        )

    def files(self):
        """Every file that the result depends on.

        Yields
        ------
        tuple of (str, int, int)
            Path, size in bytes and time of the last change in ns; -1 where the file
            is not there.
        """
        shards = {}
        for group in self.groups:
            for file in group:
                yield str(file.path), *file_state(file.path, shards)
        for file in self.rejected:
            yield str(file.path), *file_state(file.path, shards)

    def fingerprint(self):
        """What determines the result, but for the files.

        Returns
        -------
        dict of str to str
            In words, so that a difference can be told.
        """
        settings = self.settings
        # Sizes may agree while files are put together otherwise: by another
        # template or manifest, or by another order of the paths.
        places = hashlib.sha256()
        for group in self.groups:
            for file in group:
                target = None if file.target is None else to_numbers(file.target)
                place = (file.source, file.survey, file.band, file.hdu, target)
                places.update(repr((str(file.path), *place)).encode())
        catalogue = hashlib.sha256(repr(sorted(self.positions.items())).encode())
        weights = "; ".join(
            f"{w.id} {w.version} for group {w.group}, sha256 {w.sha256}"
            for w in settings.weights
        )
        return {
            "version of astro_vbinary": __version__,
            "weights": weights or "none",
            "policy": settings.policy,
            "engine": settings.engine,
            "prior": str(settings.prior),
            "device": settings.device,
            "precision": settings.precision,
            "batch size": str(settings.batch_size),
            "chunk size": str(self.chunk_size),
            "surveys": "; ".join(repr(survey) for survey in settings.surveys),
            "positions": catalogue.hexdigest() if self.positions else "none",
            "what files are of": places.hexdigest(),
        }


def make_plan(stamps, catalog, options, *, device):
    """Find out what there is to do.

    Parameters
    ----------
    stamps : path, sequence of paths, or `~astro_vbinary.stamps.StampIndex`
        The stamps.
    catalog : path, `~astropy.table.Table`, dict of positions, or None
        As for `~astro_vbinary.pipeline.run_catalog`.
    options : `~astro_vbinary.pipeline.RunOptions`
        The options.
    device : str
        The device that ``options.device`` stands for.

    Returns
    -------
    Plan
        The plan.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    ValueError
        If the catalogue cannot be read, none of its sources has a stamp, or there is
        nothing to do.
    """
    positions = _positions(catalog)
    if not isinstance(stamps, StampIndex):
        stamps = StampIndex.from_paths(stamps)
    groups = list(stamps.groups().values())
    rejected, missing, left_out = stamps.rejected, [], 0
    if positions is not None:
        found = len(groups)
        groups = [group for group in groups if group[0].source in positions]
        left_out = found - len(groups)
        # A file that does not tell its source may be anybody's.
        rejected = tuple(
            f for f in rejected if f.source is None or f.source in positions
        )
        known = {group[0].source for group in groups} | {f.source for f in rejected}
        missing = [name for name in positions if name not in known]
        if positions and not groups and not any(f.source for f in rejected):
            raise ValueError(_none_fits(positions, stamps))
    if not groups and not rejected and not missing:
        raise ValueError("nothing to do: no stamps, and no sources")
    names = sorted({group[0].survey for group in groups})
    surveys = tuple(get_survey(name) for name in names)
    settings = Settings(
        policy=options.policy,
        device=device,
        precision=options.precision,
        engine=options.engine,
        prior=options.prior,
        batch_size=options.batch_size,
        weights=_weights(surveys, options),
        surveys=surveys,
    )
    return Plan(
        groups,
        rejected,
        missing,
        positions or {},
        left_out,
        settings,
        options.chunk_size,
    )


def _none_fits(positions, stamps):
    """What to say where no name of the catalogue is one of a stamp: mostly a slip."""
    names = list(dict.fromkeys(file.source for file in stamps))
    shown = [", ".join(map(repr, list(some)[:3])) for some in (positions, names)]
    return (
        f"no source of the catalogue has a stamp: its first names are {shown[0]}, "
        f"those of the stamps {shown[1] or 'none'}. Names must be the same, with "
        "leading zeros, which a column of numbers has lost"
    )


def _positions(catalog):
    """Positions by source as numbers, or None without a catalogue."""
    if catalog is None:
        return None
    targets = catalog if isinstance(catalog, Mapping) else read_targets(catalog)
    return {str(name): to_numbers(target) for name, target in targets.items()}


def _weights(surveys, options):
    policy, chosen = options.policy, choose_weights(options.weights, options.policy)
    groups = sorted({resolution_group(s, policy=policy).number for s in surveys})
    found = []
    for group in groups:
        try:
            card = chosen.get(group) or find_weights(group=group, policy=policy)
        except UnknownWeightsError:
            continue
        path = str(card.path.absolute())
        found.append(Weights(group, card.id, card.version, card.sha256, path))
    return tuple(found)


def file_state(path, shards):
    """Size and time of the last change of a file, or of the shard that it is in.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.
    shards : dict
        What is known of shards; it is added to.

    Returns
    -------
    size, changed : int
        In bytes, and in ns; -1 where there is no such file.
    """
    path = Path(path)
    if path.parent in shards:
        return shards[path.parent]
    try:
        status = path.stat()
    except NotADirectoryError:
        # In a shard, whose path stands before the file's name.
        shards[path.parent] = file_state(path.parent, shards)
        return shards[path.parent]
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
