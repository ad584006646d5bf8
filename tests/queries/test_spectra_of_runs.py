"""What a run keeps of its spectra, and what screens say of one peak's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mztab_checks import problems_of, read

from compassign.errors import InputError
from compassign.formats.importing import ImportOptions, import_table
from compassign.queries.detail import peak_detail
from compassign.queries.label_desk import label_queue, source_of
from compassign.queries.labels import open_desk
from compassign.queries.mztab import mztab_m
from compassign.queries.run_folder import Run, load_run
from compassign.queries.spectra import AROUND_MIN, eluting, isotopes, mirror
from compassign.spectra.spectrum import Spectrum
from compassign.spectra.stored import read_peak_spectra, store_spectra
from compassign.store.labels import LabelStore

pytest_plugins = ["example_runs", "spectra_runs"]


def mz_of(run: Run, peak_id: str, compound_id: str) -> float:
    shown = peak_detail(run, peak_id).candidates
    return float(shown[shown["compound_id"] == compound_id]["mz_theoretical"].iloc[0])


def test_the_run_says_which_spectrum_each_peak_has(measured_folder: Path) -> None:
    table = pd.read_csv(measured_folder / "results" / "spectra.csv")
    assert table["peak_id"].tolist() == [f"P{i:03d}" for i in range(24) if i != 1]  # whose m/z was changed
    assert set(table["matched_by"]) == {"m/z and RT"}
    assert table["spectrum"].tolist() == [f"scan {peak_id.lstrip('P0') or 0}" for peak_id in table["peak_id"]]


def test_the_evidence_is_a_column_and_the_true_isomer_gains(measured_run: Run) -> None:
    assert "spectra" in measured_run.terms
    slots = measured_run.candidates
    is_true = slots["compound_id"].str[1:] == slots["peak_id"].str[1:]
    gained = slots["evidence_spectra"]
    assert gained[is_true].median() > 1.5
    assert gained[~is_true & (slots["compound_id"] != "")].median() < -0.5
    assert gained[slots["peak_id"] == "P001"].dropna().eq(0.0).all()  # it has no spectrum


def test_an_isotope_peak_has_rows_and_call_of_its_base(measured_run: Run) -> None:
    peaks = measured_run.peaks.set_index("peak_id")
    assert peaks["isotope_of"].to_dict() == {name: "P001" if name == "P001b" else "" for name in peaks.index}
    called = ["assigned_compound", "probability", "adduct", "pep", "q_value", "decision", "n_candidates"]
    assert peaks[called].T["P001b"].tolist() == peaks[called].T["P001"].tolist()
    base, isotope = (
        measured_run.candidates[measured_run.candidates["peak_id"] == name].drop(columns="peak_id")
        for name in ("P001", "P001b")
    )
    pd.testing.assert_frame_equal(base.reset_index(drop=True), isotope.reset_index(drop=True))


def test_isotope_peaks_come_back_by_mztab_with_the_mz_of_their_isotope(measured_run: Run, tmp_path: Path) -> None:
    content = mztab_m(measured_run).decode()
    assert problems_of(content) == []
    _, rows, _ = read(content)
    theory = {row["evidence_input_id"]: float(row["theoretical_mass_to_charge"]) for row in rows["SME"]}
    assert theory["P001b"] - theory["P001"] == pytest.approx(1.00335, abs=1e-4)
    assert mz_of(measured_run, "P001b", "C001") == pytest.approx(theory["P001b"], abs=1e-4)
    (tmp_path / "run.mztab").write_text(content, encoding="utf-8")
    import_table(tmp_path / "run.mztab", tmp_path / "study", ImportOptions())
    peaks = pd.read_csv(tmp_path / "study" / "peaks.csv", keep_default_na=False).set_index("peak_id")
    assert peaks["isotope_index"].to_dict() == {name: "1" if name == "P001b" else "" for name in peaks.index}
    assert peaks["isotope_group"].to_dict() == {name: "g1" if "P001" in name else "" for name in peaks.index}


def test_nobody_is_asked_about_an_isotope_peak(measured_run: Run, tmp_path: Path) -> None:
    desk = open_desk(LabelStore.open(tmp_path), tmp_path, source_of(measured_run))
    queue = label_queue(measured_run, desk, "entropy")
    assert "P001" in queue
    assert "P001b" not in queue


def test_a_run_without_spectra_keeps_none(prior_folder: Path, prior_run: Run) -> None:
    assert not list((prior_folder / "results").glob("spectra*"))
    assert "spectra" not in prior_run.terms
    assert mirror(prior_run, "p00", "leu", 132.1) is None
    assert eluting(prior_run, "p00", "leu") is None
    assert isotopes(prior_run, "p00", "C6H13NO2", "[M+H]+") is None


def test_mirror_of_the_true_compound_and_of_its_isomer(measured_run: Run) -> None:
    true = mirror(measured_run, "P004", "C004", mz_of(measured_run, "P004", "C004"))
    other = mirror(measured_run, "P004", "C005", mz_of(measured_run, "P004", "C005"))
    assert true is not None
    assert other is not None
    assert true.similarity > other.similarity + 0.1
    assert true.n_references == 2
    assert true.peak["height"].max() == 100.0
    assert true.reference_name == "name 4"
    assert true.peak["is_matched"].sum() > other.peak["is_matched"].sum()
    matched = true.peak[true.peak["is_matched"]]["mz"].to_numpy()
    away = np.abs(matched[:, None] - true.reference["mz"].to_numpy()).min(axis=1)
    assert (away <= 0.02).all()


def test_mirror_without_a_spectrum_of_the_ion_or_of_the_peak(measured_run: Run) -> None:
    sodium = mirror(measured_run, "P004", "C004", mz_of(measured_run, "P004", "C004") + 21.98)
    null = mirror(measured_run, "P004", "", float("nan"))
    for found in (sodium, null):
        assert found is not None
        assert (len(found.reference), found.n_references, found.reference_name) == (0, 0, "")
        assert not found.peak["is_matched"].any()
    assert mirror(measured_run, "P001", "C001", mz_of(measured_run, "P001", "C001")) is None


def test_names_of_any_script_and_no_reference_at_all_come_back(tmp_path: Path) -> None:
    stored = Spectrum("n\u00e4me", np.array([50.0, 60.0]), np.array([1.0, 2.0]), 500.0)
    store_spectra(tmp_path, [("other", stored), ("P\u00e41", stored)], [])
    (found,), references = read_peak_spectra(tmp_path, "P\u00e41", "C1")
    assert (found.name, found.mz.tolist(), found.precursor_mz) == ("n\u00e4me", [50.0, 60.0], 500.0)
    assert references == []


def test_a_damaged_file_of_spectra_is_named(measured_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(measured_folder / "results", tmp_path / "results")
    (tmp_path / "results" / "spectra.nc").write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"spectra\.nc: not the spectra that a run writes"):
        read_peak_spectra(tmp_path / "results", "P004", "C004")


def test_the_ion_over_time_peaks_where_the_peak_is(measured_run: Run) -> None:
    found = eluting(measured_run, "P005", "C005")
    assert found is not None
    ((name, trace),) = found.traces.items()
    assert name == "spectra"
    assert np.abs(trace.rt_min - found.rt_min).max() <= AROUND_MIN
    is_own = np.abs(trace.rt_min - found.rt_min) < 0.15  # its isomer elutes 0.3 min before
    assert trace.rt_min[is_own][trace.intensity[is_own].argmax()] == pytest.approx(found.rt_min, abs=0.021)
    assert trace.intensity[is_own].max() == pytest.approx(measured_run.peaks["intensity"][5], rel=0.1)


def test_the_band_is_the_prediction_of_the_candidate(measured_run: Run) -> None:
    found = eluting(measured_run, "P005", "C005")
    assert found is not None
    assert found.predicted_min is not None
    low, high = found.predicted_min
    assert (low + high) / 2.0 == pytest.approx(measured_run.peaks["rt_min"][5] + 0.1)
    assert 2.0 * 2.132 * 0.2 < high - low < 2.0 * 2.132 * 0.3  # 90 % of Student-t with 4 degrees of freedom
    null = eluting(measured_run, "P005", "")
    assert null is not None
    assert null.predicted_min is None


def test_of_a_dataset_that_changed_no_chromatogram_is_shown(measured_run: Run) -> None:
    assert eluting(replace(measured_run, dataset_problem="it has changed"), "P005", "C005") is None


def test_isotopes_against_the_formula(measured_run: Run) -> None:
    found = isotopes(measured_run, "P001b", "C10H20O5", "[M+H]+")
    assert found is not None
    assert found["isotope"].tolist() == [0, 1]
    assert found["observed"].to_numpy() == pytest.approx([1.0 / 1.12, 0.12 / 1.12], rel=1e-4)
    assert found["expected"][1] / found["expected"][0] == pytest.approx(0.1126, abs=0.002)
    unknown = isotopes(measured_run, "P001", "", "")
    assert unknown is not None
    assert unknown["expected"].isna().all()
    assert isotopes(measured_run, "P002", "C10H20O5", "[M+H]+") is None


def test_a_run_whose_dataset_is_gone_still_shows_its_spectra(measured_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(measured_folder, tmp_path / "run")
    record = tmp_path / "run" / "results" / "run.json"
    record.write_text(record.read_text().replace("/measured", "/elsewhere"))
    run = load_run(tmp_path / "run")
    assert run.dataset_problem
    assert mirror(run, "P004", "C004", 234.0) is not None
    assert eluting(run, "P004", "C004") is None
    assert isotopes(run, "P001", "C10H20O5", "[M+H]+") is None
