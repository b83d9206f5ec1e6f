"""The 2D peak plot: an image beside its surface."""

import astropy.units as u
import numpy as np

from astro_vbinary.plotting.panels import draw_stamp, shown_width
from astro_vbinary.plotting.style import colour_map, image_norm, new_figure, settings
from astro_vbinary.stamps import SurveyStamp
from astro_vbinary.stamps.motion import position_at

__all__ = ["plot_peaks"]

#: Most pixels along a side of the surface: more cannot be told apart.
FINEST = 110


def plot_peaks(stamp, *, fig=None, stretch="linear", width=None):
    """Draw an image beside its surface, where two stars are two peaks.

    Parameters
    ----------
    stamp : `~astro_vbinary.stamps.SurveyStamp`
        The image: of one band, or a co-addition of several. Pixels without a
        measurement are blank in both panels.
    fig : `~matplotlib.figure.Figure`, optional
        An empty figure to draw into; a new one by default.
    stretch : str, optional
        One of ``astro_vbinary.plotting.STRETCHES``, for the colours. The height of
        the surface is always the pixel value itself.
    width : `~astropy.units.Quantity`, optional
        Side of the field that is shown, an angle; by default the image's, up to
        10 arcsec.

    Returns
    -------
    `~matplotlib.figure.Figure`
        The figure.

    Raises
    ------
    TypeError
        If ``stamp`` is no stamp.
    ValueError
        If the stretch is unknown or the width no positive angle.

    References
    ----------
    Gezer et al. (NEMESIS), figures 1 to 4.
    """
    if not isinstance(stamp, SurveyStamp):
        raise TypeError(
            f"can draw the peaks of a SurveyStamp, not of a {type(stamp).__name__}; "
            "AlignedStack.coadd makes one"
        )
    width = shown_width([stamp], width)
    with settings() as plt:
        fig = new_figure(plt, fig, (8.4, 3.9))
        grid = fig.add_gridspec(1, 2, width_ratios=[1, 1.15])
        draw_stamp(
            fig, grid[0], stamp, label=_label(stamp), stretch=stretch, width=width
        )
        _draw_surface(fig, grid[1], stamp, width, stretch)
        names = [stamp.source, stamp.survey.name if stamp.survey else None]
        fig.suptitle(" · ".join(name for name in names if name))
    return fig


def _label(stamp):
    bands = (stamp.meta or {}).get("bands")
    if bands:
        return "+".join(band or "stacked" for band in bands)
    return stamp.band or "stacked"


def _draw_surface(fig, place, stamp, width, stretch):
    axes = fig.add_subplot(place, projection="3d", computed_zorder=False)
    east, north, height = _surface(stamp, width)
    known = height[np.isfinite(height)]
    power = _power(known)
    height, known = height / 10.0**power, known / 10.0**power
    norm = image_norm(known, stretch=stretch)
    half = width.to_value(u.arcsec) / 2
    if known.size and min(height.shape) > 1:
        axes.plot_surface(
            east,
            north,
            height,
            facecolors=_face_colours(height, norm),
            rcount=height.shape[0],
            ccount=height.shape[1],
            linewidth=0,
            antialiased=False,
            shade=False,
        )
        low, high = known.min(), known.max()
        margin = 0.03 * (high - low) or 1.0
        axes.set_zlim(low - margin, high + margin)
    # East is to the left, as on the image.
    axes.set_xlim(half, -half)
    axes.set_ylim(-half, half)
    axes.set_box_aspect((1, 1, 0.72), zoom=0.93)
    axes.view_init(elev=32, azim=-62)
    axes.set_xlabel("East (arcsec)")
    axes.set_ylabel("North (arcsec)")
    factor = rf"$10^{{{power}}}$" if power else ""
    unit = " ".join(part for part in (factor, str(stamp.unit or "")) if part)
    axes.set_zlabel(f"Pixel value ({unit})" if unit else "Pixel value", labelpad=6)
    axes.tick_params(labelsize="small", pad=1)
    axes.tick_params(axis="z", pad=4)
    for side in (axes.xaxis, axes.yaxis, axes.zaxis):
        side.pane.set_facecolor("white")
        side.pane.set_edgecolor("0.8")


def _power(values):
    """Power of ten that is taken out of the labels of the height."""
    largest = np.abs(values).max(initial=0.0)
    if not largest or 0.01 <= largest < 1e4:
        return 0
    return int(np.floor(np.log10(largest)))


def _surface(stamp, width):
    """Offsets to the east and north (arcsec) and values of the pixels shown."""
    x, y = stamp.target_pixel()
    half = width.to_value(u.arcsec) / stamp.pixel_scale.value / 2
    ny, nx = stamp.shape
    columns = np.arange(max(int(np.ceil(x - half)), 0), min(int(x + half) + 1, nx))
    rows = np.arange(max(int(np.ceil(y - half)), 0), min(int(y + half) + 1, ny))
    values = np.where(stamp.bad, np.nan, np.asarray(stamp.data, dtype=float))
    values = values[np.ix_(rows, columns)]
    # Means of blocks, and not every n-th pixel, which would pass over peaks.
    block = max(-(-max(values.shape, default=1) // FINEST), 1)
    values, rows, columns = _blocks(values, rows, columns, block)
    column, row = np.meshgrid(columns, rows)
    sky = stamp.wcs.celestial.pixel_to_world(column, row).icrs
    east, north = position_at(stamp.target, stamp.epoch).spherical_offsets_to(sky)
    return east.to_value(u.arcsec), north.to_value(u.arcsec), values


def _blocks(values, rows, columns, size):
    if size == 1:
        return values, rows, columns
    ny, nx = (n // size for n in values.shape)
    values = values[: ny * size, : nx * size].reshape(ny, size, nx, size)
    # One bad pixel blanks its block: what is blank must be seen.
    values = values.mean(axis=(1, 3))
    rows = rows[: ny * size].reshape(ny, size).mean(axis=1)
    columns = columns[: nx * size].reshape(nx, size).mean(axis=1)
    return values, rows, columns


def _face_colours(height, norm):
    """Colours of the faces; none for a face with a blank corner."""
    corners = np.stack(
        [height[:-1, :-1], height[1:, :-1], height[:-1, 1:], height[1:, 1:]]
    )
    middle = corners.mean(axis=0)
    colours = colour_map()(np.clip(norm(np.nan_to_num(middle)), 0, 1))
    colours[~np.isfinite(middle)] = 0
    full = np.zeros((*height.shape, 4))
    full[:-1, :-1] = colours
    return full
