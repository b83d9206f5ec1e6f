"""Measure pairs in stamps: read, give each its PSF, fit many at once."""

import astropy.units as u
import numpy as np
from tqdm.auto import tqdm

from astro_vbinary.exceptions import StampError, VBinaryError
from astro_vbinary.measurement.neighbours import subtract_neighbours
from astro_vbinary.measurement.pair_columns import LIMIT_COLUMNS
from astro_vbinary.measurement.pair_fit import fit_pairs
from astro_vbinary.measurement.pair_jobs import join_jobs, make_job
from astro_vbinary.measurement.pair_psfs import folder_psfs, model_psf
from astro_vbinary.measurement.pair_result import PairResult
from astro_vbinary.measurement.pair_rows import fit_row, is_bad, is_degenerate
from astro_vbinary.measurement.posterior import sample_posterior
from astro_vbinary.measurement.stack_limits import stack_limits
from astro_vbinary.measurement.threads import one_thread
from astro_vbinary.measurement.uncertainty import PSFUncertainty
from astro_vbinary.stamps import StampIndex, StampStack
from astro_vbinary.stamps.stack import tell_dropped
from astro_vbinary.status import Status
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT, get_survey

__all__ = ["PSF_CHOICES", "measure_pairs"]

#: Where PSFs can come from, besides a folder.
PSF_CHOICES = ("model", "stars")

#: What is not known of PSFs by where they come from. Of the model: the scatter that
#: the surveys' stars have (`~astro_vbinary.psf.draw_ground_psfs`), and a structure
#: that few simulated single stars exceed, see ``benchmarks/pairs_false_alarms.py``.
REGISTRATION = 0.03 * u.arcsec
DEFAULT_UNCERTAINTY = {
    "model": PSFUncertainty(0.06, 0.12, REGISTRATION, 0.015),
    "stars": PSFUncertainty(0.02, 0.03, REGISTRATION, 0.01),
    "given": PSFUncertainty(),
}

#: Stacks that are fitted together.
TOGETHER = 128

#: Widest images, in units of the largest separation, in which pairs are looked for.
WIDEST = 2.0


def measure_pairs(
    stacks,
    *,
    psf="model",
    candidates=None,
    targets=None,
    uncertainty="auto",
    max_separation=VISUAL_BINARY_LIMIT,
    posterior="auto",
    samples=512,
    contrast=False,
    seed=0,
    device="cpu",
    progress=False,
):
    """Measure the pair in each stack: separation, angle, magnitude differences.

    Two stars are fitted to the native pixels of all bands of a stack, with one
    separation and position angle and a flux of each star in each band. Every stack
    gets its best pair: whether it is one is for ``false_alarm`` to say.

    Parameters
    ----------
    stacks : path, `~astro_vbinary.StampIndex`, or iterable of `StampStack`
        What to measure. Stamps that cannot be used become rows with a reason.
    psf : str or `~pathlib.Path`, optional
        ``model``: the survey's usual one; ``stars``: fitted to the stamp's other
        stars, and the usual one where there is none; else a folder of PSFs, see
        `~astro_vbinary.psf.psf_from_file`, of which each is named
        ``{source}_{band}_{survey}.fits`` or ``{band}_{survey}.fits``.
    candidates : set of tuple, optional
        (source, survey) of the stacks to measure; all by default.
    targets : dict of str to `~astropy.coordinates.SkyCoord`, optional
        Positions of sources by name, used instead of the stamps' centres.
    uncertainty : PSFUncertainty, None or str, optional
        What is not known of the PSFs; by default what suits where they come from.
    max_separation : `~astropy.units.Quantity`, optional
        Largest separation, an angle.
    posterior : {"auto", "all", "none"}, optional
        Whose posterior is sampled for the intervals: of pairs whose separation and
        magnitude difference trade off, of all, or of none.
    samples : int, optional
        Of the posterior.
    contrast : bool, optional
        Whether to say what companions would have been found, see `stack_limits`.
    seed : int, optional
        Of the samples.
    device : str, optional
        Device of torch.
    progress : bool, optional
        Whether to show a bar on a terminal.

    Returns
    -------
    PairResult
        One row for each source and survey, in the order of the input, then one for
        each file that belongs to none.

    Raises
    ------
    FileNotFoundError
        If a path, or the folder of PSFs, does not exist.
    ValueError
        If ``posterior`` is none of the three.

    Examples
    --------
    >>> import numpy as np
    >>> from astro_vbinary.measurement import measure_pairs
    >>> from astro_vbinary.simulation import simulate_stack
    >>> made = simulate_stack("HST", np.random.default_rng(3), kind="pair")
    >>> measure_pairs([made.stack])
    <PairResult 1 rows (1 ok)>
    """
    if posterior not in ("auto", "all", "none"):
        raise ValueError(f"posterior is auto, all or none, not {posterior!r}")
    find = _psf_finder(psf)
    rng = np.random.default_rng(seed)
    rows, waiting = [], {}
    options = {
        "uncertainty": uncertainty,
        "max_separation": u.Quantity(max_separation),
        "posterior": posterior,
        "samples": samples,
        "contrast": contrast,
        "rng": rng,
        "device": device,
    }
    given, rejected = _entries(stacks, candidates)
    bar = tqdm(given, unit="stack", desc="measure", disable=None if progress else True)
    for entry in bar:
        row, job = _prepare(entry, targets, find, u.Quantity(max_separation))
        rows.append(row)
        if job is None:
            continue
        key = (row["survey"], len(job.bands), job.psf)
        waiting.setdefault(key, []).append(job)
        if len(waiting[key]) == TOGETHER:
            _fit_all(waiting.pop(key), **options)
    for jobs in _rest(waiting):
        _fit_all(jobs, **options)
    return PairResult(rows + rejected)


