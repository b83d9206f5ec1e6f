"""Make a `PixelBatch` from arrays or stamps."""

import astropy.units as u
import numpy as np
import torch
from astropy.coordinates import SkyCoord

from astro_vbinary.measurement.stack_model import PixelBatch
from astro_vbinary.stamps.directions import tangent_vectors, to_angles

__all__ = [
    "batch_from_arrays",
    "batch_from_stack",
    "choose_oversampling",
    "local_map",
    "outer_scatter",
    "sampled_width",
    "stack_pixels",
]

#: Fewest samples of an effective PSF in its full width at half maximum: with a
#: spline of fifth degree through them, a Moffat profile is good to 3e-4 of its norm.
SAMPLES_PER_FWHM = 4.0

#: Half side of an effective PSF in units of its full width at half maximum.
PSF_REACH = 8.0

#: A target, and an arcsecond to both sides of it along (east, north), in radians.
AROUND = np.deg2rad(np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) / 3600)


def choose_oversampling(psfs, pixel_scales):
    """The coarsest sampling that all PSFs are well described by.

    Parameters
    ----------
    psfs : sequence of `~astro_vbinary.psf.PSF`
        The PSFs.
    pixel_scales : sequence of float
        Side of each one's native pixel in arcsec.

    Returns
    -------
    int
        Samples in a native pixel.
    """
    widths = [
        sampled_width(psf, scale) for psf, scale in zip(psfs, pixel_scales, strict=True)
    ]
    return int(np.ceil(SAMPLES_PER_FWHM / min(widths) - 0.05))


def sampled_width(psf, scale):
    """Width of a PSF with the pixel's own.

    Parameters
    ----------
    psf : `~astro_vbinary.psf.PSF`
        The PSF.
    scale : float
        Side of the pixel in arcsec.

    Returns
    -------
    float
        Full width at half maximum in pixels.
    """
    # The pixel adds in quadrature; a box of side p is as wide as a Gaussian of FWHM
    # 0.68 p (second moments).
    return float(np.hypot(psf.fwhm.to_value(u.arcsec) / scale, 0.68))


