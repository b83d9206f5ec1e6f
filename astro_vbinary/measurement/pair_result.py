"""What measuring pairs returns: one row a source and survey."""

from collections import Counter

import numpy as np

from astro_vbinary.measurement.pair_columns import (
    BAND_COLUMNS,
    LIMIT_COLUMNS,
    PAIR_COLUMNS,
    make_pair_table,
)
from astro_vbinary.status import Status

__all__ = ["PairResult"]


class PairResult:
    """Measured pairs, one row a source and survey; nothing asked for is missing.

    Parameters
    ----------
    rows : iterable of dict
        As made by `measure_pairs`.
    """

    def __init__(self, rows):
        self._rows = [dict(row) for row in rows]

    def __len__(self):
        return len(self._rows)

    @property
    def status(self):
        """Values of `~astro_vbinary.status.Status`; (n,) of str."""
        return np.array([str(row["status"]) for row in self._rows], dtype=str)

    @property
    def n_failed(self):
        """Number of rows whose input could not be used (int)."""
        return sum(Status(row["status"]).is_failure for row in self._rows)

    def counts(self):
        """How many rows have each status.

        Returns
        -------
        dict of str to int
            In the order of `~astro_vbinary.status.Status`; none that is zero.
        """
        found = Counter(self.status)
        return {str(name): found[str(name)] for name in Status if found[str(name)]}

    def covariance(self, row):
        """Full covariance of one row.

        Parameters
        ----------
        row : int
            Its number.

        Returns
        -------
        `~numpy.ndarray`
            Shape (2 + k, 2 + k): of separation (arcsec), position angle (deg) and
            the magnitude difference in each of k bands, in the order of the row's
            ``bands``; of shape (0, 0) for a row without a measurement.
        """
        return self._rows[row].get("covariance", np.zeros((0, 0)))

    def to_table(self):
        """The rows as a table with units, descriptions and UCDs.

        Returns
        -------
        `~astropy.table.QTable`
            One row a source and survey; with limits where `measure_pairs` was asked for
            them and any stack could be measured.
        """
        asked = any(LIMIT_COLUMNS[0][0] in row for row in self._rows)
        columns = PAIR_COLUMNS + LIMIT_COLUMNS if asked else PAIR_COLUMNS
        return make_pair_table(self._rows, columns)

    def to_band_table(self):
        """Fluxes and magnitude differences in each band.

        Returns
        -------
        `~astropy.table.QTable`
            One row a source, survey and band that was measured.
        """
        rows = [
            {"source": row["source"], "survey": row["survey"]} | band
            for row in self._rows
            for band in row.get("band_rows", ())
        ]
        return make_pair_table(rows, BAND_COLUMNS)

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
        from astro_vbinary.stamps.tables import check_ending, write_table

        check_ending(path)
        write_table(self.to_table(), path, overwrite=overwrite)

    def __repr__(self):
        counts = ", ".join(f"{n} {name}" for name, n in self.counts().items())
        return f"<PairResult {len(self)} rows ({counts})>"

    def _repr_html_(self):
        return self.to_table()._repr_html_()
