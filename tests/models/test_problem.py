"""From a dataset and its candidates to the arrays of a model: labels, species, isobars, calibrants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_dataset import PEAKS, calibrants, make_dataset

from compassign.candidates import Candidates, RtPredictions
from compassign.data.dataset import Dataset
from compassign.models.problem import AssignmentProblem, build_problem, clamped_calibrants
from compassign.models.rt_density import log_rt_density

# slot: peak, compound, adduct. Peaks 0 and 4 are liver's, the others plasma's; peak 3 has no candidate.
SLOTS = ((0, 0, 0), (0, 1, 0), (0, 2, 3), (1, 0, 0), (1, 0, 3), (2, 1, 0), (2, 3, 0), (4, 0, 0))
ADDUCTS = ("[M+H]+", "[M+Na]+", "[M+K]+", "[M+NH4]+")


def make_candidates() -> Candidates:
    peak, compound, adduct = (np.array(column, dtype=np.int64) for column in zip(*SLOTS, strict=True))
    return Candidates(
        offsets=np.concatenate([[0], np.cumsum(np.bincount(peak, minlength=len(PEAKS)))]).astype(np.int64),
        compound=compound,
        adduct=adduct,
        adduct_names=ADDUCTS,
        ppm_error=np.linspace(-5, 5, peak.size),
        rt_z=np.linspace(-2, 2, peak.size),
        mass_window_ppm=12.0,
    )


def make_problem(dataset: Dataset) -> AssignmentProblem:
    species, negative, compound = np.meshgrid(np.arange(3.0), np.arange(2.0), np.arange(4.0), indexing="ij")
    mean_min = 10 * species + compound + 0.5 * negative
    predictions = RtPredictions(mean_min, 0.1 + 0.01 * species + 0.001 * compound, 0.07)
    return build_problem(dataset, make_candidates(), predictions, 0.2)


def test_slots_carry_what_their_peak_and_compound_have() -> None:
    problem = make_problem(make_dataset())
    assert problem.peak_of_slot.tolist() == [slot[0] for slot in SLOTS]
    assert problem.compound.tolist() == [slot[1] for slot in SLOTS]
    # Rows of the predictions are the sorted species of all peaks: kidney, liver, plasma; the last peak is negative.
    assert problem.rt_pred_min.tolist() == [10, 11, 12, 20, 20, 21, 23, 10.5]
    assert problem.rt_pred_sd_min[2] == pytest.approx(0.1 + 0.01 + 0.002)
    assert problem.rt_noise_min == 0.07
    assert problem.mass_window_ppm == 12.0
    assert problem.unlisted_share == 0.2
    assert problem.rt_min.tolist() == PEAKS["rt_min"].tolist()
    assert problem.ppm_error.tolist() == make_candidates().ppm_error.tolist()


def test_names_are_those_of_slots_only() -> None:
    """Kidney, its injection and two adducts have no candidate: they would be parameters without data."""
    problem = make_problem(make_dataset())
    assert problem.species_names == ("liver", "plasma")
    assert problem.injection_names == ("L1 negative", "L1 positive", "P1 positive")
    assert problem.adduct_names == ("[M+H]+", "[M+NH4]+")
    assert [problem.species_names[i] for i in problem.species] == ["liver"] * 3 + ["plasma"] * 4 + ["liver"]
    assert [problem.adduct_names[i] for i in problem.adduct] == [ADDUCTS[slot[2]] for slot in SLOTS]


def test_an_injection_has_an_offset_for_each_polarity() -> None:
    problem = make_problem(make_dataset())
    names = [problem.injection_names[i] for i in problem.injection]
    assert names == ["L1 positive"] * 3 + ["P1 positive"] * 4 + ["L1 negative"]


def test_rt_density_is_that_of_all_peaks_of_an_injection() -> None:
    problem = make_problem(make_dataset())
    injection = np.array([1, 2, 2, 0, 3])  # the peaks' injections and polarities, numbered in any order
    assert problem.log_rt_density == pytest.approx(log_rt_density(problem.rt_min, injection))


def test_isobars_have_one_mass_and_charge() -> None:
    """The library's first two are isomers; the third has their mass but a charge, the fourth is 0.2 mDa heavier."""
    groups = make_problem(make_dataset()).isobar_group
    by_compound = dict(zip((slot[1] for slot in SLOTS), groups.tolist(), strict=True))
    assert by_compound[0] == by_compound[1]
    assert len({by_compound[0], by_compound[2], by_compound[3]}) == 3


def test_known_in_matches_whole_names_of_the_peaks_species() -> None:
    """Compound 0 is known in plasma and kidney, compound 1 in `liver biopsy`, which is not `liver`."""
    problem = make_problem(make_dataset())
    assert problem.is_known_in.tolist() == [slot[0] in {1, 2} and slot[1] == 0 for slot in SLOTS]
    assert problem.is_known_in.sum() == 2


