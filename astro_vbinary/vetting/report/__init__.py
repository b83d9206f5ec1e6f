"""A catalogue as one HTML file that needs no other and opens offline."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__, submod_attrs={"writing": ["ReportSummary", "write_report"]}
)
