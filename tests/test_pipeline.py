"""The order of the stages, seen from Python: what a model is asked, what it may know, and what is written about it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compassign.candidates import RtPredictions, species_names
from compassign.config import PRIOR_ONLY, Evidence, ModelName, RunConfig, SamplerConfig
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.errors import InputError
from compassign.inference.rt_stage import RtStage
from compassign.pipeline import RunSummary, execute
from compassign.progress import SilentProgress
from compassign.question import Question, ask

PEAKS = pd.DataFrame(
    {
        "peak_id": ["p1", "p2", "p3", "p4", "p5"],
        "species": "s",
        "mz": [195.0877, 195.0878, 181.0720, 132.1019, 132.1020],
        "rt_min": [4.001, 4.603, 3.004, 2.0, 2.3],
        "intensity": 1000.0,
        "polarity": "positive",
    }
)
COMPOUNDS = pd.DataFrame(
    {
        "compound_id": ["caf", "theo", "leu", "ile"],
        "name": "",
        "formula": ["C8H10N4O2", "C7H8N4O2", "C6H13NO2", "C6H13NO2"],
        "rt_pred_min": [4.0, 3.0, 2.0, 2.2],
    }
)
CALIBRANTS = pd.DataFrame({"species": ["s", "s"], "compound_id": ["caf", "theo"], "rt_min": [4.0013, 9.0]})
TRUTH = pd.DataFrame({"peak_id": ["p1", "p2", "p3", "p4", "p5"], "compound_id": ["caf", "", "theo", "leu", "ile"]})
QUIET = SamplerConfig(draws=4, chains=1)


def dataset(**tables: pd.DataFrame) -> Dataset:
    return build_dataset({"peaks": PEAKS, "compounds": COMPOUNDS, "truth": TRUTH, **tables}, {}, "tiny")


def predicted(data: Dataset) -> RtPredictions:
    """The library's own predictions, where it has them, in every species."""
    mean_min = np.tile(data.compounds["rt_pred_min"].to_numpy(), (len(species_names(data)), 2, 1))
    return RtPredictions(mean_min, np.where(np.isnan(mean_min), np.nan, 0.3), noise_sd_min=0.05)


def question(data: Dataset, progress: SilentProgress | None = None) -> Question:
    """What the models are asked, with the library's own predictions and every peak of the truth to score."""
    return ask(data, predicted(data), frozenset(data.truth or {}), RunConfig(), progress or SilentProgress())


def write_folder(folder: Path, **tables: pd.DataFrame) -> Path:
    folder.mkdir()
    for name, table in {"peaks": PEAKS, "compounds": COMPOUNDS, **tables}.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def run(config: RunConfig, staging: Path) -> tuple[RunSummary, dict[str, object], SilentProgress]:
    """Execute; the summary, the metrics as written, and what was told on the way."""
    progress = SilentProgress()
    summary = execute(config, staging, progress)
    return summary, json.loads((staging / "results" / "assignment_metrics.json").read_text()), progress


def test_peaks_that_trained_the_retention_stage_are_clamped_and_never_scored() -> None:
    asked = question(dataset(calibrants=CALIBRANTS))
    # p1 elutes within the rounding of the calibrant's time; no peak has the time of the other calibrant
    assert asked.calibrants == {"p1"}
    assert asked.scored == {"p2", "p3", "p4", "p5"}
    assert asked.dataset.labels == {"p1": frozenset({"caf"})}
    assert asked.problem.null_allowed.tolist() == [False, True, True, True, True]
    assert asked.known.tolist() == [True, False, False, False, False]


