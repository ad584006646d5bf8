"""Learned reliabilities: a liar harms themselves alone, and posteriors of reliabilities are calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from said_peaks import ANNOTATORS, doubting, options_of, say, trusting
from scipy import stats
from scipy.special import expit, logit
from simulated_problem import SimulatedPeaks, simulate_peaks

from compassign.config import SamplerConfig
from compassign.inference.draws import ModelFit
from compassign.inference.fitting import GenerativeEngine, compile_generative
from compassign.models.generative import default_terms
from compassign.models.problem import AssignmentProblem
from compassign.models.reliability import LOGIT_WIDTH, NAME, TYPICAL_RELIABILITY
from compassign.posterior.options import NULL_OPTION
from compassign.posterior.responsibilities import mean_probabilities
from compassign.progress import SilentProgress
from compassign.units import FloatArray, IntArray

# Dozens of fits, each under a second after one compilation: in one process.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("annotators")]

SETTINGS = SamplerConfig(draws=250, tune=200, chains=1)
N_WORLDS, N_PEAKS, N_LABELLED, SHARED = 3, 300, 120, 0.3
HONEST = 0.97
N_ANSWERED, THIN = 160, 10


@cache
def engine(is_doubting: bool) -> GenerativeEngine:
    """Compiled once a session, for problems with or without statements."""
    problem = simulate_peaks(np.random.default_rng(0), N_PEAKS).problem
    said = say(problem, np.full(N_PEAKS, NULL_OPTION), [[0, 1, 2]], np.ones(3), np.random.default_rng(0))
    return compile_generative(doubting(problem, said) if is_doubting else problem, default_terms(), 0)


def truth_of(simulated: SimulatedPeaks) -> IntArray:
    """(n_peaks,) compound or NULL_OPTION."""
    slot = simulated.slot_of_peak
    return np.where(slot < 0, NULL_OPTION, simulated.problem.compound[slot])


def fitted(problem: AssignmentProblem) -> ModelFit:
    is_doubting = bool(problem.statements.annotator_names)
    return engine(is_doubting).fit(problem, SETTINGS, 1, SilentProgress())


def reliabilities(fit: ModelFit) -> FloatArray:
    """(n_draws, n_annotators)."""
    assert fit.draws is not None
    return np.asarray(expit(fit.draws.flat()[NAME]))


def log_loss(fit: ModelFit, problem: AssignmentProblem, true: IntArray, peaks: IntArray) -> float:
    """Mean surprise at the truth of some peaks, nats."""
    found = mean_probabilities(fit.source)
    is_true = problem.compound == true[problem.peak_of_slot]
    listed = np.bincount(problem.peak_of_slot, weights=found.slot * is_true, minlength=problem.n_peaks)
    probability = np.where(true == NULL_OPTION, found.null, listed)[peaks]
    return float(-np.log(np.maximum(probability, 1e-12)).mean())


@dataclass(frozen=True)
class Liar:
    """What a liar among three does: mean log loss of unlabelled peaks by whether the liar speaks and reliabilities are
    learned, and the mean reliabilities without and with the liar's answers, (n_worlds, n_annotators) each.
    """

    loss: dict[tuple[bool, bool], float]
    without: FloatArray
    with_liar: FloatArray

    def damage(self, is_learned: bool) -> float:
        """What the liar's answers add to the log loss."""
        return self.loss[True, is_learned] - self.loss[False, is_learned]


@cache
def liar() -> Liar:
    losses: dict[tuple[bool, bool], list[float]] = {}
    rows: dict[bool, list[FloatArray]] = {False: [], True: []}
    for seed in range(N_WORLDS):
        rng = np.random.default_rng([5, seed])
        simulated = simulate_peaks(rng, N_PEAKS)
        problem, true = simulated.problem, truth_of(simulated)
        order = rng.permutation(N_PEAKS)
        by: list[list[int]] = [[] for _ in range(N_PEAKS)]
        for peak in order[:N_LABELLED]:
            by[peak] = rng.permutation(3)[: 2 if rng.random() < SHARED else 1].tolist()
        said = say(problem, true, by, np.array([HONEST, HONEST, 0.0]), rng)
        for has_liar in (False, True):
            heard = [one for one in said if has_liar or ANNOTATORS[one.annotator] != "liar"]
            for is_learned, asked in ((False, trusting(problem, heard)), (True, doubting(problem, heard))):
                fit = fitted(asked)
                loss = log_loss(fit, problem, true, order[N_LABELLED:])
                losses.setdefault((has_liar, is_learned), []).append(loss)
            rows[has_liar].append(reliabilities(fit).mean(axis=0))
    means = {key: float(np.mean(of)) for key, of in losses.items()}
    return Liar(means, np.array(rows[False]), np.array(rows[True]))


def test_a_liar_lowers_their_own_reliability_and_nobody_elses() -> None:
    assert (liar().with_liar[:, 2] < 0.5).all()
    honest, alone = liar().with_liar[:, :2], liar().without[:, :2]
    assert (honest > 0.9).all()
    assert np.abs(honest - alone).max() < 0.02


def test_a_liar_costs_less_than_a_third_of_what_trust_would() -> None:
    """Negative control included: without reliabilities the damage is there."""
    assert liar().damage(is_learned=False) > 0.02
    assert liar().damage(is_learned=True) < liar().damage(is_learned=False) / 3


def test_who_says_nothing_keeps_the_prior() -> None:
    rho = liar().without[:, 2]  # the liar's answers were left out
    expected = expit(stats.norm(logit(TYPICAL_RELIABILITY), LOGIT_WIDTH).rvs(100_000, random_state=0)).mean()
    assert rho == pytest.approx(expected, abs=0.01)


@cache
def ranks(factor: float, n_replications: int) -> FloatArray:
    """Where true reliabilities, drawn from the prior, lie in their posteriors, 0 to 1; factor : of the prior's logits
    when answers are drawn.
    """
    levels = []
    for replication in range(n_replications):
        rng = np.random.default_rng([8, replication])
        simulated = simulate_peaks(rng, N_ANSWERED)
        problem, true = simulated.problem, truth_of(simulated)
        logits = rng.normal(logit(TYPICAL_RELIABILITY), LOGIT_WIDTH, len(ANNOTATORS))
        by = [rng.permutation(3)[:2].tolist() for _ in range(N_ANSWERED)]
        said = say(problem, true, by, expit(factor * logits), rng)
        draws = reliabilities(fitted(doubting(problem, said)))[::THIN]
        levels.append(((draws < expit(logits)).sum(axis=0) + rng.random(len(ANNOTATORS))) / (len(draws) + 1))
    return np.ravel(levels)


def test_posteriors_of_reliabilities_are_calibrated() -> None:
    assert stats.kstest(ranks(1.0, 24), "uniform").pvalue > 1e-3


def test_annotators_worse_than_they_are_said_to_be_are_noticed() -> None:
    """Negative control, by the same check."""
    assert stats.kstest(ranks(0.7, 5), "uniform").pvalue < 1e-3


def test_every_other_option_is_said_in_error() -> None:
    """A check on the simulator."""
    problem = simulate_peaks(np.random.default_rng(0), N_PEAKS).problem
    peak = int(np.argmax(np.diff(problem.offsets)))
    by = [[0] * 200 if row == peak else [] for row in range(N_PEAKS)]
    said = say(problem, np.full(N_PEAKS, NULL_OPTION), by, np.array([0.0]), np.random.default_rng(1))
    named = {compound for one in said for compound in one.compounds}
    assert named == set(options_of(problem, peak).tolist()) - {NULL_OPTION}
