"""Resolution groups: which surveys are alike enough to share one network."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.table import QTable

from astro_vbinary.surveys.registry import get_survey, list_surveys
from astro_vbinary.surveys.resolution import REFERENCE_WAVELENGTH, rayleigh_resolution

__all__ = [
    "APERTURES",
    "POLICIES",
    "ResolutionGroup",
    "groups_table",
    "resolution_group",
]

#: Which apertures the published policy can be given: the telescopes' own, or those
#: printed in Table 1 of the reference work.
APERTURES = ("true", "paper")


@dataclass(frozen=True)
class ResolutionGroup:
    """One class of angular resolution.

    Parameters
    ----------
    number : int
        1 (coarsest) to 4 (finest).
    policy : str
        The rule that made the groups, ``"published"`` or ``"effective"``.
    lower : `~astropy.units.Quantity`
        Smallest resolution that belongs to the group, in arcsec.
    upper : `~astropy.units.Quantity`
        The resolution at which the next coarser group begins, in arcsec; it does
        not belong to the group itself.
    description : str
        What the surveys of the group can and cannot do.
    """

    number: int
    policy: str
    lower: u.Quantity
    upper: u.Quantity
    description: str

    def contains(self, resolution):
        """Whether a resolution falls into this group.

        Parameters
        ----------
        resolution : `~astropy.units.Quantity`
            A scalar angle.

        Returns
        -------
        bool
            Whether ``lower <= resolution < upper``.
        """
        return bool(self.lower <= resolution < self.upper)

    def __repr__(self):
        span = f"{self.lower.value:g}-{self.upper.value:g} arcsec"
        return f"<ResolutionGroup {self.number} ({self.policy}): {span}>"


def _make(policy, cuts, descriptions):
    edges = [np.inf, *cuts, 0.0] * u.arcsec
    return tuple(
        ResolutionGroup(i + 1, policy, edges[i + 1], edges[i], text)
        for i, text in enumerate(descriptions)
    )


# Cuts of "published": the paper gives the groups and Rayleigh's law, not the cuts.
# At one wavelength the order of the telescopes is that of their apertures, and any
# cuts between 0.115 and 0.280, 0.077 and 0.103, 0.021 and 0.055 arcsec give its
# groups at 550 nm. Cuts of "effective": 2.5 arcsec is the widest visual binary.
POLICIES = {
    "published": _make(
        "published",
        (0.2, 0.09, 0.03),
        (
            "telescopes under 0.7 m",
            "telescopes of 0.7 to 1.5 m",
            "telescopes of 1.5 to 4.6 m",
            "telescopes over 4.6 m",
        ),
    ),
    "effective": _make(
        "effective",
        (2.5, 1.6, 0.3),
        (
            "cannot resolve any visual binary (2.5 arcsec)",
            "resolves only the widest visual binaries",
            "resolves visual binaries as far as good seeing allows",
            "resolves visual binaries down to a few tenths of an arcsecond",
        ),
    ),
}


def check_policy(policy, apertures="true"):
    """Raise unless there are such a policy and apertures.

    Parameters
    ----------
    policy : str
        One of `POLICIES`.
    apertures : str, optional
        One of `APERTURES`.

    Raises
    ------
    ValueError
        If one of them is unknown; the message lists those allowed.
    """
    if policy not in POLICIES:
        raise ValueError(f"unknown policy {policy!r}; allowed: {', '.join(POLICIES)}")
    if apertures not in APERTURES:
        raise ValueError(
            f"unknown apertures {apertures!r}; allowed: {', '.join(APERTURES)}"
        )


def resolution_group(survey, *, policy="published", apertures="true"):
    """The group that a survey's resolution puts it into.

    Parameters
    ----------
    survey : str or `Survey`
        The survey, or its name.
    policy : {"published", "effective"}, optional
        ``"published"`` compares the Rayleigh limit at 550 nm with 0.2, 0.09 and
        0.03 arcsec: the rule, and with the paper's apertures the groups, of the
        reference work. ``"effective"`` compares the FWHM of a star in the sharpest
        band with 2.5, 1.6 and 0.3 arcsec: what the images can really resolve.
    apertures : {"true", "paper"}, optional
        Diameters for the published policy: of the telescopes, or as the paper
        prints them. Has no part in the effective policy.

    Returns
    -------
    ResolutionGroup
        The group; its ``number`` is 1 to 4.

    Raises
    ------
    ValueError
        If the policy or the apertures are not one of those named, or the paper
        prints no aperture of the survey.
    ~astro_vbinary.exceptions.UnknownSurveyError
        If ``survey`` is a name that is not in the registry.

    References
    ----------
    Gezer et al. (NEMESIS), Table 1: apertures and groups.

    Examples
    --------
    >>> from astro_vbinary import resolution_group
    >>> resolution_group("DECaLS").number
    3
    >>> resolution_group("DECaLS", apertures="paper").number
    1
    >>> resolution_group("2MASS", policy="effective").description
    'cannot resolve any visual binary (2.5 arcsec)'
    """
    check_policy(policy, apertures)
    survey = get_survey(survey)
    if policy == "effective":
        value = survey.effective_fwhm()
    else:
        aperture = survey.aperture
        if apertures == "paper":
            aperture = survey.paper_aperture
            if aperture is None:
                raise ValueError(f"the paper prints no aperture of {survey.name}")
        value = rayleigh_resolution(REFERENCE_WAVELENGTH, aperture)
    return next(group for group in POLICIES[policy] if group.contains(value))


def groups_table(*, policy="published", apertures="true"):
    """The groups of a policy and the surveys in each.

    Parameters
    ----------
    policy : {"published", "effective"}, optional
        See `resolution_group`.
    apertures : {"true", "paper"}, optional
        See `resolution_group`; with ``"paper"`` only the surveys of the paper's
        Table 1 are listed.

    Returns
    -------
    `~astropy.table.QTable`
        One row a group: ``group``, ``lower``, ``upper`` (arcsec), ``surveys``
        (names, separated by commas), ``description``.

    Raises
    ------
    ValueError
        If the policy or the apertures are not one of those named.
    """
    check_policy(policy, apertures)
    members = {group.number: [] for group in POLICIES[policy]}
    for survey in map(get_survey, list_surveys()):
        paper_only = policy == "published" and apertures == "paper"
        if paper_only and survey.paper_aperture is None:
            continue
        group = resolution_group(survey, policy=policy, apertures=apertures)
        members[group.number].append(survey.name)
    groups = POLICIES[policy]
    table = QTable()
    table["group"] = [group.number for group in groups]
    table["lower"] = u.Quantity([group.lower for group in groups])
    table["upper"] = u.Quantity([group.upper for group in groups])
    table["surveys"] = [", ".join(members[group.number]) for group in groups]
    table["description"] = [group.description for group in groups]
    return table
