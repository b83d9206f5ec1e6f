"""Diffraction by a telescope's pupil: a star seen from space."""

import astropy.units as u
import numpy as np
from scipy import fft, ndimage

from astro_vbinary.psf.base import PSF, pixel_offsets

__all__ = ["PupilPSF", "hst_pupil", "jwst_pupil", "jwst_segments"]

#: Pixels across the pupil, and across the field that it is transformed into.
PUPIL_SIDE, FIELD_SIDE = 256, 1024

#: Points along one pixel of a pupil, so that its edges are grey.
SUBPIXELS = 4

#: Width of the wavelength steps over the wavelength: what the outer rings need.
WAVELENGTH_STEP = 0.035

#: Pads that hold HST's primary mirror: (x, y) in radii, and their radius.
_PADS = ((0.8921, 0.0), (-0.4615, 0.7555), (-0.4564, -0.7606))
_PAD_RADIUS = 0.065


def _plane(diameter):
    side = PUPIL_SIDE * SUBPIXELS
    axis = (np.arange(side) - (side - 1) / 2) * (diameter / side)
    return np.meshgrid(axis, axis)


def _grey(mask):
    """Mean of the sub-pixels of each pixel."""
    blocks = mask.reshape(PUPIL_SIDE, SUBPIXELS, PUPIL_SIDE, SUBPIXELS)
    return blocks.mean(axis=(1, 3))


def hst_pupil(*, obstruction=0.33, vane=0.022, outer=1.0):
    """The pupil of the Hubble Space Telescope.

    An aperture of 2.4 m with a central obstruction of a third of its diameter,
    two pairs of vanes, and the three pads that hold the mirror, as in Krist, Hook
    & Stoehr (2011, Proc. SPIE 8127, 81270J, doi:10.1117/12.892762).

    Parameters
    ----------
    obstruction : float, optional
        Radius of the obstruction in radii of the pupil; the cold mask of an
        infrared camera has a larger one.
    vane : float, optional
        Width of the vanes in radii of the pupil.
    outer : float, optional
        Radius of the outer edge, for a mask smaller than the mirror.

    Returns
    -------
    pupil : `~numpy.ndarray`
        Shape (256, 256), float, transmission from 0 to 1.
    diameter : `~astropy.units.Quantity`
        Its side.
    """
    x, y = _plane(2.0)
    radius = np.hypot(x, y)
    open_ = (radius <= outer) & (radius >= obstruction)
    open_ &= (np.abs(x) >= vane / 2) & (np.abs(y) >= vane / 2)
    # The pads lie between the vanes.
    turn = np.sqrt(0.5)
    for px, py in _PADS:
        px, py = (px - py) * turn, (px + py) * turn
        open_ &= np.hypot(x - px, y - py) > _PAD_RADIUS
    return _grey(open_), 2.4 * u.m


def _jwst_hexagons():
    x, y = _plane(6.6)
    flat, pitch = 1.32, 1.327
    labels = np.zeros(x.shape, dtype=np.int16)
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
            labels[inside] = labels.max() + 1
    return labels, x, y


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
    labels, x, y = _jwst_hexagons()
    open_ = labels > 0
    for angle in (90, 240, 300):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        open_ &= (np.abs(x * s - y * c) >= 0.05) | (x * c + y * s <= 0)
    return _grey(open_), 6.6 * u.m


def jwst_segments():
    """Which segment of JWST's mirror each pixel of its pupil belongs to.

    Returns
    -------
    `~numpy.ndarray`
        Shape (256, 256), integers, 1 to 18 on the segments and 0 elsewhere.
    """
    labels, _, _ = _jwst_hexagons()
    blocks = labels.reshape(PUPIL_SIDE, SUBPIXELS, PUPIL_SIDE, SUBPIXELS)
    # The larger of what a pixel holds: gaps are narrower than a pixel.
    return blocks.max(axis=(1, 3))


