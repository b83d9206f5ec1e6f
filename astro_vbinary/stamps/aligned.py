"""The bands of one survey on one grid, and their co-addition."""

import html

import numpy as np
from astropy.io import fits
from astropy.stats import mad_std

from astro_vbinary.exceptions import AlignmentError
from astro_vbinary.stamps.grid import SkyGrid
from astro_vbinary.stamps.stamp import SurveyStamp, thumbnail

__all__ = ["COADD_METHODS", "AlignedStack"]

#: Ways to combine bands.
COADD_METHODS = ("mean", "median", "inverse_variance", "sum")


class AlignedStack:
    """The images of one survey's bands on one grid: north up, target at the centre.

    It is made by `StampStack.align`; only such a stack can be co-added or
    classified.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (n_band, ny, nx), float.
    grid : `~astro_vbinary.stamps.SkyGrid`
        The common grid.
    bands : sequence of str or None
        One name a band; None for an image that is already a stack.
    survey : `~astro_vbinary.surveys.Survey`, optional
        The survey.
    source : str, optional
        Name of the source.
    mask : `~numpy.ndarray` of bool, optional
        Shape of the data, True where a pixel is bad; not finite is always bad.
    uncertainty : `~numpy.ndarray`, optional
        Shape of the data, one standard deviation; NaN where not known.
    footprint : `~numpy.ndarray`, optional
        Shape of the data, 0 to 1: how much of a pixel the images cover.
    target_assumed : bool, optional
        Whether the centre of the images stood in for a position.
    meta : dict, optional
        Anything else.

    Raises
    ------
    AlignmentError
        If the shapes do not fit each other or the grid.
    """

    def __init__(
        self,
        data,
        grid,
        *,
        bands,
        survey=None,
        source=None,
        mask=None,
        uncertainty=None,
        footprint=None,
        target_assumed=False,
        meta=None,
    ):
        data = np.asarray(data)
        if data.ndim != 3 or data.shape[1:] != grid.shape or not len(data):
            raise AlignmentError(
                f"data of shape {data.shape} are no stack on a grid of {grid.shape}"
            )
        bands = tuple(bands)
        if len(bands) != len(data):
            raise AlignmentError(f"{len(bands)} bands for {len(data)} images")
        for name, extra in (
            ("mask", mask),
            ("uncertainty", uncertainty),
            ("footprint", footprint),
        ):
            if extra is not None and np.shape(extra) != data.shape:
                raise AlignmentError(
                    f"{name} of shape {np.shape(extra)} for data of {data.shape}"
                )
        bad = ~np.isfinite(data)
        self.data = data
        self.mask = bad if mask is None else bad | np.asarray(mask, dtype=bool)
        self.uncertainty = uncertainty
        self.footprint = (~bad).astype(float) if footprint is None else footprint
        self.grid = grid
        self.bands = bands
        self.survey = survey
        self.source = source
        self.target_assumed = target_assumed
        self.meta = dict(meta or {})

    @property
    def shape(self):
        """(n_band, ny, nx)."""
        return self.data.shape

    def __len__(self):
        return len(self.data)

    def coadd(self, method="mean"):
        """Combine the bands into one image.

        Parameters
        ----------
        method : str, optional
            ``mean`` or ``median`` over the bands that are valid at a pixel;
            ``inverse_variance`` likewise, each band weighted by its stated
            uncertainty, or by the scatter of its own background (1.4826 times
            the median absolute deviation) where it states none; ``sum``, valid
            only where every band is.

        Returns
        -------
        SurveyStamp
            The image on the same grid; masked where no band is valid.

        Raises
        ------
        ValueError
            If the method is unknown.
        """
        if method not in COADD_METHODS:
            known = ", ".join(COADD_METHODS)
            raise ValueError(f"unknown co-addition {method!r}; known: {known}")
        good = ~self.mask
        values = np.where(good, self.data, 0.0)
        sigma = self._sigma()
        count = good.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            if method == "inverse_variance":
                weight = np.where(good, 1 / sigma**2, 0.0)
                total = weight.sum(axis=0)
                image = (weight * values).sum(axis=0) / total
                spread = 1 / np.sqrt(total)
            elif method == "median":
                image = self._median()
                # The median of normal deviates is less efficient by pi/2.
                spread = self._quadrature(sigma) / count * np.sqrt(np.pi / 2)
                spread = np.where(count > 2, spread, self._quadrature(sigma) / count)
            elif method == "mean":
                image = values.sum(axis=0) / count
                spread = self._quadrature(sigma) / count
            else:
                image, spread = values.sum(axis=0), self._quadrature(sigma)
        bad = count < (len(self) if method == "sum" else 1)
        bad |= ~np.isfinite(image)
        names = "+".join(band or "stacked" for band in self.bands)
        return SurveyStamp(
            np.where(bad, np.nan, image),
            self.grid.wcs,
            survey=self.survey,
            source=self.source,
            target=self.grid.center,
            mask=bad,
            uncertainty=None
            if self.uncertainty is None
            else np.where(bad, np.nan, spread),
            meta={"history": [f"{method} of {names}"], "bands": self.bands},
        )

    def noise(self):
        """Scatter of each band's background.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n_band,), 1.4826 times the median absolute deviation of the
            valid pixels; NaN for a band without any.
        """
        return np.array(
            [
                mad_std(image[~bad]) if not bad.all() else np.nan
                for image, bad in zip(self.data, self.mask, strict=True)
            ]
        )

    def write(self, path, *, overwrite=False):
        """Write the stack to a FITS file: the bands as one cube, and the extras.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            Where to.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        OSError
            If the file exists and may not be replaced.
        """
        header = self.grid.wcs.to_header()
        header["OBJECT"] = self.source or ""
        header["SURVEY"] = self.survey.name if self.survey else ""
        for number, band in enumerate(self.bands, 1):
            header[f"FILTER{number}"] = band or "stacked"
        hdus = [
            fits.PrimaryHDU(self.data.astype(np.float32), header),
            fits.ImageHDU(self.mask.astype(np.uint8), header, name="MASK"),
            fits.ImageHDU(self.footprint.astype(np.float32), header, name="FOOTPRINT"),
        ]
        if self.uncertainty is not None:
            sigma = self.uncertainty.astype(np.float32)
            hdus.append(fits.ImageHDU(sigma, header, name="ERR"))
        fits.HDUList(hdus).writeto(path, overwrite=overwrite)

    def _sigma(self):
        own = np.broadcast_to(self.noise()[:, None, None], self.data.shape)
        own = np.where(own > 0, own, 1.0)
        if self.uncertainty is None:
            return own
        known = np.isfinite(self.uncertainty) & (self.uncertainty > 0)
        return np.where(known, self.uncertainty, own)

    def _quadrature(self, sigma):
        return np.sqrt(np.where(self.mask, 0.0, sigma**2).sum(axis=0))

    def _median(self):
        values = np.ma.MaskedArray(self.data, mask=self.mask)
        return np.ma.median(values, axis=0).filled(np.nan)

    def __repr__(self):
        names = (self.source, self.survey and self.survey.name)
        label = " ".join(name for name in names if name)
        bands = ",".join(band or "stacked" for band in self.bands)
        _, ny, nx = self.shape
        return (
            f"<AlignedStack {label + ' ' if label else ''}[{bands}] {ny} x {nx} px of "
            f"{self.grid.pixel_scale:.4g}>"
        )

    def _repr_html_(self):
        panels = zip(self.data[:5], self.mask[:5], strict=True)
        return (
            html.escape(repr(self))
            + "<br>"
            + " ".join(thumbnail(image, bad) for image, bad in panels)
        )


def empty_like(grid, count):
    """Arrays for ``count`` bands on a grid: data, mask, sigma, footprint.

    Parameters
    ----------
    grid : `~astro_vbinary.stamps.SkyGrid`
        The grid.
    count : int
        Number of bands.

    Returns
    -------
    tuple of `~numpy.ndarray`
        NaN, True, NaN and zero, each of shape (count, ny, nx).
    """
    if not isinstance(grid, SkyGrid):
        raise AlignmentError(f"a grid is a SkyGrid, not {type(grid).__name__}")
    shape = (count, *grid.shape)
    return (
        np.full(shape, np.nan),
        np.ones(shape, dtype=bool),
        np.full(shape, np.nan),
        np.zeros(shape),
    )
