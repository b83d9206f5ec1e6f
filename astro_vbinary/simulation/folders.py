"""A folder of stamps with a table of the truth, which a stopped run begins anew."""

from pathlib import Path

import astropy.units as u
from astropy.table import QTable

from astro_vbinary.stamps import NamingTemplate
from astro_vbinary.stamps.tables import save_table

__all__ = ["TRUTH_FILE", "TruthFolder", "truth_table"]

#: Name of the table of the truth.
TRUTH_FILE = "truth.ecsv"

#: Name of the list of files that an unfinished run has written.
JOURNAL = ".truth.part"


class TruthFolder:
    """Stamps that are written one by one, and the truth about them at the end.

    A run that was stopped leaves the list of its files. The next one may replace
    these, and no others.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Made where it is missing.

    Raises
    ------
    FileExistsError
        If it has a table of the truth already.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / TRUTH_FILE).exists():
            path = self.folder / TRUTH_FILE
            raise FileExistsError(f"{path} exists; give another folder")
        self.rows = []
        self._template = NamingTemplate("{source}_{band}_{survey}")
        self._journal = self.folder / JOURNAL
        self._earlier = set()
        if self._journal.exists():
            self._earlier.update(self._journal.read_text().splitlines())
        self._written = set()

    def add(self, stack, truth):
        """Write the stamps of a source.

        Parameters
        ----------
        stack : `~astro_vbinary.stamps.StampStack`
            The stamps.
        truth : dict
            The row about it.

        Raises
        ------
        FileExistsError
            If a file exists that no unfinished run has written.
        """
        survey = stack.survey.name
        names = [
            self._template.format(source=stamp.source, band=stamp.band, survey=survey)
            for stamp in stack
        ]
        for name in names:
            if name not in self._earlier and (self.folder / name).exists():
                path = self.folder / name
                raise FileExistsError(f"{path} exists; give another folder")
        with self._journal.open("a") as file:
            file.writelines(f"{name}\n" for name in names)
        self._written.update(names)
        for stamp, name in zip(stack, names, strict=True):
            stamp.write(self.folder / name, overwrite=True)
        self.rows.append(truth)

    def finish(self):
        """Write the truth; what only an unfinished run has written is removed.

        Returns
        -------
        `~astropy.table.QTable`
            The truth, one row a source.
        """
        for name in self._earlier - self._written:
            (self.folder / name).unlink(missing_ok=True)
        table = truth_table(self.rows)
        save_table(table, self.folder / TRUTH_FILE)
        self._journal.unlink(missing_ok=True)
        return table


def truth_table(rows):
    """The truth about many stacks as a table with units.

    Parameters
    ----------
    rows : sequence of dict
        As in `SimulatedStack.truth`.

    Returns
    -------
    `~astropy.table.QTable`
        One row a stack.
    """
    table = QTable(rows=list(rows))
    for name, unit in (
        ("separation", u.arcsec),
        ("nearest", u.arcsec),
        ("position_angle", u.deg),
        ("magnitude_difference", u.mag),
        ("fwhm", u.arcsec),
        ("ra", u.deg),
        ("dec", u.deg),
    ):
        if name in table.colnames:
            table[name] = table[name] * unit
    return table