@pytest.mark.parametrize(
    ("labels", "allowed", "null"),
    [
        ({}, [True] * 8, [True] * 5),
        ({"p0": {"C1"}}, [False, True, False] + [True] * 5, [False] + [True] * 4),
        ({"p0": {"C0", "C2"}}, [True, False, True] + [True] * 5, [False] + [True] * 4),
        ({"p1": {"C0"}}, [True] * 8, [True, False, True, True, True]),
        ({"p2": set()}, [True] * 5 + [False] * 2 + [True], [True] * 5),
        ({"p3": set()}, [True] * 8, [True] * 5),
    ],
)
def test_labels_mask_slots_and_null(
    labels: Mapping[str, Collection[str]], allowed: list[bool], null: list[bool]
) -> None:
    answers = {peak: frozenset(compounds) for peak, compounds in labels.items()}
    problem = make_problem(replace(make_dataset(), labels=answers))
    assert problem.slot_allowed.tolist() == allowed
    assert problem.null_allowed.tolist() == null
    assert problem.is_labelled.tolist() == [f"p{peak}" in labels for peak in range(5)]


def test_the_truth_is_not_looked_at() -> None:
    truth = {"p0": frozenset({"C1"}), "p2": frozenset[str]()}
    problem = make_problem(replace(make_dataset(), truth=truth))
    assert problem.slot_allowed.all()
    assert problem.null_allowed.all()
    assert not problem.is_labelled.any()


def test_no_candidates_at_all() -> None:
    none = np.zeros(0, dtype=np.int64)
    empty = Candidates(np.zeros(6, dtype=np.int64), none, none, (), np.zeros(0), np.zeros(0), 12.0)
    predictions = RtPredictions(np.zeros((3, 2, 4)), np.ones((3, 2, 4)), 0.07)
    problem = build_problem(make_dataset(), empty, predictions, 0.1)
    assert (problem.n_peaks, problem.n_slots) == (5, 0)
    assert np.isfinite(problem.log_rt_density).all()


PRECISE = PEAKS.assign(rt_min=[5.013, 6.021, 6.507, 7.049, 8.072])
PEAK_1 = {"species": "plasma", "injection": "P1", "compound_id": "C0", "rt_min": 6.021}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {"p1": {"C0"}}),
        ({"injection": ""}, {"p1": {"C0"}}),
        ({"rt_min": 6.0214}, {"p1": {"C0"}}),
        ({"rt_min": 6.0216}, {}),
        ({"rt_min": 6.0204}, {}),
        ({"species": "liver"}, {}),
        ({"injection": "L1"}, {}),
        ({"compound_id": "C1"}, {}),
    ],
)
def test_calibrants_clamp_the_peaks_they_match(
    changed: Mapping[str, str | float], expected: Mapping[str, Collection[str]]
) -> None:
    dataset = make_dataset(peaks=PRECISE, calibrants=calibrants({**PEAK_1, **changed}))
    assert clamped_calibrants(dataset, make_candidates()) == expected


def test_every_ion_of_a_calibrant_is_clamped() -> None:
    """Peaks 1 and 2 elute together, but only peak 1 has compound 0 among its candidates."""
    peaks = PEAKS.assign(rt_min=[5.013, 6.021, 6.021, 7.049, 8.072])
    both = make_dataset(peaks=peaks, calibrants=calibrants(PEAK_1, {**PEAK_1, "compound_id": "C3"}))
    assert clamped_calibrants(both, make_candidates()) == {"p1": {"C0"}, "p2": {"C3"}}


def test_calibrants_of_any_injection_clamp_peaks_of_several() -> None:
    peaks = PEAKS.assign(species="plasma", injection=["A", "B", "A", "A", "B"], rt_min=6.021)
    dataset = make_dataset(peaks=peaks, calibrants=calibrants({**PEAK_1, "injection": ""}))
    assert clamped_calibrants(dataset, make_candidates()) == {"p0": {"C0"}, "p1": {"C0"}, "p4": {"C0"}}


def test_no_calibrants_clamp_nothing() -> None:
    dataset = make_dataset()
    assert isinstance(dataset.calibrants, pd.DataFrame)
    assert clamped_calibrants(dataset, make_candidates()) == {}


@pytest.mark.parametrize(("decimals", "expected"), [(1, {}), (2, {}), (3, {"p1": {"C0"}}), (4, {"p1": {"C0"}})])
@pytest.mark.parametrize("table", ["peaks", "both"])
def test_rounded_times_identify_no_calibrant(
    decimals: int, expected: Mapping[str, Collection[str]], table: str
) -> None:
    """RTs of 0.1 or 0.01 min are shared by chance; the rounded times agree all the same, so that rounding decides."""
    exact = np.array([5.0131, 6.0004, 6.5072, 7.0493, 8.0724])
    rounded = exact.round(decimals)
    peak_min, calibrant_min = (rounded if table in {name, "both"} else exact for name in ("peaks", "calibrants"))
    rows = [{**PEAK_1, "rt_min": calibrant_min[1]}, {**PEAK_1, "compound_id": "C2", "rt_min": calibrant_min[0]}]
    dataset = make_dataset(peaks=PEAKS.assign(rt_min=peak_min), calibrants=calibrants(*rows))
    assert abs(peak_min[1] - calibrant_min[1]) < 5e-4
    assert clamped_calibrants(dataset, make_candidates()) == expected
