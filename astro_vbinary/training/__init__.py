"""What makes weights: simulated streams, the training loop, evaluation, export."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "bundled": ["RECIPES", "Recipe"],
        "evaluation": ["best_threshold", "binomial_interval", "classification_report"],
        "loop": ["TrainingOptions", "train_network"],
        "reference_classifier": ["ReferenceClassifier", "ReferenceRecipe"],
        "reference_folder": ["read_labelled"],
        "reference_training": ["split_sources", "train_reference"],
        "scoring": ["ScoredSet", "score_stream"],
        "stream": ["Block", "SimulationStream"],
    },
)
