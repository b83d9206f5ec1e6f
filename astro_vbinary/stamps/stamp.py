"""One image of one source in one band of one survey."""

import base64
import html
import io

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import NDData, StdDevUncertainty
from astropy.wcs.utils import skycoord_to_pixel

from astro_vbinary.exceptions import NoImageError
from astro_vbinary.stamps.blank import find_blank, find_hot
from astro_vbinary.stamps.celestial import is_icrs
from astro_vbinary.stamps.grid import pixel_area
from astro_vbinary.stamps.motion import position_at
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT, Survey, get_survey

__all__ = ["SurveyStamp"]


class SurveyStamp(NDData):
    """A survey image of one source: pixels, WCS, and what they are of.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Image of shape (ny, nx), any real dtype.
    wcs : `~astropy.wcs.WCS`
        Celestial WCS of the image.
    survey : str or `~astro_vbinary.surveys.Survey`, optional
        Survey, looked up in the registry where it is a name.
    band : str, optional
        Band's name; None for an image that is already a stack of bands.
    source : str, optional
        Name of the source in the user's catalogue.
    target : `~astropy.coordinates.SkyCoord`, optional
        Position of the source, scalar, in any frame. With a proper motion and
        an ``obstime`` it is moved to the stamp's epoch when stamps are aligned.
    mask : `~numpy.ndarray` of bool, optional
        Shape (ny, nx), True where a pixel is bad.
    uncertainty : `~astropy.nddata.NDUncertainty` or `~numpy.ndarray`, optional
        An array is taken as one standard deviation per pixel.
    unit : `~astropy.units.Unit` or str, optional
        Unit of the data.
    epoch : `~astropy.time.Time`, optional
        When the image was taken.
    meta : dict-like, optional
        Anything else, such as the FITS header.

    Raises
    ------
    NoImageError
        If the data are not two-dimensional.
    UnknownSurveyError
        If the survey is not in the registry.

    Examples
    --------
    >>> import astropy.units as u, numpy as np
    >>> from astropy.coordinates import SkyCoord
    >>> from astro_vbinary import SkyGrid, SurveyStamp
    >>> target = SkyCoord(83.8, -5.4, unit="deg")
    >>> wcs = SkyGrid(target, 0.25 * u.arcsec, (48, 48)).wcs
    >>> SurveyStamp(np.zeros((48, 48)), wcs, survey="PanSTARRS", band="g", source="1")
    <SurveyStamp 1 Pan-STARRS g 48 x 48 px of 0.25 arcsec>
    """

    def __init__(
        self,
        data,
        wcs,
        *,
        survey=None,
        band=None,
        source=None,
        target=None,
        mask=None,
        uncertainty=None,
        unit=None,
        epoch=None,
        meta=None,
    ):
        data = np.asanyarray(data)
        if data.ndim != 2:
            raise NoImageError(f"a stamp has two dimensions, not {data.ndim}")
        if uncertainty is not None and not hasattr(uncertainty, "uncertainty_type"):
            uncertainty = StdDevUncertainty(np.asarray(uncertainty, dtype=float))
        super().__init__(
            data, wcs=wcs, mask=mask, uncertainty=uncertainty, unit=unit, meta=meta
        )
        if survey is not None and not isinstance(survey, Survey):
            survey = get_survey(survey)
        self._survey = survey
        self._band = band
        self._source = None if source is None else str(source)
        self._target = target
        self._epoch = epoch

    @classmethod
    def read(
        cls,
        path,
        *,
        survey=None,
        band=None,
        source=None,
        target=None,
        hdu=None,
        size=None,
    ):
        """Read a stamp from a FITS file.

        What is not given is taken from the file's name, where that fits one of
        `~astro_vbinary.stamps.DEFAULT_TEMPLATES`.

        Parameters
        ----------
        path : str, `~pathlib.Path` or `~astro_vbinary.stamps.PackedStamp`
            A FITS file; ``.gz`` and ``.fz`` are read too. Or one in a shard.
        survey, band, source : str, optional
            What the stamp is of.
        target : `~astropy.coordinates.SkyCoord`, optional
            Position of the source.
        hdu : int or str, optional
            Which extension holds the image; found where it is not given.
        size : `~astropy.units.Quantity`, optional
            Side of the square around the target that is read from a larger
            image, an angle.

        Returns
        -------
        SurveyStamp
            The stamp.

        Raises
        ------
        StampError
            If the file cannot be used; the subclass says why.
        UnknownSurveyError
            If the survey is not in the registry.
        FileNotFoundError
            If there is no such file.
        """
        from astro_vbinary.exceptions import StampNameError
        from astro_vbinary.stamps.container import as_location
        from astro_vbinary.stamps.naming import parse_name
        from astro_vbinary.stamps.reading import read_image

        path = as_location(path)
        if None in (survey, band, source):
            try:
                name = parse_name(path.name)
            except StampNameError:
                name = None
            if name is not None:
                survey = survey or name.survey
                source = source or name.source
                band = band or name.band
        raw = read_image(path, hdu=hdu, around=target, size=size)
        return cls(
            raw.data,
            raw.wcs,
            survey=survey,
            band=band,
            source=source,
            target=target,
            mask=raw.mask,
            uncertainty=raw.uncertainty,
            unit=raw.unit,
            epoch=raw.epoch,
            meta={"header": raw.header, "path": str(path)},
        )

    @classmethod
    def fetch(cls, coord, *, survey, band, size=None, **options):
        """Fetch a stamp from a survey's archive.

        Parameters
        ----------
        coord : `~astropy.coordinates.SkyCoord` or str
            Position of the source; or a text with one, such as ``"83.82 -5.39"``; or a
            name that Sesame knows.
        survey, band : str
            What the stamp is of.
        size : `~astropy.units.Quantity`, optional
            Side of the stamp, an angle; by default 20 arcsec.
        **options
            ``source`` (its name), ``folder`` (where files stay; by default they are not
            kept), and those of `~astro_vbinary.archives.fetch_stamps`, such as
            ``origin``.

        Returns
        -------
        SurveyStamp
            The stamp; its ``meta["header"]`` tells where it came from.

        Raises
        ------
        ~astro_vbinary.exceptions.FetchError
            If there is none, or it cannot be fetched; its ``outcome`` says which.
        UnknownArchiveError
            If the survey has no archive that is known.
        """
        from astro_vbinary.archives.single import fetch_files

        def make(name, source, position, files):
            band, path, error = files[0]
            if error is not None:
                raise error
            return cls.read(
                path, survey=name, band=band, source=source, target=position
            )

        return fetch_files(
            make, coord, survey=survey, bands=[band], size=size, **options
        )

    @property
    def survey(self):
        """The `~astro_vbinary.surveys.Survey`, or None."""
        return self._survey

    @property
    def band(self):
        """Name of the band (str), or None."""
        return self._band

    @property
    def source(self):
        """Name of the source (str), or None."""
        return self._source

    @property
    def epoch(self):
        """When the image was taken (`~astropy.time.Time`), or None."""
        return self._epoch

    @property
    def shape(self):
        """(ny, nx) in pixels."""
        return self.data.shape

    @property
    def target(self):
        """The source's `~astropy.coordinates.SkyCoord`; the centre if not given."""
        return self.center if self._target is None else self._target

    @property
    def target_assumed(self):
        """Whether no position was given, so that the centre stands for it (bool)."""
        return self._target is None

    @property
    def center(self):
        """Position of the middle of the image (`~astropy.coordinates.SkyCoord`)."""
        ny, nx = self.shape
        x, y = (nx - 1) / 2, (ny - 1) / 2
        if is_icrs(self.wcs):
            return SkyCoord(*self.wcs.pixel_to_world_values(x, y), unit="deg")
        return self.wcs.pixel_to_world(x, y).icrs

    @property
    def pixel_scale(self):
        """Side of a pixel at the target, a `~astropy.units.Quantity` in arcsec."""
        return np.sqrt(pixel_area(self.wcs, self.target.icrs))

    @property
    def aperture(self):
        """The 2.5-arcsec `~regions.CircleSkyRegion` around the target."""
        from regions import CircleSkyRegion

        return CircleSkyRegion(
            position_at(self.target, self.epoch), VISUAL_BINARY_LIMIT
        )

    @property
    def sigma(self):
        """One standard deviation per pixel (`~numpy.ndarray`), or None."""
        if self.uncertainty is None:
            return None
        return self.uncertainty.represent_as(StdDevUncertainty).array

    @property
    def bad(self):
        """Pixels without a measurement: masked, not finite, blank zeros, or hot.

        A `~numpy.ndarray` of bool of shape (ny, nx).
        """
        bad = ~np.isfinite(self.data) | find_blank(self.data) | find_hot(self.data)
        return bad if self.mask is None else bad | np.asarray(self.mask, dtype=bool)

    def target_pixel(self):
        """Where the target is on the image, at the image's epoch.

        Returns
        -------
        tuple of float
            (x, y), zero at the centre of the first pixel.
        """
        position = position_at(self.target, self.epoch)
        x, y = skycoord_to_pixel(position, self.wcs)
        return float(x), float(y)

    def write(self, path, *, overwrite=False):
        """Write the stamp to a FITS file that `read` takes back.

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
        header = self.wcs.to_header(relax=True)
        for key, value in (
            ("OBJECT", self.source),
            ("SURVEY", None if self.survey is None else self.survey.name),
            ("FILTER", self.band),
        ):
            if value is not None:
                header[key] = value
        if self.unit is not None:
            header["BUNIT"] = self.unit.to_string()
        if self.epoch is not None:
            header["MJD-OBS"] = self.epoch.utc.mjd
        history = self.meta.get("history", ()) if self.meta else ()
        for line in history:
            header["HISTORY"] = line
        data = self.data
        if data.dtype.kind == "f":
            data = data.astype(np.float32)
        hdus = [fits.PrimaryHDU(data, header)]
        if self.sigma is not None:
            hdus.append(fits.ImageHDU(self.sigma.astype(np.float32), name="ERR"))
        if self.mask is not None:
            hdus.append(fits.ImageHDU(self.mask.astype(np.uint8), name="MASK"))
        fits.HDUList(hdus).writeto(path, overwrite=overwrite)

    def __repr__(self):
        ny, nx = self.shape
        names = (self.source, self.survey and self.survey.name, self.band)
        label = " ".join(name for name in names if name)
        return (
            f"<SurveyStamp {label + ' ' if label else ''}{ny} x {nx} px of "
            f"{self.pixel_scale.value:.4g} arcsec>"
        )

    def _repr_html_(self):
        return html.escape(repr(self)) + "<br>" + thumbnail(self.data, self.mask)


def thumbnail(data, mask=None):
    """An image as an inline HTML picture, north as in the array.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx).
    mask : `~numpy.ndarray` of bool, optional
        True where a pixel is bad.

    Returns
    -------
    str
        An ``<img>`` element with the picture in it as PNG.
    """
    from matplotlib.image import imsave

    shown = np.array(data, dtype=float)
    if mask is not None:
        shown[mask] = np.nan
    good = shown[np.isfinite(shown)]
    low, high = np.percentile(good, [1, 99.7]) if good.size else (0.0, 1.0)
    buffer = io.BytesIO()
    scaled = np.arcsinh(10 * np.clip((shown - low) / max(high - low, 1e-30), 0, 1))
    imsave(buffer, np.nan_to_num(scaled), cmap="gray", origin="lower", format="png")
    code = base64.b64encode(buffer.getvalue()).decode()
    return f'<img width="96" alt="stamp" src="data:image/png;base64,{code}">'
