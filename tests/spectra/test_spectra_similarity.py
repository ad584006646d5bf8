"""The similarity of spectra against its definition, and the cleaning before it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compassign.spectra.similarity import Fragments, clean, compare
from compassign.spectra.spectrum import Spectrum
from compassign.units import FloatArray

heights = st.lists(st.floats(0.01, 1.0), min_size=5, max_size=5)


def fragments(mz: list[float], share: list[float]) -> Fragments:
    return Fragments(np.array(mz), np.array(share) / np.sum(share))


def entropy(share: FloatArray) -> float:
    return float(-(share[share > 0] * np.log(share[share > 0])).sum())


@given(heights, heights, st.integers(0, 5))
def test_it_is_the_entropy_that_mixing_adds(first: list[float], second: list[float], n_shared: int) -> None:
    """Against equation 2 of Li et al. 2021, by the mixed spectrum itself."""
    mz = [60.0, 70.0, 80.0, 90.0, 100.0]
    other = [*mz[:n_shared], *(at + 0.5 for at in mz[n_shared:])]
    a, b = fragments(mz, first), fragments(other, second)
    on_common = np.zeros((2, 10))
    on_common[0, :5] = a.share
    on_common[1, :n_shared], on_common[1, 5 + n_shared :] = b.share[:n_shared], b.share[n_shared:]
    mixed = on_common.mean(axis=0)
    expected = 1.0 - (2.0 * entropy(mixed) - entropy(a.share) - entropy(b.share)) / math.log(4.0)
    found = compare(a, b)
    assert found.similarity == pytest.approx(expected, abs=1e-12)
    assert found.n_matched == n_shared
    assert compare(b, a).similarity == pytest.approx(found.similarity, abs=1e-12)


@pytest.mark.parametrize(("far", "n"), [(0.019, 1), (0.021, 0)])
def test_fragments_match_within_the_tolerance_on_both_sides(far: float, n: int) -> None:
    for sign in (1.0, -1.0):
        assert compare(fragments([60.0], [1.0]), fragments([60.0 + sign * far], [1.0])).n_matched == n


def test_precursor_and_noise_are_left_out_and_neighbours_merged() -> None:
    mz = np.array([50.0, 60.0, 60.03, 70.0, 178.5, 180.0, 181.0])
    intensity = np.array([100.0, 30.0, 10.0, 0.9, 5.0, 1000.0, 300.0])
    found = clean(Spectrum("s", mz, intensity, precursor_mz=180.0))
    assert found.mz == pytest.approx([50.0, 60.0075])
    assert found.share.sum() == pytest.approx(1.0)
    assert found.share[0] / found.share[1] < 100.0 / 40.0  # a spectrum of low entropy is flattened
    assert found.share[0] > found.share[1]


def test_of_an_unknown_precursor_everything_stays() -> None:
    assert clean(Spectrum("s", np.array([50.0, 180.0]), np.array([1.0, 1.0]))).mz.tolist() == [50.0, 180.0]


def test_nothing_is_like_nothing() -> None:
    nothing = clean(Spectrum("s", np.array([180.0]), np.array([1.0]), precursor_mz=180.0))
    assert nothing.mz.size == 0
    assert compare(nothing, fragments([60.0], [1.0])).similarity == 0.0
