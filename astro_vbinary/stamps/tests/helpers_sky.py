"""Images of one point source under any WCS, and where it is on an image."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from astro_vbinary.psf import MoffatPSF

#: FWHM of a Gaussian in standard deviations.
FWHM = np.sqrt(8 * np.log(2))

#: How a header can say which way its pixels lie.
FORMS = ("CD", "PC", "CROTA")

#: Quadratic and cubic terms of the size that wide-field cameras have.
SIP_TERMS = {
    "A_2_0": 8e-6, "A_1_1": -5e-6, "A_0_2": 2e-6, "A_3_0": -5e-10,
    "B_2_0": -3e-6, "B_1_1": 7e-6, "B_0_2": 6e-6, "B_0_3": -4e-10,
}  # fmt: skip
TPV_TERMS = {
    "PV1_1": 1.0, "PV1_4": 8e-2, "PV1_5": -5e-2, "PV1_6": 4e-2, "PV1_7": 3e-1,
    "PV2_1": 1.0, "PV2_4": -6e-2, "PV2_5": 3e-2, "PV2_6": 7e-2, "PV2_7": -2e-1,
}  # fmt: skip


def make_wcs(
    crval, scale, side, *, rotation=0.0, mirrored=False, form="CD", distortion=None,
    detector=(0.0, 0.0), frame="RA-DEC",
):  # fmt: skip
    """WCS of a stamp cut from a larger image.

    ``detector`` is where the stamp's middle lies, in pixels from the larger image's
    reference point; scale in arcsec, rotation in deg.
    """
    suffix = {None: "", "SIP": "-SIP", "TPV": ""}[distortion]
    projection = "TPV" if distortion == "TPV" else "TAN"
    lon, lat = ("RA--", "DEC-") if frame == "RA-DEC" else ("GLON", "GLAT")
    step = scale / 3600
    cos, sin = np.cos(np.deg2rad(rotation)), np.sin(np.deg2rad(rotation))
    turn = np.array([[cos, -sin], [sin, cos]])
    steps = np.array([step if mirrored else -step, step])
    header = fits.Header(
        {
            "NAXIS": 2,
            "CTYPE1": f"{lon}-{projection}{suffix}",
            "CTYPE2": f"{lat}-{projection}{suffix}",
            "CUNIT1": "deg",
            "CUNIT2": "deg",
            "CRVAL1": crval[0],
            "CRVAL2": crval[1],
            "CRPIX1": (side + 1) / 2 - detector[0],
            "CRPIX2": (side + 1) / 2 - detector[1],
        }
    )
    if form == "CD":
        matrix = turn @ np.diag(steps)
        names = "CD"
    elif form == "PC":
        matrix = np.diag(1 / steps) @ turn @ np.diag(steps)
        names = "PC"
    if form == "CROTA":
        header["CROTA2"] = rotation
    else:
        for (row, column), value in np.ndenumerate(matrix):
            header[f"{names}{row + 1}_{column + 1}"] = value
    if form != "CD":
        header["CDELT1"], header["CDELT2"] = steps
    if distortion == "SIP":
        header.update({"A_ORDER": 3, "B_ORDER": 3} | SIP_TERMS)
    if distortion == "TPV":
        header.update(TPV_TERMS)
    return WCS(header)


def render(wcs, shape, position, fwhm, *, profile="gaussian", flux=1000.0):
    """A round point source, sampled at the pixels' centres; FWHM in pixels."""
    x0, y0 = (float(v) for v in wcs.world_to_pixel(position))
    if profile == "moffat":
        import astropy.units as u

        psf = MoffatPSF(fwhm * u.arcsec, beta=4.765)
        return flux * psf.image(shape, 1 * u.arcsec, position=(x0, y0))
    y, x = np.mgrid[: shape[0], : shape[1]]
    sigma = fwhm / FWHM
    radius = np.hypot(x - x0, y - y0) / sigma
    return flux * np.exp(-(radius**2) / 2) / (2 * np.pi * sigma**2)


def measure(image):
    """Flux and centroid (x, y) by the moments of all pixels."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    flux = image.sum()
    return flux, (x * image).sum() / flux, (y * image).sum() / flux
