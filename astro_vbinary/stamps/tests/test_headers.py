import astropy.units as u
import pytest
from astropy.io import fits
from astropy.time import Time

from astro_vbinary.stamps.headers import (
    epoch_from_header,
    unit_from_header,
)


@pytest.mark.parametrize(
    ("cards", "isot"),
    [
        ({"MJD-OBS": 56101.5}, "2012-06-23T12:00:00.000"),
        ({"MJD-OBS": "56101.5"}, "2012-06-23T12:00:00.000"),
        ({"MJD-OBS": 56101.0, "MJD-AVG": 56101.5}, "2012-06-23T12:00:00.000"),
        ({"EXPSTART": 56101.0, "EXPEND": 56102.0}, "2012-06-23T12:00:00.000"),
        ({"DATE-OBS": "2012-06-23T12:00:00"}, "2012-06-23T12:00:00.000"),
        ({"DATE-OBS": "2012-06-23T12:00:00Z"}, "2012-06-23T12:00:00.000"),
        ({"DATE-OBS": "2012-06-23"}, "2012-06-23T00:00:00.000"),
        (
            {"DATE-OBS": "2012-06-23", "TIME-OBS": "12:30:00.5"},
            "2012-06-23T12:30:00.500",
        ),
        ({"DATE-OBS": "23/06/98"}, "1998-06-23T00:00:00.000"),
        ({"MJD-OBS": 0.0, "DATE-OBS": "1998-06-23"}, "1998-06-23T00:00:00.000"),
        ({"MJD-OBS": float("nan"), "MJD": 56101.5}, "2012-06-23T12:00:00.000"),
    ],
)
def test_epoch(cards, isot):
    epoch = epoch_from_header(cards)
    assert (epoch.isot, epoch.scale) == (isot, "utc")


def test_epoch_on_another_time_scale():
    epoch = epoch_from_header({"MJD-OBS": 56101.5, "TIMESYS": "TT"})
    assert abs((epoch - Time(56101.5, format="mjd", scale="tt")).sec) < 1e-6


@pytest.mark.parametrize(
    "cards",
    [
        {},
        # What the coadds of HSC carry: J2000.0 in UTC.
        {"MJD-OBS": 51544.4992571308, "DATE-OBS": "2000-01-01T11:58:55.816"},
        {"DATE-OBS": "2000-01-01T12:00:00"},
        {"DATE-OBS": "unknown"},
        {"DATE-OBS": "2012-13-45"},
        {"DATE-OBS": 2012},
        {"MJD-OBS": True},
        {"MJD-OBS": "n/a"},
        {"MJD-OBS": -1e9},
        {"DATE-OBS": "0001-01-01T00:00:00"},
        {"EPOCH": 2000.0, "DATE": "2012-06-23"},
    ],
)
def test_no_epoch(cards):
    assert epoch_from_header(cards) is None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("MJy/sr", u.MJy / u.sr),
        ("ELECTRONS/S", u.electron / u.s),
        ("ELECTRONS", u.electron),
        ("electron / s", u.electron / u.s),
        ("e-/s", u.electron / u.s),
        ("counts/s", u.count / u.s),
        ("DN", u.DN),
        ("dn/sec", u.DN / u.s),
        ("nanomaggies", u.Unit("nmgy")),
        ("nanomaggy", u.Unit("nmgy")),
        ("ADU", u.adu),
    ],
)
def test_unit(text, unit):
    assert unit_from_header({"BUNIT": text}) == unit


@pytest.mark.parametrize("text", ["", "  ", "UNITLESS", "furlong^", 3, None, "1"])
def test_no_unit(text):
    assert unit_from_header({"BUNIT": text}) is None


def test_cards_that_break_the_standard():
    text = "MJD-OBS = 'no end".ljust(80) + "BUNIT   = 5 6 7".ljust(80) + "END".ljust(80)
    header = fits.Header.fromstring(text)
    assert epoch_from_header(header) is None
    assert unit_from_header(header) is None
