"""The stamps of a stack as the batch engine takes them: arrays and maps, few objects.

How they are read is in ``light_reading.py``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.stamps.alignment import is_surface_brightness
from astro_vbinary.stamps.celestial import shift_wcs
from astro_vbinary.stamps.directions import to_angles
from astro_vbinary.stamps.grid import sky_to_pixel
from astro_vbinary.stamps.headers import unit_from_header
from astro_vbinary.stamps.motion import moves, position_at
from astro_vbinary.stamps.plain import (
    PlainImage,
    pixels_of,
    sky_of,
)
from astro_vbinary.stamps.stamp import SurveyStamp

__all__ = [
    "LightStack",
    "LightStamp",
    "find_centers",
    "map_pixels",
    "plain_center",
]

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
    level : float or None
        A value near the background's, which `find_bad` finds where no pixel is bad.
    location : `~pathlib.Path`, `~astro_vbinary.stamps.PackedStamp` or None
        Where a plain image is from.
    """

    data: np.ndarray
    band: str | None = None
    plain: PlainImage | None = None
    corner: tuple[int, int] = (0, 0)
    stamp: SurveyStamp | None = None
    bad: object = UNKNOWN
    level: float | None = None
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
        return plain_center(self.plain, self.middle)

    @property
    def middle(self):
        """The middle's pixel (x, y) on the plain image."""
        (x, y), (ny, nx) = self.corner, self.data.shape
        return x + (nx - 1) / 2, y + (ny - 1) / 2

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
    place : `~numpy.ndarray` or None
        Right ascension and declination of a target that does not move, ICRS, in deg,
        where they are known already.
    """

    stamps: list
    source: str | None = None
    survey: object = None
    target: SkyCoord | None = None
    dropped: tuple = ()
    place: object = None

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


def find_centers(stacks):
    """Where the grids of many stacks are centred.

    Parameters
    ----------
    stacks : sequence of LightStack
        The n stacks.

    Returns
    -------
    own : `~numpy.ndarray`
        Shape (m, 2), for every band: right ascension and declination, ICRS, in deg.
    common : `~numpy.ndarray`
        Shape (n, 2), for every stack, likewise.
    """
    common = np.empty((len(stacks), 2))
    own = np.empty((sum(len(stack.stamps) for stack in stacks), 2))
    middles, start = [], 0
    for number, stack in enumerate(stacks):
        first = stack.stamps[0]
        bands = slice(start, start + len(stack.stamps))
        start = bands.stop
        if stack.place is not None:
            own[bands] = common[number] = stack.place
        elif stack.target is None and first.plain is not None:
            middles.append((number, bands, first))
        elif stack.target is None:
            own[bands] = common[number] = first.center()
        else:
            place = position_at(stack.target, None)
            common[number] = place.ra.deg, place.dec.deg
            own[bands] = common[number]
            if moves(stack.target):
                own[bands] = [stamp.moved(stack.target) for stamp in stack.stamps]
    if middles:
        wcs = np.array([first.plain.wcs for *_, first in middles])
        fk5 = np.array([first.plain.fk5 for *_, first in middles])
        pixels = np.array([first.middle for *_, first in middles])
        for (number, bands, _), place in zip(
            middles, sky_of(wcs, fk5, pixels), strict=True
        ):
            own[bands] = common[number] = place
    return own, common


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


def plain_center(plain, pixel):
    """The position of a pixel of a plain image.

    Parameters
    ----------
    plain : PlainImage
        The image.
    pixel : sequence of float
        (x, y), zero at the centre of the first.

    Returns
    -------
    `~numpy.ndarray`
        Shape (2,): right ascension and declination, ICRS, in deg.
    """
    return sky_of(np.array([plain.wcs]), np.array([plain.fk5]), np.array([pixel]))[0]


@lru_cache(maxsize=64)
def _is_surface_brightness(text):
    return is_surface_brightness(unit_from_header({"BUNIT": text}))
