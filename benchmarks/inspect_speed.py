"""How soon the annotation page shows what it is asked for.

Usage: python -m benchmarks.inspect_speed [-n SOURCES] [--asked 300] [--folder DIR]

A folder of small stamps, two bands a source, is served as ``astro-vbinary inspect``
serves it, in a process of its own, and asked over HTTP. Sources are drawn at random and
none twice, so no picture was made before. Times are from the request to the last byte:

* ``thumbnail``: one image of a source, read, painted and sent;
* ``page``: the HTML of a source;
* ``label``: a label given and kept, and the HTML of the next source;
* ``prefetched``: an image that was asked for before, as those of the next source are;
* ``overview``: a page of the overview and its 24 thumbnails, one after another, by
  thumbnail.

At the end the server's largest memory (resident set) is printed.
"""

import argparse
import http.client
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.packing import BANDS, write_stamps

#: Each source has two of the five bands that are written.
KEPT = BANDS[:2]


def make_folder(folder, sources):
    """Two bands of each source; the files are copies of those of fifty sources."""
    with tempfile.TemporaryDirectory() as scratch:
        write_stamps(Path(scratch), 50 * len(BANDS), 48)
        content = {path.name[:8]: path.read_bytes() for path in Path(scratch).iterdir()}
    for number in range(sources):
        for band in KEPT:
            name = f"{number:06d}_{band}_PanSTARRS.fits"
            (folder / name).write_bytes(content[f"{number % 50:06d}_{band}"])


class Page:
    """A browser's part: the token, then one connection.

    Parameters
    ----------
    folder : `~pathlib.Path`
        The stamps.
    """

    def __init__(self, folder):
        command = ["-m", "astro_vbinary.cli", "inspect", str(folder), "--no-browser"]
        self.process = subprocess.Popen(
            [
                sys.executable,
                *command,
                "--labels",
                str(folder.parent / "labels.sqlite"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        address = ""
        while not address.startswith("Page:"):
            address = next(self.process.stdout)
        self.host, _, token = address.split()[1].partition("/?token=")
        self.host = self.host.removeprefix("http://")
        self.connection = http.client.HTTPConnection(self.host)
        self.cookie = ""
        self.connection.request("GET", f"/?token={token}")
        answer = self.connection.getresponse()
        answer.read()
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def ask(self, path, form=None):
        """Seconds to an answer, and the answer; a label's leads to the next page."""
        headers = {"Cookie": self.cookie}
        if form is not None:
            headers["Origin"] = f"http://{self.host}"
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        start = time.perf_counter()
        self.connection.request("POST" if form else "GET", path, form, headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status == 303:
            _, body = self.ask(answer.headers["Location"])
            return time.perf_counter() - start, body
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]}")
        return time.perf_counter() - start, body

    def memory(self):
        """Largest resident set in MiB; NaN where the system does not tell."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return np.nan
        (line,) = [x for x in status.read_text().splitlines() if x.startswith("VmHWM")]
        return int(line.split()[1]) / 1024


def measure(page, sources, asked, seed=0):
    """Seconds of each kind of request."""
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(sources - 100)[:asked] + 100
    times = {}
    for number in drawn:
        image = f"/stamp/{number}/{rng.integers(len(KEPT))}.png"
        for name in ("thumbnail", "prefetched"):
            times.setdefault(name, []).append(page.ask(image)[0])
        times.setdefault("page", []).append(page.ask(f"/source/{number}")[0])
    for number in range(50):
        form = "label=unsure"
        times.setdefault("label", []).append(
            page.ask(f"/source/{number}/label", form)[0]
        )
    for number in (1, 2):
        start = time.perf_counter()
        _, body = page.ask(f"/overview?page={number}")
        shown = [
            part.split('"')[0].replace("&amp;", "&")
            for part in body.decode().split('<img src="')[1:]
        ]
        for image in shown:
            page.ask(image)
        times.setdefault("overview", []).append(
            (time.perf_counter() - start) / len(shown)
        )
    return times


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-n", "--sources", type=int, default=5000)
    parser.add_argument("--asked", type=int, default=300)
    parser.add_argument(
        "--folder", type=Path, help="where stamps are written, and kept"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch)) / "stamps"
        if not folder.exists():
            folder.mkdir(parents=True)
            make_folder(folder, options.sources)
        start = time.perf_counter()
        page = Page(folder)
        begun = time.perf_counter() - start
        try:
            times = measure(page, options.sources, options.asked)
            memory = page.memory()
        finally:
            page.process.kill()
            page.process.communicate()
    print(f"{options.sources:,} sources, {len(KEPT)} bands each, {platform.machine()}")
    print(f"from the command to the page: {begun:.1f} s")
    print(f"{'':12}{'n':>6}{'median':>10}{'95 %':>10}{'longest':>10}   seconds")
    for name, values in times.items():
        low, high = np.percentile(values, [50, 95])
        print(f"{name:12}{len(values):6}{low:10.3f}{high:10.3f}{max(values):10.3f}")
    print(f"largest memory of the server: {memory:.0f} MiB")


if __name__ == "__main__":
    main()
