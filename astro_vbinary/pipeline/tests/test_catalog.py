"""The catalogue: one row a source, and every format of it."""

import astropy.units as u
import numpy as np
import pytest
from astropy.io.votable import ucd
from astropy.table import QTable, Table, vstack

from astro_vbinary.classification.result import make_row, make_table
from astro_vbinary.context import NeighbourCounts
from astro_vbinary.measurement.pair_columns import (
    LIMIT_COLUMNS,
    PAIR_COLUMNS,
    WHOLE,
    make_pair_table,
)
from astro_vbinary.pipeline import FusionSettings, make_catalog
from astro_vbinary.pipeline.catalog_columns import (
    CATALOG_COLUMNS,
    CATALOG_FLAGS,
    MASKED,
    make_catalog_table,
)
from astro_vbinary.pipeline.tests.test_agreement import row as pair_row
from astro_vbinary.stamps.tables import FORMATS, write_table
from astro_vbinary.status import Status
from astro_vbinary.surveys import get_survey

WEIGHTS = {"weights": "mine", "weights_sha256": "ab" * 32}


def verdict(source, survey, probability=None, *, ra=83.0, dec=-5.0, status=Status.OK):
    row = make_row(source=source, survey=get_survey(survey), status=status)
    row |= {"ra": ra, "dec": dec}
    if probability is not None:
        label = "binary" if probability >= 0.69 else "not"
        row |= {"probability": probability, "label": label} | WEIGHTS
    return row


def verdicts(*rows):
    return make_table({name: [row[name] for row in rows] for name in rows[0]})


def pair(source, survey, **values):
    good = {"false_alarm": 1e-9, "core_chi2": 1.0, "statistic": 9.0, "status": "ok"}
    entry = pair_row() | good | {"epoch": 2010.0, "reference_band": "i"}
    entry |= dict.fromkeys(WHOLE, 0) | {"position_angle_error": 1.0}
    return entry | {"source": source, "survey": survey} | values


def pairs(*rows):
    return make_pair_table(rows, PAIR_COLUMNS)


def only(table):
    assert len(table) == 1
    return table[0]


def test_a_pair_that_two_surveys_see():
    row = only(
        make_catalog(
            verdicts(verdict("7", "HST", 0.97), verdict("7", "JWST", 0.98)),
            pairs(pair("7", "HST"), pair("7", "JWST", separation=0.503, epoch=2023.0)),
            inputs={"7": "0123456789abcdef"},
        )
    )
    assert (row["label"], row["status"], row["reason"]) == ("binary", "ok", "")
    assert row["probability"] > 0.5
    assert row["prevalence"] == 0.02
    assert (row["n_surveys"], row["n_binary"], row["n_measured"]) == (2, 2, 2)
    assert row["surveys"] == "HST,JWST"
    assert row["separation"].unit == u.arcsec
    assert abs(row["separation"] - 0.5 * u.arcsec) < 0.01 * u.arcsec
    assert row["consistency"] > 0.1
    assert row["motion"] == "companion"
    assert abs(row["motion_ra"]) < 3 * row["motion_ra_error"]
    assert row["flags"] == ""
    assert row["weights"] == "mine:abababababab"
    assert row["inputs"] == "0123456789abcdef"
    assert row["gaia_ruwe"] is np.ma.masked or row["gaia_ruwe"].mask


def test_what_a_survey_could_not_have_seen_does_not_count_against_it():
    sharp = verdict("7", "HST", 0.99)
    measured = pairs(pair("7", "HST"))
    alone = only(make_catalog(verdicts(sharp), measured))
    blurred = verdict("7", "ZTF", 0.02)
    both = only(make_catalog(verdicts(sharp, blurred), measured))
    assert both["probability"] == pytest.approx(alone["probability"], rel=0.05)
    assert "surveys_disagree" not in both["flags"]
    # A pair of 2 arcsec should show in Pan-STARRS too.
    wide = pairs(pair("7", "HST", separation=2.0, magnitude_difference=0.3))
    good = verdict("7", "Pan-STARRS", 0.02)
    refuted = only(make_catalog(verdicts(sharp, good), wide))
    assert refuted["probability"] < 0.3 * alone["probability"]
    assert "surveys_disagree" in refuted["flags"].split(",")


