"""From positions and fluxes to separation, angle and magnitude differences."""

import numpy as np

__all__ = ["pair_errors", "pair_terms"]

#: Magnitudes in one e-fold of flux.
POGSON = 2.5 / np.log(10)


def pair_terms(positions, flux):
    r"""Separation, angle, magnitude differences and :math:`\alpha(1-\alpha)s^2`.

    Parameters
    ----------
    positions : `~numpy.ndarray`
        Shape (..., 2, 2): (east, north) of both stars in arcsec.
    flux : `~numpy.ndarray`
        Shape (..., k, 2): of both stars in each band.

    Returns
    -------
    separation : `~numpy.ndarray`
        Shape (...), arcsec.
    angle : `~numpy.ndarray`
        Shape (...), degrees from north through east, 0 to 360.
    difference : `~numpy.ndarray`
        Shape (..., k), magnitudes by which the second star is fainter; infinite
        where one has no flux, NaN where both have none.
    moment : `~numpy.ndarray`
        Shape (..., k), square arcsec: with the second star's share alpha of the
        light, by how much the pair's variance along its axis exceeds a star's.
    """
    offset = positions[..., 1, :] - positions[..., 0, :]
    separation = np.hypot(offset[..., 0], offset[..., 1])
    angle = np.rad2deg(np.arctan2(offset[..., 0], offset[..., 1])) % 360
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = -2.5 * np.log10(flux[..., 1] / flux[..., 0])
        share = flux[..., 1] / flux.sum(axis=-1)
    moment = share * (1 - share) * separation[..., None] ** 2
    return separation, angle, difference, moment


def pair_errors(positions, flux, covariance):
    """Covariance of what `pair_terms` gives, to first order.

    Parameters
    ----------
    positions : `~numpy.ndarray`
        Shape (n, 2, 2).
    flux : `~numpy.ndarray`
        Shape (n, k, 2).
    covariance : `~numpy.ndarray`
        Shape (n, 4 + 2 k, 4 + 2 k): of both.

    Returns
    -------
    covariance : `~numpy.ndarray`
        Shape (n, 2 + k, 2 + k): of separation (arcsec), angle (deg) and magnitude
        differences; NaN where a band has no flux of one star.
    moment : `~numpy.ndarray`
        Shape (n, k): standard deviation of the moments, square arcsec.
    """
    n, k = flux.shape[:2]
    separation, _, _, moment = pair_terms(positions, flux)
    offset = positions[:, 1] - positions[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        along = offset / separation[:, None]
        turn = np.stack([offset[:, 1], -offset[:, 0]], 1) / separation[:, None] ** 2
    change = np.zeros((n, 2 + 2 * k, 4 + 2 * k))
    change[:, 0, :2], change[:, 0, 2:4] = -along, along
    change[:, 1, :2], change[:, 1, 2:4] = -np.rad2deg(turn), np.rad2deg(turn)
    total = flux.sum(axis=2)
    for band in range(k):
        first, second = flux[:, band, 0], flux[:, band, 1]
        place = 4 + 2 * band
        with np.errstate(divide="ignore", invalid="ignore"):
            change[:, 2 + band, place] = POGSON / first
            change[:, 2 + band, place + 1] = -POGSON / second
            own = moment[:, band]
            row = 2 + k + band
            change[:, row, place] = own * (1 / first - 2 / total[:, band])
            change[:, row, place + 1] = own * (1 / second - 2 / total[:, band])
            # Where a star has no flux, the moment still changes with it.
            square = separation**2
            change[:, row, place] = np.where(
                first > 0, change[:, row, place], square / total[:, band]
            )
            change[:, row, place + 1] = np.where(
                second > 0, change[:, row, place + 1], square / total[:, band]
            )
            slope = 2 * own / separation
        change[:, row, :2] = -slope[:, None] * along
        change[:, row, 2:4] = slope[:, None] * along
    # A stack of which nothing is known says nothing of the others.
    lost = ~np.isfinite(covariance).all(axis=(1, 2))
    covariance = np.where(lost[:, None, None], 0.0, covariance)
    known = np.isfinite(change) & ~lost[:, None, None]
    # Written as a square, so that rounding makes no variance negative.
    values, axes = np.linalg.eigh(covariance)
    root = axes * np.sqrt(np.clip(values, 0, None))[:, None, :]
    spread = np.where(known, change, 0) @ root
    full = spread @ spread.transpose(0, 2, 1)
    bad = ~known.all(axis=2)
    full[bad] = np.nan
    full.transpose(0, 2, 1)[bad] = np.nan
    inner = slice(0, 2 + k)
    diagonal = np.diagonal(full, axis1=1, axis2=2)[:, 2 + k :]
    return full[:, inner, inner], np.sqrt(np.clip(diagonal, 0, None))
