"""Sphinx directives that draw the registry's tables, so that no page copies them.

``.. survey-table::``
    All surveys; the option ``:policy:`` keeps the groups of one policy.
``.. group-table::``
    The groups of a policy (options ``:policy:`` and ``:apertures:``).
``.. band-table:: SURVEY``
    The bands of a survey and the reference of each of its numbers.
``.. status-table::``
    Every status that a row of a result can have.
"""

import numpy as np
from docutils import nodes
from docutils.parsers.rst import Directive, directives

from astro_vbinary.status import STATUS_MEANINGS
from astro_vbinary.surveys import bands_table, get_survey, groups_table, surveys_table

#: Column of `surveys_table`: its heading and how a value is written.
_SURVEY_COLUMNS = {
    "name": ("Survey", "{}"),
    "aperture": ("Aperture (m)", "{:g}"),
    "paper_aperture": ("Aperture in the paper (m)", "{:g}"),
    "rayleigh": ("Rayleigh, 550 nm (arcsec)", "{:.3f}"),
    "fwhm": ("FWHM, sharpest band (arcsec)", "{:#.2g}"),
    "pixel_scale": ("Pixel (arcsec)", "{:g}"),
    "group_paper": ("Published, paper's apertures", "{}"),
    "group_published": ("Published, true apertures", "{}"),
    "group_effective": ("Effective", "{}"),
    "resolves_binaries": ("Resolves 2.5 arcsec", "{}"),
}
_BAND_COLUMNS = {
    "band": ("Band", "{}"),
    "instrument": ("Camera", "{}"),
    "wavelength": ("Wavelength (um)", "{:.4g}"),
    "rayleigh": ("Rayleigh (arcsec)", "{:.3f}"),
    "fwhm": ("FWHM (arcsec)", "{:g}"),
    "pixel_scale": ("Pixel (arcsec)", "{:g}"),
    "zero_point": ("Zero point (mag)", "{:g}"),
    "saturation": ("Saturates near (mag)", "{:g}"),
    "magnitude_system": ("System", "{}"),
}
_GROUP_COLUMNS = {
    "group": ("Group", "{}"),
    "lower": ("From (arcsec)", "{:g}"),
    "upper": ("To (arcsec)", "{:g}"),
    "surveys": ("Surveys", "{}"),
    "description": ("What they are", "{}"),
}


def _cell(value, style):
    """One value of an astropy table as the text of a cell."""
    value = getattr(value, "value", value)
    if np.ma.is_masked(value):
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return "-"
    return style.format(value) or "-"


def _table_node(headings, rows):
    """A docutils table of plain text."""
    group = nodes.tgroup(cols=len(headings))
    for cells in zip(headings, *rows, strict=True):
        # The widest cell, within reason: only builders of plain text look at it.
        group += nodes.colspec(colwidth=min(max(map(len, cells)), 40))

    def line(cells):
        row = nodes.row()
        for cell in cells:
            row += nodes.entry("", nodes.paragraph(text=cell))
        return row

    group += nodes.thead("", line(headings))
    group += nodes.tbody("", *map(line, rows))
    return nodes.table("", group, classes=["colwidths-auto"])


def _from_astropy(table, columns):
    shown = {key: columns[key] for key in columns if key in table.colnames}
    rows = [
        [_cell(row[key], style) for key, (_, style) in shown.items()] for row in table
    ]
    # A column without a single value only takes up room.
    kept = [i for i in range(len(shown)) if any(row[i] != "-" for row in rows)]
    headings = [columns[key][0] for key in shown]
    return _table_node(
        [headings[i] for i in kept], [[row[i] for i in kept] for row in rows]
    )


class SurveyTable(Directive):
    """All surveys, one row each."""

    option_spec = {"policy": directives.unchanged}  # noqa: RUF012

    def run(self):
        table = surveys_table(policy=self.options.get("policy"))
        return [_from_astropy(table, _SURVEY_COLUMNS)]


class GroupTable(Directive):
    """The groups of one policy."""

    option_spec = {  # noqa: RUF012
        "policy": directives.unchanged,
        "apertures": directives.unchanged,
    }

    def run(self):
        return [_from_astropy(groups_table(**self.options), _GROUP_COLUMNS)]


class BandTable(Directive):
    """The bands of one survey, with the references of its numbers."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        survey = get_survey(self.arguments[0])
        references = nodes.bullet_list()
        for citation, fields in self.citations(survey).items():
            text = f"{', '.join(fields)}: {citation}"
            references += nodes.list_item("", nodes.paragraph(text=text))
        found = [_from_astropy(bands_table(survey), _BAND_COLUMNS), references]
        if survey.notes:
            found.insert(1, nodes.paragraph(text=survey.notes.strip()))
        return found

    @staticmethod
    def citations(survey):
        """Which kinds of numbers each work is cited for."""
        fields = {}
        for where, citation in survey.references.items():
            field = where.rpartition(".")[2].replace("_", " ")
            fields.setdefault(citation, {})[field] = None
        return fields


class StatusTable(Directive):
    """Every status and its meaning."""

    def run(self):
        rows = [
            (str(status), meaning, "yes" if status.is_failure else "no")
            for status, meaning in STATUS_MEANINGS.items()
        ]
        return [_table_node(["Status", "Meaning", "The input was at fault"], rows)]


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive("survey-table", SurveyTable)
    app.add_directive("group-table", GroupTable)
    app.add_directive("band-table", BandTable)
    app.add_directive("status-table", StatusTable)
    app.setup_extension("result_tables")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
