"""What else is known around a source: chance neighbours, Gaia, the WDS.

`NeighbourCounts` counts stars of a catalogue around sources, `chance_neighbours` says
how many of them are expected as near and as bright as a companion, and `match_gaia` and
`match_wds` find the sources in catalogues. `fetch_gaia` and `fetch_2mass` get these.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "chance": ["chance_controls", "chance_neighbours"],
        "counts": ["NeighbourCounts"],
        "fetching": ["fetch_2mass", "fetch_gaia"],
        "gaia": ["match_gaia"],
        "wds": ["match_wds"],
    },
)
