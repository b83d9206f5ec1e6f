"""Which files are stamps of which source, survey and band."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from astropy.coordinates import SkyCoord

from astro_vbinary.exceptions import (
    StampNameError,
    UnknownBandError,
    UnknownSurveyError,
)
from astro_vbinary.stamps.files import begins_as_fits, find_files
from astro_vbinary.stamps.naming import (
    DEFAULT_TEMPLATES,
    as_templates,
    has_fits_suffix,
    parse_name,
    without_other_suffix,
)
from astro_vbinary.stamps.shards.finding import (
    find_packing,
    looks_like_shard,
    read_entries,
)
from astro_vbinary.stamps.shards.packed import PackedStamp
from astro_vbinary.status import Status
from astro_vbinary.surveys import get_survey

__all__ = ["RejectedFile", "StampFile", "StampIndex"]


@dataclass(frozen=True)
class StampFile:
    """One file that holds, by its name or a manifest, a stamp.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file; of one in a shard, the shard's path and the file's name in it.
    source : str
        Name of the source.
    survey : str
        Name of the survey as the registry spells it.
    band : str or None
        Name of the band, as the survey spells it where it has one of that name; None
        for a stack of bands.
    hdu : int, str or None
        The HDU with the image; None to find it.
    target : `~astropy.coordinates.SkyCoord` or None
        Position of the source, where a manifest gives it.
    packed : `~astro_vbinary.stamps.PackedStamp` or None
        Where the bytes of a file in a shard are; None for a file of its own.
    """

    path: Path
    source: str
    survey: str
    band: str | None = None
    hdu: int | str | None = None
    target: SkyCoord | None = field(default=None, compare=False)
    packed: PackedStamp | None = field(default=None, compare=False, repr=False)

    @property
    def location(self):
        """What reads the file: ``packed`` if it is in a shard, else ``path``."""
        return self.packed or self.path


@dataclass(frozen=True)
class RejectedFile:
    """One file that cannot be given a place in an index.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    status : `~astro_vbinary.status.Status`
        Why, for the file's row in a catalogue.
    reason : str
        Why, in words.
    source, survey, band : str or None
        What is known of it; the survey as it was given where it is not known.
    packed : `~astro_vbinary.stamps.PackedStamp` or None
        Where the bytes of a file in a shard are; None for a file of its own.
    """

    path: Path
    status: Status
    reason: str
    source: str | None = None
    survey: str | None = None
    band: str | None = None
    packed: PackedStamp | None = field(default=None, compare=False, repr=False)


class StampIndex(Sequence):
    """Stamp files in the order in which they were found.

    No file is opened, but for shards, and for the first six bytes of those whose names
    tell nothing.

    Parameters
    ----------
    files : iterable of StampFile
        The files. Of several of one source, survey and band the first is kept and
        the others are rejected.
    rejected : iterable of RejectedFile, optional
        Files that should have a place and cannot.
    ignored : int, optional
        Number of files in folders that are no stamps.

    Attributes
    ----------
    rejected : tuple of RejectedFile
        Files that should have a place and cannot.
    ignored : int
        Number of files in folders that are no stamps.

    Examples
    --------
    >>> from astro_vbinary.stamps import StampFile, StampIndex
    >>> StampIndex([StampFile("1_g_SDSS9.fits", "1", "SDSS9", "g")])
    <StampIndex: 1 file, 1 stack, 0 rejected, 0 ignored>
    """

    def __init__(self, files, *, rejected=(), ignored=0):
        kept, rejected = {}, list(rejected)
        for file in files:
            key = (file.source, file.survey, file.band)
            first = kept.setdefault(key, file)
            if first is not file:
                reason = f"duplicate of {first.path}"
                rejected.append(
                    RejectedFile(
                        file.path, Status.DUPLICATE, reason, *key, packed=file.packed
                    )
                )
        self._files = tuple(kept.values())
        self.rejected = tuple(rejected)
        self.ignored = ignored

    @classmethod
    def from_paths(cls, paths, *, templates=DEFAULT_TEMPLATES, recursive=True):
        """Make an index of files and of what is in folders and shards.

        In a folder a file counts where it has a suffix of FITS files, where its name
        fits a template and ends in a known survey, or where it begins as FITS files
        do; hidden ones do not. A file that is named itself always counts. What is in
        a shard (`~astro_vbinary.stamps.pack`) keeps the place and the order that it
        had when it was packed.

        Parameters
        ----------
        paths : str, `~pathlib.Path`, or an iterable of them
            Files, folders and shards.
        templates : sequence of str or `NamingTemplate`, optional
            How names are understood; the first that fits is taken. In a shard, only
            files are looked at whose names told nothing when they were packed.
        recursive : bool, optional
            Whether folders in folders are searched too.

        Returns
        -------
        StampIndex
            The index; the content of a folder is in the order of the names.

        Raises
        ------
        FileNotFoundError
            If a path does not exist.
        ValueError
            If a template is malformed.
        """
        templates = as_templates(templates)
        paths = [paths] if isinstance(paths, str | Path) else list(paths)
        entries, packings, ignored = [], {}, 0
        for path, named, reason in find_files(paths, recursive=recursive):
            if reason is None and looks_like_shard(path, named=named):
                packing = find_packing(path)
                if packing not in packings:
                    packings[packing] = []
                    entries.append(packings[packing])
                packings[packing].append(path)
                continue
            entry = _place(path, templates)
            counts = named or has_fits_suffix(path.name)
            counts = counts or isinstance(entry, StampFile)
            if reason is not None and (counts or path.is_dir()):
                entries.append(RejectedFile(path, Status.UNREADABLE, reason))
            elif reason is None and (counts or begins_as_fits(path)):
                entries.append(entry)
            else:
                ignored += 1
        entries = list(_flatten(entries, templates))
        files = [entry for entry in entries if isinstance(entry, StampFile)]
        rejected = [entry for entry in entries if not isinstance(entry, StampFile)]
        return cls(files, rejected=rejected, ignored=ignored)

    @classmethod
    def from_manifest(cls, manifest, *, root=None):
        """Make an index from a table with one row a file.

        Parameters
        ----------
        manifest : `~astropy.table.Table`, str or `~pathlib.Path`
            A table, or a file that astropy reads as one, with the columns ``path``,
            ``source``, ``survey`` and ``band``, and perhaps ``hdu`` and ``ra`` with
            ``dec`` (ICRS, deg where the columns have no unit). A ``band`` that is
            empty, masked or ``stacked`` is that of a stack.
        root : str or `~pathlib.Path`, optional
            The folder that relative paths start from; by default that of the
            manifest, or the current one for a table.

        Returns
        -------
        StampIndex
            The index, in the order of the rows. A row whose file is missing is
            rejected, and so is one without a name or a known survey.

        Raises
        ------
        FileNotFoundError
            If there is no such manifest.
        ValueError
            If the manifest cannot be read or lacks a column.
        """
        from astro_vbinary.stamps.manifest import read_manifest

        files, rejected = [], []
        for row in read_manifest(manifest, root=root):
            entry = _check(**row)
            if isinstance(entry, StampFile) and not entry.path.is_file():
                entry = RejectedFile(
                    entry.path,
                    Status.UNREADABLE,
                    f"there is no file {entry.path}",
                    entry.source,
                    entry.survey,
                    entry.band,
                )
            (files if isinstance(entry, StampFile) else rejected).append(entry)
        return cls(files, rejected=rejected)

    def groups(self):
        """Files of each source and survey.

        Returns
        -------
        dict
            Tuples of `StampFile` by (source, survey), in the order of the index; a
            stack of bands first, then the survey's bands in its order, then others.
        """
        groups = {}
        for file in self._files:
            groups.setdefault((file.source, file.survey), []).append(file)
        return {key: tuple(sorted(f, key=_band_order)) for key, f in groups.items()}

    def __getitem__(self, item):
        return self._files[item]

    def __len__(self):
        return len(self._files)

    def __repr__(self):
        stacks = len({(file.source, file.survey) for file in self._files})
        return (
            f"<StampIndex: {_count(len(self), 'file')}, {_count(stacks, 'stack')}, "
            f"{len(self.rejected)} rejected, {self.ignored} ignored>"
        )


def _count(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _band_order(file):
    if file.band is None:
        return (-1, "")
    names = get_survey(file.survey).band_names
    return (names.index(file.band) if file.band in names else len(names), file.band)


def _flatten(entries, templates):
    """The entries, with those of its files in the place of each list of shards."""
    for entry in entries:
        if isinstance(entry, list):
            yield from read_entries(
                entry,
                place=partial(_place, templates=templates),
                check=_check,
                reject=partial(RejectedFile, status=Status.UNREADABLE),
            )
        else:
            yield entry


def _place(path, templates):
    """A file's entry by its name: a `StampFile`, or a `RejectedFile`."""
    entry = None
    # A survey is looked for before and after a suffix such as .txt is taken off.
    for name in dict.fromkeys((path.name, without_other_suffix(path.name))):
        try:
            parts = parse_name(name, templates=templates)
        except StampNameError as error:
            failed = RejectedFile(path, Status.UNNAMED, str(error))
        else:
            failed = _check(path, parts.source, parts.survey, parts.band)
            if isinstance(failed, StampFile):
                return failed
        entry = entry or failed
    return entry


def _check(path, source, survey, band, hdu=None, target=None):
    """An entry for a file of which these are told."""
    if not source or not survey:
        missing = "source" if not source else "survey"
        reason = f"nothing tells the {missing} of {path.name}"
        return RejectedFile(path, Status.UNNAMED, reason, source, survey, band)
    try:
        known = get_survey(survey)
    except UnknownSurveyError as error:
        return RejectedFile(
            path, Status.UNKNOWN_SURVEY, str(error), source, survey, band
        )
    if band is not None:
        # An image is an image, whatever its filter.
        with suppress(UnknownBandError):
            band = known.band(band).name
    return StampFile(path, source, known.name, band, hdu, target)
