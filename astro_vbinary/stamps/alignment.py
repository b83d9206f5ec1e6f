"""Bring one image onto a grid: the alignment engines.

Every engine resamples through `reproject`. Pixels that are masked or not finite
are first filled from their nearest valid neighbour, so that no bad value can
reach a valid output pixel through an interpolation kernel; output pixels that
would lean on filled ones are masked afterwards.
"""

import astropy.units as u
import numpy as np
from scipy import ndimage

from astro_vbinary.stamps.blank import fill_nearest
from astro_vbinary.stamps.grid import is_mirrored, pixel_area, sky_to_pixel

__all__ = ["ENGINES", "align_image", "check_engine", "is_surface_brightness"]

#: Engines that `align_image` takes. ``auto`` interpolates, after smoothing the
#: input where output pixels are larger, so that no input pixel is passed over.
#: ``batch`` does the same with tensors, for many images at once, and goes by ``auto``
#: where it cannot.
ENGINES = ("auto", "interp", "adaptive", "exact", "batch")

#: Ratio of output to input pixel side above which ``auto`` smooths.
SMOOTHING_RATIO = 1.2

#: Ratio below which ``batch`` need not look up every output pixel's sixteen neighbours.
#: Ground-based images, which have two pixels and more in a FWHM, are below it.
FINE_RATIO = 0.3

#: Share of an output pixel that may come from bad input before it is masked.
BAD_SHARE = 0.01

#: Input pixels kept around the grid when a large image is cut down.
MARGIN = 8

#: Side in pixels above which an image is cut down first.
LARGE_SIDE = 400

#: Slices that take an image as it is.
WHOLE = (slice(None), slice(None))


def check_engine(engine):
    """Raise unless there is an engine of that name.

    Parameters
    ----------
    engine : str
        One of `ENGINES`.

    Raises
    ------
    ValueError
        If it is not.
    """
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; known: {', '.join(ENGINES)}")


def align_image(
    data, wcs, grid, *, mask=None, uncertainty=None, unit=None, engine="auto"
):
    """Resample one image, and all that belongs to it, onto a grid.

    The flux of a point source is conserved: values per pixel are scaled by the
    ratio of the pixel areas, values per solid angle are not.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape (ny, nx).
    wcs : `~astropy.wcs.WCS`
        Its celestial WCS.
    grid : `~astro_vbinary.stamps.SkyGrid`
        Where to.
    mask : `~numpy.ndarray` of bool, optional
        True where a pixel is bad. Values that are not finite are always bad.
    uncertainty : `~numpy.ndarray`, optional
        One standard deviation per pixel. It is interpolated as a variance: the
        noise of neighbouring output pixels is correlated, and each keeps the
        variance of the input pixels it was made from.
    unit : `~astropy.units.Unit`, optional
        A unit with a solid angle in it marks the data as surface brightness.
    engine : str, optional
        One of `ENGINES`: ``interp`` (cubic spline), ``adaptive`` (DeForest
        2004, Gaussian kernel), ``exact`` (overlap of spherical polygons),
        ``auto``, or ``batch`` (as ``auto``, without reproject).

    Returns
    -------
    data, mask, uncertainty, footprint : tuple of `~numpy.ndarray`
        Of the grid's shape: float64 with NaN where masked; bool; float64 or
        None; float64 between 0 and 1, how much of the pixel the image covers.

    Raises
    ------
    ValueError
        If the engine is unknown.
    """
    data = np.asarray(data, dtype=float)
    bad = ~np.isfinite(data)
    if mask is not None:
        bad |= np.asarray(mask, dtype=bool)
    area = pixel_area(wcs, grid.center)
    ratio = float(np.sqrt(grid.pixel_area / area))
    check_engine(engine)
    if engine == "batch":
        if uncertainty is None and grid.shape[0] == grid.shape[1]:
            return _align_as_batch(data, bad, wcs, grid, unit)
        engine = "auto"
    window = _window(data.shape, wcs, grid)
    if window is None or bad[window].all():
        empty = np.full(grid.shape, np.nan)
        sigma = None if uncertainty is None else empty.copy()
        return empty, np.ones(grid.shape, bool), sigma, np.zeros(grid.shape)
    data, bad = data[window], bad[window]
    wcs = wcs if window == WHOLE else wcs[window]
    target = grid.wcs
    mirrored = engine == "adaptive" and is_mirrored(wcs, grid.center)
    if mirrored:
        # reproject (0.21) takes a wrong kernel where the image is the mirrored
        # grid: made as a mirrored grid, the result is turned back at the end.
        target.wcs.cdelt = target.wcs.cdelt * [-1, 1]
        target.wcs.set()
    variance = None if uncertainty is None else np.square(uncertainty)[window]
    if bad.any():
        if variance is None:
            (data,) = fill_nearest([data], bad)
        else:
            data, variance = fill_nearest([data, variance], bad)

    bad = bad.astype(float) if bad.any() else None
    if engine == "auto" and ratio > SMOOTHING_RATIO:
        # Variance of a box of one output pixel less that of one input pixel.
        width = np.sqrt((ratio**2 - 1) / 12)
        data, bad, variance = (
            None if plane is None else ndimage.gaussian_filter(plane, width)
            for plane in (data, bad, variance)
        )
    out, footprint = _reproject(data, wcs, target, grid.shape, engine, smooth=True)
    out_mask = ~np.isfinite(out) | (footprint <= 0)
    if bad is not None:
        share, _ = _reproject(bad, wcs, target, grid.shape, engine, smooth=False)
        out_mask |= ~(share <= BAD_SHARE)
        footprint = footprint * (1 - np.clip(np.nan_to_num(share, nan=1.0), 0, 1))
    factor = 1.0 if is_surface_brightness(unit) else ratio**2
    out = np.where(out_mask, np.nan, out * factor)
    sigma = None
    if variance is not None:
        spread, _ = _reproject(variance, wcs, target, grid.shape, engine, smooth=False)
        sigma = np.where(out_mask, np.nan, np.sqrt(np.maximum(spread, 0)) * factor)
    made = out, out_mask, sigma, np.nan_to_num(footprint)
    if mirrored:
        made = tuple(None if plane is None else plane[:, ::-1] for plane in made)
    return made


