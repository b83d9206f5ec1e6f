"""What the registry knows, as tables."""

import astropy.units as u
import numpy as np
from astropy.table import MaskedColumn, QTable

from astro_vbinary.surveys.groups import POLICIES, resolution_group
from astro_vbinary.surveys.registry import get_survey, list_surveys
from astro_vbinary.surveys.resolution import VISUAL_BINARY_LIMIT

__all__ = ["bands_table", "surveys_table"]


def _angles(values, missing=np.nan):
    return [missing if v is None else v.value for v in values]


def surveys_table(*, policy=None):
    """All known surveys: telescopes, resolutions and groups.

    Parameters
    ----------
    policy : {"published", "effective"}, optional
        Keep the group columns of this policy only; by default both stand side by
        side.

    Returns
    -------
    `~astropy.table.QTable`
        One row a survey, in the order of `list_surveys`: ``name``, ``aperture``
        and ``paper_aperture`` (m; NaN where the paper prints none), ``space``,
        ``rayleigh`` (arcsec, at 550 nm), ``fwhm`` (arcsec, sharpest band),
        ``pixel_scale`` (arcsec, of that band), ``bands``, ``group_published``
        (true apertures), ``group_paper`` (the paper's; masked where it prints
        none), ``group_effective``, and ``resolves_binaries``: whether the FWHM is
        below 2.5 arcsec.

    Raises
    ------
    ValueError
        If there is no such policy.

    Examples
    --------
    >>> from astro_vbinary import surveys_table
    >>> table = surveys_table()
    >>> table[table["name"] == "DECaLS"]["group_published", "group_paper"].pprint()
    group_published group_paper
    --------------- -----------
                  3           1
    """
    if policy is not None and policy not in POLICIES:
        raise ValueError(f"unknown policy {policy!r}; allowed: {', '.join(POLICIES)}")
    surveys = [get_survey(name) for name in list_surveys()]
    sharpest = [
        min(s.bands, key=lambda band, s=s: s.effective_fwhm(band.name)) for s in surveys
    ]
    table = QTable()
    table["name"] = [s.name for s in surveys]
    table["aperture"] = u.Quantity([s.aperture for s in surveys])
    table["paper_aperture"] = _angles(s.paper_aperture for s in surveys) * u.m
    table["space"] = [s.space for s in surveys]
    table["rayleigh"] = u.Quantity([s.rayleigh() for s in surveys])
    table["fwhm"] = u.Quantity([s.effective_fwhm() for s in surveys])
    table["pixel_scale"] = u.Quantity([band.pixel_scale for band in sharpest])
    table["bands"] = [" ".join(s.band_names) for s in surveys]
    if policy != "effective":
        table["group_published"] = [resolution_group(s).number for s in surveys]
        table["group_paper"] = _paper_groups(surveys)
    if policy != "published":
        table["group_effective"] = [
            resolution_group(s, policy="effective").number for s in surveys
        ]
    table["resolves_binaries"] = [s.resolves(VISUAL_BINARY_LIMIT) for s in surveys]
    for name, shown in {"rayleigh": ".3f", "fwhm": ".3f", "pixel_scale": ".3f"}.items():
        table[name].info.format = shown
    return table


def _paper_groups(surveys):
    listed = [s.paper_aperture is not None for s in surveys]
    numbers = [
        resolution_group(s, apertures="paper").number if known else 0
        for s, known in zip(surveys, listed, strict=True)
    ]
    return MaskedColumn(numbers, mask=np.logical_not(listed))


def bands_table(survey):
    """The bands of one survey.

    Parameters
    ----------
    survey : str or Survey
        The survey, or its name.

    Returns
    -------
    `~astropy.table.QTable`
        One row a band: ``band``, ``instrument``, ``wavelength`` (um), ``rayleigh``
        (arcsec, at that wavelength), ``fwhm`` (arcsec), ``pixel_scale`` (arcsec),
        ``zero_point`` and ``saturation`` (mag; NaN where there is none),
        ``magnitude_system``.

    Raises
    ------
    ~astro_vbinary.exceptions.UnknownSurveyError
        If ``survey`` is a name that is not in the registry.
    """
    survey = get_survey(survey)
    bands = survey.bands
    table = QTable()
    table["band"] = [band.name for band in bands]
    table["instrument"] = [band.instrument or "" for band in bands]
    table["wavelength"] = u.Quantity([band.wavelength for band in bands])
    table["rayleigh"] = survey.rayleigh(table["wavelength"])
    table["fwhm"] = u.Quantity([survey.effective_fwhm(band.name) for band in bands])
    table["pixel_scale"] = u.Quantity([band.pixel_scale for band in bands])
    table["zero_point"] = [
        np.nan if band.zero_point is None else band.zero_point for band in bands
    ]
    table["saturation"] = _angles(band.saturation for band in bands) * u.mag
    table["magnitude_system"] = [band.magnitude_system or "" for band in bands]
    for name in ("rayleigh", "fwhm"):
        table[name].info.format = ".3f"
    return table
