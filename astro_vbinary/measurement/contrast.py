"""Contrast curves: how faint a companion may be, by separation."""

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.measurement.bounds import required_d_prime
from astro_vbinary.measurement.limit import detectability, point_source_snr

__all__ = ["contrast_curve"]

#: Halvings of the range of magnitude differences.
HALVINGS = 12


def contrast_curve(
    batch,
    snr,
    separations,
    *,
    completeness=0.5,
    false_positive_rate=1e-3,
    threshold=None,
    share=None,
    gain=None,
    uncertainty=None,
    faintest=10 * u.mag,
    angles=8,
):
    """The largest magnitude difference that can be detected, by separation.

    Parameters
    ----------
    batch : PixelBatch
        One stack: its noise, PSFs and maps; the image is not looked at.
    snr : float
        Signal-to-noise ratio of the primary by itself, over all bands, on the sky.
    separations : `~astropy.units.Quantity`
        Shape (m,), angles.
    completeness : float, optional
        Share of such pairs that is found.
    false_positive_rate : float, optional
        Of single stars.
    threshold : float, optional
        On the square root of the likelihood ratio, as from `calibrate_threshold`; by
        default the normal deviate of the rate, as if all but the companion's
        existence were known, which is the limit.
    share : array-like of float, optional
        Shape (k,): each band's share of the signal-to-noise ratio, in quadrature and
        in any norm; equal by default.
    gain : array-like of float, optional
        Shape (k,) or a number: photo-electrons for one unit of the image; no photon
        noise by default.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs.
    faintest : `~astropy.units.Quantity`, optional
        Largest magnitude difference to look for.
    angles : int, optional
        Position angles to take the median of.

    Returns
    -------
    `~astropy.units.Quantity`
        Shape (m,), magnitudes; NaN where not even equal stars are told from one.

    Raises
    ------
    ValueError
        If the batch holds more than one stack.
    """
    if len(batch) != 1:
        raise ValueError(f"a contrast curve is of one stack, not {len(batch)}")
    apart = u.Quantity(separations).to(u.arcsec).ravel()
    wanted = required_d_prime(completeness, false_positive_rate, threshold=threshold)
    n = len(apart) * angles
    unit = point_source_snr(batch, 1.0)[0]
    part = np.where(unit > 0, 1.0 if share is None else np.asarray(share), 0.0)
    part = part / np.sqrt((part**2).sum())
    primary = np.divide(snr * part, unit, out=np.zeros_like(unit), where=unit > 0)
    many = batch[torch.zeros(n, dtype=torch.long, device=batch.device)]
    turns = np.tile(np.arange(angles) * 360 / angles, len(apart)) * u.deg
    distance = np.repeat(apart, angles)

    def reached(difference):
        ratio = 10 ** (-0.4 * difference)
        flux = np.stack([np.ones_like(ratio), ratio], axis=1)[:, None, :]
        return (
            detectability(
                many,
                distance,
                turns,
                flux * primary[:, None],
                gain=gain,
                uncertainty=uncertainty,
            )
            >= wanted
        )

    # Fainter companions are harder, so the border can be enclosed.
    low = np.zeros(n)
    high = np.full(n, u.Quantity(faintest).to_value(u.mag))
    seen = reached(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        found = reached(middle)
        low, high = np.where(found, middle, low), np.where(found, high, middle)
    limit = np.where(seen, (low + high) / 2, -np.inf).reshape(len(apart), angles)
    median = np.median(limit, axis=1)
    return np.where(np.isfinite(median), median, np.nan) * u.mag
