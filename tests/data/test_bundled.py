"""The demonstrations: as ambiguous as they promise, the same for everyone, and quick to make."""

from __future__ import annotations

from functools import cache
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from compassign.candidates import Candidates, RtPredictions, Windows, build_candidates
from compassign.config import Difficulty
from compassign.data.bundled import DIFFICULTIES, demo_config, demo_dataset, demo_simulation, demo_tables
from compassign.data.dataset import Dataset
from compassign.data.metabolites import load_metabolites
from compassign.data.simulate import Simulation, simulate
from compassign.data.simulated_world import descriptor_rt_min
from compassign.errors import InputError

CANDIDATES_A_PEAK = {"easy": (2.0, 3.0), "medium": (5.0, 8.0), "hard": (10.0, 15.0)}
PREDICTIVE_SD_MIN = 0.6  # what a regression on 40 calibrants leaves
CALIBRATED_SD_MIN = 0.05  # of a compound that was measured in every injection


@cache
def _demo(difficulty: Difficulty) -> tuple[Simulation, Dataset, Candidates]:
    simulation = demo_simulation(difficulty)
    dataset = demo_dataset(difficulty)
    return simulation, dataset, _candidates(difficulty, dataset, calibrated_sd_min=PREDICTIVE_SD_MIN)


def _candidates(difficulty: Difficulty, dataset: Dataset, calibrated_sd_min: float) -> Candidates:
    compounds = dataset.compounds
    mean_min = descriptor_rt_min(compounds, load_metabolites(), demo_config(difficulty).chromatography)
    measured = compounds["compound_id"].map(dataset.calibrants.groupby("compound_id")["rt_min"].mean()).to_numpy()
    is_measured = np.isfinite(measured)
    sd_min = np.where(is_measured, calibrated_sd_min, PREDICTIVE_SD_MIN)
    shape = (len(dataset.species_clusters), 2, len(compounds))
    mean_min = np.broadcast_to(np.where(is_measured, measured, mean_min), shape)
    return build_candidates(dataset, RtPredictions(mean_min, np.broadcast_to(sd_min, shape), 0.1), Windows())


def test_difficulties_are_those_of_the_configuration() -> None:
    assert get_args(Difficulty) == DIFFICULTIES


@pytest.mark.parametrize("calibrated_sd_min", [CALIBRATED_SD_MIN, PREDICTIVE_SD_MIN])
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_candidates_a_peak(difficulty: Difficulty, calibrated_sd_min: float) -> None:
    counts = np.diff(_candidates(difficulty, _demo(difficulty)[1], calibrated_sd_min).offsets)
    low, high = CANDIDATES_A_PEAK[difficulty]
    assert low <= counts[counts > 0].mean() <= high


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_dataset_holds_the_tables_and_the_truth(difficulty: Difficulty) -> None:
    simulation, dataset, _ = _demo(difficulty)
    assert dataset.name == f"demo ({difficulty})"
    assert dataset.warnings == ()
    assert dataset.labels == {}
    truth = simulation.tables["truth"]
    expected = {
        peak: frozenset({c} if c else ()) for peak, c in zip(truth["peak_id"], truth["compound_id"], strict=True)
    }
    assert dataset.truth == expected


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_size_allows_a_quick_run(difficulty: Difficulty) -> None:
    simulation = _demo(difficulty)[0]
    assert 600 <= len(simulation.tables["peaks"]) <= 1500
    assert 30 <= simulation.tables["calibrants"]["compound_id"].nunique() <= 60


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_every_call_gives_the_same_tables(difficulty: Difficulty) -> None:
    again = demo_tables(difficulty)
    for name, table in _demo(difficulty)[0].tables.items():
        pd.testing.assert_frame_equal(again[name], table)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_truth_is_among_the_candidates(difficulty: Difficulty) -> None:
    simulation, dataset, candidates = _demo(difficulty)
    ids = dataset.compounds["compound_id"].to_numpy()
    peak = np.repeat(np.arange(len(dataset.peaks)), np.diff(candidates.offsets))
    pairs = set(zip(dataset.peaks["peak_id"].to_numpy()[peak], ids[candidates.compound], strict=True))
    truth = simulation.tables["truth"]
    named = truth[truth["compound_id"] != ""]
    found = [pair in pairs for pair in zip(named["peak_id"], named["compound_id"], strict=True)]
    assert np.mean(found) > 0.995  # all but a few whose RT has an unusual effect


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_nulls_are_tempting(difficulty: Difficulty) -> None:
    simulation, _, candidates = _demo(difficulty)
    has_candidates = np.diff(candidates.offsets) > 0
    origin = simulation.truth.origins["origin"].to_numpy()
    assert has_candidates[origin == "unlisted"].mean() > 0.4
    assert 0.2 < has_candidates[origin == "background"].mean() < 0.9
    share_null = (simulation.tables["truth"]["compound_id"] == "").mean()
    assert 0.15 < share_null < 0.45


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_calibrants_reach_into_isomer_families(difficulty: Difficulty) -> None:
    tables = _demo(difficulty)[0].tables
    size = tables["compounds"].groupby("formula")["compound_id"].transform("size")
    isomers = set(tables["compounds"].loc[size > 1, "compound_id"])
    calibrants = set(tables["calibrants"]["compound_id"])
    assert len(calibrants & isomers) >= len(calibrants) / 2


def test_unknown_difficulty_is_named() -> None:
    unknown: Any = "extreme"
    with pytest.raises(InputError, match="'extreme': expected one of easy, medium, hard"):
        demo_config(unknown)


def test_demonstrations_do_not_depend_on_what_was_drawn_before() -> None:
    first = demo_tables("easy")["peaks"]
    simulate(demo_config("hard"), np.random.default_rng(0))
    pd.testing.assert_frame_equal(demo_tables("easy")["peaks"], first)
