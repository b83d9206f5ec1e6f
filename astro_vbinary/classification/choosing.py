"""Weights by what a user calls them: an id, or where they lie."""

from pathlib import Path

from astro_vbinary.classification.checking import check_card
from astro_vbinary.classification.weights import find_weights, load_card
from astro_vbinary.exceptions import WeightsError

__all__ = ["choose_weights", "open_weights"]


def open_weights(name):
    """The card of an id or of a path.

    Parameters
    ----------
    name : str or `~pathlib.Path`
        An id, or what `load_card` takes.

    Returns
    -------
    WeightsCard
        The card.

    Raises
    ------
    UnknownWeightsError
        If it is neither the id of known weights nor a path that exists.
    WeightsError
        If the card is not usable.
    """
    if isinstance(name, Path) or Path(name).exists():
        card = load_card(name)
        check_card(card)
        return card
    return find_weights(name)


def choose_weights(names, policy):
    """Cards to use for their groups instead of the default ones.

    Parameters
    ----------
    names : str, path, or sequence of them
        As for `open_weights`.
    policy : str
        Policy by which groups are meant.

    Returns
    -------
    dict of int to WeightsCard
        By group.

    Raises
    ------
    UnknownWeightsError
        If no weights have a given id.
    WeightsError
        If a set is not for the policy, or two are for one group.
    """
    chosen = {}
    for name in [names] if isinstance(names, str | Path) else names:
        card = open_weights(name)
        if policy not in card.policies:
            raise WeightsError(
                f"weights {card.id} are for the policies {', '.join(card.policies)}, "
                f"not {policy!r}"
            )
        if card.group in chosen:
            raise WeightsError(
                f"{chosen[card.group].id} and {card.id} are both for group {card.group}"
            )
        chosen[card.group] = card
    return chosen
