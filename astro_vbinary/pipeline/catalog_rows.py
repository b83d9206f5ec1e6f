"""One row of the catalogue from what all surveys say of a source."""

import statistics

import astropy.units as u
import numpy as np
from scipy import special

from astro_vbinary.measurement.pair_columns import LIMIT_SEPARATIONS
from astro_vbinary.pipeline.agreement import check_agreement
from astro_vbinary.pipeline.fusion import (
    Look,
    PairPlace,
    calibrated_share,
    default_population,
    fit_ratio,
    fuse_looks,
    join_ratios,
    pair_ratio,
)
from astro_vbinary.pipeline.motion import fit_motion, judge_motion, orbital_motion
from astro_vbinary.pipeline.offsets import PairOffset
from astro_vbinary.status import Flag, Status

__all__ = ["make_source_row"]

#: Signal-to-noise ratio of a source of which nothing tells it, and of one that no pixel
#: shows at 5 sigma.
SNR, FAINT_SNR = 100.0, 10.0

#: A fit is a pair below this false-alarm probability, and describes the core of its
#: star up to this chi2 per pixel.
PAIR_ALARM, BAD_FIT = 1e-3, 2.0

#: Below this probability nothing hints at a pair.
NOT_BINARY = 0.1

#: p-value below which something is flagged; the share of pairs that a survey should
#: see for its no to count as disagreement, and its largest ratio R.
UNLIKELY, SHOULD_SEE, SAYS_NO = 1e-3, 0.9, 0.2

#: A parallax is used as a distance above this ratio to its error.
SURE_PARALLAX = 5.0

#: What is copied from the row of the best measurement.
COPIED = (
    "separation",
    "separation_error",
    "position_angle",
    "position_angle_error",
    "magnitude_difference",
    "magnitude_difference_error",
    "reference_band",
    "epoch",
    "degenerate",
    "triple",
    "statistic",
    "false_alarm",
    "core_chi2",
)


def make_source_row(verdicts, pairs, settings, *, priors, gaia=None):
    """The row of one source.

    Parameters
    ----------
    verdicts : list of dict
        Rows of the table of verdicts, without units.
    pairs : dict of str to dict
        Rows of the table of measured pairs, without units, by survey.
    settings : FusionSettings
        How it is done.
    priors : dict of str to float
        Share of pairs that each weights' calibration assumed.
    gaia : dict, optional
        What `~astro_vbinary.context.match_gaia` found.

    Returns
    -------
    dict
        Entries of the catalogue by column; ``flags`` is a set.
    """
    judged = [row for row in verdicts if _has_verdict(row)]
    measured = {
        name: row for name, row in pairs.items() if str(row["status"]) == Status.OK
    }
    found = {name: row for name, row in measured.items() if _is_pair(row)}
    best = _best(found or measured)
    row = {
        "source": str(verdicts[0]["source"]),
        "ra": _middle(verdicts, "ra"),
        "dec": _middle(verdicts, "dec"),
        "status": "ok" if judged else "no_verdict",
        "reason": "" if judged else _reasons(verdicts),
        "prevalence": settings.prevalence,
        "n_surveys": len(judged),
        "surveys": ",".join(str(one["survey"]) for one in judged),
        "n_binary": sum(str(one["label"]) == "binary" for one in judged),
        "n_measured": len(found),
        "best_survey": str(best["survey"]) if best else "",
        "weights": ",".join(_weights(judged)),
        "threshold": settings.threshold,
        "flags": set(),
    }
    if best:
        row |= {name: best[name] for name in COPIED}
        _flag_fit(row, best)
    _compare(row, list(found.values()), settings, gaia)
    _fuse(row, judged, measured, best, bool(found), settings, priors)
    row |= _limits(measured)
    return row


def _has_verdict(row):
    return str(row["status"]) == Status.OK and np.isfinite(row["probability"])


def _is_pair(row):
    found = np.isfinite(row["separation"]) and row["false_alarm"] < PAIR_ALARM
    return found and not row.get("bad_fit", False)


def _best(rows):
    """The measurement to quote: not degenerate, and of the smallest errors."""
    known = [row for row in rows.values() if np.isfinite(row["separation"])]
    if not known:
        return None
    # A separation's error without its floor would favour what is only said to be good.
    return min(
        known,
        key=lambda row: (
            bool(row["degenerate"]),
            float(np.nan_to_num(row["separation_error"], nan=np.inf))
            + 0.02 * float(np.nan_to_num(row["fwhm"])),
        ),
    )


def _middle(rows, name):
    values = [float(row[name]) for row in rows if np.isfinite(row[name])]
    return float(statistics.median(values)) if values else np.nan


def _reasons(rows):
    return "; ".join(f"{row['survey'] or 'no survey'}: {row['status']}" for row in rows)


def _weights(rows):
    named = {
        f"{row['weights']}:{str(row['weights_sha256'])[:12]}"
        for row in rows
        if row["weights"]
    }
    return sorted(named)


def _flag_fit(row, best):
    row["flags"] |= {name for name in ("triple", "degenerate") if row[name]}
    if _is_bad(best):
        row["flags"].add("bad_fit")


def _is_bad(fit):
    return bool(fit.get("bad_fit", False)) or fit["core_chi2"] > BAD_FIT


