import base64
import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.classification import BinaryNet
from astro_vbinary.classification.weights import save_weights
from astro_vbinary.training import (
    EvaluatedStacks,
    compare_verdicts,
    draw_evaluation,
    draw_history,
    mcnemar,
    report_parts,
)
from astro_vbinary.training.curves import (
    average_precision,
    source_interval,
    threshold_curves,
)
from astro_vbinary.training.evaluation import binomial_interval
from astro_vbinary.training.evaluation_page import make_page
from astro_vbinary.training.evaluation_text import (
    format_comparison,
    format_parts,
    scores_table,
    summary_table,
)
from astro_vbinary.training.reports import make_report
from astro_vbinary.training.tests.helpers_labelled import SCALE, SIDE, blob_stacks


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    entries = {
        "id": "some",
        "version": "1",
        "group": 3,
        "policies": ["published"],
        "surveys": ["Pan-STARRS"],
        "classes": ["not", "binary"],
        "threshold": 0.5,
        "licence": "BSD-3-Clause",
        "grid": {"pixel_scale": SCALE, "side": SIDE},
        "network": {"in_channels": 1, "width": 8, "extra_layers": 1},
        "preprocessing": {"channels": ["linear"]},
        "calibration": {"temperature": 1.0, "bias": 0.0, "prevalence": 0.5},
    }
    network = BinaryNet(1, width=8, extra_layers=1)
    return save_weights(tmp_path_factory.mktemp("card"), network, entries)


def evaluated(card, *, n=40, wrong=(3, 4), seed=0):
    """Stacks whose verdicts are right but for a few."""
    stacks = blob_stacks(n, seed)
    sure = np.random.default_rng(seed).uniform(0.5, 4, n)
    margin = np.where(stacks.labels > 0.5, sure, -sure)
    margin[list(wrong)] *= -1
    scores = np.zeros((n, 2), np.float32)
    scores[:, 1] = margin
    return EvaluatedStacks(card, stacks, scores, np.geomspace(5, 500, n))


def test_the_report_counts_right(card):
    made = evaluated(card, wrong=(3, 4, 5))
    report = make_report(made, np.arange(40), prevalences=(0.02,))
    # Odd places are pairs.
    assert [report[k] for k in ("tn", "fp", "fn", "tp")] == [19, 1, 2, 18]
    assert report["recall_1"] == 0.9
    low, high = binomial_interval(18, 20)
    assert (report["recall_1_low"], report["recall_1_high"]) == (low, high)
    # Bayes: 0.02 * 0.9 / (0.02 * 0.9 + 0.98 * 0.05).
    assert report["precision_1_at_2"] == pytest.approx(0.018 / (0.018 + 0.049))
    assert report["precision_1_at_2_low"] < 0.1 < report["precision_1_at_2_high"]
    assert report["f1_1_low"] < report["f1_1"] <= report["f1_1_high"]
    assert made.wrong.tolist() == sorted(
        (3, 4, 5), key=lambda i: -abs(made.scores[i, 1])
    )


def test_stacks_that_nobody_could_decide_are_left_out(card):
    made = evaluated(card)
    made.stacks.labels[:4] = 0.5
    report = make_report(made, np.arange(40))
    assert report["n"] == 36
    assert made.wrong.tolist() == [4]
    assert make_report(made, [0, 1]) is None


def test_parts_are_by_survey_brightness_separation_and_annotator(card):
    made = evaluated(card)
    made.stacks.surveys[:10] = ["SDSS9"] * 10
    parts = report_parts(made, prevalences=(0.02,))
    assert parts["all"]["n"] == 40
    assert parts["survey SDSS9"]["n"] == 10
    assert parts["separation 1.5 to 2.5"]["n"] == 20
    assert parts["annotator ada"]["n"] == 40
    assert parts["annotator bob"]["n"] == 26
    bright = [r["n"] for name, r in parts.items() if name.startswith("peak S/N")]
    assert sum(bright) == 40
    assert "peak S/N above 300" in parts
    table = summary_table(parts)
    assert list(table["part"]) == list(parts)
    assert table["n"].dtype.kind == "i"
    text = format_parts(made, parts, prevalences=(0.02,))
    assert "where 2 % are pairs: precision" in text
    assert re.search(r"binary +0\.950 \(0\.75 to 1\.00\)", text)
    assert all(line.isascii() and len(line) < 210 for line in text.splitlines())


