"""How well two stars can be told from one: the limit that no detector exceeds."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.star_design import draw_stars, psf_rows

__all__ = ["detectability", "pair_flux", "point_source_snr"]

#: Pixels drawn at once, over stacks and bands.
PIXELS_AT_ONCE = 2**20

#: Half side of the pixels used, beyond the pair, in units of the widest PSF.
MARGIN = 4.0


def detectability(
    batch,
    separation,
    position_angle,
    flux,
    *,
    gain=None,
    center=None,
    uncertainty=None,
):
    r"""Detectability d' of pairs against the best single star.

    .. math::

        d'^2 = \min_{\mu_0} (\mu_1 - \mu_0)^T C^{-1} (\mu_1 - \mu_0)

    with :math:`\mu_1` the noise-free image of the pair and :math:`\mu_0` that of one
    star and a constant background, whose position all bands share and whose flux and
    background each band has for itself. C is the noise of the pixels, with the photon
    noise of the pair where a gain is given, and with what is not known of the PSFs.
    Bands add in quadrature as far as they share no parameter.

    The position is found by iteration from the photocentre and from each star, and
    the least d' is taken.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of them: noise, PSFs and maps; the images are not looked at.
    separation, position_angle : `~astropy.units.Quantity`
        Shape (n,), angles; position angles from north through east.
    flux : array-like of float
        Shape (n, k, 2): of the primary and of the secondary, in the images' unit.
    gain : array-like of float, optional
        Broadcast to shape (n, k): photo-electrons for one unit of the images. The
        pair then adds its own photon noise, mu / gain; by default it has none.
    center : `~astropy.units.Quantity`, optional
        Shape (n, 2): (east, north) of the primary from the target; zero by default.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs; nothing by default.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,), float64.

    Raises
    ------
    ValueError
        If shapes do not fit, or a separation or a flux is negative.

    References
    ----------
    Helstrom, C. W. 1973, J. Opt. Soc. Am. 63, 416;
    Shahram, M. & Milanfar, P. 2006, IEEE Trans. Image Process. 15, 677;
    Prasad, S. 2014, Optics Communications 328, 119 (arXiv:1403.4919).

    Examples
    --------
    >>> import astropy.units as u, numpy as np
    >>> from astro_vbinary.measurement import PixelBatch, detectability, pair_flux
    >>> from astro_vbinary.psf import MoffatPSF
    >>> batch = PixelBatch.from_arrays(
    ...     np.zeros((1, 1, 41, 41)),
    ...     1.0,
    ...     [MoffatPSF(1.1 * u.arcsec)],
    ...     [[-0.25, 0], [0, 0.25]],
    ...     [20, 20],
    ... )
    >>> flux = pair_flux(batch, 100, 0.5)
    >>> d = detectability(batch, [0.6] * u.arcsec, [30] * u.deg, flux)
    >>> print(f"{d[0]:.1f}")
    10.3
    """
    n, k = batch.images.shape[:2]
    device = batch.device
    apart = np.broadcast_to(u.Quantity(separation).to_value(u.arcsec), (n,))
    angle = np.broadcast_to(u.Quantity(position_angle).to_value(u.rad), (n,))
    flux = torch.as_tensor(np.asarray(flux, dtype=float), device=device)
    if flux.shape != (n, k, 2):
        raise ValueError(f"flux must have shape {(n, k, 2)}, not {tuple(flux.shape)}")
    if not (apart >= 0).all() or not bool((flux >= 0).all()):
        raise ValueError("separations and fluxes must not be negative")
    inverse_gain = torch.zeros(n, k, dtype=torch.float64, device=device)
    if gain is not None:
        gain = np.broadcast_to(np.asarray(gain, dtype=float), (n, k))
        inverse_gain = torch.as_tensor(1 / gain, device=device)
    first = np.zeros((n, 2))
    if center is not None:
        first = np.broadcast_to(u.Quantity(center).to_value(u.arcsec), (n, 2))
    offset = apart[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    stars = torch.as_tensor(np.stack([first, first + offset], axis=1), device=device)

    widths = batch.fwhm.expand(n, k)
    reach = stars.norm(dim=2).amax(1) + MARGIN * widths.amax(1)
    finest = batch.pixel_scale.amin(1)
    side = (2 * reach / finest).clamp(max=float(max(batch.images.shape[-2:])))
    order = torch.argsort(side)
    result = torch.empty(n, dtype=torch.float64, device=device)
    for rows in _chunks(order, side, k):
        part = batch[rows].cutout(float(reach[rows].max()))
        result[rows] = _distance(
            part, stars[rows], flux[rows], inverse_gain[rows], uncertainty
        )
    return result.clamp(min=0).sqrt().cpu().numpy()


def _chunks(order, side, bands):
    """Rows of like size, as many as fit into memory at once."""
    sides = side[order].cpu().numpy()
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (
            (last + 1 - first) * bands * (sides[last] + 1) ** 2 <= PIXELS_AT_ONCE
            and sides[last] <= 1.4 * sides[first] + 8
        ):
            last += 1
        yield order[first:last]
        first = last


def _distance(batch, stars, flux, inverse_gain, uncertainty):
    """The square of d' for stacks cut to one size."""
    n = len(batch)
    splines, psf = SplinePSF.of(batch), psf_rows(batch)
    drawn = [draw_stars(batch, splines, star) for star in stars.unbind(1)]
    pair = sum(
        star * flux[:, :, i, None, None].to(star.dtype) for i, star in enumerate(drawn)
    )
    photons = pair.clamp(min=0) * inverse_gain[:, :, None, None].to(pair.dtype)
    # 1 / (1/w + mu/g), which is also right where w is zero.
    weight = batch.weight / (1 + batch.weight * photons)
    pair_batch = replace(batch, images=pair, weight=weight)
    power = (drawn[0].square() * weight).sum((2, 3)).double()
    strength = (flux.square() * power[:, :, None]).sum(1)
    share = (flux * power[:, :, None].sqrt()).sum(1)
    share = share / share.sum(1, keepdim=True).clamp(min=1e-300)
    middle = (stars * share[:, :, None]).sum(1)
    first = strength.argmax(1)
    every = torch.arange(n, device=stars.device)
    brighter, fainter = stars[every, first], stars[every, 1 - first]
    # Close pairs have one best fit, near the photocentre; of wide ones the brighter
    # star is the best; between, there may be several.
    apart = (stars[:, 1] - stars[:, 0]).norm(dim=1)
    width, widest = batch.fwhm.amin(1), batch.fwhm.amax(1)
    starts = (
        (torch.where((apart < 1.4 * width)[:, None], middle, brighter), apart >= 0),
        (fainter, (apart > 0.7 * width) & (apart < 3 * widest)),
        (brighter, (apart > 0.7 * width) & (apart < 1.4 * width)),
    )
    least = None
    for start, chosen in starts:
        rows = every[chosen]
        if not len(rows):
            continue
        fit = fit_stars(
            pair_batch if len(rows) == n else pair_batch[rows],
            start[rows][:, None],
            splines=splines,
            psf=psf[rows],
            uncertainty=uncertainty,
            evaluations=20,
            tolerance=(1e-4, 1e-4),
        )
        if least is None:
            least = fit.chi2
        else:
            least[rows] = torch.minimum(least[rows], fit.chi2)
    return least


