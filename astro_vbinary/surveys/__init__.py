"""What a survey is: its telescope, its bands, and what its images can resolve.

Importing this subpackage brings in neither torch, nor matplotlib, nor any library
for images: it knows numbers and their references, and no pixels.
"""

from astro_vbinary.surveys.groups import (
    ResolutionGroup,
    groups_table,
    resolution_group,
)
from astro_vbinary.surveys.registry import (
    SurveyRegistry,
    get_survey,
    list_surveys,
    register_survey,
)
from astro_vbinary.surveys.resolution import (
    REFERENCE_WAVELENGTH,
    VISUAL_BINARY_LIMIT,
    effective_resolution,
    rayleigh_resolution,
)
from astro_vbinary.surveys.survey import Band, Survey
from astro_vbinary.surveys.tables import bands_table, surveys_table

__all__ = [
    "REFERENCE_WAVELENGTH",
    "VISUAL_BINARY_LIMIT",
    "Band",
    "ResolutionGroup",
    "Survey",
    "SurveyRegistry",
    "bands_table",
    "effective_resolution",
    "get_survey",
    "groups_table",
    "list_surveys",
    "rayleigh_resolution",
    "register_survey",
    "resolution_group",
    "surveys_table",
]
