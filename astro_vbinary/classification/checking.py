"""Whether a folder of weights from anywhere can be let in: looked at, never run.

Everything is decided from sizes, from the card's text and from the header of the
tensors' file, before a tensor is made; nothing in the folder is imported or unpickled.
"""

import hashlib
import json
import math
import re
from pathlib import Path

from astro_vbinary.classification.weights import load_card, load_network
from astro_vbinary.exceptions import WeightsError

__all__ = ["SPLIT_FILE", "check_card", "check_folder", "check_header", "check_id"]

#: What can be an id, which becomes the name of files.
ID = re.compile(r"[A-Za-z0-9][\w.-]{0,79}", re.ASCII)

#: Largest files that are read, in bytes.
LARGEST_CARD, LARGEST_WEIGHTS, LARGEST_HEADER = 2**20, 2**29, 2**20
LARGEST_SPLIT = 2**28

#: Which stacks a training was trained on, as it tells beside its weights.
SPLIT_FILE = "split.ecsv"

#: Endings of what may lie beside weights and card: data and text.
HARMLESS = (".csv", ".ecsv", ".html", ".md", ".png", ".rst", ".txt")
HARMLESS_NAMES = ("LICENCE", "LICENSE", "README")

#: Endings of files that are mostly pickled objects.
PICKLED = (".bin", ".ckpt", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth")

#: Bytes of a number, by the names that safetensors has for them.
SIZES = {"F16": 2, "BF16": 2, "F32": 4, "I64": 8}

#: Ranges of what a card may say of its network and grid.
NETWORK_RANGES = {
    "in_channels": (1, 16),
    "band_channels": (0, 16),
    "band_width": (1, 256),
    "zooms": (0, 2),
    "zoom_width": (1, 256),
    "width": (1, 256),
    "extra_layers": (0, 16),
    "n_extras": (0, 64),
    "symmetries": (1, 8),
    "dropout": (0, 1),
}
SIDES, SCALES = (16, 1024), (0.001, 10.0)


def check_id(name):
    """Raise unless a text can be an id: it becomes the name of files.

    Parameters
    ----------
    name : str
        The text.

    Returns
    -------
    str
        The same.

    Raises
    ------
    WeightsError
        If it has other characters than letters, digits, ``.``, ``_`` and ``-``, begins
        with one of the last three, or is longer than 80.
    """
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise WeightsError(
            f"{name!r} cannot be an id: at most 80 letters, digits, dots, underscores "
            "and hyphens, a letter or digit first"
        )
    return name


def check_folder(folder):
    """Check a folder with one set of weights.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        It holds ``ID.toml``, ``ID.safetensors`` and nothing else but text, tables and
        figures.

    Returns
    -------
    card : WeightsCard
        The card.
    content : dict of str to bytes
        The files to keep by name, as they were checked: card, tensors, and the
        split of the training where there is one.

    Raises
    ------
    WeightsError
        If anything is wrong; the message says what.
    """
    folder = Path(folder)
    if not folder.is_dir() or folder.is_symlink():
        raise WeightsError(f"{folder} is not a folder")
    _check_names(folder)
    paths = sorted(folder.glob("*.toml"))
    if len(paths) != 1:
        raise WeightsError(f"{folder} holds {len(paths)} cards, not one")
    text = _read(paths[0], LARGEST_CARD)
    card = load_card(paths[0])
    check_card(card)
    content = _read(card.weights_path, LARGEST_WEIGHTS)
    found = hashlib.sha256(content).hexdigest()
    if found != card.sha256:
        raise WeightsError(
            f"{card.weights_path} has sha256 {found}, its card says {card.sha256}"
        )
    check_header(content, _shapes(card), card.weights_path)
    _try_out(card)
    made = {paths[0].name: text, card.weights_path.name: content}
    split = folder / SPLIT_FILE
    if split.exists():
        # So that what was trained on is known where the copy is evaluated.
        made[SPLIT_FILE] = _read(split, LARGEST_SPLIT)
    return card, made


def _check_names(folder):
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            raise WeightsError(f"{path} is a link; weights come as plain files")
        if path.suffix.lower() in PICKLED:
            raise WeightsError(
                f"{path} may be pickled, and unpickling runs code; weights are "
                ".safetensors and a .toml card"
            )
        known = path.suffix.lower() in (".toml", ".safetensors", *HARMLESS)
        if not path.is_file() or not (known or path.stem.upper() in HARMLESS_NAMES):
            raise WeightsError(
                f"{path} does not belong beside weights: only a .toml card, "
                f".safetensors, and {', '.join(HARMLESS)} do"
            )
    tensors = list(folder.glob("*.safetensors"))
    if len(tensors) != 1:
        raise WeightsError(f"{folder} holds {len(tensors)} .safetensors, not one")


def _read(path, largest):
    try:
        size = path.stat().st_size
        if size > largest:
            raise WeightsError(f"{path} has {size:,} bytes, more than {largest:,}")
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error}") from None


