import warnings

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy_healpix import HEALPix
from hypothesis import given, settings
from hypothesis import strategies as st

from astro_vbinary.archives.hips_tiles import (
    cell_side,
    choose_order,
    find_tiles,
    parse_properties,
    resample_tiles,
    tile_path,
    tile_wcs,
)
from astro_vbinary.archives.tests.servers.measuring import measure
from astro_vbinary.archives.tests.servers.sky import Sky, make_wcs, to_fits
from astro_vbinary.stamps import SkyGrid


def _nested(order, number, column, row, width=512):
    """The cell of a tile's pixel, by the interleaved bits of the nested scheme."""
    along, across = width - 1 - row, column
    code = 0
    for bit in range(9):
        code |= (along >> bit & 1) << 2 * bit | (across >> bit & 1) << 2 * bit + 1
    return number * width**2 + code


@settings(max_examples=60, deadline=None)
@given(
    order=st.integers(0, 12),
    share=st.floats(0, 1, exclude_max=True),
    column=st.integers(0, 511),
    row=st.integers(0, 511),
)
def test_wcs_of_a_tile_puts_each_cell_where_healpix_has_it(order, share, column, row):
    number = int(share * 12 * 4**order)
    cells = HEALPix(nside=512 * 2**order, order="nested", frame="icrs")
    true = cells.healpix_to_skycoord(_nested(order, number, column, row))
    made = tile_wcs(order, number).pixel_to_world(float(column), float(row))
    # A facet's corner at a pole has no longitude.
    assert true.separation(made) < 1e-5 * cell_side(order) + 1e-5 * u.arcsec


def test_tree_written_by_reproject_is_read_back(tmp_path):
    """The tiles' convention is that of a library which is not ours."""
    from reproject import reproject_interp
    from reproject.hips import reproject_to_hips

    sky = Sky(fwhm=8.0)
    wcs = make_wcs(sky.centre, 2.0, (120, 120), angle=33.0)
    path = tmp_path / "image.fits"
    path.write_bytes(to_fits(sky.draw(wcs, (120, 120), zero_point=22.5), wcs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reproject_to_hips(
            str(path),
            coord_system_out="equatorial",
            level=8,
            reproject_function=reproject_interp,
            output_directory=str(tmp_path / "tree"),
            threads=False,
        )
    grid = SkyGrid(sky.centre, 2.0 * u.arcsec, (60, 60))
    tiles = {}
    for number in find_tiles(grid, 8):
        file = tmp_path / "tree" / tile_path(8, number)
        if file.is_file():
            tiles[number] = fits.getdata(file)
    image = resample_tiles(tiles, 8, grid)
    found, flux = measure(image, grid.wcs, radius=35 * u.arcsec)
    assert found.separation(sky.centroid()) < 0.1 * grid.pixel_scale
    # Brightness stays that of a square of 2 arcsec.
    assert flux == pytest.approx(10 ** (0.4 * (22.5 - sky.magnitude())), rel=0.01)


@pytest.mark.parametrize("frame", ["equatorial", "galactic"])
@pytest.mark.parametrize(
    ("place", "tolerance"),
    [
        ((0.0, 10.0), 1e-4),  # a corner of tiles
        ((300.1, 12.3), 1e-4),
        ((90.0, 60.0), 0.1),  # where facets meet, cells are not interpolated between
        ((45.0, 41.81), 0.1),
        ((123.4, -89.99), 0.1),
    ],
)
def test_no_seam_between_tiles(frame, place, tolerance):
    """A smooth field read back is smooth, at corners of tiles and facets."""
    centre = SkyCoord(
        *place, unit="deg", frame="galactic" if frame == "galactic" else "icrs"
    )
    grid = SkyGrid(centre.icrs, 5 * u.arcsec, (64, 64))
    order = choose_order(grid.pixel_scale, deepest=20, width=64)

    def field(wcs, shape):
        """Smooth, and a function of the place on the sky alone."""
        yy, xx = np.indices(shape)
        away = wcs.pixel_to_world(xx, yy).separation(centre).to_value(u.arcmin)
        return 3.0 + np.cos(away * 2)

    tiles = {
        number: field(tile_wcs(order, number, 64, frame=frame), (64, 64))
        for number in find_tiles(grid, order, width=64, frame=frame)
    }
    image = resample_tiles(tiles, order, grid, frame=frame)
    np.testing.assert_allclose(image, field(grid.wcs, grid.shape), atol=tolerance)


def test_cells_without_data_are_nan_and_spread_no_further():
    order = 12
    sky = Sky(fwhm=1.0)
    grid = SkyGrid(sky.centre, 0.25 * u.arcsec, (40, 40))
    tiles = {number: np.full((512, 512), 3.0) for number in find_tiles(grid, order)}
    first = next(iter(tiles))
    _, y = tile_wcs(order, first).world_to_pixel(grid.center)
    tiles[first][round(float(y)) :, :] = np.nan
    image = resample_tiles(tiles, order, grid)
    good = np.isfinite(image)
    assert 0.2 < good.mean() < 0.8
    np.testing.assert_allclose(image[good], 3.0, rtol=0.1)


def test_order_is_fine_enough_but_no_finer_than_there_is():
    assert choose_order(1 * u.arcsec, deepest=20) == 9
    assert choose_order(0.03 * u.arcsec, deepest=11) == 11
    assert choose_order(400 * u.deg, deepest=11) == 0
    for scale in (0.05, 0.25, 0.396, 1.0, 2.75) * u.arcsec:
        order = choose_order(scale, deepest=20)
        assert cell_side(order) <= 1.05 * scale < cell_side(order - 1)


def test_properties_are_read_as_the_standard_writes_them():
    text = "# a comment\nhips_order   = 11\nobs_title = a = b\n\nhips_frame=galactic\n"
    expected = {"hips_order": "11", "obs_title": "a = b", "hips_frame": "galactic"}
    assert parse_properties(text) == expected


def test_unknown_frame_is_named():
    with pytest.raises(ValueError, match="'ecliptic' is not one of equatorial"):
        tile_wcs(3, 4, frame="ecliptic")
