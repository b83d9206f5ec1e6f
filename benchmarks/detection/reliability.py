"""Whether probabilities are frequencies, at several prevalences."""

from functools import partial

import numpy as np

from astro_vbinary.training.evaluation import (
    bootstrap_interval,
    fit_temperature,
    reweighted_calibration_error,
)

__all__ = ["PREVALENCES", "curve", "probabilities", "reliability_rows"]

#: Shares of binaries at which probabilities are judged.
PREVALENCES = (0.02, 0.10, 0.50)


def probabilities(margin, prevalence, *, card=None, held=None):
    """Calibrated probabilities of a network.

    Parameters
    ----------
    margin : `~numpy.ndarray`
        Difference of the network's scores.
    prevalence : float
        Share of binaries that is assumed.
    card : `~astro_vbinary.classification.WeightsCard`, optional
        With the calibration.
    held : dict of str to `~numpy.ndarray`, optional
        Validation set that a network without a card is calibrated on.

    Returns
    -------
    `~numpy.ndarray`
        Of the shape of the margin.
    """
    if card is not None:
        scores = np.stack([np.zeros_like(margin), margin], axis=1)
        return card.probability(scores, prior=prevalence)
    good = np.isfinite(held["network"])
    labels = held["label"][good]
    temperature, bias = fit_temperature(held["network"][good], labels)
    odds = np.log(prevalence / (1 - prevalence))
    share = labels.mean()
    z = margin / temperature + bias + odds - np.log(share / (1 - share))
    return 1 / (1 + np.exp(-np.clip(z, -700, 700)))


def reliability_rows(test, group, *, card=None, held=None, seed=1):
    """Expected calibration error at each prevalence.

    Parameters
    ----------
    test : dict of str to `~numpy.ndarray`
        Truth and scores of the natural mix.
    group : int
        Resolution group.
    card, held
        As for `probabilities`.
    seed : int, optional
        Of the bootstrap.

    Returns
    -------
    list of dict
        One a prevalence, with a 95 % interval.
    """
    good = np.isfinite(test["network"]) & test["usable"]
    labels, margin = test["label"][good], test["network"][good]
    rows = []
    for prevalence in PREVALENCES:
        p = probabilities(margin, prevalence, card=card, held=held)
        measure = partial(reweighted_calibration_error, prevalence=prevalence)
        low, high = bootstrap_interval(measure, labels, p, seed=seed)
        rows.append(
            {
                "group": group,
                "prevalence": prevalence,
                "n": len(labels),
                "calibration_error": measure(labels, p),
                "low": low,
                "high": high,
            }
        )
    return rows


def curve(labels, probability, prevalence, *, bins=15):
    """Frequency against probability, weighted to a prevalence.

    Parameters
    ----------
    labels, probability : `~numpy.ndarray`
        Of the natural mix.
    prevalence : float
        Share of binaries.
    bins : int, optional
        Number of equal intervals.

    Returns
    -------
    said, known, n : `~numpy.ndarray`
        Mean probability, frequency and number of stacks of every interval that has
        at least ten.
    """
    share = labels.mean()
    weight = np.where(labels == 1, prevalence / share, (1 - prevalence) / (1 - share))
    index = np.minimum((probability * bins).astype(int), bins - 1)
    rows = []
    for number in range(bins):
        inside = index == number
        if inside.sum() >= 10:
            rows.append(
                (
                    np.average(probability[inside], weights=weight[inside]),
                    np.average(labels[inside], weights=weight[inside]),
                    inside.sum(),
                )
            )
    return tuple(np.array(rows).reshape(-1, 3).T)
