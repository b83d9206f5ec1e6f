"""From aligned stacks to verdicts: preprocessing, network, weights, results."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "classifier": ["BinaryClassifier"],
        "choosing": ["open_weights"],
        "installing": ["install_weights", "remove_weights", "user_folder"],
        "network": ["BinaryNet"],
        "preprocessing": ["Prepared", "Preprocessing", "prepare"],
        "result": ["ClassificationResult"],
        "routing": ["classify"],
        "weights": [
            "WeightsCard",
            "find_weights",
            "list_weights",
            "load_card",
            "register_weights",
        ],
    },
)
