import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astro_vbinary.vetting import (
    ANNOTATION_LABELS,
    Annotation,
    cohen_kappa,
    fleiss_kappa,
    make_consensus,
    measure_agreement,
)

#: The example that textbooks take from Fleiss, Levin & Paik: 14 raters, 5 categories.
FOURTEEN = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]

labels = st.sampled_from(list(ANNOTATION_LABELS))


def pairs(table):
    return [
        (row, column)
        for (row, column), count in np.ndenumerate(table)
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        # Fifty proposals, two readers, and two tables of equal agreement, 60 of 100.
        ([[20, 5], [10, 15]], 0.4),
        ([[45, 15], [25, 15]], 0.1304),
        ([[25, 35], [5, 35]], 0.2593),
        # Cohen (1960), table 1: proportions of 200 cases in three categories.
        ([[88, 14, 18], [10, 40, 10], [2, 6, 12]], 0.4915),
        ([[3, 0], [0, 5]], 1.0),
        ([[0, 5], [5, 0]], -1.0),
    ],
)
def test_cohen_kappa_has_textbook_values(table, kappa):
    first, second = zip(*pairs(table), strict=True)
    assert cohen_kappa(first, second) == pytest.approx(kappa, abs=5e-4)


def test_fleiss_kappa_has_the_textbook_value():
    assert fleiss_kappa(FOURTEEN) == pytest.approx(0.210, abs=5e-4)


@given(st.lists(st.tuples(labels, labels), min_size=1))
def test_cohen_kappa_keeps_its_bounds_and_knows_no_order(given_):
    first, second = zip(*given_, strict=True)
    kappa = cohen_kappa(first, second)
    if len({*first, *second}) == 1:
        assert np.isnan(kappa)
        return
    assert -1 <= kappa <= 1
    assert kappa == cohen_kappa(second, first)
    assert (kappa == 1) == (first == second)


@given(st.lists(labels, min_size=2).filter(lambda v: len(set(v)) > 1))
def test_who_agrees_fully_has_a_kappa_of_one(given_):
    assert cohen_kappa(given_, given_) == 1
    counts = [[3 * (label == v) for v in ANNOTATION_LABELS] for label in given_]
    assert fleiss_kappa(counts) == 1


@given(
    st.integers(2, 6).flatmap(
        lambda n: st.lists(st.lists(labels, min_size=n, max_size=n), min_size=1)
    )
)
def test_fleiss_kappa_keeps_its_bounds(given_):
    counts = np.array([[row.count(v) for v in ANNOTATION_LABELS] for row in given_])
    kappa = fleiss_kappa(counts)
    if len({v for row in given_ for v in row}) == 1:
        assert np.isnan(kappa)
        return
    # The least is that of raters who never agree (Fleiss 1971).
    assert -1 / (len(given_[0]) - 1) - 1e-12 <= kappa <= 1
    assert kappa == pytest.approx(fleiss_kappa(counts[::-1, ::-1]))


def test_labels_by_chance_have_a_kappa_of_zero():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 3, (2, 20_000))
    assert abs(cohen_kappa(first, second)) < 0.02
    drawn = rng.integers(0, 3, (20_000, 4))
    counts = np.stack([(drawn == v).sum(axis=1) for v in range(3)], axis=1)
    assert abs(fleiss_kappa(counts)) < 0.02


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="2 and 1"):
        cohen_kappa(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="2 to 3"):
        fleiss_kappa([[1, 1], [1, 2]])
    with pytest.raises(ValueError, match="at least 2"):
        fleiss_kappa([[1, 0], [0, 1]])
    with pytest.raises(ValueError, match="whole"):
        fleiss_kappa([[0.5, 1.5]])
    with pytest.raises(ValueError, match="dimensions"):
        fleiss_kappa([1, 2])
    assert np.isnan(cohen_kappa([], []))


def said(source, annotator, label, look=1, survey=""):
    return Annotation(source, survey, label, annotator, look=look)


def test_agreement_is_of_what_both_have_seen():
    given_ = [
        said("1", "ada", "binary"), said("1", "bob", "binary"),
        said("1", "cy", "binary"), said("2", "cy", "unsure"),
        said("2", "ada", "unsure"), said("2", "bob", "binary"),
        said("3", "ada", "binary"),
        said("1", "bob", "bad_image", survey="HST"),
        said("1", "ada", "binary", look=2), said("2", "ada", "binary", look=2),
    ]  # fmt: skip
    rows = {row["annotators"]: row for row in measure_agreement(given_)}
    assert set(rows) == {"ada & bob", "ada & cy", "bob & cy", "ada & bob & cy", "ada"}
    assert (rows["ada & bob"]["n"], rows["ada & bob"]["agree"]) == (2, 0.5)
    assert rows["ada & cy"]["kappa"] == 1
    assert rows["ada & bob & cy"]["statistic"] == "Fleiss"
    assert rows["ada & bob & cy"]["agree"] == pytest.approx((1 + 1 / 3) / 2)
    assert (rows["ada"]["kind"], rows["ada"]["agree"]) == ("same annotator again", 0.5)


def test_agreement_of_one_annotator_is_an_empty_table():
    assert len(measure_agreement([said("1", "ada", "binary")])) == 0


@pytest.mark.parametrize(
    ("votes", "consensus"),
    [
        (["binary"], "binary"),
        (["binary", "binary", "not_binary"], "binary"),
        (["binary", "not_binary"], "unsure"),
        (["binary", "unsure", "unsure"], "binary"),
        (["binary", "not_binary", "bad_image"], "unsure"),
        (["unsure", "unsure"], "unsure"),
    ],
)
def test_consensus_is_what_more_than_half_say(votes, consensus):
    given_ = [said("1", f"a{n}", label) for n, label in enumerate(votes)]
    (found,) = make_consensus(given_)
    assert (found.label, found.annotator) == (consensus, "consensus")
    assert f"of {len(votes)} annotators" in found.note
    assert make_consensus(given_, least=len(votes) + 1) == []


def test_second_looks_have_no_vote():
    given_ = [said("1", "ada", "binary"), said("1", "ada", "unsure", look=2)]
    assert [v.label for v in make_consensus(given_)] == ["binary"]
