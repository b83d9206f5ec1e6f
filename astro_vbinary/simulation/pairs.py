"""Test pairs made out of the labelled single stars of a folder."""

import zlib

import astropy.units as u
import numpy as np
from astropy.table import Table

from astro_vbinary.exceptions import StampError
from astro_vbinary.simulation.injection import (
    SingleStar,
    companion_shift,
    inject_companion,
)
from astro_vbinary.simulation.template import InjectionError
from astro_vbinary.stamps import StampStack
from astro_vbinary.surveys import get_survey

__all__ = ["find_singles", "inject_many"]

#: Pairs that an eye sees: separations from so many FWHM to below so many arcsec, and
#: magnitude differences.
LEAST_FWHM, WIDEST, LARGEST_DIFFERENCE = 1.2, 2.4, 2.5

#: Magnitudes by which the companion's colours differ from the star's, one deviation.
COLOUR_SCATTER = 0.15

#: Places tried for one companion.
TRIES = 50


def find_singles(folder, labels, *, surveys=None, exclude=("galaxy", "saturated")):
    """Read the labelled single stars of a folder that companions can be put beside.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        With stamps named after their source, band and survey.
    labels : `~astropy.table.Table`
        With the columns ``source``, ``survey`` and ``label``, and perhaps
        ``evidence``; rows with label 0 are used.
    surveys : sequence of str, optional
        Names of surveys to use; all by default.
    exclude : sequence of str, optional
        Rows with one of these words in their evidence are no stars.

    Returns
    -------
    singles : list of SingleStar
        In the order of the labels.
    refused : `~astropy.table.Table`
        ``source``, ``survey`` and ``reason`` of each star that cannot be used.
    """
    wanted = None if surveys is None else {get_survey(name).name for name in surveys}
    singles, refused = [], []
    for row in labels:
        survey, source = get_survey(str(row["survey"])).name, str(row["source"])
        evidence = str(row["evidence"]) if "evidence" in row.colnames else ""
        if row["label"] != 0 or any(word in evidence for word in exclude):
            continue
        if wanted is not None and survey not in wanted:
            continue
        try:
            stack = StampStack.read(
                folder, source=source, survey=survey, on_error="drop"
            )
            singles.append(SingleStar.from_stack(stack, drop=True))
        except (InjectionError, StampError) as error:
            refused.append((source, survey, str(error)))
    columns = list(zip(*refused, strict=True)) or [[], [], []]
    names = ("source", "survey", "reason")
    return singles, Table(columns, names=names, dtype=("U64", "U32", "U512"))


def inject_many(singles, count, *, seed, widest=WIDEST * u.arcsec):
    """Make test pairs out of single stars.

    The separation is uniform between 1.2 FWHM of the star and ``widest``, or where the
    stamp ends; the magnitude difference uniform from 0 to 2.5; the position angle
    anywhere; the companion's colours scatter about the star's by 0.15 mag.

    Parameters
    ----------
    singles : sequence of SingleStar
        As `find_singles` gives them.
    count : int
        Pairs for each star.
    seed : int
        Seed; a star's pairs depend on it and on the star's name, not on the others.
    widest : `~astropy.units.Quantity`, optional
        Largest separation, an angle.

    Yields
    ------
    stack : `~astro_vbinary.stamps.StampStack`
        The pair, named ``{star}i{number}``.
    truth : dict
        ``source``, ``star``, ``survey``, ``kind``, ``bands``, ``label`` (1),
        ``separation`` (arcsec), ``position_angle`` (deg), ``magnitude_difference``,
        ``fwhm`` (arcsec), ``signal`` and ``companion_signal`` (over all bands). There
        is none for a star on whose stamp no such pair has room.
    """
    limit = u.Quantity(widest).to_value(u.arcsec)
    for star in singles:
        name, survey = star.stack.source or "star", star.stack.survey
        label = survey.name if survey is not None else ""
        key = zlib.crc32(f"{name} {label}".encode())
        for number in range(count):
            rng = np.random.default_rng([seed, key, number])
            drawn = _draw(star, rng, limit)
            if drawn is None:
                continue
            separation, angle, difference, colour = drawn
            source = f"{name}i{number:03d}"
            stack = inject_companion(
                star,
                separation * u.arcsec,
                angle * u.deg,
                difference,
                colour=colour,
                source=source,
            )
            faint = [stamp.meta["injection"]["companion_signal"] for stamp in stack]
            yield (
                stack,
                {
                    "source": source,
                    "star": name,
                    "survey": label,
                    "kind": "pair",
                    "bands": len(stack),
                    "label": 1,
                    "separation": separation,
                    "position_angle": angle,
                    "magnitude_difference": difference,
                    "fwhm": float(star.fwhm.value),
                    "signal": star.signal,
                    "companion_signal": float(np.linalg.norm(faint)),
                },
            )


def _draw(star, rng, limit):
    """Separation, position angle, magnitude difference and colours; None without room.

    A place is drawn anew where the companion would be on an edge or on bad pixels.
    """
    low = LEAST_FWHM * float(star.fwhm.value)
    # Where the stamp is narrow, so that draws are not wasted.
    room = [
        np.hypot(*stamp.shape) / 2 * stamp.pixel_scale.value for stamp in star.stack
    ]
    high = min(limit, *room)
    difference = rng.uniform(0, LARGEST_DIFFERENCE)
    colour = {
        stamp.band: float(rng.normal(0, COLOUR_SCATTER)) if len(star.stack) > 1 else 0.0
        for stamp in star.stack
    }
    mean = np.mean(list(colour.values()))
    colour = {band: value - mean for band, value in colour.items()}
    if low >= high:
        return None
    for _ in range(TRIES):
        separation, angle = float(rng.uniform(low, high)), float(rng.uniform(0, 360))
        try:
            for stamp, template in zip(star.stack, star.templates, strict=True):
                companion_shift(stamp, template, separation * u.arcsec, angle * u.deg)
        except InjectionError:
            continue
        return separation, angle, float(difference), colour
    return None
