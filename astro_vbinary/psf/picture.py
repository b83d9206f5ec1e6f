"""A PSF that somebody has measured or computed, as an image."""

from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales
from scipy import ndimage

from astro_vbinary.psf.base import PSF, pixel_offsets
from astro_vbinary.psf.measure import half_maximum

__all__ = ["ImagePSF", "psf_from_file"]

#: Keywords in which PSF files keep their sampling, in arcsec.
SAMPLING_KEYS = ("PIXSCALE", "PIXELSCL", "PIXSCL", "PSFSCALE")


class ImagePSF(PSF):
    """A point-spread function given as an image at any sampling.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), finite, without background. It is scaled to sum to one.
    sampling : `~astropy.units.Quantity`
        Distance of its pixels on the sky, an angle.
    center : tuple of float, optional
        (x, y) of the star in pixels; by default the centre of light of the core.
    integrate : bool, optional
        Whether images have to be integrated over their pixels. No for an effective
        PSF, which already is (stars of an image, PSFEx, STScI's libraries of
        empirical PSFs); yes for the light in front of the detector.

    Raises
    ------
    ValueError
        If the data are no image of a star: not two-dimensional, not finite or
        without light.

    Notes
    -----
    Between its pixels the PSF is a cubic spline, beyond its edge it is zero. The
    attribute ``fwhm`` is the diameter of a circle as large as the area above half
    of the maximum.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.psf import ImagePSF, MoffatPSF
    >>> star = MoffatPSF(1.2 * u.arcsec).image((61, 61), 0.25 * u.arcsec)
    >>> psf = ImagePSF(star, 0.25 * u.arcsec)
    >>> print(f"{psf.fwhm:.1f} {psf.image((61, 61), 0.2 * u.arcsec).sum():.2f}")
    1.2 arcsec 1.00
    """

    def __init__(self, data, sampling, *, center=None, integrate=False):
        data = np.asarray(data, dtype=float)
        if data.ndim != 2:
            raise ValueError(f"a PSF is an image, not of shape {data.shape}")
        if not np.isfinite(data).all():
            bad = data.size - np.isfinite(data).sum()
            raise ValueError(f"a PSF is finite; {bad} pixels are not")
        if not data.sum() > 0:
            raise ValueError(f"a PSF has light, not {data.sum()}")
        step = u.Quantity(sampling).to_value(u.arcsec)
        if not step > 0:
            raise ValueError(f"sampling must be positive, not {sampling}")
        width, _, _, core = half_maximum(data)
        self._center = core if center is None else tuple(map(float, center))
        self._step = step
        self._integrate = bool(integrate)
        self._spline = ndimage.spline_filter(data / data.sum(), order=3, mode="mirror")
        self.fwhm = width * step * u.arcsec

    def image(self, shape, pixel_scale, *, position=None):
        """Light of one star in each pixel; see `PSF.image`."""
        scale = u.Quantity(pixel_scale).to_value(u.arcsec)
        dx, dy = pixel_offsets(shape, position)
        ratio = scale / self._step
        # Points for every half of a sample, or just the middle of the pixel.
        points = max(int(np.ceil(2 * ratio)), 2) if self._integrate else 1
        nodes, weights = np.polynomial.legendre.leggauss(points)
        total = np.zeros(shape)
        for step_y, weight_y in zip(nodes / 2, weights / 2, strict=True):
            for step_x, weight_x in zip(nodes / 2, weights / 2, strict=True):
                coordinates = np.broadcast_arrays(
                    self._center[1] + (dy + step_y) * ratio,
                    self._center[0] + (dx + step_x) * ratio,
                )
                total += (weight_y * weight_x) * ndimage.map_coordinates(
                    self._spline, coordinates, order=3, prefilter=False
                )
        return total * ratio**2


def psf_from_file(path, *, sampling=None, hdu=None, plane=None, integrate=False):
    """Read a PSF from a FITS file.

    Parameters
    ----------
    path : path-like
        A FITS file with an image, or a cube of which one plane is taken.
    sampling : `~astropy.units.Quantity`, optional
        Distance of its pixels on the sky, an angle; by default what the header
        says, by a keyword (PIXSCALE, PIXELSCL, PIXSCL, PSFSCALE; arcsec) or its WCS.
    hdu : int or str, optional
        Number or name of the HDU; by default the first with an image.
    plane : int, optional
        Number of the plane of a cube.
    integrate : bool, optional
        Whether images have to be integrated over their pixels; see `ImagePSF`.

    Returns
    -------
    ImagePSF
        The PSF.

    Raises
    ------
    ValueError
        If there is no image, a plane has to be chosen, or nothing tells the
        sampling.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    with fits.open(path) as hdus:
        if hdu is None:
            images = [h for h in hdus if h.is_image and h.data is not None]
            if not images:
                raise ValueError(f"{path.name} holds no image")
            chosen = images[0]
        else:
            chosen = hdus[hdu]
        data, header = np.asarray(chosen.data, dtype=float), chosen.header.copy()
    data = np.squeeze(data)
    if data.ndim == 3:
        if plane is None:
            raise ValueError(f"choose a plane from 0 to {len(data) - 1} of {path.name}")
        data = data[plane]
    if sampling is None:
        sampling = _sampling(header)
        if sampling is None:
            raise ValueError(f"{path.name} does not tell its sampling: give it")
    return ImagePSF(data, sampling, integrate=integrate)


def _sampling(header):
    for key in SAMPLING_KEYS:
        if isinstance(header.get(key), (int, float)) and header[key] > 0:
            return header[key] * u.arcsec
    wcs = WCS(header, naxis=2)
    if not wcs.has_celestial:
        return None
    return float(np.sqrt(np.prod(proj_plane_pixel_scales(wcs)))) * 3600 * u.arcsec
