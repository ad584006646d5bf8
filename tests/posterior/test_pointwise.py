"""The log-likelihood of each peak is that of its draw, and peaks whose answer was given are not left out."""

from __future__ import annotations

import numpy as np
import pytest
from assignment_problems import NO_SLOTS, one_draw, random_values, tiny_problem, with_statements

from compassign.models.generative import default_terms, peak_posterior, term_evidence
from compassign.models.statements import Statement
from compassign.posterior import pointwise
from compassign.posterior.pointwise import is_predicted, log_likelihoods


def test_every_nth_draw_is_kept_whole(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    monkeypatch.setattr(pointwise, "MAX_DRAWS", 5)
    problem, terms = tiny_problem({1: [3]}), default_terms()
    values = random_values(problem, terms.all, rng, 10)
    found = log_likelihoods(problem, terms, values)
    assert found.shape == (5, problem.n_peaks)
    for row, draw in enumerate(range(0, 10, 2)):
        for peak in range(problem.n_peaks):
            own = slice(peak, peak + 1)
            evidence = term_evidence(problem, terms, one_draw(values, draw), own)
            expected = peak_posterior(problem, terms, evidence, own).log_likelihood
            assert found[row, peak] == pytest.approx(expected[0, 0], abs=1e-12)
    assert (found[:, NO_SLOTS] == 0.0).all()


def test_given_answers_and_peaks_without_candidates_are_not_left_out() -> None:
    problem = with_statements(tiny_problem({1: [3], 4: []}), [Statement(2, frozenset({0}), 0)], ("ada",))
    assert is_predicted(problem).tolist() == [True, False, False, False, False]
