"""The report: what it says, and that nothing in it is more than text."""

import base64
import io
import re
from html.parser import HTMLParser

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from astro_vbinary.cli import main
from astro_vbinary.measurement import measure_pairs
from astro_vbinary.stamps import StampIndex
from astro_vbinary.vetting import Annotation, write_annotations, write_report
from astro_vbinary.vetting.painting import read_cutout
from astro_vbinary.vetting.report.charts import Chart
from astro_vbinary.vetting.report.figures import pair_map
from astro_vbinary.vetting.report.fits import draw_fit, pair_places
from astro_vbinary.vetting.report.results import load_results
from astro_vbinary.vetting.report.words import escape
from astro_vbinary.vetting.tests.helpers_page import TARGET
from astro_vbinary.vetting.tests.helpers_report import HOSTILE, SURVEYS, write_results

#: Elements that end by themselves.
VOID = {"meta", "img", "input"}

ALLOWED = {"script": 2, "style": 1, "form": 1}


class Reader(HTMLParser):
    """Elements, attributes and text; raises where they do not close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    return folder


@pytest.fixture(scope="module")
def report(folder):
    summary = write_report(folder, folder / "r.html", stamps=folder / "stamps")
    return summary, Reader((folder / "r.html").read_text(encoding="utf-8"))


def test_it_counts_and_shows_what_there_is(report):
    summary, page = report
    assert summary.sources == 31 + len(HOSTILE)
    assert summary.candidates == 1 + len(HOSTILE)
    assert (summary.pictures, summary.failed) == (len(SURVEYS), 1)
    assert summary.size > 20_000
    assert page.seen.count("tbody") == summary.candidates + 2
    for words in (
        "a third star improves the fit",
        "the stars move relative to each other",
        "a saturated core (HST)",
        "22466_g_SDSS9",
        "share of 36 sources",
        "from the brighter to the fainter",
    ):
        assert words in page.text, words


def test_nothing_from_outside_and_nothing_hidden(report):
    _, page = report
    for tag, count in ALLOWED.items():
        assert page.seen.count(tag) == count
    assert not {"iframe", "object", "embed", "link", "base"} & set(page.seen)
    for tag, name, value in page.attributes:
        assert not name.startswith("on")
        assert name != "style"
        if name == "src":
            assert value.startswith("data:image/")
        if tag == "a" and name == "href":
            assert value.startswith(("https://aladin.cds", "https://simbad.cds"))
            # Of the source only its position leaves the page.
            assert "22466" not in value
            assert "script" not in value
    links = [v for t, n, v in page.attributes if (t, n) == ("a", "rel")]
    assert links
    assert set(links) == {"noopener noreferrer"}
    for name in HOSTILE[:2]:
        assert name in page.text
    assert "two\\u000alines" in page.text
    assert "\\u202eyranib" in page.text
    assert "\u202e" not in page.text


def test_the_policy_lets_in_its_own_scripts_and_style_only(folder, report):
    import hashlib

    text = (folder / "r.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        for inner in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL):
            digest = hashlib.sha256(inner.encode()).digest()
            assert base64.b64encode(digest).decode() in policy


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_stays_text(text):
    shown = Reader(f'<p title="{escape(text)}">{escape(text)}</p>')
    assert shown.seen == ["p"]
    assert shown.attributes[0][2] == shown.text
    assert all(c.isprintable() or c == " " for c in shown.text.replace("\xa0", " "))


def test_candidates_beyond_the_limit_have_rows_and_no_images(folder, tmp_path):
    write_report(folder, tmp_path / "r.html", stamps=folder / "stamps", candidates=0)
    page = Reader((tmp_path / "r.html").read_text())
    assert "img" not in page.seen
    assert page.text.count("Images and details") == 1 + len(HOSTILE)
    assert "The first 0 have images" in page.text
    with pytest.raises(ValueError, match="negative"):
        write_report(folder, tmp_path / "r.html", candidates=-1)


def test_a_bare_table_of_verdicts_is_enough(folder, tmp_path):
    summary = write_report(folder / "verdicts.ecsv", tmp_path / "r.html")
    assert (summary.candidates, summary.pictures) == (1 + len(HOSTILE), 0)
    assert "There is no catalogue yet" in (tmp_path / "r.html").read_text()
    (tmp_path / "verdicts.ecsv").write_bytes((folder / "verdicts.ecsv").read_bytes())
    (tmp_path / "pairs.ecsv").write_bytes((folder / "pairs.ecsv").read_bytes())
    found = load_results(tmp_path).candidates()[0]
    assert found.row["best_survey"] == "HST"
    assert found.row["separation"] == pytest.approx(np.hypot(1.1, 0.8), abs=0.02)
    assert found.row["n_binary"] == 2


def test_an_empty_catalogue_is_a_page_too(tmp_path):
    empty = Table(names=("source", "survey", "probability"), dtype=(str, str, float))
    summary = write_report(empty, tmp_path / "r.html")
    assert (summary.sources, summary.candidates) == (0, 0)
    page = Reader((tmp_path / "r.html").read_text())
    assert "No source is binary or undecided." in page.text


def test_masked_cells_are_not_known(tmp_path):
    table = QTable(
        {"source": ["a", "b"], "label": ["binary"] * 2, "probability": [0.9, 0.8]}
    )
    table["separation"] = [1.0, 2.0] * u.arcsec
    masked = QTable(table, masked=True)
    masked["separation"].mask[1] = True
    masked["probability"].mask[1] = True
    first, second = load_results(masked).candidates()
    assert (first.name, first.row["separation"]) == ("a", 1.0)
    assert np.isnan(second.row["separation"])
    assert np.isnan(second.probability)


def test_the_fit_is_that_of_the_table(folder):
    """Drawn again it leaves what the fit left, and a wrong place leaves more."""
    table = measure_pairs(folder / "stamps", posterior="none").to_table()
    index = StampIndex.from_paths(folder / "stamps")
    found = load_results(folder).candidates()[0]
    for (_, survey), (file,) in index.groups().items():
        if survey not in SURVEYS:
            continue
        row = found.pairs[survey]
        assert row["separation"] in table["separation"].value
        cutout = read_cutout(file, TARGET, size=7 * u.arcsec)
        places = pair_places(row, TARGET)
        star = SkyCoord(row["ra"], row["dec"], unit="deg")
        other = star.directional_offset_by(
            row["position_angle"] * u.deg, row["separation"] * u.arcsec
        )
        for place, own in zip(places, (star, other), strict=True):
            offset = [a.to_value(u.arcsec) for a in TARGET.spherical_offsets_to(own)]
            assert place == pytest.approx(offset, abs=1e-4)
        assert places[1] == pytest.approx([1.1, 0.8], abs=0.05)
        right, noise = draw_fit(file, cutout, row, TARGET, places)
        wrong, _ = draw_fit(file, cutout, row, TARGET, -places)
        rest = [np.nanstd(cutout.data - model) for model in (right, wrong)]
        assert rest[1] > 1.3 * rest[0], survey
        assert 0.8 < noise < 3
        assert draw_fit(file, cutout, row | {"psf": "given"}, TARGET, places)[0] is None


def test_pictures_have_one_scale_and_the_marks_are_on_the_stars(folder, report):
    text = (folder / "r.html").read_text()
    # The small ones have no text of their own.
    strips = re.findall(r'src="data:image/(webp|png);base64,([^"]+)" alt="[^"]', text)
    images = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
        for _, data in strips
    ]
    assert [image.shape for image in images] == [(112, 336)] * len(SURVEYS)
    marks = re.findall(r'<use href="#([ab])" x="([\d.]+)" y="([\d.]+)"/>', text)
    assert len(marks) == 2 * 3 * len(SURVEYS)
    for image, own in zip(images, (marks[:6], marks[6:]), strict=True):
        (_, x1, y1), (_, x2, y2) = own[:2]
        # East is to the left, and the fainter star north-east of the brighter.
        assert float(x2) < float(x1)
        assert float(y2) < float(y1)
        near = image[int(float(y1)) - 2 : int(float(y1)) + 3, :112]
        bright = near[:, int(float(x1)) - 2 : int(float(x1)) + 3].mean()
        assert bright > image[:, :112].mean() + 30


def test_completeness_comes_from_a_table_where_one_is_given(folder):
    results = load_results(folder)
    table = QTable()
    table["separation"] = np.repeat([0.5, 1.5], 3) * u.arcsec
    table["magnitude_difference"] = np.tile([0.0, 2.0, 4.0], 2) * u.mag
    table["completeness"] = [0.9, 0.6, 0.1, 1.0, 0.95, 0.3]
    table.meta.update(survey="HST", band="F814W", snr=100.0)
    svg, count, about = pair_map(results.candidates(), results.sources, table)
    assert "HST F814W at S/N 100" in about
    assert count == 1 + len(HOSTILE)
    assert svg.count("<title>") == 6
    # Half is crossed between 0.6 and 0.1, a fifth of the way.
    chart = Chart((0, 2.55), (5.2, -0.1), "", "", alt="")
    y = re.search(r'contour half" points="[\d.]+,([\d.]+)', svg)[1]
    assert float(y) == pytest.approx(chart.y(2.4), abs=1)
    none, _, about = pair_map(results.candidates(), [], None)
    assert "cell" not in none
    assert about == ""


def test_labels_show_the_reliability(folder, tmp_path):
    said = {"22466": "binary", "s1": "not_binary"}
    labels = [Annotation(source, "", label) for source, label in said.items()]
    write_annotations(labels, tmp_path / "labels.ecsv")
    write_report(folder, tmp_path / "r.html", labels=tmp_path / "labels.ecsv")
    page = Reader((tmp_path / "r.html").read_text())
    assert "2 labelled sources" in page.text
    assert "How reliable" in page.text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{folder}", "-o", "r.pdf"], 1, "unknown ending '.pdf'"),
        (["{folder}/stamps", "-o", "r.html"], 1, "no catalog.ecsv"),
        (["{folder}/pairs.ecsv", "-o", "r.html"], 1, "is no table of results"),
        (["{folder}", "-o", "r.html", "--template", "x"], 2, "needs --stamps"),
        (["{folder}", "-o", "r.html", "--labels", "{folder}/pairs.ecsv"], 1, "label"),
        (
            ["{folder}", "-o", "r.html", "--completeness", "{folder}/pairs.ecsv"],
            1,
            "no column completeness",
        ),
    ],
)
def test_what_cannot_be_reported_is_said(
    folder, tmp_path, monkeypatch, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    given = [text.format(folder=folder) for text in arguments]
    done = CliRunner().invoke(main, ["report", *given])
    assert (done.exit_code, message in done.output) == (code, True), done.output
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_page(folder, tmp_path):
    page = tmp_path / "r.html"
    arguments = ["report", str(folder), "-o", str(page), "--stamps", f"{folder}/stamps"]
    done = CliRunner().invoke(main, arguments)
    # One of the stamps is no FITS file.
    assert done.exit_code == 3, done.output
    assert "6 candidates of 36 sources, 2 pictures" in done.output
    assert "1 images could not be shown" in done.output
    assert page.read_text().startswith("<!doctype html>")
    assert CliRunner().invoke(main, arguments).exit_code == 1
    done = CliRunner().invoke(main, [*arguments[:4], "--overwrite", "-q"])
    assert (done.exit_code, done.output) == (0, "")
