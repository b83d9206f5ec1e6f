"""A whole catalogue: planned, shared among processes, and gone on with if stopped.

`run_catalog` gives each source and survey a verdict, `make_catalog` each source one, by
`fuse_looks`, and `build_catalog` does so for a table of verdicts and its stamps.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "agreement": ["PairAgreement", "check_agreement"],
        "catalog": ["make_catalog"],
        "catalog_building": ["CatalogSummary", "build_catalog"],
        "companion_fraction": ["CompanionFraction", "companion_fraction"],
        "fusion": ["Look", "PairPlace", "fuse_looks", "pair_ratio"],
        "fusion_settings": ["FusionSettings"],
        "motion": ["PairMotion", "fit_motion", "judge_motion", "orbital_motion"],
        "offsets": ["PairOffset"],
        "options": ["RunOptions"],
        "population": ["PairPopulation"],
        "running": ["RunInterrupt", "run_catalog"],
        "sample": ["SampleFraction", "sample_fraction"],
        "summary": ["RunSummary"],
    },
)
