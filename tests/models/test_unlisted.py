"""How many compounds a library lacks of each mass, against libraries of which a part was withheld."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compassign.models.unlisted import unlisted_per_listed
from compassign.units import IntArray

SHARE = 0.2  # withheld
N_GROUPS = 3000


def heavy_tailed(rng: np.random.Generator) -> IntArray:
    """Most masses have one compound, few have many, as in libraries of all that is known."""
    return np.minimum(rng.zipf(2.2, N_GROUPS), 60)


def alike(rng: np.random.Generator) -> IntArray:
    """Four compounds of each mass, more or less: families of isomers."""
    return 1 + rng.poisson(3.0, N_GROUPS)


def single(rng: np.random.Generator) -> IntArray:
    """No isomers."""
    del rng
    return np.ones(N_GROUPS, dtype=np.int64)


@pytest.mark.parametrize("draw", [heavy_tailed, alike, single])
def test_as_many_are_expected_as_were_withheld(draw: Callable[[np.random.Generator], IntArray]) -> None:
    rng = np.random.default_rng(7)
    group = np.repeat(np.arange(N_GROUPS), draw(rng))
    is_listed = rng.random(group.size) >= SHARE
    n_listed, n_unlisted = (np.bincount(group[kept], minlength=N_GROUPS) for kept in (is_listed, ~is_listed))
    expected = SHARE / (1.0 - SHARE) * unlisted_per_listed(group[is_listed])
    of_groups = np.bincount(group[is_listed], expected, minlength=N_GROUPS)
    for low, high in ((1, 1), (2, 2), (3, 6), (1, 60)):
        own = (n_listed >= low) & (n_listed <= high)
        if own.sum() >= 100:
            error = np.sqrt(n_unlisted[own].sum())
            assert of_groups[own].sum() == pytest.approx(n_unlisted[own].sum(), rel=0.1, abs=3.0 * error + 10.0)


def test_few_compounds_tell_little_and_masses_alone_do_not_matter() -> None:
    one = unlisted_per_listed(np.array([7]))
    assert 0.5 < one[0] < 1.5  # as many missing as listed
    group = np.array([4, 4, 9, 4, 0])
    number = unlisted_per_listed(group)
    assert number[0] == number[1] == number[3]
    assert number[2] == number[4]
    assert (number > 0.0).all()
    assert unlisted_per_listed(np.zeros(0, dtype=np.int64)).size == 0


def test_isomers_of_what_is_listed_alone_are_rarer_where_few_compounds_have_isomers() -> None:
    lonely = unlisted_per_listed(np.arange(500))
    paired = unlisted_per_listed(np.arange(500) // 2)
    assert 10.0 * lonely[0] < paired[0]
