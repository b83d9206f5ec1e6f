"""One image of the sky in one pair of axes, with what makes it readable."""

import astropy.units as u
import numpy as np

from astro_vbinary.exceptions import NoCelestialWCSError
from astro_vbinary.plotting.style import (
    BLANK_COLOUR,
    MARK_COLOUR,
    colour_map,
    image_norm,
)
from astro_vbinary.stamps.motion import position_at

__all__ = ["draw_stamp", "pixel_offset", "shown_width"]

#: Widest field that a panel shows, centred on the target.
FIELD = 10 * u.arcsec

#: Lengths of scale bars in arcsec; the longest that fills under a third is taken.
BARS = (0.2, 0.5, 1.0, 2.0, 5.0)

#: Rotation in degrees from which on lines show where the ticks belong.
ROTATED = 8

#: Length of the compass's arrows as a share of the panel.
COMPASS_LENGTH = 0.11


def draw_stamp(
    fig,
    place,
    stamp,
    *,
    label="",
    stretch="asinh",
    width=FIELD,
    ticks="lb",
    compass=True,
):
    """Draw a stamp into new axes: image, 2.5-arcsec circle, scale bar, compass.

    The image keeps its own pixels and orientation. The ticks are offsets from the
    target to the east and the north.

    Parameters
    ----------
    fig : `~matplotlib.figure.Figure`
        The figure.
    place : `~matplotlib.gridspec.SubplotSpec`
        Where in it.
    stamp : `~astro_vbinary.stamps.SurveyStamp`
        The image.
    label : str, optional
        Text in the upper left corner.
    stretch : str, optional
        As for `~astro_vbinary.plotting.style.image_norm`.
    width : `~astropy.units.Quantity`, optional
        Side of the field that is shown, an angle.
    ticks : str, optional
        Edges that have ticks: ``l``, ``b``, both or none.
    compass : bool, optional
        Whether there are arrows to the north and the east.

    Returns
    -------
    `~astropy.visualization.wcsaxes.WCSAxes`
        The axes.

    Raises
    ------
    NoCelestialWCSError
        If the stamp has no WCS.
    """
    if stamp.wcs is None:
        raise NoCelestialWCSError(f"{stamp!r} has no WCS to draw it with")
    axes = fig.add_subplot(place, projection=stamp.wcs.celestial)
    data = np.where(stamp.bad, np.nan, np.asarray(stamp.data, dtype=float))
    x, y = stamp.target_pixel()
    half = width.to_value(u.arcsec) / stamp.pixel_scale.value / 2
    rows, columns = np.indices(data.shape)
    seen = (abs(columns - x) <= half) & (abs(rows - y) <= half)
    norm = image_norm(data[seen], stretch=stretch)
    image = axes.imshow(data, cmap=colour_map(), norm=norm, origin="lower")
    # The layout is of what is shown: an image may lie outside it, and the frame of
    # WCSAxes is not where it belongs before it is drawn.
    image.set_in_layout(False)
    axes.patch.set_in_layout(False)
    axes.set_facecolor(BLANK_COLOUR)
    axes.set_xlim(x - half, x + half)
    axes.set_ylim(y - half, y + half)
    circle = stamp.aperture.to_pixel(stamp.wcs.celestial).as_artist(
        edgecolor=MARK_COLOUR, facecolor="none", linewidth=1.1, linestyle="--"
    )
    circle.set_gid("aperture")
    axes.add_patch(circle)
    _draw_scale_bar(axes, stamp, 2 * half)
    if compass:
        _draw_compass(axes, stamp, 2 * half)
    if label:
        _text(axes, 0.04, 0.96, label, ha="left", va="top", weight="bold")
    _draw_ticks(axes, stamp, ticks)
    return axes


def shown_width(stamps, width=None):
    """Side of the field that shows the stamps: as wide as they are, up to a limit.

    Parameters
    ----------
    stamps : iterable of `~astro_vbinary.stamps.SurveyStamp`
        The images.
    width : `~astropy.units.Quantity`, optional
        Wanted by the caller, an angle; by default 10 arcsec, or less where every
        image is smaller, but never less than the 2.5-arcsec circle needs.

    Returns
    -------
    `~astropy.units.Quantity`
        The side, in arcsec.

    Raises
    ------
    ValueError
        If the wanted width is not a positive angle.
    """
    if width is not None:
        width = u.Quantity(width)
        if not (width.unit.is_equivalent(u.arcsec) and width.value > 0):
            raise ValueError(f"width must be a positive angle, not {width}")
        return width.to(u.arcsec)
    widest = max(max(s.shape) * s.pixel_scale.to_value(u.arcsec) for s in stamps)
    return np.clip(widest, 5.6, FIELD.value) * u.arcsec


