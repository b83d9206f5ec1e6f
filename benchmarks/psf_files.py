"""The files of real PSFs that ``psf_realism.py`` knows, and how to read them."""

from dataclasses import dataclass

import numpy as np
from astropy.io import fits


@dataclass(frozen=True)
class Case:
    """One file of real PSFs and what stands for it in the simulation.

    Attributes
    ----------
    file : str
        Its name.
    survey, band : str
        What it is of.
    scale : float
        Sampling of the file in arcsec.
    outer : float
        Radius in arcsec that holds all light, by convention.
    kind : str
        ``drizzled`` or ``detector`` for PSFs from space, ``ground`` for others.
    camera : str or None
        The camera, where a band has several.
    oversampling : int
        Samples along a native pixel.
    plane : int or None
        The plane of a cube that is one PSF; None where each plane is one.
    native : float or None
        Pixel of the survey's images, where stars were resampled to ``scale``.
    sky : bool
        Whether the file has a pedestal, to be taken off beyond ``outer``.
    """

    file: str
    survey: str
    band: str
    scale: float
    outer: float
    kind: str = "ground"
    camera: str | None = None
    oversampling: int = 1
    plane: int | None = None
    native: float | None = None
    sky: bool = False


def _cases():
    for band in ("F606W", "F814W"):
        name = f"PSFSTD_WFC3UV_{band}.fits"
        yield Case(
            name, "HST", band, 0.0099, 0.45, "detector", "WFC3/UVIS", oversampling=4
        )
    for band in ("F125W", "F160W"):
        name = f"PSFSTD_WFC3IR_{band}.fits"
        yield Case(
            name, "HST", band, 0.0321, 1.5, "detector", "WFC3/IR", oversampling=4
        )
    for band in ("F435W", "F606W", "F814W"):
        name = f"acs_wfc_{band.lower()}.fits"
        yield Case(name, "HST", band, 0.0495, 1.5, "detector", "ACS/WFC")
    for band in ("F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W"):
        name = f"smacs0723_20mas_psf-smacs0723-{band.lower()}.fits"
        yield Case(name, "JWST", band, 0.02, 1.5, "drizzled")
    for plane, band in enumerate("grizy"):
        yield Case("hsc_grizy_psf.fits", "HSCLA", band, 0.168, 2.4, plane=plane)
    yield Case("decam_psf_r.fits.gz", "DECaLS", "r", 0.262, 8.0)
    name = "c4d_170316_062107_ooi_z_ls9-psfex.fits"
    yield Case(name, "DECaLS", "z", 0.262, 8.0)
    for band in "gri":
        name = f"psf_emp_sdss_{band}.fits.gz"
        yield Case(name, "SDSS9", band, 0.25, 6.0, native=0.396, sky=True)
    for band in ("J", "H", "Ks"):
        name = f"psf_emp_2mass_{band[0].lower()}.fits.gz"
        yield Case(name, "2MASS", band, 0.25, 12.0, native=1.0, sky=True)
    yield Case("unwise_psf_model_w1_neo7_unwisecat.fits", "unWISE", "W1", 2.75, 60.0)


CASES = tuple(_cases())


def read(path, case):
    """The real PSFs of a file.

    Parameters
    ----------
    path : `~pathlib.Path`
        The file.
    case : Case
        What it is.

    Returns
    -------
    list of `~numpy.ndarray`
        Images of stars.
    """
    with fits.open(path) as hdus:
        hdu = next(h for h in hdus if h.data is not None)
        if not hdu.is_image:
            # PSFEx: the first plane is the PSF in the middle of the chip.
            return [np.asarray(hdu.data["psf_mask"][0][0], dtype=float)]
        data = np.nan_to_num(np.asarray(hdu.data, dtype=float))
        data[data < -0.05 * data.max()] = 0  # rows that were not measured
        comments = "\n".join(map(str, hdu.header.get("COMMENT", [])))
    if data.ndim == 2:
        data = data[None]
    if case.plane is not None:
        data = data[case.plane][None]
    if "charge diffusion kernel" in comments:
        data = [_diffused(image, comments) for image in data]
    if case.sky:
        data = [_without_sky(image, case) for image in data]
    return list(data)


def _diffused(image, comments):
    """With the kernel that Tiny Tim's header asks to apply."""
    rows = [line.split() for line in comments.splitlines()]
    kernel = np.array(
        [list(map(float, r)) for r in rows if len(r) == 3 and "." in r[0]]
    )
    padded = np.pad(image, 1)
    total = np.zeros_like(image)
    ny, nx = image.shape
    for y in range(3):
        for x in range(3):
            total += kernel[y, x] * padded[y : y + ny, x : x + nx]
    return total


def _without_sky(image, case):
    y, x = np.indices(image.shape)
    middle = (np.array(image.shape) - 1) / 2
    far = np.hypot(y - middle[0], x - middle[1]) * case.scale > case.outer
    return image - np.median(image[far])
