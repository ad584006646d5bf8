"""Prior mode of the generative model: probabilities at the prior's location, without sampling anything."""

from __future__ import annotations

import numpy as np
import pytest
from assignment_problems import NO_SLOTS, slots_of_peak, tiny_problem, without_slots

from compassign.config import RunConfig
from compassign.inference import fitting
from compassign.inference.draws import ModelFit
from compassign.models.draws import Block
from compassign.models.problem import AssignmentProblem
from compassign.progress import SilentProgress

PRIOR = RunConfig(model="generative", mode="prior")


@pytest.fixture(autouse=True)
def no_sampler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever samples fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("prior mode must not sample")

    monkeypatch.setattr(fitting, "sample", refuse)


def predict(problem: AssignmentProblem) -> tuple[ModelFit, Block]:
    fitted = fitting.fit(problem, PRIOR, SilentProgress())
    return fitted, fitted.source.block(slice(0, problem.n_peaks))


def test_one_draw_that_says_it_is_the_prior() -> None:
    fitted, block = predict(tiny_problem())
    assert (fitted.variable, fitted.is_prior_only, fitted.draws) == ("r", True, None)
    assert (fitted.source.n_chains, fitted.source.n_draws) == (1, 1)
    assert block.slot.shape == (1, 9)
    assert block.null.shape == block.unlisted.shape == (1, 5)
    assert fitted.source.offsets.tolist() == [0, 3, 5, 8, 8, 9]


def test_probabilities_sum_to_one_and_hold_both_null_parts() -> None:
    _, block = predict(tiny_problem())
    for peak in range(5):
        assert block.slot[0, slots_of_peak(tiny_problem(), peak)].sum() + block.null[0, peak] == pytest.approx(1.0)
    assert (block.unlisted[0] <= block.null[0]).all()
    assert ((block.unlisted[0] > 0) == (np.arange(5) != NO_SLOTS)).all()


def test_prior_mode_clamps_labels() -> None:
    _, block = predict(tiny_problem({0: [1], 1: []}))
    assert block.slot[0, :3].tolist() == [0.0, 1.0, 0.0]
    assert block.null[0, :2] == pytest.approx([0.0, 1.0], abs=1e-15)
    assert (block.slot[0, 3:5] == 0).all()


def test_prior_prefers_what_fits_better() -> None:
    """Two isomers of the same mass error, one 0.1 and one 1 minute off; main ion and known in the species besides."""
    _, block = predict(tiny_problem())
    isomers = block.slot[0, :2]
    assert isomers[0] > 5 * isomers[1]


def test_other_unlisted_shares_are_seen_without_a_new_fit() -> None:
    fitted, block = predict(tiny_problem())
    assert fitted.unlisted is not None
    same = fitted.unlisted(0.1).block(slice(0, 5))
    more = fitted.unlisted(0.2).block(slice(0, 5))
    assert (same.slot == block.slot).all()
    has_slots = np.arange(5) != NO_SLOTS
    assert (more.null[0, has_slots] > block.null[0, has_slots]).all()
    assert more.null[0, NO_SLOTS] == 1.0


@pytest.mark.parametrize("mode", ["prior", "posterior"])
def test_without_any_candidate_every_peak_is_null(mode: str) -> None:
    """Nothing can be learned then, so that posterior mode samples nothing either."""
    config = RunConfig.model_validate({"model": "generative", "mode": mode})
    block = fitting.fit(without_slots(tiny_problem()), config, SilentProgress()).source.block(slice(0, 5))
    assert block.slot.shape == (1, 0)
    assert block.null.tolist() == [[1.0] * 5]
    assert block.unlisted.tolist() == [[0.0] * 5]
