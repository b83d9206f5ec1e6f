"""Weights and their cards: data that travel together, and nothing that runs.

A set of weights is two files: ``ID.safetensors`` and ``ID.toml``, the card. The
card says what the network is, what it is given, what it was trained on and how
good it is; inference uses what the card declares.
"""

import hashlib
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import astropy.units as u
import numpy as np

from astro_vbinary.classification.preprocessing import Preprocessing
from astro_vbinary.exceptions import (
    DuplicateNameError,
    UnknownWeightsError,
    WeightsError,
)
from astro_vbinary.stamps.grid import SkyGrid

__all__ = [
    "WeightsCard",
    "find_weights",
    "list_weights",
    "load_card",
    "load_network",
    "register_weights",
    "save_weights",
]

#: Entries that a card cannot do without.
REQUIRED = (
    "id",
    "version",
    "group",
    "policies",
    "surveys",
    "classes",
    "threshold",
    "licence",
    "sha256",
    "grid",
    "network",
    "preprocessing",
    "calibration",
)


@dataclass(frozen=True)
class WeightsCard:
    """What a set of weights is, expects and can do.

    Attributes
    ----------
    path : `~pathlib.Path`
        The card's file; the weights lie beside it.
    entries : dict
        The card as read from TOML.
    """

    path: Path
    entries: dict = field(repr=False)

    @property
    def id(self):
        """Name of the weights (str)."""
        return self.entries["id"]

    @property
    def version(self):
        """Version of the weights (str)."""
        return self.entries["version"]

    @property
    def group(self):
        """Resolution group (int)."""
        return self.entries["group"]

    @property
    def policies(self):
        """Policies whose group of that number the weights serve (tuple of str)."""
        return tuple(self.entries["policies"])

    @property
    def surveys(self):
        """Names of the surveys in the training set (tuple of str)."""
        return tuple(self.entries["surveys"])

    @property
    def threshold(self):
        """Probability from which on a stack is called a binary (float)."""
        return float(self.entries["threshold"])

    @property
    def symmetries(self):
        """Turned and mirrored images that scores are averaged over (int)."""
        return int(self.entries["network"].get("symmetries", 1))

    @property
    def sha256(self):
        """Hash of the weights' file (str)."""
        return self.entries["sha256"]

    @property
    def scores(self):
        """Results on held-out sets (dict of dict)."""
        return self.entries.get("scores", {})

    @property
    def preprocessing(self):
        """The network's channels (`Preprocessing`)."""
        # A card that says nothing of bands is of a network that sees the sum only.
        return Preprocessing(**{"band_channels": (), **self.entries["preprocessing"]})

    @property
    def weights_path(self):
        """Where the tensors lie (`~pathlib.Path`)."""
        return self.path.with_suffix(".safetensors")

    def grid(self, center):
        """The grid that stacks must be aligned to.

        Parameters
        ----------
        center : `~astropy.coordinates.SkyCoord`
            Position of the target.

        Returns
        -------
        `~astro_vbinary.stamps.SkyGrid`
            The grid.
        """
        grid = self.entries["grid"]
        shape = (grid["side"], grid["side"])
        return SkyGrid(center, grid["pixel_scale"] * u.arcsec, shape)

    def probability(self, scores, *, prior=None):
        """Calibrated probability of a binary.

        Parameters
        ----------
        scores : `~numpy.ndarray`
            Shape (n, 2), the network's scores.
        prior : float, optional
            Share of binaries among the stacks, before anything is seen of them; by
            default the prevalence that the calibration assumed.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n,), float64.

        Raises
        ------
        ValueError
            If the prior is not between 0 and 1.

        Notes
        -----
        Another prior shifts the logarithm of the odds by its difference to the
        calibration's (Saerens, Latinne & Decaestecker 2002, Neural Computation 14,
        21, equation 2.4).
        """
        calibration = self.entries["calibration"]
        margin = scores[:, 1].astype(float) - scores[:, 0].astype(float)
        z = margin / calibration["temperature"] + calibration["bias"]
        if prior is not None:
            if not 0 < prior < 1:
                raise ValueError(f"prior must be between 0 and 1, not {prior}")
            z = z + _log_odds(prior) - _log_odds(calibration["prevalence"])
        return 1 / (1 + np.exp(-np.clip(z, -700, 700)))


def _log_odds(share):
    return float(np.log(share / (1 - share)))


def load_card(path):
    """Read and check a card.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        A ``.toml`` card, a ``.safetensors`` file beside one, or a folder with
        exactly one card.

    Returns
    -------
    WeightsCard
        The card.

    Raises
    ------
    WeightsError
        If there is no card, it lacks an entry, or an entry makes no sense.
    """
    path = Path(path)
    if path.is_dir():
        cards = sorted(path.glob("*.toml"))
        if len(cards) != 1:
            raise WeightsError(f"{path} holds {len(cards)} cards, not one")
        path = cards[0]
    path = path.with_suffix(".toml")
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"no card {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{path} is not TOML: {error}") from None
    missing = [name for name in REQUIRED if name not in entries]
    if missing:
        raise WeightsError(f"{path} lacks {', '.join(missing)}")
    card = WeightsCard(path, entries)
    given = card.preprocessing
    for name, made in (
        ("in_channels", given.channels),
        ("band_channels", given.band_channels),
    ):
        channels = entries["network"].get(name, 0)
        if channels != len(made):
            raise WeightsError(
                f"{path}: a network of {channels} {name} is given {len(made)}"
            )
    prevalence = entries["calibration"].get("prevalence", 0)
    if not 0 < prevalence < 1:
        raise WeightsError(f"{path}: prevalence {prevalence} is not in (0, 1)")
    if not 0 < card.threshold < 1:
        raise WeightsError(f"{path}: threshold {card.threshold} is not in (0, 1)")
    if not entries["calibration"].get("temperature", 0) > 0:
        raise WeightsError(f"{path}: the calibration's temperature must be positive")
    return card


