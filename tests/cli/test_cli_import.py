"""`compassign import` writes a folder that `compassign validate` takes once the library is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TABLE = "row ID,row m/z,row retention time,plasma_1.mzML Peak area,plasma_2.mzML Peak area\n"
TABLE += "1,132.1019,2.31,850000,0\n2,181.0721,4.4,95000,91000\n"
LIBRARY = "compound_id,name,formula\nC1,leucine,C6H13NO2\n"


def compassign(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "compassign.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_an_imported_table_is_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text(TABLE)
    pattern = r"(?P<species>[a-z]+)_(?P<order>\d)"
    done = compassign("import", "features.csv", "--samples", pattern, "--out", "study", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mzmine" in done.stdout
    (tmp_path / "study" / "compounds.csv").write_text(LIBRARY)
    checked = compassign("validate", "study", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_a_wrong_table_gives_a_message_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text(TABLE.replace("132.1019", "many"))
    done = compassign("import", "features.csv", "--species", "plasma", "--out", "study", folder=tmp_path)
    assert done.returncode == 2
    assert "features.csv, row 2, column row m/z" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "study").exists()
