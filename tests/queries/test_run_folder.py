"""A run's folder is read as it was written, and whatever is wrong with it is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compassign.errors import InputError
from compassign.queries.run_folder import Run, _offsets, load_run

pytest_plugins = ["example_runs"]


def test_peaks_carry_what_the_dataset_says_of_them(lookup_run: Run, example_data: Path) -> None:
    written = pd.read_csv(example_data / "peaks.csv")
    assert lookup_run.peaks["peak_id"].tolist() == written["peak_id"].tolist()
    np.testing.assert_allclose(lookup_run.peaks["mz"], written["mz"])
    np.testing.assert_allclose(lookup_run.peaks["rt_min"], written["rt_min"])
    assert lookup_run.dataset_problem == ""
    assert lookup_run.run_id == "lookup"
    assert lookup_run.terms == ("mass_and_retention",)


def test_candidates_of_a_peak_begin_with_its_null_and_sum_to_one(lookup_run: Run) -> None:
    for row, peak_id in enumerate(lookup_run.peaks["peak_id"]):
        own = lookup_run.candidates.iloc[lookup_run.offsets[row] : lookup_run.offsets[row + 1]]
        assert set(own["peak_id"]) == {peak_id}
        assert (own["compound_id"] == "").tolist() == [True] + [False] * lookup_run.peaks["n_candidates"][row]
        assert own["probability"].sum() == pytest.approx(1.0)


def test_a_compound_called_na_is_text_and_not_missing(lookup_run: Run) -> None:
    assert (lookup_run.candidates["compound_id"] == "NA").any()
    assert lookup_run.names(pd.Series(["leu", "NA", "gone", ""])).tolist() == ["Leucine", "NA", "gone", ""]


def test_checks_are_tables(prior_run: Run, lookup_run: Run) -> None:
    assert prior_run.checks["p_value"].tolist() == [0.3, 0.001]
    assert prior_run.check_histograms["mass"]["low"].tolist() == [-1.0, 0.0]
    assert prior_run.check_histograms["mass"]["replicated_50"].tolist() == [0.2, 0.7]
    assert len(lookup_run.checks) == 0


def test_a_changed_dataset_is_not_shown_beside_the_results(copied_folder: Path, example_data: Path) -> None:
    record = json.loads((copied_folder / "results" / "run.json").read_text())
    for change, expected in (
        ({"dataset_hash": "0"}, "example has changed since this run"),
        ({"truth_hash": "0"}, "the truth of the dataset example has changed"),
        ({"config": {**record["config"], "data": str(example_data / "gone")}}, "cannot be read any more: "),
    ):
        (copied_folder / "results" / "run.json").write_text(json.dumps({**record, **change}))
        run = load_run(copied_folder)
        assert expected in run.dataset_problem
        assert run.truth is None
        assert run.peaks["mz"].isna().all()
        assert run.names(pd.Series(["leu"])).tolist() == ["leu"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("peak_assignments.csv", None, "peak_assignments.csv: cannot be read"),
        ("candidates.csv", None, "candidates.csv: cannot be read"),
        ("assignment_metrics.json", None, "assignment_metrics.json: cannot be read"),
        ("run.json", None, "run.json: cannot be read"),
        ("assignment_metrics.json", "{", "not valid JSON"),
        ("assignment_metrics.json", "[]", "expected a JSON object, found list"),
        ("candidates.csv", "", "not a table that a run writes"),
        ("candidates.csv", "peak_id,probability\np,1\n", "no column compound_id, adduct, hdi_low"),
        ("predictive_checks.json", '{"histograms": [{}]}', "not the checks that a run writes"),
    ],
)
def test_broken_folders_are_named(copied_folder: Path, name: str, content: str | None, expected: str) -> None:
    path = copied_folder / "results" / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(InputError, match=expected):
        load_run(copied_folder)


@pytest.mark.parametrize(
    ("name", "column", "cell"),
    [
        ("candidates", "probability", "high"),
        ("peak_assignments", "n_candidates", ""),
        ("peak_assignments", "is_labelled", "perhaps"),
    ],
)
def test_cells_of_another_kind_are_named(copied_folder: Path, name: str, column: str, cell: str) -> None:
    path = copied_folder / "results" / f"{name}.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[1, column] = cell
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match="not a table that a run writes"):
        load_run(copied_folder)


def test_files_of_different_runs_do_not_mix(lookup_run: Run) -> None:
    for broken in (lookup_run.candidates[1:], lookup_run.candidates.assign(peak_id="p00")):
        with pytest.raises(InputError, match="does not list the peaks of peak_assignments.csv"):
            _offsets(lookup_run.peaks, broken, Path("run"))


def test_an_unknown_peak_is_named(lookup_run: Run) -> None:
    assert lookup_run.row_of("p07") == 7
    with pytest.raises(InputError, match="peak 'x': run lookup has no such peak"):
        lookup_run.row_of("x")
