"""A whole catalogue: planned, shared among processes, and gone on with if stopped."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "options": ["RunOptions"],
        "running": ["RunInterrupt", "run_catalog"],
        "summary": ["RunSummary"],
    },
)
