"""Diffraction by a telescope's pupil: a star seen from space."""

import astropy.units as u
import numpy as np
from scipy import ndimage

from astro_vbinary.psf.base import PSF, pixel_offsets

__all__ = ["PupilPSF", "hst_pupil", "jwst_pupil"]

#: Pixels across the pupil, and across the field that it is transformed into.
PUPIL_SIDE, FIELD_SIDE = 256, 1024


def _plane(diameter):
    step = diameter / PUPIL_SIDE
    axis = (np.arange(PUPIL_SIDE) - (PUPIL_SIDE - 1) / 2) * step
    return np.meshgrid(axis, axis)


def hst_pupil():
    """The pupil of the Hubble Space Telescope.

    An aperture of 2.4 m with a central obstruction of a third of its diameter
    and two pairs of vanes, as in Krist, Hook & Stoehr (2011, Proc. SPIE 8127,
    81270J, doi:10.1117/12.892762).

    Returns
    -------
    pupil : `~numpy.ndarray`
        Shape (256, 256), float, transmission from 0 to 1.
    diameter : `~astropy.units.Quantity`
        Its side.
    """
    x, y = _plane(2.4)
    radius = np.hypot(x, y) / 1.2
    vanes = (np.abs(x) < 0.0132) | (np.abs(y) < 0.0132)
    return ((radius <= 1) & (radius >= 0.33) & ~vanes).astype(float), 2.4 * u.m


def jwst_pupil():
    """The pupil of the James Webb Space Telescope.

    Eighteen hexagons of 1.32 m from flat to flat in two rings around a missing
    one, with the shadows of three struts (Perrin et al. 2014, Proc. SPIE 9143,
    91433X, doi:10.1117/12.2056689).

    Returns
    -------
    pupil : `~numpy.ndarray`
        Shape (256, 256), float, transmission from 0 to 1.
    diameter : `~astropy.units.Quantity`
        Its side.
    """
    x, y = _plane(6.6)
    flat, pitch = 1.32, 1.327
    pupil = np.zeros_like(x)
    for q in range(-2, 3):
        for r in range(-2, 3):
            if abs(q + r) > 2 or (q, r) == (0, 0):
                continue
            dx = x - pitch * np.sqrt(3) / 2 * r
            dy = y - pitch * (q + r / 2)
            inside = np.abs(dy) <= flat / 2
            for angle in (30, -30):
                across = dx * np.cos(np.deg2rad(angle)) + dy * np.sin(np.deg2rad(angle))
                inside &= np.abs(across) <= flat / 2
            pupil[inside] = 1
    for angle in (90, 210, 330):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        pupil[(np.abs(x * s - y * c) < 0.05) & (x * c + y * s > 0)] = 0
    return pupil, 6.6 * u.m


