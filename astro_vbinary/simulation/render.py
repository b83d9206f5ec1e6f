"""Put a scene onto the pixels of one band's exposure."""

import astropy.units as u
import numpy as np
from scipy import ndimage, signal

from astro_vbinary.psf import MoffatPSF

__all__ = ["add_noise", "render_background", "render_sources"]

#: Stars brighter than this show the vanes of a ground-based telescope.
SPIKES_FROM = 3000.0


def render_sources(scene, exposure, signals, rng, *, galaxy_signal=0.0):
    """Stars and galaxy without noise.

    Parameters
    ----------
    scene : `~astro_vbinary.simulation.Scene`
        What to draw.
    exposure : Exposure
        On which pixels, with which PSF.
    signals : sequence of float
        Signal-to-noise ratio of each star in this band.
    rng : `~numpy.random.Generator`
        Source of randomness.
    galaxy_signal : float, optional
        Signal-to-noise ratio of the galaxy in this band, as of a point source.

    Returns
    -------
    `~numpy.ndarray`
        Shape of the exposure, in units of the sky noise of a pixel.
    """
    scale = exposure.pixel_scale * u.arcsec
    # A star of signal-to-noise S on unit sky noise has the flux S / sqrt(sum P^2).
    own = exposure.psf.image(exposure.shape, scale)
    norm = 1 / np.sqrt((own**2).sum())
    image = np.zeros(exposure.shape)
    for star, strength in zip(scene.stars, signals, strict=True):
        position = exposure.pixel(star.east, star.north)
        flux = strength * norm
        image += flux * exposure.psf.image(exposure.shape, scale, position=position)
        if strength > SPIKES_FROM and isinstance(exposure.psf, MoffatPSF):
            image += _vanes(exposure, position, flux, rng)
    if scene.galaxy is not None:
        shape = _galaxy(scene.galaxy, exposure, rng)
        image += galaxy_signal * norm * signal.fftconvolve(shape, own, mode="same")
    return image


def _vanes(exposure, position, flux, rng):
    """Diffraction by the secondary's support, a faint cross."""
    x = np.arange(exposure.side)[None, :] - position[0]
    y = np.arange(exposure.side)[:, None] - position[1]
    fwhm = exposure.psf.fwhm.value / exposure.pixel_scale
    angle = rng.choice([0.0, np.pi / 4]) + rng.normal(0, 0.05)
    total = np.zeros(exposure.shape)
    for turn in (angle, angle + np.pi / 2):
        along = x * np.cos(turn) + y * np.sin(turn)
        across = y * np.cos(turn) - x * np.sin(turn)
        reach = (1 + (along / fwhm) ** 2) ** -0.8
        total += reach * np.exp(-0.5 * (across / (0.42 * fwhm)) ** 2)
    return flux * 10 ** rng.uniform(-4.2, -3.0) * total / fwhm**2


def _galaxy(galaxy, exposure, rng):
    """A Sersic profile of unit flux (Graham & Driver 2005, PASA 22, 118)."""
    x0, y0 = exposure.pixel(0.0, 0.0)
    scale = exposure.pixel_scale
    grid = np.arange(exposure.side)
    x, y = (grid - x0)[None, :] * scale, (grid - y0)[:, None] * scale
    cos, sin = np.cos(galaxy["angle"]), np.sin(galaxy["angle"])
    along, across = x * cos + y * sin, y * cos - x * sin
    ratio = np.sqrt(galaxy["axis_ratio"])
    radius = np.hypot(along * ratio, across / ratio) / galaxy["radius"]
    index = galaxy["index"]
    slope = 2 * index - 1 / 3
    # Softened within half a pixel, where a cusp cannot be sampled.
    soft = np.hypot(radius, 0.5 * scale / galaxy["radius"])
    image = np.exp(-slope * soft ** (1 / index))
    for _ in range(galaxy["clumps"]):
        spot = rng.normal(0, 0.6 * galaxy["radius"], 2)
        width = rng.uniform(0.05, 0.25) * galaxy["radius"]
        distance = np.hypot(along - spot[0], across - spot[1] * galaxy["axis_ratio"])
        image += rng.uniform(0.05, 0.4) * np.exp(-0.5 * (distance / width) ** 2)
    return image / image.sum()


def render_background(background, exposure, texture, rng):
    """Gradient and nebulosity in units of the noise.

    Parameters
    ----------
    background : dict
        ``gradient`` and ``nebula``.
    exposure : Exposure
        On which pixels.
    texture : `~numpy.ndarray`
        Square, the nebula on the sky, zero mean and unit scatter; all bands
        show the same.
    rng : `~numpy.random.Generator`
        Source of randomness.

    Returns
    -------
    `~numpy.ndarray`
        Shape of the exposure.
    """
    side = exposure.side
    image = np.zeros(exposure.shape)
    if background["gradient"]:
        axis = np.linspace(-1, 1, side)
        angle = rng.uniform(0, 2 * np.pi)
        plane = np.cos(angle) * axis[None, :] + np.sin(angle) * axis[:, None]
        image += background["gradient"] * plane
    if background["nebula"]:
        axis = np.linspace(0, len(texture) - 1, side)
        grid = np.meshgrid(axis, axis, indexing="ij")
        image += background["nebula"] * ndimage.map_coordinates(texture, grid, order=1)
    return image


def draw_texture(rng, side=64):
    """A power-law random field: what nebulosity looks like within a stamp.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Source of randomness.
    side : int, optional
        Pixels along each axis.

    Returns
    -------
    `~numpy.ndarray`
        Shape (side, side), zero mean and unit scatter.
    """
    ky = np.fft.fftfreq(side)[:, None]
    kx = np.fft.rfftfreq(side)[None, :]
    k = np.hypot(kx, ky)
    k[0, 0] = 1
    # Slopes of interstellar cirrus are near -2.9 (Miville-Deschenes et al. 2007,
    # A&A 469, 595) in power.
    amplitude = k ** (-rng.uniform(2.5, 3.5) / 2)
    amplitude[0, 0] = 0
    white = np.fft.rfft2(rng.normal(size=(side, side)))
    field = np.fft.irfft2(white * amplitude, (side, side))
    return (field - field.mean()) / field.std()


def add_noise(image, rng, *, sky_electrons, correlation):
    """Sky noise of unit scatter, and the photon noise of the sources.

    Parameters
    ----------
    image : `~numpy.ndarray`
        In units of the sky noise.
    rng : `~numpy.random.Generator`
        Source of randomness.
    sky_electrons : float
        Electrons of background in a pixel: sets how soon sources outshine it.
    correlation : float
        Standard deviation in pixels of the kernel that correlates the noise,
        as drizzling and resampling do; 0 for none.

    Returns
    -------
    `~numpy.ndarray`
        The image with noise.
    """
    noise = rng.normal(size=image.shape)
    if correlation:
        noise = ndimage.gaussian_filter(noise, correlation, mode="wrap")
        noise /= noise.std()
    variance = 1 + np.maximum(image, 0) / np.sqrt(sky_electrons)
    return image + noise * np.sqrt(variance)
