"""Which images of a folder hold a position: looked up in an index, built once."""

import json
import os
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from astro_vbinary.stamps.celestial import ImagePlane
from astro_vbinary.stamps.container import image_shape
from astro_vbinary.stamps.quality import extension_kind

__all__ = ["Footprint", "FootprintIndex"]

#: Changes with the meaning of what is written.
VERSION = 1


@dataclass(frozen=True)
class Footprint:
    """Where an image lies.

    Parameters
    ----------
    path : str
        The file, relative to the folder.
    hdu : int
        Number of its HDU.
    corners : tuple of tuple of float
        Right ascension and declination of the four corners in degrees.
    stamp : tuple of int
        Size of the file and time of its last change (ns), by which an entry ages.
    """

    path: str
    hdu: int
    corners: tuple
    stamp: tuple


class FootprintIndex:
    """Footprints of the images in a folder.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Where the images are.
    footprints : sequence of Footprint
        What is known of them.
    left_out : dict of str to str, optional
        Files without an image of the sky, and why.
    """

    def __init__(self, folder, footprints, *, left_out=None):
        self.folder = Path(folder)
        self.footprints = tuple(footprints)
        self.left_out = dict(left_out or {})
        corners = np.array([f.corners for f in self.footprints], dtype=float)
        if not len(corners):
            corners = np.zeros((0, 4, 2))
        self._corners = SkyCoord(corners[..., 0], corners[..., 1], unit="deg")
        middle = self._corners.cartesian.mean(axis=-1)
        self._centres = SkyCoord(middle, frame="icrs", representation_type="cartesian")
        away = self._corners.separation(self._centres[:, np.newaxis])
        self._radii = away.max(axis=-1) if len(corners) else np.zeros(0) * u.deg

    @classmethod
    def build(cls, folder, *, pattern="**/*.f*ts*", cache=None):
        """Read the headers of a folder's files.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            Where the images are.
        pattern : str, optional
            Which files, as `pathlib.Path.glob` has it.
        cache : str or `~pathlib.Path`, optional
            A file in which the index is kept: only files that changed since are read
            again.

        Returns
        -------
        FootprintIndex
            The index.

        Raises
        ------
        NotADirectoryError
            If there is no such folder.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is no folder of images")
        known, bad = _load(cache)
        found, left_out = [], {}
        for path in sorted(folder.glob(pattern)):
            if not path.is_file():
                continue
            name = path.relative_to(folder).as_posix()
            facts = path.stat()
            stamp = (facts.st_size, facts.st_mtime_ns)
            entries = known.get(name, ())
            if entries and entries[0].stamp == stamp:
                found += entries
                continue
            if bad.get(name, (None,))[0] == list(stamp):
                left_out[name] = bad[name]
                continue
            try:
                entries = _read(path, name, stamp)
            except Exception as error:  # damaged files fail in many ways
                left_out[name] = [list(stamp), f"{type(error).__name__}: {error}"]
                continue
            if entries:
                found += entries
            else:
                left_out[name] = [list(stamp), "no image of the sky"]
        if cache is not None:
            _save(cache, found, left_out)
        reasons = {name: reason for name, (_, reason) in left_out.items()}
        return cls(folder, found, left_out=reasons)

    def find(self, target):
        """Images whose footprint holds a position.

        Parameters
        ----------
        target : `~astropy.coordinates.SkyCoord`
            The position.

        Returns
        -------
        list of Footprint
            The one in which the position is farthest from an edge first.
        """
        from astro_vbinary.archives.footprints import edge_distance

        if not self.footprints:
            return []
        near = np.flatnonzero(self._centres.separation(target) <= self._radii)
        found = [(edge_distance(self._corners[n], target), n) for n in near]
        found = sorted((-d.value, n) for d, n in found if d > 0 * u.arcsec)
        return [self.footprints[n] for _, n in found]

    def __len__(self):
        return len(self.footprints)

    def __repr__(self):
        return f"<FootprintIndex {len(self)} images in {self.folder}>"


def _read(path, name, stamp):
    """Footprints of all images in a file."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        with fits.open(path) as hdulist:
            for number, hdu in enumerate(hdulist):
                shape = image_shape(hdu)
                if len(shape) < 2 or extension_kind(hdu) not in (None, "image"):
                    continue
                try:
                    plane = ImagePlane(shape, hdu.header, hdulist, where=str(path))
                except ValueError:
                    continue
                ny, nx = plane.shape
                x, y = (
                    [-0.5, nx - 0.5, nx - 0.5, -0.5],
                    [-0.5, -0.5, ny - 0.5, ny - 0.5],
                )
                corners = plane.wcs.pixel_to_world(x, y).icrs
                numbers = np.transpose([corners.ra.deg, corners.dec.deg])
                if np.isfinite(numbers).all():
                    corners = tuple(map(tuple, numbers.tolist()))
                    found.append(Footprint(name, number, corners, stamp))
    return found


def _load(cache):
    """Entries by file, and files without images; nothing where there is no cache."""
    try:
        content = json.loads(Path(cache).read_text(encoding="utf-8"))
        if content["version"] != VERSION:
            return {}, {}
        entries = {}
        for row in content["footprints"]:
            corners = tuple(map(tuple, row["corners"]))
            made = Footprint(row["path"], row["hdu"], corners, tuple(row["stamp"]))
            entries.setdefault(made.path, []).append(made)
        return entries, content["left_out"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}, {}


def _save(cache, footprints, left_out):
    content = {
        "version": VERSION,
        "footprints": [asdict(footprint) for footprint in footprints],
        "left_out": left_out,
    }
    cache = Path(cache)
    draft = cache.with_name(f".{cache.name}.{os.getpid()}")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(cache)