def check_card(card):
    """Check types and ranges of a card's entries, before anything is built from them.

    Parameters
    ----------
    card : WeightsCard
        The card.

    Raises
    ------
    WeightsError
        If an entry is of another type, or its number out of range.
    """
    entries, path = card.entries, card.path
    check_id(entries["id"])
    if path.stem != entries["id"]:
        raise WeightsError(f"{path} should be called {entries['id']}.toml, by its id")
    for name in ("version", "licence", "sha256"):
        value = entries[name]
        if not isinstance(value, str) or not value.strip() or len(value) > 200:
            raise WeightsError(
                f"{path}: {name} must be a line of text, not {value!r:.80}"
            )
    for name in ("policies", "surveys", "classes"):
        value = entries[name]
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise WeightsError(f"{path}: {name} must be a list of names")
    if entries["classes"] != ["not", "binary"]:
        raise WeightsError(f"{path}: classes must be not and binary")
    _check_number(path, "group", entries["group"], (1, 4))
    for name, value in entries["network"].items():
        if name not in NETWORK_RANGES:
            known = ", ".join(NETWORK_RANGES)
            raise WeightsError(f"{path}: unknown network.{name}; known: {known}")
        whole = name != "dropout"
        _check_number(path, f"network.{name}", value, NETWORK_RANGES[name], whole=whole)
    _check_number(path, "grid.side", entries["grid"].get("side"), SIDES)
    scale = entries["grid"].get("pixel_scale")
    _check_number(path, "grid.pixel_scale", scale, SCALES, whole=False)
    for name in ("temperature", "bias", "prevalence"):
        value = entries["calibration"].get(name)
        _check_number(path, f"calibration.{name}", value, (-1e3, 1e3), whole=False)


def _check_number(path, name, value, span, *, whole=True):
    kinds = int if whole else (int, float)
    low, high = span
    fine = isinstance(value, kinds) and not isinstance(value, bool)
    if not fine or not math.isfinite(value) or not low <= value <= high:
        what = "a whole number" if whole else "a number"
        raise WeightsError(
            f"{path}: {name} must be {what} from {low:g} to {high:g}, not {value!r:.80}"
        )


def _shapes(card):
    """Names and shapes of the network's tensors, without any memory for them."""
    import torch

    from astro_vbinary.classification.network import BinaryNet

    entries = dict(card.entries["network"])
    entries.pop("symmetries", None)
    channels = entries.pop("in_channels")
    with torch.device("meta"):
        network = BinaryNet(channels, n_classes=2, **entries)
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def check_header(content, shapes, path):
    """Check the header of a file of tensors against what a network needs.

    Parameters
    ----------
    content : bytes
        The file.
    shapes : dict of str to tuple of int
        Shape of each tensor of the network.
    path : `~pathlib.Path`
        What the file is called in messages.

    Raises
    ------
    WeightsError
        If the header is damaged, declares more than the file holds, or other tensors.
    """
    length = int.from_bytes(content[:8], "little")
    if len(content) < 10 or length > min(LARGEST_HEADER, len(content) - 8):
        raise WeightsError(f"{path} is not a file of safetensors")
    try:
        header = json.loads(content[8 : 8 + length].decode("utf-8"))
        header.pop("__metadata__", None)
        declared = {name: _entry(entry) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise WeightsError(f"{path} is not a file of safetensors") from None
    room, end = len(content) - 8 - length, 0
    for name, (kind, shape, start, stop) in sorted(
        declared.items(), key=lambda item: item[1][2:]
    ):
        if kind not in SIZES:
            known = ", ".join(SIZES)
            raise WeightsError(f"{path}: {name:.80} is of {kind!r:.20}, not {known}")
        if (
            stop - start != SIZES[kind] * math.prod(shape)
            or start != end
            or stop > room
        ):
            raise WeightsError(
                f"{path}: {name:.80} is declared as {kind} {shape} in bytes {start} to "
                f"{stop} of {room}, which does not fit"
            )
        end = stop
    if end != room:
        raise WeightsError(f"{path} holds {room - end:,} bytes that are no tensor")
    for name in sorted(set(declared) ^ set(shapes)):
        whose = "the file has no" if name in shapes else "the network has no"
        raise WeightsError(f"{path}: {whose} {name:.80}")
    for name, shape in shapes.items():
        if declared[name][1] != shape:
            raise WeightsError(
                f"{path}: {name} is {declared[name][1]}, the card's network has {shape}"
            )


def _entry(entry):
    start, stop = entry["data_offsets"]
    numbers = (*entry["shape"], start, stop)
    if not all(type(n) is int and 0 <= n < 2**40 for n in numbers):
        raise ValueError
    return entry["dtype"], tuple(entry["shape"]), start, stop


def _try_out(card):
    """A forward pass on two images of noise."""
    import torch

    network = load_network(card)
    for name, value in network.state_dict().items():
        if not bool(torch.isfinite(value.float()).all()):
            raise WeightsError(f"{card.weights_path}: {name} is not finite everywhere")
    side, scale = card.entries["grid"]["side"], card.entries["grid"]["pixel_scale"]
    generator = torch.Generator().manual_seed(0)
    signal = torch.randn((2, side, side), generator=generator)
    process = card.preprocessing
    inputs = (
        process.channels_of(signal, torch.ones_like(signal, dtype=torch.bool), scale),
        process.band_channels_of(signal, scale),
        torch.arange(2),
    )
    try:
        with torch.inference_mode():
            scores = network(*inputs)
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise WeightsError(f"{card.id} cannot judge an image: {first}") from None
    if scores.shape != (2, 2) or not bool(torch.isfinite(scores).all()):
        raise WeightsError(f"{card.id} gives {scores.tolist()} for an image of noise")
