"""What a HiPS server makes of a stamp: finer pixels, resampled twice.

Archives that serve cutouts of any size keep an image as tiles of HEALPix cells. It
was interpolated onto the cells once, when the tiles were made, and is interpolated
again onto the pixels that a user asks for.
"""

import astropy.units as u
import numpy as np
from astropy.wcs import WCS
from scipy import ndimage

from astro_vbinary.stamps import SkyGrid, StampStack, SurveyStamp
from astro_vbinary.stamps.grid import pixel_area, sky_to_pixel
from astro_vbinary.stamps.motion import position_at

__all__ = ["HIPS_SCALE", "HIPS_SIDE", "hips_order", "to_hips"]

#: The form in which the reference work keeps every survey: pixels along a side, and
#: the side of one: about 10 arcsec in all.
HIPS_SIDE, HIPS_SCALE = 322, 10.0 / 322 * u.arcsec

#: Degree of the spline of each interpolation.
ORDERS = {"nearest": 0, "bilinear": 1, "bicubic": 3}

#: Cells along the side of a tile.
TILE_WIDTH = 512

#: Side of a cell of order zero on the sky, whose area is a twelfth of the sphere, and
#: in the plane of the HPX projection (Calabretta & Roukema 2007), both in arcsec.
CELL_SKY = np.sqrt(4 * np.pi / 12) * u.rad.to(u.arcsec)
CELL_PLANE = 90 / np.sqrt(2) * 3600

#: An order is fine enough where its cells are at most so much larger than pixels.
ROUNDING = 1.05

#: Highest order of a HiPS (Fernique et al. 2017, section 4.1).
HIGHEST_ORDER = 20


def hips_order(pixel_scale):
    """Order of the tiles that keep the detail of an image.

    Parameters
    ----------
    pixel_scale : `~astropy.units.Quantity`
        Side of the image's pixels, an angle.

    Returns
    -------
    int
        The lowest order whose cells are no larger than the pixels, by 5 % at most.

    Raises
    ------
    ValueError
        If the scale is not positive.

    References
    ----------
    Fernique, P. et al. 2017, HiPS - Hierarchical Progressive Survey 1.0, IVOA
    Recommendation, doi:10.5479/ADS/bib/2017ivoa.spec.0519F.

    Examples
    --------
    >>> import astropy.units as u
    >>> from astro_vbinary.simulation import hips_order
    >>> hips_order(0.396 * u.arcsec), hips_order(0.25 * u.arcsec)
    (10, 11)
    """
    scale = u.Quantity(pixel_scale).to_value(u.arcsec)
    if not scale > 0:
        raise ValueError(f"pixel_scale must be positive, not {pixel_scale}")
    order = np.ceil(np.log2(CELL_SKY / TILE_WIDTH / (scale * ROUNDING)))
    return int(np.clip(order, 0, HIGHEST_ORDER))


def to_hips(
    stamp, *, side=HIPS_SIDE, pixel_scale=HIPS_SCALE, order="bilinear", tiles=True
):
    """Resample a stamp, or each stamp of a stack, as a HiPS server does.

    The image is interpolated onto the HEALPix cells of the tiles, which stand on a
    corner where north is up, and from there onto a small tangent plane around the
    target. Values are kept as they are, as in the tiles: they no longer are flux a
    pixel, but stay proportional to surface brightness.

    Parameters
    ----------
    stamp : `~astro_vbinary.stamps.SurveyStamp` or `~astro_vbinary.stamps.StampStack`
        On its own pixels.
    side : int, optional
        Pixels along each axis of the result.
    pixel_scale : `~astropy.units.Quantity`, optional
        Side of a pixel of the result, an angle.
    order : str, optional
        ``nearest``, ``bilinear`` (as the usual tools do) or ``bicubic``.
    tiles : bool, optional
        Whether the image passes through tiles; without, it is interpolated once.

    Returns
    -------
    `~astro_vbinary.stamps.SurveyStamp` or `~astro_vbinary.stamps.StampStack`
        Like the input, float32, with NaN where the image does not reach, is masked or
        is not finite. There is no uncertainty: the tiles have none.

    Raises
    ------
    ValueError
        If the order is unknown, or side or scale are not positive.

    References
    ----------
    Fernique, P. et al. 2015, A&A 578, A114 (the tiles); Boch, T. et al. 2020, ADASS
    XXIX, ASP Conf. Ser. 527, 121 (cutouts by bilinear interpolation of the four
    nearest cells); Calabretta, M. R. & Roukema, B. F. 2007, MNRAS 381, 865 (HEALPix
    cells as a projection).

    Examples
    --------
    >>> import astropy.units as u, numpy as np
    >>> from astropy.coordinates import SkyCoord
    >>> from astro_vbinary import SkyGrid, SurveyStamp
    >>> from astro_vbinary.simulation import to_hips
    >>> grid = SkyGrid(SkyCoord(83.8, -5.4, unit="deg"), 0.25 * u.arcsec, (48, 48))
    >>> stamp = SurveyStamp(np.ones((48, 48)), grid.wcs, survey="PS1", band="g")
    >>> to_hips(stamp)
    <SurveyStamp Pan-STARRS g 322 x 322 px of 0.03106 arcsec>
    """
    if order not in ORDERS:
        raise ValueError(f"unknown order {order!r}; known: {', '.join(ORDERS)}")
    if int(side) < 1:
        raise ValueError(f"side must be a positive number of pixels, not {side}")
    if isinstance(stamp, StampStack):
        made = [
            _resample(one, stamp.target, int(side), pixel_scale, ORDERS[order], tiles)
            for one in stamp
        ]
        return StampStack(made, target=None if stamp.target_assumed else stamp.target)
    return _resample(stamp, stamp.target, int(side), pixel_scale, ORDERS[order], tiles)


