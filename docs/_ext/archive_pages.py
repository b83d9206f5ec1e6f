"""Sphinx directives that make the pages on archives from their recipes.

``.. archive-table::``
    All recipes, one row each.
``.. archive-page:: SURVEY``
    What is fetched of a survey, by each of its recipes: bands, units, zero points,
    traps, limits, and how to cite and acknowledge it.
"""

from urllib.parse import urlsplit

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util.docutils import SphinxDirective
from survey_tables import _table_node

from astro_vbinary.archives import recipes
from astro_vbinary.surveys import get_survey, list_surveys

#: How pages call the origins.
ORIGINS = {"native": "The survey's own archive", "hips": "HiPS"}


def _server(recipe):
    return urlsplit(recipe.base_url).hostname or recipe.base_url


def _zero_point(recipe, band):
    """What is known of it without an image."""
    zero_point = recipe.zero_point(band)
    if zero_point is not None:
        return f"{zero_point:g}"
    if recipe.pixel_unit() == "MJy/sr":
        return "from the area of a pixel"
    return "of each image" if recipe.origin == "native" else "not known"


class ArchiveTable(Directive):
    """All recipes, in the order of their surveys' apertures."""

    def run(self):
        rows = [
            (
                survey,
                recipe.name,
                " ".join(recipe.bands[:6]) + (" ..." if len(recipe.bands) > 6 else ""),
                str(recipe.pixel_unit()),
                _server(recipe),
            )
            for survey in list_surveys()
            for recipe in recipes(survey=survey)
        ]
        return [_table_node(["Survey", "Archive", "Bands", "Unit", "Server"], rows)]


class ArchivePage(SphinxDirective):
    """What is fetched of one survey."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        survey = get_survey(self.arguments[0])
        found = []
        for recipe in recipes(survey=survey.name):
            title = f"{ORIGINS[recipe.origin]}: ``{recipe.name}``"
            text = "\n".join([title, "-" * len(title), "", recipe.what, ""])
            (section,) = self.parse_text_to_nodes(text, allow_section_headings=True)
            section += [self._bands(survey, recipe), self._limits(recipe)]
            section += self.parse_text_to_nodes(self._rest(recipe))
            found.append(section)
        return found

    def _bands(self, survey, recipe):
        rows = [
            (
                band,
                f"{survey.band(band).pixel_scale.value:g}",
                str(recipe.pixel_unit()),
                _zero_point(recipe, band),
                recipe.system(band) or "-",
            )
            for band in recipe.bands
        ]
        headings = ["Band", "Native pixel (arcsec)", "Unit", "Zero point", "System"]
        return _table_node(headings, rows)

    def _limits(self, recipe):
        limits = recipe.limits
        text = (
            f"The server {_server(recipe)} is asked for {limits.concurrency} at a "
            f"time, {limits.rate_per_s:g} a second; an answer must be there in "
            f"{limits.timeout_s:g} s and have at most {limits.max_bytes / 2**20:g} MB."
        )
        return nodes.paragraph(text=text)

    def _rest(self, recipe):
        lines = ["**Beware**", ""]
        lines += [f"* {trap}" for trap in recipe.traps]
        lines += ["", f"**To cite:** {recipe.citation}.", ""]
        lines += ["**To acknowledge:**", "", f"    {recipe.acknowledgement}", ""]
        lines += [f"**More:** {recipe.doc_url}"]
        return "\n".join(lines)


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive("archive-table", ArchiveTable)
    app.add_directive("archive-page", ArchivePage)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