def test_no_verdict_says_why():
    table = make_catalog(
        verdicts(
            verdict("3", "2MASS", status=Status.UNRESOLVED),
            verdict("3", "HST", status=Status.NO_STAMP),
            verdict("4", "HST", 0.01),
        )
    )
    assert list(table["source"]) == ["3", "4"]
    assert list(table["status"]) == ["no_verdict", "ok"]
    assert table["reason"][0] == "2MASS: unresolved; HST: no_stamp"
    assert list(table["label"]) == ["undecided", "not_binary"]
    assert np.isnan(table["probability"][0])
    assert table["best_survey"][1] == ""
    assert np.isnan(table["separation"][1])


def test_places_that_disagree_and_stars_that_move():
    two = verdicts(verdict("7", "HST", 0.9), verdict("7", "JWST", 0.9))
    apart = pairs(
        pair("7", "HST"), pair("7", "JWST", position_angle=120.0, epoch=np.nan)
    )
    row = only(make_catalog(two, apart))
    assert row["consistency"] < 1e-6
    assert row["flags"] == "measures_disagree"
    assert row["motion"] == ""
    moving = pairs(pair("7", "HST"), pair("7", "JWST", separation=0.8, epoch=2020.0))
    gaia = Table(
        {
            "source_id": [1],
            "ra": [83.0],
            "dec": [-5.0],
            "pmra": [-30.0],
            "pmdec": [0.0],
            "ref_epoch": [2015.0],
        }
    )
    row = only(make_catalog(two, moving, gaia=gaia))
    assert row["flags"] == "moving"
    assert row["motion"] == "background"
    assert row["motion_ra"].to_value("mas/yr") == pytest.approx(30, abs=0.1)
    assert row["gaia_source_id"] == 1


def test_flags_of_the_fit():
    one = verdicts(verdict("7", "HST", 0.9))
    odd = pairs(pair("7", "HST", degenerate=True, triple=True, core_chi2=5.0))
    row = only(make_catalog(one, odd))
    assert set(row["flags"].split(",")) == {"triple", "degenerate", "bad_fit"}
    sure = only(make_catalog(one, pairs(pair("7", "HST"))))
    fits = FusionSettings(use_fits=True)
    alone, sure = sure, only(make_catalog(one, pairs(pair("7", "HST")), settings=fits))
    # A clear fit adds to the network's word, if asked; a poor one does not.
    assert sure["probability"] > alone["probability"]
    odd = pairs(pair("7", "HST", core_chi2=5.0))
    poor = only(make_catalog(one, odd, settings=fits))
    assert poor["probability"] == pytest.approx(alone["probability"], rel=1e-6)
    assert set(CATALOG_FLAGS) >= set(row["flags"].split(","))


def test_chance_neighbours_and_washington():
    rng = np.random.default_rng(0)
    n = 20000
    counts = NeighbourCounts(
        rng.uniform(82.8, 83.2, n), rng.uniform(-5.2, -4.8, n), rng.uniform(12, 20, n)
    )
    wds = Table(
        {
            "WDS": ["05320-0500"],
            "RAJ2000": [83.0],
            "DEJ2000": [-5.0],
            "sep2": [0.5],
            "pa2": [91.0],
        }
    )
    table = make_catalog(
        verdicts(verdict("7", "HST", 0.9), verdict("8", "HST", 0.9, ra=83.1)),
        pairs(pair("7", "HST"), pair("8", "HST", separation=2.5)),
        neighbours=counts,
        wds=wds,
    )
    density = n / (0.4 * 3600) ** 2 / np.cos(np.deg2rad(5))
    truth = np.pi * np.array([0.25, 6.25]) * density
    assert table["chance"] == pytest.approx(truth, rel=0.35)
    assert table["chance_probability"] == pytest.approx(-np.expm1(-table["chance"]))
    assert list(table["flags"]) == ["", "likely_chance"]
    assert table["wds_id"][0] == "05320-0500"
    assert list(table["wds_id"].mask) == [False, True]


