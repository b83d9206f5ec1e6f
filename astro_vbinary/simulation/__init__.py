"""Simulated stamps with known truth: pairs, and what is mistaken for them.

A scene is drawn on the sky, seen by a survey band by band in that survey's own
pixels, with its noise, edges and blanks, and comes back as the same
`~astro_vbinary.stamps.StampStack` that real files are read into.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "alignment": ["AlignedBatch", "align_batch"],
        "batch": ["SimulatedBatch", "simulate_batch"],
        "companions": ["POPULATIONS"],
        "hips": ["hips_order", "to_hips"],
        "injection": ["SingleStar", "inject_companion"],
        "instruments": ["SIMULATED_SURVEYS"],
        "pairs": ["find_singles", "inject_many"],
        "scenes": ["KINDS", "Galaxy", "Scene", "Star", "draw_scene"],
        "simulate": ["SimulatedStack", "simulate_stack", "write_folder"],
        "sources": ["InjectedSource", "inject_source"],
        "template": ["InjectionError", "StarTemplate", "star_template"],
    },
)
