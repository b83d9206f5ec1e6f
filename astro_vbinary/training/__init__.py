"""What makes weights: labels, splits, the training loops, evaluation, export."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "bundled": ["RECIPES", "Recipe"],
        "comparing": ["compare_verdicts", "mcnemar"],
        "evaluation": ["best_threshold", "binomial_interval", "classification_report"],
        "figures": ["draw_evaluation", "draw_history"],
        "identity": ["LinkRules"],
        "labelled": ["LabelledStacks"],
        "labels": [
            "LABELS",
            "StackLabel",
            "combine_labels",
            "read_labels",
            "soft_label",
        ],
        "loop": ["TrainingOptions", "train_network"],
        "making": ["MadeWeights", "train_weights"],
        "reading": ["read_stacks", "simulate_stacks"],
        "reference_classifier": ["ReferenceClassifier", "ReferenceRecipe"],
        "reference_folder": ["read_labelled"],
        "reference_training": ["split_sources", "train_reference"],
        "reports": ["EvaluatedStacks", "evaluate_weights", "report_parts"],
        "scoring": ["ScoredSet", "score_stream"],
        "seen": ["find_seen", "read_split"],
        "splitting": ["check_split", "split_stacks"],
        "stream": ["Block", "SimulationStream"],
        "tensorboard": ["EpochLog"],
        "tuning_recipes": ["TUNING_RECIPES", "TuningRecipe"],
    },
)
