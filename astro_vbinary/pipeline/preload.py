"""What processes have in common, imported once for all of them.

Where the system can fork, the processes of a pool are copies of one that has imported
this module and does nothing else. Torch alone takes seconds and hundreds of megabytes;
so both are spent once, and not for each core.
"""

import atexit
import gc
import os
import sys

from astro_vbinary.pipeline.executors import limit_threads

__all__ = []

# So multiprocessing starts its server; anybody else may import this in peace.
if sys.argv[:1] == ["-c"]:
    # Before anything that starts threads: none would be left in a copy.
    limit_threads()

    import astro_vbinary.classification.network
    import astro_vbinary.pipeline.work  # noqa: F401

    # Memory that is never looked at stays shared.
    gc.collect()
    gc.freeze()
    # Libraries would complain of what is then still there in the end. Copies end
    # without a look at this, as all processes that are forked by a server do.
    atexit.register(os._exit, 0)
