"""Pictures of candidates: each survey's stamp, fit and residuals, side by side."""

import base64
import io
from dataclasses import dataclass, replace

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord

from astro_vbinary.exceptions import VBinaryError
from astro_vbinary.stamps import StampIndex
from astro_vbinary.vetting.look import Look
from astro_vbinary.vetting.painting import (
    apply_colours,
    norm_of,
    read_cutout,
    sample,
)
from astro_vbinary.vetting.report.fits import draw_fit, pair_places, shown_band
from astro_vbinary.vetting.report.results import is_measured
from astro_vbinary.vetting.report.words import survey_width

__all__ = ["FIELD", "SIDE", "Strip", "StripMaker"]

#: Side of every picture in arcsec, and in pixels; of the small one in pixels.
FIELD, SIDE, SMALL = 6.0, 112, 44

#: Half width of the residuals' colours: in deviations of the noise, and as a share of
#: the model's peak; the larger counts.
DEVIATIONS, SHARE = 5.0, 0.1

#: Colours of residuals, white where there are none.
RESIDUAL_COLOURS = "RdBu_r"

#: Quality of the WebP files: pixels stay visible, noise takes little room.
QUALITY = 75


@dataclass(frozen=True)
class Strip:
    """Pictures of one survey, or the reason why there are none.

    Attributes
    ----------
    survey, band : str
        Whose image it is.
    picture : str
        A data URI; empty without a picture.
    panels : int
        1 for the stamp alone, 3 with fit and residuals.
    places : `~numpy.ndarray` or None
        Shape (2, 2): the measured stars, (east, north) in arcsec from the middle.
    span : str
        What the residuals' colours reach to, in words.
    reason : str
        Why there is no picture.
    """

    survey: str
    band: str = ""
    picture: str = ""
    panels: int = 1
    places: object = None
    span: str = ""
    reason: str = ""


class StripMaker:
    """Make the pictures of candidates from a folder of stamps.

    Parameters
    ----------
    stamps : path, sequence of paths or `~astro_vbinary.StampIndex`
        The stamps.

    Attributes
    ----------
    made, failed : int
        Pictures that were made, and images that could not be shown.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    """

    def __init__(self, stamps):
        index = stamps
        if not isinstance(stamps, StampIndex):
            index = StampIndex.from_paths(stamps)
        self._files = {}
        for (source, survey), files in index.groups().items():
            self._files.setdefault(source, {})[survey] = files
        self._look = Look(field=FIELD)
        self.made = self.failed = 0

    def strips(self, source):
        """Pictures of a candidate, and a small one of the first.

        Parameters
        ----------
        source : ReportedSource
            The candidate.

        Returns
        -------
        strips : list of Strip
            One a survey that has images, the one whose measurement is quoted first.
        small : str
            A data URI, or empty.
        """
        found, small = [], ""
        groups = self._files.get(source.name, {})
        best = source.row.get("best_survey", "")

        def rank(survey):
            return survey != best, survey_width(survey)

        for survey in sorted(groups, key=rank):
            try:
                strip, values = self._strip(source, survey, groups[survey])
            except Exception as error:  # one bad file never costs a report
                self.failed += 1
                known = isinstance(error, VBinaryError | OSError | ValueError)
                text = str(error) if known else f"{type(error).__name__}: {error}"
                strip, values = Strip(survey, reason=text), None
            else:
                self.made += 1
                small = small or _small(values, self._look)
            found.append(strip)
        return found, small

    def _strip(self, source, survey, files):
        row = source.pairs.get(survey)
        row = row if row is not None and is_measured(row) else None
        file = shown_band(files, row)
        place = source.row.get("ra", np.nan), source.row.get("dec", np.nan)
        known = np.isfinite(place).all()
        target = SkyCoord(*place, unit="deg") if known else None
        cutout = read_cutout(file, target, size=(FIELD + 1) * u.arcsec)
        values = sample(cutout, FIELD, SIDE)
        norm = norm_of(values, self._look)
        colours = self._look.colours
        panels, places, span = [apply_colours(values, norm, colours)], None, ""
        if row is not None and target is not None:
            places = pair_places(row, target)
            model, noise = draw_fit(file, cutout, row, target, places)
            if model is not None:
                rest = sample(replace(cutout, data=cutout.data - model), FIELD, SIDE)
                model = sample(replace(cutout, data=model), FIELD, SIDE)
                reach, span = _reach(model, noise)
                panels += [
                    apply_colours(model, norm, colours),
                    apply_colours(
                        rest, lambda v: 0.5 + v / (2 * reach), RESIDUAL_COLOURS
                    ),
                ]
        picture = _to_uri(np.concatenate(panels, axis=1))
        strip = Strip(
            survey, file.band or "stacked", picture, len(panels), places, span
        )
        return strip, values


def _reach(model, noise):
    """Half width of the residuals' colours, and what it is in words."""
    peak = np.nanmax(model) - np.nanmin(model)
    if DEVIATIONS * noise >= SHARE * peak or not peak > 0:
        return max(DEVIATIONS * noise, 1e-30), f"±{DEVIATIONS:.0f} deviations"
    return SHARE * peak, f"±{100 * SHARE:.0f} % of the peak"


def _small(values, look):
    edge = SIDE // 12
    inner = values[edge : SIDE - edge, edge : SIDE - edge]
    step = len(inner) / SMALL
    rows = (np.arange(SMALL) * step + step / 2).astype(int)
    inner = inner[np.ix_(rows, rows)]
    return _to_uri(apply_colours(inner, norm_of(values, look), look.colours))


def _to_uri(colours):
    from PIL import Image, features

    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(colours[..., :3]))
    if features.check("webp"):
        kind = "webp"
        image.save(buffer, "WEBP", quality=QUALITY, method=4)
    else:
        kind = "png"
        image.quantize(64).save(buffer, "PNG", optimize=True)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{kind};base64,{text}"
