"""The stamps of a stack as the batch engine takes them: arrays and maps, few objects.

A plain file is read from its bytes (`astro_vbinary.stamps.plain`); any other by
`SurveyStamp.read`, with the same checks and the same errors.
"""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.exceptions import StampError
from astro_vbinary.stamps.alignment import is_surface_brightness
from astro_vbinary.stamps.blank import find_blank, find_hot
from astro_vbinary.stamps.celestial import SMALLEST_SIDE, shift_wcs
from astro_vbinary.stamps.grid import sky_to_pixel
from astro_vbinary.stamps.headers import unit_from_header
from astro_vbinary.stamps.motion import position_at
from astro_vbinary.stamps.plain import (
    PIXEL_TYPES,
    PlainImage,
    pixels_of,
    read_plain,
    sky_of,
    tangent_vectors,
    to_angles,
    to_vectors,
)
from astro_vbinary.stamps.stamp import SurveyStamp

__all__ = ["LightStack", "LightStamp", "find_bad", "map_pixels", "read_shards"]

#: Files larger than this (bytes) are left to the reader that reads parts of them.
LARGEST_FILE = 32 * 2**20

#: One pixel in so many tells level and noise of an image well enough.
SAMPLE = 4

#: Columns of shards that tell how a plain image is to be read.
WCS_COLUMNS = (
    "crval1",
    "crval2",
    "crpix1",
    "crpix2",
    "cd1_1",
    "cd1_2",
    "cd2_1",
    "cd2_2",
)
SHARD_COLUMNS = (
    *WCS_COLUMNS,
    "wcs_plain",
    "equinox",
    "bscale",
    "bzero",
    "blank",
    "unit",
)

#: Types of pixels in memory by those in files.
NATIVE_TYPES = {np.dtype(s).str.lstrip("|"): t for s, t in PIXEL_TYPES.values()}

#: What is not known yet.
UNKNOWN = object()


@dataclass(slots=True, eq=False, repr=False)
class LightStamp:
    """One band of a stack.

    Attributes
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), float.
    band : str or None
        Its name.
    plain : PlainImage or None
        What it was read from, in part or as a whole.
    corner : tuple of int
        (x, y) of the first pixel on the plain image.
    stamp : SurveyStamp or None
        The stamp, where the file was none of the plain ones.
    bad : `~numpy.ndarray` of bool or None
        Shape (ny, nx), as `SurveyStamp.bad`; None where no pixel is. `find_bad` fills
        it in.
    location : `~pathlib.Path`, `~astro_vbinary.stamps.PackedStamp` or None
        Where a plain image is from.
    """

    data: np.ndarray
    band: str | None = None
    plain: PlainImage | None = None
    corner: tuple[int, int] = (0, 0)
    stamp: SurveyStamp | None = None
    bad: object = UNKNOWN
    location: object = None

    @classmethod
    def of(cls, stamp):
        """One that stands for a stamp.

        Parameters
        ----------
        stamp : SurveyStamp
            The stamp.

        Returns
        -------
        LightStamp
            With the same pixels.
        """
        bad = stamp.bad
        bad = bad if bad.any() else None
        return cls(stamp.data, stamp.band, stamp=stamp, bad=bad)

    def as_stamp(self):
        """The stamp that this one stands for.

        Returns
        -------
        SurveyStamp
            With pixels, WCS and unit.
        """
        if self.stamp is not None:
            return self.stamp
        whole = SurveyStamp.read(self.location)
        (x, y), (ny, nx) = self.corner, self.data.shape
        wcs = shift_wcs(whole.wcs, (slice(y, y + ny), slice(x, x + nx)))
        return SurveyStamp(
            self.data, wcs, band=self.band, unit=whole.unit, epoch=whole.epoch
        )

    def center(self):
        """Right ascension and declination of the middle, ICRS, in deg."""
        if self.plain is None:
            center = self.stamp.center
            return np.array([center.ra.deg, center.dec.deg])
        ny, nx = self.data.shape
        x, y = self.corner
        return _sky_of(self.plain, [x + (nx - 1) / 2, y + (ny - 1) / 2])

    @property
    def surface_brightness(self):
        """Whether values are per solid angle (bool)."""
        if self.plain is None:
            return is_surface_brightness(self.stamp.unit)
        return _is_surface_brightness(self.plain.unit)

    def moved(self, target):
        """Where a target is when this image is taken.

        Parameters
        ----------
        target : `~astropy.coordinates.SkyCoord`
            The target, with a proper motion.

        Returns
        -------
        `~numpy.ndarray`
            Shape (2,): right ascension and declination, ICRS, in deg.
        """
        position = position_at(target, self.as_stamp().epoch)
        return np.array([position.ra.deg, position.dec.deg])