def _resample(stamp, target, side, pixel_scale, degree, tiles):
    centre = position_at(target, stamp.epoch).icrs
    grid = SkyGrid(centre, pixel_scale, (side, side))
    image = np.array(stamp.data, dtype=float)
    if stamp.mask is not None:
        image[np.asarray(stamp.mask, dtype=bool)] = np.nan
    wcs = stamp.wcs
    if tiles:
        native = np.sqrt(pixel_area(wcs, centre))
        reach = side * grid.pixel_scale.value * np.sqrt(2)
        cells = _cells(centre, hips_order(native), reach)
        if cells is not None:
            image = _interpolate(image, wcs, *cells, centre, degree)
            wcs = cells[0]
    image = _interpolate(image, wcs, grid.wcs, grid.shape, centre, degree)
    meta = {key: value for key, value in (stamp.meta or {}).items() if key != "header"}
    return SurveyStamp(
        image.astype(np.float32),
        grid.wcs,
        survey=stamp.survey,
        band=stamp.band,
        source=stamp.source,
        target=None if stamp.target_assumed else stamp.target,
        unit=stamp.unit,
        epoch=stamp.epoch,
        meta=meta,
    )


def _cells(centre, order, reach):
    """Projection and shape of the cells around a position; None at a seam."""
    plane = WCS(naxis=2)
    plane.wcs.ctype = ["RA---HPX", "DEC--HPX"]
    plane.wcs.crval = [90.0 * round(centre.ra.deg / 90) % 360, 0.0]
    step = CELL_PLANE / 3600 / TILE_WIDTH / 2**order
    plane.wcs.cdelt = [-step, step]
    # Cells stand on a corner.
    half = np.sqrt(0.5)
    plane.wcs.pc = [[half, -half], [half, half]]
    plane.wcs.crpix = [0.5, 0.5]
    plane.wcs.set()
    # The projection's origin is a corner of cells, so that their centres are half
    # a cell off: crpix of 0.5 puts them on whole pixels.
    size = int(np.ceil(reach * np.sqrt(2) / (CELL_SKY / TILE_WIDTH / 2**order))) + 4
    first = np.floor(sky_to_pixel(plane, centre)) - size // 2
    plane.wcs.crpix = plane.wcs.crpix - first
    plane.wcs.set()
    # Cells are of one size everywhere, but where two facets of the polar caps meet
    # the projection is torn: there is nothing between them.
    around = np.linspace(0, size - 1, 9)
    world = plane.all_pix2world(*np.meshgrid(around, around), 0)
    if not np.isfinite(world).all():
        return None
    area = pixel_area(plane, centre).value
    if abs(area / (CELL_SKY / TILE_WIDTH / 2**order) ** 2 - 1) > 0.05:
        return None
    return plane, (size, size)


def _interpolate(image, wcs, target_wcs, shape, centre, degree):
    """Resample, by the affine map that two small images are related by."""
    x, y = sky_to_pixel(target_wcs, centre)
    step = max(shape) / 4
    places = np.array([[x, x + step, x - step, x, x], [y, y, y, y + step, y - step]])
    found = _follow(target_wcs, wcs, places)
    if not np.isfinite(found).all():
        raise ValueError(f"nothing is known of the image at {centre.to_string()}")
    along_x = (found[:, 1] - found[:, 2]) / (2 * step)
    along_y = (found[:, 3] - found[:, 4]) / (2 * step)
    matrix = np.array([[along_y[1], along_x[1]], [along_y[0], along_x[0]]])
    offset = found[::-1, 0] - matrix @ np.array([y, x])
    values = image
    if degree > 1:
        # A spline would carry one NaN everywhere.
        bad = ~np.isfinite(image)
        values = np.where(bad, 0.0, image)
    options = {"output_shape": shape, "mode": "constant", "cval": np.nan}
    out = ndimage.affine_transform(values, matrix, offset, order=degree, **options)
    if degree > 1 and bad.any():
        share = ndimage.affine_transform(
            bad.astype(float), matrix, offset, order=1, **options
        )
        out[~(share < 1e-3)] = np.nan
    return out


def _follow(source, target, places):
    return np.array(sky_to_pixel(target, source.pixel_to_world(*places)))
