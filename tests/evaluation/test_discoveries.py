"""False shares of compounds by hand, and intervals of the false share of peaks that hold it."""

from __future__ import annotations

import numpy as np
import pytest

from compassign.decisions.compounds import decide_compounds
from compassign.decisions.fdr import accepted_at, decide
from compassign.evaluation.discoveries import compound_truth, with_compounds, with_intervals
from compassign.evaluation.metrics import FdrLevel
from compassign.posterior.assignments import CompoundProbabilities
from compassign.posterior.joint import N_JOINT, JointDraws
from compassign.units import BoolArray, FloatArray

LEVEL = FdrLevel(0, None, 0, None, 0, None)
LEVELS = {"0.01": LEVEL, "0.05": LEVEL, "0.1": LEVEL}
NAMES = (["P0", "P1", "P2", "P3"], ["a", "b", "c", "d", "e"])
# a at P0, b at P1, c at P2 and P3, d at P1, e at P0
OPTIONS = CompoundProbabilities(
    offsets=np.array([0, 2, 4, 5, 6]),
    compound=np.array([0, 4, 1, 3, 2, 2]),
    probability=np.array([0.995, 0.001, 0.96, 0.02, 0.95, 0.2]),
    best_adduct=np.zeros(6, dtype=np.int64),
)


def test_compounds_by_hand() -> None:
    decisions = decide_compounds(OPTIONS, np.array([], dtype=np.int64), 0.05)
    truth = {"P0": frozenset({"a", "e"}), "P1": frozenset({"d"}), "P2": frozenset({"c"})}  # of P3 nothing is known
    is_true = compound_truth(OPTIONS, decisions, NAMES, truth)
    assert is_true == pytest.approx([1.0, 0.0, np.nan, 1.0, 1.0], nan_ok=True)
    found = {limit: level.compounds for limit, level in with_compounds(LEVELS, decisions, is_true).items()}
    one, five, ten = (found[limit] for limit in LEVELS)
    assert one is not None and five is not None and ten is not None
    assert (one.n_accepted, one.n_scored, one.false_share) == (1, 1, 0.0)
    assert (five.n_accepted, five.n_scored, five.false_share) == (3, 2, 0.5)
    assert five.expected_false_share == pytest.approx((0.005 + 0.04 + 0.05) / 3)
    assert ten == five


@pytest.mark.parametrize("truth", [None, {}])
def test_without_truth_nothing_is_scored(truth: dict[str, frozenset[str]] | None) -> None:
    decisions = decide_compounds(OPTIONS, np.array([], dtype=np.int64), 0.05)
    level = with_compounds(LEVELS, decisions, compound_truth(OPTIONS, decisions, NAMES, truth))["0.05"].compounds
    assert level is not None
    assert (level.n_accepted, level.n_scored, level.false_share) == (3, 0, None)


def shared_draws(rng: np.random.Generator, n_peaks: int) -> FloatArray:
    """(N_JOINT, n_peaks) probabilities of one option a peak, that rise and fall together from draw to draw."""
    shift = rng.normal(0.0, 0.8, (N_JOINT, 1))
    return np.asarray(1.0 / (1.0 + np.exp(-(rng.normal(3.0, 1.5, n_peaks) + shift))))


def joint_of(is_own: BoolArray) -> JointDraws:
    """Each peak has one slot, of its own compound, which made it in the draws that say so."""
    n_peaks = is_own.shape[1]
    return JointDraws(
        offsets=np.arange(n_peaks + 1),
        slot_compound=np.arange(n_peaks),
        rank=(~is_own).astype(np.uint16),
        compound=np.arange(n_peaks),
        absent=1.0 - is_own.mean(axis=0),
    )


def test_the_interval_holds_the_false_share_as_often_as_it_says_and_not_if_peaks_are_taken_as_independent() -> None:
    rng = np.random.default_rng(7)
    n_sets, n_peaks = 120, 150
    held = {"joint": 0, "independent": 0}
    for _ in range(n_sets):
        r = shared_draws(rng, n_peaks)
        world = rng.random(n_peaks) < r[rng.integers(N_JOINT)]  # the truth is one draw of parameters and sources
        options = CompoundProbabilities(
            np.arange(n_peaks + 1), np.arange(n_peaks), r.mean(axis=0), np.zeros(n_peaks, int)
        )
        decisions = decide(options, 1.0 - r.mean(axis=0))
        false_share = float((~world[accepted_at(decisions, 0.1)]).mean())
        for name, probability in (("joint", r), ("independent", np.broadcast_to(r.mean(axis=0), r.shape))):
            joint = joint_of(rng.random(r.shape) < probability)
            interval = with_intervals({"0.1": LEVEL}, decisions, joint)["0.1"].false_share_interval
            assert interval is not None
            held[name] += interval[0] <= false_share <= interval[1]
    assert held["joint"] / n_sets > 0.89  # 0.95, three standard errors down
    assert held["independent"] / n_sets < 0.85


def test_nothing_accepted_has_no_interval() -> None:
    options = CompoundProbabilities(np.arange(4), np.arange(3), np.full(3, 0.6), np.zeros(3, dtype=np.int64))
    decisions = decide(options, np.full(3, 0.4))
    joint = joint_of(np.ones((N_JOINT, 3), dtype=np.bool_))
    assert with_intervals({"0.05": LEVEL}, decisions, joint)["0.05"].false_share_interval is None