def point_source_snr(batch, flux):
    """Signal-to-noise ratio of a star at the target, on the sky alone.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    flux : array-like of float
        Shape (n, k), in the images' unit.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, k): of the ideal matched filter; bands add in quadrature.
    """
    flux = np.broadcast_to(np.asarray(flux, dtype=float), batch.images.shape[:2])
    return flux * _unit_snr(batch)


def pair_flux(batch, snr, ratio, *, share=None):
    """Fluxes of pairs with a given total signal-to-noise ratio.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    snr : array-like of float
        Shape (n,) or a number: signal-to-noise ratio of both stars' light in one
        point, on the sky alone, over all bands.
    ratio : array-like of float
        Shape (n, k), (n, 1) or a number: flux of the secondary over that of the
        primary.
    share : array-like of float, optional
        Shape (n, k): each band's share of the signal-to-noise ratio, in quadrature
        and in any norm; equal by default.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n, k, 2): flux of the primary and of the secondary.
    """
    n, k = batch.images.shape[:2]
    unit = _unit_snr(batch)
    share = np.where(unit > 0, 1.0 if share is None else share, 0.0)
    share = share / np.sqrt((share**2).sum(axis=1, keepdims=True))
    total = np.broadcast_to(snr, (n,))[:, None] * share
    total = np.divide(total, unit, out=np.zeros((n, k)), where=unit > 0)
    part = np.broadcast_to(ratio, (n, k)) / (1 + np.broadcast_to(ratio, (n, k)))
    return np.stack([total * (1 - part), total * part], axis=2)


def _unit_snr(batch):
    n, k = batch.images.shape[:2]
    power = []
    step = max(PIXELS_AT_ONCE // batch.images[0].numel(), 1)
    for first in range(0, n, step):
        part = batch[first : first + step]
        zero = torch.zeros(len(part), 2, dtype=torch.float64, device=batch.device)
        star = draw_stars(part, SplinePSF.of(part), zero)
        power.append((star.square() * part.weight).sum((2, 3)))
    return torch.cat(power).double().sqrt().cpu().numpy().reshape(n, k)
