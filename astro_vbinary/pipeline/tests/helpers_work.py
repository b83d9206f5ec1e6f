"""Work that needs no network, for processes that are to start quickly and die.

As a command, ``python -m astro_vbinary.pipeline.tests.helpers_work STAMPS OUTPUT
WORKERS``, it runs a folder, one stack a chunk, slowly enough to be killed.
"""

import os
import signal
import sys
import time
from pathlib import Path

from astro_vbinary.pipeline import RunOptions, dispatch, executors, run_catalog
from astro_vbinary.pipeline.work import failed_columns

#: Seconds that a stack takes.
PACE = 0.05


def light_work(chunk, settings):
    """A row for each stack. Sources may have names of what happens to the process."""
    for file in chunk.files:
        died = file.path.parent.with_suffix(".died")
        if file.source == "deadly" or (file.source == "once" and not died.exists()):
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if file.source == "wrong":
            raise ZeroDivisionError("a mistake")
    return failed_columns(chunk, settings, "light"), {"read": 0.0}


def slow_work(chunk, settings):
    time.sleep(PACE)
    return light_work(chunk, settings)


def main(stamps, output, workers):
    dispatch.work = slow_work
    executors.PRELOAD = ()
    options = RunOptions(workers=int(workers), chunk_size=1, device="cpu")
    run_catalog(Path(stamps), output, options=options)


if __name__ == "__main__":
    main(*sys.argv[1:])
