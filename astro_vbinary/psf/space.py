"""PSFs of the space telescopes, one for each seed."""

import zlib
from functools import lru_cache

import astropy.units as u
import numpy as np

from astro_vbinary.psf.cameras import CAMERAS, bandwidth, cameras_of
from astro_vbinary.psf.pupil import PupilPSF, hst_pupil, jwst_pupil, jwst_segments
from astro_vbinary.psf.wavefront import (
    remove_tilt,
    rough_surface,
    segment_errors,
    zernike,
)
from astro_vbinary.surveys import get_survey

__all__ = ["SPACE_SURVEYS", "space_psf"]

#: Names of the surveys whose PSFs `space_psf` makes.
SPACE_SURVEYS = ("HST", "JWST")

#: Mean and standard deviation of HST's low orders, in nm rms: about those of
#: the models of Krist, Hook & Stoehr 2011 (Proc. SPIE 8127, 81270J) for ACS, with a
#: focus that breathes by 2.5 um of the secondary mirror, 6.1 nm each.
HST_ORDERS = {
    "defocus": (0.0, 15.0),
    "astigmatism": (0.0, 12.0),
    "coma": (0.0, 6.0),
    "trefoil": (0.0, 8.0),
    "spherical": (-12.0, 4.0),
}

#: Zonal errors of HST's mirrors (Krist & Burrows 1995, Appl. Opt. 34, 4951,
#: doi:10.1364/AO.34.004951), in nm rms; set by the real PSFs of the user guide.
HST_POLISH = 22.0

#: JWST's low orders of telescope and camera, in nm rms.
JWST_ORDERS = {
    "defocus": (0.0, 10.0),
    "astigmatism": (0.0, 16.0),
    "coma": (0.0, 10.0),
    "trefoil": (0.0, 10.0),
    "spherical": (0.0, 8.0),
}

#: Piston, tilt and figure of JWST's segments, and their roughness, in nm rms: set by
#: the real PSFs of the user guide. With the low orders about 80 nm in all, at the
#: upper end of what was measured in flight (Rigby et al. 2023, PASP 135, 048001,
#: doi:10.1088/1538-3873/acb293; Lajoie et al. 2023, arXiv:2307.11179).
JWST_SEGMENTS = {"piston": 37.0, "tilt": 28.0, "power": 41.0}
JWST_POLISH = 50.0

#: Half range of the shift of a band's mean wavelength with the colour of the star,
#: in bandwidths.
COLOUR_SHIFT = 0.12


def space_psf(survey, band, seed, *, drizzled=True, camera=None):
    """One PSF of a space telescope.

    Parameters
    ----------
    survey : str
        ``HST`` or ``JWST``, or an alias.
    band : str
        Name of the band.
    seed : int
        Which of them, 0 or more: the same arguments give the same PSF on any
        machine.
    drizzled : bool, optional
        Whether as on drizzled images, or on the detector's own pixels.
    camera : str, optional
        One of ``ACS/WFC``, ``WFC3/UVIS``, ``WFC3/IR``, ``NICMOS/NIC2``, ``NIRCam/SW``,
        ``NIRCam/LW`` and ``MIRI``; by default one that has the band.

    Returns
    -------
    `PupilPSF`
        The PSF, in the axes of the pupil.

    Raises
    ------
    ValueError
        If the survey or the camera is not one of them.
    ~astro_vbinary.exceptions.UnknownBandError
        If the survey has no such band.

    Examples
    --------
    >>> from astro_vbinary.psf import space_psf
    >>> psf = space_psf("HST", "F814W", 1, camera="WFC3/UVIS", drizzled=False)
    >>> print(f"{psf.fwhm:.2f}")
    0.08 arcsec
    """
    name = get_survey(survey).name
    if name not in SPACE_SURVEYS:
        known = ", ".join(SPACE_SURVEYS)
        raise ValueError(f"no pupil is known for {survey!r}; known: {known}")
    entry = get_survey(name).band(band)
    # A number that depends on the names alone, not on the machine.
    key = zlib.crc32(f"{name} {entry.name}".encode())
    rng = np.random.default_rng([int(seed), key])
    fitting = cameras_of(name, entry)
    chosen = fitting[int(rng.integers(len(fitting)))]
    if camera is not None:
        if camera not in CAMERAS:
            raise ValueError(f"no camera {camera!r}; known: {', '.join(CAMERAS)}")
        chosen = camera
    detector = CAMERAS[chosen]
    width = bandwidth(entry.name)
    wavelength = entry.wavelength.to_value(u.um)
    wavelength *= 1 + width * rng.uniform(-COLOUR_SHIFT, COLOUR_SHIFT)
    if name == "HST":
        pupil, diameter = _hst(detector.mask)
        screen = _hst_wavefront(pupil, rng)
    else:
        pupil, diameter, segments = _jwst()
        screen = _jwst_wavefront(pupil, segments, rng)
    diffusion = detector.diffusion(wavelength) * rng.uniform(0.9, 1.1)
    jitter = detector.jitter * rng.uniform(0.5, 1.5)
    return PupilPSF(
        pupil,
        diameter,
        wavelength * u.um,
        bandwidth=width,
        detector_pixel=detector.pixel * u.arcsec,
        blur=np.hypot(diffusion * detector.pixel, jitter) * u.arcsec,
        phase=screen / (1000 * wavelength),
        drop=detector.pixel * rng.uniform(0.6, 1.0) * u.arcsec if drizzled else None,
    )


@lru_cache(maxsize=4)
def _hst(mask):
    return hst_pupil(**dict(mask))


@lru_cache(maxsize=1)
def _jwst():
    return (*jwst_pupil(), jwst_segments())


def _low_orders(pupil, rng, orders):
    screen = np.zeros(pupil.shape)
    for name, (mean, spread) in orders.items():
        if name in ("defocus", "spherical"):
            screen += rng.normal(mean, spread) * zernike(name, pupil)
        else:
            # Two components: a Rayleigh-distributed strength at any angle.
            strength = np.hypot(*rng.normal(0, spread, 2))
            angle = rng.uniform(0, 2 * np.pi)
            screen += strength * zernike(name, pupil, angle=angle)
    return screen


def _hst_wavefront(pupil, rng):
    screen = _low_orders(pupil, rng, HST_ORDERS)
    screen += HST_POLISH * rough_surface(
        pupil, rng, slope=2.5, longest=0.25, shortest=0.02
    )
    return remove_tilt(screen, pupil)


def _jwst_wavefront(pupil, segments, rng):
    screen = _low_orders(pupil, rng, JWST_ORDERS)
    strength = rng.uniform(0.7, 1.3)
    screen += segment_errors(
        segments, rng, **{k: v * strength for k, v in JWST_SEGMENTS.items()}
    )
    screen += JWST_POLISH * rough_surface(
        pupil, rng, slope=2.2, longest=0.2, shortest=0.015
    )
    return remove_tilt(screen, pupil)