def batch_from_arrays(
    images,
    weight,
    psfs,
    cd,
    target_pixel,
    *,
    oversampling=None,
    radius=None,
    grain=None,
):
    """See `PixelBatch.from_arrays`.

    Parameters
    ----------
    images, weight : array-like
        Shape (n, k, ny, nx).
    psfs : sequence
        Of k PSFs, or of n sequences of k.
    cd : array-like
        Shape (2, 2), (k, 2, 2) or (n, k, 2, 2), arcsec.
    target_pixel : array-like
        Shape (2,), (k, 2) or (n, k, 2).
    oversampling : int, optional
        Samples of an effective PSF in a pixel.
    radius : `~astropy.units.Quantity`, optional
        Half side of the effective PSFs.
    grain : array-like, optional
        Shape (n, k).

    Returns
    -------
    PixelBatch
        The batch.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    images = np.asarray(images, dtype=np.float32)
    if images.ndim != 4:
        raise ValueError(f"images must have shape (n, k, ny, nx), not {images.shape}")
    n, k = images.shape[:2]
    weight = np.broadcast_to(np.asarray(weight, dtype=np.float32), images.shape)
    good = np.isfinite(images) & np.isfinite(weight) & (weight > 0)
    cd = np.broadcast_to(np.asarray(cd, dtype=float), (n, k, 2, 2))
    target_pixel = np.broadcast_to(np.asarray(target_pixel, dtype=float), (n, k, 2))
    scales = np.sqrt(np.abs(np.linalg.det(cd)))
    rows = list(psfs)
    if hasattr(rows[0], "image"):
        rows = [rows]
    if len(rows) not in (1, n) or any(len(row) != k for row in rows):
        raise ValueError(f"need {k} PSFs, or {n} times {k}, for images {images.shape}")
    pairs = [
        (psf, scale)
        for row, line in zip(rows, scales, strict=False)
        for psf, scale in zip(row, line, strict=True)
    ]
    if oversampling is None:
        oversampling = choose_oversampling(*zip(*pairs, strict=True))
    arrays = effective_psfs(pairs, oversampling, radius)
    side = arrays.shape[-1]
    return PixelBatch(
        torch.from_numpy(np.where(good, images, np.float32(0))),
        torch.from_numpy(np.where(good, weight, np.float32(0))),
        torch.from_numpy(arrays.reshape(len(rows), k, side, side)),
        int(oversampling),
        torch.from_numpy(np.linalg.inv(cd)),
        torch.from_numpy(target_pixel.copy()),
        None if grain is None else torch.as_tensor(grain),
    )


def effective_psfs(pairs, oversampling, radius):
    """Effective PSFs of one size.

    Parameters
    ----------
    pairs : sequence of tuple
        A `~astro_vbinary.psf.PSF` and its native pixel's side in arcsec.
    oversampling : int
        Samples in a native pixel.
    radius : `~astropy.units.Quantity` or None
        Half side; by default 8 times the largest full width at half maximum.

    Returns
    -------
    `~numpy.ndarray`
        Shape (number of pairs, side, side), float32.
    """
    if radius is None:
        halves = [PSF_REACH * p.fwhm.to_value(u.arcsec) / scale for p, scale in pairs]
    else:
        halves = [u.Quantity(radius).to_value(u.arcsec) / scale for _, scale in pairs]
    half = int(np.ceil(max(halves)))
    made = {}
    for psf, scale in pairs:
        # Scales that a projection makes differ in the fifth digit are one.
        key = (id(psf), f"{scale:.4g}")
        if key not in made:
            array = psf.effective(
                scale * u.arcsec, oversampling, half * scale * u.arcsec
            )
            made[key] = np.asarray(array, dtype=np.float32)
    return np.stack([made[id(psf), f"{scale:.4g}"] for psf, scale in pairs])


def batch_from_stack(stack, psfs, *, sigma=None, **options):
    """See `PixelBatch.from_stack`.

    Parameters
    ----------
    stack : `~astro_vbinary.stamps.StampStack`
        The stamps.
    psfs : sequence of `~astro_vbinary.psf.PSF`
        One for each stamp.
    sigma : sequence, optional
        Standard deviation of each stamp, a number or an array.
    **options : dict
        As for `batch_from_arrays`.

    Returns
    -------
    PixelBatch
        With one stack.

    Raises
    ------
    ValueError
        If there is not one PSF for each stamp.
    """
    psfs = list(psfs)
    if len(psfs) != len(stack):
        raise ValueError(f"{len(psfs)} PSFs for {len(stack)} stamps")
    images, weight, cd, target = stack_pixels(stack, sigma=sigma)
    return batch_from_arrays(
        images[None], weight[None], [psfs], cd[None], target[None], **options
    )


def stack_pixels(stack, *, sigma=None, bins=None, maps=None):
    """Pixels, weights and maps of the stamps of one source.

    Parameters
    ----------
    stack : `~astro_vbinary.stamps.StampStack`
        The stamps, k of them.
    sigma : sequence, optional
        Standard deviation of each stamp, a number or an array.
    bins : sequence of int, optional
        How many pixels of each stamp make one along each axis: a resampled image has
        no more information, and correlated noise. That of binned pixels is always
        measured.
    maps : sequence of tuple, optional
        What `local_map` says of each stamp, where that is known.

    Returns
    -------
    images, weight : `~numpy.ndarray`
        Shape (k, ny, nx), float32; smaller stamps are padded with weight zero.
    cd : `~numpy.ndarray`
        Shape (k, 2, 2): (east, north) in arcsec from (x, y) in pixels.
    target : `~numpy.ndarray`
        Shape (k, 2): (x, y) of the target.
    """
    given = [None] * len(stack) if sigma is None else list(sigma)
    bins = [1] * len(stack) if bins is None else [int(b) for b in bins]
    maps = [local_map(stamp) for stamp in stack] if maps is None else maps
    parts = [
        _pixels(stamp, own, count, *place)
        for stamp, own, count, place in zip(stack, given, bins, maps, strict=True)
    ]
    shape = np.max([data.shape for data, *_ in parts], axis=0)
    images = np.zeros((len(stack), *shape), dtype=np.float32)
    weight = np.zeros_like(images)
    for number, (data, good, *_) in enumerate(parts):
        ny, nx = data.shape
        images[number, :ny, :nx], weight[number, :ny, :nx] = data, good
    cd = np.array([np.linalg.inv(matrix) for *_, matrix, _ in parts])
    return images, weight, cd, np.array([pixel for *_, pixel in parts])


def _pixels(stamp, sigma, bins, matrix, pixel):
    """Data, weight, map and target's place of one stamp."""
    data, bad = np.asarray(stamp.data, dtype=float), stamp.bad
    if bins > 1:
        ny, nx = (side // bins for side in data.shape)
        blocks = (slice(0, ny * bins), slice(0, nx * bins))
        split = (ny, bins, nx, bins)
        data = np.where(bad, 0.0, data)[blocks].reshape(split).mean(axis=(1, 3))
        bad = bad[blocks].reshape(split).any(axis=(1, 3))
        matrix, pixel = matrix / bins, (pixel - (bins - 1) / 2) / bins
        sigma = outer_scatter(data, bad, matrix, pixel)
    elif sigma is None:
        sigma = stamp.sigma
        if sigma is None:
            sigma = outer_scatter(data, bad, matrix, pixel)
    sigma = np.asarray(sigma, dtype=float)
    good = ~bad & np.isfinite(sigma) & (sigma > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(good, 1 / np.square(sigma), 0)
    return np.where(good, data, 0), weight, matrix, pixel


def local_map(stamp):
    """From offsets on the sky to pixels, at the target.

    Parameters
    ----------
    stamp : `~astro_vbinary.stamps.SurveyStamp`
        The stamp.

    Returns
    -------
    matrix : `~numpy.ndarray`
        Shape (2, 2): (x, y) in pixels from (east, north) in arcsec.
    pixel : `~numpy.ndarray`
        (x, y) of the target.
    """
    from astro_vbinary.stamps.grid import sky_to_pixel
    from astro_vbinary.stamps.motion import position_at

    target = position_at(stamp.target, stamp.epoch)
    center = [[target.ra.deg, target.dec.deg]]
    points = SkyCoord(*to_angles(tangent_vectors(center, AROUND)[0]).T, unit="deg")
    x, y = sky_to_pixel(stamp.wcs, points)
    matrix = np.array([[x[1] - x[2], x[3] - x[4]], [y[1] - y[2], y[3] - y[4]]])
    return matrix / 2, np.array([x[0], y[0]])


def outer_scatter(data, bad, matrix, pixel):
    """Scatter of the pixels beyond 2.5 arcsec from the target.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), the image.
    bad : `~numpy.ndarray` of bool
        Of the same shape.
    matrix, pixel : `~numpy.ndarray`
        As from `local_map`.

    Returns
    -------
    float
        1.4826 times the median absolute deviation, of all pixels where fewer than
        50 are outside.
    """
    good = ~bad
    y, x = np.indices(data.shape)
    offset = np.linalg.solve(
        matrix, np.stack([(x - pixel[0]).ravel(), (y - pixel[1]).ravel()])
    )
    outer = good & (np.hypot(*offset).reshape(data.shape) > 2.5)
    values = data[outer if outer.sum() >= 50 else good]
    if not values.size:
        return np.nan
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
