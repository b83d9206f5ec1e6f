"""Tables hold any name, whatever the machine's encoding."""

import os
import subprocess
import sys

import pytest
from astropy.table import QTable, Table

from astro_vbinary.stamps.tables import load_table, save_table

NAMES = ["\u010celadn\u00e1", "\u4e8c\u91cd\u661f", "\u202eright to left"]

SCRIPT = """
import locale, sys
locale.setlocale(locale.LC_ALL, "C")
from astropy.table import Table
from astro_vbinary.stamps.tables import load_table, read_table, save_table
table = load_table(sys.argv[1])
save_table(table, sys.argv[2])
assert list(read_table(sys.argv[2], "table")["source"]) == list(table["source"])
"""


@pytest.mark.parametrize("ending", ["ecsv", "csv"])
def test_text_is_utf8_in_any_locale(tmp_path, ending):
    one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
    save_table(Table({"source": NAMES}), one)
    command = [sys.executable, "-X", "utf8=0", "-c", SCRIPT, str(one), str(two)]
    subprocess.run(command, check=True, env=os.environ | {"LC_ALL": "C"})
    assert list(load_table(two, QTable)["source"]) == NAMES
    assert two.read_bytes() == one.read_bytes()


def test_what_is_there_is_kept(tmp_path):
    path = tmp_path / "table.csv"
    save_table(Table({"source": ["a"]}), path)
    with pytest.raises(OSError, match="exists"):
        save_table(Table({"source": ["b"]}), path)
    save_table(Table({"source": ["b"]}), path, overwrite=True)
    assert list(load_table(path)["source"]) == ["b"]
