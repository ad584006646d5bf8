"""A dataset at a glance is what plain loops over its peaks and compounds give."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compassign.data.load import load_dataset
from compassign.data.workspace import Source
from compassign.errors import InputError, Place, Problem
from compassign.figures.dataset import MOST_COUNTED, draw_candidate_counts, draw_mass_errors, draw_peak_map
from compassign.queries.datasets import GLANCE_WINDOW_PPM, Glance, column_table, example_zip, glance, problem_table

pytest_plugins = ["example_runs"]

PROTON_DA = 1.007276466621


@pytest.fixture(scope="module")
def example(example_data: Path) -> Glance:
    return glance(Source("example", "folder", example_data))


def test_counts_are_those_of_the_files(example: Glance, example_data: Path) -> None:
    peaks = pd.read_csv(example_data / "peaks.csv")
    assert example.counts["Peaks"] == len(peaks)
    assert example.counts["Compounds"] == len(pd.read_csv(example_data / "compounds.csv"))
    assert example.counts["With truth"] == len(peaks)
    assert (example.counts["Labelled"], example.counts["Calibrants"]) == (0, 0)
    assert example.polarity == {"positive": len(peaks)}
    assert example.species == ("liver", "plasma")


def test_candidates_are_compounds_in_the_mass_window(tmp_path: Path) -> None:
    mass_da = 194.080376  # caffeine
    mz = [(mass_da + PROTON_DA) * (1 + ppm * 1e-6) for ppm in (-14.0, 3.0, 16.0)]
    rows = [f"p{i},s,positive,{value:.7f},1.0,1" for i, value in enumerate(mz)]
    (tmp_path / "peaks.csv").write_text("\n".join(["peak_id,species,polarity,mz,rt_min,intensity", *rows]))
    (tmp_path / "compounds.csv").write_text("compound_id,name,formula\na,a,C8H10N4O2\nb,b,C8H10N4O2\n")
    found = glance(Source("x", "folder", tmp_path))
    assert found.peaks["n_candidates"].tolist() == [2, 2, 0]
    assert found.peaks["ppm_error"].tolist()[:2] == pytest.approx([-14.0, 3.0], abs=0.02)
    assert np.isnan(found.peaks["ppm_error"].iloc[2])
    assert found.n_with_candidates == 2


def test_a_demonstration_is_read_too() -> None:
    found = glance(Source("easy", "demo", difficulty="easy"))
    assert found.counts["Peaks"] == len(found.peaks) == found.counts["With truth"]


def test_every_problem_has_its_row() -> None:
    found = Problem.at(Place("peaks.csv", 3, "mz"), "found 'x'", "a number")
    table = problem_table([found, Problem.at(Place("labels.csv"), "cannot be read"), "a sentence of its own"])
    assert str(found) == "peaks.csv, row 3, column mz: found 'x', expected a number"
    assert table.iloc[0].tolist() == ["peaks.csv", 3, "mz", "found 'x'", "a number"]
    assert table["row"].isna().tolist() == [False, True, True]
    assert table["found"].tolist()[1:] == ["cannot be read", "a sentence of its own"]


def test_the_parts_of_a_problem_are_those_of_its_message(tmp_path: Path) -> None:
    (tmp_path / "peaks.csv").write_text(
        "peak_id,species,mz,rt_min,intensity\np,s,-1,2,3\np,s,5,2\nq,s,x,2,3\n", encoding="utf-8"
    )
    (tmp_path / "compounds.csv").write_text("compound_id,name\na,b\n")
    (tmp_path / "dataset.toml").write_text("polarity = 'up'\nname = 3\n")
    with pytest.raises(InputError) as caught:
        glance(Source("x", "folder", tmp_path))
    problems = caught.value.problems
    table = problem_table(problems)
    assert len(table) == len(problems) >= 6
    assert set(table["file"]) == {"peaks.csv", "compounds.csv", "dataset.toml"}
    for problem, row in zip(problems, table.itertuples(index=False), strict=True):
        assert all(str(part) in problem for part in (row.file, row.found, row.column))
    assert sorted(table["row"].dropna().tolist()) == [1, 2, 3, 4]


def test_figures_hold_every_peak(example: Glance) -> None:
    n_peaks = len(example.peaks)
    assert sum(len(trace.x) for trace in draw_peak_map(example.peaks).data) == n_peaks
    assert sum(draw_candidate_counts(example.peaks).data[0].y) == n_peaks
    errors = draw_mass_errors(example.peaks, GLANCE_WINDOW_PPM)
    assert sum(errors.data[0].y) == example.n_with_candidates
    assert "&lt;i&gt;p3" in "".join(text for trace in draw_peak_map(example.peaks).data for text in trace.hovertext)


def test_figures_stand_peaks_without_candidates_and_with_very_many(example: Glance) -> None:
    none = example.peaks.assign(n_candidates=0, ppm_error=np.nan)
    assert not draw_mass_errors(none, GLANCE_WINDOW_PPM).data
    assert draw_candidate_counts(none).data[0].y.tolist() == [len(none)]
    many = draw_candidate_counts(example.peaks.assign(n_candidates=500)).data[0]
    assert (many.x[-1], many.hovertext[-1]) == (MOST_COUNTED, "20 or more")
    assert many.y[-1] == len(none)


def test_the_example_is_a_dataset_with_columns_that_are_listed(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(example_zip())) as archive:
        archive.extractall(tmp_path)
    assert len(load_dataset(tmp_path / "example").peaks) > 100
    listed = column_table()
    for file in (tmp_path / "example").iterdir():
        header = set(pd.read_csv(file, nrows=0).columns)
        needed = listed[(listed["file"] == file.name) & listed["is_needed"]]
        assert set(needed["column"]) <= header <= set(listed[listed["file"] == file.name]["column"])
