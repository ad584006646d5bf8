"""Spectra beside the tables on the command line: `validate` and `run` find them and say what belongs to what."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from spectra_runs import write_measured_study
from spectra_world import write_study

from compassign.cli import main


def run_main(*words: str) -> int:
    with pytest.raises(SystemExit) as exit_info:
        main(words)
    return int(str(exit_info.value.code))


def test_validate_says_what_belongs_to_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_study(tmp_path, np.random.default_rng(5), 12)
    assert run_main("validate", str(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "24 of 24 spectra belong to 24 peaks: 0 by ms2_id, 24 by m/z and RT" in said
    assert "48 of 48 library spectra belong to 24 compounds" in said
    (tmp_path / "spectra.mgf").unlink()
    (tmp_path / "library_spectra.msp").unlink()
    assert run_main("validate", str(tmp_path)) == 0
    assert "spectr" not in capsys.readouterr().out


def test_validate_names_the_line_of_a_spectrum_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path, np.random.default_rng(5), 12)
    (tmp_path / "spectra.mgf").write_text("BEGIN IONS\nPEPMASS=200\n50 many\nEND IONS\n", encoding="utf-8")
    assert run_main("validate", str(tmp_path)) == 2
    assert "spectra.mgf, row 3: found '50 many'" in capsys.readouterr().err


def test_a_run_says_it_in_its_log_and_keeps_the_hash(tmp_path: Path) -> None:
    data = write_measured_study(tmp_path / "data")
    output = str(tmp_path / "output")
    words = ("run", "--mode", "prior", "--label-fraction", "0", "--data", str(data), "--output", output)
    assert run_main(*words) == 0
    log = (tmp_path / "output" / "logs" / "run.log").read_text(encoding="utf-8")
    assert "23 of 24 spectra belong to 23 peaks" in log
    assert "not used: 1 spectra that have no peak within 0.02 of their m/z" in log
    record = tmp_path / "output" / "results" / "run.json"
    before = json.loads(record.read_text(encoding="utf-8"))
    assert len(before["spectra_hash"]) == 64
    text = (data / "spectra.mgf").read_text(encoding="utf-8")
    (data / "spectra.mgf").write_text(text.replace("BEGIN IONS", "BEGIN IONS\n", 1), encoding="utf-8")
    assert run_main(*words) == 0
    same = json.loads(record.read_text(encoding="utf-8"))
    assert same["spectra_hash"] == before["spectra_hash"]
    (data / "spectra.mgf").write_text(text.replace("TITLE=scan 3\nPEPMASS=", "TITLE=scan 3\nPEPMASS=1"))
    assert run_main(*words) == 0
    after = json.loads(record.read_text(encoding="utf-8"))
    assert after["spectra_hash"] != before["spectra_hash"]
    assert after["dataset_hash"] == before["dataset_hash"]
