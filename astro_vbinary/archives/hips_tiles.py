"""Where the tiles of a HiPS lie, and how an image is interpolated from them."""

import astropy.units as u
import numpy as np
from astropy.wcs import WCS
from scipy import ndimage

__all__ = [
    "cell_side",
    "choose_order",
    "find_tiles",
    "parse_properties",
    "resample_tiles",
    "tile_path",
    "tile_wcs",
]

#: An order is fine enough where its cells are at most so much larger than pixels.
ROUNDING = 1.05

#: Facets of the HPX projection: longitude and plane (degrees) of their centres, by
#: rows from the north (Calabretta & Roukema 2007, MNRAS 381, 865, figure 1).
FACET_ROWS = ((45.0, 45.0), (0.0, 0.0), (45.0, -45.0))

#: Axes of the projection by ``hips_frame``.
AXES = {"equatorial": ("RA--", "DEC-"), "galactic": ("GLON", "GLAT")}

#: Cells kept around those that are interpolated from, for the spline.
MARGIN = 12

#: Cells around an image whose tiles are needed too.
RIM = 5


def cell_side(order, width=512):
    """Side of a square of the area of a cell.

    Parameters
    ----------
    order : int
        Order of the tiles.
    width : int, optional
        Cells along the side of a tile.

    Returns
    -------
    `~astropy.units.Quantity`
        The angle in arcsec.
    """
    return (np.sqrt(np.pi / 3) / 2**order / width * u.rad).to(u.arcsec)


def choose_order(pixel_scale, *, deepest, width=512):
    """Order whose cells are no larger than pixels, as far as the HiPS goes.

    Parameters
    ----------
    pixel_scale : `~astropy.units.Quantity`
        Side of a pixel, an angle.
    deepest : int
        The deepest order that there is (``hips_order`` of the properties).
    width : int, optional
        Cells along the side of a tile.

    Returns
    -------
    int
        The lowest order whose cells are at most 5 % larger than the pixels, or the
        deepest.

    References
    ----------
    Fernique, P. et al. 2017, HiPS - Hierarchical Progressive Survey 1.0, IVOA
    Recommendation, doi:10.5479/ADS/bib/2017ivoa.spec.0519F.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.archives.hips_tiles import choose_order
    >>> [choose_order(scale * u.arcsec, deepest=11) for scale in (0.25, 2)]
    [11, 8]
    """
    ratio = cell_side(0, width) / (u.Quantity(pixel_scale) * ROUNDING)
    order = int(np.ceil(np.log2(ratio.to_value(u.one))))
    return min(max(order, 0), int(deepest))


def tile_path(order, number, extension="fits"):
    """Where a tile is below the root of a HiPS.

    Parameters
    ----------
    order, number : int
        The tile.
    extension : str, optional
        Kind of the file.

    Returns
    -------
    str
        A relative path, as in section 4.1 of the standard.
    """
    folder = number // 10_000 * 10_000
    return f"Norder{order}/Dir{folder}/Npix{number}.{extension}"


def parse_properties(text):
    """What the file ``properties`` of a HiPS says.

    Parameters
    ----------
    text : str
        Lines of ``key = value``; others are comments.

    Returns
    -------
    dict of str to str
        The values by their keys.
    """
    pairs = (
        line.split("=", 1)
        for line in text.splitlines()
        if "=" in line and not line.startswith("#")
    )
    return {key.strip(): value.strip() for key, value in pairs}