def test_a_label_outranks_a_calibrant_and_sets_are_not_known() -> None:
    labels = pd.DataFrame({"peak_id": ["p1", "p4", "p5"], "compound_id": ["", "leu;ile", "caf"]})
    progress = SilentProgress()
    asked = question(dataset(calibrants=CALIBRANTS, labels=labels), progress)
    assert asked.dataset.labels == {
        "p1": frozenset(),
        "p4": frozenset({"leu", "ile"}),
        "p5": frozenset({"caf"}),
    }
    assert asked.known.tolist() == [True, False, False, False, True]
    assert not asked.calibrants  # p1 has a calibrant's time, but somebody said that it is null
    # the compound outside the window became a candidate of its peak, with a warning
    slots = slice(*asked.candidates.offsets[4:6])
    assert 0 in asked.candidates.compound[slots]
    against, outside = progress.warnings
    assert "'p1' has the RT and mass of the calibrant 'caf' and is labelled 'null'" in against
    assert "'p5' is labelled 'caf', which is outside its windows" in outside


def test_a_label_that_contradicts_a_calibrant_is_named() -> None:
    data, progress = dataset(calibrants=CALIBRANTS), SilentProgress()
    (peak_id,) = question(data, progress).calibrants
    question(replace(data, labels={peak_id: frozenset({"caf"})}), progress)
    assert progress.warnings == []
    question(replace(data, labels={peak_id: frozenset[str]()}), progress)
    assert progress.warnings == [
        f"labels: peak {peak_id!r} has the RT and mass of the calibrant 'caf' and is labelled 'null'; the label counts"
    ]


def test_adducts_that_nobody_knows_stop_a_run_before_it_fits(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "study", calibrants=CALIBRANTS)
    progress = SilentProgress()
    with pytest.raises(InputError, match=r"adduct '\[M\+X\]\+': known are"):
        execute(RunConfig(data=folder, model="lookup", adducts=("[M+X]+",)), tmp_path / "run", progress)
    assert set(progress.runtime_s) <= {"dataset"}


def test_evidence_can_be_left_out_one_kind_at_a_time() -> None:
    lists_species = COMPOUNDS.assign(known_in=PEAKS["species"].iloc[0])
    stated = PEAKS.assign(adduct="[M+H]+", intensity=1000.0 * np.arange(1, len(PEAKS) + 1))
    data = dataset(peaks=stated, compounds=lists_species)

    def told(without: tuple[Evidence, ...]) -> dict[Evidence, bool]:
        config = RunConfig(without=without)
        problem = ask(data, predicted(data), frozenset(), config, SilentProgress()).problem
        return {
            "intensity": problem.intensity_level is not None,
            "known_in": bool(problem.is_known_in.any()),
            "mz": problem.mz_level is not None,
            "retention": bool(np.isfinite(problem.rt_pred_min).any()),
            "unlisted": problem.unlisted_number is not None,
            "upstream": problem.upstream is not None,
        }

    everything = told(())
    assert all(everything.values())
    for name in everything:
        assert told((name,)) == {**everything, name: False}


def test_adducts_of_the_table_can_be_ignored() -> None:
    data = dataset(peaks=PEAKS.assign(adduct=["[M+H]+", "", "", "[M+Na]+", ""]))
    asked = question(data)
    assert sorted(set(asked.problem.stated_adducts.tolist())) == [0, 1, 2]
    ignoring = RunConfig(without=("upstream",))
    other = ask(data, predicted(data), frozenset(), ignoring, SilentProgress())
    assert other.problem.upstream is None
    assert other.problem.compound.tolist() == asked.problem.compound.tolist()


def test_a_model_is_never_given_the_truth() -> None:
    data = dataset()
    with_truth, without = question(data), question(replace(data, truth=None))
    assert with_truth.problem.is_labelled.sum() == 0
    for name, values in vars(with_truth.problem).items():
        if name != "statements":
            np.testing.assert_array_equal(values, getattr(without.problem, name), err_msg=name)
    for name, values in vars(with_truth.problem.statements).items():
        np.testing.assert_array_equal(values, getattr(without.problem.statements, name), err_msg=name)


