"""What is known of a pair where its separation and its flux ratio trade off."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.measurement.linear import unknown_templates
from astro_vbinary.measurement.pair_terms import pair_terms
from astro_vbinary.measurement.proposal import PairProposal
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.star_design import WeightedPixels, star_design

__all__ = ["PairPosterior", "sample_posterior"]

#: Draws whose images are computed at once.
PIXELS_AT_ONCE = 2**19

#: Draws of the fluxes for each draw of the places.
FLUX_DRAWS = 4

#: Least separation of the prior, in effective FWHM.
LEAST = 0.02

#: Names of what intervals are given for, and their levels.
QUANTITIES = ("separation", "position_angle", "magnitude_difference")
LEVELS = {68: 0.6827, 95: 0.95}


@dataclass(frozen=True)
class PairPosterior:
    """Weighted samples of the pairs in n stacks.

    Attributes
    ----------
    separation, position_angle, magnitude_difference, moment : `~numpy.ndarray`
        Shape (n, samples): arcsec, degrees, magnitudes in the fit's reference band
        (of the star that lies towards the fit's position angle, less the other), and
        alpha (1 - alpha) s^2 there in square arcsec.
    weight : `~numpy.ndarray`
        Shape (n, samples), of sum one in each row.
    angle : `~numpy.ndarray`
        Shape (n,): the fit's position angle, about which quantiles are taken.
    """

    separation: np.ndarray
    position_angle: np.ndarray
    magnitude_difference: np.ndarray
    moment: np.ndarray
    weight: np.ndarray
    angle: np.ndarray

    def __len__(self):
        return len(self.weight)

    def __repr__(self):
        return f"<PairPosterior of {len(self)} stacks>"

    @property
    def effective_samples(self):
        """Kish's number of the places, shape (n,): fluxes of one place count as one."""
        places = self.weight.reshape(len(self), -1, FLUX_DRAWS).sum(axis=2)
        return 1 / np.square(places).sum(axis=1)

    def quantile(self, name, probability):
        """A quantile of each stack's samples.

        Parameters
        ----------
        name : str
            Name of an attribute with samples.
        probability : float
            From 0 to 1.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n,).
        """
        values = getattr(self, name)
        if name == "position_angle":
            values = (values - self.angle[:, None] + 180) % 360 - 180
        order = np.argsort(values, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        below = np.cumsum(np.take_along_axis(self.weight, order, axis=1), axis=1)
        below -= 0.5 * np.take_along_axis(self.weight, order, axis=1)
        found = np.array(
            [np.interp(probability, b, v) for b, v in zip(below, values, strict=True)]
        )
        return found + self.angle if name == "position_angle" else found

    def interval(self, name, level):
        """Central interval of each stack.

        Parameters
        ----------
        name : str
            Name of an attribute with samples.
        level : float
            From 0 to 1.

        Returns
        -------
        low, high : `~numpy.ndarray`
            Shape (n,).
        """
        tail = (1 - level) / 2
        return self.quantile(name, tail), self.quantile(name, 1 - tail)

    def rows(self):
        """Entries of a table for each stack.

        Returns
        -------
        list of dict
            Intervals of 68 and 95 %, and the number of effective samples.
        """
        columns = {"effective_samples": self.effective_samples}
        for name in QUANTITIES:
            for label, level in LEVELS.items():
                ends = self.interval(name, level)
                columns[f"{name}_low_{label}"], columns[f"{name}_high_{label}"] = ends
        return [
            {"intervals": "posterior"} | {k: v[i] for k, v in columns.items()}
            for i in range(len(self))
        ]


def sample_posterior(
    batch,
    fit,
    rows=None,
    *,
    rng,
    samples=512,
    uncertainty=None,
    max_separation=2.5 * u.arcsec,
):
    """Sample what is known of pairs by importance sampling.

    The prior is flat in the logarithm of the separation (Oepik 1924, Publ. Tartu
    Obs. 25, 6), in the position angle, in the place of the pair, and in each band's
    fluxes and background, which makes it flat in the fainter star's share of the
    light. Backgrounds and what is not known of the PSFs are integrated out.

    Parameters
    ----------
    batch : PixelBatch
        The stacks that were fitted.
    fit : PairFit
        Their fits.
    rows : sequence of int, optional
        Which of them to sample; all by default.
    rng : `~numpy.random.Generator`
        Source of randomness.
    samples : int, optional
        Places drawn for each stack; four fluxes are drawn for each.
    uncertainty : PSFUncertainty, optional
        What is not known of the PSFs.
    max_separation : `~astropy.units.Quantity`, optional
        Largest separation, an angle.

    Returns
    -------
    PairPosterior
        Of the chosen stacks.

    References
    ----------
    Robert, C. P. & Casella, G. 2004, Monte Carlo Statistical Methods, 3.3.
    """
    largest = u.Quantity(max_separation).to_value(u.arcsec)
    rows = np.arange(len(fit)) if rows is None else np.asarray(rows)
    parts = [
        _sample(batch, fit, int(row), largest, samples, uncertainty, rng)
        for row in rows
    ]
    columns = [np.stack(values) for values in zip(*parts, strict=True)]
    return PairPosterior(*columns, fit.position_angle[rows])


def _sample(batch, fit, row, largest, samples, uncertainty, rng):
    """Samples of one stack: values and weights."""
    reference = int(fit.reference[row])
    proposal = _proposal(fit, row, reference, largest)
    places, density = proposal.draw(samples, rng)
    offset = places[:, 2:] - places[:, :2]
    apart = np.hypot(*offset.T)
    least = LEAST * fit.fwhm[row]
    with np.errstate(divide="ignore"):
        # Flat in ln s and the angle is 1 / s^2 in the plane.
        prior = np.where(
            (apart > least) & (apart < largest), -2 * np.log(apart), -np.inf
        )
    extent = float(np.abs(fit.position[row]).max()) + largest
    one = batch[row].cutout(min(extent, largest + 1.0) + 1.5 * float(batch.fwhm.max()))
    like, flux = _likelihood(one, places, uncertainty, rng, prior > -np.inf)
    weight = (like + prior - density)[:, None] + np.where(
        (flux > 0).all(axis=(2, 3)), 0.0, -np.inf
    )
    best = weight.max(initial=-np.inf)
    weight = np.exp(weight - best) if np.isfinite(best) else np.zeros_like(weight)
    total = weight.sum()
    weight = weight / total if total > 0 else np.full_like(weight, 1 / weight.size)
    positions = np.repeat(places.reshape(-1, 1, 2, 2), FLUX_DRAWS, axis=1)
    # The second star is the one towards the fit's angle.
    axis = fit.position[row, 1] - fit.position[row, 0]
    turned = (offset @ axis < 0)[:, None]
    positions = np.where(turned[..., None, None], positions[:, :, ::-1], positions)
    flux = np.where(turned[..., None, None], flux[..., ::-1], flux)
    with np.errstate(invalid="ignore", divide="ignore"):
        separation, angle, difference, moment = pair_terms(positions, flux.clip(min=0))
    difference = np.nan_to_num(difference[..., reference], posinf=30.0, neginf=-30.0)
    moment = np.nan_to_num(moment[..., reference])
    return tuple(v.ravel() for v in (separation, angle, difference, moment, weight))


def _proposal(fit, row, reference, largest):
    position, flux = fit.position[row], fit.flux[row, reference]
    share = float(np.clip(flux[1] / max(flux.sum(), 1e-300), 0.02, 0.98))
    offset = position[1] - position[0]
    angle = np.arctan2(*offset)
    across = np.array([offset[1], -offset[0]]) / max(np.hypot(*offset), 1e-9)
    covariance = fit.fisher[row][:4, :4]
    weights = np.concatenate([(1 - share) * across, share * across])
    width = np.sqrt(max(weights @ covariance @ weights, 1e-10))
    moment = float(np.nan_to_num(fit.moment[row, reference]))
    moment = max(moment, (0.05 * fit.fwhm[row]) ** 2)
    error = float(np.nan_to_num(fit.moment_error[row, reference], nan=moment))
    turn = np.deg2rad(np.sqrt(np.nan_to_num(fit.covariance[row, 1, 1], nan=1e4)))
    return PairProposal(
        position.ravel(),
        covariance,
        (1 - share) * position[0] + share * position[1],
        float(min(width, 0.3 * fit.fwhm[row])),
        float(angle),
        float(turn),
        moment,
        error,
        largest,
    )


def _likelihood(one, places, uncertainty, rng, wanted):
    """Marginal log-likelihood of places, and fluxes drawn for each."""
    k = one.n_bands
    like = np.full(len(places), -np.inf)
    flux = np.zeros((len(places), FLUX_DRAWS, k, 2))
    chosen = np.flatnonzero(wanted)
    step = max(PIXELS_AT_ONCE // one.images[0].numel(), 1)
    splines = SplinePSF.of(one)
    for first in range(0, len(chosen), step):
        part = chosen[first : first + step]
        many = one[torch.zeros(len(part), dtype=torch.long, device=one.device)]
        noise = rng.standard_normal((len(part) * k, FLUX_DRAWS, 3))
        found = _marginal(many, splines, places[part], uncertainty, noise)
        like[part], flux[part] = found
    return like, flux


def _marginal(batch, splines, places, uncertainty, noise):
    n, k = batch.images.shape[:2]
    pixels = WeightedPixels.make(
        batch, torch.arange(k, device=batch.device).expand(n, k)
    )
    positions = torch.as_tensor(places.reshape(-1, 2, 2), device=batch.device)
    shapes = uncertainty is not None and bool(
        uncertainty.ellipticity or uncertainty.size
    )
    design = star_design(pixels, splines, positions, shapes)
    image = pixels.image.reshape(n * k, 1, -1)
    if uncertainty is None:
        design = design[:, :3]
    gram = (design @ design.transpose(1, 2)).double()
    target = (design @ image.transpose(1, 2)).double()
    count = design.shape[1]
    lines = torch.eye(3, count, dtype=gram.dtype, device=gram.device)
    lines, prior = lines.expand(n * k, -1, -1), gram.new_zeros(3)
    if uncertainty is not None:
        plain = torch.linalg.solve_ex(_ridged(gram[:, :3, :3]), target[:, :3])[0]
        slopes = gram.new_zeros(n * k, 4, count)
        turn = batch.to_pixel.reshape(n * k, 2, 2).transpose(1, 2)
        for star in (0, 1):
            place = 3 + 2 * star
            part = plain[:, star, :, None] * turn
            slopes[:, 2 * star : 2 * star + 2, place : place + 2] = part
        unknown = unknown_templates(uncertainty, slopes, plain[:, :2, 0], 2)
        if unknown is not None:
            lines = torch.cat([lines, unknown[0]], dim=1)
            prior = torch.cat([prior, unknown[1]])
    matrix = _ridged(lines @ gram @ lines.transpose(1, 2) + torch.diag(prior))
    value = torch.linalg.solve_ex(matrix, lines @ target)[0]
    model = (value.transpose(1, 2) @ lines).to(design.dtype)
    rest = torch.baddbmm(image, model, design, alpha=-1)
    chi2 = rest.flatten(1).square().sum(1).double()
    chi2 = chi2 + (value[..., 0].square() * prior).sum(1)
    like = -0.5 * (chi2 + torch.linalg.slogdet(matrix)[1])
    covariance = torch.linalg.inv_ex(matrix)[0][:, :3, :3]
    root = torch.linalg.cholesky_ex(covariance)[0]
    noise = torch.as_tensor(noise, device=root.device) @ root.transpose(1, 2)
    flux = value[:, None, :2, 0] + noise[:, :, :2]
    flux = flux.view(n, k, FLUX_DRAWS, 2).transpose(1, 2)
    empty = (batch.weight.flatten(2).amax(2) <= 0)[:, None, :, None]
    flux = torch.where(empty, 1.0, flux)
    return like.view(n, k).sum(1).cpu().numpy(), flux.cpu().numpy()


def _ridged(matrix):
    ridge = 1e-10 * matrix.diagonal(dim1=-2, dim2=-1) + 1e-100
    return matrix + torch.diag_embed(ridge)
