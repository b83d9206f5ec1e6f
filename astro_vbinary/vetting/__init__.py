"""Look at stamps and say what they show: the page, the labels, and how they agree.

The page needs the extra ``inspect``; labels and agreement need nothing more than the
package.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    submod_attrs={
        "agreement": [
            "cohen_kappa",
            "fleiss_kappa",
            "make_consensus",
            "measure_agreement",
        ],
        "annotations": [
            "ANNOTATION_LABELS",
            "Annotation",
            "read_annotations",
            "write_annotations",
        ],
        "app": ["create_app"],
        "project": ["VettingProject"],
        "report": ["ReportSummary", "write_report"],
        "store": ["LabelStore"],
    },
)
