"""Candidates of a dataset are what the windows' rules say, on both sides of each limit, and labels are never lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.candidates import (
    Candidates,
    RtPredictions,
    Windows,
    add_labelled,
    build_candidates,
    group_by_compound,
    peak_of_slot,
    species_names,
)
from compassign.chemistry.adducts import get_adduct, mz_theoretical
from compassign.data.dataset import Dataset
from compassign.errors import InputError
from compassign.units import ISOTOPE_SPACING_DA

GLUCOSE_DA, CHOLINE_DA, SULFATE_DA = 180.0633881, 104.1069905, 95.9528268
GLUCOSE_H = float(mz_theoretical(GLUCOSE_DA, get_adduct("[M+H]+")))
ONE, TWO, THREE = (pd.array([charge], dtype="Int64") for charge in (1, 2, 3))


def make_dataset(
    peaks: Mapping[str, object], compounds: Mapping[str, object], labels: Mapping[str, frozenset[str]] | None = None
) -> Dataset:
    """A dataset of these columns, the others filled in as the loader would."""
    n_peaks, n_compounds = len(pd.DataFrame(peaks)), len(pd.DataFrame(compounds))
    usual_peaks = {
        "peak_id": [f"p{i}" for i in range(n_peaks)],
        "species": ["s"] * n_peaks,
        "polarity": ["positive"] * n_peaks,
        "rt_min": [5.0] * n_peaks,
        "charge": pd.array([pd.NA] * n_peaks, dtype="Int64"),
        "isotope_index": [0] * n_peaks,
    }
    usual_compounds = {"compound_id": [f"c{i}" for i in range(n_compounds)], "charge": [0] * n_compounds}
    return Dataset(
        name="made up",
        peaks=pd.DataFrame({**usual_peaks, **peaks}),
        compounds=pd.DataFrame({**usual_compounds, **compounds}),
        calibrants=pd.DataFrame(),
        injections=pd.DataFrame(),
        abundances=pd.DataFrame(),
        labels=labels or {},
        truth=None,
        species_clusters={},
        dataset_hash="",
        labels_hash="",
        truth_hash="",
    )


def slots(candidates: Candidates) -> list[tuple[int, int, str]]:
    """(peak, compound, adduct name) of every slot."""
    names = [candidates.adduct_names[index] for index in candidates.adduct]
    return list(zip(peak_of_slot(candidates).tolist(), candidates.compound.tolist(), names, strict=True))


def predict(mean_min: list[list[float]], sd_min: list[list[float]], noise_sd_min: float = 0.3) -> RtPredictions:
    """Predictions by species and compound, the same in both polarities."""
    mean, sd = (np.repeat(np.array(values)[:, None], 2, axis=1) for values in (mean_min, sd_min))
    return RtPredictions(mean, sd, noise_sd_min)


@pytest.mark.parametrize(
    ("ppm", "window", "is_found"),
    [
        (14.9, 15.0, True),
        (14.9998, 15.0, True),
        (15.0002, 15.0, False),
        (-14.9998, 15.0, True),
        (-15.0002, 15.0, False),
        (15.1, 15.0, False),
        (-14.9, 15.0, True),
        (-15.1, 15.0, False),
        (4.9, 5.0, True),
        (5.1, 5.0, False),
    ],
)
def test_mass_window(ppm: float, window: float, is_found: bool) -> None:
    dataset = make_dataset({"mz": [GLUCOSE_H * (1 + ppm * 1e-6)]}, {"exact_mass": [GLUCOSE_DA]})
    found = build_candidates(dataset, None, Windows(mass_ppm=window))
    assert slots(found) == ([(0, 0, "[M+H]+")] if is_found else [])
    assert found.mass_window_ppm == window
    if is_found:
        assert found.ppm_error == pytest.approx([ppm], abs=1e-3)
        assert np.isnan(found.rt_z).all()


@pytest.mark.parametrize(
    ("rt_min", "is_found"),
    # predictive SD = sqrt(0.4^2 + 0.3^2) = 0.5 min, so 6 SD are 3 min around 5
    [(7.99, True), (8.01, False), (2.01, True), (1.99, False)],
)
def test_rt_window_uses_the_predictive_sd(rt_min: float, is_found: bool) -> None:
    dataset = make_dataset({"mz": [GLUCOSE_H], "rt_min": [rt_min]}, {"exact_mass": [GLUCOSE_DA]})
    found = build_candidates(dataset, predict([[5.0]], [[0.4]]), Windows())
    assert found.compound.size == is_found
    if is_found:
        assert found.rt_z == pytest.approx([(rt_min - 5.0) / 0.5])


def test_rt_window_may_be_infinite() -> None:
    dataset = make_dataset({"mz": [GLUCOSE_H], "rt_min": [500.0]}, {"exact_mass": [GLUCOSE_DA]})
    found = build_candidates(dataset, predict([[5.0]], [[0.4]]), Windows(rt_sd=np.inf))
    assert found.rt_z == pytest.approx([990.0])


def test_no_prediction_no_rt_filter() -> None:
    dataset = make_dataset({"mz": [GLUCOSE_H], "rt_min": [500.0]}, {"exact_mass": [GLUCOSE_DA] * 2})
    found = build_candidates(dataset, predict([[np.nan, 5.0]], [[np.nan, 0.4]]), Windows())
    assert found.compound.tolist() == [0]
    assert np.isnan(found.rt_z).all()


def test_predictions_are_those_of_the_species() -> None:
    dataset = make_dataset(
        {"mz": [GLUCOSE_H] * 2, "species": ["yeast", "liver"], "rt_min": [2.0, 9.0]}, {"exact_mass": [GLUCOSE_DA]}
    )
    assert species_names(dataset) == ("liver", "yeast")
    found = build_candidates(dataset, predict([[9.0], [2.0]], [[0.4], [0.4]]), Windows())
    assert peak_of_slot(found).tolist() == [0, 1]
    assert found.rt_z.tolist() == [0.0, 0.0]
    swapped = build_candidates(dataset, predict([[2.0], [9.0]], [[0.4], [0.4]]), Windows())
    assert swapped.compound.size == 0


@pytest.mark.parametrize(
    ("exact_mass", "charge", "polarity", "mz", "expected"),
    [
        (CHOLINE_DA, 1, "positive", CHOLINE_DA, ["[M]+"]),
        (CHOLINE_DA, 1, "negative", CHOLINE_DA, []),
        (CHOLINE_DA, 1, "positive", CHOLINE_DA + 1.0072765, []),
        (SULFATE_DA, -2, "negative", SULFATE_DA / 2, ["[M]2-"]),
        (SULFATE_DA, -2, "positive", SULFATE_DA / 2, []),
        (GLUCOSE_DA, 0, "positive", GLUCOSE_DA, []),
        (GLUCOSE_DA, 0, "negative", GLUCOSE_DA - 1.0072765, ["[M-H]-"]),
        (GLUCOSE_DA, 0, "positive", GLUCOSE_DA - 1.0072765, []),
        (GLUCOSE_DA, 0, "negative", GLUCOSE_H, []),
    ],
)
def test_charge_and_polarity(exact_mass: float, charge: int, polarity: str, mz: float, expected: list[str]) -> None:
    dataset = make_dataset({"mz": [mz], "polarity": [polarity]}, {"exact_mass": [exact_mass], "charge": [charge]})
    assert [name for _, _, name in slots(build_candidates(dataset, None, Windows()))] == expected


@pytest.mark.parametrize(
    ("charge", "expected"),
    [
        (pd.NA, ["[M+2H]2+", "[M+H]+"]),
        (0, ["[M+2H]2+", "[M+H]+"]),
        (1, ["[M+H]+"]),
        (2, ["[M+2H]2+"]),
        (3, []),
        (-1, []),
    ],
)
def test_known_peak_charge(charge: int, expected: list[str]) -> None:
    mz = 300.0
    masses = [2 * (mz - 1.00727645), mz - 1.00727645]
    dataset = make_dataset({"mz": [mz], "charge": pd.array([charge], dtype="Int64")}, {"exact_mass": masses})
    assert [name for _, _, name in slots(build_candidates(dataset, None, Windows()))] == expected


@pytest.mark.parametrize("charge", [2, -2])
def test_charge_without_a_sign_is_a_magnitude(charge: int) -> None:
    peaks = {"mz": [SULFATE_DA / 2], "polarity": ["negative"], "charge": pd.array([charge], dtype="Int64")}
    dataset = make_dataset(peaks, {"exact_mass": [SULFATE_DA], "charge": [-2]})
    assert slots(build_candidates(dataset, None, Windows())) == [(0, 0, "[M]2-")]


@pytest.mark.parametrize(
    ("shift_da", "isotope_index", "adduct"),
    [
        (0.0, 0, "[M+H]+"),
        (ISOTOPE_SPACING_DA, 1, "[M+H]+"),
        (2 * ISOTOPE_SPACING_DA, 2, "[M+H]+"),
        (ISOTOPE_SPACING_DA, 0, None),
        (0.0, 1, None),
        (ISOTOPE_SPACING_DA / 2, 1, "[M+2H]2+"),
    ],
)
def test_isotope_peak_matches_the_isotope(shift_da: float, isotope_index: int, adduct: str | None) -> None:
    mz = float(mz_theoretical(GLUCOSE_DA, get_adduct(adduct or "[M+H]+"))) + shift_da
    dataset = make_dataset({"mz": [mz], "isotope_index": [isotope_index]}, {"exact_mass": [GLUCOSE_DA]})
    found = build_candidates(dataset, None, Windows())
    assert slots(found) == ([(0, 0, adduct)] if adduct else [])
    assert found.ppm_error == pytest.approx([0.0] * found.compound.size, abs=1e-6)


def test_a_compound_cannot_lose_more_than_it_weighs() -> None:
    ammonia_da, n_isotopes = 17.0265491, 25
    without_water = float(mz_theoretical(ammonia_da, get_adduct("[M-H-H2O]-")))
    peaks = {
        "mz": [without_water + n_isotopes * ISOTOPE_SPACING_DA],
        "polarity": ["negative"],
        "isotope_index": [n_isotopes],
    }
    assert without_water < 0
    assert slots(build_candidates(make_dataset(peaks, {"exact_mass": [ammonia_da]}), None, Windows())) == []


def test_chosen_adducts_and_own_ions() -> None:
    dataset = make_dataset(
        {"mz": [GLUCOSE_H, GLUCOSE_H + 21.981944, CHOLINE_DA]},
        {"exact_mass": [GLUCOSE_DA, CHOLINE_DA], "charge": [0, 1]},
    )
    found = build_candidates(dataset, None, Windows(adducts=("[M+Na]+", "[M-H]-", "[M]+", "[M+Na]+")))
    assert found.adduct_names == ("[M+Na]+", "[M]+")
    assert slots(found) == [(1, 0, "[M+Na]+"), (2, 1, "[M]+")]


def test_slots_are_sorted_by_compound_then_adduct() -> None:
    water_da = 18.0105647
    dataset = make_dataset({"mz": [GLUCOSE_H] * 2}, {"exact_mass": [GLUCOSE_DA + water_da, GLUCOSE_DA, GLUCOSE_DA]})
    found = build_candidates(dataset, None, Windows())
    of_one_peak = [(0, "[M+H-H2O]+"), (1, "[M+H]+"), (2, "[M+H]+")]
    assert slots(found) == [(peak, *rest) for peak in (0, 1) for rest in of_one_peak]


@pytest.mark.parametrize(
    ("mz", "masses", "offsets"),
    [([], [GLUCOSE_DA], [0]), ([GLUCOSE_H], [], [0, 0]), ([150.0, 900.0], [GLUCOSE_DA], [0, 0, 0]), ([], [], [0])],
)
def test_nothing_to_match(mz: list[float], masses: list[float], offsets: list[int]) -> None:
    dataset = make_dataset({"mz": np.array(mz, dtype=float)}, {"exact_mass": np.array(masses, dtype=float)})
    found, warnings = add_labelled(build_candidates(dataset, None, Windows()), dataset, None)
    assert found.offsets.tolist() == offsets
    assert found.compound.size == found.adduct.size == found.ppm_error.size == found.rt_z.size == 0
    assert warnings == []
    assert group_by_compound(found).offsets.tolist() == offsets


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Windows(mass_ppm=0.0), "mass window = 0.0 ppm"),
        (lambda: Windows(mass_ppm=np.nan), "mass window = nan"),
        (lambda: Windows(mass_ppm=1e6), "less than a million"),
        (lambda: Windows(rt_sd=0.0), "RT window = 0.0 SD"),
        (lambda: Windows(rt_sd=np.nan), "RT window = nan"),
        (lambda: Windows(adducts=()), "the list is empty"),
    ],
)
def test_impossible_windows(make: Callable[[], Windows], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_unknown_adduct() -> None:
    dataset = make_dataset({"mz": [GLUCOSE_H]}, {"exact_mass": [GLUCOSE_DA]})
    with pytest.raises(InputError, match=r"\[M\+Li\]\+"):
        build_candidates(dataset, None, Windows(adducts=("[M+Li]+",)))


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        (predict([[5.0, 5.0]], [[0.4, 0.4]]), r"shape \(1, 2, 2\), expected \(1 species, 2 polarities, 1 compounds\)"),
        (RtPredictions(np.empty((0, 2, 1)), np.empty((0, 2, 1)), 0.3), r"shape \(0, 2, 1\)"),
        (RtPredictions(np.empty((1, 1)), np.empty((1, 1)), 0.3), r"shape \(1, 1\)"),
        (predict([[5.0]], [[0.0]], 0.0), "2 have no uncertainty"),
        (predict([[5.0]], [[np.nan]]), "2 have no uncertainty"),
    ],
)
def test_unusable_predictions(predictions: RtPredictions, message: str) -> None:
    dataset = make_dataset({"mz": [GLUCOSE_H]}, {"exact_mass": [GLUCOSE_DA]})
    with pytest.raises(InputError, match=message):
        build_candidates(dataset, predictions, Windows())


# labels


def test_labelled_compound_outside_the_window_is_added_as_its_nearest_adduct() -> None:
    dataset = make_dataset(
        {"mz": [GLUCOSE_H, (GLUCOSE_H + 21.981944) * (1 + 40e-6), 500.0], "rt_min": [5.0, 6.0, 5.0]},
        {"exact_mass": [GLUCOSE_DA, 300.0]},
        {"p1": frozenset({"c0"}), "p0": frozenset({"c0"}), "p2": frozenset()},
    )
    predictions = predict([[5.0, 5.0]], [[0.4, 0.4]])
    before = build_candidates(dataset, predictions, Windows())
    after, warnings = add_labelled(before, dataset, predictions)
    assert slots(before) == [(0, 0, "[M+H]+")]
    assert slots(after) == [(0, 0, "[M+H]+"), (1, 0, "[M+Na]+")]
    assert after.ppm_error[1] == pytest.approx(40.0, abs=0.01)
    assert after.rt_z[1] == pytest.approx(2.0)
    assert after.adduct_names == before.adduct_names
    assert after.mass_window_ppm == before.mass_window_ppm
    assert warnings == [
        "labels: peak 'p1' is labelled 'c0', which is outside its windows; added as [M+Na]+ (+40.0 ppm, +2.0 SD of RT)"
    ]


def test_labelled_compound_outside_the_rt_window_is_added() -> None:
    dataset = make_dataset({"mz": [GLUCOSE_H]}, {"exact_mass": [GLUCOSE_DA]}, {"p0": frozenset({"c0"})})
    predictions = predict([[50.0]], [[0.4]])
    after, warnings = add_labelled(build_candidates(dataset, predictions, Windows()), dataset, predictions)
    assert slots(after) == [(0, 0, "[M+H]+")]
    assert after.rt_z == pytest.approx([-90.0])
    assert len(warnings) == 1


def test_every_compound_of_a_set_label_is_added_in_order() -> None:
    dataset = make_dataset(
        {"mz": [GLUCOSE_H]}, {"exact_mass": [200.0, GLUCOSE_DA, 190.0]}, {"p0": frozenset({"c2", "c1", "c0"})}
    )
    after, warnings = add_labelled(build_candidates(dataset, None, Windows()), dataset, None)
    assert after.compound.tolist() == [0, 1, 2]
    assert [warning.split("labelled ")[1][:4] for warning in warnings] == ["'c0'", "'c2'"]
    assert np.isnan(after.rt_z).all()
    assert "SD of RT" not in warnings[0]


def test_labels_inside_the_windows_change_nothing() -> None:
    dataset = make_dataset({"mz": [GLUCOSE_H]}, {"exact_mass": [GLUCOSE_DA]}, {"p0": frozenset({"c0"})})
    before = build_candidates(dataset, None, Windows())
    after, warnings = add_labelled(before, dataset, None)
    assert after is before
    assert warnings == []


@pytest.mark.parametrize(
    ("peak", "compound", "windows", "expected"),
    [
        # the peak's charge decides between adducts, then the windows' choice of adducts
        ({"mz": [92.1], "charge": ONE}, {"exact_mass": [GLUCOSE_DA]}, Windows(), "[M+H-H2O]+"),
        ({"mz": [92.1], "charge": TWO}, {"exact_mass": [GLUCOSE_DA]}, Windows(), "[M+2H]2+"),
        ({"mz": [203.2]}, {"exact_mass": [GLUCOSE_DA]}, Windows(adducts=("[M+H]+", "[M+K]+")), "[M+K]+"),
        # nothing chosen fits: other adducts of the polarity
        (
            {"mz": [179.2], "polarity": ["negative"]},
            {"exact_mass": [GLUCOSE_DA]},
            Windows(adducts=("[M+H]+",)),
            "[M-H]-",
        ),
        # a cation in negative mode: its own ion is all there is
        ({"mz": [104.2], "polarity": ["negative"]}, {"exact_mass": [CHOLINE_DA], "charge": [1]}, Windows(), "[M]+"),
        # an anion among positive peaks, and a charge that it does not have
        (
            {"mz": [48.2], "charge": ONE},
            {"exact_mass": [SULFATE_DA], "charge": [-2]},
            Windows(),
            "[M]2-",
        ),
        # no charge of 3 exists: the nearest of the polarity
        ({"mz": [181.2], "charge": THREE}, {"exact_mass": [GLUCOSE_DA]}, Windows(), "[M+H]+"),
        # too light to lose what it loses
        ({"mz": [2.0]}, {"exact_mass": [1.00782503]}, Windows(mass_ppm=1.0), "[M+H]+"),
        # an isotope peak is compared with the isotope
        ({"mz": [GLUCOSE_H + 1.1], "isotope_index": [1]}, {"exact_mass": [GLUCOSE_DA]}, Windows(), "[M+H]+"),
    ],
)
def test_no_label_is_lost(
    peak: dict[str, object], compound: dict[str, object], windows: Windows, expected: str
) -> None:
    dataset = make_dataset(peak, compound, {"p0": frozenset({"c0"})})
    before = build_candidates(dataset, None, windows)
    after, warnings = add_labelled(before, dataset, None)
    assert before.compound.size == 0
    assert slots(after) == [(0, 0, expected)]
    assert after.adduct_names[: len(before.adduct_names)] == before.adduct_names
    assert len(warnings) == 1


def test_labels_keep_the_polarity_of_their_peak() -> None:
    dataset = make_dataset(
        {"mz": [500.0, GLUCOSE_H], "polarity": ["positive", "negative"]},
        {"exact_mass": [GLUCOSE_DA]},
        {"p1": frozenset({"c0"})},
    )
    after, _ = add_labelled(build_candidates(dataset, None, Windows()), dataset, None)
    assert {"[M+H]+", "[M-H]-"} < set(after.adduct_names)
    assert slots(after) == [(1, 0, "[M-H]-")]  # [M+H]+ would fit to the ppm


def test_several_new_adducts_get_their_own_names() -> None:
    dataset = make_dataset(
        {"mz": [219.2, 203.2, 219.2]},
        {"exact_mass": [GLUCOSE_DA]},
        {f"p{i}": frozenset({"c0"}) for i in range(3)},
    )
    before = build_candidates(dataset, None, Windows(adducts=("[M-H]-",)))
    after, _ = add_labelled(before, dataset, None)
    assert before.adduct_names == ()
    assert after.adduct_names == ("[M+Na]+", "[M+K]+")
    assert slots(after) == [(0, 0, "[M+K]+"), (1, 0, "[M+Na]+"), (2, 0, "[M+K]+")]


def test_labels_of_unknown_ids_are_all_named() -> None:
    labels = {"p0": frozenset({"nowhere"}), "nobody": frozenset({"c0"})}
    dataset = make_dataset({"mz": [GLUCOSE_H]}, {"exact_mass": [GLUCOSE_DA]}, labels)
    with pytest.raises(InputError) as caught:
        add_labelled(build_candidates(dataset, None, Windows()), dataset, None)
    assert len(caught.value.problems) == 2
    assert "'nowhere'" in caught.value.problems[0]
    assert "'nobody'" in caught.value.problems[1]


# ragged helpers


def test_group_by_compound_by_hand() -> None:
    candidates = Candidates(
        offsets=np.array([0, 3, 3, 5]),
        compound=np.array([2, 2, 7, 7, 9]),
        adduct=np.array([0, 1, 0, 0, 0]),
        adduct_names=("a", "b"),
        ppm_error=np.zeros(5),
        rt_z=np.zeros(5),
        mass_window_ppm=15.0,
    )
    options = group_by_compound(candidates)
    assert peak_of_slot(candidates).tolist() == [0, 0, 0, 2, 2]
    assert options.offsets.tolist() == [0, 2, 2, 4]
    assert options.compound.tolist() == [2, 7, 7, 9]
    assert options.option_of_slot.tolist() == [0, 0, 1, 2, 3]


@given(st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), unique=True, max_size=6), max_size=5))
def test_group_by_compound_keeps_peak_and_compound(slots_of_peaks: list[list[tuple[int, int]]]) -> None:
    ordered = [slot for of_peak in slots_of_peaks for slot in sorted(of_peak)]
    candidates = Candidates(
        offsets=np.cumsum([0, *map(len, slots_of_peaks)]),
        compound=np.array([compound for compound, _ in ordered], dtype=np.int64),
        adduct=np.array([adduct for _, adduct in ordered], dtype=np.int64),
        adduct_names=("a", "b", "c"),
        ppm_error=np.zeros(len(ordered)),
        rt_z=np.zeros(len(ordered)),
        mass_window_ppm=15.0,
    )
    options = group_by_compound(candidates)
    expected = [sorted({compound for compound, _ in of_peak}) for of_peak in slots_of_peaks]
    assert options.compound.tolist() == [compound for of_peak in expected for compound in of_peak]
    assert np.diff(options.offsets).tolist() == [len(of_peak) for of_peak in expected]
    assert options.compound[options.option_of_slot].tolist() == candidates.compound.tolist()
    peak_of_option = np.repeat(np.arange(len(expected)), np.diff(options.offsets))
    assert peak_of_option[options.option_of_slot].tolist() == peak_of_slot(candidates).tolist()
