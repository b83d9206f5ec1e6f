"""How Sphinx builds the documentation: offline, with every warning an error."""

import builtins
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE / "_ext"))
# An example of the gallery is on the sky of a benchmark.
sys.path.append(str(HERE.parent))

# ----------------------------------------------------------------- project
project = "astro_vbinary"
author = "The astro_vbinary developers"
project_copyright = f"{datetime.now(UTC):%Y}, {author}"
release = installed_version("astro-vbinary")
version = release.partition("+")[0]

# -------------------------------------------------------------- extensions
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "numpydoc",
    "pytest_doctestplus.sphinx.doctestplus",
    "sphinx_automodapi.automodapi",
    "sphinx_automodapi.smart_resolver",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
# Our own, each of which makes tables from the code that they describe.
extensions += sorted(path.stem for path in (HERE / "_ext").glob("*.py"))

root_doc = "index"
exclude_patterns = ["_build", "_templates", "gallery", "**.ipynb_checkpoints"]
# `name` in single backticks is a reference; nitpicky makes it a checked one.
default_role = "py:obj"
nitpicky = True

# numpydoc lists the members that automodapi already has pages for.
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"
autodoc_docstring_signature = True
automodapi_toctreedirnm = "reference/api"
automodapi_inheritance_diagram = False
automodsumm_inherited_members = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# ------------------------------------------------------ other projects' names
nitpick_ignore_regex = [
    # Base classes and metaclasses that the libraries themselves do not document.
    (r"py:.*", r"(enum|abc|collections\.abc|types|typing)\..*"),
]
if os.environ.get("READTHEDOCS"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "astropy": ("https://docs.astropy.org/en/stable", None),
        "click": ("https://click.palletsprojects.com/en/stable", None),
        "distributed": ("https://distributed.dask.org/en/stable", None),
        "matplotlib": ("https://matplotlib.org/stable", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "photutils": ("https://photutils.readthedocs.io/en/stable", None),
        "pyarrow": ("https://arrow.apache.org/docs", None),
        "regions": ("https://astropy-regions.readthedocs.io/en/stable", None),
        "reproject": ("https://reproject.readthedocs.io/en/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }
else:
    # Anywhere else the build reads no network, so names of other projects are
    # taken on trust; those of this project are still checked.
    external = (
        "astropy|astroquery|click|jinja2|collections|concurrent|distributed|matplotlib"
        "|mpl_toolkits|numpy|np|pathlib|photutils|pyarrow|regions|reproject|safetensors"
        "|scipy|tenacity|threading|torch|torchvision|tqdm"
    )
    standard = "|".join(name for name in dir(builtins) if not name.startswith("_"))
    nitpick_ignore_regex += [
        (r"py:.*", rf"({external})(\..*)?"),
        (r"py:.*", rf"({standard})(\..*)?"),
    ]

# ----------------------------------------------------------------- gallery
sphinx_gallery_conf = {
    "examples_dirs": ["gallery"],
    "gallery_dirs": ["auto_gallery"],
    "filename_pattern": r".*\.py$",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 5,
    "remove_config_comments": True,
    "show_memory": False,
    "plot_gallery": "True",
}

# -------------------------------------------------------------------- HTML
html_theme = "pydata_sphinx_theme"
html_title = f"{project} {version}"
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False


# ------------------------------------------- short names of the public objects
def resolve_public_name(app, env, node, contnode):
    """Find `SurveyStamp`, also as `astro_vbinary.SurveyStamp`, in its room."""
    name = node.get("reftarget", "").removeprefix("astro_vbinary.")
    if node.get("refdomain") != "py" or not name.isidentifier():
        return None
    documented = env.domains["py"].objects
    full = [
        key
        for key, entry in documented.items()
        if key.startswith("astro_vbinary.")
        and key.count(".") == 2
        and key.rpartition(".")[2] == name
        and not entry.aliased
    ]
    if len(full) != 1:  # unknown, or not clear which: a broken reference
        return None
    return env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, "obj", full[0], node, contnode
    )


def setup(app):
    """Called by Sphinx."""
    app.connect("missing-reference", resolve_public_name)
