"""The stamps of one source in the bands of one survey."""

import html
from collections.abc import Sequence

import astropy.units as u

from astro_vbinary.exceptions import (
    AlignmentError,
    NoDataError,
    StampError,
    TargetOutsideError,
    UnreadableStampError,
)
from astro_vbinary.stamps.aligned import AlignedStack, empty_like
from astro_vbinary.stamps.alignment import align_image, check_engine
from astro_vbinary.stamps.grid import SkyGrid, sky_to_pixel
from astro_vbinary.stamps.motion import position_at
from astro_vbinary.stamps.stamp import SurveyStamp, thumbnail
from astro_vbinary.surveys import resolution_group

__all__ = ["StampStack", "tell_dropped"]

#: Side of the square read from images much larger than a stamp.
READ_SIZE = 20 * u.arcsec


class StampStack(Sequence):
    """The stamps of one source in the bands of one survey, each on its own pixels.

    Parameters
    ----------
    stamps : sequence of `SurveyStamp`
        At least one; all of one survey and one source.
    target : `~astropy.coordinates.SkyCoord`, optional
        Position of the source; else the first stamp's target is taken, and
        where no stamp has one, the centre of the first.

    Attributes
    ----------
    dropped : tuple of (`~pathlib.Path`, `~astro_vbinary.exceptions.VBinaryError`)
        Files that `read` could not use, or that `fetch` could not get.

    Raises
    ------
    AlignmentError
        If there is no stamp, or they differ in survey or source.
    """

    def __init__(self, stamps, *, target=None):
        stamps = tuple(stamps)
        if not stamps:
            raise AlignmentError("a stack needs at least one stamp")
        for name in ("survey", "source"):
            values = {getattr(stamp, name) for stamp in stamps}
            if len(values) > 1:
                shown = ", ".join(sorted(str(v) for v in values))
                raise AlignmentError(f"stamps of more than one {name}: {shown}")
        self._stamps = stamps
        self._target = target
        self.dropped = ()

    @classmethod
    def read(cls, paths, *, source=None, survey=None, target=None, on_error="raise"):
        """Read a stack from FITS files, or from shards of them.

        Parameters
        ----------
        paths : str, `~pathlib.Path`, or a sequence of them
            Files, or folders whose files are named after their source, band
            and survey; or shards (`~astro_vbinary.stamps.pack`).
        source, survey : str, optional
            Which source and survey; needed where the paths hold several.
        target : `~astropy.coordinates.SkyCoord`, optional
            Position of the source.
        on_error : {"raise", "drop"}, optional
            Whether a file that cannot be used raises, or is left out and listed
            in ``dropped``. With none left, the first error is raised.

        Returns
        -------
        StampStack
            The stack.

        Raises
        ------
        AlignmentError
            If the paths hold no such stack, or more than one.
        StampError
            If a file cannot be used.
        FileNotFoundError
            If a path does not exist.
        """
        from astro_vbinary.stamps.index import StampIndex
        from astro_vbinary.surveys import get_survey

        name = None if survey is None else get_survey(survey).name
        groups = {
            key: files
            for key, files in StampIndex.from_paths(paths).groups().items()
            if (source is None or key[0] == str(source))
            and (name is None or key[1] == name)
        }
        if len(groups) != 1:
            wanted = f"source {source!r}, survey {survey!r}"
            found = ", ".join(f"{s} in {v}" for s, v in list(groups)[:5]) or "none"
            raise AlignmentError(f"need one stack for {wanted}; found {found}")
        return cls.read_files(
            next(iter(groups.values())), target=target, on_error=on_error
        )

    @classmethod
    def read_files(cls, files, *, target=None, on_error="raise"):
        """Read a stack from the entries of a `StampIndex`.

        Parameters
        ----------
        files : sequence of `StampFile`
            One a band.
        target : `~astropy.coordinates.SkyCoord`, optional
            Position of the source.
        on_error : {"raise", "drop"}, optional
            As for `read`.

        Returns
        -------
        StampStack
            The stack.

        Raises
        ------
        StampError
            If a file cannot be used.
        ValueError
            If ``on_error`` is neither of the two.
        """
        if on_error not in ("raise", "drop"):
            raise ValueError(f"on_error must be 'raise' or 'drop', not {on_error!r}")
        if target is None:
            target = next((f.target for f in files if f.target is not None), None)
        stamps, dropped = [], []
        for file in files:
            try:
                stamps.append(
                    SurveyStamp.read(
                        file.location,
                        survey=file.survey,
                        band=file.band,
                        source=file.source,
                        hdu=file.hdu,
                        target=target,
                        size=READ_SIZE,
                    )
                )
            except StampError as error:
                if on_error == "raise":
                    raise
                dropped.append((file.path, error))
            except FileNotFoundError:
                if on_error == "raise":
                    raise
                # It was there when the index was made.
                error = UnreadableStampError(f"there is no file {file.path} any more")
                dropped.append((file.path, error))
        if not stamps:
            raise dropped[0][1]
        stack = cls(stamps, target=target)
        stack.dropped = tuple(dropped)
        return stack

    @classmethod
    def fetch(cls, coord, *, survey, bands=None, size=None, **options):
        """Fetch the stamps of a source from a survey's archive.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord` or str
            Position of the source; or a text with one, such as ``"83.82 -5.39"``; or a
            name that Sesame knows.
        survey : str
            Which survey.
        bands : sequence of str, optional
            Which bands; by default all that the archive has.
        size : `~astropy.units.Quantity`, optional
            Side of the stamps, an angle; by default 20 arcsec.
        **options
            As for `SurveyStamp.fetch`.

        Returns
        -------
        StampStack
            The bands that there are; ``dropped`` tells of the others.

        Raises
        ------
        ~astro_vbinary.exceptions.FetchError
            If there is none, or none can be fetched; its ``outcome`` says which.
        UnknownArchiveError
            If the survey has no archive that is known.
        """
        from astro_vbinary.archives.single import fetch_files

        def make(name, source, position, files):
            stamps = [
                SurveyStamp.read(
                    path, survey=name, band=band, source=source, target=position
                )
                for band, path, error in files
                if error is None
            ]
            dropped = tuple((path, error) for _, path, error in files if error)
            if not stamps:
                raise dropped[0][1]
            stack = cls(stamps, target=position)
            stack.dropped = dropped
            return stack

        return fetch_files(
            make, coord, survey=survey, bands=bands, size=size, **options
        )

    def __getitem__(self, item):
        return self._stamps[item]

    def __len__(self):
        return len(self._stamps)

    @property
    def survey(self):
        """The `~astro_vbinary.surveys.Survey`, or None."""
        return self._stamps[0].survey

    @property
    def source(self):
        """Name of the source (str), or None."""
        return self._stamps[0].source

    @property
    def bands(self):
        """Names of the bands, a tuple of str or None."""
        return tuple(stamp.band for stamp in self._stamps)

    @property
    def target(self):
        """The source's `~astropy.coordinates.SkyCoord`."""
        if self._target is not None:
            return self._target
        given = [s.target for s in self._stamps if not s.target_assumed]
        return given[0] if given else self._stamps[0].center

    @property
    def target_assumed(self):
        """Whether the centre of a stamp stands in for a position (bool)."""
        return self._target is None and all(s.target_assumed for s in self._stamps)

    def align(self, grid=None, *, engine="auto"):
        """Bring every band to one grid.

        Parameters
        ----------
        grid : `SkyGrid`, optional
            The grid; by default that of the survey's resolution group, around
            the target. Where the target has a proper motion, each band's grid
            is centred on where the target was at the band's epoch.
        engine : str, optional
            One of `~astro_vbinary.stamps.ENGINES`.

        Returns
        -------
        AlignedStack
            The bands, masked where they have no data.

        Raises
        ------
        AlignmentError
            If no grid is given and the survey is not known.
        TargetOutsideError
            If the target is on none of the stamps.
        NoDataError
            If no stamp has a valid pixel on the grid.
        ValueError
            If the engine is unknown.
        """
        check_engine(engine)
        if grid is None:
            if self.survey is None:
                raise AlignmentError("stamps of no known survey need a grid")
            group = resolution_group(self.survey).number
            grid = SkyGrid.for_group(group, position_at(self.target, None))
        if not any(self._holds(stamp) for stamp in self):
            raise TargetOutsideError(
                f"the target {self.target.to_string()} is on none of the "
                f"{len(self)} stamps"
            )
        data, mask, sigma, footprint = empty_like(grid, len(self))
        for number, stamp in enumerate(self):
            own = grid
            if stamp.epoch is not None and self.target.data.differentials:
                own = grid.at(position_at(self.target, stamp.epoch))
            image, bad, spread, cover = align_image(
                stamp.data,
                stamp.wcs,
                own,
                mask=stamp.bad,
                uncertainty=stamp.sigma,
                unit=stamp.unit,
                engine=engine,
            )
            data[number], mask[number], footprint[number] = image, bad, cover
            if spread is not None:
                sigma[number] = spread
        if mask.all():
            raise NoDataError("no stamp has a valid pixel around the target")
        has_sigma = any(stamp.uncertainty is not None for stamp in self)
        return AlignedStack(
            data,
            grid,
            bands=self.bands,
            survey=self.survey,
            source=self.source,
            mask=mask,
            uncertainty=sigma if has_sigma else None,
            footprint=footprint,
            target_assumed=self.target_assumed,
            meta={"engine": engine, "dropped": self.dropped},
        )

    def _holds(self, stamp):
        position = position_at(self.target, stamp.epoch)
        x, y = sky_to_pixel(stamp.wcs, position)
        ny, nx = stamp.shape
        if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
            return False
        # Far outside an image, a distortion can lead back into it.
        back = stamp.wcs.pixel_to_world(x, y).icrs
        return back.separation(position) < 1 * u.arcsec

    def __repr__(self):
        names = (self.source, self.survey and self.survey.name)
        label = " ".join(name for name in names if name)
        bands = ",".join(band or "stacked" for band in self.bands)
        return f"<StampStack {label + ' ' if label else ''}[{bands}]>"

    def _repr_html_(self):
        pictures = " ".join(thumbnail(s.data, s.mask) for s in self._stamps[:5])
        return html.escape(repr(self)) + "<br>" + pictures


def tell_dropped(dropped):
    """The files of a stack that could not be used, in words.

    Parameters
    ----------
    dropped : sequence of tuple
        Paths and errors, as in `StampStack.dropped`.

    Returns
    -------
    str
        Empty where there is none.
    """
    return "; ".join(f"{path.name}: {error}" for path, error in dropped)
