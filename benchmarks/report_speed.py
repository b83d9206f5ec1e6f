"""How long a report of many candidates takes to write, how large it is, how it opens.

    python -m benchmarks.report_speed -o DIR [--sources 27730] [--binaries 5000]
        [--candidates 500]

A catalogue is invented: sources in Orion, as many of them binary as asked for, each
with verdicts and measured pairs in three surveys. Its stamps are a few drawn ones under
many names. Printed are seconds and peak memory of writing, the size of the file,
and, where playwright and Chromium are there, the time until the page answers, with
scripts and without, and how long a sort, a filter and a page take.
"""

import argparse
import os
import resource
import shutil
import time
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable, vstack

from astro_vbinary.measurement import measure_pairs
from astro_vbinary.vetting import write_report
from astro_vbinary.vetting.tests.helpers_page import TARGET, write_stamp

#: Surveys of every source: band, pixel and width of a star in arcsec.
SURVEYS = {
    "HST": ("F814W", 0.05, 0.11),
    "Pan-STARRS": ("i", 0.25, 1.1),
    "SDSS9": ("r", 0.396, 1.4),
}

#: Stamps of each survey that are drawn.
DRAWN = 6


def draw_stamps(folder):
    """Draw and measure some pairs in each survey; files and rows by survey."""
    files = {survey: [] for survey in SURVEYS}
    for survey, (band, scale, width) in SURVEYS.items():
        for number in range(DRAWN):
            angle, apart = 1.1 * number, 0.5 + 0.25 * number
            second = apart * np.sin(angle), apart * np.cos(angle)
            name = f"d{number}"
            write_stamp(folder, name, survey, band, scale, second=second, width=width)
            files[survey].append(folder / f"{name}_{band}_{survey}.fits")
    table = measure_pairs(folder, posterior="none").to_table()
    rows = {}
    for survey in SURVEYS:
        own = table[table["survey"] == survey]
        rows[survey] = own[np.argsort([int(name[1:]) for name in own["source"]])]
    return files, rows


def make_results(folder, sources, binaries, pictured):
    """Write catalog, verdicts, pairs and stamps."""
    rng = np.random.default_rng(5)
    drawn = folder / "drawn"
    stamps = folder / "stamps"
    for path in (drawn, stamps):
        path.mkdir(parents=True)
    files, measured = draw_stamps(drawn)
    names = np.array([f"{n:05d}" for n in range(sources)])
    ra = rng.normal(83.8, 1.2, sources) % 360
    dec = rng.normal(-5.4, 2.0, sources)
    is_pair = np.arange(sources) < binaries
    probability = np.where(
        is_pair, 1 - 0.5 * rng.random(sources) ** 3, 0.5 * rng.random(sources) ** 2
    )
    order = np.argsort(-probability)
    verdicts = QTable()
    verdicts["source"] = np.repeat(names, len(SURVEYS))
    verdicts["survey"] = np.tile(list(SURVEYS), sources)
    noisy = np.repeat(probability, len(SURVEYS)) + rng.normal(0, 0.05, 3 * sources)
    verdicts["probability"] = np.clip(noisy, 0, 1)
    verdicts["label"] = np.where(verdicts["probability"] > 0.5, "binary", "not")
    verdicts["status"] = "ok"
    verdicts["flags"] = 0
    verdicts.write(folder / "verdicts.ecsv")
    place = np.arange(binaries) % DRAWN
    parts = []
    chosen = order[:pictured]
    for survey, (band, _, _) in SURVEYS.items():
        rows = measured[survey][place]
        rows["source"] = names[:binaries]
        parts.append(rows)
        for n in chosen:
            file = files[survey][n % DRAWN]
            os.link(file, stamps / f"{names[n]}_{band}_{survey}.fits")
    vstack(parts).write(folder / "pairs.fits")
    # Those with images are where these were drawn.
    ra[chosen], dec[chosen] = TARGET.ra.deg, TARGET.dec.deg
    catalog = QTable({"source": names})
    catalog["ra"], catalog["dec"] = ra * u.deg, dec * u.deg
    catalog["status"] = "ok"
    catalog["label"] = np.where(is_pair, "binary", "not_binary")
    catalog["probability"] = probability
    catalog["n_surveys"] = 3
    catalog["n_binary"] = np.where(is_pair, 3, 0)
    catalog["surveys"] = ",".join(SURVEYS)
    catalog["best_survey"] = "HST"
    for name, unit, high in (
        ("separation", u.arcsec, 2.5),
        ("position_angle", u.deg, 360),
        ("magnitude_difference", u.mag, 4),
    ):
        values = rng.uniform(0.1, high, sources)
        catalog[name] = np.where(is_pair, values, np.nan) * unit
        catalog[f"{name}_error"] = np.where(is_pair, values * 0.02, np.nan) * unit
    catalog["flags"] = np.where(rng.random(sources) < 0.1, "likely_chance", "")
    for at, depth in ((0.5, 1.2), (1.0, 2.8), (1.5, 3.9), (2.0, 4.4)):
        catalog[f"limit_{at}"] = rng.normal(depth, 0.6, sources) * u.mag
    for number in range(25):
        catalog[f"column_{number}"] = rng.random(sources)
    catalog["version"] = "benchmark"
    catalog.write(folder / "catalog.fits")
    return stamps


def open_page(path):
    """Open a page in Chromium; times in seconds, or None without it."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return None
    times = {}
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=flags)
        for name, scripts in (("with scripts", True), ("without", False)):
            context = browser.new_context(java_script_enabled=scripts)
            page = context.new_page()
            start = time.perf_counter()
            page.goto(path.resolve().as_uri(), timeout=300_000)
            if scripts:
                page.wait_for_selector("#tools:not([hidden])")
                page.evaluate("new Promise(requestAnimationFrame)")
            times[f"open, {name}"] = time.perf_counter() - start
            if scripts:
                for what, act in (
                    ("sort", lambda p: p.click("thead th:nth-child(6) button")),
                    ("filter", lambda p: p.fill("#find", "123")),
                    ("unfilter", lambda p: p.fill("#find", "")),
                    ("next page", lambda p: p.click("[data-step='1']")),
                    ("open a candidate", lambda p: p.click("tbody th button >> nth=0")),
                ):
                    start = time.perf_counter()
                    act(page)
                    page.evaluate("new Promise(requestAnimationFrame)")
                    times[what] = time.perf_counter() - start
            context.close()
        browser.close()
    return times


def main():
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sources", type=int, default=27_730)
    parser.add_argument("--binaries", type=int, default=5_000)
    parser.add_argument("--candidates", type=int, default=500)
    options = parser.parse_args()
    stamps = options.output / "stamps"
    if not stamps.is_dir():
        make_results(
            options.output, options.sources, options.binaries, options.candidates
        )
    page = options.output / "report.html"
    start = time.perf_counter()
    summary = write_report(
        options.output, page, stamps=stamps, candidates=options.candidates
    )
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{summary.candidates:,} candidates of {summary.sources:,} sources, "
        f"{summary.pictures:,} pictures of {options.candidates:,} candidates\n"
        f"written in {seconds:.1f} s, {memory:.0f} MiB at most, "
        f"{summary.size / 1e6:.1f} MB"
    )
    times = open_page(page)
    if times is None:
        print("no Chromium here, or no playwright: not opened")
    else:
        print("\n".join(f"{what:22s} {1000 * t:8.0f} ms" for what, t in times.items()))


if __name__ == "__main__":
    main()
