"""A folder of results with stamps, some of whose names and texts are hostile."""

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table

from astro_vbinary.measurement import measure_pairs
from astro_vbinary.vetting.tests.helpers_page import TARGET, write_stamp

#: Names that try to be markup, to break lines, or to turn the text around.
HOSTILE = (
    "<script>window.evil=1</script>",
    "\"><img src=x onerror='window.evil=2'>",
    "two\nlines & 'quotes' \"both\"",
    "\u202eyranib ton",
    "</table></details><style>*{display:none}</style>",
)

#: Surveys with images: band, pixel and width of a star in arcsec, rotation.
SURVEYS = {
    "HST": ("F814W", 0.05, 0.11, 40),
    "Pan-STARRS": ("i", 0.25, 1.1, 0),
}


def write_results(folder, *, singles=30, hostile=HOSTILE):
    """Write catalog, verdicts, pairs and stamps of a pair and hostile sources."""
    stamps = folder / "stamps"
    stamps.mkdir(parents=True)
    for survey, (band, scale, width, rotation) in SURVEYS.items():
        write_stamp(
            *(stamps, "22466", survey, band, scale),
            second=(1.1, 0.8),
            width=width,
            rotation=rotation,
        )
    (stamps / "22466_g_SDSS9.fits").write_bytes(b"SIMPLE  = no FITS file")
    names = ["22466", *hostile, *(f"s{n}" for n in range(singles))]
    rng = np.random.default_rng(1)
    pairs = measure_pairs(stamps, posterior="none").to_table()
    pairs.write(folder / "pairs.ecsv")
    best = pairs[list(pairs["survey"]).index("HST")]
    n, several = len(names), 1 + len(hostile)
    verdicts = Table(
        {
            "source": np.repeat(names, 2),
            "survey": list(SURVEYS) * n,
            "probability": np.where(np.arange(2 * n) < 2 * several, 0.97, 0.1),
            "label": np.where(np.arange(2 * n) < 2 * several, "binary", "not"),
            "status": ["ok"] * (2 * n - 1) + ["no_data"],
            "reason": [""] * (2 * n - 1) + [f"blank {hostile[:1]}"],
            "flags": [4 if i == 0 else 0 for i in range(2 * n)],
        }
    )
    verdicts["probability"][-1] = np.nan
    verdicts["label"][-1] = ""
    verdicts.write(folder / "verdicts.ecsv")
    catalog = QTable({"source": names})
    catalog["ra"] = TARGET.ra + rng.normal(0, 0.3, n) * u.deg
    catalog["dec"] = TARGET.dec + rng.normal(0, 0.3, n) * u.deg
    catalog["ra"][0], catalog["dec"][0] = TARGET.ra, TARGET.dec
    catalog["label"] = (
        ["binary"] * (several - 1) + ["undecided"] + ["not_binary"] * singles
    )
    catalog["probability"] = np.linspace(0.99, 0.02, n)
    catalog["n_surveys"] = 2
    catalog["n_binary"] = 2
    catalog["surveys"] = ",".join(SURVEYS)
    catalog["best_survey"] = "HST"
    for name in ("separation", "position_angle", "magnitude_difference"):
        for column in (name, f"{name}_error"):
            values = np.full(n, np.nan)
            values[0] = best[column].value
            values[1:several] = best[column].value * rng.uniform(0.5, 1, several - 1)
            catalog[column] = values * best[column].unit
    flags = ["triple,moving", *hostile[:1]]
    catalog["flags"] = flags + [""] * (n - len(flags))
    for at, depth in ((0.5, 1.0), (1.0, 2.5), (1.5, 3.5), (2.0, 4.0)):
        catalog[f"limit_{at}"] = rng.normal(depth, 0.5, n) * u.mag
    catalog["version"] = "0.1"
    catalog["separation"].info.description = "from the brighter to the fainter"
    catalog.write(folder / "catalog.ecsv")
    return stamps


class Browser:
    """Chromium, and pages of a file in it; what goes wrong is collected."""

    def __init__(self, chromium):
        self.chromium, self.errors = chromium, []

    def open(self, path, *, scripts=True, **options):
        context = self.chromium.new_context(java_script_enabled=scripts, **options)
        page = context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(dialog.message))
        page.on("console", lambda message: self.errors.append(message.text))
        page.on("request", self._note)
        page.goto(path.resolve().as_uri())
        return page

    def _note(self, request):
        if not request.url.startswith(("file:", "data:")):
            self.errors.append(f"asked for {request.url}")
