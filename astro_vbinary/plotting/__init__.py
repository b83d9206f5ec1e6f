"""Figures: stacks of stamps, their peaks, the surveys' resolution, verdicts.

Every function returns its `~matplotlib.figure.Figure` and shows nothing;
matplotlib is imported when the first figure is drawn, and its settings are left
as they are.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "completeness": ["plot_completeness"],
        "mosaic": ["plot_mosaic"],
        "peaks": ["plot_peaks"],
        "resolution": ["plot_resolution"],
        "result": ["plot_result"],
        "stack": ["plot_source", "plot_stack"],
        "style": ["STRETCHES"],
    },
)
