"""What a catalogue is written as: tables, measure lines of the WDS, regions."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "measure_lines": ["read_measure_lines", "write_measure_lines"],
        "sky_regions": ["make_regions", "unescape_label", "write_regions"],
        "writing": ["CATALOG_FORMATS", "write_catalog"],
    },
)
