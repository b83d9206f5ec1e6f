"""One simulated sky, drawn exactly on any pixels: a pair with known positions."""

from dataclasses import dataclass, field

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area, skycoord_to_pixel

FWHM_PER_SIGMA = 2.3548200450309493

#: Where the pair is: in Orion, off every round number.
CENTRE = SkyCoord(83.82208, -5.39111, unit="deg")


@dataclass(frozen=True)
class Star:
    """A point source: offsets from the sky's centre in arcsec, and its magnitude."""

    east: float
    north: float
    magnitude: float


@dataclass(frozen=True)
class Sky:
    """A pair, blurred by a Gaussian.

    The magnitude is in the system of whatever survey draws the sky.
    """

    fwhm: float
    stars: tuple[Star, ...] = (Star(0.0, 0.0, 14.0), Star(1.1, 0.9, 14.6))
    centre: SkyCoord = field(default_factory=lambda: CENTRE, compare=False)

    def positions(self):
        """Positions of the stars."""
        east = [star.east for star in self.stars] * u.arcsec
        north = [star.north for star in self.stars] * u.arcsec
        return self.centre.spherical_offsets_by(east, north)

    def magnitude(self):
        """Of all stars together."""
        return float(-2.5 * np.log10(self._shares().sum()))

    def centroid(self):
        """Centre of light."""
        share = self._shares() / self._shares().sum()
        east = np.sum(share * [star.east for star in self.stars]) * u.arcsec
        north = np.sum(share * [star.north for star in self.stars]) * u.arcsec
        return self.centre.spherical_offsets_by(east, north)

    def _shares(self):
        return np.array([10 ** (-0.4 * star.magnitude) for star in self.stars])

    def draw(self, wcs, shape, *, zero_point, background=0.0, noise=0.0, seed=1):
        """Flux in each pixel, where one unit is the flux of the zero point.

        A sum over all pixels is the flux to 1e-4.
        """
        image = np.full(shape, background, dtype=float)
        if noise:
            image += np.random.default_rng(seed).normal(0, noise, shape)
        sigma = self.fwhm / FWHM_PER_SIGMA
        fluxes = self._shares() * 10 ** (0.4 * zero_point)
        for position, flux in zip(self.positions(), fluxes, strict=True):
            _add_star(image, wcs, position, flux, sigma)
        return image


def _add_star(image, wcs, position, flux, sigma):
    x, y = (float(value) for value in skycoord_to_pixel(position, wcs))
    if not np.isfinite([x, y]).all():
        return
    matrix = local_matrix(wcs, position, x, y)
    area = abs(np.linalg.det(matrix))
    reach = int(np.ceil(7 * sigma / np.sqrt(area))) + 2
    ny, nx = image.shape
    x0, x1 = max(int(x) - reach, 0), min(int(x) + reach + 1, nx)
    y0, y1 = max(int(y) - reach, 0), min(int(y) + reach + 1, ny)
    if x0 >= x1 or y0 >= y1:
        return
    yy, xx = np.mgrid[y0:y1, x0:x1]
    # The mean over a pixel, where a star is not much wider.
    count = 1 if sigma > 1.2 * np.sqrt(area) else 5
    steps = (np.arange(count) + 0.5) / count - 0.5
    profile = np.zeros(xx.shape)
    for dx, dy in np.array(np.meshgrid(steps, steps)).reshape(2, -1).T:
        offset = np.tensordot(matrix, np.array([xx - x + dx, yy - y + dy]), axes=1)
        profile += np.exp(-0.5 * (offset**2).sum(axis=0) / sigma**2) / count**2
    image[y0:y1, x0:x1] += flux * area / (2 * np.pi * sigma**2) * profile


def local_matrix(wcs, position, x, y):
    """Arcsec on the sky (east, north) by pixel (x, y), at a position."""
    places = wcs.pixel_to_world([x + 0.5, x - 0.5, x, x], [y, y, y + 0.5, y - 0.5])
    east, north = position.spherical_offsets_to(places.icrs)
    east, north = east.to_value(u.arcsec), north.to_value(u.arcsec)
    return np.array(
        [
            [east[0] - east[1], east[2] - east[3]],
            [north[0] - north[1], north[2] - north[3]],
        ]
    )


def make_wcs(centre, scale, shape, *, angle=0.0, projection="TAN", offset=(0.0, 0.0)):
    """A WCS of square pixels: scale in arcsec, angle in degrees, offset in pixels."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = [centre.ra.deg, centre.dec.deg]
    wcs.wcs.crpix = [
        (shape[1] + 1) / 2 + offset[0],
        (shape[0] + 1) / 2 + offset[1],
    ]
    turn = np.deg2rad(angle)
    step = scale / 3600
    wcs.wcs.cd = step * np.array(
        [[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    wcs.array_shape = shape
    wcs.wcs.set()
    return wcs


def to_fits(data, wcs, cards=(), *, name=None):
    """Bytes of a FITS file with one image; in an extension where it has a name."""
    header = wcs.to_header(relax=True)
    for key, value in dict(cards).items():
        header[key] = value
    data = np.asarray(data, dtype=np.float32)
    if name is None:
        hdus = [fits.PrimaryHDU(data, header)]
    else:
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(data, header, name=name)]
    return hdus_to_bytes(hdus)


def hdus_to_bytes(hdus):
    """Bytes of a FITS file."""
    import io

    buffer = io.BytesIO()
    fits.HDUList(hdus).writeto(buffer)
    return buffer.getvalue()


def footprint_of(wcs, shape):
    """Corners as an ObsCore region in ICRS."""
    ny, nx = shape
    corners = wcs.pixel_to_world([0, nx - 1, nx - 1, 0], [0, 0, ny - 1, ny - 1]).icrs
    numbers = " ".join(f"{c.ra.deg:.6f} {c.dec.deg:.6f}" for c in corners)
    return f"POLYGON ICRS {numbers}"


def cut(data, wcs, centre, side):
    """Cutout of a square of so many pixels around a position, clipped at the edge.

    Gives None where the position is outside, as IRSA's service does by answering 400.
    """
    from astropy.nddata import Cutout2D, NoOverlapError

    x, y = skycoord_to_pixel(centre, wcs)
    ny, nx = data.shape
    if not (-0.5 <= x < nx - 0.5 and -0.5 <= y < ny - 0.5):
        return None
    try:
        made = Cutout2D(data, centre, (side, side), wcs=wcs, mode="trim")
    except NoOverlapError:
        return None
    return made.data, made.wcs


def pixel_side(wcs):
    """Side of a pixel in arcsec."""
    return float(np.sqrt(proj_plane_pixel_area(wcs)) * 3600)
