"""The report in a real browser: with scripts and without, hostile names, on paper.

With ``ASTRO_VBINARY_SCREENSHOTS=docs/user/report`` the picture of the documentation is
made on the way.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from astro_vbinary import classify
from astro_vbinary.measurement import measure_pairs
from astro_vbinary.vetting import write_report
from astro_vbinary.vetting.tests.helpers_report import HOSTILE, Browser, write_results
from astro_vbinary.vetting.tests.test_browser import FLAGS, contrast

#: How hostile names are read: what hides or breaks lines by its number.
SHOWN = [name.replace("\n", "\\u000a").replace("\u202e", "\\u202e") for name in HOSTILE]

ROWS = "#candidates tbody > tr:first-child"


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def browser(chromium):
    """Whatever was logged, thrown or asked for is an error."""
    browser = Browser(chromium)
    yield browser
    for context in chromium.contexts:
        context.close()
    assert browser.errors == []


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    stamps = write_results(folder)
    write_report(folder, folder / "report.html", stamps=stamps)
    return folder / "report.html"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A report of 120 candidates without images."""
    rng = np.random.default_rng(2)
    table = Table(
        {
            "source": [f"star {n}" for n in range(120)],
            "label": ["binary"] * 100 + ["undecided"] * 20,
            "probability": np.round(rng.random(120), 3),
            "separation": np.where(np.arange(120) % 7, rng.random(120), np.nan),
            "surveys": ["HST", "SDSS9"] * 60,
            "flags": ["triple"] * 10 + [""] * 110,
        }
    )
    path = tmp_path_factory.mktemp("many") / "report.html"
    write_report(table, path)
    return path


def names(page):
    return page.locator("#candidates tbody th").all_inner_texts()


@pytest.mark.parametrize("scripts", [True, False])
def test_hostile_names_are_text(browser, report, scripts):
    page = browser.open(report, scripts=scripts)
    shown = names(page)
    assert shown[0] == "22466"
    assert sorted(shown[1:]) == sorted(" ".join(n.split()) for n in SHOWN)
    assert page.locator("#candidates").is_visible()
    if scripts:
        assert page.evaluate("window.evil") is None
        # And a script that got in after all would not run either.
        page.on("console", lambda message: browser.errors.clear())
        page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = "
            "'window.evil = 1'; document.body.append(s); }"
        )
        assert page.evaluate("window.evil") is None
        browser.errors.clear()


def test_without_scripts_all_rows_and_their_images_are_there(browser, report, many):
    page = browser.open(report, scripts=False)
    assert not page.locator("#tools").is_visible()
    first = page.locator("#candidates tbody").first
    assert first.locator("td.small img").is_visible()
    assert not first.locator(".strip").first.is_visible()
    first.locator("summary").click()
    assert first.locator(".strip").count() == 2
    assert first.locator(".strip").first.is_visible()
    assert "not on the image" not in first.inner_text()
    page = browser.open(many, scripts=False)
    assert page.locator(ROWS).count() == 120
    assert page.locator(ROWS).last.is_visible()


def test_pictures_load_and_lie_under_their_marks(browser, report):
    page = browser.open(report)
    page.click("#candidates tbody th button >> nth=0")
    frames = page.locator(".open .frame")
    assert frames.count() == 2
    for number in range(2):
        image, marks = (frames.nth(number).locator(t) for t in ("img", "svg"))
        image.evaluate("image => image.decode()")
        assert image.evaluate("image => image.naturalWidth") == 336
        box, over = image.bounding_box(), marks.bounding_box()
        assert over == pytest.approx(box, abs=1)
        assert marks.locator("use").count() == 9
        ring = marks.locator("use[href='#ring']").first.bounding_box()
        # 5 of 6 arcsec, three panels in the width.
        assert ring["width"] == pytest.approx(box["width"] / 3 * 5 / 6, rel=0.05)


