"""A user's own weights, kept for every session, and those that packages bring."""

import os
import shutil
import tempfile
import warnings
from importlib import metadata, resources
from pathlib import Path

from astro_vbinary.exceptions import (
    DuplicateNameError,
    UnknownWeightsError,
    VBinaryError,
    VBinaryWarning,
)

__all__ = [
    "ENTRY_POINT_GROUP",
    "FOLDER_VARIABLE",
    "install_weights",
    "remove_weights",
    "user_folder",
]

#: Environment variable that names the folder of a user's data instead of the usual.
FOLDER_VARIABLE = "ASTRO_VBINARY_DATA"

#: Entry-point group by which another package brings weights: each entry is a package
#: in which cards and tensors lie, or a path or list of paths to cards.
ENTRY_POINT_GROUP = "astro_vbinary.weights"


def user_folder():
    """Where installed weights are kept.

    Returns
    -------
    `~pathlib.Path`
        ``weights`` in the folder that ``ASTRO_VBINARY_DATA`` names, or in the
        platform's folder for a user's data. It need not exist.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named) / "weights"
    from platformdirs import user_data_path

    return user_data_path("astro_vbinary", appauthor=False) / "weights"


def user_cards():
    """Paths of the cards of installed weights, by id.

    Returns
    -------
    list of `~pathlib.Path`
        One for each.
    """
    return sorted(user_folder().glob("*/*.toml"))


def package_cards():
    """Paths of the cards that installed packages bring.

    Returns
    -------
    list of `~pathlib.Path`
        What a package gets wrong is left out with a warning.
    """
    found = []
    for entry in sorted(
        metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name
    ):
        # Whatever another package gets wrong must not take this one down with it.
        try:
            found += _cards_of(entry)
        except Exception as error:
            warnings.warn(
                f"weights of {entry.name!r} ({entry.value}) are left out: "
                f"{type(error).__name__}: {error}",
                VBinaryWarning,
                stacklevel=3,
            )
    return found


def _cards_of(entry):
    if ":" in entry.value:
        paths = entry.load()
        paths = [paths] if isinstance(paths, str | Path) else list(paths)
        return [Path(path) for path in paths]
    folder = Path(str(resources.files(entry.value)))
    return sorted(folder.glob("*.toml"))


def install_weights(folder, *, replace=False):
    """Check a folder of weights and keep a copy, known by its id everywhere.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        One card, its tensors, and nothing else but text, tables and figures; what
        ``astro-vbinary train`` writes.
    replace : bool, optional
        Whether installed weights of the same id may be replaced.

    Returns
    -------
    `~astro_vbinary.classification.WeightsCard`
        The card of the copy.

    Raises
    ------
    WeightsError
        If something is wrong with it.
    DuplicateNameError
        If other weights have that id.
    """
    from astro_vbinary.classification.checking import check_folder
    from astro_vbinary.classification.weights import list_weights, load_card

    card, content = check_folder(folder)
    home = user_folder()
    target = home / card.id
    for other in list_weights():
        mine = target in other.path.parents
        if other.id == card.id and not (mine and replace):
            hint = "; remove them, or replace them" if mine else ""
            raise DuplicateNameError(
                f"weights {card.id!r} are already known from {other.path}{hint}"
            )
    home.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that it appears as a whole or not at all.
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=home))
    try:
        for name, data in content.items():
            (part / name).write_bytes(data)
        if target.exists():
            shutil.rmtree(target)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load_card(target)


def remove_weights(weights_id):
    """Remove installed weights.

    Parameters
    ----------
    weights_id : str
        Their id.

    Returns
    -------
    `~pathlib.Path`
        The folder that was removed.

    Raises
    ------
    UnknownWeightsError
        If no installed weights have that id; bundled ones and those of packages are
        not removed.
    """
    installed = {path.stem: path.parent for path in user_cards()}
    if weights_id not in installed:
        known = ", ".join(sorted(installed)) or "none"
        raise UnknownWeightsError(
            f"no weights {weights_id!r} in {user_folder()}; there are: {known}"
        )
    shutil.rmtree(installed[weights_id])
    return installed[weights_id]


def safe_cards(paths, load):
    """Cards that can be read; others are told in a warning.

    Parameters
    ----------
    paths : sequence of `~pathlib.Path`
        Their files.
    load : callable
        Reads one.

    Returns
    -------
    list of `~astro_vbinary.classification.WeightsCard`
        The cards.
    """
    found = []
    for path in paths:
        try:
            found.append(load(path))
        except VBinaryError as error:
            warnings.warn(str(error), VBinaryWarning, stacklevel=3)
    return found
