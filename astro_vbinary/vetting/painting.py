"""From stamps to the pictures of the page: north up, one scale, quickly."""

import io
import threading
from dataclasses import dataclass

import astropy.units as u
import numpy as np

from astro_vbinary.exceptions import StampError, TargetOutsideError
from astro_vbinary.plotting.style import colour_map, image_norm
from astro_vbinary.stamps import StampStack, SurveyStamp
from astro_vbinary.stamps.motion import position_at
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT
from astro_vbinary.vetting.cache import ByteCache
from astro_vbinary.vetting.look import CUTS, Look

__all__ = ["Cutout", "Painter", "paint", "read_cutout", "warm_up"]

#: Side of a picture in pixels.
SIDE = 320

#: Side of the square that is read of a larger image: the widest field and its corners.
READ_SIZE = 30 * u.arcsec

#: Radius of the circle of a visual binary in arcsec.
LIMIT = VISUAL_BINARY_LIMIT.to_value(u.arcsec)

#: Bytes of pixels, and of finished pictures, that are kept.
PIXEL_MEMORY, PICTURE_MEMORY = 64 * 2**20, 32 * 2**20


@dataclass(frozen=True)
class Cutout:
    """Pixels around a target, and where on the sky they are.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (ny, nx), float32; NaN where there is no measurement.
    center : tuple of float
        (x, y) of the target.
    matrix : `~numpy.ndarray`
        Shape (2, 2): pixels in x and y (rows) for an arcsec to the east and to the
        north (columns).
    """

    data: np.ndarray
    center: tuple
    matrix: np.ndarray


class Painter:
    """Pictures of the images of a project; those made lately are kept.

    Threads may share one. Files are read one after another.

    Parameters
    ----------
    project : `~astro_vbinary.vetting.VettingProject`
        The sources.
    pixel_memory, picture_memory : int, optional
        Bytes of pixels and of finished pictures that are kept.
    """

    def __init__(
        self, project, *, pixel_memory=PIXEL_MEMORY, picture_memory=PICTURE_MEMORY
    ):
        self._project = project
        self._cutouts = ByteCache(pixel_memory)
        self._pictures = ByteCache(picture_memory)
        self._reading, self._drawing = threading.Lock(), threading.Lock()

    def picture(self, number, view, look):
        """One image as PNG.

        Parameters
        ----------
        number : int
            The source.
        view : int
            Which of its views.
        look : Look
            How it is shown.

        Returns
        -------
        bytes
            The file: 320 x 320 pixels, north up and east to the left, the target in
            the middle.

        Raises
        ------
        ~astro_vbinary.exceptions.StampError
            If it cannot be shown; the message says why.
        IndexError
            If there is no such view.
        """
        key = (number, view, look)
        made = self._pictures.get(key)
        if made is None:
            made = _to_png(paint(self._cutout(number, view), look))
            self._pictures.put(key, made, len(made))
        return made

    def reason(self, number, view):
        """Why an image cannot be shown, as far as it is known without reading it.

        Parameters
        ----------
        number, view : int
            As for `picture`.

        Returns
        -------
        str
            Empty where nothing is known against it.
        """
        kept = self._cutouts.get((number, view))
        if isinstance(kept, StampError):
            return str(kept)
        return self._project.sources[number].views[view].reason

    def peaks(self, number, survey, look):
        """The peak plot of a source in one survey: its co-added bands as a surface.

        Parameters
        ----------
        number : int
            The source.
        survey : int
            Which of its surveys.
        look : Look
            How the image beside the surface is shown.

        Returns
        -------
        bytes
            A PNG file.

        Raises
        ------
        ~astro_vbinary.exceptions.VBinaryError
            If no stamp of the survey can be drawn.
        IndexError
            If there is no such survey.
        """
        key = (number, survey, "peaks", look)
        made = self._pictures.get(key)
        if made is None:
            made = self._draw_peaks(number, survey, look)
            self._pictures.put(key, made, len(made))
        return made

    def _draw_peaks(self, number, survey, look):
        from matplotlib.figure import Figure

        from astro_vbinary.plotting import plot_peaks

        source = self._project.sources[number]
        name = source.surveys[survey]
        files = [v.file for v in source.views if v.survey == name and v.file]
        if not files:
            raise StampError(f"{source.name} has no image in {name}")
        with self._reading:
            stack = StampStack.read_files(files, target=source.target, on_error="drop")
            stamp = stack.align().coadd()
        # Settings of matplotlib are global, so one figure at a time.
        with self._drawing:
            fig = Figure(figsize=(8.4, 3.9), layout="constrained")
            plot_peaks(stamp, fig=fig, stretch=look.stretch)
            buffer = io.BytesIO()
            fig.savefig(buffer, format="png", dpi=90)
        return buffer.getvalue()

    def _cutout(self, number, view):
        key = (number, view)
        kept = self._cutouts.get(key)
        if kept is None:
            with self._reading:
                # Another thread may have read it while this one waited.
                kept = self._cutouts.get(key)
                if kept is None:
                    kept = self._read(number, view)
                    size = 500 if isinstance(kept, StampError) else kept.data.nbytes
                    self._cutouts.put(key, kept, size)
        if isinstance(kept, StampError):
            raise kept
        return kept

    def _read(self, number, view):
        source = self._project.sources[number]
        shown = source.views[view]
        if shown.file is None:
            return StampError(shown.reason)
        try:
            return read_cutout(shown.file, source.target)
        except StampError as error:
            return error
        except Exception as error:  # one bad file never stops a session
            return StampError(f"{type(error).__name__}: {error}")


