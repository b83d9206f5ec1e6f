"""HiPS: any survey as astroquery's hips2fits serves it, resampled."""

from dataclasses import dataclass, field

import astropy.units as u
import numpy as np
from astropy.coordinates import Angle, Latitude, Longitude
from astropy.io import fits

from astro_vbinary.archives.builtin.helping import open_image
from astro_vbinary.archives.calibration import surface_zero_point, undo_asinh
from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.recipe import Delivered, Failure, HostLimits, Recipe
from astro_vbinary.surveys import get_survey

__all__ = ["HIPS_RECIPES", "HipsRecipe"]

#: Path of the service below a server of CDS.
PATH = "/hips-image-services/hips2fits"

#: Order of coverage maps: cells of 6.9 arcmin, all that have data in them.
MOC_ORDER = 9


@dataclass(frozen=True, kw_only=True)
class HipsRecipe(Recipe):
    """Stamps interpolated from the tiles of a HiPS.

    Tiles hold brightness: the flux that a native pixel would have. Stamps hold the flux
    of their own pixels, so that sums are fluxes in the survey's unit, whatever the
    pixels; but for surveys in MJy/sr, where brightness is kept.

    Parameters
    ----------
    ids : dict of str to str
        Full ID of the HiPS of each band.
    asinh : tuple of str, optional
        Bands whose tiles hold asinh magnitudes, which are undone.
    mapped : bool, optional
        Whether there are maps of what they cover.
    """

    ids: dict[str, str] = field(default_factory=dict, compare=False)
    asinh: tuple[str, ...] = ()
    mapped: bool = True
    origin: str = "hips"
    base_url: str = "https://alasky.cds.unistra.fr"
    limits: HostLimits = HostLimits(concurrency=4, rate_per_s=5.0)

    def coverage(self, band):
        """Where the map of the tiles is.

        Parameters
        ----------
        band : str
            Name of a band.

        Returns
        -------
        str or None
            An address of CDS's server of coverage maps; None where it has none.
        """
        if not self.mapped:
            return None
        query = f"ivorn={self.ids[band]}&get=moc&order={MOC_ORDER}&fmt=fits"
        return f"{self.base_url}/MocServer/query?{query}"

    def fetch(self, job, client):
        """Fetch stamps.

        Parameters
        ----------
        job : Job
            One request.
        client : Client
            What is asked through.

        Yields
        ------
        Delivered or Failure
            One a request.
        """
        for request in job.requests:
            yield self._fetch_one(request, client)

    def _fetch_one(self, request, client):
        from astroquery.hips2fits import hips2fits

        hips = self.ids[request.band]
        side = request.n_pixels
        # astroquery makes the parameters; by its own it has no retry, and takes an
        # error page for a programmer's error.
        parameters = hips2fits.query(
            hips=hips,
            width=side,
            height=side,
            projection="TAN",
            ra=Longitude(request.ra * u.deg),
            dec=Latitude(request.dec * u.deg),
            fov=Angle(side * request.scale * u.arcsec),
            format="fits",
            get_query_payload=True,
        )
        answer = client.get_fits(self.base_url + PATH, params=parameters)
        image = open_image(answer.content, answer.url)[0]
        if image.data is None or not np.isfinite(image.data).any():
            reason = f"{hips} has no tile there"
            return Failure(request, Outcome.NO_COVERAGE, reason)
        stamp = to_flux(self, request, image.data, image.header)
        return Delivered(request, *stamp, url=answer.url)


def to_flux(recipe, request, brightness, header):
    """A stamp of fluxes, from brightness in the flux of native pixels.

    Parameters
    ----------
    recipe : Recipe
        The recipe; with ``asinh``, bands of it are made linear.
    request : StampRequest
        The request.
    brightness : `~numpy.ndarray`
        What the tiles hold, at the stamp's pixels.
    header : `~astropy.io.fits.Header`
        The stamp's WCS.

    Returns
    -------
    tuple of `~astropy.io.fits.HDUList`
        The stamp.
    """
    data = np.asarray(brightness, dtype=float)
    if request.band in getattr(recipe, "asinh", ()):
        data = undo_asinh(data)
    native = get_survey(recipe.survey).band(request.band).pixel_scale.to_value("arcsec")
    header = header.copy()
    for keyword in ("BSCALE", "BZERO", "BLANK"):
        header.remove(keyword, ignore_missing=True)
    if recipe.pixel_unit() != "MJy/sr":
        data = data * (request.scale / native) ** 2
    else:
        header["MAGZP"] = surface_zero_point(request.scale * u.arcsec)
    return (fits.HDUList([fits.PrimaryHDU(data.astype(np.float32), header)]),)


