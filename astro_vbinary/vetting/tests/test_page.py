import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from astro_vbinary.vetting import read_annotations
from astro_vbinary.vetting.state import PageState
from astro_vbinary.vetting.tests.helpers_page import post


def place(answer):
    """Number of the source that an answer leads to."""
    assert answer.status_code == 303
    return int(re.match(r"/source/(\d+)", answer.headers["location"])[1])


def test_the_start_leads_to_the_first_source_without_a_label(client, project):
    assert place(client.get("/")) == 0
    assert place(post(client, "/source/0/label", label="binary")) == 1
    assert place(client.get("/")) == 1


def test_a_label_has_who_when_and_which_images(client, store):
    client.get("/stamp/0/3.png")  # the damaged one: known to be, and so not named
    post(client, "/source/0/label", label="not_binary", note=" a faint\tone ")
    (label,) = store.labels()
    assert (label.source, label.survey, label.label) == ("a", "", "not_binary")
    assert label.annotator == "ada"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", label.time)
    assert label.note == "a faint\tone"
    assert label.images == ("a_F814W_HST.fits", "a_g_SDSS9.fits", "a_r_SDSS9.fits")


def test_a_label_can_be_about_one_survey(client, store):
    post(client, "/source/1/label", label="binary", about="HST")
    (label,) = store.labels()
    assert (label.survey, label.images) == ("HST", ("b_F814W_HST.fits",))
    assert post(client, "/source/1/label", label="binary", about="x").status_code == 400


@pytest.mark.parametrize("label", ["", "Binary", "skipped", "<b>"])
def test_an_unknown_label_is_refused(client, store, label):
    assert post(client, "/source/0/label", label=label).status_code == 400
    assert store.labels() == []


def test_undo_goes_back_one_by_one(client, store):
    for number, label in enumerate(["binary", "skip", "unsure"]):
        post(client, f"/source/{number}/label", label=label)
    assert [place(post(client, "/undo", back="3")) for _ in range(3)] == [2, 1, 0]
    assert store.labels() == []
    nothing = post(client, "/undo", back="3")
    assert place(nothing) == 3


def test_undo_of_one_annotator_leaves_the_others_alone(client, store):
    post(client, "/source/0/label", label="binary", annotator="ada")
    post(client, "/source/0/label", label="unsure", annotator="bob")
    post(client, "/undo", annotator="ada")
    assert [label.annotator for label in store.labels()] == ["bob"]


def test_skipped_sources_come_again_at_the_end(client, project):
    assert place(post(client, "/source/0/label", label="skip")) == 1
    for number in range(1, len(project)):
        last = post(client, f"/source/{number}/label", label="unsure")
    assert place(last) == 0
    done = post(client, "/source/0/label", label="unsure")
    assert done.headers["location"] == "/overview?done=1"
    assert "Nothing is left" in client.get("/overview?done=1").text


def test_annotators_have_their_own_progress(client):
    post(client, "/source/0/label", label="binary")
    assert '<b id="done">1</b>' in client.get("/source/0").text
    assert post(client, "/annotator", name=" Bob \u00c5\u0000 ").status_code == 303
    text = client.get("/source/0").text
    assert '<b id="done">0</b>' in text
    assert 'value="Bob \u00c5"' in text
    post(client, "/source/0/label", label="unsure")
    assert '<option value="ada">' in client.get("/source/0").text
    assert post(client, "/annotator", name=" \u200b ").status_code == 400


def test_verdicts_and_labels_of_others_are_hidden_until_asked_for(client):
    post(client, "/source/0/label", label="binary", annotator="bob", note="surely")
    hidden = client.get("/source/0").text
    assert "0.900" not in hidden
    assert "surely" not in hidden
    shown = client.get("/source/0?priors=shown").text
    assert "0.900" in shown
    assert "surely" in shown


def test_a_second_look_never_shows_what_was_said_at_the_first(make_client, store):
    client = make_client(annotator="ada", repeats=1.0)
    post(client, "/source/0/label", label="bad_image", note="cosmic ray")
    text = client.get("/source/0?look=2&priors=shown").text
    assert "No label yet" in text
    assert "cosmic ray" not in text
    post(client, "/source/0/label?look=2", label="binary")
    first, second = store.labels(looks=True)
    assert (first.label, first.look) == ("bad_image", 1)
    assert (second.label, second.look) == ("binary", 2)
    assert [label.label for label in store.labels()] == ["bad_image"]


