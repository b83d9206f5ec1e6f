"""A star's own image as a template that can be put elsewhere on its stamp."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from astro_vbinary.exceptions import VBinaryError
from astro_vbinary.psf.measure import half_maximum
from astro_vbinary.simulation.starshape import StarShape, measure_star

__all__ = ["InjectionError", "StarTemplate", "star_template"]

#: A template needs a star whose brightest pixel stands so many times the noise above
#: the background.
LEAST_PEAK = 8.0

#: Radius in FWHM within which no pixel may be bad, and which no other source may touch.
CORE = 1.5

#: The star is at most one FWHM from the target, or so many arcsec.
OFF_TARGET = 0.3

#: What stands out of the star's profile is another source above so many times the
#: noise, and so many times the profile: wings are below, and of space telescopes
#: speckles and spikes, too.
SOURCE_SIGNAL, SOURCE_RATIO, SPACE_RATIO = 5.0, 3.0, 8.0

#: Pixels finer than this (arcsec) are a space telescope's.
SPACE_PIXEL = 0.1

#: Misfit of the profile and ellipticity above which there is no one star, and pixels
#: within 4 % of the highest beyond what a star has of them. Of real single stars 99 in
#: 100 are below 0.11 and 0.29; two of 0.4 in flux, 1.1 FWHM apart, are above.
LARGEST_MISFIT, LARGEST_ELLIPTICITY, PLATEAU = 0.12, 0.33, 3.0

#: A profile is never better than to this share of itself.
LEAST_REST = 0.03

#: Degree of the spline that shifts what the profile leaves.
SPLINE = 5


class InjectionError(VBinaryError, ValueError):
    """A stamp has no star that could be copied, or no place for the copy."""


@dataclass(frozen=True, eq=False)
class StarTemplate:
    """A star's image, split into a smooth profile and what it leaves.

    The profile is known at any place exactly; only the rest is interpolated, and it
    is trusted as far as it stands above the noise, so that a copy brings little of
    the template's noise with it.

    Attributes
    ----------
    shape : StarShape
        The profile fitted to the star.
    fwhm : float
        Full width at half maximum in pixels, from the image itself.
    radius : float
        In pixels, as far as which the image is used beside the profile.
    rest : `~numpy.ndarray`
        Shape (ny, nx), what the profile leaves, weighted.
    wings : tuple of `~numpy.ndarray`
        Radii in pixels and the factors by which the profile is multiplied there.
    """

    shape: StarShape
    fwhm: float
    radius: float
    rest: np.ndarray
    wings: tuple[np.ndarray, np.ndarray]

    @property
    def signal(self):
        """Matched-filter signal-to-noise ratio on the background's noise (float)."""
        return self.shape.signal

    def image(self, shift):
        """The star, moved.

        Parameters
        ----------
        shift : tuple of float
            (x, y) in pixels.

        Returns
        -------
        `~numpy.ndarray`
            Shape (ny, nx), in the stamp's unit, without background.
        """
        rest = ndimage.shift(
            self.rest, (shift[1], shift[0]), order=SPLINE, mode="constant"
        )
        return _profile(self.shape, self.wings, self.rest.shape, shift) + rest


def star_template(stamp):
    """Take the star at a stamp's target as a template.

    Parameters
    ----------
    stamp : `~astro_vbinary.stamps.SurveyStamp`
        On its own pixels.

    Returns
    -------
    StarTemplate
        The template.

    Raises
    ------
    InjectionError
        If there is no star at the target, it is too faint, its core is saturated,
        masked or at the edge, or another source is too near.
    """
    data, bad = np.asarray(stamp.data, dtype=float), stamp.bad
    target = stamp.target_pixel()
    shape = measure_star(data, target, bad=bad, width=_first_width(stamp))
    name = " ".join(filter(None, (stamp.source, stamp.band)))
    if shape is None:
        raise InjectionError(f"{name}: no star stands out at the target")
    off = np.hypot(shape.x - target[0], shape.y - target[1])
    if off > max(shape.fwhm, OFF_TARGET / stamp.pixel_scale.value):
        raise InjectionError(f"{name}: the star is {off:.1f} px from the target")
    y, x = np.indices(data.shape)
    radius = np.hypot(x - shape.x, y - shape.y)
    core = radius < max(CORE * shape.fwhm, 2.0)
    light = np.where(bad, 0.0, data - shape.background)
    peak = light[core].max()
    if peak < LEAST_PEAK * shape.noise:
        raise InjectionError(
            f"{name}: the star's peak is {peak / shape.noise:.1f} times the noise; "
            f"a template needs {LEAST_PEAK:g}"
        )
    margin = CORE * shape.fwhm
    ny, nx = data.shape
    if min(shape.x, shape.y, nx - 1 - shape.x, ny - 1 - shape.y) < margin:
        raise InjectionError(f"{name}: the star is at the stamp's edge")
    if bad[core].any():
        raise InjectionError(
            f"{name}: {int(bad[core].sum())} bad pixels in the star's core"
        )
    _refuse_plateau(name, light, core, shape, peak)
    if shape.residual > LARGEST_MISFIT or shape.ellipticity > LARGEST_ELLIPTICITY:
        raise InjectionError(
            f"{name}: no single star's profile fits; misfit {shape.residual:.2f} and "
            f"ellipticity {shape.ellipticity:.2f}, where {LARGEST_MISFIT:g} and "
            f"{LARGEST_ELLIPTICITY:g} were allowed"
        )
    wings = _wings(light, bad, radius, shape)
    model = _profile(shape, wings, data.shape, (0.0, 0.0))
    space = stamp.pixel_scale.value < SPACE_PIXEL
    ratio = SPACE_RATIO if space else SOURCE_RATIO
    reach = _nearest_source(light, bad, model, radius, shape, ratio)
    if reach < CORE * shape.fwhm:
        raise InjectionError(
            f"{name}: another source is {reach:.1f} px from the star, whose FWHM is "
            f"{shape.fwhm:.1f} px"
        )
    weight = _weight(light - model, model, bad, radius, reach, shape)
    # Half a cosine down to nothing where another source begins.
    edge = np.clip((radius / reach - 0.7) / 0.3, 0, 1)
    weight *= 0.5 * (1 + np.cos(np.pi * edge))
    rest = np.where(bad, 0.0, weight * (light - model))
    width = half_maximum(np.where(core, light, 0.0))[0]
    return StarTemplate(shape, float(width), float(reach), rest, wings)