def _recipe(name, survey, pattern, bands, **more):
    survey = get_survey(survey)
    bands = {survey.band(band).name: word for band, word in bands.items()}
    ids = {band: pattern.format(word) for band, word in bands.items()}
    traps = (
        "The image was interpolated twice, onto the cells of the tiles and from them, "
        "which smooths what is only some pixels wide: a close pair above all.",
        "The header has no epoch and no gain, and a zero point only where all images "
        "of the survey have the same.",
        *more.pop("traps", ()),
    )
    shown = ", ".join(f"``{hips}``" for hips in ids.values())
    return HipsRecipe(
        name=name,
        survey=survey.name,
        bands=tuple(ids),
        ids=ids,
        traps=traps,
        what=(
            f"Stamps interpolated from the HiPS {shown} by the service hips2fits of "
            "CDS, on the survey's pixel scale or any other."
        ),
        citation=(
            "Fernique et al. 2015, A&A 578, A114, doi:10.1051/0004-6361/201526075; "
            "Boch et al. 2020, ADASS XXIX, ASP Conf. Ser. 527, 121; and the survey "
            "itself"
        ),
        acknowledgement=(
            "This research made use of hips2fits, a service provided by CDS."
        ),
        doc_url="https://alasky.cds.unistra.fr/hips-image-services/hips2fits",
        **more,
    )


def _same(bands):
    return {band: band for band in bands}


HIPS_RECIPES = (
    _recipe(
        "2mass-hips",
        "2MASS",
        "CDS/P/2MASS/{}",
        {"J": "J", "H": "H", "Ks": "K"},
        traps=("Images of different zero points were put together.",),
    ),
    _recipe(
        "allwise-hips", "AllWISE", "CDS/P/allWISE/W{}", {f"W{n}": n for n in "1234"}
    ),
    _recipe("unwise-hips", "unWISE", "CDS/P/unWISE/W{}", {f"W{n}": n for n in "12"}),
    _recipe("neowiser-hips", "NEOWISER", "CDS/P/NEOWISER/W{}", {"W1": 1, "W2": 2}),
    _recipe(
        "spitzer-hips",
        "Spitzer",
        "CDS/P/SPITZER/IRAC{}",
        {f"I{n}": n for n in "1234"},
        magnitude_system="AB",
    ),
    _recipe(
        "ztf-hips",
        "ZTF",
        "CDS/P/ZTF/DR7/{}",
        _same("gri"),
        traps=(
            "There is no coverage map: where there are no data only the answer says.",
        ),
    ),
    _recipe(
        "skymapper-hips",
        "SkyMapper",
        "CDS/P/Skymapper/DR4/{}",
        _same("gri"),
        traps=("There are g, r and i only.",),
    ),
    _recipe("sdss9-hips", "SDSS9", "CDS/P/SDSS9/{}", _same("ugriz")),
    _recipe(
        "panstarrs-hips",
        "Pan-STARRS",
        "CDS/P/PanSTARRS/DR1/{}",
        _same("grizy"),
        asinh=("r", "i", "z", "y"),
        # Exposure times are lost, and with them the zero point.
        zero_points=dict.fromkeys("grizy"),
        unit="DN",
        traps=(
            "Tiles of r, i, z, y hold asinh magnitudes in 16 bits (those of g do "
            "not). They are undone: flux = exp(x) - exp(-x), x = 0.4 ln(10) times the "
            "value. What remains is linear, in a unit that the tiles do not tell: "
            "colours and magnitudes cannot be had from it.",
        ),
    ),
    _recipe(
        "decals-hips", "DECaLS", "CDS/P/DESI-Legacy-Surveys/DR10/{}", _same("griz")
    ),
    _recipe(
        "hst-hips",
        "HST",
        "CDS/P/HST/{}",
        {"F435W": "B", "F555W": "V", "F814W": "I", "F105W": "Y", "F160W": "H"},
        magnitude_system="AB",
        traps=(
            "A HiPS holds several filters of about the same colour, of several "
            "cameras: B, V, I, Y and H stand for F435W, F555W, F814W, F105W and F160W "
            "here, and fluxes are not on one scale.",
        ),
    ),
    _recipe(
        "jwst-hips",
        "JWST",
        "CDS/P/JWST/{}",
        _same(("F115W", "F150W", "F200W", "F444W")),
        magnitude_system="AB",
    ),
    _recipe(
        "hscla-hips",
        "HSCLA",
        "CDS/P/{}",
        {
            "g": "HSC/DR2/wide/g",
            "r": "HSCLA/2016/r",
            "i": "HSC/DR2/wide/i",
        },
        traps=(
            "Only r is of the Legacy Archive (2016); g and i are those of the Wide "
            "layer of HSC-SSP DR2, which has other fields.",
        ),
    ),
)