def _fuse(row, judged, measured, best, sure, settings, priors):
    """Probability and label, and whether surveys disagree."""
    looks = [_look(one, measured, settings, priors) for one in judged]
    names = [str(one["survey"]) for one in judged]
    place = None
    if best and sure and str(best["survey"]) in names:
        place = _place(best, names.index(str(best["survey"])))
    p = fuse_looks(
        looks,
        prevalence=settings.prevalence,
        population=settings.population,
        correlation=settings.correlation,
        place=place,
    )
    if row.get("consistency", 0.0) > UNLIKELY:
        p = p * settings.agreement / (1 + p * (settings.agreement - 1))
    row["probability"] = p
    if p >= settings.threshold:
        row["label"] = "binary"
    else:
        clear = p < min(NOT_BINARY, settings.threshold)
        row["label"] = "not_binary" if clear else "undecided"
    yes = [i for i, one in enumerate(judged) if str(one["label"]) == "binary"]
    if place is not None and place.look not in yes:
        yes.append(place.look)
    if yes and _refused(looks, yes, place, settings):
        row["flags"].add("surveys_disagree")


def _look(verdict, measured, settings, priors):
    """What a survey's network, and the fit to its pixels, say."""
    fwhm = float(verdict["fwhm"])
    fwhm = fwhm if np.isfinite(fwhm) and fwhm > 0 else 1.0
    prior = settings.prior or priors.get(str(verdict["weights"]), 0.5)
    share = calibrated_share(round(fwhm, 3))
    ratio = pair_ratio(verdict["probability"], prior, share)
    fit = measured.get(str(verdict["survey"]))
    if settings.use_fits and fit is not None and _is_evidence(fit):
        ratio = join_ratios(ratio, fit_ratio(fit["false_alarm"]))
    return Look(ratio=ratio, fwhm=fwhm, snr=_snr(verdict, fit))


def _is_evidence(fit):
    # Of a close pair, an odd PSF shows as much; and of a poor fit the PSF is odd.
    known = np.isfinite(fit["false_alarm"]) and np.isfinite(fit["core_chi2"])
    return known and not fit["degenerate"] and not _is_bad(fit)


def _snr(verdict, fit):
    """Signal-to-noise ratio of the brighter star, as far as it is known."""
    if fit is not None and np.isfinite(fit.get("signal_to_noise", np.nan)):
        difference = np.nan_to_num(fit["magnitude_difference"], nan=np.inf)
        share = 1 / (1 + 10 ** (-0.4 * max(difference, 0.0)))
        return max(float(fit["signal_to_noise"]) * share, 1.0)
    value = float(verdict.get("snr", np.nan))
    if np.isfinite(value) and value > 0:
        return value
    return FAINT_SNR if int(verdict["flags"]) & Flag.LOW_SIGNAL else SNR


def _place(best, look):
    s, error = float(best["separation"]), float(best["separation_error"])
    if best["degenerate"]:
        return PairPlace(look=look, separation=s, separation_error=max(error, 0.5 * s))
    return PairPlace(
        look=look,
        separation=s,
        separation_error=error,
        magnitude_difference=float(best["magnitude_difference"]),
        magnitude_difference_error=float(best["magnitude_difference_error"]),
    )


def _refused(looks, yes, place, settings):
    """Whether a survey that should see the pair says that there is none."""
    population = settings.population or default_population()
    first = place.look if place is not None else yes[0]
    seen = population.detected(looks[first].fwhm, looks[first].snr)
    near = (population.weight + 1e-12) * (seen + 1e-3)
    if place is not None:
        near = near * place.weights(population)
    near = near / near.sum()
    return any(
        look.ratio < SAYS_NO
        and near @ population.detected(look.fwhm, look.snr) > SHOULD_SEE
        for number, look in enumerate(looks)
        if number not in yes
    )


def _compare(row, found, settings, gaia):
    """Places of the surveys: do they agree, and does the fainter star move?"""
    known = [PairOffset.from_row(one) for one in found if not one["degenerate"]]
    known = [one for one in known if one is not None]
    row["motion"] = ""
    if len(known) < 2:
        return
    agreed = check_agreement(known)
    row["consistency"] = agreed.p_value
    moves = fit_motion(agreed.offsets)
    steady = False
    if moves is not None:
        east, north = moves.motion
        errors = np.sqrt(np.diagonal(moves.covariance))
        row |= {
            "motion_ra": east,
            "motion_dec": north,
            "motion_ra_error": errors[0],
            "motion_dec_error": errors[1],
            "pm_separation": float(np.hypot(east, north)),
            "motion": _judge(moves, row["separation"], settings, gaia),
        }
        if moves.p_moving < UNLIKELY:
            row["flags"].add("moving")
            # Two epochs always lie on a line; more can tell whether they do.
            line = special.chdtrc(moves.dof, moves.chi2) if moves.dof else 1.0
            steady = line > UNLIKELY
    if agreed.p_value < UNLIKELY and not steady:
        row["flags"].add("measures_disagree")


def _judge(moves, separation, settings, gaia):
    gaia = gaia or {}
    distance = settings.distance
    parallax = gaia.get("parallax", np.nan)
    if parallax > SURE_PARALLAX * gaia.get("parallax_error", np.nan):
        distance = 1000 / parallax * u.pc
    known = {}
    motion = [gaia.get(name, np.nan) for name in ("pmra", "pmdec")]
    if np.isfinite(motion).all():
        errors = [gaia.get(f"{name}_error", np.nan) for name in ("pmra", "pmdec")]
        known = {
            "proper_motion": motion,
            "proper_motion_error": np.nan_to_num(errors),
        }
    orbit = orbital_motion(separation * u.arcsec, distance=distance)
    return judge_motion(moves, orbit=orbit, **known)[0]


def _limits(measured):
    """The deepest limits at each separation, and whose they are."""
    row = {}
    for name in ("limit", "limit90"):
        for s in LIMIT_SEPARATIONS:
            column = f"{name}_{s}"
            known = {
                survey: float(one[column])
                for survey, one in measured.items()
                if np.isfinite(one.get(column, np.nan))
            }
            if known:
                deepest = max(known, key=known.get)
                row[column] = known[deepest]
                if s == 1.0:
                    row[f"{name}_survey"] = deepest
    return row
