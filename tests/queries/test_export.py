"""What leaves the program: safe cells, unchanged numbers, and the warning with them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
from big_run import N_PEAKS

from compassign.annotator_table import ANNOTATORS_FILE
from compassign.errors import InputError
from compassign.figures.export import figure_files, to_page
from compassign.queries.export import (
    README_NAME,
    ExportFile,
    readme,
    run_files,
    safe_cell,
    safe_table,
    zipped,
)
from compassign.queries.peaks import peak_table
from compassign.queries.run_folder import ASSIGNMENTS_FILE, CANDIDATES_FILE, Run, load_run

pytest_plugins = ["example_runs"]
REASONS = ["R-hat 1.40 of alpha", "one\nreason <b>more</b>"]


def spoiled(run: Run) -> Run:
    sampler = {"reasons": REASONS, "max_rhat": 1.4, "quick": True}
    return replace(run, metrics={**run.metrics, "verdict": "suspect", "sampler": sampler})


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(A1)", "\tx", "\r=1", "-", "-1-2", "+1_0", "=", "--1", "-1e"]
)
def test_a_cell_that_looks_like_a_formula_becomes_text(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-1", "+2.5", "-1.25e-07", "-.5", "-inf", "", "x=1", "'=1", " a", "12-3", "<b>"])
def test_numbers_and_other_text_stay(cell: str) -> None:
    assert safe_cell(cell) == cell


def test_only_dangerous_cells_of_a_table_change_and_its_file_does_not(tmp_path: Path) -> None:
    content = 'peak_id,=head,ppm_error\n"=HYPERLINK(""x"")",a,-1.5\n"-two\nlines",@b,\n'
    (tmp_path / "t.csv").write_text(content)
    rows = list(csv.reader(io.StringIO(safe_table(tmp_path / "t.csv").decode())))
    assert rows == [["peak_id", "'=head", "ppm_error"], ['\'=HYPERLINK("x")', "a", "-1.5"], ["'-two\nlines", "'@b", ""]]
    assert (tmp_path / "t.csv").read_text() == content


def test_people_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("peak_id,Annotator,compound_id, owner\np1,Ada,c1,Bob\n")
    assert safe_table(tmp_path / "t.csv", frozenset({"annotator", "owner"})) == b"peak_id,compound_id\np1,c1\n"


def test_the_tables_of_a_run_come_out_with_their_numbers(lookup_run: Run) -> None:
    files = {file.name: file for file in run_files(lookup_run)}
    for name, path in (("peak_assignments.csv", ASSIGNMENTS_FILE), ("candidates.csv", CANDIDATES_FILE)):
        assert files[name].make() == (lookup_run.path / path).read_bytes()
    assert json.loads(files["assignment_metrics.json"].make()) == lookup_run.metrics
    assert "lookup" in files["report.txt"].make().decode()
    assert "predictive_checks.json" not in files


def test_labels_and_records_lose_their_people_on_request(
    copied_folder: Path, example_data: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(example_data, tmp_path / "own"))
    record = json.loads((copied_folder / "results" / "run.json").read_text())
    record["config"]["data"], record["owner"] = str(data), "Ada Lovelace"
    (copied_folder / "results" / "run.json").write_text(json.dumps(record))
    (data / "labels.csv").write_text("peak_id,compound_id,annotator\np01,leu,Ada Lovelace\n")
    table = "annotator,n_peaks,n_shared,reliability,hdi_low,hdi_high,basis\nAda Lovelace,1,0,1,,,assumed\n"
    (copied_folder / ANNOTATORS_FILE).write_text(table)
    run = load_run(copied_folder)
    assert run.dataset_problem == ""
    for with_people in (True, False):
        parts = run_files(run, with_people)
        with zipfile.ZipFile(io.BytesIO(zipped([readme(run, parts, with_people), *parts]))) as archive:
            everything = b"".join(archive.read(name) for name in archive.namelist())
            assert {"labels.csv", "annotators.csv"} <= set(archive.namelist())
        assert (b"Ada Lovelace" in everything) == with_people


def test_the_warning_goes_with_the_numbers(prior_run: Run) -> None:
    run = spoiled(prior_run)
    files = [*run_files(run), *figure_files(run, peak_table(run))]
    assert all(file.name.partition(".")[0].endswith("_suspect") for file in files)
    assert "predictive_checks_suspect.json" in [file.name for file in files]
    note = readme(run, files).make().decode()
    assert note.index("VERDICT: suspect. NOT CONVERGED") < note.index("Files:")
    assert "  - one reason <b>more</b>\n" in note
    assert "Quick run" in note
    assert "saw no data" in note
    bars = next(file for file in files if file.name.startswith("uncertain_peaks"))
    assert "NOT CONVERGED" in bars.make().decode()


def test_everything_is_one_zip(lookup_run: Run) -> None:
    figures = figure_files(lookup_run, peak_table(lookup_run))
    assert [f.name for f in figures] == [
        "uncertain_peaks.html",
        "map.html",
        "reliability.html",
        "top_probabilities.html",
    ]
    files = [*run_files(lookup_run), *figures]
    with zipfile.ZipFile(io.BytesIO(zipped([readme(lookup_run, files), *files]))) as archive:
        assert archive.namelist() == [README_NAME, *(file.name for file in files)]
        assert len(pd.read_csv(archive.open("peak_assignments.csv"))) == N_PEAKS
        assert "VERDICT: converged" in archive.read(README_NAME).decode()
        page = archive.read("map.html").decode()
    assert 'src="http' not in page  # nothing is fetched
    assert "NOT CONVERGED" not in page


def test_a_run_without_its_dataset_has_the_figures_that_need_none(lookup_run: Run) -> None:
    run = replace(lookup_run, dataset_problem="gone", truth=None)
    peaks = peak_table(run).assign(mz=float("nan"))
    assert [file.name for file in figure_files(run, peaks)] == ["uncertain_peaks.html", "top_probabilities.html"]


def test_markup_in_a_name_cannot_leave_its_figure(lookup_run: Run) -> None:
    hostile = "</script><script>alert(1)</script>"
    run = replace(lookup_run, peaks=lookup_run.peaks.replace({"peak_id": {"p01": hostile}}))
    pages = [file.make() for file in figure_files(run, peak_table(run)) if file.name == "map.html"]
    pages.append(to_page(go.Figure(), [hostile], is_warned=True))
    assert all(b"<script>alert" not in page for page in pages)


def test_a_table_that_is_gone_is_named(copied_folder: Path) -> None:
    run = load_run(copied_folder)
    (copied_folder / CANDIDATES_FILE).unlink()
    files: dict[str, ExportFile] = {file.name: file for file in run_files(run)}
    with pytest.raises(InputError, match=r"candidates\.csv: cannot be exported"):
        files["candidates.csv"].make()
