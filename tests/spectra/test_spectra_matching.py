"""Which spectrum belongs to which peak or compound, and what is said of those that belong to none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from compassign.spectra.matching import BY_ID, BY_MZ_AND_RT, match_to_compounds, match_to_peaks
from compassign.spectra.spectrum import Spectrum

PEAKS = pd.DataFrame(
    {
        "mz": [200.0, 200.0, 300.0, 300.0],
        "rt_min": [5.0, 5.3, 8.0, 8.0],
        "injection": ["a", "a", "a", "b"],
        "ms2_id": ["", "", "scan 9", ""],
    }
)
COMPOUNDS = pd.DataFrame(
    {
        "compound_id": ["C0", "C1", "C2", "C3"],
        "name": ["Alanine", "sarcosine", "L-isoleucine", "glucose"],
        "inchikey": ["QNAYBMKLOCPYGJ-REOHCLBHSA-N", "", "AGPKZVBTJJNPAG-WHFBIAKZSA-N", ""],
    }
)


def spectrum(mz: float = 200.0, rt_min: float = 5.0, height: float = 1.0, **more: Any) -> Spectrum:
    given: dict[str, Any] = {"name": "s", "precursor_mz": mz, "rt_min": rt_min, **more}
    return Spectrum(mz=np.array([50.0, 60.0]), intensity=np.array([height, height]), **given)


@pytest.mark.parametrize(
    ("mz", "rt_min", "row"),
    [
        (200.0, 5.1, 0),
        (200.0, 5.16, 1),  # nearer to the second
        (200.019, 4.81, 0),
        (200.021, 5.0, None),
        (200.0, 4.79, None),
        (math.nan, 5.0, None),
        (200.0, math.nan, None),
    ],
)
def test_the_nearest_peak_within_both_tolerances(mz: float, rt_min: float, row: int | None) -> None:
    found = match_to_peaks([spectrum(mz, rt_min)], PEAKS)
    assert list(found.of_peak) == ([] if row is None else [row])
    assert (found.n_used, found.n_unplaced + found.n_far) == ((0, 1) if row is None else (1, 0))


def test_an_id_decides_whatever_the_time_says_and_wins_over_a_stronger_neighbour() -> None:
    strong = spectrum(300.0, 8.0, height=99.0, injection="a")
    named = spectrum(300.0, 1.0, ids=frozenset({"7", "scan 9"}))
    for order in ([strong, named], [named, strong]):
        found = match_to_peaks(order, PEAKS)
        assert found.of_peak[2].spectrum is named
        assert found.of_peak[2].by == BY_ID


def test_an_id_whose_precursor_is_another_is_refused_and_counted() -> None:
    found = match_to_peaks([spectrum(200.0, 5.0, ids=frozenset({"scan 9"}))], PEAKS)
    assert (found.of_peak, found.n_other_mz) == ({}, 1)  # nor is it taken for a peak at 200


def test_of_several_the_one_with_most_ions(tmp_path: object) -> None:
    weak, strong = spectrum(height=1.0), spectrum(rt_min=5.1, height=2.0)
    found = match_to_peaks([weak, strong, weak], PEAKS)
    assert found.of_peak[0].spectrum is strong
    assert found.of_peak[0].by == BY_MZ_AND_RT
    assert found.n_used == 3


def test_a_file_of_an_injection_is_of_its_peaks_alone() -> None:
    assert list(match_to_peaks([spectrum(300.0, 8.0, injection="b")], PEAKS).of_peak) == [3]
    assert list(match_to_peaks([spectrum(300.0, 8.0, injection="c")], PEAKS).of_peak) == []


@pytest.mark.parametrize(
    ("fields", "rows"),
    [
        ({"COMPOUND_ID": "C3", "NAME": "alanine"}, [3]),
        ({"INCHIKEY": "QNAYBMKLOCPYGJ-UWTATZPHSA-N"}, [0]),  # the other enantiomer
        ({"NAME": "ALANINE"}, [0]),
        ({"COMPOUND_ID": "elsewhere", "NAME": "glucose"}, [3]),
        ({"NAME": "lactose"}, []),
        ({}, []),
    ],
)
def test_the_first_field_that_names_a_compound_decides(fields: dict[str, str], rows: list[int]) -> None:
    found = match_to_compounds([spectrum(90.0, fields=fields)], COMPOUNDS)
    assert list(found.of_compound) == rows
    assert found.unknown == ([] if rows else ["s"])


def test_stereoisomers_share_their_spectra() -> None:
    both = COMPOUNDS.assign(inchikey=["AGPKZVBTJJNPAG-CRCLSJGQSA-N", "", "AGPKZVBTJJNPAG-WHFBIAKZSA-N", ""])
    found = match_to_compounds([spectrum(90.0, fields={"INCHIKEY": "AGPKZVBTJJNPAG-UHFFFAOYSA-N"})], both)
    assert list(found.of_compound) == [0, 2]


def test_spectra_of_another_ion_are_not_compared() -> None:
    found = match_to_compounds([spectrum(90.0, fields={"NAME": "alanine"})], COMPOUNDS)
    assert len(found.of_ion(0, 90.015)) == 1
    assert found.of_ion(0, 112.0) == []  # as the sodium adduct
    assert found.of_ion(1, 90.0) == []


def test_library_spectra_that_cannot_be_used_are_counted() -> None:
    without = spectrum(math.nan, fields={"NAME": "alanine"})
    bare = spectrum(51.0, fields={"NAME": "alanine"})  # both fragments are the precursor's
    found = match_to_compounds([without, bare], COMPOUNDS)
    assert (found.of_compound, found.n_without_precursor, found.n_without_fragments) == ({}, 1, 1)
