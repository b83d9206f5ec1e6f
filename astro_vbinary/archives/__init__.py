"""Where stamps come from: recipes for archives, and the engine that fetches."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "client": ["Client"],
        "downloading": ["fetch_stamps"],
        "exporting": ["read_manifest", "write_manifest"],
        "labelling": ["HEADER_CARDS"],
        "outcomes": ["OUTCOME_MEANINGS", "Outcome"],
        "planning": ["ORIGIN_CHOICES", "Estimate", "plan_fetch"],
        "receiving": ["Answer"],
        "recipe": ["Delivered", "Failure", "HostLimits", "Job", "Recipe"],
        "registry": ["get_recipe", "recipes", "register_recipe"],
        "requests": ["ORIGINS", "StampRequest", "safe_name"],
        "retrying": ["Patience"],
        "summary": ["FetchInterrupt", "FetchSummary"],
        "unpacking": ["read_members"],
    },
)