def read_cutout(file, target, *, size=READ_SIZE):
    """Read what is around a target.

    Parameters
    ----------
    file : `~astro_vbinary.stamps.StampFile`
        The file.
    target : `~astropy.coordinates.SkyCoord` or None
        Where the source is; None for the middle of the image.
    size : `~astropy.units.Quantity`, optional
        Side of the square that is read of a larger image, an angle.

    Returns
    -------
    Cutout
        The pixels.

    Raises
    ------
    ~astro_vbinary.exceptions.StampError
        If the file cannot be used, or the target is not on the image.
    """
    stamp = SurveyStamp.read(
        file.location,
        survey=file.survey,
        band=file.band,
        source=file.source,
        hdu=file.hdu,
        target=target,
        size=size,
    )
    x, y = stamp.target_pixel()
    ny, nx = stamp.shape
    if not (-0.5 <= x <= nx - 0.5 and -0.5 <= y <= ny - 0.5):
        raise TargetOutsideError("the target is not on the image")
    # Over a stamp the sky is flat: three pixels tell how it lies.
    sky = stamp.wcs.celestial.pixel_to_world([x, x + 1, x], [y, y, y + 1]).icrs
    center = position_at(stamp.target, stamp.epoch)
    east, north = (a.to_value(u.arcsec) for a in center.spherical_offsets_to(sky))
    step = np.array([east[1:] - east[0], north[1:] - north[0]])
    data = np.where(stamp.bad, np.nan, np.asarray(stamp.data, dtype=np.float32))
    return Cutout(data.astype(np.float32), (x, y), np.linalg.inv(step))


def paint(cutout, look):
    """The colours of a picture.

    Parameters
    ----------
    cutout : Cutout
        The image.
    look : Look
        How it is shown.

    Returns
    -------
    `~numpy.ndarray` of uint8
        Shape (320, 320, 4), red, green, blue and alpha; north in the first row, east
        in the first column.
    """
    values = sample(cutout, look.field, SIDE)
    return apply_colours(values, norm_of(values, look), look.colours)


def sample(cutout, field, side):
    """The values of a picture: north up, east to the left, the target in the middle.

    Every pixel of the picture has the value of the image's pixel that it lies in, and
    so pixels stay visible; where the image's are smaller, the mean of those in it.

    Parameters
    ----------
    cutout : Cutout
        The image.
    field : float
        Side of the picture in arcsec.
    side : int
        The same in pixels.

    Returns
    -------
    `~numpy.ndarray`
        Shape (side, side), float64; NaN where there is no measurement.
    """
    scale = 1 / np.sqrt(abs(np.linalg.det(cutout.matrix)))
    fine = max(int(np.ceil(field / side / scale)), 1)
    whole = side * fine
    offset = field * (0.5 - (np.arange(whole) + 0.5) / whole)
    east, north = offset[np.newaxis, :], offset[:, np.newaxis]
    (x0, y0), matrix = cutout.center, cutout.matrix
    column = np.rint(x0 + matrix[0, 0] * east + matrix[0, 1] * north).astype(int)
    row = np.rint(y0 + matrix[1, 0] * east + matrix[1, 1] * north).astype(int)
    ny, nx = cutout.data.shape
    inside = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    values = np.full((whole, whole), np.nan)
    values[inside] = cutout.data[row[inside], column[inside]]
    if fine > 1:
        # One bad pixel blanks what it lies in: what is blank must be seen.
        values = values.reshape(side, fine, side, fine).mean(axis=(1, 3))
    return values


def norm_of(values, look):
    """From the values of a picture to the range of a colour map.

    Parameters
    ----------
    values : `~numpy.ndarray`
        As from `sample`.
    look : Look
        How they are shown.

    Returns
    -------
    `~astropy.visualization.ImageNormalize`
        The norm.
    """
    norm = image_norm(values, stretch=look.stretch)
    # White is the brightest of the circle: in a wide field a sharp star is few pixels.
    side = len(values)
    offset = look.field * (0.5 - (np.arange(side) + 0.5) / side)
    circle = np.hypot(offset, offset[:, np.newaxis]) <= LIMIT
    inner = values[circle & np.isfinite(values)]
    if inner.size:
        norm.vmax = max(norm.vmax, np.quantile(inner, 0.999))
    known = values[np.isfinite(values)]
    share = CUTS[look.cut]
    if share is not None and known.size:
        low, high = np.percentile(known, [(100 - share) / 2, (100 + share) / 2])
        if high > low:
            norm.vmin, norm.vmax = low, high
    return norm


def apply_colours(values, norm, colours):
    """Colour the values of a picture.

    Parameters
    ----------
    values : `~numpy.ndarray`
        As from `sample`.
    norm : callable
        As from `norm_of`.
    colours : str
        A colour map of matplotlib.

    Returns
    -------
    `~numpy.ndarray` of uint8
        Shape (..., 4); grey where there is no value.
    """
    shown = np.ma.masked_invalid(norm(np.ma.masked_invalid(values)))
    return colour_map(colours)(shown, bytes=True)


def warm_up():
    """Load what the first picture needs, so that it comes as quickly as the others."""
    empty = Cutout(np.zeros((2, 2), dtype=np.float32), (0.5, 0.5), np.eye(2))
    _to_png(paint(empty, Look()))


def _to_png(colours):
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, colours, format="png")
    return buffer.getvalue()