def test_filters_and_orders_travel_with_the_address(client):
    answer = client.get("/?order=probability&survey=HST&stretch=log")
    assert place(answer) == 0
    assert "order=probability" in answer.headers["location"]
    after = post(
        client, answer.headers["location"].replace("?", "/label?"), label="unsure"
    )
    assert place(after) == 1  # 0.5 and 0.5, or 0.1 and 0.9: as they came
    assert "stretch=log" in after.headers["location"]
    assert place(client.get("/?status=no_stamp")) == 5


def test_what_makes_no_sense_in_an_address_is_as_by_default():
    given = {"order": "x", "field": "1e9", "cut": "-1", "stretch": "log", "show": ""}
    state = PageState.read(given, PageState())
    assert state == PageState(stretch="log")
    assert state.query(PageState(), page=2, nothing=None) == "?stretch=log&page=2"


def test_labels_of_mine_can_be_walked_through(client):
    for number, label in enumerate(["binary", "unsure", "binary"]):
        post(client, f"/source/{number}/label", label=label)
    assert place(client.get("/?show=binary")) == 0
    assert "1 of 2" in client.get("/source/0?show=binary").text
    assert 'href="/source/2?show=binary"' in client.get("/source/0?show=binary").text


def test_an_image_is_a_picture_and_a_bad_one_a_reason(client, project):
    answer = client.get("/stamp/0/0.png?colours=gray")
    assert answer.headers["content-type"] == "image/png"
    assert imread(io.BytesIO(answer.content)).shape == (320, 320, 4)
    views = project.sources[0].views
    bad = [view.name for view in views].index("a_z_SDSS9.fits")
    answer = client.get(f"/stamp/0/{bad}.png")
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/plain")
    # Now that it is known, the page says so without a script.
    text = client.get("/source/0").text
    assert re.search(r'<p class="reason">[^<]*a_z_SDSS9', text)


def test_peaks_are_drawn_and_say_why_not(client, project):
    sdss = project.sources[0].surveys.index("SDSS9")
    answer = client.get(f"/peaks/0/{sdss}.png")
    assert answer.status_code == 200
    assert np.ptp(imread(io.BytesIO(answer.content))[..., :3]) > 0.5
    answer = client.get("/peaks/5/0.png")
    assert answer.status_code == 422
    assert "no image" in answer.text


def test_the_images_of_the_next_source_are_asked_for_before_it_comes(client):
    page = client.get("/source/0").text
    wanted = re.search(r'data-prefetch="([^"]*)"', page)[1].split()
    assert len(wanted) == 3
    post(client, "/source/0/label", label="unsure")
    after = client.get("/source/1").text
    assert all(f'src="{address}"' in after for address in wanted)


def test_all_images_have_one_scale_the_circle_and_words(client):
    text = client.get("/source/1?field=6").text
    assert text.count('<circle r="2.5"/>') == 2 * 3
    assert text.count('viewBox="-3.0 -3.0 6.0 6.0"') == 3
    assert text.count(">N</text>") == text.count(">E</text>") == 3
    assert 'alt="b in HST F814W"' in text


def test_every_button_has_its_key_and_every_field_its_label(client):
    text = client.get("/source/1").text
    for key in "bnuxszlpov":
        assert f'data-key="{key}"' in text
    fields = re.findall(r"<(?:select|input)(?![^>]*hidden)[^>]*>", text)
    assert len(fields) == len(re.findall(r"<label[^>]*>", text)) > 8


def test_labels_can_be_taken_along_as_tables(client, tmp_path):
    post(client, "/source/0/label", label="binary")
    for kind in ("ecsv", "csv"):
        path = tmp_path / f"labels.{kind}"
        answer = client.get(f"/labels.{kind}")
        assert "attachment" in answer.headers["content-disposition"]
        path.write_text(answer.text)
        assert [v.label for v in read_annotations(path)] == ["binary"]


def test_the_overview_shows_pages_of_thumbnails(client):
    post(client, "/source/0/label", label="bad_image")
    text = client.get("/overview?page=99").text
    assert text.count("<li>") == 6
    assert "Bad image" in text
    assert "1 of 1" in text


def test_agreement_lists_what_is_disputed(client):
    for name, label in {"ada": "binary", "bob": "unsure", "cy": "binary"}.items():
        post(client, "/source/2/label", label=label, annotator=name)
        post(client, "/source/3/label", label="binary", annotator=name)
    text = client.get("/agreement").text
    assert "Disputed: 1" in text
    assert re.search(r'href="/source/2">c</a>: ada Binary, bob Unsure', text)
    assert "Fleiss" in text
