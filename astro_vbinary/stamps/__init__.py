"""What a stamp is: one survey image of one source, and stacks of its bands."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "aligned": ["COADD_METHODS", "AlignedStack"],
        "alignment": ["ENGINES"],
        "grid": ["GROUP_GRIDS", "SkyGrid"],
        "index": ["RejectedFile", "StampFile", "StampIndex"],
        "naming": ["DEFAULT_TEMPLATES", "NamingTemplate", "StampName"],
        "reading": ["RawImage", "read_image"],
        "shards": [
            "PackedBatch",
            "PackedStamp",
            "PackingReport",
            "pack",
            "read_packed",
            "unpack",
        ],
        "stack": ["StampStack"],
        "stamp": ["SurveyStamp"],
        "targets": ["read_targets"],
    },
)
