"""Streamed summaries equal those of the whole array, however the peaks are cut into blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from arviz_stats.base import array_stats
from drawn_source import Drawn, NoWriter, draw_source

from compassign.inference.diagnostics import ResponsibilityCheck, split_rhat
from compassign.models.draws import Block, DrawSource
from compassign.posterior import responsibilities
from compassign.posterior.assignments import SlotProbabilities
from compassign.posterior.responsibilities import (
    batch_means_error,
    highest_density_interval,
    mean_probabilities,
    summarise,
)
from compassign.posterior.trace import TraceWriter

SIZES = [3, 0, 2, 1, 0, 4, 1, 2]


def summary_of(drawn: Drawn) -> tuple[SlotProbabilities, ResponsibilityCheck, list[slice], list[float]]:
    writer, progress = NoWriter(), list[float]()
    found, check = summarise(
        drawn.source, drawn.peak_ids, drawn.slot_compounds, cast(TraceWriter, writer), progress.append
    )
    return found, check, writer.peaks, progress


@pytest.mark.parametrize("budget", [1, 80, 200, 400, 2_000_000])
@pytest.mark.parametrize("sizes", [SIZES, [0, 0, 0], [0, 5], [2, 0], [7]])
def test_equals_the_whole_array(
    budget: int, sizes: list[int], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """80 draws: a budget of 80 cells is one slot at a time, 200 two, 400 five."""
    monkeypatch.setattr(responsibilities, "BLOCK_CELLS", budget)
    drawn = draw_source(rng, sizes)
    found, _, blocks, progress = summary_of(drawn)
    for name, draws in (("slot", drawn.slot), ("null", drawn.null)):
        low, high = highest_density_interval(draws, 0.94)
        expected = {
            name: draws.mean(axis=0),
            f"{name}_low": low,
            f"{name}_high": high,
            f"{name}_mcse": batch_means_error(draws.reshape(2, 40, draws.shape[1])),
        }
        for field, values in expected.items():
            assert getattr(found, field) == pytest.approx(values, abs=1e-14), field
    assert found.unlisted == pytest.approx(drawn.unlisted.mean(axis=0), abs=1e-14)
    assert found.evidence["mass"] == pytest.approx(drawn.evidence, abs=0)
    assert [peak for block in blocks for peak in range(block.start, block.stop)] == list(range(len(sizes)))
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


@pytest.mark.parametrize(("budget", "n_blocks"), [(1, 8), (80, 8), (400, 3), (2_000_000, 1)])
def test_blocks_stay_within_their_budget(
    budget: int, n_blocks: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responsibilities, "BLOCK_CELLS", budget)
    drawn = draw_source(rng, SIZES)
    blocks = summary_of(drawn)[2]
    offsets = drawn.source.offsets
    for block in blocks:
        n_peaks, n_slots = block.stop - block.start, offsets[block.stop] - offsets[block.start]
        assert n_peaks == 1 or max(n_slots, n_peaks) * 80 <= budget
    assert len(blocks) == n_blocks


def test_means_alone_are_the_same_means(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(responsibilities, "BLOCK_CELLS", 200)
    drawn = draw_source(rng, SIZES)
    found = mean_probabilities(drawn.source)
    assert found.slot == pytest.approx(drawn.slot.mean(axis=0), abs=1e-14)
    assert found.null == pytest.approx(drawn.null.mean(axis=0), abs=1e-14)
    assert found.unlisted == pytest.approx(drawn.unlisted.mean(axis=0), abs=1e-14)
    assert np.isnan(found.slot_low).all()
    assert found.slot_low.shape == found.slot.shape
    assert found.null_mcse.shape == found.null.shape


@pytest.mark.parametrize("probability", [0.5, 0.8, 0.94])
def test_interval_equals_arviz(probability: float, rng: np.random.Generator) -> None:
    draws = np.column_stack([rng.normal(size=999), rng.beta(0.3, 2.0, 999), rng.exponential(size=999)])
    low, high = highest_density_interval(draws, probability)
    expected = np.array([array_stats.hdi(draws[:, i], prob=probability) for i in range(3)])
    # ArviZ counts the draws between the ends, we count the ends too: one draw more or less.
    assert low == pytest.approx(expected[:, 0], abs=0.02)
    assert high == pytest.approx(expected[:, 1], abs=0.02)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.94, 1.0])
def test_no_narrower_interval_holds_as_many_draws(probability: float, rng: np.random.Generator) -> None:
    draws = rng.gamma(2.0, size=(60, 2))
    low, high = highest_density_interval(draws, probability)
    n_inside = int(np.ceil(probability * 60))
    for column in range(2):
        ordered = np.sort(draws[:, column])
        widths = [ordered[i + n_inside - 1] - ordered[i] for i in range(60 - n_inside + 1)]
        assert high[column] - low[column] == min(widths)
        assert ((draws[:, column] >= low[column]) & (draws[:, column] <= high[column])).sum() == n_inside


def test_interval_of_one_draw_and_of_a_constant() -> None:
    assert [x.tolist() for x in highest_density_interval(np.array([[0.3, 0.7]]), 0.94)] == [[0.3, 0.7], [0.3, 0.7]]
    assert [x.tolist() for x in highest_density_interval(np.full((50, 1), 0.2), 0.94)] == [[0.2], [0.2]]


def test_error_of_independent_draws_is_sd_over_root_n(rng: np.random.Generator) -> None:
    """Averaged over 400 quantities, so that the error's own error is small."""
    draws = rng.normal(0.0, 2.0, (4, 900, 400))
    assert batch_means_error(draws).mean() == pytest.approx(2.0 / np.sqrt(3600), rel=0.02)


