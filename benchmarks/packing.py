"""How fast stamps come out of shards, and out of files.

Usage: python -m benchmarks.packing [-n STAMPS] [--side 48] [--repeats 5] [--folder DIR]

Plain stamps of sources with five bands each are written as FITS files and packed.
Times are medians of several runs with everything in the page cache, each way in turn
within a run:

* ``read_packed`` on all stamps at once: header bytes, pixels, WCS numbers;
* ``open(path, "rb").read()`` of each file: bytes alone;
* ``astropy.io.fits.open`` of each file: header and pixels;
* the same with an `~astropy.wcs.WCS` from the header;
* ``StampStack.read_files``, stack by stack, as the commands read, of every tenth
  source.
"""

import argparse
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from astro_vbinary.stamps import StampIndex, StampStack, pack, read_packed, unpack

BANDS = "grizy"


def write_stamps(folder, count, side, seed=0):
    """Write plain stamps of sources with five bands each.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where to.
    count : int
        How many files.
    side : int
        Width and height in pixels.
    seed : int, optional
        Seed of the noise.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    star = 500 / (1 + (x**2 + y**2) / 9) ** 2.5
    places = np.array([83.8, -5.4]) + rng.uniform(-0.5, 0.5, (count, 2))
    for number in range(count):
        source, band = divmod(number, len(BANDS))
        header = WCS(naxis=2).to_header()
        header.update(
            {
                "CTYPE1": "RA---TAN",
                "CTYPE2": "DEC--TAN",
                "CRPIX1": (side + 1) / 2,
                "CRPIX2": (side + 1) / 2,
                "CRVAL1": places[source, 0],
                "CRVAL2": places[source, 1],
                "CDELT1": -0.25 / 3600,
                "CDELT2": 0.25 / 3600,
                "CUNIT1": "deg",
                "CUNIT2": "deg",
                "RADESYS": "ICRS",
                "MJD-OBS": 56101.5,
            }
        )
        image = (star + rng.normal(10, 3, star.shape)).astype(np.float32)
        name = f"{source:06d}_{BANDS[band]}_PanSTARRS.fits"
        fits.writeto(folder / name, image, header)


def by_open(paths):
    """Bytes of all files."""
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123
            file.read()


def by_astropy(paths):
    """Header and pixels of all files."""
    for path in paths:
        with fits.open(path, memmap=False) as hdulist:
            _ = hdulist[0].header, hdulist[0].data


def by_astropy_with_wcs(paths):
    """Header, pixels and WCS of all files."""
    for path in paths:
        with fits.open(path, memmap=False) as hdulist:
            _ = WCS(hdulist[0].header), hdulist[0].data


def by_stack(index):
    """Every tenth stack, as the commands read them."""
    for files in list(index.groups().values())[::10]:
        StampStack.read_files(files)


def timed(function, *arguments):
    """Seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def report(folder, count, side, repeats):
    """Print the table.

    Parameters
    ----------
    folder : `~pathlib.Path`
        For the files; empty.
    count : int
        Number of stamps.
    side : int
        Width and height in pixels.
    repeats : int
        How often each way is timed.
    """
    stamps, shards, back = folder / "stamps", folder / "shards", folder / "back"
    stamps.mkdir()
    write_stamps(stamps, count, side)
    seconds = timed(pack, stamps, shards)
    size = sum(path.stat().st_size for path in stamps.iterdir())
    packed = sum(path.stat().st_size for path in shards.rglob("*.hdf5"))
    restored = timed(unpack, shards, back)
    same = all(p.read_bytes() == (back / p.name).read_bytes() for p in stamps.iterdir())
    print(f"{count:,} stamps of {side} x {side} px, float32, {size / 1e6:.1f} MB")
    print(f"packed to {packed / 1e6:.1f} MB in {seconds:.1f} s; unpacked in ", end="")
    print(f"{restored:.1f} s, {'bit for bit' if same else 'NOT THE SAME'}")
    print(f"indexed: files {timed(StampIndex.from_paths, stamps):.2f} s, ", end="")
    print(f"shards {timed(StampIndex.from_paths, shards):.2f} s\n")
    files, rows = StampIndex.from_paths(stamps), StampIndex.from_paths(shards)
    paths = [file.path for file in files]
    ways = {
        "read_packed(files)": (read_packed, rows),
        "open(path, 'rb').read()": (by_open, paths),
        "astropy.io.fits.open": (by_astropy, paths),
        "astropy.io.fits.open and WCS": (by_astropy_with_wcs, paths),
        "10 x StampStack, from shards": (by_stack, rows),
        "10 x StampStack, from files": (by_stack, files),
    }
    times = {name: [] for name in ways}
    for function, argument in ways.values():
        if function is not by_stack:
            function(argument[: 2 * len(BANDS)])
    for _ in range(repeats):
        for name, (function, argument) in ways.items():
            times[name].append(timed(function, argument))
    first = np.median(times["read_packed(files)"])
    print(f"median of {repeats:<18} seconds   us/stamp   of read_packed")
    for name, values in times.items():
        median = np.median(values) * (10 if "Stack" in name else 1)
        each = median / count * 1e6
        print(f"{name:30} {median:7.4f} {each:10.1f} {median / first:10.1f} x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=4000, help="number of stamps")
    parser.add_argument("--side", type=int, default=48, help="pixels on a side")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each")
    parser.add_argument("--folder", type=Path, help="where to write; default: /tmp")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        report(Path(name), options.n, options.side, options.repeats)
