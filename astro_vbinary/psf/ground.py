"""Distributions of PSFs of the surveys whose stars are round and broad."""

from dataclasses import dataclass, fields

import astropy.units as u
import numpy as np

from astro_vbinary.psf.mixture import MixturePSF
from astro_vbinary.psf.moffat import MoffatPSF
from astro_vbinary.psf.widths import mixture_width, with_pixel, without_pixel
from astro_vbinary.surveys import get_survey

__all__ = [
    "GROUND_SURVEYS",
    "GroundPSFs",
    "draw_ellipticity",
    "draw_ground_psfs",
    "draw_seeing",
]


@dataclass(frozen=True)
class _Spread:
    """How the PSFs of one survey scatter.

    Attributes
    ----------
    seeing : float
        Standard deviation of ln(FWHM) from one stack to another.
    beta : tuple of float
        Mean and standard deviation of the core's slope.
    ellipticity : tuple of float
        Standard deviation of each component that the bands of a stack share, and of
        what each band adds.
    halo : tuple of float
        Median share of the halo, and the standard deviation of its logarithm.
    halo_fwhm : float
        Width of the halo in widths of the core.
    halo_beta : float
        Slope of the halo.
    """

    seeing: float
    beta: tuple[float, float]
    ellipticity: tuple[float, float]
    halo: tuple[float, float]
    halo_fwhm: float = 2.0
    halo_beta: float = 2.2


#: Shapes: a Kolmogorov-like core (Moffat slope 4.765, Trujillo et al. 2001, MNRAS
#: 328, 977) with an aureole, fitted to the PSFs that the user guide names; where a
#: survey has none there, between those of SDSS and DECam. WISE's and Spitzer's cores
#: are diffraction, nearly Gaussian. Seeing and ellipticity of SDSS, ZTF and 2MASS, and
#: the ellipticity of DECaLS and HSC, scatter as among the real stars that
#: ``benchmarks/star_realism.py`` measures; the others are choices between those.
_SPREADS = {
    "Pan-STARRS": _Spread(0.18, (4.0, 0.8), (0.03, 0.03), (0.20, 0.35)),
    "SDSS9": _Spread(0.20, (4.5, 0.8), (0.045, 0.05), (0.18, 0.35)),
    # Data Release 10 holds exposures of the Dark Energy Survey, which are sharper.
    "DECaLS": _Spread(0.21, (4.2, 0.8), (0.04, 0.02), (0.20, 0.35)),
    # An archive of everybody's programmes.
    "HSCLA": _Spread(0.21, (2.9, 0.5), (0.03, 0.02), (0.25, 0.30)),
    "ZTF": _Spread(0.19, (4.2, 0.8), (0.12, 0.05), (0.18, 0.35)),
    "SkyMapper": _Spread(0.22, (4.2, 0.8), (0.05, 0.05), (0.18, 0.35)),
    "2MASS": _Spread(0.11, (8.0, 1.0), (0.03, 0.03), (0.04, 0.40), 2.5, 2.0),
    "unWISE": _Spread(0.02, (8.0, 0.8), (0.054, 0.044), (0.20, 0.15), 2.5, 2.0),
    "AllWISE": _Spread(0.02, (8.0, 0.8), (0.054, 0.044), (0.20, 0.15), 2.5, 2.0),
    "NEOWISER": _Spread(0.02, (8.0, 0.8), (0.054, 0.044), (0.20, 0.15), 2.5, 2.0),
    "Spitzer": _Spread(0.02, (6.0, 0.8), (0.031, 0.025), (0.20, 0.15), 2.5, 2.0),
}

#: Names of the surveys whose PSFs `draw_ground_psfs` draws.
GROUND_SURVEYS = tuple(_SPREADS)

#: Scatter of ln(FWHM) from band to band of one stack, beyond what they share.
BAND_SCATTER = {"ground": 0.05, "space": 0.01}

#: No PSF is more elliptical than this.
LARGEST_ELLIPTICITY = 0.35

#: Range of the core's slope.
SLOPES = (2.0, 10.0)


@dataclass(frozen=True)
class GroundPSFs:
    """PSFs of one band: a Moffat core and a broader Moffat halo, n of each.

    Attributes
    ----------
    fwhm : `~numpy.ndarray`
        Shape (n,), float64, of the core in arcsec, before the pixel.
    beta : `~numpy.ndarray`
        Shape (n,), slope of the core.
    e1, e2 : `~numpy.ndarray`
        Shape (n,), e cos(2 phi) and e sin(2 phi) with e = 1 - b/a and phi the long
        axis, from the image's x axis towards y. Core and halo share them.
    halo : `~numpy.ndarray`
        Shape (n,), share of the light in the halo.
    halo_fwhm : `~numpy.ndarray`
        Shape (n,), in arcsec.
    halo_beta : `~numpy.ndarray`
        Shape (n,), slope of the halo.
    """

    fwhm: np.ndarray
    beta: np.ndarray
    e1: np.ndarray
    e2: np.ndarray
    halo: np.ndarray
    halo_fwhm: np.ndarray
    halo_beta: np.ndarray

    def __post_init__(self):
        for item in fields(self):
            values = np.asarray(getattr(self, item.name), dtype=np.float64)
            object.__setattr__(self, item.name, values)

    def __len__(self):
        return len(self.fwhm)

    def delivered(self, pixel_scale):
        """Width of stars on an image, halo and pixel included.

        Parameters
        ----------
        pixel_scale : float or `~numpy.ndarray`
            Side of a pixel in arcsec; one, or shape (n,).

        Returns
        -------
        `~numpy.ndarray`
            Shape (n,), FWHM in arcsec.
        """
        wider = mixture_width(
            self.beta, self.halo, self.halo_fwhm / self.fwhm, self.halo_beta
        )
        return with_pixel(self.fwhm * wider, pixel_scale, self.beta)

    def psf(self, index):
        """One of the PSFs.

        Parameters
        ----------
        index : int
            Its number.

        Returns
        -------
        `MixturePSF`
            Core and halo.
        """
        shape = {
            "ellipticity": float(np.hypot(self.e1[index], self.e2[index])),
            "angle": float(np.arctan2(self.e2[index], self.e1[index]) / 2) * u.rad,
        }
        core = MoffatPSF(
            self.fwhm[index] * u.arcsec, beta=float(self.beta[index]), **shape
        )
        halo = MoffatPSF(
            self.halo_fwhm[index] * u.arcsec, beta=float(self.halo_beta[index]), **shape
        )
        share = float(self.halo[index])
        return MixturePSF([core, halo], [1 - share, share])


