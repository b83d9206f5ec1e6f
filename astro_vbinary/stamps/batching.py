"""The batch engine: the bands of many stacks onto their grids at once.

The way from a grid to a small image is very nearly affine: it is computed exactly on a
few points, distortions, frames and projections included, and an affine map is fitted.
Where a point is missed by more than a small fraction of a pixel the image goes one by
one through `align_image`; all others are resampled together (`resample`).
"""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.stamps.alignment import FINE_RATIO, SMOOTHING_RATIO, align_image
from astro_vbinary.stamps.directions import tangent_vectors
from astro_vbinary.stamps.grid import SkyGrid
from astro_vbinary.stamps.light import LightStack, find_centers, map_pixels
from astro_vbinary.stamps.light_screening import find_bad

__all__ = ["AlignedBands", "align_light", "align_one"]

#: Points along each axis of a grid on which its map is computed.
NODES = 5

#: Largest miss of an affine map, in pixels of the image.
TOLERANCE = 2e-3

#: Pixels kept around what a grid needs of an image: the spline's value depends on a
#: pixel so far away by 1e-7 of it, and where images are smoothed first by less.
MARGIN = 12

#: Images that are resampled together: what is at work stays in the processor's cache.
TOGETHER = 16

#: Sides of cut-out images are rounded up to a multiple of this.
SIDE_STEP = 4


@dataclass(slots=True, eq=False, repr=False)
class AlignedBands:
    """Bands of many stacks on one grid each.

    Attributes
    ----------
    data : `torch.Tensor`
        Shape (m, side, side), float32, in the order of the stacks, zero where masked;
        less its ``level`` where not.
    mask : `torch.Tensor` of bool
        Shape (m, side, side), True where there is no data.
    owner : `torch.Tensor`
        Shape (m,), int64: the stack that each band belongs to.
    level : `~numpy.ndarray`
        Shape (m,), float64: what was subtracted, so that single precision suffices.
    centers : `~numpy.ndarray`
        Shape (n, 2): right ascension and declination, ICRS, in deg.
    exact : `~numpy.ndarray` of bool
        Shape (m,): bands that went one by one.
    """

    data: object
    mask: object
    owner: object
    level: np.ndarray
    centers: np.ndarray
    exact: np.ndarray


def align_light(stacks, pixel_scale, side, *, device="cpu"):
    """Bring every band of many stacks to its stack's grid.

    Parameters
    ----------
    stacks : sequence of LightStack
        The stacks.
    pixel_scale : float
        Side of the grids' pixels in arcsec.
    side : int
        Their number along each axis.
    device : str or `torch.device`, optional
        Where to resample.

    Returns
    -------
    AlignedBands
        The bands.
    """
    import torch

    stamps = [stamp for stack in stacks for stamp in stack.stamps]
    owner = np.repeat(np.arange(len(stacks)), [len(s.stamps) for s in stacks])
    own, common = find_centers(stacks)
    find_bad(stamps)
    matrix, offset, fits = _affine_maps(stamps, own, pixel_scale, side)
    level = np.array([_level(stamp) for stamp in stamps])
    made = AlignedBands(
        torch.empty((len(stamps), side, side), device=device),
        torch.empty((len(stamps), side, side), dtype=torch.bool, device=device),
        torch.from_numpy(owner),
        level,
        common,
        ~fits,
    )
    for part in _alike(stamps, matrix, offset, fits, side):
        _resample_part(made, stamps, part, matrix, offset, side)
    for number in np.flatnonzero(~fits):
        _one_by_one(made, stamps, own, number, pixel_scale, side)
    return made


def align_one(stamp, grid):
    """One image, with masked pixels that are no numbers, as `align_image` gives it.

    Parameters
    ----------
    stamp : LightStamp
        The image.
    grid : `~astro_vbinary.stamps.SkyGrid`
        Where to; square.

    Returns
    -------
    data, mask : `~numpy.ndarray`
        Shape of the grid, float64 and bool.
    """
    center = grid.center.icrs
    stack = LightStack([stamp], None, None, SkyCoord(center.ra, center.dec))
    scale = grid.pixel_scale.to_value(u.arcsec)
    made = align_light([stack], scale, grid.shape[0])
    mask = made.mask[0].numpy()
    data = made.data[0].numpy().astype(float) + made.level[0]
    return np.where(mask, np.nan, data), mask


def _level(stamp):
    """A value near the background's; any will do that is not far from the pixels'."""
    if stamp.level is not None:
        return stamp.level
    if stamp.bad is None:
        return float(np.median(stamp.data.ravel()[::4]))
    good = stamp.data[~stamp.bad]
    return float(np.median(good)) if good.size else 0.0


