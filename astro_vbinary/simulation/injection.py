"""Companions put into real images: a star's own image, moved and dimmed beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import astropy.units as u
import numpy as np

from astro_vbinary.simulation.template import (
    InjectionError,
    StarTemplate,
    star_template,
)
from astro_vbinary.stamps import StampStack, SurveyStamp
from astro_vbinary.stamps.grid import sky_to_pixel
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["SingleStar", "inject_companion"]

#: Distance in FWHM that a companion keeps from the stamp's edge.
EDGE = 0.75


@dataclass(frozen=True, eq=False)
class SingleStar:
    """A real single star and the templates of its bands.

    Attributes
    ----------
    stack : `~astro_vbinary.stamps.StampStack`
        The bands that can be used.
    templates : tuple of StarTemplate
        One a band.
    left_out : dict of str to str
        Why each other band cannot be used.
    """

    stack: StampStack
    templates: tuple[StarTemplate, ...]
    left_out: dict = field(default_factory=dict)

    @classmethod
    def from_stack(cls, stack, *, drop=False):
        """Take templates from the stamps of a star.

        Parameters
        ----------
        stack : `~astro_vbinary.stamps.StampStack`
            Stamps of one star on their own pixels.
        drop : bool, optional
            Whether bands without a usable star are left out, as long as half of
            the bands remain; by default they raise.

        Returns
        -------
        SingleStar
            The star.

        Raises
        ------
        InjectionError
            If a band cannot be used, or more than half of them.
        """
        stamps, templates, left_out = [], [], {}
        for stamp in stack:
            try:
                templates.append(star_template(stamp))
            except InjectionError as error:
                if not drop:
                    raise
                left_out[stamp.band] = str(error)
            else:
                stamps.append(stamp)
        if len(stamps) < max(len(stack) / 2, 1):
            raise InjectionError("; ".join(left_out.values()))
        target = None if stack.target_assumed else stack.target
        return cls(StampStack(stamps, target=target), tuple(templates), left_out)

    @property
    def fwhm(self):
        """Mean over the bands, a `~astropy.units.Quantity` in arcsec."""
        return u.Quantity(
            [
                t.fwhm * stamp.pixel_scale
                for t, stamp in zip(self.templates, self.stack, strict=True)
            ]
        ).mean()

    @property
    def signal(self):
        """Matched-filter signal-to-noise ratio over all bands (float)."""
        return float(np.sqrt(sum(t.signal**2 for t in self.templates)))


def inject_companion(
    stack,
    separation,
    position_angle,
    magnitude_difference,
    *,
    colour=None,
    gain=None,
    rng=None,
    source=None,
):
    """Put a companion beside a star: the star's own image, moved and dimmed.

    In every band the companion has that band's PSF, sampling, registration and
    defects of the optics, because it is the star itself. The star's image is split
    into a smooth profile, which is evaluated where the companion is, and the rest,
    which is shifted by a quintic spline and weighted by its signal (Wiener 1949), so
    that the copy adds next to no noise.

    Parameters
    ----------
    stack : `~astro_vbinary.stamps.StampStack` or SingleStar
        A single star at the target.
    separation : `~astropy.units.Quantity`
        From the star to the companion, an angle up to 2.5 arcsec.
    position_angle : `~astropy.units.Quantity`
        Of the companion seen from the star, an angle from north through east.
    magnitude_difference : float
        By how much the companion is fainter, at least 0.
    colour : dict of str to float, optional
        Magnitudes to add to the difference in a band.
    gain : float or dict of str to float, optional
        Electrons per unit of the image. With it the photon noise that a dimmed copy
        lacks is added; without, none is.
    rng : `~numpy.random.Generator`, optional
        Source of that noise; needed with a gain.
    source : str, optional
        Name of the new source; by default that of the star.

    Returns
    -------
    `~astro_vbinary.stamps.StampStack`
        Copies of the stamps. Each stamp's ``meta["injection"]`` has the truth:
        ``separation`` (arcsec), ``position_angle`` (deg), ``magnitude_difference``
        (of the band), ``flux_ratio`` (of the band), ``fwhm`` (arcsec, of the band),
        ``signal`` and ``companion_signal`` (matched-filter signal-to-noise ratios of
        the two on the background's noise).

    Raises
    ------
    InjectionError
        If a band has no star that can be copied (too faint, saturated, masked, at the
        edge, or blended), or the companion would not be on the stamp.
    ValueError
        If the separation, the magnitude difference or the gain are outside their
        range, or there is a gain and no generator.

    References
    ----------
    Wiener, N. 1949, Extrapolation, Interpolation, and Smoothing of Stationary Time
    Series, MIT Press.
    """
    separation = u.Quantity(separation).to(u.arcsec)
    if not 0 < separation.value <= VISUAL_BINARY_LIMIT.to_value(u.arcsec):
        raise ValueError(
            f"separation must be above 0 and at most {VISUAL_BINARY_LIMIT}, not "
            f"{separation}"
        )
    if not (np.isfinite(magnitude_difference) and magnitude_difference >= 0):
        raise ValueError(
            f"magnitude_difference must be at least 0, not {magnitude_difference}"
        )
    if gain is not None and rng is None:
        raise ValueError("photon noise needs a generator: give rng with gain")
    angle = u.Quantity(position_angle).to(u.deg)
    star = stack if isinstance(stack, SingleStar) else SingleStar.from_stack(stack)
    made = []
    for stamp, template in zip(star.stack, star.templates, strict=True):
        difference = magnitude_difference + _of_band(colour, stamp.band, 0.0)
        ratio = 10 ** (-0.4 * difference)
        shift = companion_shift(stamp, template, separation, angle)
        companion = ratio * template.image(shift)
        electrons = _of_band(gain, stamp.band, None)
        if electrons is not None:
            companion += _missing_noise(companion, ratio, electrons, rng)
        truth = {
            "separation": float(separation.value),
            "position_angle": float(angle.value % 360),
            "magnitude_difference": float(difference),
            "flux_ratio": float(ratio),
            "fwhm": float(template.fwhm * stamp.pixel_scale.value),
            "signal": template.signal,
            "companion_signal": ratio * template.signal,
        }
        # A bad pixel stays as it is: a blank one would no longer be known as one.
        data = np.asarray(stamp.data)
        data = np.where(stamp.bad, data, data + companion).astype(
            data.dtype if data.dtype.kind == "f" else float
        )
        made.append(_copy(stamp, data, truth, source))
    target = None if star.stack.target_assumed else star.stack.target
    return StampStack(made, target=target)


def companion_shift(stamp, template, separation, angle):
    """How far a companion is from its star in pixels, where there is room for it.

    Parameters
    ----------
    stamp : `~astro_vbinary.stamps.SurveyStamp`
        The stamp.
    template : StarTemplate
        Its star.
    separation, angle : `~astropy.units.Quantity`
        Separation and position angle.

    Returns
    -------
    tuple of float
        (x, y).

    Raises
    ------
    InjectionError
        If the companion would be off the stamp, or on bad pixels.
    """
    x, y = template.shape.x, template.shape.y
    star = stamp.wcs.pixel_to_world(x, y).icrs
    place = star.directional_offset_by(angle, separation)
    px, py = sky_to_pixel(stamp.wcs, place)
    ny, nx = stamp.shape
    margin = max(EDGE * template.fwhm, 1.0)
    inside = margin <= px <= nx - 1 - margin and margin <= py <= ny - 1 - margin
    if not inside:
        raise InjectionError(
            f"{stamp!r}: a companion at {separation:.2f}, {angle:.0f} would be off it"
        )
    rows, columns = np.indices(stamp.shape)
    if stamp.bad[np.hypot(columns - px, rows - py) < margin].any():
        raise InjectionError(
            f"{stamp!r}: a companion at {separation:.2f}, {angle:.0f} would be on bad "
            "pixels"
        )
    return px - x, py - y


def _missing_noise(companion, ratio, gain, rng):
    """Photon noise that a dimmed copy lacks.

    A star of F electrons has the variance F; its copy, dimmed by r, has r^2 F where a
    real star of that brightness has r F.
    """
    if not gain > 0:
        raise ValueError(f"gain must be positive, not {gain}")
    variance = np.clip(companion, 0, None) / gain * max(1 - ratio, 0.0)
    return rng.normal(0, 1, companion.shape) * np.sqrt(variance)


def _of_band(value, band, default):
    if isinstance(value, Mapping):
        return value.get(band, default)
    return default if value is None else value


def _copy(stamp, data, truth, source):
    return SurveyStamp(
        data,
        stamp.wcs,
        survey=stamp.survey,
        band=stamp.band,
        source=stamp.source if source is None else source,
        target=None if stamp.target_assumed else stamp.target,
        mask=stamp.mask,
        uncertainty=stamp.uncertainty,
        unit=stamp.unit,
        epoch=stamp.epoch,
        meta={**(stamp.meta or {}), "injection": truth},
    )
