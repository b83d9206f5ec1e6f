"""Times of the stages by commit, for asv.

``cd benchmarks && asv run --python=same --quick`` times the installed package.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

STACKS, BANDS = 64, "griz"


class Import:
    """Importing the package, which loads neither torch nor matplotlib."""

    def time_import(self):
        """A new process that imports the package."""
        subprocess.run([sys.executable, "-c", "import astro_vbinary"], check=True)


class Stages:
    """From files to verdicts, one thread."""

    def setup(self):
        """Write stamps, and read them once."""
        import torch

        from astro_vbinary import BinaryClassifier, StampStack
        from astro_vbinary.stamps import StampIndex

        torch.set_num_threads(1)
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        rng = np.random.default_rng(0)
        y, x = np.mgrid[:48, :48] - 23.5
        star = 3000 * (1 + (x**2 + y**2) / 9) ** -2.5
        for number in range(STACKS):
            for band in BANDS:
                wcs = WCS(naxis=2)
                wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
                wcs.wcs.crval = rng.uniform(80, 85), rng.uniform(-5, 5)
                wcs.wcs.crpix = 24.5, 24.5
                wcs.wcs.cdelt = np.array([-0.258, 0.258]) / 3600
                image = (star + rng.normal(100, 5, star.shape)).astype("f4")
                path = folder / f"{number}_{band}_PanSTARRS.fits"
                fits.PrimaryHDU(image, wcs.to_header()).writeto(path)
        self.index = StampIndex.from_paths(folder)
        self.files = list(self.index.groups().values())
        self.classifier = BinaryClassifier.for_group(3, device="cpu")
        self.stack = StampStack.read_files(self.files[0])
        self.grid = self.classifier.grid(self.stack.target)
        self.aligned = self.stack.align(self.grid)

    def teardown(self):
        """Remove the stamps."""
        self.folder.cleanup()

    def time_read(self):
        """One stack of four files, through all classes."""
        from astro_vbinary import StampStack

        StampStack.read_files(self.files[0])

    def time_align(self):
        """One stack through reproject."""
        self.stack.align(self.grid)

    def time_align_batch(self):
        """One stack by the batch engine."""
        self.stack.align(self.grid, engine="batch")

    def time_predict(self):
        """Sixteen aligned stacks."""
        self.classifier.predict([self.aligned] * 16)

    def time_classify(self):
        """All files, from bytes to verdicts."""
        from astro_vbinary import classify

        classify(self.index, device="cpu", classifiers={3: self.classifier})