def test_one_class_alone_has_no_areas(card):
    made = evaluated(card)
    report = make_report(made, np.arange(0, 40, 2))
    assert "average_precision" not in report
    assert np.isnan(report["recall_1"])


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_areas_are_those_of_their_definitions(rows):
    labels = np.array([int(label) for label, _ in rows])
    scores = np.array([float(score) for _, score in rows])
    if labels.min() == labels.max():
        assert np.isnan(average_precision(labels, scores))
        return
    # One threshold after the other, by hand.
    total, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        called = scores >= threshold
        recall = (called & (labels == 1)).sum() / labels.sum()
        precision = labels[called].mean()
        total, before = total + (recall - before) * precision, recall
    assert average_precision(labels, scores) == pytest.approx(total)
    share = labels.mean()
    at = average_precision(labels, scores, prevalence=share)
    assert at == pytest.approx(total)
    recall, wrong, precision = threshold_curves(labels, scores, prevalence=0.01)
    assert (recall[-1], wrong[-1]) == (1, 1)
    assert precision[-1] == pytest.approx(0.01)


def test_the_bootstrap_draws_sources():
    values = np.repeat([0.0, 1.0] * 5, 20)
    sources = np.repeat(np.arange(10), 20)
    by_source = source_interval(np.mean, sources, values)
    by_stack = source_interval(np.mean, np.arange(200), values)
    # Ten sources tell the mean far worse than two hundred stacks.
    assert np.ptp(by_source) > 3 * np.ptp(by_stack)
    assert np.isnan(source_interval(lambda v: np.nan, sources, values)).all()


def test_mcnemar_is_a_coins_test():
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    # Two-sided: all ten heads or all ten tails.
    assert mcnemar(0, 10) == pytest.approx(2 / 2**10)
    assert mcnemar(3, 9) == mcnemar(9, 3)


def test_two_sets_of_weights_side_by_side(card):
    one, two = evaluated(card, wrong=(1, 2, 3)), evaluated(card, wrong=(3, 4))
    two = EvaluatedStacks(
        card, two.stacks.take(range(39, 0, -1)), two.scores[:0:-1], two.peak[:0:-1]
    )
    made = compare_verdicts(one, two)
    assert made == {
        "n": 39,
        "both": 35,
        "only_one": 1,
        "only_two": 2,
        "neither": 1,
        "p": 1.0,
    }
    text = format_comparison(["a", "b"], made)
    assert "only a on 1, only b on 2" in text
    assert "p = 1" in text


class Reader(HTMLParser):
    """What a browser would load and run."""

    def __init__(self):
        super().__init__()
        self.images, self.tags, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attrs = dict(attrs)
        if tag == "img":
            self.images.append(attrs["src"])
        assert not any(name.startswith("on") for name in attrs), attrs
        assert not {"href", "srcset", "action"} & set(attrs)

    def handle_data(self, data):
        self.text += data


def test_the_page_needs_nothing_and_runs_nothing(card):
    made = evaluated(card)
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    made.stacks.sources[3] = evil
    made.stacks.annotators[3] = (evil,)
    made.stacks.truth[3]["kind"] = evil
    page = make_page({evil: made}, [evil])
    reader = Reader()
    reader.feed(page)
    assert "script" not in reader.tags
    assert reader.text.count("alert(1)") >= 4
    # The curves and two stacks.
    assert len(reader.images) == 3
    for source in reader.images:
        kind, _, content = source.partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(content).startswith(b"\x89PNG")
    assert "default-src 'none'" in page


def test_tables_come_back(card, tmp_path):
    made = evaluated(card)
    path = tmp_path / "scores.ecsv"
    scores_table(made).write(path)
    table = Table.read(path)
    assert (~table["right"]).sum() == 2
    assert table.meta["weights_sha256"] == card.sha256
    assert list(table["called"][:3]) == ["not", "binary", "not"]


def test_figures(card):
    made = evaluated(card)
    fig = draw_evaluation({"one": made, "two": evaluated(card, wrong=(1,))})
    assert [ax.get_title() for ax in fig.axes] == [
        "ROC",
        "Precision, recall",
        "Calibration",
    ]
    plt.close(fig)
    history = Table(
        {
            "epoch": [1, 2],
            "train_loss": [0.7, 0.5],
            "validation_loss": [0.7, 0.6],
            "validation_accuracy": [0.5, 0.8],
            "validation_f1": [0.5, 0.8],
        }
    )
    fig = draw_history(history, best=2)
    assert len(fig.axes) == 2
    plt.close(fig)