def tile_wcs(order, number, width=512, *, frame="equatorial"):
    """The WCS of a tile, in the plane of its facet.

    Parameters
    ----------
    order, number : int
        The tile, in the nested scheme.
    width : int, optional
        Cells along the side of a tile.
    frame : {"equatorial", "galactic"}, optional
        Frame of the HiPS.

    Returns
    -------
    `~astropy.wcs.WCS`
        HPX projection, whose origin is so placed that no facet is torn.

    Raises
    ------
    ValueError
        If the frame is unknown.
    """
    _check_frame(frame)
    facet, along, across = _unravel(order, number)
    longitude, plane_y = FACET_ROWS[facet // 4]
    origin = 90.0 * (facet % 4)
    cells = width * 2**order
    # The projection's origin, in cells of the facet: along grows to the north-east,
    # across to the north-west.
    east = 0.5 * cells * (1 - plane_y / 45 - longitude / 45)
    west = 0.5 * cells * (1 - plane_y / 45 + longitude / 45)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{axis}-HPX" for axis in AXES[frame]]
    wcs.wcs.crval = [origin, 0.0]
    step = 45 / cells
    # Columns of a tile run to the north-west and rows to the south-west.
    wcs.wcs.cd = [[-step, -step], [step, -step]]
    wcs.wcs.crpix = [
        west - across * width + 0.5,
        (along + 1) * width - east + 0.5,
    ]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.array_shape = (width, width)
    wcs.wcs.set()
    return wcs


def _unravel(order, number):
    """Facet of a nested cell, and its place in it."""
    facet, rest = divmod(int(number), 4**order)
    along = sum((rest >> 2 * bit & 1) << bit for bit in range(order))
    across = sum((rest >> 2 * bit + 1 & 1) << bit for bit in range(order))
    return facet, along, across


def find_tiles(grid, order, *, width=512, frame="equatorial"):
    """Tiles that an image on the sky reaches.

    Parameters
    ----------
    grid : `~astro_vbinary.stamps.SkyGrid`
        The image.
    order : int
        Order of the tiles.
    width : int, optional
        Cells along the side of a tile.
    frame : {"equatorial", "galactic"}, optional
        Frame of the HiPS.

    Returns
    -------
    tuple of int
        Numbers of the tiles, ascending.

    Raises
    ------
    ValueError
        If the frame is unknown.
    """
    from astropy_healpix import HEALPix

    ny, nx = grid.shape
    # Every pixel, since an image may reach just the corner of a tile; and around them
    # as many as the cells that a spline needs.
    rim = int(np.ceil((RIM * cell_side(order, width) / grid.pixel_scale).to_value("")))
    x, y = np.meshgrid(np.arange(-rim, nx + rim), np.arange(-rim, ny + rim))
    places = grid.wcs.pixel_to_world(x, y).ravel()
    cells = HEALPix(nside=2**order, order="nested", frame=_frame(frame))
    return tuple(map(int, np.unique(cells.skycoord_to_healpix(places))))


def _frame(frame):
    from astropy.coordinates import ICRS, Galactic

    _check_frame(frame)
    return Galactic() if frame == "galactic" else ICRS()


def _check_frame(frame):
    if frame not in AXES:
        raise ValueError(f"hips_frame {frame!r} is not one of {', '.join(AXES)}")


def resample_tiles(tiles, order, grid, *, frame="equatorial"):
    """Interpolate an image from tiles.

    Tiles of one facet are put together first, so that there are no seams between
    them, and interpolated by a cubic spline.

    Parameters
    ----------
    tiles : dict of int to `~numpy.ndarray`
        Pixels of the tiles by their numbers, NaN where there are no data.
    order : int
        Their order.
    grid : `~astro_vbinary.stamps.SkyGrid`
        The image that is made.
    frame : {"equatorial", "galactic"}, optional
        Frame of the HiPS.

    Returns
    -------
    `~numpy.ndarray`
        Shape of the grid, float64, NaN where there are no data. Values are those of
        the tiles: brightness, not flux.
    """
    ny, nx = grid.shape
    out = np.full((ny, nx), np.nan)
    sky = grid.wcs.pixel_to_world(*np.meshgrid(np.arange(nx), np.arange(ny)))
    for facet in sorted({_unravel(order, number)[0] for number in tiles}):
        canvas, wcs = _join(
            {n: t for n, t in tiles.items() if _unravel(order, n)[0] == facet},
            order,
            frame,
        )
        x, y = wcs.world_to_pixel(sky)
        inside = (x >= -0.5) & (x < canvas.shape[1] - 0.5)
        inside &= (y >= -0.5) & (y < canvas.shape[0] - 0.5)
        if inside.any():
            values = _interpolate(canvas, x[inside], y[inside])
            out[inside] = np.where(np.isfinite(values), values, out[inside])
    return out


def _join(tiles, order, frame):
    """Tiles of one facet on one canvas, and its WCS."""
    width = next(iter(tiles.values())).shape[0]
    places = {number: _unravel(order, number)[1:] for number in tiles}
    top = max(along for along, _ in places.values())
    left = min(across for _, across in places.values())
    rows = top - min(along for along, _ in places.values()) + 1
    columns = max(across for _, across in places.values()) - left + 1
    canvas = np.full((rows * width, columns * width), np.nan)
    for number, (along, across) in places.items():
        y, x = (top - along) * width, (across - left) * width
        canvas[y : y + width, x : x + width] = tiles[number]
    some, (along, across) = next(iter(places.items()))
    wcs = tile_wcs(order, some, width, frame=frame)
    shift = np.array([(across - left) * width, (top - along) * width])
    wcs.wcs.crpix = wcs.wcs.crpix + shift
    wcs.array_shape = canvas.shape
    wcs.wcs.set()
    return canvas, wcs


def _interpolate(image, x, y):
    """Cubic spline; NaN where a cell without data has a say."""
    x0, y0 = (max(int(np.floor(v.min())) - MARGIN, 0) for v in (x, y))
    x1, y1 = (int(np.ceil(v.max())) + MARGIN + 1 for v in (x, y))
    part = image[y0:y1, x0:x1]
    bad = ~np.isfinite(part)
    places = np.array([y - y0, x - x0])
    options = {"mode": "nearest"}
    values = ndimage.map_coordinates(
        np.where(bad, 0.0, part), places, order=3, **options
    )
    if bad.any():
        # A spline rings around the zeros put in, by a thousandth after five cells.
        near = ndimage.binary_dilation(bad, iterations=2).astype(float)
        share = ndimage.map_coordinates(near, places, order=1, **options)
        values[share > 1e-6] = np.nan
    return values
