"""What a recipe is: how the stamps of one survey are had from one archive."""

from dataclasses import dataclass, field

import astropy.units as u
from astropy.time import Time

from astro_vbinary.archives.outcomes import Outcome
from astro_vbinary.archives.requests import ORIGINS, StampRequest
from astro_vbinary.surveys import get_survey

__all__ = ["Delivered", "Failure", "HostLimits", "Job", "Recipe"]

#: Bytes of a FITS header of a usual length, for estimates.
HEADER_BYTES = 5760


@dataclass(frozen=True)
class HostLimits:
    """What is asked of one server at most.

    Parameters
    ----------
    concurrency : int, optional
        Requests at a time.
    rate_per_s : float, optional
        Requests a second.
    timeout_s : float, optional
        Seconds until an answer must be there in full.
    max_bytes : int, optional
        Largest answer that is taken, in bytes.

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    concurrency: int = 4
    rate_per_s: float = 5.0
    timeout_s: float = 120.0
    max_bytes: int = 64 * 2**20

    def __post_init__(self):
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, not {value!r}")


@dataclass(frozen=True)
class Job:
    """Requests that are served together: one of them, or those of one tile or batch.

    Parameters
    ----------
    recipe : str
        Name of the recipe.
    requests : tuple of `StampRequest`
        At least one.
    detail : object, optional
        Anything that `Recipe.fetch` needs, such as the tile's name.
    """

    recipe: str
    requests: tuple[StampRequest, ...]
    detail: object = None


@dataclass(frozen=True, eq=False)
class Delivered:
    """What a recipe brings for one request, to be checked and written.

    Parameters
    ----------
    request : `StampRequest`
        The request.
    payload : bytes or `~astropy.io.fits.HDUList`
        The FITS file, also gzipped.
    unit : str, optional
        Unit of the pixels as `astropy.units.Unit` reads it; by default the recipe's.
    zero_point : float, optional
        Magnitude of one unit of flux in these pixels; by default the recipe's. None
        where the image's own header states it.
    epoch : `~astropy.time.Time`, optional
        When it was taken; by default what the header says.
    url : str, optional
        Where it came from.
    transfer : str, optional
        ``"linear"``; anything else is refused. Undo what is not linear first.
    """

    request: StampRequest
    payload: object
    unit: str | None = field(default=None, kw_only=True)
    zero_point: float | None = field(default=None, kw_only=True)
    epoch: Time | None = field(default=None, kw_only=True)
    url: str = field(default="", kw_only=True)
    transfer: str = field(default="linear", kw_only=True)


@dataclass(frozen=True)
class Failure:
    """Why a recipe brings nothing for one request.

    Parameters
    ----------
    request : `StampRequest`
        The request.
    outcome : `Outcome`
        An absence or a failure.
    reason : str
        In words.
    """

    request: StampRequest
    outcome: Outcome
    reason: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the stamps of one survey are had from one archive.

    A recipe subclasses this and has its own `fetch`; all else has defaults. It is
    frozen: ``dataclasses.replace(recipe, base_url=...)`` makes one for another server.
    It holds no connection and does no I/O but in `fetch`, through the client.

    Parameters
    ----------
    name : str
        Name of the recipe, such as ``panstarrs``; that of a HiPS ends on ``-hips``.
    survey : str
        The survey's name in the registry.
    origin : {"native", "hips", "local"}
        Where its stamps come from.
    base_url : str
        The server; or the folder of local files.
    bands : tuple of str
        Names of the survey's bands that it has.
    unit : str, optional
        Unit of the pixels; by default the survey's.
    zero_points : dict of str to float, optional
        Magnitude of one unit of flux, by band, where it is not the survey's.
    magnitude_system : {"AB", "Vega"}, optional
        What zero points are in, where the survey's bands do not say.
    limits : `HostLimits`, optional
        What is asked of the server at most.
    scale_tolerance : float, optional
        How much the pixels of what arrives may differ from `StampRequest.scale`, as a
        share of it; None where they may be of any size.
    what : str, optional
        What is fetched, in a sentence or two of reStructuredText.
    traps : tuple of str, optional
        What to beware of.
    citation, acknowledgement, doc_url : str, optional
        How to cite and thank, and where the archive documents itself.
    """

    name: str
    survey: str
    origin: str
    base_url: str
    bands: tuple[str, ...]
    unit: str | None = None
    zero_points: dict[str, float] = field(default_factory=dict, compare=False)
    magnitude_system: str | None = None
    limits: HostLimits = HostLimits()
    scale_tolerance: float | None = 0.25
    what: str = ""
    traps: tuple[str, ...] = ()
    citation: str = ""
    acknowledgement: str = ""
    doc_url: str = ""

    def __post_init__(self):
        if self.origin not in ORIGINS:
            raise ValueError(f"origin must be one of {ORIGINS}, not {self.origin!r}")
        survey = get_survey(self.survey)
        object.__setattr__(self, "survey", survey.name)
        bands = tuple(survey.band(band).name for band in self.bands)
        object.__setattr__(self, "bands", bands)
        object.__setattr__(self, "base_url", str(self.base_url).rstrip("/"))
        if self.pixel_unit() is not None:
            u.Unit(self.pixel_unit())  # raises ValueError with a suggestion

    @property
    def offline(self):
        """Whether it needs no network (bool): its files are on this machine."""
        return "://" not in self.base_url

    def pixel_unit(self):
        """Unit of the pixels.

        Returns
        -------
        str or None
            The recipe's, else the survey's.
        """
        return self.unit or get_survey(self.survey).flux_unit

    def zero_point(self, band):
        """Magnitude of one unit of flux.

        Parameters
        ----------
        band : str
            Name of a band.

        Returns
        -------
        float or None
            The recipe's, else the survey's; None where each image has its own.
        """
        if band in self.zero_points:
            return self.zero_points[band]
        return get_survey(self.survey).band(band).zero_point

    def system(self, band):
        """What zero points are in.

        Parameters
        ----------
        band : str
            Name of a band.

        Returns
        -------
        str or None
            ``AB`` or ``Vega``; None where it is not known.
        """
        named = get_survey(self.survey).band(band).magnitude_system
        return self.magnitude_system or named

    def coverage(self, band):
        """Where a map of what the survey covers is.

        Parameters
        ----------
        band : str
            Name of a band.

        Returns
        -------
        str or None
            A file or URL of a MOC in FITS; None where there is none. Nothing is asked
            of the server where the map is empty.
        """
        return

    def plan(self, requests):
        """Group requests into jobs.

        Parameters
        ----------
        requests : iterable of `StampRequest`
            Requests of this survey, all of bands that the recipe has.

        Yields
        ------
        Job
            By default one for each request.
        """
        for request in requests:
            yield Job(self.name, (request,))

    def estimate(self, job):
        """Bytes that a job will bring, roughly.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            By default those of float32 images.
        """
        return sum(4 * r.n_pixels**2 + HEADER_BYTES for r in job.requests)

    def n_calls(self, job):
        """Requests to the server that a job takes, roughly.

        Parameters
        ----------
        job : Job
            The job.

        Returns
        -------
        int
            By default one.
        """
        return 1

    def fetch(self, job, client):
        """Fetch what a job asks for.

        Parameters
        ----------
        job : Job
            The job.
        client : Client
            What everything of the network goes through. Its errors need not be
            caught: one is taken as the outcome of all that is left of the job.

        Yields
        ------
        Delivered or Failure
            One for each request, in any order.

        Raises
        ------
        ~astro_vbinary.exceptions.FetchError
            If nothing more can be fetched of the job.
        """
        raise NotImplementedError(f"recipe {self.name!r} has no fetch()")
