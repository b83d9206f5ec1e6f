"""Classical detectors of two sources: peaks, DAOFIND, and deblended objects.

All look at one co-added image and ask whether two sources lie within 2.5 arcsec of
its centre. They know the stars' typical width and nothing else of the PSF.
"""

import warnings

import numpy as np
from scipy import ndimage

from astro_vbinary.measurement.peer_image import SIGMA_OF_FWHM, gaussian_kernel
from astro_vbinary.measurement.peer_result import LOWEST, PeerResult, guard, judge

__all__ = ["count_peaks", "daofind_pairs", "deblend_pairs"]

#: Least FWHM of the smoothing in pixels, where a star is hardly sampled.
LEAST_SMOOTHING = 1.2


def count_peaks(image, valid, pixel_scale, fwhm, *, smooth=0.3, box=0.2):
    """Count local maxima, as an eye does.

    The image is smoothed slightly, maxima above three times the background's
    scatter are listed, and the score is how far the second rises above the lowest
    point on the straight line to the first: a maximum on a slope that does not rise
    out of the noise is none.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx), a co-added image with the target at its centre.
    valid : `~numpy.ndarray` of bool or None
        Shape (ny, nx), True where a pixel can be used; None for all that are finite.
    pixel_scale, fwhm : `~astropy.units.Quantity` or float
        Side of a pixel and typical full width at half maximum of the stars, in
        arcsec where they are numbers.
    smooth : float, optional
        FWHM of the Gaussian smoothing, in units of ``fwhm``.
    box : float, optional
        A maximum is the largest within this many ``fwhm`` on each side.

    Returns
    -------
    PeerResult
        The score is the rise over the scatter of the smoothed background and 0.5
        per cent of the first maximum, in quadrature.
    """
    return guard(_peaks, image, valid, pixel_scale, fwhm, smooth=smooth, box=box)


def _peaks(image, *, smooth, box):
    from photutils.detection import find_peaks

    filtered, scatter = image.filter(_slight(image, smooth))
    table = _quietly(
        find_peaks,
        filtered,
        LOWEST * scatter,
        box_size=2 * max(1, round(box * image.fwhm)) + 1,
        mask=~(image.circle & image.valid),
    )
    if table is None:
        return PeerResult(0.0, reason="no maximum above the noise")
    x, y = (np.asarray(table[name], dtype=float) for name in ("x_peak", "y_peak"))
    height = np.asarray(table["peak_value"], dtype=float)
    first = int(height.argmax())
    rise = np.array(
        [
            height[k] - _lowest(filtered, (x[first], y[first]), (x[k], y[k]))
            for k in range(len(x))
        ]
    )
    return judge(image, "peaks", x, y, height, rise, scatter)


def daofind_pairs(image, valid, pixel_scale, fwhm):
    """Find stars by DAOFIND's filter, sharpness and roundness.

    The threshold is three times the scatter that the filter leaves of the
    background, measured on the filtered image itself: resampled images have
    correlated noise, of which DAOFIND's own estimate knows nothing.

    Parameters
    ----------
    image, valid, pixel_scale, fwhm : array, float
        As for `count_peaks`.

    Returns
    -------
    PeerResult
        The score is the second star's significance in the filtered image, with half
        a per cent of the first star added to the noise in quadrature.

    References
    ----------
    Stetson 1987, PASP 99, 191, section III.A.
    """
    return guard(_daofind, image, valid, pixel_scale, fwhm)


def _daofind(image):
    from photutils.detection import DAOStarFinder

    kernel, relative_error = _daofind_kernel(image.fwhm)
    filtered, scatter = image.filter(kernel)
    finder = DAOStarFinder(
        threshold=LOWEST * scatter / relative_error,
        fwhm=image.fwhm,
        min_separation=0,
    )
    table = _quietly(finder, image.data, mask=~image.valid)
    if table is None:
        return PeerResult(0.0, reason="no star above the noise")
    # photutils 3 has renamed the columns.
    names = ("x_centroid", "y_centroid")
    if names[0] not in table.colnames:
        names = ("xcentroid", "ycentroid")
    x, y = (np.asarray(table[name], dtype=float) for name in names)
    height = ndimage.map_coordinates(filtered, [y, x], order=1, mode="nearest")
    return judge(image, "stars", x, y, height, height, scatter)


