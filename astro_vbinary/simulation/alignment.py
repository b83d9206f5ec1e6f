"""Simulated batches onto the common grid, as real stamps are brought there."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.simulation.hips import (
    CELL_PLANE,
    CELL_SKY,
    HIPS_SCALE,
    HIPS_SIDE,
    TILE_WIDTH,
    hips_order,
)
from astro_vbinary.stamps.blank import find_blank, find_hot
from astro_vbinary.stamps.resampling import resample, resample_linear

__all__ = ["AlignedBatch", "align_batch"]

#: Pixels kept around the grid of an oversampled stamp, on each side.
MARGIN = 6

#: Cells for each cell's width of a stamp along a side of the tiles around it: they
#: stand on a corner, and are up to a tenth longer than wide.
CELL_REACH = 1.6


@dataclass(frozen=True)
class AlignedBatch:
    """Bands of many stacks on one grid each.

    Attributes
    ----------
    data : `torch.Tensor`
        Shape (m, side, side), float32, zero where masked; in the order of the
        stacks.
    mask : `torch.Tensor` of bool
        Shape (m, side, side), True where there is no data.
    owner : `torch.Tensor`
        Shape (m,), int64: the stack that each band belongs to.
    exposures : list of Exposure
        The m images that the bands were made from.
    """

    data: torch.Tensor
    mask: torch.Tensor
    owner: torch.Tensor
    exposures: list


def align_batch(batch, pixel_scale, side):
    """Bring every image of a batch to its stack's grid: north up, target central.

    Parameters
    ----------
    batch : `~astro_vbinary.simulation.SimulatedBatch`
        The images.
    pixel_scale : float
        Side of the grid's pixels in arcsec.
    side : int
        Their number along each axis.

    Returns
    -------
    AlignedBatch
        The bands.
    """
    data, mask, exposures = [], [], []
    for frames in batch.frames:
        bad = _usable(frames, batch)
        box = np.array([frames.box(number) for number in range(len(frames))])
        for part, damaged in _alike(frames, batch, bad):
            chosen = [frames.exposures[i] for i in part]
            own, wrong = frames.images[part], bad[part] if damaged else None
            if batch.hips[chosen[0].stack]:
                made = _through_hips(
                    own, wrong, box[part], chosen, batch.targets, pixel_scale, side
                )
            else:
                maps = _maps(chosen, frames.side, pixel_scale, side)
                made = resample(own, wrong, *maps, side, box=box[part])
            data.append(made[0])
            mask.append(made[1])
            exposures += chosen
    keys = [(e.stack, e.extra["number"]) for e in exposures]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    where = torch.tensor(order, device=data[0].device)
    owner = torch.tensor([exposures[i].stack for i in order])
    exposures = [exposures[i] for i in order]
    images, masks = torch.cat(data)[where], torch.cat(mask)[where]
    return AlignedBatch(images, masks, owner, exposures)


def _usable(frames, batch):
    """Pixels that a reader of the stamp, or the HiPS server, would mask."""
    bad = frames.blank.clone()
    for number in np.flatnonzero(frames.suspect):
        low, high = frames.box(number)
        if batch.hips[frames.exposures[number].stack]:
            # To the server zeros are data: they mix with what is around them.
            bad[number] = ~torch.isfinite(frames.images[number])
            continue
        pixels = frames.images[number, low:high, low:high].cpu().numpy()
        # A few zeros by themselves could be measured, for all that a reader knows.
        found = ~np.isfinite(pixels) | find_blank(pixels) | find_hot(pixels)
        bad[number, low:high, low:high] = torch.from_numpy(found).to(bad.device)
    return bad


def _alike(frames, batch, bad):
    """Images that one call can resample: same scale and form; and whether damaged."""
    damaged = bad.flatten(1).any(dim=1).tolist()
    groups = {}
    for number, exposure in enumerate(frames.exposures):
        straight = abs(np.sin(2 * exposure.angle)) < 1e-9
        hips = bool(batch.hips[exposure.stack])
        key = exposure.pixel_scale, hips, straight, damaged[number]
        groups.setdefault(key, []).append(number)
    return [(part, key[-1]) for key, part in groups.items()]


def _pixels_of_sky(exposures):
    """Image pixels (x, y) for an arcsec to the (east, north), (m, 2, 2)."""
    return np.linalg.inv([e.cd for e in exposures])


def _middle(exposures, n):
    """Where the targets are on images of n pixels, (m, 2)."""
    return (n - 1) / 2 + np.array([e.target for e in exposures])


def _grid_to_sky(pixel_scale):
    """Arcsec to the (east, north) for a pixel of a grid with north up, (2, 2)."""
    return pixel_scale * np.diag([-1.0, 1.0])


def _maps(exposures, n, pixel_scale, side):
    """Affine maps from the grid's pixels to the images'."""
    matrix = _pixels_of_sky(exposures) @ _grid_to_sky(pixel_scale)
    offset = _middle(exposures, n) - matrix.sum(axis=2) * (side - 1) / 2
    return matrix, offset


def _cells_of_sky(targets, order):
    """The cells of HiPS tiles around targets, by the projection's own formulas.

    In the equatorial belt of the HPX projection x is the longitude and y is 67.5
    degrees times the sine of the latitude; cells stand on a corner there (Calabretta
    & Roukema 2007, MNRAS 381, 865). Beyond the belt cells are taken to be as at its
    edge.

    Returns cells (x, y) for an arcsec to the (east, north), (m, 2, 2), and how far
    the targets are from the centre of their cell, (m, 2).
    """
    step = CELL_PLANE / 3600 / TILE_WIDTH / 2**order
    longitude, latitude = targets.ra.deg, targets.dec.rad
    height = np.clip(np.sin(latitude), -2 / 3, 2 / 3)
    stretch = np.sqrt(1 - height**2)
    east = 90 * np.round(longitude / 90) - longitude
    plane = np.stack([east, 67.5 * height], axis=-1) / step
    corner = np.sqrt(0.5) * np.array([[1.0, 1.0], [-1.0, 1.0]])
    zero = np.zeros(len(height))
    slope = np.array([[-1 / stretch, zero], [zero, np.deg2rad(67.5) * stretch]])
    slope = np.moveaxis(slope, -1, 0) / 3600 / step
    cells = plane @ corner.T - 0.5
    return corner @ slope, cells - np.round(cells)


def _through_hips(images, bad, box, exposures, targets, pixel_scale, side):
    """What a HiPS server makes of an image, and what a reader makes of that.

    As `~astro_vbinary.simulation.to_hips`, by affine maps.
    """
    n = images.shape[-1]
    fine_scale = HIPS_SCALE.to_value(u.arcsec)
    native = exposures[0].pixel_scale
    order = hips_order(native * u.arcsec)
    cell = CELL_SKY / TILE_WIDTH / 2**order
    # Only the middle of the stamp is needed.
    most = min(HIPS_SIDE, 2 * int(side * pixel_scale / fine_scale / 2 + MARGIN))
    width = min(n * native, most * fine_scale)
    tile_side = int(CELL_REACH * width / cell) + 4
    cells, place = _cells_of_sky(targets[[e.stack for e in exposures]], order)
    place = place + tile_side // 2
    # From the cells to the image.
    matrix = _pixels_of_sky(exposures) @ np.linalg.inv(cells)
    offset = _middle(exposures, n) - np.einsum("mij,mj->mi", matrix, place)
    tiles, gone = resample_linear(images, bad, matrix, offset, tile_side, box=box)
    # From the finer pixels to the cells.
    matrix = cells @ _grid_to_sky(fine_scale)
    offset = place - matrix.sum(axis=2) * (most - 1) / 2
    fine, gone = resample_linear(tiles, gone, matrix, offset, most)
    # A zero of the archive's is many of the finer pixels, which a reader masks.
    gone = gone | (fine == 0)
    # And from the grid to the finer pixels.
    ratio = pixel_scale / fine_scale
    matrix = np.repeat(np.eye(2)[None] * ratio, len(exposures), axis=0)
    offset = np.full((len(exposures), 2), (most - 1) / 2 - ratio * (side - 1) / 2)
    gone = gone if bool(gone.any()) else None
    return resample(fine, gone, matrix, offset, side)