def _spread(survey):
    name = get_survey(survey).name
    if name not in _SPREADS:
        known = ", ".join(GROUND_SURVEYS)
        raise ValueError(f"no broad PSF is known for {survey!r}; known: {known}")
    return _SPREADS[name]


def draw_seeing(survey, rng, n):
    """Draw how much broader than usual the stars of n stacks are.

    Parameters
    ----------
    survey : str
        One of ``GROUND_SURVEYS``, or an alias.
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        How many.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,), factors with a median of one, for the argument ``seeing`` of
        `draw_ground_psfs`.

    Raises
    ------
    ValueError
        If the survey is not one of them.
    """
    return np.exp(rng.normal(0, _spread(survey).seeing, n))


def draw_ellipticity(survey, rng, n):
    """Draw the part of the ellipticity that the bands of a stack share.

    Parameters
    ----------
    survey : str
        One of ``GROUND_SURVEYS``, or an alias.
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        How many.

    Returns
    -------
    `~numpy.ndarray`
        Shape (2, n), components e1 and e2, for the argument ``ellipticity`` of
        `draw_ground_psfs`.

    Raises
    ------
    ValueError
        If the survey is not one of them.
    """
    return rng.normal(0, _spread(survey).ellipticity[0], (2, n))


def draw_ground_psfs(survey, band, rng, n, *, seeing=None, ellipticity=None):
    """Draw PSFs of one band of a survey.

    Parameters
    ----------
    survey : str
        One of ``GROUND_SURVEYS``, or an alias.
    band : str
        Name of the band.
    rng : `~numpy.random.Generator`
        Source of randomness.
    n : int
        How many.
    seeing : `~numpy.ndarray`, optional
        Shape (n,), factors that the bands of a stack share, from `draw_seeing`; by
        default drawn here.
    ellipticity : `~numpy.ndarray`, optional
        Shape (2, n), the part that the bands of a stack share, from
        `draw_ellipticity`; by default drawn here.

    Returns
    -------
    GroundPSFs
        The PSFs.

    Raises
    ------
    ValueError
        If the survey is not one of them, or ``seeing`` or ``ellipticity`` has another
        shape.
    ~astro_vbinary.exceptions.UnknownBandError
        If the survey has no such band.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.psf import draw_ground_psfs
    >>> psfs = draw_ground_psfs("Pan-STARRS", "i", np.random.default_rng(1), 1000)
    >>> print(f"{np.median(psfs.fwhm):.1f}")
    1.1
    """
    spread = _spread(survey)
    entry = get_survey(survey).band(band)
    if seeing is None:
        seeing = draw_seeing(survey, rng, n)
    seeing = np.asarray(seeing, dtype=float)
    if seeing.shape != (n,):
        raise ValueError(f"seeing must have shape ({n},), not {seeing.shape}")
    if ellipticity is None:
        ellipticity = draw_ellipticity(survey, rng, n)
    ellipticity = np.asarray(ellipticity, dtype=float)
    if ellipticity.shape != (2, n):
        raise ValueError(
            f"ellipticity must have shape (2, {n}), not {ellipticity.shape}"
        )
    place = "space" if get_survey(survey).space else "ground"
    delivered = entry.fwhm.to_value(u.arcsec) * seeing
    delivered = delivered * np.exp(rng.normal(0, BAND_SCATTER[place], n))
    beta = np.clip(rng.normal(*spread.beta, n), *SLOPES)
    e1, e2 = ellipticity + rng.normal(0, spread.ellipticity[1], (2, n))
    shrink = np.minimum(1, LARGEST_ELLIPTICITY / np.maximum(np.hypot(e1, e2), 1e-9))
    halo = spread.halo[0] * np.exp(rng.normal(0, spread.halo[1], n))
    halo = np.minimum(halo, 0.45)
    wider = spread.halo_fwhm * np.exp(rng.normal(0, 0.1, n))
    halo_beta = spread.halo_beta + rng.uniform(-0.15, 0.15, n)
    fwhm = without_pixel(delivered, entry.pixel_scale.to_value(u.arcsec), beta)
    fwhm = fwhm / mixture_width(beta, halo, wider, halo_beta)
    return GroundPSFs(
        fwhm=fwhm,
        beta=beta,
        e1=e1 * shrink,
        e2=e2 * shrink,
        halo=halo,
        halo_fwhm=fwhm * wider,
        halo_beta=halo_beta,
    )