def test_sorting_filtering_and_paging(browser, many):
    page = browser.open(many)
    assert page.locator(ROWS).count() == 50
    assert page.inner_text("#pages span") == "1 of 3"
    page.click("#pages button >> text=Next")
    page.click("#pages button >> text=Next")
    assert page.locator(ROWS).count() == 20
    assert page.locator("#pages button >> text=Next").is_disabled()

    head = page.locator("#candidates thead th", has_text="Separation")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    values = page.locator(f"{ROWS} td:nth-child(6)").all_inner_texts()
    numbers = [float(v) for v in values]
    assert numbers == sorted(numbers)
    head.locator("button").click()
    values = page.locator(f"{ROWS} td:nth-child(6)").all_inner_texts()
    assert [float(v) for v in values] == sorted(map(float, values), reverse=True)
    # What is not known is last, both ways.
    page.click("#pages button >> text=Next")
    page.click("#pages button >> text=Next")
    assert page.locator(f"{ROWS} td:nth-child(6)").last.inner_text() == "\N{EN DASH}"

    page.fill("#find", "STAR 11")
    assert set(names(page)) == {"star 11", *(f"star 11{n}" for n in range(10))}
    assert page.inner_text("#count") == "11 of 120 candidates"
    page.fill("#find", "")
    page.select_option("#label", "undecided")
    assert page.inner_text("#count") == "20 of 120 candidates"
    page.select_option("#label", "")
    page.fill("#least", "0.5")
    shown = page.locator(f"{ROWS} td:nth-child(4)").all_inner_texts()
    assert min(float(v) for v in shown) >= 0.5
    page.fill("#least", "0")
    page.check("#flagged")
    assert page.inner_text("#count") == "110 of 120 candidates"


def test_an_address_opens_its_candidate(browser, many):
    page = browser.open(many)
    page.goto(f"{page.url}#c117")
    page.wait_for_selector("#c117.open")
    assert page.inner_text("#pages span") == "3 of 3"
    assert page.locator("#d117").is_visible()


def test_it_works_by_keyboard(browser, many):
    page = browser.open(many)
    page.focus("#find")
    reached = []
    for _ in range(18):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent"))
        if reached[-1].startswith("star"):
            break
    assert "Probability" in reached
    style = "getComputedStyle(document.activeElement).outlineWidth"
    assert page.evaluate(style) == "3px"
    page.keyboard.press("Enter")
    assert page.locator("tbody.open").count() == 1
    assert page.get_attribute("tbody.open th button", "aria-expanded") == "true"
    page.keyboard.press("Enter")
    assert page.locator("tbody.open").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_legible_in_light_and_dark_and_narrow(browser, report, scheme):
    for width in (1280, 600):
        size = {"width": width, "height": 900}
        page = browser.open(report, viewport=size, color_scheme=scheme)
        page.click("#candidates tbody th button >> nth=0")
        for selector in ("h1", ".tiles li", "figcaption", "td.binary", "dt"):
            assert contrast(page, selector) > 4.5, selector
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width


def test_on_paper_every_chosen_row_is_there(browser, many):
    page = browser.open(many)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator(ROWS).count() == 120
    assert not page.locator("#tools").is_visible()
    assert page.pdf()[:5] == b"%PDF-"
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(ROWS).count() == 50


@pytest.mark.skipif(
    "ASTRO_VBINARY_SCREENSHOTS" not in os.environ, reason="no pictures are asked for"
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_picture_of_the_documentation(browser, examples, scheme):
    from PIL import Image

    path = Path(os.environ["ASTRO_VBINARY_SCREENSHOTS"]) / f"report-{scheme}.png"
    page = browser.open(
        examples, viewport={"width": 1240, "height": 1900}, color_scheme=scheme
    )
    page.click("#candidates tbody th button >> nth=1")
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    page.screenshot(path=path)
    # As few colours as a picture of text and figures needs.
    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """The report of the stamps in ``examples``."""
    stamps = Path(__file__).parents[3] / "examples" / "stamps"
    folder = tmp_path_factory.mktemp("examples")
    classify(stamps).write(folder / "verdicts.ecsv")
    measure_pairs(stamps, posterior="none").write(folder / "pairs.ecsv")
    write_report(folder, folder / "report.html", stamps=stamps)
    return folder / "report.html"
