"""From the files of a folder to what each candidate gains by its spectrum."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from spectra_world import library_text, make_world, write_study

from compassign.candidates import Windows, build_candidates, peak_of_slot
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.errors import InputError
from compassign.spectra import evidence
from compassign.spectra.evidence import SpectralEvidence, find_spectral_evidence


def evidence_of(dataset: Dataset) -> SpectralEvidence | None:
    return find_spectral_evidence(dataset, build_candidates(dataset, None, Windows(15.0)))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("spectra") / "study"
    write_study(folder, np.random.default_rng(5), 40)
    return load_dataset(folder)


def test_isomers_are_told_apart_and_the_ratio_is_honest(study: Dataset) -> None:
    found = evidence_of(study)
    assert found is not None
    assert found.log_ratio is not None
    candidates = build_candidates(study, None, Windows(15.0))
    is_true = candidates.compound == peak_of_slot(candidates)  # peak i is compound i
    assert np.bincount(found.comparisons.slot).tolist() == [2] * 160
    assert np.median(found.log_ratio[is_true]) > 2.0
    assert np.median(found.log_ratio[~is_true]) < -1.0
    # Two isomers, as likely before: the winner is right at least as often as its probability says.
    lead = found.log_ratio[is_true] - found.log_ratio[~is_true]
    winner = 1.0 / (1.0 + np.exp(-np.abs(lead)))
    noise = np.sqrt((winner * (1.0 - winner)).sum())
    assert (lead > 0.0).sum() > winner.sum() - 2.5 * noise
    assert winner.mean() > 0.9


def test_everything_is_said(study: Dataset) -> None:
    found = evidence_of(study)
    assert found is not None
    assert found.found() == [
        "80 of 80 spectra belong to 80 peaks: 0 by ms2_id, 80 by m/z and RT",
        "160 of 160 library spectra belong to 80 compounds",
        "160 candidates have a spectrum to compare; how much likeness says is learned from 80 compounds",
    ]
    assert found.not_used() == []


def test_a_library_with_one_spectrum_each_is_shown_but_not_weighed_until_peaks_are_labelled(
    study: Dataset, tmp_path: Path
) -> None:
    world = write_study(tmp_path, np.random.default_rng(5), 40)
    (tmp_path / "library_spectra.msp").write_text(library_text(world, np.random.default_rng(6), 1), encoding="utf-8")
    dataset = load_dataset(tmp_path)
    bare = evidence_of(dataset)
    assert bare is not None
    assert bare.log_ratio is None
    assert "shown but not weighed: 0 compounds" in bare.not_used()[0]
    labels = {f"P{i:03d}": frozenset({f"C{i:03d}"}) for i in range(20)}
    taught = evidence_of(replace(dataset, labels=labels))
    assert taught is not None
    assert taught.n_compounds == 20
    assert taught.log_ratio is not None
    assert np.abs(taught.log_ratio).max() <= np.log(21.0)


def test_what_has_no_spectrum_has_no_evidence(tmp_path: Path) -> None:
    world = write_study(tmp_path, np.random.default_rng(5), 40)
    some = [compound for compound in range(80) if compound % 10]
    text = library_text(world, np.random.default_rng(6), 2, some)
    (tmp_path / "library_spectra.msp").write_text(text, encoding="utf-8")
    dataset = load_dataset(tmp_path)
    found = evidence_of(dataset)
    assert found is not None
    assert found.log_ratio is not None
    is_bare = build_candidates(dataset, None, Windows(15.0)).compound % 10 == 0
    assert (found.log_ratio[is_bare] == 0.0).all()
    assert (found.log_ratio[~is_bare] != 0.0).all()


def test_without_files_there_is_nothing(study: Dataset) -> None:
    assert evidence_of(replace(study, folder=None)) is None


def test_library_spectra_alone_are_no_evidence_and_no_reason_to_complain(tmp_path: Path) -> None:
    write_study(tmp_path, np.random.default_rng(5), 20)
    (tmp_path / "spectra.mgf").unlink()
    found = evidence_of(load_dataset(tmp_path))
    assert found is not None
    assert found.log_ratio is None
    assert found.not_used() == []


def test_spectra_without_a_library_are_matched_and_no_evidence(tmp_path: Path) -> None:
    write_study(tmp_path, np.random.default_rng(5), 20)
    (tmp_path / "library_spectra.msp").unlink()
    found = evidence_of(load_dataset(tmp_path))
    assert found is not None
    assert len(found.peaks.of_peak) == 40
    assert found.log_ratio is None


def test_a_file_in_the_folder_of_spectra_is_of_the_injection_of_its_name(tmp_path: Path) -> None:
    write_study(tmp_path, np.random.default_rng(5), 20)
    (tmp_path / "spectra").mkdir()
    (tmp_path / "spectra.mgf").rename(tmp_path / "spectra" / "day2.MGF")
    peaks = pd.read_csv(tmp_path / "peaks.csv")
    peaks["injection"] = ["day1", "day2"] * 20
    peaks.to_csv(tmp_path / "peaks.csv", index=False)
    found = evidence_of(load_dataset(tmp_path))
    assert found is not None
    assert set(found.peaks.of_peak) == set(range(1, 40, 2))


def test_a_file_that_cannot_be_read_stops_with_its_name(tmp_path: Path) -> None:
    write_study(tmp_path, np.random.default_rng(5), 20)
    (tmp_path / "library_spectra.msp").write_text("no field\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"library_spectra\.msp, row 1"):
        evidence_of(load_dataset(tmp_path))


def test_files_are_read_once_until_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever labels waits for a fit after every answer, not for the same files."""
    world = write_study(tmp_path, np.random.default_rng(5), 20)
    dataset = load_dataset(tmp_path)
    first = evidence_of(dataset)
    monkeypatch.setattr(evidence, "read_spectra", lambda *given: pytest.fail("read again"))
    again = evidence_of(replace(dataset, labels={"P000": frozenset({"C000"})}))
    assert first is not None
    assert again is not None
    assert again.peaks is first.peaks
    monkeypatch.undo()
    (tmp_path / "library_spectra.msp").write_text(library_text(world, np.random.default_rng(6), 3), encoding="utf-8")
    changed = evidence_of(dataset)
    assert changed is not None
    assert changed.library.n_spectra == 120


def test_worlds_differ_by_their_seed_only(rng: np.random.Generator) -> None:
    """A check on the helper: isomers share half of their fragments, and no more."""
    world = make_world(rng, 3)
    assert (world.fragments[::2, :4] == world.fragments[1::2, :4]).all()
    assert (world.fragments[::2, 4:] != world.fragments[1::2, 4:]).all()
