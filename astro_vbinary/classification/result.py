"""What a classification returns: a table with one row a source and survey."""

from collections import Counter

import astropy.units as u
import numpy as np
from astropy.table import QTable

from astro_vbinary.stamps.tables import FORMATS, check_ending, write_table
from astro_vbinary.status import Flag, Status

__all__ = [
    "COLUMNS",
    "FORMATS",
    "ClassificationResult",
    "check_ending",
    "make_row",
    "make_table",
    "write_table",
]

#: Columns of the table: name, unit, and what they hold.
COLUMNS = (
    ("source", None, "name of the source"),
    ("survey", None, "name of the survey"),
    ("bands", None, "bands that were used, separated by commas"),
    ("n_bands", None, "how many there were"),
    ("ra", u.deg, "right ascension of the target, ICRS"),
    ("dec", u.deg, "declination of the target, ICRS"),
    ("group", None, "resolution group; 0 where not known"),
    ("probability", None, "probability of two stars within 2.5 arcsec"),
    ("label", None, "binary, not, or empty where there is no verdict"),
    ("status", None, "why there is, or is not, a verdict"),
    ("flags", None, "sum of the bits of what was noticed"),
    ("reason", None, "the status in words, where it is not ok"),
    ("rayleigh", u.arcsec, "1.22 wavelength / aperture at 550 nm"),
    ("fwhm", u.arcsec, "typical width of the survey's sharpest image"),
    ("weights", None, "id of the weights"),
    ("weights_sha256", None, "hash of the weights"),
)

#: Types of the columns that are not text.
KINDS = {
    "n_bands": np.int16,
    "group": np.int16,
    "flags": np.int32,
    "ra": np.float64,
    "dec": np.float64,
    "probability": np.float64,
    "rayleigh": np.float64,
    "fwhm": np.float64,
}


def make_row(
    stack=None, *, source="", survey=None, card=None, group=0, status=Status.ERROR
):
    """One row, as far as it is known before the network has spoken.

    Parameters
    ----------
    stack : `~astro_vbinary.stamps.AlignedStack`, optional
        Where names, bands and position come from.
    source : str, optional
        Name of the source, where there is no stack.
    survey : `~astro_vbinary.surveys.Survey` or str, optional
        The survey, where there is no stack.
    card : `~astro_vbinary.classification.WeightsCard`, optional
        The weights.
    group : int, optional
        Resolution group, where there is no card.
    status : `~astro_vbinary.status.Status`, optional
        Why there is no verdict.

    Returns
    -------
    dict
        An entry for each of `COLUMNS`, without units.
    """
    row = {
        "source": source,
        "survey": survey or "",
        "bands": "",
        "n_bands": 0,
        "ra": np.nan,
        "dec": np.nan,
        "group": card.group if card else group,
        "probability": np.nan,
        "label": "",
        "status": status,
        "flags": Flag.NONE,
        "reason": "",
        "rayleigh": np.nan,
        "fwhm": np.nan,
        "weights": card.id if card else "",
        "weights_sha256": card.sha256 if card else "",
    }
    if stack is not None:
        center = stack.grid.center.icrs
        survey = stack.survey
        row |= {
            "source": stack.source or "",
            "bands": ",".join(band or "stacked" for band in stack.bands),
            "n_bands": len(stack),
            "ra": center.ra.deg,
            "dec": center.dec.deg,
        }
    if survey is not None and not isinstance(survey, str):
        rayleigh = survey.rayleigh().to_value(u.arcsec)
        fwhm = survey.effective_fwhm().to_value(u.arcsec)
        row |= {"survey": survey.name, "rayleigh": rayleigh, "fwhm": fwhm}
        if fwhm > 2 * rayleigh:
            row["flags"] |= Flag.SEEING_LIMITED
    return row


class ClassificationResult:
    """Verdicts on stacks, one row each; nothing that was asked for is missing.

    Parameters
    ----------
    rows : iterable of dict
        As made by the classifier.
    """

    def __init__(self, rows):
        self._rows = [dict(row) for row in rows]

    def __len__(self):
        return len(self._rows)

    def _column(self, name):
        return [row[name] for row in self._rows]

    @property
    def probability(self):
        """Probability of two stars within 2.5 arcsec, (n,) float64; NaN without."""
        return np.array(self._column("probability"), dtype=float)

    @property
    def label(self):
        """``binary``, ``not`` or an empty string; (n,) of str."""
        return np.array(self._column("label"), dtype=str)

    @property
    def status(self):
        """Values of `~astro_vbinary.status.Status`; (n,) of str."""
        return np.array([str(value) for value in self._column("status")], dtype=str)

    @property
    def group(self):
        """Number of the resolution group, 0 where not known; (n,) int64."""
        return np.array(self._column("group"), dtype=int)

    @property
    def flags(self):
        """Bits of `~astro_vbinary.status.Flag`; (n,) int64."""
        return np.array([int(value) for value in self._column("flags")], dtype=int)

    @property
    def n_failed(self):
        """Number of rows whose input could not be used (int)."""
        return sum(Status(value).is_failure for value in self._column("status"))

    def counts(self):
        """How many rows have each status.

        Returns
        -------
        dict of str to int
            In the order of `~astro_vbinary.status.Status`; none that is zero.
        """
        found = Counter(str(value) for value in self._column("status"))
        return {str(name): found[str(name)] for name in Status if found[str(name)]}

    def to_table(self):
        """The rows as a table with units and descriptions.

        Returns
        -------
        `~astropy.table.QTable`
            Columns as in `~astro_vbinary.classification.result.COLUMNS`.
        """
        return make_table({name: self._column(name) for name, _, _ in COLUMNS})

    def write(self, path, *, overwrite=False):
        """Write the table in the format of the file's ending.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            Ends in ``.ecsv``, ``.csv``, ``.vot``, ``.xml``, ``.fits`` or
            ``.parquet``.
        overwrite : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        ValueError
            If the ending is unknown.
        OSError
            If the file exists, or cannot be written.
        """
        check_ending(path)
        write_table(self.to_table(), path, overwrite=overwrite)

    def __repr__(self):
        counts = ", ".join(f"{n} {name}" for name, n in self.counts().items())
        binaries = int((self.label == "binary").sum())
        return f"<ClassificationResult {len(self)} rows ({counts}), {binaries} binary>"

    def _repr_html_(self):
        return self.to_table()._repr_html_()


def make_table(columns):
    """The table of a result, with units and descriptions.

    Parameters
    ----------
    columns : dict of str to sequence
        Values of each of `COLUMNS`, without units.

    Returns
    -------
    `~astropy.table.QTable`
        The table; ``meta["weights"]`` lists the ids of the weights in it.
    """
    table = QTable()
    for name, unit, description in COLUMNS:
        kind = KINDS.get(name, str)
        python = float if kind is np.float64 else int if name in KINDS else str
        column = np.array([python(v) for v in columns[name]], dtype=kind)
        table[name] = column if unit is None else column * unit
        table[name].info.description = description
    table.meta["weights"] = sorted({v for v in columns["weights"] if v})
    return table
