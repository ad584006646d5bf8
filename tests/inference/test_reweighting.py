"""Draws weighed by labels, against a posterior that can be enumerated."""

from __future__ import annotations

import numpy as np
import pytest

from compassign.inference.reweighting import provisional, reweight

# One parameter, the share of real compounds, on a grid; three peaks of one candidate each, whose evidence differs.
GRID = np.linspace(0.01, 0.99, 50_001)  # fine, because equal weights have no tail
RATIO = np.array([0.5, 2.0, 4.0])  # likelihood of candidate against null


def test_weighed_draws_are_the_posterior_of_the_labelled_problem() -> None:
    odds = GRID[:, None] * RATIO
    slots = np.stack([1.0 - np.repeat(GRID[:, None], RATIO.size, axis=1), odds], axis=2)
    evidence = slots.sum(axis=2)
    before = evidence.prod(axis=1)
    labelled = slots[:, 0, 1] * slots[:, 1, 1] * evidence[:, 2]
    wanted = labelled / labelled.sum() @ (slots[:, 2, 1] / evidence[:, 2])
    rng = np.random.default_rng(1)
    draws = rng.choice(GRID.size, size=20_000, p=before / before.sum())
    probability = (slots / evidence[:, :, None])[draws].reshape(draws.size, -1)
    labels = {0: [1], 1: [3]}
    found = reweight(probability, list(labels.values()))
    assert found.is_usable
    after = provisional(probability, np.arange(0, 7, 2), labels, found)
    assert after[5] == pytest.approx(wanted, abs=0.006)  # 4 Monte-Carlo errors
    assert abs(probability[:, 5].mean() - wanted) > 0.006  # the labels do change it
    assert after[:2].tolist() == [0.0, pytest.approx(1.0)]


def test_labels_that_few_draws_allow_are_not_shown() -> None:
    rng = np.random.default_rng(2)
    slot = 1.0 / (1.0 + np.exp(-rng.standard_t(2, size=(500, 30)) * 4.0))
    probability = np.concatenate([1.0 - slot, slot], axis=1)
    assert not reweight(probability, [[30 + peak] for peak in range(30)]).is_usable
    assert reweight(probability, []).is_usable


def test_a_label_of_every_option_changes_nothing() -> None:
    probability = np.random.default_rng(3).dirichlet(np.ones(3), size=(50, 2)).reshape(50, 6)
    labels = {0: [0, 1, 2]}
    after = provisional(probability, np.array([0, 3, 6]), labels, reweight(probability, list(labels.values())))
    assert after == pytest.approx(probability.mean(axis=0), abs=1e-6)