def _align_as_batch(data, bad, wcs, grid, unit):
    # That engine is built on this module, which is its fallback.
    from astro_vbinary.stamps.batching import align_one
    from astro_vbinary.stamps.light import LightStamp
    from astro_vbinary.stamps.stamp import SurveyStamp

    if bad.all():
        empty = np.full(grid.shape, np.nan)
        return empty, np.ones(grid.shape, bool), None, np.zeros(grid.shape)
    stamp = SurveyStamp(data, wcs, mask=bad, unit=unit)
    light = LightStamp(data, stamp=stamp, bad=bad if bad.any() else None)
    image, mask = align_one(light, grid)
    return image, mask, None, (~mask).astype(float)


def is_surface_brightness(unit):
    """Whether a unit has a solid angle in its denominator.

    Parameters
    ----------
    unit : `~astropy.units.UnitBase` or None
        The unit of an image.

    Returns
    -------
    bool
        False where there is none.
    """
    if unit is None:
        return False
    powers = dict(zip(unit.decompose().bases, unit.decompose().powers, strict=True))
    return powers.get(u.rad, 0) < 0


def _window(shape, wcs, grid):
    """Slices of the input image that the grid needs, or None if it needs none."""
    # A stamp as it is costs less to resample than to cut down.
    if max(shape) <= LARGE_SIDE:
        return WHOLE
    ny, nx = grid.shape
    edge = np.linspace(-0.5, 1, 9)
    gx = np.concatenate([edge, edge, [0] * 9, [1] * 9]) * nx
    gy = np.concatenate([[0] * 9, [1] * 9, edge, edge]) * ny
    x, y = sky_to_pixel(wcs, grid.wcs.pixel_to_world(gx, gy))
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any():
        return None
    # astropy's WCS slicing does not shift look-up table distortions.
    if any((wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
        return WHOLE
    slices = []
    for values, size in ((y[good], shape[0]), (x[good], shape[1])):
        low = max(int(np.floor(values.min())) - MARGIN, 0)
        high = min(int(np.ceil(values.max())) + MARGIN + 1, size)
        if high - low < 1:
            return None
        slices.append(slice(low, high))
    return tuple(slices)


def _reproject(image, wcs, target, shape, engine, *, smooth):
    # reproject costs a tenth of a second to import.
    import reproject

    if engine in ("auto", "interp"):
        return reproject.reproject_interp(
            (image, wcs),
            target,
            shape_out=shape,
            order="bicubic" if smooth else "bilinear",
            roundtrip_coords=False,
        )
    if engine == "adaptive":
        return reproject.reproject_adaptive(
            (image, wcs),
            target,
            shape_out=shape,
            kernel="gaussian",
            boundary_mode="ignore",
            roundtrip_coords=False,
        )
    return reproject.reproject_exact((image, wcs), target, shape_out=shape)