def _affine_maps(stamps, centers, pixel_scale, side):
    """Affine maps from grids to images, and whether they fit."""
    axis = np.linspace(-1, 1, NODES) * (side - 1) / 2
    u_grid, v_grid = (plane.ravel() for plane in np.meshgrid(axis, axis))
    step = np.deg2rad(pixel_scale / 3600)
    # East is to the left.
    vectors = tangent_vectors(centers, step * np.stack([-u_grid, v_grid], axis=-1))
    pixels = map_pixels(stamps, vectors)
    design = np.stack([np.ones(len(u_grid)), u_grid, v_grid], axis=-1)
    found = np.linalg.pinv(design) @ pixels  # (m, 3, 2)
    with np.errstate(invalid="ignore"):
        miss = np.abs(design @ found - pixels).max(axis=(1, 2))
    matrix = found[:, 1:].transpose(0, 2, 1)
    offset = found[:, 0] - matrix.sum(axis=2) * (side - 1) / 2
    return matrix, offset, (miss < TOLERANCE) & (_areas(matrix) > 0)


def _areas(matrix):
    """Absolute determinants of maps."""
    a, b, c, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1]
    with np.errstate(invalid="ignore"):
        return np.abs(a * d - b * c)


def _alike(stamps, matrix, offset, fits, side):
    """Numbers of the images that one call can resample, a few at a time."""
    corner = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (side - 1)
    places = np.einsum("mij,kj->mki", np.nan_to_num(matrix), corner)
    places += np.nan_to_num(offset)[:, None]
    middle = places.mean(axis=1)
    reach = np.abs(places - middle[:, None]).max(axis=(1, 2))
    ratio = np.sqrt(_areas(matrix))
    slant = np.maximum(np.abs(matrix[:, 0, 1]), np.abs(matrix[:, 1, 0])) * side
    groups = {}
    for number in np.flatnonzero(fits):
        half = int(np.ceil((reach[number] + MARGIN) / SIDE_STEP)) * SIDE_STEP
        # One call smooths all its images alike.
        scale = 0.0 if ratio[number] < SMOOTHING_RATIO else round(ratio[number], 3)
        fine = ratio[number] < FINE_RATIO
        key = (
            half,
            round(float(ratio[number]), 2) if fine else scale,
            bool(slant[number] < 1e-3),
            stamps[number].bad is not None,
        )
        groups.setdefault(key, []).append(number)
    for (half, *_), numbers in groups.items():
        for start in range(0, len(numbers), TOGETHER):
            part = np.array(numbers[start : start + TOGETHER])
            corner = np.rint(middle[part]).astype(int) - half
            yield part, corner, 2 * half + 1


def _resample_part(made, stamps, part, matrix, offset, side):
    import torch

    from astro_vbinary.stamps.resampling import resample

    numbers, corner, n = part
    images = np.empty((len(numbers), n, n), dtype=np.float32)
    damaged = stamps[numbers[0]].bad is not None
    bad = np.zeros(images.shape, dtype=bool) if damaged else None
    for k, number in enumerate(numbers):
        stamp = stamps[number]
        rows, columns = _mirrored(stamp.data.shape, corner[k], n)
        images[k] = stamp.data[rows, columns] - made.level[number]
        if damaged:
            bad[k] = stamp.bad[rows, columns]
    device = made.data.device
    if damaged:
        images[bad] = 0.0
        bad = _send(bad, device)
    own = matrix[numbers]
    shapes = np.array([stamps[number].data.shape[::-1] for number in numbers])
    ends = np.stack([np.zeros_like(shapes), shapes - 1], axis=-1) - corner[..., None]
    data, mask = resample(
        _send(images, device),
        bad,
        own,
        offset[numbers] - corner,
        side,
        edges=ends,
        exact=False,
    )
    for k, (number, factor) in enumerate(zip(numbers, _areas(own), strict=True)):
        if stamps[number].surface_brightness:
            data[k] /= factor
        else:
            made.level[number] *= factor
    where = torch.from_numpy(numbers).to(device)
    made.data.index_copy_(0, where, data)
    made.mask.index_copy_(0, where, mask)


def _send(array, device):
    """An array on a device; to a GPU from pinned memory, without waiting."""
    import torch

    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def _mirrored(shape, corner, n):
    """Indices of a square cut-out; beyond the image its mirror image goes on."""
    index = []
    for first, length in zip(corner[::-1], shape, strict=True):
        if first >= 0 and first + n <= length:
            index.append(slice(first, first + n))
            continue
        place = np.arange(first, first + n)
        period = max(2 * (length - 1), 1)
        place = np.abs((place + length - 1) % period - (length - 1))
        index.append(place)
    if all(isinstance(part, slice) for part in index):
        return index
    rows, columns = (
        np.arange(part.start, part.stop) if isinstance(part, slice) else part
        for part in index
    )
    return rows[:, None], columns[None, :]


def _one_by_one(made, stamps, centers, number, pixel_scale, side):
    """Through `align_image`, as without this engine."""
    import torch

    stamp = stamps[number]
    center = SkyCoord(*centers[number], unit="deg", frame="icrs")
    full = stamp.as_stamp()
    data, mask, _, _ = align_image(
        full.data,
        full.wcs,
        SkyGrid(center, pixel_scale * u.arcsec, (side, side)),
        mask=full.bad,
        unit=full.unit,
    )
    good = data[~mask]
    made.level[number] = np.median(good) if good.size else 0.0
    data = np.where(mask, 0.0, data - made.level[number]).astype(np.float32)
    made.data[number] = torch.from_numpy(data).to(made.data.device)
    made.mask[number] = torch.from_numpy(mask).to(made.mask.device)
