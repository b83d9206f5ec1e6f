"""Stamps from a folder of images, and from a HiPS tree on disk and on a server."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from astro_vbinary import StampStack, SurveyStamp
from astro_vbinary.archives import fetch_stamps, read_manifest
from astro_vbinary.archives.builtin import local_recipe
from astro_vbinary.archives.footprint_index import FootprintIndex
from astro_vbinary.archives.tests.cases import target_table
from astro_vbinary.archives.tests.servers import sky as skies
from astro_vbinary.archives.tests.servers.hips import (
    HipsTreeServer,
    make_tree,
    write_tree,
)
from astro_vbinary.archives.tests.servers.measuring import measure
from astro_vbinary.archives.tests.servers.skymapper import tpv_header
from astro_vbinary.exceptions import UnknownSurveyError

SKY = skies.Sky(1.1)
ZERO_POINT = 24.0


def write_mosaic(path, *, band, offset=(120.4, -33.3), side=700, header=None, sky=SKY):
    """A mosaic with an uncertainty, and bad pixels far from the target."""
    shape = (side, side)
    wcs = skies.make_wcs(sky.centre, 0.25, shape, angle=20.0, offset=offset)
    data = sky.draw(wcs, shape, zero_point=ZERO_POINT, background=5.0, noise=1.0)
    cards = {"MAGZP": ZERO_POINT, "BUNIT": "adu", "MJD-OBS": 57000.0, **(header or {})}
    head = wcs.to_header()
    head.update(cards)
    if band:
        head["FILTER"] = band
    hdus = [fits.PrimaryHDU(data.astype(np.float32), head)]
    hdus.append(fits.ImageHDU(np.full(shape, 1.0, np.float32), head, name="ERR"))
    fits.HDUList(hdus).writeto(path)


def fetch(folder, recipe, *positions, bands=("g",), size=12, survey="Pan-STARRS"):
    fetch_stamps(
        target_table(*positions),
        folder,
        surveys=[survey],
        bands=list(bands),
        size=size * u.arcsec,
        recipes=[recipe],
        use_coverage=False,
        offline=recipe.offline,
    )
    return {
        (row["source"], row["band"]): (row["outcome"], row["reason"])
        for row in read_manifest(folder)
    }


def test_stamps_are_cut_with_their_pixels_and_wcs(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    write_mosaic(images / "field1.fits", band="g")
    write_mosaic(images / "orion_r_deep.fits", band="")  # its name says the band
    recipe = local_recipe("PS1", images)
    found = fetch(tmp_path / "out", recipe, bands="gri")
    outcomes = {band: outcome for (_, band), (outcome, _) in found.items()}
    assert outcomes == {"g": "ok", "r": "ok", "i": "no_coverage"}
    place = tmp_path / "out" / "Pan-STARRS.local"
    stamp = SurveyStamp.read(place / "S1_g_Pan-STARRS.fits")
    whole = fits.getdata(images / "field1.fits")
    wcs = WCS(fits.getheader(images / "field1.fits"))
    corner = np.round(wcs.wcs.crpix - stamp.wcs.wcs.crpix).astype(int)
    np.testing.assert_allclose(
        wcs.wcs.crpix - stamp.wcs.wcs.crpix, corner, rtol=0, atol=1e-9
    )
    ny, nx = stamp.shape
    part = whole[corner[1] : corner[1] + ny, corner[0] : corner[0] + nx]
    np.testing.assert_array_equal(stamp.data, part)
    np.testing.assert_allclose(stamp.sigma, 1.0)
    assert (stamp.unit, stamp.epoch.mjd) == (u.adu, 57000.0)
    centre, flux = measure(
        stamp.data, stamp.wcs, radius=4.2 * u.arcsec, around=SKY.centre
    )
    assert centre.separation(SKY.centroid()) < 0.1 * stamp.pixel_scale
    magnitude = stamp.meta["header"]["MAGZP"] - 2.5 * np.log10(flux)
    assert magnitude == pytest.approx(SKY.magnitude(), abs=0.0108)
    StampStack.read(place, source="S1", survey="PS1").align()


def test_distortions_survive_the_cut(tmp_path):
    """A TPV image cut on disk has the target where the whole image has it."""
    images = tmp_path / "images"
    images.mkdir()
    shape = (500, 400)
    header = tpv_header(SKY.centre, shape)
    wcs = WCS(header)
    data = SKY.draw(wcs, shape, zero_point=25.0, noise=1.0)
    header["FILTER"] = "g"
    fits.PrimaryHDU(data.astype(np.float32), header).writeto(images / "a.fits")
    fetch(tmp_path / "out", local_recipe("SkyMapper", images), survey="SkyMapper")
    stamp = SurveyStamp.read(
        tmp_path / "out" / "SkyMapper.local" / "S1_g_SkyMapper.fits"
    )
    assert stamp.meta["header"]["CTYPE1"] == "RA---TPV"
    ny, nx = stamp.shape
    shift = wcs.wcs.crpix - stamp.wcs.wcs.crpix
    for x, y in ((0, 0), (nx - 1, 0), (nx - 1, ny - 1), (5, 11)):
        here = stamp.wcs.pixel_to_world(x, y)
        assert (
            here.separation(wcs.pixel_to_world(x + shift[0], y + shift[1])).mas < 0.01
        )


def test_image_with_the_target_farthest_from_an_edge_is_taken(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    write_mosaic(images / "a.fits", band="g", offset=(340.0, 0.0))
    write_mosaic(images / "b.fits", band="g", header={"MAGZP": 23.0})
    write_mosaic(images / "c.fits", band="g", offset=(-200.0, 0.0))
    fetch(tmp_path / "out", local_recipe("PS1", images))
    (row,) = read_manifest(tmp_path / "out")
    assert row["url"].endswith("b.fits")
    assert row["zero_point"] == 23.0


def test_index_is_kept_and_only_what_changed_is_read_again(tmp_path, monkeypatch):
    images, cache = tmp_path / "images", tmp_path / "index.json"
    images.mkdir()
    write_mosaic(images / "a.fits", band="g")
    write_mosaic(images / "b.fits", band="r", offset=(9.0, 9.0))
    (images / "notes.fits").write_text("not FITS at all")
    fits.BinTableHDU.from_columns([]).writeto(images / "table.fits")
    first = FootprintIndex.build(images, cache=cache)
    assert len(first) == 2
    assert set(first.left_out) == {"notes.fits", "table.fits"}

    opened = []
    real = fits.open
    monkeypatch.setattr(
        fits, "open", lambda path, **kw: (opened.append(path.name), real(path, **kw))[1]
    )
    again = FootprintIndex.build(images, cache=cache)
    assert (again.footprints, opened) == (first.footprints, [])
    (images / "b.fits").unlink()
    write_mosaic(images / "b.fits", band="r", offset=(0.0, 0.0), side=300)
    third = FootprintIndex.build(images, cache=cache)
    assert "a.fits" not in opened
    assert third.footprints != first.footprints
    cache.write_text("{damaged")
    assert len(FootprintIndex.build(images, cache=cache)) == 2


def test_index_finds_what_holds_a_position_and_nothing_else(tmp_path):
    write_mosaic(tmp_path / "a.fits", band="g", side=200, offset=(0, 0))
    index = FootprintIndex.build(tmp_path)
    assert [f.path for f in index.find(SKY.centre)] == ["a.fits"]
    wcs = WCS(fits.getheader(tmp_path / "a.fits"))
    for x, y, inside in ((1, 1, 1), (198, 1, 1), (-3, 100, 0), (100, 202, 0)):
        assert len(index.find(wcs.pixel_to_world(x, y))) == inside
    assert index.find(SkyCoord(263.8, 5.4, unit="deg")) == []
    empty = tmp_path / "empty"
    empty.mkdir()
    assert FootprintIndex.build(empty).find(SKY.centre) == []


def test_damaged_image_is_a_failure_and_the_rest_goes_on(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    write_mosaic(images / "a.fits", band="g")
    write_mosaic(images / "b.fits", band="r")
    with (images / "b.fits").open("r+b") as file:
        file.truncate(400_000)
    found = fetch(tmp_path / "out", local_recipe("PS1", images), bands="gr")
    assert found["S1", "g"][0] == "ok"
    assert found["S1", "r"][0] in ("truncated", "not_fits", "no_coverage", "partial")


@pytest.mark.parametrize("where", ["disk", "server"])
def test_hips_tree_is_read_back(tmp_path, where):
    order = 11
    zero_point, native = 22.5, 0.262
    options = {"order": order, "native": native, "zero_point": zero_point}
    beside = SKY.centre.directional_offset_by(30 * u.deg, 1 * u.arcmin)
    away = SKY.centre.directional_offset_by(30 * u.deg, 10 * u.deg)
    if where == "disk":
        write_tree(make_tree(SKY, **options), tmp_path / "tree")
        recipe = local_recipe("DECaLS", tmp_path / "tree")
        assert recipe.offline
        found = fetch(
            *(tmp_path / "out", recipe, SKY.centre, beside, away), survey="DECaLS"
        )
    else:
        with HipsTreeServer(SKY, **options) as server:
            recipe = local_recipe("DECaLS", f"{server.url}/tree")
            assert not recipe.offline
            found = fetch(
                *(tmp_path / "out", recipe, SKY.centre, beside, away), survey="DECaLS"
            )
            tiles = server.paths("Npix")
            assert len(tiles) == len(set(tiles))  # none is asked for twice
    outcomes = {source: outcome for (source, _), (outcome, _) in found.items()}
    assert (outcomes["S1"], outcomes["S3"]) == ("ok", "no_coverage")
    stamp = SurveyStamp.read(
        tmp_path / "out" / "DECaLS.local" / "S1_g_DECaLS.fits", target=SKY.centre
    )
    centre, flux = measure(stamp.data, stamp.wcs, radius=4.2 * u.arcsec)
    assert centre.separation(SKY.centroid()) < 0.1 * stamp.pixel_scale
    magnitude = stamp.meta["header"]["MAGZP"] - 2.5 * np.log10(flux)
    assert magnitude == pytest.approx(SKY.magnitude(), abs=0.0108)


def test_tree_a_band(tmp_path):
    for band in "gr":
        tree = make_tree(SKY, order=11, native=0.262, zero_point=22.5)
        write_tree(tree, tmp_path / "trees" / band)
    recipe = local_recipe("DECaLS", tmp_path / "trees")
    found = fetch(tmp_path / "out", recipe, bands="grz", survey="DECaLS")
    outcomes = {band: outcome for (_, band), (outcome, _) in found.items()}
    assert outcomes == {"g": "ok", "r": "ok", "z": "no_coverage"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("properties", "hips_order = eleven\n"),
        ("properties", "obs_title = nothing else\n"),
        ("properties", "hips_order = 11\nhips_tile_format = jpeg png\n"),
        ("properties", "hips_order = 11\nhips_frame = ecliptic\n"),
    ],
)
def test_tree_that_cannot_be_used_says_why(tmp_path, name, text):
    tree = make_tree(SKY, order=11, native=0.262, zero_point=22.5)
    write_tree(tree | {name: text.encode()}, tmp_path / "tree")
    recipe = local_recipe("DECaLS", tmp_path / "tree")
    found = fetch(tmp_path / "out", recipe, survey="DECaLS")
    outcome, reason = found["S1", "g"]
    assert (outcome, "properties" in reason) == ("not_fits", True)


def test_location_that_is_nothing_is_named(tmp_path):
    with pytest.raises(NotADirectoryError, match="neither a folder nor an http"):
        local_recipe("PS1", tmp_path / "missing")
    with pytest.raises(UnknownSurveyError):
        local_recipe("nobody's survey", tmp_path)
