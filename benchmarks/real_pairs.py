"""Pairs measured in real, labelled stamps, against what their labels say.

Usage: python benchmarks/real_pairs.py FOLDER [--psf model|stars] [-o FILE]

FOLDER holds ``stamps/`` and ``labels.ecsv`` with the columns source, survey, label (1
for a pair), separation, position_angle, magnitude_difference. Prints one row a pair;
with ``-o`` they are also written as CSV.
"""

import argparse
import warnings
from pathlib import Path

from astropy.table import Table
from astropy.utils.exceptions import AstropyWarning

from astro_vbinary import StampIndex, get_survey
from astro_vbinary.measurement import measure_pairs


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--psf", default="model")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore", AstropyWarning)
    labels = Table.read(options.folder / "labels.ecsv")
    labels = labels[labels["label"] == 1]
    known = {
        (str(row["source"]), get_survey(str(row["survey"])).name): row for row in labels
    }
    index = StampIndex.from_paths(options.folder / "stamps")
    found = measure_pairs(index, psf=options.psf, candidates=set(known)).to_table()
    rows = []
    for row in found:
        label = known[str(row["source"]), str(row["survey"])]
        turn = row["position_angle"].value - label["position_angle"]
        rows.append(
            {
                "source": str(row["source"]),
                "survey": str(row["survey"]),
                "separation, label": f"{label['separation']:.2f}",
                "separation": f"{row['separation'].value:.3f}",
                "error": f"{row['separation_error'].value:.3f}",
                "angle, label": f"{label['position_angle']:.0f}",
                "angle": f"{row['position_angle'].value:.1f}",
                "angle error": f"{row['position_angle_error'].value:.1f}",
                "turned": "yes" if abs((turn + 180) % 360 - 180) > 90 else "no",
                "differences, label": str(label["magnitude_difference"]),
                "bands": str(row["bands"]),
                "differences": str(row["magnitude_differences"]),
                "core chi2": f"{row['core_chi2']:.1f}",
                "chi2": f"{row['reduced_chi2']:.1f}",
                "triple": int(row["triple"]),
                "bad fit": int(row["bad_fit"]),
            }
        )
    table = Table(rows=rows)
    table.pprint_all()
    if options.output is not None:
        table.write(options.output, format="ascii.csv", overwrite=True)


if __name__ == "__main__":
    main()