def test_limits_are_those_of_the_survey_that_goes_deepest():
    two = verdicts(verdict("7", "HST", 0.8), verdict("7", "ZTF", 0.8))
    rows = [pair("7", "HST"), pair("7", "ZTF", false_alarm=0.5)]
    for row, depth in zip(rows, (4.0, 5.0), strict=True):
        row |= {"limit_0.5": depth - 3, "limit_1.0": depth, "limit90_1.0": 9 - depth}
    found = only(make_catalog(two, make_pair_table(rows, PAIR_COLUMNS + LIMIT_COLUMNS)))
    assert found["limit_1.0"].value == 5
    assert found["limit_survey"] == "ZTF"
    assert found["limit90_1.0"].value == 5
    assert found["limit90_survey"] == "HST"
    assert np.isnan(found["limit_1.5"])


def test_two_surveys_that_find_one_place_are_worth_more():
    two = verdicts(verdict("7", "HST", 0.8), verdict("7", "JWST", 0.8))
    places = pairs(pair("7", "HST"), pair("7", "JWST"))
    apart = pairs(pair("7", "HST"), pair("7", "JWST", position_angle=0.0))

    def odds(measured, factor):
        settings = FusionSettings(agreement=factor)
        p = only(make_catalog(two, measured, settings=settings))["probability"]
        return p / (1 - p)

    assert odds(places, 5.0) == pytest.approx(5 * odds(places, 1.0))
    assert odds(apart, 5.0) == pytest.approx(odds(apart, 1.0))
    with pytest.raises(ValueError, match=r"at least 1, not 0\.5"):
        FusionSettings(agreement=0.5)


def test_prior_and_prevalence():
    one = verdicts(verdict("7", "HST", 0.2))
    # The same number is better news where fewer pairs were assumed.
    low, high = (
        only(make_catalog(one, settings=FusionSettings(prior=prior)))["probability"]
        for prior in (0.02, 0.5)
    )
    assert low > 2 * high
    rich = only(make_catalog(one, settings=FusionSettings(prevalence=0.3)))
    assert rich["probability"] > high
    with pytest.raises(ValueError, match="prevalence must be between 0 and 1, not 2"):
        FusionSettings(prevalence=2)


def test_tables_of_others_are_understood_or_refused():
    bare = Table({"source": [1, 2], "survey": ["HST"] * 2, "probability": [0.1, 0.9]})
    assert list(make_catalog(bare)["source"]) == ["1", "2"]
    with pytest.raises(ValueError, match="no column survey, only source, probability"):
        make_catalog(bare["source", "probability"])
    assert len(make_catalog(bare[:0])) == 0


def full_row():
    """A row with something in every column."""
    row = {}
    for number, (name, _, _, _) in enumerate(CATALOG_COLUMNS):
        row[name] = number + 0.25
    return row | {
        "source": "Čapek <b>&amp;",
        "gaia_source_id": 3017364063330465152,
    }


def test_every_column_has_a_unit_that_exists_a_ucd_and_a_description():
    for name, unit, word, description in CATALOG_COLUMNS:
        assert ucd.check_ucd(word, check_controlled_vocabulary=True, has_colon=False), (
            name
        )
        assert description
        assert unit is None or isinstance(unit, u.UnitBase)
    assert len({name for name, *_ in CATALOG_COLUMNS}) == len(CATALOG_COLUMNS)


@pytest.mark.parametrize("ending", sorted(FORMATS))
def test_every_format_reads_back(tmp_path, ending):
    if ending == ".parquet":
        pytest.importorskip("pandas")
    made = make_catalog_table([full_row(), {"source": "2"}])
    path = tmp_path / f"catalog{ending}"
    write_table(made.copy(), path, overwrite=True)
    read = QTable.read(path)
    assert read.colnames == [name for name, *_ in CATALOG_COLUMNS]
    for name, unit, word, _ in CATALOG_COLUMNS:
        if ending not in (".csv",) and unit is not None:
            assert read[name].unit == unit, name
        if ending in (".vot", ".xml", ".votable"):
            assert read[name].info.meta["ucd"] == word
        if name in MASKED:
            assert np.array(getattr(read[name], "mask", [0, 0]))[1] or (
                str(read[name][1]) in ("", "0", "nan")
            ), name
    assert int(read["gaia_source_id"][0]) == 3017364063330465152
    if ending != ".fits":
        assert read["source"][0] == "Čapek <b>&amp;"


def test_it_can_be_stacked():
    made = make_catalog_table([full_row()])
    assert len(vstack([made, make_catalog_table([{"source": "2"}])])) == 2
