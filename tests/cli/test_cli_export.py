"""`compassign export` writes one new file, or says why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from compassign.cli import main
from compassign.queries.exchange import FORMATS

pytest_plugins = ["example_runs"]


def run_main(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert isinstance(stop.value.code, int)
    return stop.value.code


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_written_once(
    name: str, lookup_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("export", str(lookup_folder), "--format", name, "--out", str(tmp_path / "deep" / "file"))
    assert run_main(*words) == 0
    assert "written" in capsys.readouterr().out
    content = (tmp_path / "deep" / "file").read_bytes()
    assert b"p01" in content
    assert run_main(*words) == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "deep" / "file").read_bytes() == content


def test_a_table_that_is_not_there_gives_a_message_and_no_file(
    lookup_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--format", "table", "--table", str(tmp_path / "none.csv"), "--out", str(tmp_path / "file"))
    assert run_main("export", str(lookup_folder), *words) == 2
    assert "none.csv: no such file" in capsys.readouterr().err
    assert not (tmp_path / "file").exists()
