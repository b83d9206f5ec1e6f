"""Four-filter stacks of 48-px stamps as FITS files."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

BANDS = "griz"
SIDE, SCALE = 48, 0.258


def write_stacks(folder, count, *, seed=0):
    """Write stacks of a bright star each.

    Parameters
    ----------
    folder : `~pathlib.Path`
        Where to; made here.
    count : int
        How many.
    seed : int, optional
        Seed of noise, positions and angles.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    for number in range(count):
        place = rng.uniform((82, -9), (86, 1))
        for band in BANDS:
            angle = np.deg2rad(rng.uniform(-2, 2))
            turn = [[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]]
            wcs = WCS(naxis=2)
            wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
            wcs.wcs.crval = place
            wcs.wcs.crpix = (SIDE + 1) / 2 + rng.uniform(-0.5, 0.5, 2)
            wcs.wcs.cd = np.array(turn) * SCALE / 3600
            distance = np.hypot(x + 1 - wcs.wcs.crpix[0], y + 1 - wcs.wcs.crpix[1])
            image = rng.normal(100, 5, (SIDE, SIDE))
            image += 3000 * (1 + (distance / 3) ** 2) ** -2.5
            header = wcs.to_header()
            header["BUNIT"] = "adu"
            path = folder / f"{number:05d}_{band}_PanSTARRS.fits"
            fits.PrimaryHDU(image.astype(np.float32), header).writeto(path)
