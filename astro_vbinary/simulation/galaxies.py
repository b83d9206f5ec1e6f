"""Galaxies on pixels."""

import numpy as np
from scipy import fft

__all__ = ["galaxy_image"]

#: Points along each axis of a pixel where the profile is steep, and the radius in
#: pixels within which it is.
FINE, STEEP = 5, 6


def galaxy_image(galaxy, exposure, shape, psf, rng):
    """A galaxy's light in each pixel, seen through the PSF.

    Parameters
    ----------
    galaxy : Galaxy
        What to draw, a Sersic profile (Graham & Driver 2005, PASA 22, 118).
    exposure : Exposure
        Orientation and pixels.
    shape : tuple of int
        (ny, nx) of the image, the target near its middle.
    psf : `~numpy.ndarray`
        A star of unit flux in the middle of an image of odd sides.
    rng : `~numpy.random.Generator`
        Source of randomness, for the clumps; bands of a stack share its state.

    Returns
    -------
    `~numpy.ndarray`
        Shape ``shape``, float32, of unit flux as far as it is on the image.
    """
    dx, dy = exposure.pixel_offset(galaxy.east, galaxy.north)
    ny, nx = shape
    x0, y0 = (nx - 1) / 2 + dx, (ny - 1) / 2 + dy
    spots = [
        (*rng.normal(0, 0.6 * galaxy.radius, 2), rng.uniform(0.05, 0.25, 2))
        for _ in range(galaxy.clumps)
    ]
    light = _Light(galaxy, exposure, spots)
    image = light.at(np.arange(nx)[None, :] - x0, np.arange(ny)[:, None] - y0)
    left, top = round(x0) - STEEP, round(y0) - STEEP
    columns = slice(max(left, 0), min(left + 2 * STEEP + 1, nx))
    rows = slice(max(top, 0), min(top + 2 * STEEP + 1, ny))
    if columns.start < columns.stop and rows.start < rows.stop:
        step = (np.arange(FINE) + 0.5) / FINE - 0.5
        x = (np.arange(columns.start, columns.stop)[:, None] + step).ravel() - x0
        y = (np.arange(rows.start, rows.stop)[:, None] + step).ravel() - y0
        fine = light.at(x[None, :], y[:, None], fine=FINE)
        fine = fine.reshape(rows.stop - rows.start, FINE, -1, FINE)
        image[rows, columns] = fine.mean(axis=(1, 3))
    image = _convolve(image / max(image.sum(), 1e-30), psf)
    return image.astype(np.float32)


class _Light:
    """Surface brightness at offsets in pixels from the galaxy's centre."""

    def __init__(self, galaxy, exposure, spots):
        self.galaxy, self.spots, self.scale = galaxy, spots, exposure.pixel_scale
        angle = galaxy.angle + exposure.angle
        self.cos, self.sin = np.cos(angle), np.sin(angle)

    def at(self, x, y, fine=1):
        """Brightness; softened within half of a step, where a cusp has no value."""
        galaxy, scale = self.galaxy, self.scale
        along = (x * self.cos + y * self.sin) * scale
        across = (y * self.cos - x * self.sin) * scale
        ratio = galaxy.axis_ratio
        radius = np.square(along) * ratio + np.square(across) / ratio
        radius = (radius + (0.5 * scale / fine) ** 2) / galaxy.radius**2
        slope = 2 * galaxy.index - 1 / 3
        image = np.exp(-slope * radius ** (0.5 / galaxy.index))
        for east, north, (width, strength) in self.spots:
            distance = np.square(along - east) + np.square(across - north * ratio)
            width = width * galaxy.radius
            image += 1.6 * strength * np.exp(-0.5 * distance / width**2)
        return image


def _convolve(image, kernel):
    """By Fourier transform, without the light coming back from the other side."""
    sides = [
        fft.next_fast_len(a + b // 2, real=True)
        for a, b in zip(image.shape, kernel.shape, strict=True)
    ]
    wide = np.zeros(sides)
    ny, nx = kernel.shape
    ny, nx = min(ny, sides[0]), min(nx, sides[1])
    wide[:ny, :nx] = kernel[:ny, :nx]
    middle = (kernel.shape[0] // 2, kernel.shape[1] // 2)
    wide = np.roll(wide, (-middle[0], -middle[1]), (0, 1))
    made = fft.irfft2(fft.rfft2(image, sides) * fft.rfft2(wide), sides)
    return made[: image.shape[0], : image.shape[1]]
