"""Is this source one star or two? Visual binaries in survey image stamps.

The public names are resolved on first use, so that importing the package stays
quick and brings in neither torch, nor matplotlib, nor astroquery.
"""

import lazy_loader as _lazy

__getattr__, _, __all__ = _lazy.attach(
    __name__,
    submodules=[
        "archives",
        "classification",
        "context",
        "exceptions",
        "measurement",
        "pipeline",
        "plotting",
        "psf",
        "simulation",
        "stamps",
        "status",
        "surveys",
        "training",
        "vetting",
    ],
    submod_attrs={
        "classification": [
            "BinaryClassifier",
            "ClassificationResult",
            "classify",
            "list_weights",
        ],
        "exceptions": ["VBinaryError", "VBinaryWarning"],
        "stamps": [
            "AlignedStack",
            "SkyGrid",
            "StampIndex",
            "StampStack",
            "SurveyStamp",
        ],
        "status": ["Flag", "Status"],
        "surveys": [
            "Band",
            "ResolutionGroup",
            "Survey",
            "get_survey",
            "list_surveys",
            "rayleigh_resolution",
            "resolution_group",
            "surveys_table",
        ],
    },
)


def _version():
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("astro-vbinary")
    except PackageNotFoundError:
        return "0+unknown"


__version__ = _version()
# lazy_loader's own list does not know of it.
__all__ += ["__version__"]


def __dir__():
    return sorted(__all__)