@dataclass(slots=True, eq=False, repr=False)
class LightStack:
    """The bands of one source and survey, each on its own pixels.

    Attributes
    ----------
    stamps : list of LightStamp
        One a band.
    source : str or None
        The source.
    survey : `~astro_vbinary.surveys.Survey` or None
        The survey.
    target : `~astropy.coordinates.SkyCoord` or None
        The position that was given.
    dropped : tuple
        As in `StampStack`.
    """

    stamps: list
    source: str | None = None
    survey: object = None
    target: SkyCoord | None = None
    dropped: tuple = ()

    @classmethod
    def read_files(cls, files, *, survey, size, target=None, images=None):
        """Read a stack as `StampStack.read_files` does, leaving out bad files.

        Parameters
        ----------
        files : sequence of `StampFile`
            One a band.
        survey : `~astro_vbinary.surveys.Survey`
            Their survey.
        size : `~astropy.units.Quantity`
            Side of the square around the target that is read of larger images.
        target : `~astropy.coordinates.SkyCoord`, optional
            Position of the source.
        images : dict of int to PlainImage, optional
            What `read_shards` has read already, by the files' identity.

        Returns
        -------
        LightStack
            The stack.

        Raises
        ------
        StampError
            If no file can be used.
        """
        if target is None:
            target = next((f.target for f in files if f.target is not None), None)
        stamps, dropped = [], []
        still = not _moves(target)
        place = None
        if target is not None and still:
            place = np.array([target.icrs.ra.deg, target.icrs.dec.deg])
        width = size.to_value(u.deg)
        for file in files:
            try:
                made = None
                if still and file.hdu is None:
                    plain = None if images is None else images.get(id(file))
                    made = _read_plain(file, plain, place, width)
                if made is None:
                    made = LightStamp.of(_read(file, target, size))
                stamps.append(made)
            except StampError as error:
                dropped.append((file.path, error))
        if not stamps:
            raise dropped[0][1]
        return cls(stamps, files[0].source, survey, target, tuple(dropped))

    @classmethod
    def of(cls, stack):
        """One that stands for a stack.

        Parameters
        ----------
        stack : StampStack
            The stack.

        Returns
        -------
        LightStack
            With the same pixels.
        """
        stamps = [LightStamp.of(stamp) for stamp in stack]
        target = None if stack.target_assumed else stack.target
        return cls(stamps, stack.source, stack.survey, target, stack.dropped)

    @property
    def bands(self):
        """Names of the bands, a tuple of str or None."""
        return tuple(stamp.band for stamp in self.stamps)

    def centers(self):
        """Where each band's grid is centred, and the stack's.

        Returns
        -------
        own : `~numpy.ndarray`
            Shape (n_band, 2): right ascension and declination, ICRS, in deg.
        common : `~numpy.ndarray`
            Shape (2,), likewise.
        """
        if self.target is None:
            common = self.stamps[0].center()
        else:
            position = position_at(self.target, None)
            common = np.array([position.ra.deg, position.dec.deg])
        if _moves(self.target):
            return np.array([s.moved(self.target) for s in self.stamps]), common
        return np.broadcast_to(common, (len(self.stamps), 2)), common


