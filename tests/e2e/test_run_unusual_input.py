"""Data that are unusual but right: the real command runs to its end and says what is sensible."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from run_tools import Run, run
from study_files import CALIBRANTS, COMPOUNDS, PEAKS, Content, write_study

Study = Callable[..., Run]

# Named so that `-k generative` selects only the quick tests of the model itself.
MODELS = (pytest.param("generative", id="main"), "softmax", "calibrated", "lookup")
ONE_PEAK = "\n".join(PEAKS.splitlines()[:2]) + "\n"
NO_RT = "\n".join(line.rpartition(",")[0] for line in COMPOUNDS.splitlines())
PROTON_DA = 1.007276467


@pytest.fixture
def lookup(tmp_path: Path) -> Study:
    """Run the look-up, which samples nothing by itself, on a study; the run must be complete."""

    def study(*words: str, **tables: Content) -> Run:
        done = run(tmp_path / "output", "--data", str(write_study(tmp_path / "study", **tables)), *words)
        assert done.ended.code == 0, done.ended.err
        check_sums(done)
        return done

    return lambda *words, **tables: study("--model", "lookup", *words, **tables)


def check_sums(done: Run) -> None:
    """Every peak is listed and its probabilities are finite and sum to 1."""
    total = done.candidates.groupby("peak_id", sort=False)["probability"].sum()
    assert total.index.tolist() == done.assignments["peak_id"].tolist()
    assert np.abs(total - 1.0).max() <= 1e-6
    assert done.candidates[["hdi_low", "hdi_high"]].notna().all(axis=None)


def calls(done: Run) -> dict[str, str]:
    """peak_id -> called compound, "" = null."""
    return dict(zip(done.assignments["peak_id"], done.assignments["assigned_compound"], strict=True))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("predicted", [True, False], ids=["rt_pred_min", "no rt_pred_min"])
def test_a_library_that_fits_no_peak_gives_a_run_that_says_so(tmp_path: Path, model: str, predicted: bool) -> None:
    library = "compound_id,name,formula,rt_pred_min\nx1,naphthalene,C10H8,8.0\nx2,pyrene,C16H10,9.0\n"
    folder = write_study(tmp_path / "study", compounds=library if predicted else library.replace("rt_pred_", "note_"))
    done = run(tmp_path / "output", "--data", str(folder), "--model", model)
    assert done.ended.code == 0, done.ended.err
    check_sums(done)
    said = "no peak has a candidate in the library: every peak is null"
    assert said in done.ended.err
    assert said in (done.path / "logs" / "run.log").read_text()
    assert done.assignments["decision"].tolist() == ["null"] * 5
    assert done.assignments["probability"].tolist() == [1.0] * 5
    assert done.assignments["n_candidates"].tolist() == [0] * 5
    assert done.candidates["compound_id"].tolist() == [""] * 5
    assert done.metrics["decisions"] == {"accept": 0, "null": 5, "review": 0}
    with xr.open_datatree(done.path / "models" / "assignment_trace.nc") as tree:
        values = tree["posterior"]["r" if model == "generative" else "p"].to_numpy()
    assert values.shape[2:] == (5, 1)
    assert (values == 1.0).all()


@pytest.mark.parametrize("model", ["softmax", "calibrated"])
def test_a_trained_baseline_without_labels_says_that_it_uses_its_priors(tmp_path: Path, model: str) -> None:
    done = run(tmp_path / "output", "--data", str(write_study(tmp_path / "study")), "--model", model)
    assert done.ended.code == 0, done.ended.err
    check_sums(done)
    assert done.metrics["prior_only"] is True


@pytest.mark.parametrize(
    ("compounds", "said"),
    [
        (COMPOUNDS, "no calibrants: the library's rt_pred_min is used as it is"),
        (NO_RT, "no calibrants and no rt_pred_min: retention times carry no information about compounds"),
    ],
    ids=["rt_pred_min", "no rt_pred_min"],
)
def test_without_calibrants_predictions_are_taken_as_they_are(lookup: Study, compounds: str, said: str) -> None:
    done = lookup(compounds=compounds)
    assert said in done.ended.err
    assert done.assignments["n_candidates"].tolist()[:4] == [1, 2, 2, 2]
    rt_z = done.candidates.query("compound_id != ''")["rt_z"]
    called = calls(done)
    assert (called["p1"], called["p5"]) == ("c1", "")
    if compounds == COMPOUNDS:
        assert rt_z.notna().all()
        assert (called["p2"], called["p3"], called["p4"]) == ("c2", "c4", "c4")
    else:
        assert rt_z.isna().all()
        of_peak = done.candidates.query("peak_id == 'p3' and compound_id != ''")["probability"]
        assert of_peak.to_numpy() == pytest.approx(of_peak.mean(), rel=1e-4)  # leucine and isoleucine have one mass
    with xr.open_datatree(done.path / "models" / "rt_trace.nc") as tree:
        assert tree.attrs["n_chains"] == 0
        assert "posterior" not in tree
        assert tree["constant_data"]["rt_pred_min"].shape == (2, 2, 5)


@pytest.mark.parametrize("compounds", [COMPOUNDS, NO_RT], ids=["rt_pred_min", "no rt_pred_min"])
def test_one_peak_keeps_its_candidate(lookup: Study, compounds: str) -> None:
    done = lookup(peaks=ONE_PEAK, compounds=compounds)
    assert done.candidates["compound_id"].tolist() == ["", "c1"]
    assert calls(done) == {"p1": "c1"}


def test_one_species_and_one_compound_are_enough(lookup: Study) -> None:
    done = lookup(peaks=PEAKS.replace("mouse", "human"), compounds="\n".join(COMPOUNDS.splitlines()[:2]))
    assert calls(done) == {"p1": "c1", "p2": "", "p3": "", "p4": "", "p5": ""}


@pytest.mark.slow  # the RT stage is compiled once for each form of the library
@pytest.mark.parametrize(
    "tables",
    [
        {"compounds": NO_RT, "calibrants": CALIBRANTS},
        {"peaks": ONE_PEAK, "calibrants": "species,compound_id,rt_min\nhuman,c2,3.0\nhuman,c4,2.0\n"},
    ],
    ids=["no structures", "one peak"],
)
def test_calibrants_predict_whatever_the_library_says_of_structures(lookup: Study, tables: dict[str, Content]) -> None:
    done = lookup(**tables)
    assert calls(done)["p1"] == "c1"
    assert done.candidates.query("compound_id != ''")["rt_z"].notna().all()
    with xr.open_datatree(done.path / "models" / "rt_trace.nc") as tree:
        assert np.isfinite(tree["constant_data"]["rt_pred_min"].to_numpy()).all()
        assert (tree["constant_data"]["rt_pred_sd_min"].to_numpy() > 0.0).all()


@pytest.mark.slow  # the RT stage is compiled
def test_calibrants_of_a_species_without_peaks_are_no_failure(lookup: Study) -> None:
    # `yeast` sorts behind every species of the peaks: its index among them would not exist
    injections = "injection,species,polarity,order,role\nhuman,human,positive,1,sample\nyeast,yeast,positive,2,sample\n"
    done = lookup(injections=injections, calibrants=CALIBRANTS + "yeast,c1,9.0\n")
    assert calls(done)["p1"] == "c1"


def test_labels_are_obeyed_whether_one_of_several_null_or_outside_the_window(lookup: Study) -> None:
    # the single label is the only one that would train the RT stage, so there is none
    done = lookup(labels="peak_id,compound_id\np1,\np2,c2;c3\np3,c1;c2\n")
    assert "labels: peak 'p3' is labelled 'c1', which is outside its windows; added as" in done.ended.err
    assert "labels: peak 'p3' is labelled 'c2', which is outside its windows; added as" in done.ended.err
    called = calls(done)
    assert called["p1"] == ""
    assert called["p2"] == "c2"
    assert called["p3"] in {"c1", "c2"}
    probability = done.candidates.groupby(["peak_id", "compound_id"])["probability"].sum()
    assert probability["p1", ""] == 1.0
    assert probability["p2", ""] == 0.0
    assert probability["p2", "c2"] + probability["p2", "c3"] == pytest.approx(1.0)
    assert probability["p3", "c4"] == probability["p3", ""] == 0.0
    assert done.assignments["is_labelled"].tolist() == [True, True, True, False, False]
    outside = done.candidates.query("peak_id == 'p3' and compound_id == 'c1'")
    assert (outside["ppm_error"].abs() > 15.0).all()
    assert done.metrics["n_labelled"] == 3


@pytest.mark.slow  # the RT stage is compiled
def test_a_label_of_one_compound_outside_the_window_wins(lookup: Study) -> None:
    done = lookup(labels="peak_id,compound_id\np3,c1\n")
    assert "peak 'p3' is labelled 'c1', which is outside its windows" in done.ended.err
    assert calls(done)["p3"] == "c1"
    assert done.assignments.set_index("peak_id")["probability"]["p3"] == 1.0


def test_negative_polarity_has_its_own_adducts(lookup: Study) -> None:
    # lactic acid, C3H6O3, 90.031694 Da: deprotonated, as formate, and two of it less one proton
    ions = {"n1": 89.0244, "n2": 135.0299, "n3": 179.0561}
    header = "peak_id,species,mz,rt_min,intensity"
    library = "compound_id,name,formula\nlac,lactic acid,C3H6O3\n"
    rows = [f"{name},beer,{mz},1.0,9" for name, mz in ions.items()]
    assumed = lookup(peaks="\n".join([header, *rows]), compounds=library)
    assert set(calls(assumed).values()) == {""}
    assert "polarity of 3 of 3 peaks is not given, taken as positive" in assumed.ended.err
    stated = lookup(
        peaks="\n".join([f"{header},polarity", *(f"{row},negative" for row in rows)]),
        compounds=library,
    )
    listed = stated.candidates.query("compound_id == 'lac'")
    expected = {"n1": "[M-H]-", "n2": "[M+HCOO]-", "n3": "[2M-H]-"}
    assert dict(zip(listed["peak_id"], listed["adduct"], strict=True)) == expected
    assert calls(stated)["n1"] == "lac"


def test_charged_compounds_appear_as_their_own_ion(lookup: Study) -> None:
    # choline C5H14NO+: 104.106990 Da without its electron
    peaks = PEAKS.splitlines()[0] + "\nq1,human,104.1070,1.0,9,positive\nq2,human,105.1143,1.0,9,positive\n"
    done = lookup(peaks=peaks, compounds="compound_id,name,formula\nchol,choline,C5H14NO+\n")
    listed = done.candidates.query("compound_id != ''")
    assert listed[["peak_id", "compound_id", "adduct"]].to_numpy().tolist() == [["q1", "chol", "[M]+"]]
    assert listed["ppm_error"].abs().max() < 1.0
    assert calls(done) == {"q1": "chol", "q2": ""}


def test_extra_columns_and_blank_cells_change_nothing(lookup: Study) -> None:
    plain = lookup()
    peaks = "\n".join(
        line + ("," + tail) for line, tail in zip(PEAKS.splitlines(), ["my note,Batch 2", *["fine, "] * 5], strict=True)
    )
    noted = lookup(peaks=peaks)
    assert noted.content("results/candidates.csv") == plain.content("results/candidates.csv")
    assert noted.metrics["dataset_hash"] == plain.metrics["dataset_hash"]


def test_parquet_gives_what_csv_gives(tmp_path: Path, lookup: Study) -> None:
    from_csv = lookup()
    folder = tmp_path / "parquet"
    folder.mkdir()
    for name in ("peaks", "compounds"):
        pd.read_csv(tmp_path / "study" / f"{name}.csv").to_parquet(folder / f"{name}.parquet")
    done = run(tmp_path / "output", "--data", str(folder), "--model", "lookup")
    assert done.ended.code == 0, done.ended.err
    for name in ("candidates.csv", "peak_assignments.csv"):
        assert done.content(f"results/{name}") == from_csv.content(f"results/{name}")
    assert done.metrics["dataset_hash"] == from_csv.metrics["dataset_hash"]


@pytest.mark.parametrize("model", ["lookup", "softmax", "calibrated"])
def test_ten_thousand_labels_are_obeyed(tmp_path: Path, model: str, rng: np.random.Generator) -> None:
    n_peaks, n_pairs = 10_000, 100
    pair = rng.integers(0, n_pairs, n_peaks)
    mass_da = np.round(np.linspace(100.0, 900.0, n_pairs), 4)
    ids = np.array([f"c{i}" for i in range(2 * n_pairs)])  # i and i + n_pairs are isomers
    answers = pd.Series(ids[pair]).str.cat(ids[pair + n_pairs], sep=";")
    is_null = np.arange(n_peaks) % 3 == 0
    folder = tmp_path / "study"
    folder.mkdir()
    peak_id = [f"p{i}" for i in range(n_peaks)]
    mz = np.round((mass_da[pair] + PROTON_DA) * (1 + 2e-6 * rng.standard_normal(n_peaks)), 6)
    peaks = {"peak_id": peak_id, "species": "s", "mz": mz, "rt_min": np.round(rng.uniform(1, 20, n_peaks), 3)}
    pd.DataFrame({**peaks, "intensity": 1000.0, "polarity": "positive"}).to_csv(folder / "peaks.csv", index=False)
    library = pd.DataFrame({"compound_id": ids, "name": "", "exact_mass": np.tile(mass_da, 2)})
    library.to_csv(folder / "compounds.csv", index=False)
    labels = pd.DataFrame({"peak_id": peak_id, "compound_id": answers.where(~is_null, "")})
    labels.to_csv(folder / "labels.csv", index=False)
    done = run(tmp_path / "output", "--data", str(folder), "--model", model, "--mode", "prior")
    assert done.ended.code == 0, done.ended.err
    check_sums(done)
    assert done.metrics["n_labelled"] == n_peaks
    called = done.assignments["assigned_compound"].to_numpy()
    assert (called[is_null] == "").all()
    # a call is one of the two isomers that the label names
    assert np.isin(called[~is_null], ids).all()
    position = np.array([int(name[1:]) for name in called[~is_null]])
    assert (position % n_pairs == pair[~is_null]).all()
