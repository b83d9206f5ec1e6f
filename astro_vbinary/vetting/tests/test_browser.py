"""The page in a real browser: fifty labels by keyboard, a reload, a kill, a new start.

With ``ASTRO_VBINARY_SCREENSHOTS=docs/user/inspect`` the pictures of the documentation
are made on the way.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from astro_vbinary.vetting import LabelStore
from astro_vbinary.vetting.tests.conftest import IMAGE
from astro_vbinary.vetting.tests.helpers_page import write_stamp

KEYS = {"b": "binary", "n": "not_binary", "u": "unsure", "x": "bad_image"}

#: Where the server is heard, and what makes Chromium run without a sandbox as root.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

#: Surveys of the first source: band, pixel and width of a star in arcsec, rotation.
FIRST = {
    "HST": (("F814W",), 0.05, 0.15, 40),
    "Pan-STARRS": (("g", "r", "i", "z", "y"), 0.25, 1.1, 0),
    "SDSS9": (("g", "r", "i"), 0.396, 1.4, 100),
}


@pytest.fixture(scope="module")
def fifty(tmp_path_factory):
    """Stamps of fifty sources, one with a damaged file and one with an evil name."""
    folder = tmp_path_factory.mktemp("project")
    stamps = folder / "stamps"
    stamps.mkdir()
    for survey, (bands, scale, width, rotation) in FIRST.items():
        for band in bands:
            write_stamp(
                stamps,
                "001",
                survey,
                band,
                scale,
                second=(1.1, 0.8),
                width=width,
                rotation=rotation,
            )
    for number in range(2, 50):
        write_stamp(stamps, f"{number:03d}", "SDSS9", "g", 0.396, width=1.4)
    (stamps / "002_r_SDSS9.fits").write_bytes(b"SIMPLE  = no FITS file")
    write_stamp(stamps, IMAGE, "SDSS9", "g", 0.396, width=1.4)
    rows = [("001", survey, 0.97, "ok", 3) for survey in FIRST]
    names = ("source", "survey", "probability", "status", "group")
    Table(rows=rows, names=names).write(folder / "verdicts.ecsv")
    return folder


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium here: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


class Server:
    """``astro-vbinary inspect`` as a process of its own."""

    def __init__(self, folder):
        options = ["stamps", "verdicts.ecsv", "--no-browser", "--annotator", "ada"]
        options += ["--labels", "labels.sqlite"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "astro_vbinary.cli", "inspect", *options],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stdout:
            if line.startswith("Page:"):
                self.address = line.split()[1]
                break

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def press(page, key):
    """Press a key that leads to another page, and wait for it."""
    with page.expect_navigation(wait_until="load"):
        page.keyboard.press(key)


def test_fifty_labels_by_keyboard_outlive_a_reload_and_a_kill(fifty, browser):
    server = Server(fifty)
    errors = []
    context = browser.new_context(viewport={"width": 1180, "height": 720})
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
    page.goto(server.address)
    assert "token" not in page.url

    given = {}
    for number in range(50):
        name = page.inner_text("h1")
        key = list(KEYS)[number % 4]
        if number == 1:
            # The damaged file: a reason where its image would be.
            page.wait_for_selector("p.reason")
            assert "002_r_SDSS9" in page.inner_text("p.reason")
        if number == 3:
            page.keyboard.press("m")
            page.keyboard.type("nebulous; bnux")
            page.keyboard.press("Enter")
        if number == 10:  # a slip, taken back
            press(page, "b")
            press(page, "z")
            assert page.inner_text("h1") == name
        press(page, key)
        given[name] = KEYS[key]
    assert len(given) == 50
    assert IMAGE in given
    assert page.inner_text("#done, .progress b") == "50"

    page.reload()
    assert page.inner_text(".progress b") == "50"
    server.kill()
    with LabelStore(fifty / "labels.sqlite") as store:
        kept = store.labels()
    assert {label.source: label.label for label in kept} == given
    assert {label.annotator for label in kept} == {"ada"}
    assert [v.note for v in kept if v.note] == ["nebulous; bnux"]

    again = Server(fifty)
    page.goto(again.address)
    assert "Nothing is left" in page.inner_text("main")
    assert page.inner_text(".progress b") == "50"
    assert errors == []
    context.close()
    again.kill()


@pytest.fixture(scope="module")
def server(fifty):
    server = Server(fifty)
    yield server
    server.kill()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_there_in_light_and_dark_and_at_200_percent(
    server, browser, scheme
):
    # At 200 % a window of 1180 pixels is as wide as one of 590.
    for width in (1180, 590):
        context = browser.new_context(
            viewport={"width": width, "height": 720}, color_scheme=scheme
        )
        page = context.new_page()
        page.goto(server.address)
        page.goto(page.url.split("/source")[0].split("/over")[0] + "/source/0?show=all")
        page.wait_for_load_state("networkidle")
        # Nothing is cut off or has to be scrolled to the side.
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert contrast(page, "main p") > 4.5
        assert contrast(page, "button.binary") > 4.5
        assert page.evaluate(
            "[...document.images].every(i => !i.src || i.naturalWidth)"
        )
        picture(page, f"page-{scheme}", width == 1180)
        context.close()


def test_tools_work_by_keyboard_alone(server, browser):
    context = browser.new_context(viewport={"width": 1180, "height": 720})
    page = context.new_page()
    page.goto(server.address)
    page.goto(page.url.split("/source")[0].split("/over")[0] + "/source/0?show=all")
    page.wait_for_load_state("networkidle")
    before = page.get_attribute("#images img", "src")
    press(page, "t")
    press(page, "+")
    assert "stretch=linear" in page.url
    assert "field=6" in page.url
    assert page.get_attribute("#images img", "src") != before
    page.keyboard.press("l")
    page.wait_for_selector("#blink img")
    first = page.get_attribute("#blink img", "src")
    page.keyboard.press(".")
    assert page.get_attribute("#blink img", "src") != first
    page.keyboard.press("l")
    assert not page.is_visible("#blink")
    assert "0.970" not in page.content()
    press(page, "v")
    assert "0.970" in page.inner_text("main")
    page.keyboard.press("p")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.peaks img')].every(i => i.naturalWidth)"
    )
    assert page.locator(".peaks img").count() == len(FIRST)
    picture(page, "peaks", True, clip={"x": 0, "y": 260, "width": 1180, "height": 460})
    # Every control can be reached, and where one is can be seen.
    reached = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
        width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        if page.evaluate("document.activeElement.matches('main button')"):
            assert width == "3px"
    assert {"b Binary", "s Skip", "z Undo", "l Blink"} <= {
        " ".join(text.split()) for text in reached
    }
    # Single keys can be turned off (WCAG 2.1.4).
    page.evaluate("document.querySelector('.keys').parentElement.open = true")
    page.uncheck("#shortcuts")
    address = page.url
    page.keyboard.press("n")
    page.wait_for_timeout(200)
    assert page.url == address
    context.close()


def test_a_script_in_a_name_does_not_run(server, browser):
    context = browser.new_context()
    page = context.new_page()
    seen = []
    page.on("dialog", lambda dialog: seen.append(dialog.message))
    page.goto(server.address)
    base = page.url.split("/source")[0].split("/over")[0]
    page.goto(f"{base}/source/49?show=all&priors=shown")
    assert page.inner_text("h1") == IMAGE
    # And a script that got in after all would not run either.
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = "
        "'window.evil = 1'; document.body.append(s); }"
    )
    assert page.evaluate("window.evil") is None
    assert seen == []
    context.close()


def test_a_form_of_another_site_is_refused_by_browser_and_server(server, browser):
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.address)
    base = page.url.split("/source")[0].split("/over")[0]
    evil = context.new_page()
    evil.set_content(
        f"<form method=post action='{base}/source/0/label'>"
        "<input name=label value=bad_image></form>"
    )
    with evil.expect_navigation() as answer:
        evil.evaluate("document.forms[0].submit()")
    assert answer.value.status == 403
    context.close()


def contrast(page, selector):
    """Contrast of a text and what is behind it (WCAG 2.2, relative luminance)."""
    colours = page.evaluate(
        """(selector) => {
            let node = document.querySelector(selector);
            const text = getComputedStyle(node).color;
            let back = getComputedStyle(node).backgroundColor;
            while (back === "rgba(0, 0, 0, 0)" && node.parentElement) {
                node = node.parentElement;
                back = getComputedStyle(node).backgroundColor;
            }
            return [text, back];
        }""",
        selector,
    )
    found = []
    for colour in colours:
        values = np.array(
            [float(v) for v in colour.split("(")[1].strip(")").split(",")]
        )
        values = values[:3] / 255
        low = values <= 0.04045
        linear = np.where(low, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        found.append(linear @ [0.2126, 0.7152, 0.0722])
    return (max(found) + 0.05) / (min(found) + 0.05)


def picture(page, name, wanted, **how):
    """Take a picture for the documentation, where it is asked for."""
    folder = os.environ.get("ASTRO_VBINARY_SCREENSHOTS")
    if folder and wanted:
        page.screenshot(path=Path(folder) / f"{name}.png", **how)