def pixel_offset(stamp, east, north):
    """Pixel position of an offset from the target on the sky.

    Parameters
    ----------
    stamp : `~astro_vbinary.stamps.SurveyStamp`
        The image.
    east, north : float
        In arcsec.

    Returns
    -------
    tuple of float
        (x, y), zero at the centre of the first pixel.
    """
    target = position_at(stamp.target, stamp.epoch)
    angle = np.arctan2(east, north) * u.rad
    moved = target.directional_offset_by(angle, np.hypot(east, north) * u.arcsec)
    x, y = stamp.wcs.celestial.world_to_pixel(moved)
    return float(x), float(y)


def _text(axes, x, y, text, **kwargs):
    from matplotlib import patheffects

    # A dark outline keeps the marks readable on a bright nebula.
    outline = [patheffects.withStroke(linewidth=2, foreground="black", alpha=0.7)]
    kwargs = {"color": "white", "fontsize": "small", "path_effects": outline, **kwargs}
    return axes.text(x, y, text, transform=axes.transAxes, **kwargs)


def _draw_scale_bar(axes, stamp, side):
    from matplotlib import patheffects

    scale = stamp.pixel_scale.value
    length = max((b for b in BARS if b / scale <= side / 3), default=BARS[0])
    share = length / scale / side
    outline = [patheffects.withStroke(linewidth=3.2, foreground="black", alpha=0.7)]
    axes.plot(
        [0.95 - share, 0.95],
        [0.06, 0.06],
        color="white",
        linewidth=1.8,
        solid_capstyle="butt",
        transform=axes.transAxes,
        path_effects=outline,
        gid="scale bar",
    )
    _text(axes, 0.95 - share / 2, 0.075, f'{length:g}"', ha="center", va="bottom")


def _draw_compass(axes, stamp, side):
    from matplotlib import patheffects

    outline = [patheffects.withStroke(linewidth=2.6, foreground="black", alpha=0.7)]
    x0, y0 = stamp.target_pixel()
    tips = {}
    for name, offset in {"N": (0.0, 1.0), "E": (1.0, 0.0)}.items():
        x, y = pixel_offset(stamp, *offset)
        direction = np.array([x - x0, y - y0])
        tips[name] = direction / np.hypot(*direction) * COMPASS_LENGTH
    # The corner in which both arrows stay, whatever the orientation.
    reach = 1.75
    base = np.array([0.05, 0.05]) - np.minimum(
        0, np.min(list(tips.values()), 0) * reach
    )
    for name, tip in tips.items():
        axes.annotate(
            "",
            xy=base + tip,
            xytext=base,
            xycoords="axes fraction",
            arrowprops={
                "arrowstyle": "-|>",
                "color": MARK_COLOUR,
                "linewidth": 1.0,
                "shrinkA": 0,
                "shrinkB": 0,
                "mutation_scale": 7,
                "path_effects": outline,
            },
            gid=f"compass {name}",
        )
        x, y = base + tip * 1.45
        _text(axes, x, y, name, ha="center", va="center", color=MARK_COLOUR, gid=name)


def _draw_ticks(axes, stamp, ticks):
    for own in axes.coords:
        own.set_ticks_visible(False)
        own.set_ticklabel_visible(False)
        own.set_axislabel("")
    if not ticks:
        return
    x0, y0 = stamp.target_pixel()
    x, y = pixel_offset(stamp, 1.0, 0.0)
    # Each offset has its ticks on the edge that it runs along.
    along, across = abs(x - x0), abs(y - y0)
    names = ("East", "North") if along >= across else ("North", "East")
    turn = np.rad2deg(np.arctan2(min(along, across), max(along, across)))
    target = position_at(stamp.target, stamp.epoch)
    overlay = axes.get_coords_overlay(target.skyoffset_frame())
    overlay[0].set_coord_type("longitude", 180 * u.deg)
    if turn > ROTATED:
        overlay.grid(color="white", alpha=0.35, linewidth=0.6)
    for name, sides in zip(names, "bl", strict=True):
        helper = overlay[("East", "North").index(name)]
        helper.set_ticks(spacing=2 * u.arcsec, color="0.5")
        if sides not in ticks:
            helper.set_ticks_visible(False)
            helper.set_ticklabel_visible(False)
            # An empty label keeps WCSAxes from writing a name of its own.
            helper.set_axislabel("")
            continue
        helper.set_format_unit(u.arcsec, decimal=True, show_decimal_unit=False)
        helper.set_ticks_position(sides)
        helper.set_ticklabel_position(sides)
        helper.set_axislabel_position(sides)
        helper.set_axislabel(f"{name} (arcsec)", minpad=0.6)
        helper.set_ticklabel(size="small")