# Named so that `-k generative` selects only the quick tests of the model itself.
@pytest.mark.parametrize("model", [pytest.param("generative", id="main"), "softmax", "calibrated", "lookup"])
def test_prior_mode_writes_a_complete_run_without_sampling(tmp_path: Path, model: ModelName) -> None:
    folder = write_folder(tmp_path / "data", truth=TRUTH)
    config = RunConfig(model=model, mode="prior", data=folder, label_fraction=0.0, sampler=QUIET)
    summary, metrics, progress = run(config, tmp_path / "run")
    assert summary.verdict == metrics["verdict"] == "converged"
    assert metrics["prior_only"] is (model != "lookup")
    assert (PRIOR_ONLY in summary.notes) is (model != "lookup")
    assert metrics["n_scored"] == 5
    assert metrics["model"] == model
    assert {name: summary.headline[name] for name in ("precision", "recall", "log_loss")} == {
        name: metrics[name] for name in ("precision", "recall", "log_loss")
    }
    stages = ["dataset", "retention times", "candidates", "fit", "responsibilities", "results"]
    assert list(progress.runtime_s) == stages
    assert progress.warnings == ["no calibrants: the library's rt_pred_min is used as it is"]
    assert sorted(path.name for path in (tmp_path / "run").rglob("*.*")) == [
        "assignment_metrics.json",
        "assignment_trace.nc",
        "candidate_sets.csv",
        "candidates.csv",
        "compounds.csv",
        "peak_assignments.csv",
        "rt_trace.nc",
        "run.json",
    ]


def test_without_truth_scores_are_missing_and_not_zero(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")
    config = RunConfig(model="generative", mode="prior", data=folder, sampler=QUIET)
    summary, metrics, _ = run(config, tmp_path / "run")
    for name in ("precision", "recall", "f1", "log_loss", "brier", "ece"):
        assert metrics[name] is None
    assert metrics["confusion_matrix"] is None
    assert metrics["n_scored"] == 0
    assert summary.headline["precision"] is None
    assert summary.headline["accepted_0.05"] is not None


def test_alpha_decides_what_is_accepted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")
    accepted = []
    for alpha in (0.001, 0.6):
        config = RunConfig(model="lookup", data=folder, alpha=alpha)
        _, metrics, _ = run(config, tmp_path / f"run{alpha}")
        decisions = metrics["decisions"]
        assert isinstance(decisions, dict)
        assert sum(decisions.values()) == 5
        accepted.append(decisions["accept"])
    assert accepted[0] < accepted[1]


def test_the_settings_of_the_windows_reach_the_candidates(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")

    def count(**settings: object) -> int:
        config = RunConfig.model_validate({"model": "lookup", "data": folder, **settings})
        staging = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        execute(config, staging, SilentProgress())
        table = pd.read_csv(staging / "results" / "candidates.csv")
        return int(table["compound_id"].notna().sum())

    everything = count()
    assert count(mass_window_ppm=0.01) < everything
    assert count(rt_window_sd=0.5) < everything
    assert count(adducts=("[M+Na]+",)) == 0


def test_labels_cannot_be_drawn_where_there_is_no_truth(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "data")
    with pytest.raises(InputError, match="no truth to draw labels from"):
        execute(RunConfig(data=folder, label_fraction=0.2), tmp_path / "run", SilentProgress())
    assert not (tmp_path / "run").exists()


def untrained(data: Dataset, *_: object) -> RtStage:
    """The RT stage without its sampling, which the tests of whole runs do."""
    return RtStage(predicted(data))


def test_the_demonstration_is_the_same_for_every_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compassign.pipeline.run_rt_stage", untrained)
    scored = set()
    for seed in (0, 1):
        config = RunConfig(model="lookup", difficulty="easy", seed=seed)
        _, metrics, _ = run(config, tmp_path / str(seed))
        assert metrics["dataset_hash"] == demo_dataset("easy").dataset_hash
        assert metrics["precision"]
        assert metrics["recall"]
        scored.add(metrics["scored_peak_ids_hash"])
    assert len(scored) == 2  # the seed draws the labels
