"""Whether a third star is needed beside a fitted pair."""

import torch

from astro_vbinary.measurement.fitting import fit_stars

__all__ = ["third_star"]

#: Square root of the gain that a template must promise for three stars to be fitted.
WORTH = 3.5


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
    least = pair.chi2.clone()
    apart, share = torch.zeros_like(least), torch.zeros_like(least)
    chosen = torch.zeros(len(least), dtype=torch.bool, device=least.device)
    chosen[rows] = True
    for start, gain in _starts(scan, rest, places):
        likely = torch.nonzero(chosen & (gain > WORTH**2))[:, 0]
        if not len(likely):
            continue
        fit = fit_stars(
            batch[likely], start[likely], uncertainty=uncertainty, evaluations=10
        )
        better = fit.chi2 < least[likely]
        taken = likely[better]
        gaps = torch.cdist(fit.positions, fit.positions)
        gaps = gaps + torch.diag_embed(torch.full_like(gaps[:, 0], torch.inf))
        light = fit.flux.amin(2) / fit.flux.amax(2).clamp(min=1e-300)
        least[taken] = fit.chi2[better]
        apart[taken] = gaps.flatten(1).amin(1)[better]
        share[taken] = light.amax(1)[better]
    drop = (pair.chi2 - least).clamp(min=0).sqrt()
    return drop[rows], apart[rows], share[rows]


def _starts(scan, rest, places):
    """Places of three stars, and by how much chi2 should drop."""
    for star in (0, 1):
        best = scan.companions(rest, places[:, star])
        if star == 0:
            beside = best.positions[:, 1, 1:]
            yield torch.cat([places, beside], dim=1), best.gain[:, 1]
        other = places[:, 1 - star, None]
        split = best.positions[:, 0]
        yield torch.cat([split[:, :1], other, split[:, 1:]], dim=1), best.gain[:, 0]
