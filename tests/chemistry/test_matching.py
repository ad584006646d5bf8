"""Matching by sorted search finds exactly what a loop over peaks and compounds finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compassign.chemistry import matching
from compassign.chemistry.adducts import Adduct, default_adducts, own_ion
from compassign.chemistry.matching import LibraryArrays, PeakArrays, RtPredictions, Slots, Windows, match_windows
from compassign.units import ISOTOPE_SPACING_DA

Case = tuple[PeakArrays, LibraryArrays, RtPredictions | None, Windows]

# among them isomers, one water or one molecule apart, and one that is lighter than water
MASSES_DA = [1.0078, 17.0265, 90.031694, 180.0633881, 180.0633881, 180.0640, 198.0739528, 360.1267762]
ADDUCTS = (*default_adducts("positive"), *default_adducts("negative"))
N_SPECIES = 2


def make_case(seed: int) -> Case:
    """A small problem in which most peaks lie near an ion of the library, on either side of each limit."""
    rng = np.random.default_rng(seed)
    n_peaks, n_compounds = int(rng.integers(0, 7)), int(rng.integers(0, 7))
    library = LibraryArrays(
        exact_mass_da=rng.choice(MASSES_DA, n_compounds),
        charge=rng.choice([0, 0, 0, 1, -1, 2, -2], n_compounds),
    )
    windows = Windows(
        mass_ppm=float(rng.choice([5.0, 15.0])),
        rt_sd=float(rng.choice([1.0, 6.0, np.inf])),
        adducts=None if rng.random() < 0.6 else tuple(a.name for a in rng.choice(np.array(ADDUCTS), 4)),
    )
    mean = rng.choice([np.nan, 2.0, 5.0], (N_SPECIES, 2, n_compounds)).astype(np.float64)
    predictions = RtPredictions(mean, np.where(np.isnan(mean), np.nan, 0.4), 0.3)
    peaks = make_peaks(rng, n_peaks, library, windows.mass_ppm)
    return peaks, library, predictions if rng.random() < 0.7 else None, windows


def make_peaks(rng: np.random.Generator, n_peaks: int, library: LibraryArrays, window_ppm: float) -> PeakArrays:
    """Peaks near ions of random compounds; now and then with the wrong polarity, charge or isotope."""
    mz, sign, charge = np.empty(n_peaks), np.empty(n_peaks, dtype=np.int64), np.zeros(n_peaks, dtype=np.int64)
    isotope = rng.choice([0, 0, 0, 1, 2], n_peaks)
    for i in range(n_peaks):
        compound = int(rng.integers(library.charge.size)) if library.charge.size else -1
        own_charge = int(library.charge[compound]) if compound >= 0 else 0
        ion: Adduct = own_ion(own_charge) if own_charge else ADDUCTS[rng.integers(len(ADDUCTS))]
        mass = library.exact_mass_da[compound] if compound >= 0 else 100.0
        centre = (ion.multiplicity * mass + ion.mass_shift_da + isotope[i] * ISOTOPE_SPACING_DA) / abs(ion.charge)
        mz[i] = max(centre, 1.0) * (1 + rng.choice([0.0, 0.5, 0.99, 1.01, -0.99, -1.01]) * window_ppm * 1e-6)
        sign[i] = np.sign(ion.charge) * rng.choice([1, 1, 1, 1, -1])
        charge[i] = rng.choice([0, ion.charge, abs(ion.charge), -ion.charge, 3])
    wrong_isotope = rng.random(n_peaks) < 0.1
    rt_min = rng.choice([2.0, 5.0], n_peaks) + 0.5 * rng.choice([0.0, 0.99, -1.01, 5.99, -6.01], n_peaks)
    return PeakArrays(mz, rt_min, rng.integers(0, N_SPECIES, n_peaks), sign, charge, isotope + wrong_isotope)


def double_loop(
    peaks: PeakArrays, library: LibraryArrays, predictions: RtPredictions | None, windows: Windows
) -> dict[tuple[int, int, str], tuple[float, float]]:
    """The rules as one would say them: (peak, compound, adduct) -> (ppm error, RT z)."""
    found = {}
    for i in range(peaks.mz.size):
        for c in range(library.charge.size):
            for ion in ions_of(int(library.charge[c]), windows):
                ppm = ppm_of(peaks, i, float(library.exact_mass_da[c]), ion)
                z = np.nan
                if predictions is not None:
                    cell = (peaks.species[i], 0 if peaks.polarity_sign[i] == 1 else 1, c)
                    sd = np.sqrt(predictions.sd_min[cell] ** 2 + predictions.noise_sd_min**2)
                    z = (peaks.rt_min[i] - predictions.mean_min[cell]) / sd
                if is_possible(peaks, i, ion) and abs(ppm) <= windows.mass_ppm and not abs(z) > windows.rt_sd:
                    found[i, c, ion.name] = (ppm, z)
    return found


def ions_of(compound_charge: int, windows: Windows) -> list[Adduct]:
    if compound_charge:
        return [own_ion(compound_charge)]
    return [ion for ion in ADDUCTS if windows.adducts is None or ion.name in windows.adducts]


def is_possible(peaks: PeakArrays, i: int, ion: Adduct) -> bool:
    if ion.charge * peaks.polarity_sign[i] < 0:
        return False
    if peaks.charge[i] < 0:
        return bool(ion.charge == peaks.charge[i])
    return bool(peaks.charge[i] in {0, abs(ion.charge)})


def ppm_of(peaks: PeakArrays, i: int, mass: float, ion: Adduct) -> float:
    monoisotopic = (ion.multiplicity * mass + ion.mass_shift_da) / abs(ion.charge)
    if monoisotopic <= 0:
        return np.inf
    theoretical = monoisotopic + peaks.isotope_index[i] * ISOTOPE_SPACING_DA / abs(ion.charge)
    return float((peaks.mz[i] - theoretical) / theoretical * 1e6)


def listed(slots: Slots, names: tuple[str, ...]) -> list[tuple[int, int, str]]:
    ions = [names[index] for index in slots.adduct]
    return list(zip(slots.peak.tolist(), slots.compound.tolist(), ions, strict=True))


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equals_the_double_loop(seed: int) -> None:
    peaks, library, predictions, windows = make_case(seed)
    slots, names = match_windows(peaks, library, windows, predictions)
    expected = double_loop(peaks, library, predictions, windows)
    found = listed(slots, names)
    assert set(found) == set(expected)
    np.testing.assert_allclose(slots.ppm_error, [expected[slot][0] for slot in found], rtol=0, atol=1e-7)
    np.testing.assert_allclose(slots.rt_z, [expected[slot][1] for slot in found], rtol=1e-12)
    order = list(zip(slots.peak, slots.compound, slots.adduct, strict=True))
    assert order == sorted(set(order))


def test_the_cases_put_every_rule_to_work() -> None:
    # comparing two empty lists would pass for any code: each rule must both keep and drop something in these cases
    n_found = dict.fromkeys(("all", "own ion", "isotope", "known charge", "with rt_z", "without rt_z"), 0)
    n_dropped = dict.fromkeys(("rt", "polarity", "charge", "adduct"), 0)
    for seed in range(400):
        peaks, library, predictions, windows = make_case(seed)
        found = double_loop(peaks, library, predictions, windows)
        for (i, c, _), (_, z) in found.items():
            n_found["all"] += 1
            n_found["own ion"] += library.charge[c] != 0
            n_found["isotope"] += peaks.isotope_index[i] > 0
            n_found["known charge"] += peaks.charge[i] != 0
            n_found["without rt_z" if np.isnan(z) else "with rt_z"] += 1
        unknown_charge = replace(peaks, charge=0 * peaks.charge)
        other_polarity = replace(unknown_charge, polarity_sign=-peaks.polarity_sign)
        any_rt, any_adduct = replace(windows, rt_sd=np.inf), replace(windows, adducts=None)
        n_dropped["rt"] += len(double_loop(peaks, library, predictions, any_rt)) - len(found)
        n_dropped["polarity"] += len(double_loop(other_polarity, library, predictions, windows))
        n_dropped["charge"] += len(double_loop(unknown_charge, library, predictions, windows)) - len(found)
        n_dropped["adduct"] += len(double_loop(peaks, library, predictions, any_adduct)) - len(found)
    assert min(n_found.values()) > 15, n_found
    assert min(n_dropped.values()) > 15, n_dropped


def test_blocks_of_peaks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    library = LibraryArrays(rng.uniform(100, 110, 300), rng.integers(-1, 2, 300))
    zeros = np.zeros(100, dtype=np.int64)
    peaks = PeakArrays(rng.uniform(100, 130, 100), np.full(100, 5.0), zeros, rng.choice([-1, 1], 100), zeros, zeros)
    windows = Windows(mass_ppm=500.0)
    whole, names = match_windows(peaks, library, windows, None)
    monkeypatch.setattr(matching, "_PEAKS_PER_BLOCK", 7)
    pieces, names_again = match_windows(peaks, library, windows, None)
    assert whole.peak.size > 50
    assert listed(whole, names) == listed(pieces, names_again)
    np.testing.assert_array_equal(whole.ppm_error, pieces.ppm_error)
