"""How many stars of a catalogue there are around a place."""

import astropy.units as u
import numpy as np
from astropy_healpix import HEALPix

from astro_vbinary.context.columns import angles, column, numbers
from astro_vbinary.context.sphere import chord, make_tree, separation, unit_vectors

__all__ = ["NeighbourCounts"]

#: Stars that the annulus holds on average, its least and its largest outer radius in
#: arcsec, and stars below which it is doubled.
WANTED, LEAST, LARGEST, TOO_FEW = 120, 30.0, 1800.0, 20

#: Nearer stars in arcsec are not counted: the source, and its companions.
INNER = 5.0

#: Stars in a cell of the map of what is covered, on average: one in 400 is empty by
#: chance.
CELL = 6

#: Points of an annulus at which the map is asked.
POINTS = 256

#: Counts that the share of bright stars of the whole catalogue is worth locally.
SHARED = 10.0


class NeighbourCounts:
    """Local counts in a catalogue of stars.

    The density is that of an annulus around the place, so wide that it holds about 120
    stars. Only its part well inside the catalogue counts: of cells of the sky, of six
    stars on average, those that hold some, and whose neighbours do. Stars to a
    magnitude are their share locally, drawn towards that in the whole catalogue as if
    ten stars had it, so that no local count is zero by chance.

    Parameters
    ----------
    ra, dec : array-like of float
        Shape (n,), in degrees, ICRS. Rows that are not finite are left out.
    magnitude : array-like of float, optional
        Shape (n,).

    Raises
    ------
    ValueError
        If there is no star.

    Examples
    --------
    >>> import astropy.units as u
    >>> import numpy as np
    >>> from astro_vbinary.context import NeighbourCounts
    >>> rng = np.random.default_rng(0)
    >>> ra, dec = rng.uniform(80, 80.5, 3000), rng.uniform(-0.25, 0.25, 3000)
    >>> counts = NeighbourCounts(ra, dec)
    >>> expected = counts.expected([80.25], [0.0], [2.5])
    >>> bool(abs(expected[0] / (np.pi * 2.5**2 * 12000 / 3600**2) - 1) < 0.3)
    True
    """

    def __init__(self, ra, dec, magnitude=None):
        ra, dec = np.asarray(ra, float), np.asarray(dec, float)
        magnitude = np.full(len(ra), np.nan) if magnitude is None else magnitude
        magnitude = np.asarray(magnitude, float)
        good = np.isfinite(ra) & np.isfinite(dec)
        if not good.any():
            raise ValueError("there is no star with a position to count")
        self.ra, self.dec, self.magnitude = ra[good], dec[good], magnitude[good]
        self._points = unit_vectors(self.ra, self.dec)
        self._tree = make_tree(self.ra, self.dec)
        self._sorted = np.sort(self.magnitude[np.isfinite(self.magnitude)])
        self._map()

    @classmethod
    def from_table(cls, table):
        """Counts in a table.

        Parameters
        ----------
        table : `~astropy.table.Table`
            With positions (ICRS) and perhaps a magnitude, by the names that Gaia,
            VizieR or 2MASS give them, or ``ra``, ``dec`` and ``magnitude``.

        Returns
        -------
        NeighbourCounts
            Of its stars.

        Raises
        ------
        ValueError
            If there is no column of positions.
        """
        ra, dec = angles(table)
        known = column(table, "magnitude", required=False) is not None
        return cls(ra, dec, numbers(table, "magnitude") if known else None)

    def __len__(self):
        return len(self.ra)

    def _map(self):
        """Which cells of the sky are covered, and how dense stars lie in them."""
        order = 11  # 1.7 arcmin; coarser until cells hold enough stars
        while True:
            self._cells = HEALPix(nside=2**order, order="nested")
            index = self._cells.lonlat_to_healpix(self.ra * u.deg, self.dec * u.deg)
            self._covered = np.unique(index)
            if len(self) >= CELL * len(self._covered) or order == 0:
                break
            order -= 1
        around = self._cells.neighbours(self._covered)
        within = np.isin(around, self._covered) | (around < 0)
        inner = self._covered[within.all(axis=0)]
        # A catalogue of few cells has no inside.
        self._inside = inner if len(inner) else self._covered
        self._counts = np.isin(index, self._inside)
        area = self._cells.pixel_area.to_value(u.arcsec**2)
        mean = self._counts.sum() / (len(self._inside) * area)
        wanted = np.sqrt(WANTED / (np.pi * mean) + INNER**2)
        self.radius = float(np.clip(wanted, LEAST, LARGEST))

    def expected(self, ra, dec, within, magnitude=None):
        """Expected number of stars within a distance of places.

        Parameters
        ----------
        ra, dec : array-like of float
            Shape (m,), in degrees.
        within : array-like of float
            Shape (m,), in arcsec.
        magnitude : array-like of float, optional
            Shape (m,): stars fainter than this do not count; NaN counts all.

        Returns
        -------
        `~numpy.ndarray`
            Shape (m,), float64: density times pi times the square of ``within``; NaN
            where the place is not covered.
        """
        ra, dec = np.asarray(ra, float), np.asarray(dec, float)
        limit = np.full(len(ra), np.nan) if magnitude is None else magnitude
        found = [
            self._density(*place)
            for place in zip(ra, dec, np.asarray(limit, float), strict=True)
        ]
        return np.array(found) * np.pi * np.square(np.asarray(within, float))

    def _density(self, ra, dec, limit):
        """Stars an arcsec squared around a place, to a magnitude."""
        if not np.isfinite([ra, dec]).all():
            return np.nan
        cell = self._cells.lonlat_to_healpix(ra * u.deg, dec * u.deg)
        at = np.searchsorted(self._covered, cell)
        if at == len(self._covered) or self._covered[at] != cell:
            return np.nan
        here, outer = unit_vectors(ra, dec), self.radius
        near = self._ring(here, outer)
        if len(near) > 2 * WANTED:  # a cluster: stay in it
            outer = max(LEAST, outer * np.sqrt(WANTED / len(near)))
            near = self._ring(here, outer)
        while len(near) < TOO_FEW and outer < LARGEST:
            outer *= 2
            near = self._ring(here, outer)
        share = self._inside_share(ra, dec, outer)
        if share == 0:
            return np.nan
        density = len(near) / (share * np.pi * (outer**2 - INNER**2))
        if not np.isfinite(limit) or not len(self._sorted):
            return density
        overall = np.searchsorted(self._sorted, limit, "right") / len(self._sorted)
        own = self.magnitude[near]
        bright = (own <= limit).sum() + SHARED * overall
        return density * bright / (np.isfinite(own).sum() + SHARED)

    def _ring(self, here, outer):
        """Numbers of the stars in the annulus."""
        near = np.array(self._tree.query_ball_point(here, chord(outer)), dtype=int)
        near = near[self._counts[near]]
        return near[separation(self._points[near], here) > INNER]

    def _inside_share(self, ra, dec, outer):
        """Share of the annulus that is well inside the catalogue."""
        # Evenly in area, in a sunflower's pattern.
        number = np.arange(POINTS) + 0.5
        far = np.sqrt(INNER**2 + number / POINTS * (outer**2 - INNER**2)) / 3600
        angle = number * np.pi * (1 + np.sqrt(5))
        y = np.clip(dec + far * np.cos(angle), -90, 90)
        x = ra + far * np.sin(angle) / np.maximum(np.cos(np.deg2rad(y)), 1e-6)
        cells = self._cells.lonlat_to_healpix(x * u.deg, y * u.deg)
        # Both are sorted, so that looking up is quick.
        at = np.minimum(np.searchsorted(self._inside, cells), len(self._inside) - 1)
        return float((self._inside[at] == cells).mean())

    def count(self, ra, dec, within, magnitude=None):
        """How many stars really are within a distance of places.

        Parameters
        ----------
        ra, dec, within, magnitude : array-like of float
            As for `expected`.

        Returns
        -------
        `~numpy.ndarray`
            Shape (m,), int64.
        """
        points = unit_vectors(ra, dec)
        limit = np.full(len(points), np.nan) if magnitude is None else magnitude
        found = np.zeros(len(points), dtype=np.int64)
        near = self._tree.query_ball_point(points, chord(within))
        for number, (stars, faintest) in enumerate(zip(near, limit, strict=True)):
            own = self.magnitude[stars]
            counts = own <= faintest if np.isfinite(faintest) else np.ones(len(own))
            found[number] = int(np.sum(counts))
        return found

    def magnitude_at(self, ra, dec, radius=1.5):
        """Magnitude of the star at each place.

        Parameters
        ----------
        ra, dec : array-like of float
            Shape (m,), in degrees.
        radius : float, optional
            How far it may be, in arcsec.

        Returns
        -------
        `~numpy.ndarray`
            Shape (m,), float64: of the brightest star within the radius; NaN where
            there is none.
        """
        points = unit_vectors(ra, dec)
        found = np.full(len(points), np.nan)
        for number, stars in enumerate(
            self._tree.query_ball_point(points, chord(radius))
        ):
            own = self.magnitude[stars]
            if np.isfinite(own).any():
                found[number] = np.nanmin(own)
        return found

    def magnitudes_around(self, ra, dec):
        """Magnitudes of the stars in the annulus around a place.

        Parameters
        ----------
        ra, dec : float
            In degrees.

        Returns
        -------
        `~numpy.ndarray`
            Shape (k,), float64: of the stars from 5 arcsec to ``radius`` away that have
            one.
        """
        point = unit_vectors([ra], [dec])[0]
        stars = np.array(self._tree.query_ball_point(point, chord(self.radius)), int)
        far = separation(self._points[stars], point) > INNER
        own = self.magnitude[stars[far]]
        return own[np.isfinite(own)]