def load_network(card):
    """Build a card's network and fill in its weights.

    Parameters
    ----------
    card : WeightsCard
        The card.

    Returns
    -------
    `~astro_vbinary.classification.BinaryNet`
        On the CPU, float32, in evaluation mode.

    Raises
    ------
    WeightsError
        If the file is missing, its hash is not the card's, or its tensors do
        not fit the network.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    from astro_vbinary.classification.network import BinaryNet

    try:
        content = card.weights_path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read the weights of {card.id}: {error}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise WeightsError(
            f"{card.weights_path} has sha256 {found}, its card says {card.sha256}"
        )
    entries = dict(card.entries["network"])
    channels = entries.pop("in_channels")
    # How the network is used, not what it is.
    entries.pop("symmetries", None)
    try:
        tensors = load(content)
        network = BinaryNet(channels, n_classes=len(card.entries["classes"]), **entries)
        network.load_state_dict({key: value.float() for key, value in tensors.items()})
    except (SafetensorError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(f"{card.id} does not fit its network: {error}") from None
    return network.eval()


def save_weights(folder, network, entries):
    """Write weights in half precision and their card.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Where to; files of the same id are replaced.
    network : `~astro_vbinary.classification.BinaryNet`
        The network.
    entries : dict
        The card without ``sha256``.

    Returns
    -------
    WeightsCard
        The card as it is read back.

    Raises
    ------
    WeightsError
        If the card is not complete.
    """
    import tomli_w
    import torch
    from safetensors.torch import save

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        key: value.half().contiguous() if value.is_floating_point() else value
        for key, value in network.state_dict().items()
        # Counts batches of training; nothing in inference reads it.
        if not key.endswith("num_batches_tracked")
    }
    tensors |= {
        key: torch.zeros((), dtype=torch.int64)
        for key in network.state_dict()
        if key.endswith("num_batches_tracked")
    }
    content = save(tensors)
    path = folder / f"{entries['id']}.toml"
    path.with_suffix(".safetensors").write_bytes(content)
    entries = {**entries, "sha256": hashlib.sha256(content).hexdigest()}
    path.write_text(tomli_w.dumps(entries), encoding="utf-8")
    return load_card(path)


_registered: dict[str, Path] = {}


def _bundled_folder():
    return Path(str(resources.files("astro_vbinary.classification") / "bundled"))


def register_weights(path):
    """Make a user's weights known by their id for this session.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        As for `load_card`.

    Returns
    -------
    WeightsCard
        The card.

    Raises
    ------
    DuplicateNameError
        If other weights have that id.
    WeightsError
        If the card is not usable.
    """
    card = load_card(path)
    known = {other.id: other.path for other in list_weights()}
    if card.id in known and known[card.id] != card.path:
        raise DuplicateNameError(
            f"weights {card.id!r} are already known from {known[card.id]}"
        )
    _registered[card.id] = card.path
    return card


def list_weights():
    """Cards of all weights that are known.

    Returns
    -------
    tuple of WeightsCard
        Bundled ones first, then those registered in this session, those that packages
        bring, and those that the user has installed; sorted by id within each kind.

    Examples
    --------
    >>> from astro_vbinary import list_weights
    >>> sorted({card.group for card in list_weights()})
    [3, 4]
    """
    found = {}
    for card in (*_default_cards(), *_installed_cards()):
        found.setdefault(card.id, card)
    return tuple(found.values())


def _default_cards():
    """Those that serve a group without being asked for."""
    bundled = sorted(_bundled_folder().glob("*.toml"))
    own = [path for _, path in sorted(_registered.items())]
    return [load_card(path) for path in [*bundled, *own]]


def _installed_cards():
    """Those that are used by id alone."""
    from astro_vbinary.classification.installing import (
        package_cards,
        safe_cards,
        user_cards,
    )

    return safe_cards([*package_cards(), *user_cards()], load_card)


def find_weights(weights_id=None, *, group=None, policy="published"):
    """The card of an id, or the newest of a group.

    Weights that are installed (``astro-vbinary weights add``) or that a package brings
    are found by their id and never chosen for a group: what a group is judged by does
    not change because something was installed.

    Parameters
    ----------
    weights_id : str, optional
        The id.
    group : int, optional
        Resolution group, where no id is given.
    policy : str, optional
        Policy by which the group is meant.

    Returns
    -------
    WeightsCard
        The card.

    Raises
    ------
    UnknownWeightsError
        If there are no such weights; the message lists the known ids.
    """
    cards = _default_cards() if weights_id is None else list_weights()
    known = ", ".join(f"{c.id} (group {c.group})" for c in cards) or "none"
    if weights_id is not None:
        for card in cards:
            if card.id == weights_id:
                return card
        raise UnknownWeightsError(f"no weights {weights_id!r}; known: {known}")
    fitting = [c for c in cards if c.group == group and policy in c.policies]
    if not fitting:
        raise UnknownWeightsError(
            f"no weights for group {group} of policy {policy!r}; known: {known}"
        )
    return max(fitting, key=lambda card: card.version)
