"""Put companions beside the stars of a batch."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import torch

from astro_vbinary.measurement.fitting import fit_stars
from astro_vbinary.measurement.rendering import SplinePSF
from astro_vbinary.measurement.scan import Scan
from astro_vbinary.measurement.star_design import draw_stars

__all__ = ["Injector"]


class Injector:
    """Makes pairs of a batch's single stars by their PSFs.

    Each star is measured by a fit, and the companion drawn beside it with the same
    colour: the noise of the image stays as it is.

    Parameters
    ----------
    batch : PixelBatch
        Single stars.
    gain : array-like of float, optional
        Broadcast to shape (n, k): photo-electrons for one unit of the images, for
        the companion's own photon noise; none by default.
    search_radius : `~astropy.units.Quantity`, optional
        How far from the target the star may be, an angle.
    """

    def __init__(self, batch, *, gain=None, search_radius=1.0 * u.arcsec):
        self.batch = batch
        shape = batch.images.shape[:2]
        self.gain = None if gain is None else np.broadcast_to(gain, shape)
        radius = u.Quantity(search_radius).to_value(u.arcsec)
        start = Scan(batch, radius).brightest(radius)
        fit = fit_stars(batch, start[:, None].double())
        self.flux = fit.flux[:, :, 0]
        self.position = fit.positions[:, 0]

    def __call__(self, separation, magnitude_difference, count, rng):
        """Pairs of one separation and magnitude difference at random angles.

        Parameters
        ----------
        separation, magnitude_difference : `~astropy.units.Quantity`
            Of the companions, numbers.
        count : int
            How many; stars are used in turn.
        rng : `~numpy.random.Generator`
            Source of randomness.

        Returns
        -------
        PixelBatch
            Of ``count`` stacks; its weights include the companions' photon noise.
        """
        device = self.batch.device
        rows = torch.as_tensor(rng.permutation(count) % len(self.batch), device=device)
        angle = rng.uniform(0, 2 * np.pi, count)
        offset = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        offset *= u.Quantity(separation).to_value(u.arcsec)
        ratio = 10 ** (-0.4 * u.Quantity(magnitude_difference).to_value(u.mag))
        batch = self.batch[rows]
        place = self.position[rows] + torch.as_tensor(offset, device=device)
        star = draw_stars(batch, SplinePSF.of(batch), place).clamp(min=0)
        added = star * (self.flux[rows] * ratio)[:, :, None, None].to(star.dtype)
        if self.gain is None:
            return replace(batch, images=batch.images + added)
        gain = torch.as_tensor(self.gain.copy(), device=device)[rows]
        variance = added / gain[:, :, None, None].to(star.dtype)
        noise = rng.standard_normal(tuple(added.shape), dtype=np.float32)
        noise = torch.as_tensor(noise, device=device) * variance.sqrt()
        weight = batch.weight / (1 + batch.weight * variance)
        return replace(batch, images=batch.images + added + noise, weight=weight)
