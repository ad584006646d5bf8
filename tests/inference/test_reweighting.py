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
    responsibility = (slots / evidence[:, :, None])[draws]
    labels = {0: [1], 1: [1]}
    found = reweight(responsibility, labels)
    assert found.is_usable
    after = provisional(responsibility, labels, found)
    assert after[2, 1] == pytest.approx(wanted, abs=0.006)  # 4 Monte-Carlo errors
    assert abs(responsibility[:, 2, 1].mean() - wanted) > 0.006  # the labels do change it
    assert after[0].tolist() == [0.0, pytest.approx(1.0)]


def test_labels_that_few_draws_allow_are_not_shown() -> None:
    rng = np.random.default_rng(2)
    slot = 1.0 / (1.0 + np.exp(-rng.standard_t(2, size=(500, 30)) * 4.0))
    responsibility = np.stack([1.0 - slot, slot], axis=2)
    assert not reweight(responsibility, {peak: [1] for peak in range(30)}).is_usable
    assert reweight(responsibility, {}).is_usable


def test_a_label_of_every_slot_changes_nothing() -> None:
    responsibility = np.random.default_rng(3).dirichlet(np.ones(3), size=(50, 2))
    labels = {0: [0, 1, 2]}
    after = provisional(responsibility, labels, reweight(responsibility, labels))
    assert after == pytest.approx(responsibility.mean(axis=0), abs=1e-6)
