"""Whether a third star is needed beside a fitted pair."""

import torch

from astro_vbinary.measurement.fitting import fit_stars

__all__ = ["third_star"]


def third_star(batch, scan, rows, pair, residual, *, uncertainty=None):
    """By how much a third star improves the fit of a pair.

    Three places are tried: the best one beside the brighter star, and either star
    as two.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each.
    scan : Scan
        The scan of the same batch.
    rows : `~torch.Tensor`
        Shape (q,), long: stacks to look at.
    pair : StarFit
        Two stars fitted to each stack.
    residual : `~torch.Tensor`
        Shape (n, k, pixels): what they leave, times the root of the weight.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs.

    Returns
    -------
    statistic : `~torch.Tensor`
        Shape (q,), float64: square root of the drop in chi2, not negative.
    apart : `~torch.Tensor`
        Shape (q,), float64: least distance of two of the three stars, arcsec.
    share : `~torch.Tensor`
        Shape (q,), float64: the faintest star's light over the brightest's, in the
        band where that is most.
    """
    rest = residual.view_as(batch.images)
    places = pair.positions
    starts = []
    for star in (0, 1):
        best = scan.companions(rest, places[:, star])
        if star == 0:
            beside = best.positions[:, 1, 1:]
            starts.append(torch.cat([places, beside], dim=1))
        other = places[:, 1 - star, None]
        split = best.positions[:, 0]
        starts.append(torch.cat([split[:, :1], other, split[:, 1:]], dim=1))
    part = batch[rows]
    least = pair.chi2[rows]
    apart, share = torch.zeros_like(least), torch.zeros_like(least)
    for start in starts:
        fit = fit_stars(part, start[rows], uncertainty=uncertainty, evaluations=10)
        better = fit.chi2 < least
        gaps = torch.cdist(fit.positions, fit.positions)
        gaps = gaps + torch.diag_embed(torch.full_like(gaps[:, 0], torch.inf))
        light = fit.flux.amin(2) / fit.flux.amax(2).clamp(min=1e-300)
        apart = torch.where(better, gaps.flatten(1).amin(1), apart)
        share = torch.where(better, light.amax(1), share)
        least = torch.minimum(least, fit.chi2)
    return (pair.chi2[rows] - least).clamp(min=0).sqrt(), apart, share
