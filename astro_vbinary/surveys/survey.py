"""A survey and its bands, as values that do not change."""

from dataclasses import dataclass, field

import astropy.units as u

from astro_vbinary.exceptions import UnknownBandError
from astro_vbinary.surveys.names import normalize_name, suggest
from astro_vbinary.surveys.resolution import (
    REFERENCE_WAVELENGTH,
    VISUAL_BINARY_LIMIT,
    _finite,
    _positive,
    effective_resolution,
    rayleigh_resolution,
)

__all__ = ["MAGNITUDE_SYSTEMS", "Band", "Survey"]

MAGNITUDE_SYSTEMS = ("AB", "Vega", None)


def _set(instance, name, value):
    """Set a field of a frozen dataclass, while it is being made."""
    object.__setattr__(instance, name, value)


@dataclass(frozen=True)
class Band:
    """One filter of a survey and the images taken through it.

    Parameters
    ----------
    name : str
        The survey's own name of the filter.
    wavelength : `~astropy.units.Quantity`
        Effective or pivot wavelength; kept in um.
    pixel_scale : `~astropy.units.Quantity`
        Side of a native pixel of the survey's images; kept in arcsec.
    fwhm : `~astropy.units.Quantity`, optional
        Typical FWHM of a star on the delivered images, with diffraction, seeing
        and pixel in it; kept in arcsec. None where diffraction decides.
    zero_point : float, optional
        Magnitude of one unit of flux per second (or of flux, where the survey's
        images are normalized); None where each image has its own.
    magnitude_system : {"AB", "Vega", None}, optional
        What the zero point and the saturation refer to.
    saturation : `~astropy.units.Quantity`, optional
        Magnitude near which stars begin to saturate; kept in mag.
    aliases : tuple of str, optional
        Other names of the filter.
    instrument : str, optional
        The camera, where the survey's telescope has several.

    Raises
    ------
    TypeError
        If a quantity has no unit.
    ValueError
        If a quantity has the wrong unit, an angle or a wavelength is not positive
        and finite, a magnitude is not finite, or the magnitude system is not one of
        the three.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.surveys import Band
    >>> Band("g", 0.48 * u.um, 0.262 * u.arcsec, fwhm=1.3 * u.arcsec)
    <Band g: 0.48 um, 0.262 arcsec/px, FWHM 1.3 arcsec>
    """

    name: str
    wavelength: u.Quantity
    pixel_scale: u.Quantity
    fwhm: u.Quantity | None = field(default=None, kw_only=True)
    zero_point: float | None = field(default=None, kw_only=True)
    magnitude_system: str | None = field(default=None, kw_only=True)
    saturation: u.Quantity | None = field(default=None, kw_only=True)
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    instrument: str | None = field(default=None, kw_only=True)

    def __post_init__(self):
        _set(self, "wavelength", _positive(self.wavelength, u.um, "wavelength"))
        _set(self, "pixel_scale", _positive(self.pixel_scale, u.arcsec, "pixel_scale"))
        if self.fwhm is not None:
            _set(self, "fwhm", _positive(self.fwhm, u.arcsec, "fwhm"))
        if self.saturation is not None:
            # A magnitude may be negative, so it is only asked to be finite.
            _set(self, "saturation", _finite(self.saturation, u.mag, "saturation"))
        if self.zero_point is not None:
            zero_point = _finite(self.zero_point * u.mag, u.mag, "zero_point")
            _set(self, "zero_point", float(zero_point.value))
        if self.magnitude_system not in MAGNITUDE_SYSTEMS:
            raise ValueError(
                f"magnitude_system must be one of {MAGNITUDE_SYSTEMS}, "
                f"not {self.magnitude_system!r}"
            )
        _set(self, "aliases", tuple(self.aliases))

    def __repr__(self):
        fwhm = "" if self.fwhm is None else f", FWHM {self.fwhm:.3g}"
        scale = f"{self.pixel_scale.value:.3g} arcsec/px"
        return f"<Band {self.name}: {self.wavelength:.4g}, {scale}{fwhm}>"


