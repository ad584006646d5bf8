"""Result tables follow the contract to the letter and files are written whole or not at all."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.candidates import Candidates
from compassign.data.dataset import Dataset
from compassign.decisions.compounds import decide_compounds
from compassign.decisions.fdr import decide
from compassign.evaluation.metrics import Predictions, evaluate
from compassign.files import written_whole
from compassign.posterior.assignments import CompoundProbabilities, SlotProbabilities, compound_probabilities
from compassign.posterior.joint import JointDraws
from compassign.results import (
    candidates_table,
    compounds_table,
    headline,
    peak_assignments_table,
    to_json_values,
    write_csv,
    write_json,
)
from compassign.units import FloatArray

GOLDEN_ASSIGNMENTS = """\
peak_id,assigned_compound,probability,adduct,pep,q_value,decision,species,n_candidates,is_labelled,is_calibrant
p1,glc,0.98,[M+Na]+,0.02,0.02,accept,plasma,3,True,False
p2,,1,,,,null,plasma,0,False,False
"p,3","lac ""x"" y",0.6,[M+H]+,0.4,0.21,review,urine,1,False,True
"""

GOLDEN_CANDIDATES = """\
peak_id,compound_id,adduct,probability,hdi_low,hdi_high,ppm_error,rt_z,evidence_mass,evidence_rt,probability_unlisted
p1,,,0.01,0.005,0.02,,,,,0.004
p1,"lac ""x"" y",[M+H]+,0.01,0.005,0.02,-3,,-1,0,
p1,glc,[M+H]+,0.18,0.09,0.36,1.25,-0.5,2.5,0.125,
p1,glc,[M+Na]+,0.8,0.4,1,0.333333333,0.1,3,1,
p2,,,1,0.5,1,,,,,0.4
"p,3",,,0.4,0.2,0.8,,,,,0.16
"p,3","lac ""x"" y",[M+H]+,0.6,0.3,1,14.9,6,-2,-3,
"""

GOLDEN_COMPOUNDS = """\
compound_id,name,probability,pep,q_value,decision,best_peak,n_peaks,probability_any
"lac ""x"" y",Lactic acid,0.6,0.4,0.21,review,"p,3",2,0.75
glc,,0.98,0.02,0.02,accept,p1,1,0.5
"""


def make_dataset(peak_ids: list[str], species: list[str], compound_ids: list[str]) -> Dataset:
    """A dataset with only the columns that result tables read."""
    return Dataset(
        name="test",
        peaks=pd.DataFrame({"peak_id": peak_ids, "species": species}),
        compounds=pd.DataFrame({"compound_id": compound_ids, "name": ["Lactic acid", *[""] * (len(compound_ids) - 1)]}),
        calibrants=pd.DataFrame(),
        injections=pd.DataFrame(),
        abundances=pd.DataFrame(),
        labels={},
        truth=None,
        species_clusters={},
        dataset_hash="",
        labels_hash="",
        truth_hash="",
    )


def with_spread(slot: FloatArray, null: FloatArray, evidence: dict[str, FloatArray]) -> SlotProbabilities:
    """Probabilities with an interval from half to twice the mean."""
    return SlotProbabilities(
        slot=slot, slot_low=slot / 2, slot_high=np.minimum(2 * slot, 1), slot_mcse=slot / 100,
        null=null, null_low=null / 2, null_high=np.minimum(2 * null, 1), null_mcse=null / 100,
        unlisted=0.4 * null, evidence=evidence,
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Three peaks: two adducts of one compound, no candidates, one candidate."""

    dataset: Dataset
    candidates: Candidates
    probabilities: SlotProbabilities


@pytest.fixture
def case() -> Case:
    return Case(
        make_dataset(["p1", "p2", "p,3"], ["plasma", "plasma", "urine"], ['lac "x" y', "glc"]),
        Candidates(
            offsets=np.array([0, 3, 3, 4]),
            compound=np.array([0, 1, 1, 0]),
            adduct=np.array([0, 0, 1, 0]),
            adduct_names=("[M+H]+", "[M+Na]+"),
            ppm_error=np.array([-3.0, 1.25, 1 / 3, 14.9]),
            rt_z=np.array([np.nan, -0.5, 0.1, 6.0]),
            mass_window_ppm=15.0,
        ),
        with_spread(
            np.array([0.01, 0.18, 0.8, 0.6]),
            np.array([0.01, 1.0, 0.4]),
            {"mass": np.array([-1.0, 2.5, 3.0, -2.0]), "rt": np.array([0.0, 0.125, 1.0, -3.0])},
        ),
    )


def test_peak_assignments_to_the_letter(case: Case, tmp_path: Path) -> None:
    decisions = decide(compound_probabilities(case.candidates, case.probabilities), case.probabilities.null)
    labelled, calibrant = np.array([True, False, False]), np.array([False, False, True])
    table = peak_assignments_table(case.dataset, case.candidates, decisions, labelled, calibrant)
    write_csv(table, tmp_path / "peak_assignments.csv")
    assert (tmp_path / "peak_assignments.csv").read_bytes().decode() == GOLDEN_ASSIGNMENTS


def test_candidates_to_the_letter(case: Case, tmp_path: Path) -> None:
    write_csv(candidates_table(case.dataset, case.candidates, case.probabilities), tmp_path / "candidates.csv")
    assert (tmp_path / "candidates.csv").read_bytes().decode() == GOLDEN_CANDIDATES


