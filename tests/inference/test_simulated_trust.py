"""What runs say about peaks drawn from the model and its prior comes true, and an audit notices when it does not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from prior_peaks import World
from simulated_runs import simulated_runs
from trust_scores import Audit, Scores, audit, disagreement, score

# Six data sets are drawn and fitted, a second of CPU each after one compilation, which the test of ranks shares.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sbc")]

WORLD = World(n_peaks=500, max_compounds=12, rt_pred_sd_min=(0.3, 1.0))
N_RUNS = 6
MAX_ERRORS = 3.5  # standard errors; by chance one mean in two thousand is farther off


@cache
def found() -> tuple[list[Scores], list[Audit]]:
    """Fitted once a session."""
    rng = np.random.default_rng(1)
    pairs = [(score(run, rng), audit(run, rng)) for run in simulated_runs(WORLD, N_RUNS, 20260923)]
    return [scored for scored, _ in pairs], [audited for _, audited in pairs]


@pytest.mark.parametrize("alpha", ["0.05", "0.1"])
def test_no_more_of_the_accepted_are_false_than_promised(alpha: str) -> None:
    levels = [scores.levels[alpha] for scores in found()[0]]
    n_accepted = sum(level.n_accepted for level in levels)
    n_false = sum(level.n_accepted * (level.false_share or 0.0) for level in levels)
    limit = float(alpha)
    assert n_accepted > 200
    assert n_false <= limit * n_accepted + MAX_ERRORS * np.sqrt(limit * (1 - limit) * n_accepted)


def test_credible_sets_hold_the_truth_as_often_as_they_say() -> None:
    scores = found()[0]
    n_peaks = sum(one.n_peaks.sum() for one in scores)
    plain = sum(one.n_covered.sum() for one in scores) / n_peaks
    exactly = sum(one.n_covered_exactly.sum() for one in scores) / n_peaks
    assert n_peaks == N_RUNS * WORLD.n_peaks
    assert plain > exactly
    assert exactly == pytest.approx(0.9, abs=MAX_ERRORS * np.sqrt(0.09 / n_peaks))


def test_curves_stay_in_their_bands_unless_probabilities_are_too_sure() -> None:
    scores, audits = found()
    assert sum(one.is_inside["call"] for one in scores) >= N_RUNS - 2
    assert sum(one.is_inside["distorted"] for one in audits) <= N_RUNS // 2


def test_an_audit_finds_and_mends_probabilities_that_are_too_sure() -> None:
    audits = found()[1]
    assert sum(one.distorted.is_distorted for one in audits) >= N_RUNS - 1
    assert sum(one.is_inside["recalibrated"] for one in audits) >= N_RUNS - 2
    assert np.mean([np.log(one.distorted.value) for one in audits]) == pytest.approx(-np.log(0.7), abs=0.15)


def test_an_audit_says_of_labels_what_the_other_peaks_say() -> None:
    """The data sets' own temperatures are not 1, so that alarms without distortion are more than 5 % of them."""
    audits = found()[1]
    assert sum(one.honest.is_distorted for one in audits) <= 2
    assert 0.06 < np.mean([disagreement(one) ** 2 for one in audits]) < 3.7  # 99.8 % of cases: chi-square of 6, over 6
