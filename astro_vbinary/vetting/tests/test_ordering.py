import pytest
from astropy.table import Table

from astro_vbinary.stamps import StampIndex
from astro_vbinary.vetting import VettingProject
from astro_vbinary.vetting.ordering import GAP, ORDERS, arrange, next_item


def names(project, **how):
    return [project.sources[n].name for n, look in arrange(project, **how) if look == 1]


@pytest.fixture(scope="module")
def many():
    rows = [(f"s{n}", "HST", n / 300, "ok") for n in range(300)]
    table = Table(rows=rows, names=("source", "survey", "probability", "status"))
    return VettingProject(StampIndex([]), results=table)


def test_orders_put_first_what_they_say(project):
    known = project.sources[4].name, project.sources[5].name  # have no verdict
    assert names(project) == ["a", "b", "c", "d", *known]
    assert names(project, order="probability") == ["a", "b", "c", "d", *known]
    assert names(project, order="uncertainty") == ["b", "c", "a", "d", *known]
    assert names(project, order="disagreement") == ["c", "a", "d", "b", *known]


def test_the_random_order_is_that_of_its_seed(many):
    first = names(many, order="random", seed=1)
    assert first == names(many, order="random", seed=1)
    assert first != names(many, order="random", seed=2)
    assert sorted(first) == sorted(names(many))


def test_filters_leave_the_others_out(project):
    assert names(project, survey="JWST") == [project.sources[5].name]
    assert names(project, group=4) == [project.sources[5].name]
    assert names(project, status="no_stamp") == [project.sources[5].name]
    assert len(names(project, survey="HST")) == 4
    assert names(project, survey="no such survey") == []


@pytest.mark.parametrize("order", ORDERS)
def test_repeats_come_after_a_while_and_each_once(many, order):
    items = arrange(many, order=order, repeats=0.2, seed=3)
    places = {item: place for place, item in enumerate(items)}
    assert len(places) == len(items)
    again = [number for number, look in items if look == 2]
    assert 30 < len(again) < 90
    for number in again[: len(again) // 2]:
        assert places[number, 2] - places[number, 1] > GAP
    assert all(places[number, 2] > places[number, 1] for number in again)
    assert again == [n for n, look in arrange(many, order=order, repeats=0.2, seed=3)
                     if look == 2]  # fmt: skip


def test_all_or_none_can_be_repeated(many):
    assert len(arrange(many, repeats=1.0)) == 600
    assert len(arrange(many, repeats=0.0)) == 300


def test_what_makes_no_sense_is_refused(many):
    with pytest.raises(ValueError, match="unknown order 'x'; known: given"):
        arrange(many, order="x")
    with pytest.raises(ValueError, match=r"not 1\.5"):
        arrange(many, repeats=1.5)


def test_the_next_is_unseen_then_skipped_then_none():
    items = [(n, 1) for n in range(4)]
    assert next_item(items, {}) == (0, 1)
    assert next_item(items, {(2, 1): "binary"}, after=(1, 1)) == (3, 1)
    # Round the end, past what is labelled and what is skipped.
    seen = {(3, 1): "unsure", (0, 1): "skip"}
    assert next_item(items, seen, after=(2, 1)) == (1, 1)
    seen = {(n, 1): "unsure" for n in range(1, 4)} | {(0, 1): "skip"}
    assert next_item(items, seen, after=(3, 1)) == (0, 1)
    assert next_item(items, seen | {(0, 1): "binary"}, after=(0, 1)) is None
    assert next_item([], {}) is None