def test_compounds_to_the_letter(case: Case, tmp_path: Path) -> None:
    candidates = case.candidates
    options = compound_probabilities(candidates, case.probabilities)
    decisions = decide_compounds(options, np.array([], dtype=np.int64), 0.05)
    joint = JointDraws(
        offsets=candidates.offsets,
        slot_compound=candidates.compound,
        rank=np.zeros((1, 3), dtype=np.uint16),
        compound=np.array([0, 1]),
        absent=np.array([0.25, 0.5]),
    )
    write_csv(compounds_table(case.dataset, candidates, joint, decisions), tmp_path / "compounds.csv")
    assert (tmp_path / "compounds.csv").read_bytes().decode() == GOLDEN_COMPOUNDS


def test_a_model_without_terms_or_slots(case: Case) -> None:
    empty = np.zeros(0)
    nothing = replace(
        case.candidates,
        offsets=np.zeros(4, dtype=np.int64),
        compound=empty.astype(np.int64),
        adduct=empty.astype(np.int64),
        ppm_error=empty,
        rt_z=empty,
    )
    table = candidates_table(case.dataset, nothing, with_spread(empty, np.ones(3), {}))
    assert table["probability"].tolist() == [1.0, 1.0, 1.0]
    assert table["compound_id"].tolist() == ["", "", ""]
    assert list(table.columns)[-2:] == ["rt_z", "probability_unlisted"]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
def test_every_slot_once_null_first_and_sums_to_one(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_slots, n_peaks = sum(sizes), len(sizes)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    weight = rng.exponential(size=n_slots)
    total = 1.0 + np.array([weight[a:b].sum() for a, b in zip(offsets[:-1], offsets[1:], strict=True)])
    slot = weight / np.repeat(total, sizes)
    candidates = Candidates(
        offsets, rng.integers(0, 9, n_slots), rng.integers(0, 2, n_slots), ("a", "b"), weight, weight, 15.0
    )
    peak_ids = [f"p{i}" for i in range(n_peaks)]
    dataset = make_dataset(peak_ids, ["s"] * n_peaks, [f"c{i}" for i in range(9)])
    table = candidates_table(dataset, candidates, with_spread(slot, 1 / total, {}))
    by_peak = {peak_id: rows for peak_id, rows in table.groupby("peak_id", sort=False)}
    assert list(by_peak) == peak_ids
    for i, peak_id in enumerate(peak_ids):
        rows = by_peak[peak_id]
        here = slice(offsets[i], offsets[i + 1])
        assert rows["compound_id"].tolist() == ["", *(f"c{c}" for c in candidates.compound[here])]
        assert rows["adduct"].tolist() == ["", *("ab"[a] for a in candidates.adduct[here])]
        assert [float(f"{p:.9g}") for p in rows["probability"]] == pytest.approx([1 / total[i], *slot[here]], rel=1e-8)
        assert math.fsum(float(f"{p:.9g}") for p in rows["probability"]) == pytest.approx(1.0, abs=1e-6)
        assert rows["probability_unlisted"].notna().tolist() == [True] + [False] * sizes[i]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "metrics.json"
    write_json({"a": 1}, path)
    with pytest.raises(TypeError, match="no JSON form for object"):
        write_json({"a": object()}, path)
    with pytest.raises(KeyError), written_whole(path) as temporary:
        temporary.write_text("half")
        assert temporary.parent == path.parent
        raise KeyError
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(path.parent) == ["metrics.json"]


def test_files_are_readable_by_colleagues(tmp_path: Path) -> None:
    write_json({}, tmp_path / "a.json")
    (tmp_path / "b.json").write_text("{}")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "b.json").stat().st_mode


def test_json_never_says_nan(tmp_path: Path) -> None:
    document = {
        "nan": math.nan,
        "inf": [np.float64("inf"), -math.inf],
        "array": np.array([[1.5, np.nan]]),
        "int": np.int64(3),
        "flag": np.bool_(True),
        "path": Path("a/b"),
        "set": frozenset({"b", "a"}),
        1: (None, "ü"),
    }
    write_json(document, tmp_path / "x.json")

    def refuse(word: str) -> None:
        raise AssertionError(word)

    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"), parse_constant=refuse) == {
        "nan": None,
        "inf": [None, None],
        "array": [[1.5, None]],
        "int": 3,
        "flag": True,
        "path": "a/b",
        "set": ["a", "b"],
        "1": [None, "ü"],
    }


def test_metrics_survive_json() -> None:
    compounds = CompoundProbabilities(np.array([0, 1]), np.array([0]), np.array([0.99]), np.array([0]))
    null = np.array([0.01])
    predictions = Predictions(["p"], ["c"], compounds, null, decide(compounds, null))
    metrics = evaluate(predictions, {"p": frozenset("c")}, ["p"])
    document = json.loads(json.dumps(to_json_values(metrics), allow_nan=False))
    assert document["fdr"]["0.05"]["n_accepted"] == 1
    assert document["confusion_matrix"] == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert document["calibration"]["count"][9] == 1
    assert headline(metrics)["accepted_0.05"] == 1
    assert headline(metrics)["false_share_0.05"] == 0.0
    assert headline(metrics)["precision"] == 1.0
