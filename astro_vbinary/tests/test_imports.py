"""Importing the package is quick: nothing heavy comes along."""

import json
import subprocess
import sys

import pytest

HEAVY = ["astroquery", "matplotlib", "regions", "reproject", "torch", "torchvision"]

PROBE = """
import json, sys
STATEMENT
print(json.dumps(sorted(sys.modules)))
"""


def modules_after(statement):
    """Names of the modules loaded once a fresh interpreter ran a statement."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.replace("STATEMENT", statement)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "statement",
    [
        "import astro_vbinary",
        "import astro_vbinary; dir(astro_vbinary); astro_vbinary.__version__",
        "from astro_vbinary import exceptions, status",
        "from astro_vbinary import Survey, get_survey; get_survey('SDSS9')",
        "import astro_vbinary.cli",
    ],
)
def test_brings_in_nothing_heavy(statement):
    assert modules_after(statement).isdisjoint(HEAVY)


def test_the_package_alone_does_not_need_even_astropy():
    assert "astropy" not in modules_after("import astro_vbinary")


def test_a_name_brings_in_what_it_needs():
    # The tests above would also pass with a probe that sees nothing.
    assert "astropy.nddata" in modules_after("from astro_vbinary import SurveyStamp")


GLOBAL_STATE = """
import logging, warnings
import astropy.nddata, matplotlib, numpy, photutils.psf, regions, reproject
import torch, torchvision, tqdm

def state():
    return {
        "number of threads": torch.get_num_threads(),
        "seed of torch": torch.initial_seed(),
        "seed of numpy": str(numpy.random.get_state()),
        "errors of numpy": numpy.geterr(),
        "figures": (matplotlib.get_backend(), dict(matplotlib.rcParams)),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "filters of warnings": list(warnings.filters),
    }

before = state()
import astro_vbinary
for name in astro_vbinary.__all__:
    getattr(astro_vbinary, name)
after = state()
changed = [name for name in before if before[name] != after[name]]
if changed:
    raise SystemExit(f"importing changed {changed}")
"""


def test_leaves_global_state_alone():
    assert "astro_vbinary.surveys" in modules_after(GLOBAL_STATE)