def read_shards(files):
    """Read plain images of shards together.

    Parameters
    ----------
    files : sequence of `StampFile`
        Files, in shards or not.

    Returns
    -------
    dict of int to PlainImage
        The plain images among those in shards, by the files' identity.
    """
    from astro_vbinary.stamps.shards import read_packed

    packed = [file for file in files if file.packed is not None and file.hdu is None]
    if not packed:
        return {}
    batch = read_packed(packed, columns=SHARD_COLUMNS, headers=False)
    columns = batch.columns
    sound = columns["wcs_plain"] & (columns["bscale"] == 1) & (columns["bzero"] == 0)
    sound &= np.isnan(columns["blank"])
    numbers = np.stack([columns[name] for name in WCS_COLUMNS], axis=-1)
    numbers[:, 2:4] -= 1
    made = {}
    for place in np.flatnonzero(sound):
        data = batch.images[place]
        native = NATIVE_TYPES.get(None if data is None else data.dtype.str.lstrip("|"))
        if native is None or min(data.shape) < SMALLEST_SIDE:
            continue
        made[id(packed[place])] = PlainImage(
            data.astype(native),
            tuple(numbers[place].tolist()),
            not np.isnan(columns["equinox"][place]),
            columns["unit"][place],
        )
    return made


def map_pixels(stamps, vectors):
    """Pixels of directions on the sky.

    Parameters
    ----------
    stamps : sequence of LightStamp
        The m images.
    vectors : `~numpy.ndarray`
        Shape (m, n, 3), ICRS.

    Returns
    -------
    `~numpy.ndarray`
        Shape (m, n, 2), float64: (x, y); NaN where there is none.
    """
    made = np.empty((*vectors.shape[:2], 2))
    plain = np.array([stamp.plain is not None for stamp in stamps], dtype=bool)
    chosen = [stamp for stamp in stamps if stamp.plain is not None]
    if chosen:
        wcs = np.array([stamp.plain.wcs for stamp in chosen])
        fk5 = np.array([stamp.plain.fk5 for stamp in chosen])
        corner = np.array([stamp.corner for stamp in chosen])
        made[plain] = pixels_of(wcs, fk5, vectors[plain]) - corner[:, None]
    for number in np.flatnonzero(~plain):
        world = to_angles(vectors[number])
        position = SkyCoord(world[:, 0], world[:, 1], unit="deg", frame="icrs")
        made[number] = np.stack(
            sky_to_pixel(stamps[number].stamp.wcs, position), axis=-1
        )
    return made


def find_bad(stamps):
    """Fill in the pixels without a measurement, at little cost where there are none.

    Parameters
    ----------
    stamps : sequence of LightStamp
        The images.
    """
    groups = {}
    for stamp in stamps:
        if stamp.bad is UNKNOWN:
            groups.setdefault((stamp.data.shape, stamp.data.dtype), []).append(stamp)
    for same in groups.values():
        sample = np.array([stamp.data.ravel()[::SAMPLE] for stamp in same])
        level = _medians(sample)
        noise = 1.4826 * _medians(np.abs(sample - level[:, None]))
        for stamp, own_level, own_noise in zip(same, level, noise, strict=True):
            stamp.bad = None
            if _may_be_bad(stamp.data, own_level, own_noise):
                data = stamp.data
                bad = ~np.isfinite(data) | find_blank(data) | find_hot(data)
                stamp.bad = bad if bad.any() else None


def _medians(rows):
    """Of each row, the upper one of two; without any care for what is no number."""
    middle = rows.shape[1] // 2
    return np.partition(rows, middle, axis=1)[:, middle]


