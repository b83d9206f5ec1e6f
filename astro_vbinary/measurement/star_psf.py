"""A stamp's PSF from the stars around the target."""

import astropy.units as u
import numpy as np
from photutils.detection import DAOStarFinder
from scipy import optimize

from astro_vbinary.measurement.building import local_map, outer_scatter
from astro_vbinary.psf import MoffatPSF

__all__ = ["star_psf"]

#: Least signal-to-noise ratio, at its peak, of a star that is measured.
BRIGHT = 15.0

#: Half side of a star's cut-out, and how far stars must be from the target's circle,
#: in units of the usual FWHM.
HALF, CLEAR = 2.5, 1.5

#: Stars measured at most, the brightest first.
MOST = 6


def star_psf(stamp, usual, *, radius=2.5 * u.arcsec):
    """Fit a Moffat profile to the stars of a stamp outside the target's circle.

    Parameters
    ----------
    stamp : `~astro_vbinary.stamps.SurveyStamp`
        The stamp.
    usual : `~astro_vbinary.psf.PSF`
        The survey's usual PSF, from whose width the search starts.
    radius : `~astropy.units.Quantity`, optional
        Stars nearer to the target are not used, an angle.

    Returns
    -------
    psf : `~astro_vbinary.psf.MoffatPSF` or None
        In the stamp's pixel axes; None where no star can be used.
    count : int
        How many stars were used. Width, slope and ellipticity are their medians.
    """
    matrix, pixel = local_map(stamp)
    scale = float(1 / np.sqrt(abs(np.linalg.det(matrix))))
    bad = stamp.bad
    sigma = outer_scatter(stamp.data, bad, matrix, pixel)
    if not np.isfinite(sigma) or sigma <= 0 or bad.all():
        return None, 0
    width = usual.fwhm.to_value(u.arcsec) / scale
    level = np.median(stamp.data[~bad])
    data = np.where(bad, 0.0, stamp.data - level).astype(float)
    places = _places(data, bad, width, sigma)
    half = int(np.ceil(HALF * width)) + 1
    clear = radius.to_value(u.arcsec) / scale + CLEAR * width
    shapes = []
    for x, y, peak in places:
        if np.hypot(x - pixel[0], y - pixel[1]) < clear:
            continue
        others = [p for p in places if 0 < np.hypot(p[0] - x, p[1] - y) < 2 * half]
        if any(p[2] > 0.03 * peak for p in others):
            continue
        shape = _fit(data, bad, x, y, half, scale, width * scale, sigma)
        if shape is not None:
            shapes.append(shape)
        if len(shapes) == MOST:
            break
    if not shapes:
        return None, 0
    fwhm, beta, e1, e2 = np.median(shapes, axis=0)
    psf = MoffatPSF(
        fwhm * u.arcsec,
        beta=float(beta),
        ellipticity=float(min(np.hypot(e1, e2), 0.6)),
        angle=np.arctan2(e2, e1) / 2 * u.rad,
    )
    return psf, len(shapes)


def _places(data, bad, width, sigma):
    """(x, y, peak) of stars, the brightest first."""
    import warnings

    from photutils.utils.exceptions import NoDetectionsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        found = DAOStarFinder(threshold=5 * sigma, fwhm=max(width, 1.5))(data, mask=bad)
    if found is None:
        return []
    # photutils before 3.0 writes xcentroid.
    names = ["x_centroid", "y_centroid"]
    if names[0] not in found.colnames:
        names = ["xcentroid", "ycentroid"]
    rows = zip(*(np.asarray(found[n]) for n in (*names, "peak")), strict=True)
    return sorted(rows, key=lambda row: -row[2])


def _fit(data, bad, x, y, half, scale, width, sigma):
    """Width, slope and ellipticity of one star, or None."""
    left, bottom = round(x) - half, round(y) - half
    side = 2 * half + 1
    ny, nx = data.shape
    if left < 0 or bottom < 0 or left + side > nx or bottom + side > ny:
        return None
    cut = data[bottom : bottom + side, left : left + side]
    if bad[bottom : bottom + side, left : left + side].any():
        return None
    if cut.max() < BRIGHT * sigma:
        return None

    def star(p):
        e = np.hypot(p[2], p[3])
        psf = MoffatPSF(
            np.exp(p[0]) * u.arcsec,
            beta=float(np.exp(p[1])),
            ellipticity=float(min(e, 0.8)),
            angle=np.arctan2(p[3], p[2]) / 2 * u.rad,
        )
        where = (p[4], p[5])
        return psf.image(cut.shape, scale * u.arcsec, position=where)

    def rest(p):
        design = np.stack([star(p).ravel(), np.ones(cut.size)], axis=1)
        value, *_ = np.linalg.lstsq(design, cut.ravel(), rcond=None)
        return (cut.ravel() - design @ value) / sigma

    start = [np.log(width), np.log(3.5), 0, 0, x - left, y - bottom]
    low = [np.log(width / 2.5), np.log(1.8), -0.5, -0.5, start[4] - 2, start[5] - 2]
    high = [np.log(width * 2.5), np.log(10), 0.5, 0.5, start[4] + 2, start[5] + 2]
    done = optimize.least_squares(rest, start, bounds=(low, high), x_scale=0.1)
    if not done.success:
        return None
    p = done.x
    return np.exp(p[0]), np.exp(p[1]), p[2], p[3]