def _rest(waiting):
    """Of few stacks, those of one survey together, whatever bands they have."""
    kinds = {}
    for (survey, _, psf), jobs in sorted(waiting.items()):
        kinds.setdefault((survey, psf), []).extend(jobs)
    for jobs in kinds.values():
        for first in range(0, len(jobs), TOGETHER):
            yield jobs[first : first + TOGETHER]


def _entries(stacks, candidates):
    """What to measure, and rows of files that belong to nothing."""
    if isinstance(stacks, StampIndex):
        index = stacks
    elif isinstance(stacks, list | tuple) and all(
        isinstance(stack, StampStack) for stack in stacks
    ):
        index = None
    elif hasattr(stacks, "__fspath__") or isinstance(stacks, str):
        index = StampIndex.from_paths(stacks)
    else:
        stacks, index = list(stacks), None
    if index is None:
        names = [(s.source, s.survey.name if s.survey else None) for s in stacks]
        chosen = [
            stack
            for stack, name in zip(stacks, names, strict=True)
            if candidates is None or name in candidates
        ]
        return chosen, []
    groups = [
        (key, files)
        for key, files in index.groups().items()
        if candidates is None or key in candidates
    ]
    rejected = [
        _row(file.source or file.path.name, file.survey or "", file.status)
        | {"reason": file.reason}
        for file in index.rejected
        if candidates is None or (file.source, file.survey) in candidates
    ]
    return groups, rejected


def _row(source, survey, status=Status.ERROR, reason=""):
    return {"source": source, "survey": survey, "status": status, "reason": reason}


def _prepare(entry, targets, find, largest):
    """The row of a stack, and the stack where it can be fitted."""
    if isinstance(entry, StampStack):
        survey = entry.survey.name if entry.survey else ""
        row = _row(entry.source or "", survey)
    else:
        row = _row(*entry[0])
    try:
        if row["survey"]:
            width = get_survey(row["survey"]).effective_fwhm()
            if width > WIDEST * largest:
                row["status"] = Status.UNRESOLVED
                row["reason"] = f"stars are {width:.1f} wide"
                return row, None
        stack = entry
        target = (targets or {}).get(row["source"])
        if not isinstance(entry, StampStack):
            stack = StampStack.read_files(entry[1], target=target, on_error="drop")
            row["reason"] = tell_dropped(stack.dropped)
        return row, make_job(row, stack, find)
    except StampError as error:
        row["status"], row["reason"] = error.status, str(error)
    except (VBinaryError, ValueError, ArithmeticError, OSError) as error:
        row["reason"] = str(error)
    return row, None


def _psf_finder(choice):
    """From a stack, a stamp of it and its scale to its PSF and where that is from."""
    folder = None if choice in PSF_CHOICES else folder_psfs(choice)

    def find(stack, stamp, scale):
        survey = stack.survey.name if stack.survey else None
        if folder is not None:
            psf = folder(stack.source, survey, stamp.band or "stacked")
            if psf is not None:
                return psf, "given"
        if survey is None:
            raise ValueError("without a survey, a PSF has to be given")
        usual = model_psf(survey, stamp.band, round(float(scale), 4))
        if choice == "stars":
            from astro_vbinary.measurement.star_psf import star_psf

            psf, count = star_psf(stamp, usual)
            if count:
                return psf, "stars"
        return usual, "model"

    return find


def _fit_all(jobs, **options):
    """Fit stacks together, or in halves where one of them spoils it."""
    try:
        with one_thread(options["device"]):
            _fit(jobs, **options)
    except (RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        if len(jobs) > 1:
            half = len(jobs) // 2
            _fit_all(jobs[:half], **options)
            _fit_all(jobs[half:], **options)
        else:
            reason = f"cannot be fitted: {str(error).splitlines()[0]}"
            jobs[0].row.update(status=Status.ERROR, reason=reason)


def _fit(
    jobs, *, uncertainty, max_separation, posterior, samples, contrast, rng, device
):
    """Fit the stacks of one kind, and complete their rows."""
    # What follows looks at no star beyond the largest separation.
    batch = subtract_neighbours(
        join_jobs(jobs).to(device), max_separation=max_separation
    )
    if isinstance(uncertainty, str):
        uncertainty = DEFAULT_UNCERTAINTY[jobs[0].psf]
    options = {"max_separation": max_separation, "uncertainty": uncertainty}
    fit = fit_pairs(batch, neighbours=False, **options)
    degenerate, bad = is_degenerate(fit), is_bad(fit)
    for number, job in enumerate(jobs):
        job.row.update(fit_row(fit, number, job.bands, job.position))
        job.row["degenerate"] = bool(degenerate[number])
        job.row["bad_fit"] = bool(bad[number])
        if np.isnan(fit.statistic[number]):
            job.row.update(status=Status.NO_DATA, reason="no usable pixel in the fit")
    if contrast:
        _add_limits(jobs, batch, fit, options)
    wanted = {"all": np.ones(len(jobs), bool), "none": np.zeros(len(jobs), bool)}
    chosen = np.flatnonzero(
        wanted.get(posterior, degenerate & (fit.false_alarm < 0.01))
    )
    if len(chosen):
        found = sample_posterior(
            batch, fit, chosen, samples=samples, rng=rng, **options
        )
        for number, entries in zip(chosen, found.rows(), strict=True):
            jobs[number].row.update(entries)


def _add_limits(jobs, batch, fit, options):
    """Complete rows by what companions would have been found."""
    limits = stack_limits(batch, fit, **options)
    names = [name for name, *_ in LIMIT_COLUMNS]
    for job, values in zip(jobs, limits.transpose(1, 0, 2), strict=True):
        job.row.update(zip(names, values.ravel(), strict=True))
