"""The recipes of ``astro-vbinary train``."""

from dataclasses import dataclass, field

from astro_vbinary.training.identity import LinkRules
from astro_vbinary.training.splitting import SHARES

__all__ = ["TUNING_RECIPES", "TuningRecipe"]


@dataclass(frozen=True)
class TuningRecipe:
    """How weights are made from labelled stacks.

    Attributes
    ----------
    name : str
        Name of the recipe.
    initial : bool
        Whether it starts from earlier weights, else from random ones.
    channels, band_channels : tuple of str
        What a network from random weights is given.
    width : int
        Channels of the first stage of such a network; 64 is the paper's.
    epochs : int
        Passes over the training part at most.
    batch : int
        Stacks in a step.
    optimiser : {"adam", "adamw"}
        The optimiser.
    rate : float
        Highest learning rate.
    schedule : {"step", "cosine"}
        Times ``gamma`` every ``step`` epochs, or down to zero along a cosine after a
        rise over the first twentieth of the steps.
    step, gamma : int, float
        Of the schedule of that name.
    weight_decay : float
        Of the optimiser.
    frozen : tuple of str
        Stages of the network that are left as they are: names of its modules.
    statistics : bool
        Whether means and variances of the normalisations follow the new images.
    symmetries : bool
        Whether stacks are turned and mirrored.
    shift : int
        Largest shift in pixels of the grid, at most 4.
    noise : float
        Largest scatter of the noise that is added, in units of each band's own.
    blur : float
        Largest widening of the star images, as a share of the survey's FWHM.
    class_weights : bool
        Whether the rarer class counts for more, so that both weigh the same.
    choose : {"f1", "loss"}
        The epoch that is kept: the best F1 of the pairs, or the lowest loss, of the
        validation part.
    patience : int
        Epochs without a better one after which training ends; 0 for never.
    shares : tuple of float
        Shares of training, test and validation.
    rules : `~astro_vbinary.training.LinkRules`
        What the split keeps together.
    simulated : float
        Share of simulated stacks among those that are trained on.
    seed : int
        Seed of split, initial weights, order and augmentation.
    bfloat16 : bool
        Whether the forward pass of training runs in bfloat16.

    Raises
    ------
    ValueError
        If a value is not one of those that are allowed.
    """

    name: str
    initial: bool = True
    channels: tuple[str, ...] = ("minmax",)
    band_channels: tuple[str, ...] = ()
    width: int = 64
    epochs: int = 40
    batch: int = 32
    optimiser: str = "adamw"
    rate: float = 1e-3
    schedule: str = "cosine"
    step: int = 20
    gamma: float = 0.05
    weight_decay: float = 0.0
    frozen: tuple[str, ...] = ()
    statistics: bool = True
    symmetries: bool = True
    shift: int = 1
    noise: float = 0.0
    blur: float = 0.0
    class_weights: bool = True
    choose: str = "loss"
    patience: int = 0
    shares: tuple[float, float, float] = SHARES
    rules: LinkRules = field(default_factory=LinkRules)
    simulated: float = 0.0
    seed: int = 0
    bfloat16: bool = False

    def __post_init__(self):
        for name, allowed in (
            ("optimiser", ("adam", "adamw")),
            ("schedule", ("step", "cosine")),
            ("choose", ("f1", "loss")),
            ("shift", range(5)),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(str, allowed))}, not "
                    f"{getattr(self, name)!r}"
                )
        for name in ("epochs", "batch", "rate", "width", "step", "gamma"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if not 0 <= self.simulated < 1:
            raise ValueError(
                f"simulated must be a share from 0 to below 1, not {self.simulated}"
            )
        if not (0 <= self.noise <= 5 and 0 <= self.blur <= 2):
            raise ValueError(
                f"noise {self.noise} must be 0 to 5 and blur {self.blur} 0 to 2"
            )


#: The paper's way from random weights, and the bundled weights' adaptation.
TUNING_RECIPES = {
    "gezer": TuningRecipe(
        name="gezer",
        initial=False,
        batch=16,
        optimiser="adam",
        schedule="step",
        class_weights=False,
        choose="f1",
    ),
    "finetune": TuningRecipe(
        name="finetune",
        epochs=30,
        batch=32,
        rate=5e-4,
        weight_decay=0.02,
        # Means and variances of a few hundred stacks are worse than those of the
        # simulations (``benchmarks/label_efficiency.py --statistics``).
        statistics=False,
        shift=2,
        noise=0.5,
        blur=0.15,
        patience=12,
    ),
}