def _may_be_bad(data, level, noise):
    """Whether any pixel could be; False only where certainly none is.

    Level and noise of a sample of the pixels stand for the image's, with a wide margin.
    """
    peak = data.max()
    if not (noise > 0 and np.isfinite(peak) and np.isfinite(level)):
        return True
    if not np.isfinite(data.min()) or not data.all():
        return True
    flat = np.flatnonzero(data > level + 15 * noise)
    if not len(flat):
        return False
    ny, nx = data.shape
    y, x = np.divmod(flat, nx)
    inner = (y > 0) & (y < ny - 1) & (x > 0) & (x < nx - 1)
    value = data.ravel()[flat]
    if not inner.all() or (value == peak).sum() > 1:
        return True
    steps = np.array([-nx - 1, -nx, -nx + 1, -1, 1, nx - 1, nx, nx + 1])
    highest = data.ravel()[flat[:, None] + steps].max(axis=1) - level
    return bool((value - level > 4 * highest - noise).any())


def _moves(target):
    return target is not None and "s" in target.data.differentials


def _read(file, target, size):
    return SurveyStamp.read(
        file.location,
        survey=file.survey,
        band=file.band,
        source=file.source,
        hdu=file.hdu,
        target=target,
        size=size,
    )


def _read_plain(file, plain, target, size):
    """The wanted part of a plain image; None where `SurveyStamp.read` is to tell."""
    if plain is None:
        plain = None if file.packed is not None else _open_plain(file.path)
    window = None if plain is None else _window(plain, target, size)
    if window is None:
        return None
    data = plain.data[window]
    if not data.min() < data.max():  # constant, or not finite in places
        finite = data[np.isfinite(data)]
        if not finite.size or finite.min() == finite.max():
            return None
    corner = window[1].start, window[0].start
    return LightStamp(data, file.band, plain, corner, location=file.location)


def _open_plain(path):
    try:
        with Path(path).open("rb", buffering=0) as stream:
            if os.fstat(stream.fileno()).st_size > LARGEST_FILE:
                return None
            content = stream.readall()
    except OSError:
        return None
    return read_plain(content)


def _window(plain, target, size):
    """The part that `SurveyStamp.read` would read; None where the target is off."""
    ny, nx = plain.data.shape
    middle = ((nx - 1) / 2, (ny - 1) / 2)
    center = None
    if target is not None:
        center = target[None]
        middle = _pixels_of(plain, to_vectors(center))[0]
        inside = (middle >= -0.5) & (middle <= [nx - 0.5, ny - 0.5])
        if not inside.all():
            return None
    whole = (slice(0, ny), slice(0, nx))
    x, y = middle
    farthest = max(x, y, nx - 1 - x, ny - 1 - y)
    if (farthest + 1) * plain.pixel_side < size / 2:
        return whole
    if center is None:
        center = _sky_of(plain, middle)[None]
    angle = np.arange(8) * np.pi / 4
    half = np.deg2rad(size / 2)
    reach = np.tan(np.where(np.arange(8) % 2, np.sqrt(2), 1) * half)
    offsets = reach[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    edge = _pixels_of(plain, tangent_vectors(center, offsets)[0])
    half = np.maximum(np.abs(edge - middle).max(axis=0), SMALLEST_SIDE)
    if not np.isfinite(half).all():
        return whole
    return tuple(
        slice(max(int(np.floor(at - by)), 0), min(int(np.ceil(at + by)) + 1, length))
        for at, by, length in zip(middle[::-1], half[::-1], (ny, nx), strict=True)
    )


def _pixels_of(plain, vectors):
    made = pixels_of(np.array([plain.wcs]), np.array([plain.fk5]), vectors[None])
    return made[0]


def _sky_of(plain, pixel):
    return sky_of(np.array([plain.wcs]), np.array([plain.fk5]), np.array([pixel]))[0]


@lru_cache(maxsize=64)
def _is_surface_brightness(text):
    return is_surface_brightness(unit_from_header({"BUNIT": text}))
