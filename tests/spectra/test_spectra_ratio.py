"""The learned log-likelihood ratio: it is that of the densities, it only grows, and few pairs say little."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compassign.spectra.ratio import MIN_COMPOUNDS, Pairs, learn_ratio

N = 4000


def make_pairs(rng: np.random.Generator, n_compounds: int, share_true: float = 0.2, sign: float = 1.0) -> Pairs:
    """Similarity is Beta(2, 1) of true pairs and Beta(1, 2) of decoys, so that its log ratio is that of s / (1 - s)."""
    is_true = (rng.random(N) < share_true).astype(np.float64)
    similarity = np.where(is_true > 0.0, rng.beta(2.0, 1.0, N), rng.beta(1.0, 2.0, N))
    if sign < 0.0:
        similarity = 1.0 - similarity
    return Pairs(similarity, np.full(N, 5.0), np.ones(N), is_true, n_compounds)


def test_it_is_the_ratio_of_densities_whatever_the_shares(rng: np.random.Generator) -> None:
    at = np.array([0.2, 0.35, 0.5, 0.65, 0.8])
    for share in (0.05, 0.5):
        ratio = learn_ratio(make_pairs(rng, 500, share))
        assert ratio is not None
        expected = np.log(at / (1.0 - at))  # a straight line is not quite that
        assert ratio.at(at, np.full(5, 5.0)) == pytest.approx(expected, abs=0.45)


def test_it_never_falls_with_likeness(rng: np.random.Generator) -> None:
    """Even where the pairs say so."""
    ratio = learn_ratio(make_pairs(rng, 500, sign=-1.0))
    assert ratio is not None
    similarity, n_matched = np.meshgrid(np.linspace(0.0, 1.0, 11), np.arange(20.0))
    found = ratio.at(similarity.ravel(), n_matched.ravel()).reshape(20, 11)
    assert (np.diff(found, axis=0) >= 0.0).all()
    assert (np.diff(found, axis=1) >= 0.0).all()
    assert np.abs(found).max() < 0.3  # nothing is learned from it


def test_few_compounds_cannot_be_sure(rng: np.random.Generator) -> None:
    is_true = np.repeat([1.0, 0.0], 500)
    separated = Pairs(is_true * 0.9, is_true * 9.0, np.ones(1000), is_true, MIN_COMPOUNDS)
    ratio = learn_ratio(separated)
    assert ratio is not None
    bound = math.log(MIN_COMPOUNDS + 1.0)
    assert ratio.at(np.array([0.0, 1.0]), np.array([0.0, 50.0])) == pytest.approx([-bound, bound], abs=0.3)
    assert np.abs(ratio.at(np.array([0.0, 1.0]), np.array([0.0, 50.0]))).max() <= bound


def test_too_few_compounds_or_no_decoys_teach_nothing(rng: np.random.Generator) -> None:
    assert learn_ratio(make_pairs(rng, MIN_COMPOUNDS - 1)) is None
    only_true = make_pairs(rng, 500, share_true=1.1)
    assert learn_ratio(only_true) is None
