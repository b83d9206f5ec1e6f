"""One group's network, ready to judge stacks."""

from functools import cached_property

import numpy as np

from astro_vbinary.classification.batch_size import choose_batch_size
from astro_vbinary.classification.checking import check_card
from astro_vbinary.classification.preprocessing import Prepared, prepare
from astro_vbinary.classification.result import ClassificationResult, make_row
from astro_vbinary.classification.weights import (
    find_weights,
    load_card,
    load_network,
)
from astro_vbinary.exceptions import AlignmentError, StampError
from astro_vbinary.stamps.aligned import AlignedStack
from astro_vbinary.status import Flag, Status
from astro_vbinary.surveys import VISUAL_BINARY_LIMIT

__all__ = ["PRECISIONS", "BinaryClassifier", "choose_device"]

#: Precisions of the forward pass. ``auto`` takes float16 on a CUDA GPU and float32
#: elsewhere: bfloat16 is as fast, but moves some probabilities by more than 0.01
#: (``benchmarks.throughput.precision``).
PRECISIONS = ("auto", "float32", "float16", "bfloat16")


def choose_device(device="auto"):
    """The device that a request stands for.

    Parameters
    ----------
    device : str, optional
        ``auto`` takes CUDA where there is one, then Apple's MPS, then the CPU;
        anything else is a name that torch knows.

    Returns
    -------
    `torch.device`
        The device.

    Raises
    ------
    ValueError
        If torch does not know the name, or the device is not there.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"no device {device!r} here: {first}") from None
    return chosen


def check_prior(prior):
    """Raise unless a prior is a share.

    Parameters
    ----------
    prior : float or None
        None is the card's own.

    Raises
    ------
    ValueError
        If it is not between 0 and 1.
    """
    if prior is not None and not 0 < prior < 1:
        raise ValueError(f"prior must be between 0 and 1, not {prior}")


class BinaryClassifier:
    """Says of aligned stacks whether they show one star or two.

    Made by `from_pretrained`, `for_group` or `from_file`.

    Parameters
    ----------
    card : `~astro_vbinary.classification.WeightsCard`
        What the network is and expects.
    network : `~astro_vbinary.classification.BinaryNet`
        The network with its weights.
    device : str, optional
        ``auto`` (CUDA, MPS or CPU) or a device of torch.
    precision : str, optional
        One of ``auto``, ``float32``, ``float16`` and ``bfloat16``.

    Raises
    ------
    ValueError
        If the device is not there or the precision is unknown.

    Examples
    --------
    >>> from astro_vbinary import BinaryClassifier
    >>> classifier = BinaryClassifier.for_group(3, device="cpu")
    >>> "Pan-STARRS" in classifier.card.surveys
    True
    """

    def __init__(self, card, network, *, device="auto", precision="auto"):
        import torch

        if precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise ValueError(f"unknown precision {precision!r}; known: {known}")
        self.card = card
        self.device = choose_device(device)
        if precision == "auto":
            precision = "float16" if self.device.type == "cuda" else "float32"
        self.precision = precision
        # Normalisation is part of the convolutions where nothing is learnt any more.
        network = network.fused()
        self._network = network.to(self.device, memory_format=torch.channels_last)

    @cached_property
    def batch_size(self):
        """Stacks that the network sees at a time unless one says otherwise (int)."""
        return choose_batch_size(self.device, self.card.entries["grid"]["side"])

    @classmethod
    def from_pretrained(cls, weights_id, *, device="auto", precision="auto"):
        """The classifier of bundled or registered weights.

        Parameters
        ----------
        weights_id : str
            An id out of `~astro_vbinary.classification.list_weights`.
        device, precision : str, optional
            As for the class.

        Returns
        -------
        BinaryClassifier
            Ready to predict.

        Raises
        ------
        UnknownWeightsError
            If no weights have that id.
        WeightsError
            If the file does not fit its card.
        """
        card = find_weights(weights_id)
        return cls(card, load_network(card), device=device, precision=precision)

    @classmethod
    def for_group(cls, group, *, policy="published", device="auto", precision="auto"):
        """The classifier of a resolution group.

        Parameters
        ----------
        group : int
            Number of the group.
        policy : str, optional
            Policy by which the group is meant.
        device, precision : str, optional
            As for the class.

        Returns
        -------
        BinaryClassifier
            Ready to predict.

        Raises
        ------
        UnknownWeightsError
            If there are no weights for the group.
        """
        card = find_weights(group=group, policy=policy)
        return cls(card, load_network(card), device=device, precision=precision)

    @classmethod
    def from_file(cls, path, *, device="auto", precision="auto"):
        """The classifier of a user's own weights.

        Parameters
        ----------
        path : str or `~pathlib.Path`
            A card, the weights beside it, or a folder with one set of both.
        device, precision : str, optional
            As for the class.

        Returns
        -------
        BinaryClassifier
            Ready to predict.

        Raises
        ------
        WeightsError
            If the files do not fit each other.
        """
        card = load_card(path)
        check_card(card)
        return cls(card, load_network(card), device=device, precision=precision)

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
        return self.card.grid(center)

    def predict(self, stacks, *, prior=None, batch_size=None):
        """Classify aligned stacks.

        Parameters
        ----------
        stacks : `AlignedStack` or iterable of them
            Aligned to `grid`.
        prior : float, optional
            Share of binaries among the sources, before anything is seen of them. By
            default what the card's calibration assumed; a field survey of stars is
            nearer to 0.02.
        batch_size : int, optional
            Stacks at a time; by default `batch_size`, the device's.

        Returns
        -------
        `~astro_vbinary.classification.ClassificationResult`
            One row a stack, in order. A stack that cannot be used has a status
            and a reason instead of a probability, and so has one of a survey
            that cannot resolve 2.5 arcsec.

        Raises
        ------
        TypeError
            If something is not an aligned stack.
        AlignmentError
            If a stack is on another grid.
        ValueError
            If the prior is not between 0 and 1.
        """
        check_prior(prior)
        if isinstance(stacks, AlignedStack):
            stacks = [stacks]
        batch_size = batch_size or self.batch_size
        rows, pending = [], []
        for stack in stacks:
            self.check(stack)
            row, prepared = self.prepare(stack)
            rows.append(row)
            if prepared is not None:
                pending.append((row, prepared))
            if len(pending) >= batch_size:
                self.judge(pending, prior=prior)
                pending = []
        self.judge(pending, prior=prior)
        return ClassificationResult(rows)

    def check(self, stack):
        """Raise unless a stack is aligned to this classifier's grid.

        Parameters
        ----------
        stack : `AlignedStack`
            The stack.

        Raises
        ------
        TypeError
            If it is something else.
        AlignmentError
            If it is on another grid.
        """
        if not isinstance(stack, AlignedStack):
            raise TypeError(
                f"can classify an AlignedStack, not {type(stack).__name__}; "
                "StampStack.align makes one"
            )
        wanted = self.grid(stack.grid.center)
        same = np.isclose(stack.grid.pixel_scale / wanted.pixel_scale, 1, rtol=1e-6)
        if stack.grid.shape != wanted.shape or not same:
            raise AlignmentError(f"{stack!r} is not on this classifier's {wanted!r}")

    def prepare(self, stack):
        """A stack's row, and its image where there is something to classify.

        Parameters
        ----------
        stack : `AlignedStack`
            The stack.

        Returns
        -------
        row : dict
            Without a probability yet.
        prepared : `Prepared` or None
            None where the row's status says why not.
        """
        row = make_row(stack, card=self.card)
        survey = stack.survey
        if survey is not None and not survey.resolves(VISUAL_BINARY_LIMIT):
            row["status"] = Status.UNRESOLVED
            row["reason"] = (
                f"{survey.name} images are {survey.effective_fwhm():.2f} wide"
            )
            return row, None
        if survey is not None and survey.name not in self.card.surveys:
            row["flags"] |= Flag.UNTRAINED_SURVEY
        try:
            prepared = prepare(stack)
        except StampError as error:
            row["status"], row["reason"] = error.status, str(error)
            return row, None
        row["flags"] |= prepared.flags
        return row, prepared

    def judge(self, pending, *, prior=None):
        """Fill in the probabilities and labels of prepared stacks.

        Parameters
        ----------
        pending : list of (dict, `Prepared`)
            Rows and images as `prepare` returns them; the rows are changed.
        prior : float, optional
            As for `predict`.
        """
        if not pending:
            return
        rows, images = zip(*pending, strict=True)
        values = self.probabilities(images, prior=prior)
        for row, value in zip(rows, values, strict=True):
            self.decide(row, value)

    def decide(self, row, probability):
        """Fill in a verdict.

        Parameters
        ----------
        row : dict
            A row, which is changed.
        probability : float
            Of a pair.
        """
        row["probability"] = float(probability)
        row["label"] = "binary" if probability >= self.card.threshold else "not"
        row["status"] = Status.OK

    def probabilities(self, images, *, prior=None):
        """Calibrated probabilities of prepared images, as one batch.

        Parameters
        ----------
        images : sequence of `Prepared`
            The images.
        prior : float, optional
            As for `predict`.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n,), float64.
        """
        if not all(isinstance(image, Prepared) for image in images):
            raise TypeError("probabilities takes what prepare returns")
        return self.card.probability(self.scores(images), prior=prior)

    def scores(self, images):
        """Scores of prepared images, as one batch.

        Parameters
        ----------
        images : sequence of `Prepared`
            The images.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n, 2), float32, before calibration.
        """
        import torch

        count = torch.tensor([len(image.bands) for image in images])
        return self.scores_of(
            torch.from_numpy(np.stack([image.signal for image in images])),
            torch.from_numpy(np.stack([image.valid for image in images])),
            torch.from_numpy(np.concatenate([image.bands for image in images])),
            torch.repeat_interleave(torch.arange(len(images)), count),
        )

    def scores_of(self, signal, valid, bands, owner):
        """Scores of images in units of their noise, as one batch.

        Parameters
        ----------
        signal : `torch.Tensor`
            Shape (n, ny, nx), float32: the sums of the bands.
        valid : `torch.Tensor` of bool
            Shape (n, ny, nx).
        bands : `torch.Tensor`
            Shape (m, ny, nx), float32: all bands of all stacks.
        owner : `torch.Tensor`
            Shape (m,), int64: the stack that each band belongs to.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n, 2), float32, before calibration.
        """
        import torch

        from astro_vbinary.classification.network import symmetric_scores

        process, device = self.card.preprocessing, self.device
        scale = self.card.entries["grid"]["pixel_scale"]
        with torch.inference_mode():
            inputs = [process.channels_of(signal.to(device), valid.to(device), scale)]
            if process.band_channels:
                bands = process.band_channels_of(bands.to(device), scale)
                inputs += [bands, owner.to(device)]
            kind = getattr(torch, self.precision)
            with torch.autocast(device.type, kind, enabled=kind is not torch.float32):
                made = symmetric_scores(
                    self._network, *inputs, symmetries=self.card.symmetries
                )
        return made.float().cpu().numpy()

    def __repr__(self):
        return (
            f"<BinaryClassifier {self.card.id} group {self.card.group} on "
            f"{self.device} in {self.precision}>"
        )
