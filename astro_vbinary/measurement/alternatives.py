"""Two stars against what else an image may show: one star, or one broad source."""

from dataclasses import dataclass

import astropy.units as u
import torch

from astro_vbinary.measurement.noise_model import near_stars
from astro_vbinary.measurement.shaped import fit_shaped
from astro_vbinary.measurement.star_design import draw_stars, psf_rows
from astro_vbinary.measurement.uncertainty import PSFUncertainty

__all__ = ["Alternatives", "compare_alternatives", "signed_root", "unexplained"]

#: What a broad source may be: any ellipse, and anywhere in each band.
FREE = PSFUncertainty(ellipticity=3.0, size=3.0, registration=0.3 * u.arcsec)

#: Largest change of a broad source's ellipticity and logarithm of the width, and
#: widest pair, in FWHM, that it may look like.
BROADEST, CLOSEST = 0.8, 1.6

#: Evaluations of each fit, and when it is done.
OPTIONS = {"evaluations": 10, "tolerance": (1e-2, 1e-6)}


#: Square root of the drop of chi2 from which a broad source is tried.
WORTH = 3.0


@dataclass(frozen=True)
class Alternatives:
    """Drops of chi2 of n stacks, with the same noise for all.

    Attributes
    ----------
    single : `~torch.Tensor`
        Shape (n,), float64: from one star to two, with PSFs as uncertain for both.
    extended : `~torch.Tensor`
        Shape (n,), float64: from one source of any width and shape in each band to
        two stars, less two for each parameter that the one has more; negative where
        it is the better. Infinite where it was not tried.
    """

    single: torch.Tensor
    extended: torch.Tensor


def compare_alternatives(batch, splines, found, pair, *, changed, uncertainty, largest):
    """Compare two stars with one star and with one broad source.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each, with their usual PSFs.
    splines : SplinePSF
        Those.
    found : ScanFound
        One star fitted to each, by the noise that the scan had.
    pair : StarFit
        Two stars fitted to each, by the noise and the PSFs that were found.
    changed : `~torch.Tensor`
        Shape (q,), long: stacks whose noise is another than the scan's.
    uncertainty : PSFUncertainty or None
        What is not known of the PSFs.
    largest : float
        Largest separation in arcsec.

    Returns
    -------
    Alternatives
        Of every stack.
    """
    known = {"uncertainty": uncertainty, **OPTIONS}
    single, place, double = found.chi2.clone(), found.single.clone(), pair
    rows = changed
    if uncertainty is not None:
        rows = torch.arange(len(batch), device=batch.device)
        double = fit_shaped(
            batch, pair.positions, splines=splines, largest_distance=largest, **known
        )
    if len(rows):
        again = fit_shaped(
            batch[rows],
            place[rows],
            splines=splines,
            psf=psf_rows(batch)[rows],
            **known,
        )
        single[rows], place[rows] = again.chi2, again.positions
    drop = (single - double.chi2).clamp(min=0)
    extended = torch.full_like(drop, torch.inf)
    apart = (double.positions[:, 1] - double.positions[:, 0]).norm(dim=1)
    close = apart < CLOSEST * batch.fwhm.amax(1)
    rows = torch.nonzero(close & (drop > WORTH**2))[:, 0]
    if len(rows):
        broad = fit_shaped(
            batch[rows],
            place[rows],
            uncertainty=FREE,
            rounds=8,
            largest=BROADEST,
            rival=double.chi2[rows],
            **OPTIONS,
        )
        bands = (batch.weight[rows] > 0).flatten(2).any(2).sum(1)
        more = 4 * (bands - 1).clamp(min=0)
        extended[rows] = broad.chi2 + 2 * more - double.chi2[rows]
    return Alternatives(drop, extended)


def signed_root(values):
    """Square root of the size, with the sign.

    Parameters
    ----------
    values : `~torch.Tensor`
        Of any shape.

    Returns
    -------
    `~torch.Tensor`
        Of the same shape.
    """
    return values.sign() * values.abs().sqrt()


def unexplained(batch, splines, pair, residual, weight, fwhm):
    """What two stars leave near them beyond the noise, as a share of their light.

    Parameters
    ----------
    batch : PixelBatch
        Stacks, n of k bands each, with the noise of the sky.
    splines : SplinePSF
        PSFs that the stars were fitted with.
    pair : StarFit
        The two stars.
    residual : `~torch.Tensor`
        Shape (n, k, pixels): what they leave, times the root of the batch's weight.
    weight : `~torch.Tensor`
        Shape (n, k, ny, nx): one over the variance that the fit has found.
    fwhm : `~torch.Tensor`
        Shape (n, k): effective widths in arcsec.

    Returns
    -------
    share, signal : `~numpy.ndarray`
        Shape (n,): root of the sum of squares of what is left, more than chi2
        scatters, over that of the stars' light, NaN where there is no star; and the
        signal-to-noise ratio of the light with ``weight``.
    """
    model = torch.zeros_like(batch.images)
    for number, star in enumerate(pair.positions.unbind(1)):
        flux = pair.flux[:, :, number, None, None].to(model.dtype)
        model += draw_stars(batch, splines, star) * flux
    near = near_stars(batch, pair.positions, fwhm)
    squares = residual.view_as(model).square().double() * near
    # Of each pixel by itself.
    grain = batch.grain[..., None, None]
    squares = squares * grain
    count = near.flatten(1).sum(1)
    left = squares.flatten(1).sum(1) - count - 3 * (2 * count).sqrt()
    square = model.square()
    light = ((square * batch.weight).double() * grain * near).flatten(1).sum(1)
    signal = (square * weight).double().flatten(1).sum(1).sqrt()
    return (left.clamp(min=0) / light).sqrt().cpu().numpy(), signal.cpu().numpy()