class PupilPSF(PSF):
    """The diffraction pattern of a pupil, blurred by detector and pointing.

    The monochromatic pattern is the squared modulus of the Fourier transform of
    the pupil with a phase screen (Goodman, Introduction to Fourier Optics,
    4.4), averaged over the band, then convolved with the detector's pixel and
    a Gaussian for charge diffusion and jitter.

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
    drop : `~astropy.units.Quantity`, optional
        Side of the drops of a drizzled image, an angle: the detector's pixel times
        ``pixfrac``. By default the image is not drizzled.

    Raises
    ------
    ValueError
        If the pupil is not a square of the expected size.

    Notes
    -----
    The attribute ``fwhm`` is the diameter of a circle as large as the area above
    half of the maximum.

    References
    ----------
    Fruchter, A. S. & Hook, R. N. 2002, PASP 114, 144, doi:10.1086/338393 (drizzle).
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
        drop=None,
    ):
        if np.shape(pupil) != (PUPIL_SIDE, PUPIL_SIDE):
            raise ValueError(
                f"a pupil is {PUPIL_SIDE} px square, not {np.shape(pupil)}"
            )
        middle = float((wavelength / diameter).to_value(u.dimensionless_unscaled))
        self._step = (middle * PUPIL_SIDE / FIELD_SIDE * u.rad).to(u.arcsec).value
        self._drizzled = drop is not None
        pattern = np.zeros((FIELD_SIDE, FIELD_SIDE), dtype=np.float32)
        for side in _transform_sides(bandwidth):
            pattern += _diffract(pupil, phase, side)
        boxes = [detector_pixel, 0 * u.arcsec if drop is None else drop]
        self._spline = _blurred_spline(
            pattern,
            [u.Quantity(b).to_value(u.arcsec) / self._step for b in boxes],
            u.Quantity(blur).to_value(u.arcsec) / self._step,
        )
        self.fwhm = _full_width(self._spline) * self._step * u.arcsec

    def image(self, shape, pixel_scale, *, position=None):
        """Light of one star in each pixel; see `PSF.image`.

        The detector's own pixel is in the PSF. A drizzled PSF is integrated over
        the pixels asked for as well; another is sampled at their centres.
        """
        scale = u.Quantity(pixel_scale).to_value(u.arcsec)
        dx, dy = pixel_offsets(shape, position)
        ratio = scale / self._step
        points = 1
        if self._drizzled:
            points = max(int(np.ceil(3 * scale / self.fwhm.to_value(u.arcsec))), 2)
        nodes, weights = np.polynomial.legendre.leggauss(points)
        middle = FIELD_SIDE // 2
        values = np.zeros(shape)
        for step_y, weight_y in zip(nodes / 2, weights / 2, strict=True):
            for step_x, weight_x in zip(nodes / 2, weights / 2, strict=True):
                coordinates = np.broadcast_arrays(
                    middle + (dy + step_y) * ratio, middle + (dx + step_x) * ratio
                )
                values += (weight_y * weight_x) * ndimage.map_coordinates(
                    self._spline,
                    coordinates,
                    order=3,
                    prefilter=False,
                    output=np.float64,
                )
        return values * ratio**2

    def effective(self, pixel_scale, oversampling, radius):
        """The effective PSF; see `PSF.effective`."""
        if self._drizzled or oversampling != int(oversampling) or oversampling < 1:
            return super().effective(pixel_scale, oversampling, radius)
        # Already integrated, so sampling is all there is to do.
        fine = u.Quantity(pixel_scale) / oversampling
        half = u.Quantity(radius / fine).to_value(u.dimensionless_unscaled)
        side = 2 * int(np.ceil(half - 1e-9)) + 1
        return self.image((side, side), fine) * oversampling**2


def _full_width(spline, fine=10, reach=12):
    """Diameter in pixels of the area around the middle above half of the maximum."""
    axis = FIELD_SIDE // 2 + np.arange(-reach * fine, reach * fine + 1) / fine
    grid = np.meshgrid(axis, axis, indexing="ij")
    core = ndimage.map_coordinates(spline, grid, order=3, prefilter=False)
    return 2 * np.sqrt((core > core.max() / 2).sum() / np.pi) / fine


def _transform_sides(bandwidth):
    """Sides of the transforms that sample all wavelengths at the same angles."""
    count = max(round(bandwidth / WAVELENGTH_STEP), 1)
    shifts = ((np.arange(count) + 0.5) / count - 0.5) * bandwidth
    return [2 * round(float(FIELD_SIDE / 2 * (1 + shift))) for shift in shifts]


def _diffract(pupil, phase, side):
    """Pattern of the wavelength whose transform has that side, of unit sum."""
    amplitude = np.asarray(pupil, dtype=np.complex64)
    if phase is not None:
        turns = np.asarray(phase, dtype=np.float32) * np.float32(FIELD_SIDE / side)
        amplitude = amplitude * np.exp(np.complex64(2j * np.pi) * turns)
    columns = fft.fft(amplitude, n=side, axis=0)
    field = fft.fft(columns, n=side, axis=1, overwrite_x=True)
    pattern = field.real**2 + field.imag**2
    pattern = fft.fftshift(pattern / pattern.sum())
    trim = (side - FIELD_SIDE) // 2
    if trim < 0:
        return np.pad(pattern, -trim)
    return pattern[trim : trim + FIELD_SIDE, trim : trim + FIELD_SIDE]


def _blurred_spline(image, boxes, sigma):
    """Convolve with squares and a Gaussian, then take coefficients of a spline.

    All in the Fourier domain, with a periodic edge: the pattern has no light there.
    """
    fy = fft.fftfreq(FIELD_SIDE)[:, None]
    fx = fft.rfftfreq(FIELD_SIDE)[None, :]

    def along(f):
        kernel = np.exp(-2 * (np.pi * sigma * f) ** 2)
        for box in boxes:
            kernel = kernel * np.sinc(f * box)
        # A cubic B-spline at the pixels is (1, 4, 1) / 6 (de Boor 1978, A Practical
        # Guide to Splines).
        return (kernel / (2 / 3 + np.cos(2 * np.pi * f) / 3)).astype(np.float32)

    spectrum = fft.rfft2(image / image.sum())
    spectrum *= along(fy)
    spectrum *= along(fx)
    return fft.irfft2(spectrum, image.shape).astype(np.float32)
