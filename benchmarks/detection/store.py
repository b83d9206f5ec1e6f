"""What is kept in the folder of a run, and where trained detectors come from.

There is one file for the truth of a set and one for each detector on it. A detector
that comes later, such as a network that is still in training, makes the blocks anew:
their checksum says whether the simulator is still the same.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from astro_vbinary.training.reference import ReferenceClassifier
from benchmarks.detection.detectors import load_network

__all__ = ["COLUMNS", "Models", "Store"]

#: Columns of the truth that are kept.
COLUMNS = (
    "label",
    "kind",
    "survey",
    "form",
    "separation",
    "magnitude_difference",
    "nearest",
    "signal",
    "fwhm",
    "bands",
)


@dataclass(frozen=True)
class Models:
    """Where the trained detectors come from.

    Attributes
    ----------
    checkpoints : dict of int to str
        Checkpoint of a group's network; the bundled weights by default.
    references : dict of int to str
        Folder of each group's network by the reference recipe.
    """

    checkpoints: dict = field(default_factory=dict)
    references: dict = field(default_factory=dict)

    def identity(self, name, group):
        """What tells one version of a detector from another.

        Parameters
        ----------
        name : str
            The detector.
        group : int
            Resolution group.

        Returns
        -------
        str
            Empty for a detector that is not trained.
        """
        if name == "reference":
            return ReferenceClassifier.load(self.references[group]).fingerprint
        if name != "network":
            return ""
        if group in self.checkpoints:
            content = Path(self.checkpoints[group]).read_bytes()
            return hashlib.sha256(content).hexdigest()
        return load_network(group)[2].sha256

    def load(self, name, group):
        """A trained detector.

        Parameters
        ----------
        name : str
            ``network`` or ``reference``.
        group : int
            Resolution group.

        Returns
        -------
        object
            What `~benchmarks.detection.detectors.score` asks for.
        """
        if name == "reference":
            return ReferenceClassifier.load(self.references[group])
        return load_network(group, self.checkpoints.get(group))[:2]


class Store:
    """The scores in a folder.

    Parameters
    ----------
    folder : str or `~pathlib.Path`
        Made where it is missing.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._parts = {}

    def part(self, name, identity=None):
        """The blocks of one file.

        Parameters
        ----------
        name : str
            ``SET`` for its truth, ``SET.DETECTOR`` for scores.
        identity : str, optional
            Version of the detector; scores of another are dropped.

        Returns
        -------
        dict of int to dict
            Number of the block and its arrays.
        """
        if name not in self._parts:
            self._parts[name] = {"identity": identity or "", "blocks": self._read(name)}
            with_it = self._parts[name]
            if identity is not None and with_it["blocks"]:
                known = {str(b["identity"]) for b in with_it["blocks"].values()}
                if known != {identity}:
                    with_it["blocks"] = {}
        return self._parts[name]["blocks"]

    def _read(self, name):
        path = self.folder / f"{name}.npz"
        if not path.exists():
            return {}
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        numbers = arrays.pop("blocks")
        return {
            int(number): {key: values[i] for key, values in arrays.items()}
            for i, number in enumerate(numbers)
        }

    def write(self):
        """Write all parts that have blocks."""
        for name, part in self._parts.items():
            blocks = part["blocks"]
            if not blocks:
                continue
            numbers = sorted(blocks)
            arrays = {
                key: np.stack([np.asarray(blocks[n][key]) for n in numbers])
                for key in blocks[numbers[0]]
            }
            path = self.folder / f"{name}.npz"
            made = path.with_suffix(".part")
            with made.open("wb") as file:
                np.savez_compressed(file, blocks=np.array(numbers), **arrays)
            made.replace(path)

    def table(self, one, detectors):
        """Truth and scores of a set, one row a stack.

        Parameters
        ----------
        one : ~benchmarks.detection.sets.TestSet
            The set.
        detectors : sequence of str
            Which scores.

        Returns
        -------
        dict of str to `~numpy.ndarray`
            Columns; scores are NaN where a detector was not asked.
        """
        truth = self.part(one.name)
        numbers = [n for n in sorted(truth) if n < one.blocks]
        columns = {
            key: np.concatenate([truth[n][key] for n in numbers])
            for key in (*COLUMNS, "d_prime", "d_prime_eye", "usable")
        }
        for name in detectors:
            scores = self.part(f"{one.name}.{name}")
            blank = np.full(len(columns["label"]) // len(numbers), np.nan)
            columns[name] = np.concatenate(
                [scores[n]["scores"] if n in scores else blank for n in numbers]
            )
        return columns
