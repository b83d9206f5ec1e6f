"""Read stacks for the batch engine: plain images from their bytes, others as ever."""

import io
import math
import os

import astropy.units as u
import numpy as np

from astro_vbinary.exceptions import StampError
from astro_vbinary.stamps.celestial import SMALLEST_SIDE
from astro_vbinary.stamps.directions import tangent_vectors, to_vectors
from astro_vbinary.stamps.light import LightStack, LightStamp, plain_center
from astro_vbinary.stamps.motion import moves
from astro_vbinary.stamps.plain import (
    PIXEL_TYPES,
    PlainImage,
    pixels_of,
    read_plain,
)
from astro_vbinary.stamps.stamp import SurveyStamp

__all__ = ["read_light", "read_shards"]

#: Files larger than this (bytes) are left to the reader that reads parts of them.
LARGEST_FILE = 32 * 2**20

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
NATIVE_TYPES = {np.dtype(s): t for s, t in PIXEL_TYPES.values()}


def read_light(files, *, survey, size, target=None, images=None):
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
    still = target is None or not moves(target)
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
    return LightStack(stamps, files[0].source, survey, target, tuple(dropped), place)


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
    numbers, units = numbers.tolist(), columns["unit"]
    fk5 = (~np.isnan(columns["equinox"])).tolist()
    made = {}
    for place in np.flatnonzero(sound).tolist():
        data = batch.images[place]
        native = None if data is None else NATIVE_TYPES.get(data.dtype)
        if native is None or min(data.shape) < SMALLEST_SIDE:
            continue
        made[id(packed[place])] = PlainImage(
            data.astype(native), tuple(numbers[place]), fk5[place], units[place]
        )
    return made


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
    if not _varies(data):
        return None
    corner = window[1].start, window[0].start
    return LightStamp(data, file.band, plain, corner, location=file.location)


def _varies(data):
    """Whether an image has two finite values; mostly two corners tell."""
    first, last = data.item(0), data.item(-1)
    if first != last and math.isfinite(first) and math.isfinite(last):
        return True
    finite = data[np.isfinite(data)]
    return bool(finite.size) and finite.min() < finite.max()


def _open_plain(path):
    try:
        with io.FileIO(path) as stream:
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
        center = plain_center(plain, middle)[None]
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