class PupilPSF(PSF):
    """The diffraction pattern of a pupil, blurred by detector and pointing.

    The monochromatic pattern is the squared modulus of the Fourier transform of
    the pupil with a phase screen (Goodman, Introduction to Fourier Optics,
    4.4), averaged over the band, then convolved with the detector's pixel and
    a Gaussian for charge diffusion, jitter and drizzling.

    Parameters
    ----------
    pupil : `~numpy.ndarray`
        Square, transmission from 0 to 1.
    diameter : `~astropy.units.Quantity`
        Side of the pupil's array, a length.
    wavelength : `~astropy.units.Quantity`
        Middle of the band.
    bandwidth : float, optional
        Full width of the band over its middle.
    detector_pixel : `~astropy.units.Quantity`, optional
        Side of the detector's pixel, an angle; zero for none.
    blur : `~astropy.units.Quantity`, optional
        Standard deviation of the Gaussian, an angle.
    phase : `~numpy.ndarray`, optional
        Wavefront error as a path length in units of the wavelength, of the
        pupil's shape.

    Raises
    ------
    ValueError
        If the pupil is not a square of the expected size.

    Notes
    -----
    The attribute ``fwhm`` is the diameter of a circle as large as the area above
    half of the maximum.
    """

    def __init__(
        self,
        pupil,
        diameter,
        wavelength,
        *,
        bandwidth=0.2,
        detector_pixel=0.0 * u.arcsec,
        blur=0.0 * u.arcsec,
        phase=None,
    ):
        if np.shape(pupil) != (PUPIL_SIDE, PUPIL_SIDE):
            raise ValueError(
                f"a pupil is {PUPIL_SIDE} px square, not {np.shape(pupil)}"
            )
        middle = float((wavelength / diameter).to_value(u.dimensionless_unscaled))
        # Sampling at the middle wavelength; the others are scaled to it.
        self._step = (middle * PUPIL_SIDE / FIELD_SIDE * u.rad).to(u.arcsec).value
        field = np.zeros((FIELD_SIDE, FIELD_SIDE))
        for shift in (-1 / 3, 0.0, 1 / 3):
            factor = 1 + shift * bandwidth
            mono = _diffract(pupil, None if phase is None else phase / factor)
            field += _magnify(mono, factor)
        field = _convolve(
            field / field.sum(),
            u.Quantity(detector_pixel).to_value(u.arcsec) / self._step,
            u.Quantity(blur).to_value(u.arcsec) / self._step,
        )
        field /= field.sum()
        self._spline = ndimage.spline_filter(field, order=3).astype(np.float32)
        self.fwhm = _full_width(self._spline) * self._step * u.arcsec

    def image(self, shape, pixel_scale, *, position=None):
        """Light of one star in each pixel; see `PSF.image`.

        The image is integrated over the detector's pixel, not over pixels of
        ``pixel_scale``: drizzling resamples, it does not blur by its own pixel.
        """
        scale = u.Quantity(pixel_scale).to_value(u.arcsec)
        dx, dy = pixel_offsets(shape, position)
        ratio = scale / self._step
        middle = FIELD_SIDE // 2
        coordinates = np.broadcast_arrays(middle + dy * ratio, middle + dx * ratio)
        values = ndimage.map_coordinates(
            self._spline, coordinates, order=3, prefilter=False, output=np.float64
        )
        return values * ratio**2


def _full_width(spline, fine=10, reach=12):
    """Diameter in pixels of the area around the middle above half of the maximum."""
    axis = FIELD_SIDE // 2 + np.arange(-reach * fine, reach * fine + 1) / fine
    grid = np.meshgrid(axis, axis, indexing="ij")
    core = ndimage.map_coordinates(spline, grid, order=3, prefilter=False)
    return 2 * np.sqrt((core > core.max() / 2).sum() / np.pi) / fine


def _diffract(pupil, phase):
    amplitude = np.asarray(pupil, dtype=np.complex64)
    if phase is not None:
        amplitude = amplitude * np.exp(2j * np.pi * phase).astype(np.complex64)
    padded = np.zeros((FIELD_SIDE, FIELD_SIDE), dtype=np.complex64)
    padded[:PUPIL_SIDE, :PUPIL_SIDE] = amplitude
    pattern = np.abs(np.fft.fftshift(np.fft.fft2(padded))) ** 2
    return pattern / pattern.sum()


def _magnify(image, factor):
    """Stretch about the centre pixel, flux kept: a longer wavelength spreads more."""
    if factor == 1:
        return image
    middle = FIELD_SIDE // 2
    return (
        ndimage.affine_transform(
            image,
            np.full(2, 1 / factor),
            offset=middle * (1 - 1 / factor),
            order=1,
        )
        / factor**2
    )


def _convolve(image, box, sigma):
    """With a square pixel and a Gaussian, both in pixels of the image."""
    fy = np.fft.fftfreq(FIELD_SIDE)[:, None]
    fx = np.fft.rfftfreq(FIELD_SIDE)[None, :]
    kernel = np.sinc(fy * box) * np.sinc(fx * box)
    kernel = kernel * np.exp(-2 * (np.pi * sigma) ** 2 * (fx**2 + fy**2))
    return np.maximum(np.fft.irfft2(np.fft.rfft2(image) * kernel, image.shape), 0)
