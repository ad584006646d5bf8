"""Isotope peaks that a table names are one ion with their monoisotopic peak: counted once, answered alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from compassign.candidates import Candidates, RtPredictions, peak_of_slot
from compassign.config import RunConfig
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.inference.draws import ModelFit
from compassign.inference.fitting import fit
from compassign.isotope_peaks import IsotopePeaks, find_isotope_peaks
from compassign.models.draws import Block, DrawSource
from compassign.posterior.joint import JointSampler
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress
from compassign.question import Question, ask
from compassign.units import IntArray

PEAKS = pd.DataFrame(
    {
        "peak_id": ["a1", "b", "a", "a2", "c", "c1"],
        "species": "s",
        "mz": [133.1053, 195.0877, 132.1019, 134.1087, 181.0720, 182.0754],
        "rt_min": [2.01, 4.0, 2.0, 2.02, 3.0, 3.0],
        "intensity": 1000.0,
        "polarity": "positive",
        "isotope_group": ["A", "", "A", "A", "C", "C"],
        "isotope_index": [1, 0, 0, 2, 0, 1],
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
TRUTH = pd.DataFrame({"peak_id": ["a1", "a", "a2", "b"], "compound_id": ["leu", "leu", "leu", "caf"]})
BASE = [2, 1, 2, 2, 4, 4]


def dataset(peaks: pd.DataFrame = PEAKS, **tables: pd.DataFrame) -> Dataset:
    return build_dataset({"peaks": peaks, "compounds": COMPOUNDS, "truth": TRUTH, **tables}, {}, "tiny")


def question(data: Dataset) -> Question:
    predictions = RtPredictions(np.array([[[4.0, 3.0, 2.0, 2.2]] * 2]), np.full((1, 2, 4), 0.3), noise_sd_min=0.05)
    config = RunConfig(model="lookup")
    return ask(data, predictions, frozenset(data.truth or {}), config, SilentProgress())


def labels(**said: str) -> pd.DataFrame:
    return pd.DataFrame({"peak_id": list(said), "compound_id": list(said.values())})


def base_of(**changed: Any) -> list[int]:
    """The base of each peak, a1 or any other of them changed."""
    peaks = dataset().peaks.copy()
    for name, value in changed.items():
        peaks.loc[0, name] = value
    return [int(base) for base in find_isotope_peaks(peaks, ()).base]


def test_isotope_peaks_belong_to_the_monoisotopic_peak_of_their_group() -> None:
    assert base_of() == BASE


@pytest.mark.parametrize(
    "changed",
    [
        {"mz": 132.1019 + 1.0033},
        {"mz": 132.1019 + 0.991},
        {"mz": 132.1019 + 1.009},
        {"mz": 132.1019 + 1.0033 / 2},
        {"mz": 132.1019 + 1.0033 / 3},
        {"mz": 132.1019 + 1.997, "isotope_index": 2},  # chlorine
        {"mz": 132.1019 + 1.0033 / 4, "charge": 4},
        {"rt_min": 2.49},
    ],
)
def test_what_an_isotope_of_any_element_and_charge_may_look_like(changed: dict[str, object]) -> None:
    assert base_of(**changed) == BASE


@pytest.mark.parametrize(
    "changed",
    [
        {"mz": 132.1019 + 0.989},
        {"mz": 132.1019 + 1.011},
        {"mz": 132.1019 - 1.0033},
        {"mz": 132.1019 + 1.0033 / 4},
        {"mz": 132.1019 + 1.0033, "charge": 2},
        {"isotope_index": 4},
        {"rt_min": 2.51},
        {"isotope_group": "other"},
        {"isotope_group": ""},
        {"injection": "other"},
        {"species": "other"},
        {"polarity": "negative"},
    ],
)
def test_what_is_not_the_same_ion_is_assigned_by_itself(changed: dict[str, object]) -> None:
    assert base_of(**changed) == [0, *BASE[1:]]


def test_two_monoisotopic_peaks_in_a_group_are_none() -> None:
    assert base_of(isotope_index=0) == [0, 1, 2, 3, 4, 4]


def test_an_isotope_peak_has_no_slot_in_the_fit_and_the_candidates_of_its_base() -> None:
    asked = question(dataset())
    assert np.diff(asked.problem.offsets).tolist() == [0, 1, 2, 0, 1, 0]
    assert np.diff(asked.candidates.offsets).tolist() == [2, 1, 2, 2, 1, 1]
    of_peak = [asked.candidates.compound[peak_of_slot(asked.candidates) == peak].tolist() for peak in range(6)]
    assert of_peak[0] == of_peak[2] == of_peak[3] == [2, 3]
    assert asked.candidates.ppm_error[:2].tolist() == asked.candidates.ppm_error[3:5].tolist()


def test_what_became_of_isotope_peaks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(SilentProgress, "info", lambda self, message: said.append(message))
    question(dataset())
    question(dataset(PEAKS.assign(isotope_group="")))
    assert said == [
        "3 isotope peaks have the answer of their monoisotopic peak",
        "3 isotope peaks have no monoisotopic peak of their group at their RT and m/z: each is assigned by itself",
    ]


def test_the_answer_is_that_of_the_base_for_any_model() -> None:
    asked = question(dataset())
    spread = asked.isotopes.spread(fit(asked.problem, RunConfig(model="lookup"), SilentProgress()))
    found = mean_probabilities(spread.source)
    own = [found.slot[peak_of_slot(asked.candidates) == peak].tolist() for peak in range(6)]
    assert own[0] == own[2] == own[3]
    assert found.null[[0, 3]].tolist() == [found.null[2]] * 2
    assert found.null[5] == found.null[4]


def test_what_is_said_of_the_base_is_known_of_its_isotopes() -> None:
    asked = question(dataset(labels=labels(a="leu")))
    assert asked.known.tolist() == [True, False, True, True, False, False]
    assert asked.is_labelled.tolist() == [True, False, True, True, False, False]
    found = mean_probabilities(
        asked.isotopes.spread(fit(asked.problem, RunConfig(model="lookup"), SilentProgress())).source
    )
    assert found.slot[:2].tolist() == [1.0, 0.0]


def test_an_isotope_peak_with_a_label_speaks_for_itself() -> None:
    asked = question(dataset(labels=labels(a1="ile")))
    assert asked.isotopes.base.tolist() == [0, *BASE[1:]]
    assert asked.known.tolist() == [True, False, False, False, False, False]
    assert asked.isotopes.n_single == 0


def test_an_isotope_peak_scores_where_its_base_does() -> None:
    data = dataset()
    assert question(data).scored == {"a1", "a", "a2", "b"}
    isotopes = question(data).isotopes
    assert isotopes.scored(data.peaks["peak_id"].tolist(), frozenset({"a1", "a2", "b"})) == {"b"}


SIZES = [0, 3, 2, 0, 4, 0, 1, 0]
FOLLOWS = np.array([1, 1, 2, 6, 4, 2, 6, 7])  # whose slots each peak is to have
COLUMNS = np.concatenate([[0, 1, 2], [0, 1, 2], [3, 4], [9], [5, 6, 7, 8], [3, 4], [9]])


def made_up(rng: np.random.Generator) -> DrawSource:
    """Draws in which every number is another one."""
    offsets = np.concatenate([[0], np.cumsum(SIZES)])
    slot, null, unlisted = rng.random((6, 10)), rng.random((6, 8)), rng.random((6, 8))

    def block(peaks: slice) -> Block:
        own = slice(int(offsets[peaks.start]), int(offsets[peaks.stop]))
        return Block(slot[:, own], null[:, peaks], unlisted[:, peaks], {"mass": slot[0, own]})

    return DrawSource(offsets, 2, 3, block)


@pytest.mark.parametrize("cuts", [[0, 8], [0, 1, 3, 4, 8], list(range(9))])
def test_draws_are_spread_however_peaks_are_cut_into_blocks(cuts: list[int], rng: np.random.Generator) -> None:
    source = made_up(rng)
    whole = source.block(slice(0, 8))
    spread = IsotopePeaks(FOLLOWS, 0).spread(ModelFit("r", source, unlisted=lambda share: source))
    assert spread.unlisted is not None
    for found in (spread.source, spread.unlisted(0.2)):
        assert np.diff(found.offsets).tolist() == [3, 3, 2, 1, 4, 2, 1, 0]
        blocks = [found.block(slice(low, high)) for low, high in zip(cuts[:-1], cuts[1:], strict=True)]
        assert (np.concatenate([block.slot for block in blocks], axis=1) == whole.slot[:, COLUMNS]).all()
        assert (np.concatenate([block.null for block in blocks], axis=1) == whole.null[:, FOLLOWS]).all()
        assert (np.concatenate([block.unlisted for block in blocks], axis=1) == whole.unlisted[:, FOLLOWS]).all()
        evidence = np.concatenate([block.evidence["mass"] for block in blocks])
        assert (evidence == whole.evidence["mass"][COLUMNS]).all()


def test_without_isotope_peaks_a_fit_is_untouched(rng: np.random.Generator) -> None:
    fitted = ModelFit("r", made_up(rng))
    assert IsotopePeaks(np.arange(8), 0).spread(fitted) is fitted


def test_sources_are_drawn_once_for_an_ion() -> None:
    """A compound is absent where its one ion is not its: the isotope peak is no second chance."""
    offsets: IntArray = np.array([0, 1, 2], dtype=np.int64)
    sampler = JointSampler(offsets, np.array([7, 7]), np.random.default_rng(0), np.array([0, 0]))
    sampler.write(slice(0, 2), offsets, np.full((1, 2), 0.5), np.full((1, 2), 0.5))
    found = sampler.draws()
    assert found.absent.tolist() == [0.5]
    assert (found.rank[:, 0] == found.rank[:, 1]).all()
    assert set(found.rank[:, 0].tolist()) == {0, 1}


def test_candidates_come_back_as_they_were_without_isotope_peaks() -> None:
    asked = question(dataset(PEAKS.assign(isotope_group="")))
    assert asked.isotopes.n_single == 3
    same: Candidates = asked.isotopes.answered(asked.isotopes.fitted(asked.candidates))
    assert same.offsets.tolist() == asked.candidates.offsets.tolist() == asked.problem.offsets.tolist()
    assert same.compound.tolist() == asked.candidates.compound.tolist()
