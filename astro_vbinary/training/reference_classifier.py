"""The network of the reference recipe, and what it is given."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import astropy.units as u
import numpy as np
import torch
from torch import nn

__all__ = ["ReferenceClassifier", "ReferenceRecipe"]

#: Name of the file that a trained classifier is kept in.
FILE = "reference.safetensors"


@dataclass(frozen=True)
class ReferenceRecipe:
    """How the reference work trains: a ResNet34 from scratch on few labelled stamps.

    Attributes
    ----------
    epochs : int
        Passes over the training part.
    batch : int
        Stamps in a step.
    rate : float
        Learning rate of Adam.
    step, gamma : int, float
        Every ``step`` epochs the rate is multiplied by ``gamma``.
    shares : tuple of float
        Shares of the sources for training, test and validation.
    crop : float
        Side in arcsec of the square around the target that is used: 224 of 322
        pixels of 0.031 arcsec. An image that is smaller is used whole.
    shift : int
        Largest shift of the augmentation in pixels.
    seed : int
        Seed of the split, the initial weights, the order and the augmentation.
    bfloat16 : bool
        Whether the forward pass runs in bfloat16; the reference work's does not.

    References
    ----------
    He, K., Zhang, X., Ren, S. & Sun, J. 2016, CVPR, 770,
    doi:10.1109/CVPR.2016.90; Gezer et al. (NEMESIS), section on training.
    """

    epochs: int = 40
    batch: int = 16
    rate: float = 1e-3
    step: int = 20
    gamma: float = 0.05
    shares: tuple[float, float, float] = (0.70, 0.15, 0.15)
    crop: float = 224 * 0.031
    shift: int = 1
    seed: int = 0
    bfloat16: bool = False

    def __post_init__(self):
        object.__setattr__(self, "shares", tuple(float(s) for s in self.shares))
        if len(self.shares) != 3 or min(self.shares) < 0 or sum(self.shares) > 1.0001:
            raise ValueError(f"shares must be three that add to one, not {self.shares}")
        for name in ("epochs", "batch", "rate", "step", "gamma", "crop"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")


@dataclass(frozen=True)
class ReferenceClassifier:
    """A network trained by the reference recipe.

    Attributes
    ----------
    network : `torch.nn.Module`
        In evaluation mode.
    pixel_scale : float
        Side in arcsec of the pixels that it was trained on.
    recipe : ReferenceRecipe
        How it was trained.
    report : dict
        The `~astro_vbinary.training.classification_report` of the test part, with
        ``n_train``, ``n_validation``, ``epoch`` (the one that was kept) and
        ``left_out`` (stamps without contrast).
    history : list of dict
        One entry an epoch: ``epoch``, ``train_loss``, ``validation_f1``,
        ``validation_accuracy``.
    fingerprint : str
        Of recipe and data.
    """

    network: nn.Module
    pixel_scale: float
    recipe: ReferenceRecipe
    report: dict = field(default_factory=dict)
    history: list = field(default_factory=list)
    fingerprint: str = ""

    def predict(self, images, *, valid=None, batch=64, device="cpu"):
        """Probabilities that images show pairs, not calibrated.

        Parameters
        ----------
        images : `~numpy.ndarray`
            Shape (n, ny, nx), co-added images on the pixels of the training, the
            target at the centre.
        valid : `~numpy.ndarray` of bool, optional
            Shape (n, ny, nx), True where a pixel can be used; what is not finite
            never is.
        batch : int, optional
            Images at a time.
        device : str, optional
            Device of torch.

        Returns
        -------
        `~numpy.ndarray`
            Shape (n,), float64; NaN where an image has no contrast.

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        inputs, usable = normalise(
            images, valid, pixel_scale=self.pixel_scale, crop=self.recipe.crop
        )
        probability = np.full(len(inputs), np.nan)
        probability[usable] = predict_inputs(
            self.network.to(device), inputs[usable], batch=batch
        )
        return probability

    def save(self, folder):
        """Write the network, and all that belongs to it, to one file.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            Made where it is missing; gets ``reference.safetensors``.

        Returns
        -------
        `~pathlib.Path`
            The file.
        """
        from safetensors.torch import save

        entries = {
            "recipe": asdict(self.recipe),
            "pixel_scale": self.pixel_scale,
            "report": self.report,
            "history": self.history,
            "fingerprint": self.fingerprint,
        }
        path = Path(folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        tensors = {
            key: value.detach().cpu().contiguous()
            for key, value in self.network.state_dict().items()
        }
        part.write_bytes(save(tensors, metadata={"reference": json.dumps(entries)}))
        part.replace(path)
        return path

    @classmethod
    def load(cls, folder):
        """Read what `save` has written; nothing in the file is run.

        Parameters
        ----------
        folder : str or `~pathlib.Path`
            The folder.

        Returns
        -------
        ReferenceClassifier
            On the CPU.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        """
        from safetensors import safe_open

        with safe_open(Path(folder) / FILE, framework="pt") as file:
            entries = json.loads(file.metadata()["reference"])
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        network = build_network(0)
        network.load_state_dict(state)
        entries["recipe"] = ReferenceRecipe(**entries["recipe"])
        return cls(network.eval(), **entries)


def build_network(seed):
    """Torchvision's ResNet34 with one channel and two outputs, from scratch.

    Parameters
    ----------
    seed : int
        Of the initial weights.

    Returns
    -------
    `torch.nn.Module`
        The network.
    """
    from torchvision.models import resnet34

    # Torch draws initial weights from its global state: it is put back.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = resnet34(weights=None, num_classes=2)
        network.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(
            network.conv1.weight, mode="fan_out", nonlinearity="relu"
        )
    return network.to(memory_format=torch.channels_last)


def normalise(images, valid=None, *, pixel_scale, crop):
    """Bring every image to zero to one, and cut out its middle.

    Parameters
    ----------
    images : `~numpy.ndarray`
        Shape (n, ny, nx).
    valid : `~numpy.ndarray` of bool, optional
        Shape (n, ny, nx), True where a pixel can be used.
    pixel_scale : `~astropy.units.Quantity` or float
        Side of a pixel, in arcsec where it is a number.
    crop : float
        Side in arcsec of what is kept, to a whole number of pixels.

    Returns
    -------
    inputs : `~numpy.ndarray`
        Shape (n, side_y, side_x), float32: (x - min) / (max - min) over the whole
        image, zero where there are no data.
    usable : `~numpy.ndarray` of bool
        Shape (n,), False where an image has no contrast; its input is zero.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    images = np.asarray(images)
    if images.ndim != 3:
        raise ValueError(f"images must be (n, ny, nx), not {images.shape}")
    if valid is not None and np.shape(valid) != images.shape:
        raise ValueError(f"masks {np.shape(valid)} for images {images.shape}")
    side = max(1, round(crop / u.Quantity(pixel_scale, u.arcsec).value))
    part = tuple(
        slice((n - side) // 2, (n - side) // 2 + side) if side < n else slice(None)
        for n in images.shape[1:]
    )
    usable = np.zeros(len(images), dtype=bool)
    inputs = np.zeros((len(images), *np.empty(images.shape[1:])[part].shape), "f4")
    for number, image in enumerate(images):
        image = np.asarray(image, dtype=float)
        good = np.isfinite(image)
        if valid is not None:
            good &= np.asarray(valid[number], dtype=bool)
        low, high = image[good].min(initial=np.inf), image[good].max(initial=-np.inf)
        usable[number] = high > low
        if usable[number]:
            # Halves, since the span of the largest floats overflows.
            scaled = (np.where(good, image, low) / 2 - low / 2) / (high / 2 - low / 2)
            inputs[number] = scaled[part]
    return inputs, usable


def predict_inputs(network, inputs, *, batch=64):
    """Probabilities of normalised images.

    Parameters
    ----------
    network : `torch.nn.Module`
        The network, on the device where it shall run.
    inputs : `~numpy.ndarray`
        Shape (n, side, side), float32, as `normalise` makes them.
    batch : int, optional
        Images at a time.

    Returns
    -------
    `~numpy.ndarray`
        Shape (n,), float64, of a pair.
    """
    network.eval()
    device = next(network.parameters()).device
    made = [np.zeros(0)]
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            part = torch.as_tensor(inputs[start : start + batch, None], device=device)
            scores = network(part.contiguous(memory_format=torch.channels_last))
            made.append(scores.double().softmax(dim=1)[:, 1].cpu().numpy())
    return np.concatenate(made)
