"""What there is to look at: sources, their images, and what is known of them."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.exceptions import UnknownSurveyError
from astro_vbinary.stamps.tables import cell_text
from astro_vbinary.status import Status
from astro_vbinary.surveys import get_survey, resolution_group

__all__ = ["Verdict", "VettingProject", "VettingSource", "View"]


@dataclass(frozen=True)
class View:
    """One image of a source, or the place where one should be.

    Parameters
    ----------
    survey : str
        Name of the survey.
    band : str or None
        Name of the band; None for a stack of bands.
    name : str
        Name of the file.
    file : `~astro_vbinary.stamps.StampFile` or None
        The file; None where it has no place among the stamps.
    reason : str
        Why there is no image.
    """

    survey: str
    band: str | None
    name: str
    file: object = None
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """A row of a results table: what was said of a source in one survey.

    Parameters
    ----------
    survey : str
        Name of the survey.
    probability : float
        Of two stars; NaN without a verdict.
    label : str
        ``binary``, ``not`` or empty.
    status : str
        Why there is, or is not, a verdict.
    reason : str
        The status in words.
    group : int
        Resolution group; 0 where it is not known.
    """

    survey: str
    probability: float = np.nan
    label: str = ""
    status: str = str(Status.OK)
    reason: str = ""
    group: int = 0


@dataclass(frozen=True)
class VettingSource:
    """One source: its images by survey, its verdicts, and where it is.

    Parameters
    ----------
    name : str
        Its name.
    views : tuple of View
        Its images, from the sharpest survey to the coarsest.
    verdicts : dict of str to Verdict
        What a results table says, by survey.
    target : `~astropy.coordinates.SkyCoord` or None
        Where it is; None where only its images tell.
    """

    name: str
    views: tuple = ()
    verdicts: dict = field(default_factory=dict)
    target: SkyCoord | None = None

    @cached_property
    def surveys(self):
        """Names of its surveys, the sharpest first (tuple of str)."""
        names = {view.survey for view in self.views} | set(self.verdicts)
        return tuple(sorted(names, key=lambda name: (_sharpness(name), name)))

    @cached_property
    def groups(self):
        """Resolution groups of its surveys (frozenset of int)."""
        return frozenset(self.group(survey) for survey in self.surveys)

    def group(self, survey):
        """The resolution group of one of its surveys.

        Parameters
        ----------
        survey : str
            Name of the survey.

        Returns
        -------
        int
            As the results have it, else by the published policy; 0 if not known.
        """
        verdict = self.verdicts.get(survey)
        return (verdict.group if verdict else 0) or _group(survey)

    @cached_property
    def probabilities(self):
        """Probabilities of the surveys that have a verdict, (n,) float64."""
        values = np.array([v.probability for v in self.verdicts.values()], dtype=float)
        return values[np.isfinite(values)]


class VettingProject:
    """Sources to look at, by number.

    Parameters
    ----------
    index : `~astro_vbinary.stamps.StampIndex`
        The images.
    results : `~astropy.table.Table`, optional
        Verdicts, as of `~astro_vbinary.classify` or ``astro-vbinary run``: with
        ``source``, ``survey`` and ``probability``, and perhaps ``label``, ``status``,
        ``reason``, ``group``, ``ra`` and ``dec``.
    targets : dict of str to `~astropy.coordinates.SkyCoord`, optional
        Positions by name; where there is none, those of the results are taken, then
        those of a manifest, then the middle of each image.

    Attributes
    ----------
    sources : tuple of VettingSource
        In the order of the stamps, then of the results.
    unnamed : int
        Files that tell no source, and so have no place.

    Raises
    ------
    ValueError
        If the results lack a column.

    Examples
    --------
    >>> from astro_vbinary import StampIndex
    >>> from astro_vbinary.stamps import StampFile
    >>> from astro_vbinary.vetting import VettingProject
    >>> VettingProject(StampIndex([StampFile("1_g_SDSS9.fits", "1", "SDSS9", "g")]))
    <VettingProject: 1 source, 1 image, 0 verdicts>
    """

    def __init__(self, index, *, results=None, targets=None):
        views, self.unnamed = _views(index)
        verdicts, places = _verdicts(results)
        targets = targets or {}
        self.sources = tuple(
            VettingSource(
                name,
                tuple(views.get(name, ())),
                verdicts.get(name, {}),
                targets.get(name) or places.get(name) or _given(views.get(name, ())),
            )
            for name in dict.fromkeys([*views, *verdicts])
        )
        self._numbers = {source.name: n for n, source in enumerate(self.sources)}

    def find(self, name):
        """The number of a source.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        int or None
            None where there is no such source.
        """
        return self._numbers.get(name)

    @cached_property
    def surveys(self):
        """Names of all surveys, the sharpest first (tuple of str)."""
        names = {name for source in self.sources for name in source.surveys}
        return tuple(sorted(names, key=lambda name: (_sharpness(name), name)))

    @cached_property
    def groups(self):
        """All resolution groups (tuple of int)."""
        return tuple(sorted({g for source in self.sources for g in source.groups}))

    @cached_property
    def statuses(self):
        """All statuses of the results (tuple of str)."""
        found = {v.status for s in self.sources for v in s.verdicts.values()}
        return tuple(sorted(found))

    def __len__(self):
        return len(self.sources)

    def __repr__(self):
        images = sum(len(source.views) for source in self.sources)
        verdicts = sum(len(source.verdicts) for source in self.sources)
        counts = ((len(self), "source"), (images, "image"), (verdicts, "verdict"))
        shown = ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in counts)
        return f"<VettingProject: {shown}>"


def _views(index):
    found, unnamed = {}, 0
    for files in index.groups().values():
        for file in files:
            name = Path(file.packed.name if file.packed else file.path).name
            view = View(file.survey, file.band, name, file)
            found.setdefault(file.source, []).append(view)
    for file in index.rejected:
        if not file.source:
            unnamed += 1
        elif file.status is not Status.DUPLICATE:
            view = View(file.survey or "", file.band, file.path.name, None, file.reason)
            found.setdefault(file.source, []).append(view)
    for views in found.values():
        # The bands of a survey are in its order already, and sorting keeps that.
        views.sort(key=lambda view: (_sharpness(view.survey), view.survey))
    return found, unnamed


def _verdicts(table):
    found, places = {}, {}
    if table is None:
        return found, places
    for row in table:

        def text(name, row=row):
            return (cell_text(row[name]) if name in table.colnames else None) or ""

        def number(name, row=row, text=text):
            value = getattr(row[name], "value", row[name]) if text(name) else np.nan
            return float(value)

        source, survey = text("source"), _known(text("survey"))
        if not source:
            continue
        group = number("group")
        found.setdefault(source, {})[survey] = Verdict(
            survey,
            number("probability"),
            text("label"),
            text("status") or str(Status.OK),
            text("reason"),
            int(group) if np.isfinite(group) else 0,
        )
        ra, dec = number("ra"), number("dec")
        if source not in places and np.isfinite(ra + dec):
            places[source] = SkyCoord(ra, dec, unit="deg")
    return found, places


def _given(views):
    return next((v.file.target for v in views if v.file and v.file.target), None)


def _known(survey):
    try:
        return get_survey(survey).name if survey else ""
    except UnknownSurveyError:
        return survey


def _sharpness(survey):
    return _fwhm_and_group(survey)[0]


def _group(survey):
    return _fwhm_and_group(survey)[1]


def _fwhm_and_group(survey):
    try:
        return _known_fwhm_and_group(survey)
    except UnknownSurveyError:
        return np.inf, 0


# What is unknown raises, and is not kept: it may be registered later.
@lru_cache(256)
def _known_fwhm_and_group(survey):
    fwhm = get_survey(survey).effective_fwhm().to_value("arcsec")
    return float(fwhm), resolution_group(survey).number
