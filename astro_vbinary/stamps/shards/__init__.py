"""Many stamps in few files: shards, HDF5 files with one row a FITS file.

Importing it brings in no h5py: that is loaded by what opens or writes a shard.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "batch": ["PackedBatch", "read_packed"],
        "format": ["COLUMNS", "VERSION"],
        "packed": ["PackedStamp"],
        "reading": ["Shard"],
        "report": ["PackingReport"],
        "unpacking": ["unpack"],
        "writing": ["pack"],
    },
)
