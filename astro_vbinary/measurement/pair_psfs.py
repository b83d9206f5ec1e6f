"""Which PSF a stamp has: the survey's usual one, or that of the stars around."""

from functools import lru_cache

import numpy as np

from astro_vbinary.exceptions import UnknownBandError
from astro_vbinary.psf import (
    GROUND_SURVEYS,
    SPACE_SURVEYS,
    MoffatPSF,
    draw_ground_psfs,
    psf_from_file,
    space_psf,
)
from astro_vbinary.psf.cameras import CAMERAS, cameras_of
from astro_vbinary.surveys import get_survey

__all__ = ["folder_psfs", "model_psf"]


@lru_cache(maxsize=256)
def model_psf(survey, band=None, pixel_scale=None):
    """The usual PSF of a survey's band: round, with its typical width and wings.

    Parameters
    ----------
    survey : str
        Name of the survey.
    band : str, optional
        Name of the band; by default, and where the survey has none of that name, a
        Moffat profile as wide as the survey's sharpest.
    pixel_scale : float, optional
        Side of a pixel in arcsec, which tells the camera of a space telescope.

    Returns
    -------
    `~astro_vbinary.psf.PSF`
        The same object for the same arguments.

    Raises
    ------
    ~astro_vbinary.exceptions.UnknownSurveyError
        If the survey is not in the registry.
    """
    entry = get_survey(survey)
    try:
        known = None if band is None else entry.band(band)
    except UnknownBandError:
        known = None
    if known is None:
        return MoffatPSF(entry.effective_fwhm(), beta=3.5)
    if entry.name in SPACE_SURVEYS:
        return space_psf(
            entry.name, known.name, 0, camera=_camera(entry.name, known, pixel_scale)
        )
    if entry.name not in GROUND_SURVEYS:
        return MoffatPSF(known.fwhm, beta=3.5)
    # The mean of many: one draw would be narrower or broader by its own luck.
    n = 501
    drawn = draw_ground_psfs(
        entry.name,
        known.name,
        np.random.default_rng(0),
        n,
        seeing=np.ones(n),
        ellipticity=np.zeros((2, n)),
    )
    middle = {
        name: [float(np.median(getattr(drawn, name)))]
        for name in ("fwhm", "beta", "halo", "halo_fwhm", "halo_beta")
    }
    return type(drawn)(e1=[0.0], e2=[0.0], **middle).psf(0)


def _camera(survey, band, pixel_scale):
    cameras = cameras_of(survey, band)
    if pixel_scale is None:
        return cameras[0]
    # An image may be drizzled to finer pixels than the detector's.
    return min(cameras, key=lambda name: abs(np.log(CAMERAS[name].pixel / pixel_scale)))


def folder_psfs(folder):
    """What finds a PSF among the files of a folder.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        With FITS images named ``{source}_{band}_{survey}.fits`` for one source, or
        ``{band}_{survey}.fits`` for all, whose headers tell their sampling; see
        `~astro_vbinary.psf.psf_from_file`.

    Returns
    -------
    callable
        From source, survey and band to a PSF, or to None where there is none.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    from pathlib import Path

    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")

    @lru_cache(maxsize=1024)
    def read(path):
        return psf_from_file(path)

    def find(source, survey, band):
        for name in (f"{source}_{band}_{survey}", f"{band}_{survey}"):
            path = folder / f"{name}.fits"
            if path.is_file():
                return read(path)
        return None

    return find
