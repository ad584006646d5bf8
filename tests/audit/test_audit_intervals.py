"""The interval of a share is Clopper-Pearson's for independent peaks, wider where peaks of a compound go together."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from compassign.audit.intervals import share_of


@pytest.mark.parametrize("n_hits", [0, 1, 7, 20])
def test_with_a_peak_a_compound_it_is_that_of_statsmodels(n_hits: int) -> None:
    found = share_of(np.arange(20) < n_hits, np.arange(20))
    assert (found.low, found.high) == pytest.approx(proportion_confint(n_hits, 20, method="beta"), abs=1e-12)
    assert found.share == n_hits / 20


@pytest.mark.parametrize("n_hits", [0, 30])
def test_where_all_peaks_agree_each_compound_counts_as_one(n_hits: int) -> None:
    found = share_of(np.arange(30) < n_hits, np.arange(30) // 3)
    assert (found.low, found.high) == pytest.approx(proportion_confint(n_hits // 3, 10, method="beta"), abs=1e-12)


def test_copies_of_a_peak_say_no_more_than_the_peak() -> None:
    once = share_of(np.arange(12) < 4, np.arange(12))
    copied = share_of(np.repeat(np.arange(12) < 4, 5), np.repeat(np.arange(12), 5))
    assert copied.low < once.low < once.high < copied.high  # a little wider: the effect itself is estimated
    assert copied.high < once.high + 0.06


def test_peaks_of_one_compound_say_hardly_anything() -> None:
    found = share_of(np.array([True, False, True]), np.zeros(3, dtype=np.int64))
    assert found.high - found.low > 0.9


def test_it_covers_the_share_of_compounds_whose_peaks_go_together(rng: np.random.Generator) -> None:
    compound = np.repeat(np.arange(30), rng.integers(1, 8, 30))
    rates = rng.beta(0.3, 1.2, (400, 30))  # mean 0.2, most compounds are never or always hit
    is_hit = rng.random((400, compound.size)) < rates[:, compound]
    found = [share_of(row, compound) for row in is_hit]
    assert np.mean([share.low <= 0.2 <= share.high for share in found]) > 0.92
    plain = [proportion_confint(row.sum(), row.size, method="beta") for row in is_hit]
    assert np.mean([low <= 0.2 <= high for low, high in plain]) < 0.9  # the negative control


def test_a_multiple_of_a_share_is_at_most_one() -> None:
    found = share_of(np.arange(10) < 4, np.arange(10))
    assert found.times(1.5).share == pytest.approx(0.6)
    assert found.times(3.0).share == found.times(3.0).high == 1.0
