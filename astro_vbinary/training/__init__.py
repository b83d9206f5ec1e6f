"""What makes weights: simulated sets, the training loop, evaluation, export."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "bundled": ["RECIPES", "Recipe"],
        "dataset": ["SimulatedSet", "simulate_set"],
        "evaluation": ["binomial_interval", "classification_report", "visual_task"],
        "loop": ["TrainingOptions", "predict_set", "train_network"],
    },
)
