"""Where stamps come from: recipes for archives, and the engine that fetches."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "client": ["Answer", "Client"],
        "outcomes": ["OUTCOME_MEANINGS", "Outcome"],
        "recipe": ["Delivered", "Failure", "HostLimits", "Job", "Recipe"],
        "registry": ["get_recipe", "recipes", "register_recipe"],
        "requests": ["StampRequest", "safe_name"],
    },
)