def deblend_pairs(
    image, valid, pixel_scale, fwhm, *, threshold=3.0, contrast=0.001, smooth=0.3
):
    """Extract and deblend objects as SExtractor does.

    Objects are connected pixels above a threshold in the slightly smoothed image.
    The threshold is in units of the scatter that is measured on the smoothed
    background, since in resampled images that is far above what smoothing leaves
    of white noise; the same ratio enters the error of the fluxes.

    Parameters
    ----------
    image, valid, pixel_scale, fwhm : array, float
        As for `count_peaks`.
    threshold : float, optional
        SExtractor's DETECT_THRESH. Its default of 1.5, made for fields and not for
        stamps, gives more false pairs for hardly more true ones.
    contrast : float, optional
        SExtractor's DEBLEND_MINCONT, the least share of the light that a branch of
        its tree of thresholds must hold. SExtractor's default is 0.005.
    smooth : float, optional
        FWHM of the Gaussian smoothing, in units of ``fwhm``.

    Returns
    -------
    PeerResult
        The score is the second object's flux over its error, with half a per cent of
        the first object's flux added in quadrature.

    Raises
    ------
    ModuleNotFoundError
        If sep is not installed, with the command that installs it.

    References
    ----------
    Bertin & Arnouts 1996, A&AS 117, 393; Barbary 2016, JOSS 1, 58.
    """
    _sep()
    return guard(
        _deblend,
        image,
        valid,
        pixel_scale,
        fwhm,
        threshold=threshold,
        contrast=contrast,
        smooth=smooth,
    )


def _deblend(image, *, threshold, contrast, smooth):
    kernel = _slight(image, smooth)
    _, scatter = image.filter(kernel)
    try:
        objects = _sep().extract(
            np.ascontiguousarray(image.data),
            threshold * scatter,
            mask=np.ascontiguousarray(~image.valid),
            filter_kernel=kernel,
            deblend_cont=contrast,
        )
    except Exception as error:  # sep raises bare exceptions where buffers are full
        return PeerResult(float("nan"), reason=f"sep: {error}")
    if not len(objects):
        return PeerResult(0.0, reason="no object above the threshold")
    noise = image.scatter * image.correlation() * np.sqrt(objects["npix"])
    x, y, flux = (objects[name].astype(float) for name in ("x", "y", "flux"))
    return judge(image, "objects", x, y, flux, flux, noise)


def _quietly(function, *args, **options):
    from photutils.utils.exceptions import NoDetectionsWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoDetectionsWarning)
        return function(*args, **options)


def _sep():
    try:
        import sep
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "deblend_pairs needs sep: pip install 'astro-vbinary[peers]'", name="sep"
        ) from error
    return sep


def _slight(image, smooth):
    return gaussian_kernel(max(smooth * image.fwhm, LEAST_SMOOTHING))


def _lowest(image, start, end):
    steps = np.linspace(0, 1, 2 + 2 * int(np.hypot(*np.subtract(end, start))))
    x, y = (a + steps * (b - a) for a, b in zip(start, end, strict=True))
    # Not below the background: what a bump of noise rises above is its own height.
    return max(ndimage.map_coordinates(image, [y, x], order=1).min(), 0.0)


def _daofind_kernel(fwhm):
    """DAOFIND's lowered Gaussian, and its noise for white noise of one a pixel."""
    sigma = fwhm * SIGMA_OF_FWHM
    half = max(2, int(1.5 * sigma))
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    inside = (np.hypot(x, y) <= 1.5 * sigma) | (np.hypot(x, y) <= 2)
    kernel = np.where(inside, np.exp(-0.5 * (x**2 + y**2) / sigma**2), 0.0)
    mean = kernel[inside].mean()
    norm = ((kernel[inside] - mean) ** 2).sum()
    return np.where(inside, kernel - mean, 0.0) / norm, 1 / np.sqrt(norm)