@pytest.mark.parametrize("correlation", [0.5, -0.4])
def test_error_of_correlated_draws(correlation: float, rng: np.random.Generator) -> None:
    """AR(1) draws with unit variance have a mean with variance (1 + rho) / (1 - rho) / n."""
    n_draws = 2500
    draws = np.empty((4, n_draws, 300))
    draws[:, 0] = rng.normal(size=(4, 300))
    for t in range(1, n_draws):
        draws[:, t] = correlation * draws[:, t - 1] + np.sqrt(1 - correlation**2) * rng.normal(size=(4, 300))
    expected = np.sqrt((1 + correlation) / (1 - correlation) / (4 * n_draws))
    assert batch_means_error(draws).mean() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("correlation", [0.0, 0.6, -0.4])
def test_error_of_the_mean_equals_arviz(correlation: float, rng: np.random.Generator) -> None:
    """Responsibilities of 4 autocorrelated chains of 1,000 draws, the default; averaged over 60 of them."""
    draws = np.empty((4, 1000, 60))
    draws[:, 0] = rng.normal(size=(4, 60))
    for t in range(1, 1000):
        draws[:, t] = correlation * draws[:, t - 1] + np.sqrt(1 - correlation**2) * rng.normal(size=(4, 60))
    draws = 1.0 / (1.0 + np.exp(1.0 - 2.0 * draws))
    theirs = np.array([array_stats.mcse(draws[..., i], method="mean") for i in range(60)])
    ours = batch_means_error(draws)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.06)
    assert ours == pytest.approx(theirs, rel=0.35)  # each is an estimate, ours from 124 batches: SD 6 %


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 2, 3), (1, 3, 3), (2, 1, 3), (4, 5, 3), (2, 10, 0)])
def test_error_of_few_draws_is_finite(shape: tuple[int, int, int], rng: np.random.Generator) -> None:
    error = batch_means_error(rng.random(shape))
    assert error.shape == (shape[2],)
    assert np.isfinite(error).all()
    assert (error == 0).all() == (shape in {(1, 1, 3), (2, 10, 0)})


def shifted_source(drawn: Drawn, shift: dict[int, float]) -> Drawn:
    """Move probability from the first slot of some peaks to the null in the second chain: chains disagree."""
    slot, null = drawn.slot.copy(), drawn.null.copy()
    second = np.arange(slot.shape[0]) >= slot.shape[0] // 2
    for peak, share in shift.items():
        first = int(drawn.source.offsets[peak])
        moved = np.where(second, share, 0.0) * slot[:, first]
        slot[:, first] -= moved
        null[:, peak] += moved
    offsets = drawn.source.offsets

    def block(peaks: slice) -> Block:
        own = slice(int(offsets[peaks.start]), int(offsets[peaks.stop]))
        return Block(slot[:, own], null[:, peaks], null[:, peaks] / 2, {})

    return replace(drawn, source=replace(drawn.source, block=block), slot=slot, null=null, unlisted=null / 2)


def test_check_names_the_worst_peaks_first(rng: np.random.Generator) -> None:
    drawn = shifted_source(draw_source(rng, SIZES, n_draws=500), {0: 0.5, 5: 1.0})
    check = summary_of(drawn)[1]
    rhat = np.ones(len(SIZES))
    for draws, peaks in ((drawn.slot, drawn.peak_of_slot), (drawn.null, np.arange(len(SIZES)))):
        mean = draws.mean(axis=0)
        own = split_rhat(draws.reshape(2, 500, -1))
        np.maximum.at(rhat, peaks, np.where((mean > 0.05) & (mean < 0.95), own, 1.0))
    assert check.max_rhat == pytest.approx(rhat.max())
    found = [name.split(" ")[0] for name in check.worst_peaks]
    assert found == [f"P{peak}" for peak in np.argsort(-rhat) if rhat[peak] > 1.05]
    assert set(found) == {"P0", "P5"}
    assert check.all_finite


def test_certain_peaks_are_not_judged(rng: np.random.Generator) -> None:
    """Chains that disagree between 0.001 and 0.01 have a large R-hat, and nobody minds."""
    rare = np.where(np.arange(80) < 40, 0.001, 0.01)[:, None] * rng.uniform(0.9, 1.1, (80, 1))
    offsets = np.array([0, 1])
    source = DrawSource(offsets, 2, 40, lambda peaks: Block(rare, 1 - rare, 0 * rare, {}))
    found, check = summarise(
        source, np.array(["P0"]), np.array(["C0"]), cast(TraceWriter, NoWriter()), lambda share: None
    )
    assert found.slot[0] < 0.05
    assert split_rhat(rare.reshape(2, 40, 1))[0] > 2
    assert check == ResponsibilityCheck(1.0, (), True)


def test_probabilities_that_are_not_finite_are_noticed() -> None:
    bad = np.full((8, 1), 0.5)
    bad[3] = np.nan
    source = DrawSource(np.array([0, 1]), 2, 4, lambda peaks: Block(bad, 1 - bad, 0 * bad, {}))
    assert not summarise(source, np.array(["P0"]), np.array(["C0"]), cast(TraceWriter, NoWriter()), lambda share: None)[
        1
    ].all_finite


def test_a_model_without_draws_has_no_error_and_no_rhat(rng: np.random.Generator) -> None:
    drawn = draw_source(rng, SIZES, n_chains=1, n_draws=1)
    found, check, _, _ = summary_of(drawn)
    assert found.slot == pytest.approx(drawn.slot[0], abs=0)
    assert (found.slot_low == found.slot).all()
    assert (found.slot_high == found.slot).all()
    assert (found.slot_mcse == 0).all()
    assert check == ResponsibilityCheck(1.0, (), True)
