"""Sphinx directives that take what pages on fetching say from the code itself.

``.. outcome-table::``
    How a request can end.
``.. card-table::``
    The cards that a stamp has in its header.
"""

from docutils.parsers.rst import Directive
from survey_tables import _table_node

from astro_vbinary.archives import HEADER_CARDS, OUTCOME_MEANINGS


class OutcomeTable(Directive):
    """Every outcome, what it means, and what becomes of it."""

    def run(self):
        rows = []
        for outcome, meaning in OUTCOME_MEANINGS.items():
            kind = "absence: final" if outcome.is_absence else "failure: tried again"
            rows.append((outcome, "stamp" if outcome.has_file else kind, meaning))
        return [_table_node(["Outcome", "What it is", "Meaning"], rows)]


class CardTable(Directive):
    """Every card that the header of a stamp gets."""

    def run(self):
        return [_table_node(["Card", "What it says"], list(HEADER_CARDS.items()))]


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive("outcome-table", OutcomeTable)
    app.add_directive("card-table", CardTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
