"""Which stacks must not be parted: the same source, place, or pixels.

A score is worth something only where nothing of what is tested was trained on. Stacks
belong together where their source has one name, where they lie in one cell of the sky
or within a few arcsec of each other, and where an image of one has the same pixels as
one of the other, also if it is turned or mirrored.
"""

import hashlib
from dataclasses import dataclass

import astropy.units as u
import numpy as np

__all__ = ["LinkRules", "pixel_hash", "together"]


@dataclass(frozen=True)
class LinkRules:
    """What keeps stacks together.

    Attributes
    ----------
    cell : float
        Side in arcmin of the cells of the sky that are kept whole, to the nearest
        HEALPix resolution; 0 for none.
    radius : float
        Distance in arcsec within which sources are taken for one.

    References
    ----------
    Gorski, K. M. et al. 2005, ApJ, 622, 759 (HEALPix).
    """

    cell: float = 1.0
    radius: float = 5.0

    def __post_init__(self):
        for name in ("cell", "radius"):
            value = getattr(self, name)
            if not 0 <= value < 3600:
                raise ValueError(f"{name} must be from 0 to 3600, not {value}")

    @property
    def nside(self):
        """HEALPix resolution whose cells are nearest to ``cell`` (int or None)."""
        if not self.cell:
            return None
        # Cells of nside 1 are 58.6 deg wide.
        side = np.sqrt(np.pi / 3) * 180 / np.pi * 60
        return int(2 ** np.clip(np.rint(np.log2(side / self.cell)), 0, 29))


def pixel_hash(image):
    """A name for the pixels of an image, the same however it is turned or mirrored.

    Parameters
    ----------
    image : `~numpy.ndarray`
        Shape (ny, nx).

    Returns
    -------
    str or None
        Hash of the sorted values and the shape; None for an image without contrast,
        which says nothing about where it is from.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.training.identity import pixel_hash
    >>> image = np.random.default_rng(1).normal(size=(9, 8))
    >>> pixel_hash(image) == pixel_hash(image[::-1].T)
    True
    """
    values = np.asarray(image, dtype=np.float32).ravel()
    values = values[np.isfinite(values)]
    if not values.size or values.min() == values.max():
        return None
    made = hashlib.sha256(repr(tuple(sorted(np.shape(image)))).encode())
    made.update(np.sort(values + np.float32(0)).astype("<f4").tobytes())
    return made.hexdigest()


def together(sources, positions, hashes, *, rules=LinkRules()):
    """Sets of stacks that must stay on one side of a split.

    Parameters
    ----------
    sources : sequence of str
        Name of each stack's source; shape (n,).
    positions : `~numpy.ndarray` or None
        Shape (n, 2): right ascension and declination in deg; NaN where unknown.
    hashes : sequence of sequence of str
        For each stack the `pixel_hash` of its images.
    rules : LinkRules, optional
        What keeps stacks together.

    Returns
    -------
    `~numpy.ndarray` of int
        Shape (n,): number of the set that each stack is in, from 0, in the order of
        their first members.
    """
    n = len(sources)
    links = [*_same(sources)]
    flat = [(h, number) for number, own in enumerate(hashes) for h in own or () if h]
    links += _same([h for h, _ in flat], [number for _, number in flat])
    if positions is not None and n:
        positions = np.asarray(positions, dtype=float).reshape(n, 2)
        known = np.flatnonzero(np.isfinite(positions).all(axis=1))
        links += _near(positions, known, rules)
    return _components(n, links)


def _same(keys, numbers=None):
    """Pairs of neighbours among those with one key."""
    last = {}
    for place, key in enumerate(keys):
        number = place if numbers is None else numbers[place]
        if str(key) in last:
            yield last[str(key)], number
        last[str(key)] = number


def _near(positions, known, rules):
    from astropy.coordinates import SkyCoord
    from scipy.spatial import cKDTree

    if not len(known):
        return []
    ra, dec = np.deg2rad(positions[known]).T
    links = []
    if rules.nside is not None:
        from astropy_healpix import HEALPix

        place = SkyCoord(ra * u.rad, dec * u.rad)
        healpix = HEALPix(rules.nside, order="nested", frame="icrs")
        links += _same(healpix.skycoord_to_healpix(place), known.tolist())
    if rules.radius:
        vectors = np.stack(
            [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1
        )
        chord = 2 * np.sin(np.deg2rad(rules.radius / 3600) / 2)
        pairs = cKDTree(vectors).query_pairs(chord, output_type="ndarray")
        links += [(int(known[a]), int(known[b])) for a, b in pairs]
    return links


def _components(n, links):
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = np.array(list(links), dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(links)), links.T), shape=(n, n))
    found = connected_components(graph, directed=False)[1] if n else np.zeros(0, int)
    _, first, number = np.unique(found, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=int)
    order[np.argsort(first)] = np.arange(len(first))
    return order[number]