def _first_width(stamp):
    """About the FWHM in pixels: of the band, or of an undersampled space image."""
    scale = stamp.pixel_scale
    fwhm = None
    if stamp.survey is not None and stamp.band in stamp.survey.band_names:
        fwhm = stamp.survey.band(stamp.band).fwhm
    if fwhm is None:
        return 2.0 if scale.value < SPACE_PIXEL else 3.0
    return float(max((fwhm / scale).value, 1.6))


def _profile(shape, wings, size, shift):
    y, x = np.indices(size)
    dx, dy = x - shape.x - shift[0], y - shape.y - shift[1]
    return shape.profile(dx, dy) * np.interp(np.hypot(dx, dy), *wings)


def _wings(light, bad, radius, shape):
    """Factors that bring the profile's wings to what rings around the star show."""
    step = max(0.6 * shape.fwhm, 1.0)
    edges = np.arange(CORE * shape.fwhm, radius.max() + step, step)
    model = shape.profile(radius, np.zeros_like(radius))
    places, factors = [0.0, CORE * shape.fwhm], [1.0, 1.0]
    for low, high in itertools.pairwise(edges):
        ring = (radius >= low) & (radius < high) & ~bad
        if ring.sum() < 8:
            break
        expected = np.median(model[ring])
        error = 1.25 * shape.noise / np.sqrt(ring.sum())
        factor = min(factors[-1], 1.0)
        if expected > 2 * error:
            factor = float(np.clip(np.median(light[ring]) / expected, 0, 3))
        places.append(0.5 * (low + high))
        factors.append(factor)
    return np.array(places), np.array(factors)


def _weight(rest, model, bad, radius, reach, shape):
    """Share of the signal in what the profile leaves, by rings (Wiener 1949)."""
    step = max(0.5 * shape.fwhm, 1.5)
    edges = np.arange(0, reach + step, step)
    places, weights = [], []
    for low, high in itertools.pairwise(edges):
        ring = (radius >= low) & (radius < min(high, reach)) & ~bad
        if ring.sum() < 5:
            continue
        power = np.mean(rest[ring] ** 2) - shape.noise**2
        # A ring's scatter alone gives this much.
        power -= shape.noise**2 * np.sqrt(2 / ring.sum())
        least = (LEAST_REST * np.sqrt(np.mean(model[ring] ** 2))) ** 2
        power = max(power, least)
        places.append(np.mean(radius[ring]))
        weights.append(power / (power + shape.noise**2))
    return np.interp(radius, places, weights) if places else np.zeros_like(rest)


def _refuse_plateau(name, light, core, shape, peak):
    """Raise where more pixels are as bright as the brightest than a star has."""
    y, x = np.indices(light.shape)
    model = shape.profile(x - shape.x, y - shape.y)
    flat = int((light[core] > 0.96 * peak).sum())
    usual = int((model[core] > 0.9 * model.max()).sum())
    if flat > usual + PLATEAU:
        raise InjectionError(
            f"{name}: {flat} pixels are as bright as the brightest: the star is "
            "saturated"
        )


def _nearest_source(light, bad, model, radius, shape, ratio):
    """Distance in pixels as far as which nothing but the star is seen."""
    excess = ndimage.gaussian_filter(np.where(bad, 0.0, light - model), 0.7)
    # Smoothing white noise by 0.7 px leaves 0.4 of it.
    limit = np.maximum(0.4 * SOURCE_SIGNAL * shape.noise, ratio * model)
    other = (excess > limit) & (radius > max(shape.fwhm, 1.5))
    labels, count = ndimage.label(other)
    distance = float(radius.max())
    for number in range(1, count + 1):
        part = labels == number
        if part.sum() >= 2:
            distance = min(distance, float(radius[part].min()))
    return distance
