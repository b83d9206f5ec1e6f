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
        The scan of those of its stacks that are to be looked at.
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
    places = pair.positions[rows]
    starts, gain = _starts(scan, residual.view_as(batch.images)[rows], places)
    likely, kind = torch.nonzero(gain > WORTH**2, as_tuple=True)
    before = pair.chi2[rows]
    least = before.clone()
    apart, share = torch.zeros_like(least), torch.zeros_like(least)
    if len(likely):
        fit = fit_stars(
            batch[rows[likely]],
            starts[likely, kind],
            uncertainty=uncertainty,
            evaluations=10,
        )
        gaps = torch.cdist(fit.positions, fit.positions)
        gaps = gaps + torch.diag_embed(torch.full_like(gaps[:, 0], torch.inf))
        light = fit.flux.amin(2) / fit.flux.amax(2).clamp(min=1e-300)
        for number in range(gain.shape[1]):
            better = (kind == number) & (fit.chi2 < least[likely])
            taken = likely[better]
            least[taken] = fit.chi2[better]
            apart[taken] = gaps.flatten(1).amin(1)[better]
            share[taken] = light.amax(1)[better]
    return (before - least).clamp(min=0).sqrt(), apart, share


def _starts(scan, rest, places):
    """Places of three stars, (q, starts, 3, 2), and by how much chi2 should drop."""
    starts, gain = [], []
    maps = scan.correlate(rest)
    for star in (0, 1):
        best = scan.companions(maps, places[:, star])
        if star == 0:
            starts.append(torch.cat([places, best.positions[:, 1, 1:]], dim=1))
            gain.append(best.gain[:, 1])
        other = places[:, 1 - star, None]
        split = best.positions[:, 0]
        starts.append(torch.cat([split[:, :1], other, split[:, 1:]], dim=1))
        gain.append(best.gain[:, 0])
    return torch.stack(starts, dim=1), torch.stack(gain, dim=1)