@dataclass(frozen=True)
class Survey:
    """A telescope and the images that it made.

    Parameters
    ----------
    name : str
        Short name, as in the reference work where it has one.
    aperture : `~astropy.units.Quantity`
        Diameter of the telescope's primary; kept in m.
    bands : tuple of `Band`
        At least one.
    full_name : str, optional
        Name in words; by default the short one.
    aliases : tuple of str, optional
        Other names.
    paper_aperture : `~astropy.units.Quantity`, optional
        Aperture as Table 1 of the reference work prints it, right or wrong; kept in
        m. None for a survey that is not in that table.
    space : bool, optional
        Whether the telescope is above the atmosphere.
    flux_unit : str, optional
        Unit of the images, as `astropy.units.Unit` reads it.
    references : dict of str to str, optional
        A citation for each number: the key is the name of the field
        (``"aperture"``) or of the band and its field (``"Ks.wavelength"``).
    notes : str, optional
        What else a user must know.

    Raises
    ------
    TypeError
        If an aperture has no unit, or ``bands`` holds something else.
    ValueError
        If an aperture is not a positive length, the unit is unknown, there is no
        band, or two bands share a name or alias.

    Examples
    --------
    >>> from astro_vbinary import get_survey
    >>> get_survey("ps1")
    <Survey Pan-STARRS: 1.8 m, bands g r i z y>
    >>> get_survey("2MASS").band("K").name
    'Ks'
    """

    name: str
    aperture: u.Quantity
    bands: tuple[Band, ...]
    full_name: str = field(default="", kw_only=True)
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    paper_aperture: u.Quantity | None = field(default=None, kw_only=True)
    space: bool = field(default=False, kw_only=True)
    flux_unit: str | None = field(default=None, kw_only=True)
    # A dict has no hash; two surveys of the same numbers are the same survey.
    references: dict[str, str] = field(
        default_factory=dict, kw_only=True, compare=False
    )
    notes: str = field(default="", kw_only=True, compare=False)

    def __post_init__(self):
        if not normalize_name(self.name):
            raise ValueError(f"a survey needs a name, not {self.name!r}")
        _set(self, "aperture", _positive(self.aperture, u.m, "aperture"))
        if self.paper_aperture is not None:
            paper = _positive(self.paper_aperture, u.m, "paper_aperture")
            _set(self, "paper_aperture", paper)
        if self.flux_unit is not None:
            u.Unit(self.flux_unit)  # raises ValueError with a suggestion
        _set(self, "bands", tuple(self.bands))
        if not self.bands:
            raise ValueError(f"survey {self.name!r} needs at least one band")
        for band in self.bands:
            if not isinstance(band, Band):
                raise TypeError(f"bands must be Band objects, not {band!r}")
        self._check_band_names()
        _set(self, "full_name", self.full_name or self.name)
        _set(self, "aliases", tuple(self.aliases))
        _set(self, "references", dict(self.references))

    def _check_band_names(self):
        taken = {}
        for band in self.bands:
            for name in {normalize_name(n) for n in (band.name, *band.aliases)}:
                if name in taken:
                    raise ValueError(
                        f"bands {taken[name]!r} and {band.name!r} of {self.name} "
                        f"are both called {name!r}"
                    )
                taken[name] = band.name

    @property
    def band_names(self):
        """Names of the bands (tuple of str), in the survey's own order."""
        return tuple(band.name for band in self.bands)

    def band(self, name):
        """One of the survey's bands.

        Parameters
        ----------
        name : str
            Its name or an alias; case, ``-``, ``_`` and spaces do not matter.

        Returns
        -------
        Band
            The band.

        Raises
        ------
        ~astro_vbinary.exceptions.UnknownBandError
            If the survey has no such band; the message lists those it has.
        """
        wanted = normalize_name(name)
        for band in self.bands:
            if wanted in map(normalize_name, (band.name, *band.aliases)):
                return band
        raise UnknownBandError(
            f"{self.name} has no band {name!r}{suggest(name, self.band_names)}; "
            f"it has: {', '.join(self.band_names)}"
        )

    def rayleigh(self, wavelength=None):
        """Rayleigh limit of the telescope.

        Parameters
        ----------
        wavelength : `~astropy.units.Quantity`, optional
            A length; by default `REFERENCE_WAVELENGTH`, 550 nm.

        Returns
        -------
        `~astropy.units.Quantity`
            The angle in arcsec; see `rayleigh_resolution`.
        """
        if wavelength is None:
            wavelength = REFERENCE_WAVELENGTH
        return rayleigh_resolution(wavelength, self.aperture)

    def effective_fwhm(self, band=None):
        """FWHM of a star on the survey's images.

        Parameters
        ----------
        band : str, optional
            Name of a band; by default the sharpest.

        Returns
        -------
        `~astropy.units.Quantity`
            The band's delivered FWHM where it is known, else that of diffraction
            and pixel (`effective_resolution`), in arcsec.

        Raises
        ------
        ~astro_vbinary.exceptions.UnknownBandError
            If the survey has no such band.
        """
        if band is None:
            return min(self.effective_fwhm(name) for name in self.band_names)
        band = self.band(band)
        if band.fwhm is not None:
            return band.fwhm
        return effective_resolution(
            band.wavelength, self.aperture, pixel_scale=band.pixel_scale
        )

    def resolves(self, separation=VISUAL_BINARY_LIMIT):
        """Whether two stars that far apart are two on the sharpest images.

        Parameters
        ----------
        separation : `~astropy.units.Quantity`, optional
            An angle; by default 2.5 arcsec, the widest visual binary.

        Returns
        -------
        bool
            Whether the separation exceeds the FWHM of the sharpest band. Stars of
            equal brightness at one FWHM show two peaks barely, unequal ones none.
        """
        return bool(
            self.effective_fwhm() < _positive(separation, u.arcsec, "separation")
        )

    def __repr__(self):
        names = self.band_names
        shown = " ".join(names[:8]) + (f" ... ({len(names)})" if len(names) > 8 else "")
        return f"<Survey {self.name}: {self.aperture:.4g}, bands {shown}>"
