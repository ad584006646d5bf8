"""Joint draws follow the responsibilities, however peaks are cut into blocks, and keep what draws share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn_source import Drawn, draw_source
from scipy.stats import binom

from compassign.posterior import joint, responsibilities
from compassign.posterior.joint import N_JOINT, JointDraws, JointSampler
from compassign.posterior.responsibilities import peak_blocks
from compassign.units import IntArray

SIZES = [3, 0, 2, 1, 0, 4, 2]
COMPOUND = np.array([0, 0, 4, 0, 2, 2, 1, 2, 4, 4, 1, 2], dtype=np.int64)  # of each slot; a compound may have two


def sample(drawn: Drawn, compound: IntArray, seed: int = 0) -> JointDraws:
    sampler = JointSampler(drawn.source.offsets, compound, np.random.default_rng(seed))
    source = drawn.source
    for peaks in peak_blocks(source.offsets, source.n_chains * source.n_draws):
        block = source.block(peaks)
        sampler.write(peaks, source.offsets, block.slot, block.null)
    return sampler.draws()


@pytest.mark.parametrize("budget", [1, 2000, 500_000])
def test_sources_are_drawn_by_the_responsibilities(
    budget: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responsibilities, "BLOCK_CELLS", budget)
    drawn = draw_source(rng, SIZES)
    found = sample(drawn, COMPOUND)
    assert found.rank.shape == (N_JOINT, len(SIZES))
    for peak, size in enumerate(SIZES):
        own = drawn.slot[:, drawn.source.offsets[peak] : drawn.source.offsets[peak + 1]]
        expected = [*own.mean(axis=0), drawn.null[:, peak].mean()]
        counts = np.bincount(found.rank[:, peak], minlength=size + 1)
        assert counts.size == size + 1
        for count, share in zip(counts, expected, strict=True):
            low, high = binom.ppf([1e-5, 1 - 1e-5], N_JOINT, min(share, 1.0))
            assert low <= count <= high


@pytest.mark.parametrize("budget", [1, 2000, 500_000])
def test_absence_is_the_product_over_peaks_within_each_draw(
    budget: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responsibilities, "BLOCK_CELLS", budget)
    drawn = draw_source(rng, SIZES, n_chains=4, n_draws=250)  # N_JOINT in all: none is left out
    found = sample(drawn, COMPOUND)
    assert found.compound.tolist() == [0, 1, 2, 4]
    for compound, absent in zip(found.compound, found.absent, strict=True):
        product = np.ones(N_JOINT)
        for peak in range(len(SIZES)):
            own = np.flatnonzero((drawn.peak_of_slot == peak) & (compound == COMPOUND))
            product *= 1.0 - drawn.slot[:, own].sum(axis=1)
        assert absent == pytest.approx(product.mean(), rel=1e-5)


def test_false_calls_are_counted_by_hand() -> None:
    drawn = draw_source(np.random.default_rng(0), [2, 1, 0])
    found = sample(drawn, np.array([5, 8, 5]))
    rank = np.zeros((N_JOINT, 3), dtype=np.uint16)
    rank[:4] = [[0, 0, 0], [1, 0, 0], [2, 1, 0], [0, 1, 0]]  # 2 of peak 0 and 1 of peak 1: nothing listed made them
    counted = replace(found, rank=rank).n_false(np.array([0, 1]), np.array([8, 5]))
    assert counted[:4].tolist() == [1, 0, 2, 2]
    assert replace(found, rank=rank).n_false(np.array([0]), np.array([5]))[:4].tolist() == [0, 1, 1, 0]


def test_many_calls_are_counted_in_chunks(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw_source(rng, [2] * 40)
    found = sample(drawn, np.tile([0, 1], 40))
    peaks, call = np.arange(40), rng.integers(2, size=40)
    whole = found.n_false(peaks, call)
    monkeypatch.setattr(joint, "CHUNK_PEAKS", 7)
    assert found.n_false(peaks, call).tolist() == whole.tolist()


def test_peaks_that_depend_on_a_shared_parameter_are_false_together() -> None:
    """In half of the draws all calls are right, in the others none: the count has two ends and no middle."""
    drawn = draw_source(np.random.default_rng(0), [1] * 30)
    drawn.slot[:], drawn.null[:] = 1.0, 0.0
    drawn.slot[::2], drawn.null[::2] = 0.0, 1.0
    counted = sample(drawn, np.zeros(30, dtype=np.int64)).n_false(np.arange(30), np.zeros(30, dtype=np.int64))
    assert set(counted.tolist()) == {0, 30}
    independent = binom.ppf([0.025, 0.975], 30, 0.5)
    low, high = np.quantile(counted, [0.025, 0.975])
    assert low < independent[0]
    assert high > independent[1]


def one_draw(n_peaks: int, right: float) -> Drawn:
    """Peaks with one candidate each, all equally probable, by a model with one draw."""
    drawn = draw_source(np.random.default_rng(3), [1] * n_peaks, n_chains=1, n_draws=1)
    drawn.slot[:], drawn.null[:] = right, 1.0 - right
    return drawn


def test_a_model_with_one_draw_leaves_the_chance_that_its_probabilities_speak_of() -> None:
    compound = np.arange(50)
    counted = sample(one_draw(50, 0.9), compound).n_false(np.arange(50), compound)
    assert counted.mean() == pytest.approx(5.0, abs=4 * np.sqrt(4.5 / N_JOINT))
    assert counted.var() == pytest.approx(50 * 0.09, rel=0.2)


def test_peaks_of_one_compound_are_another_s_together() -> None:
    compound = np.repeat([3, 8], 25)
    counted = sample(one_draw(50, 0.9), compound).n_false(np.arange(50), compound)
    assert set(counted.tolist()) == {0, 25, 50}
    assert counted.mean() == pytest.approx(5.0, abs=4 * 25 * np.sqrt(2 * 0.09 / N_JOINT))


@pytest.mark.parametrize("others", [[0.04, 0.9, 0.03], [0.9, 0.02, 0.05], [0.0, 0.01, 0.9]])
def test_what_else_a_peak_may_be_does_not_part_it_from_the_others_of_its_compound(others: list[float]) -> None:
    """Its most probable compound is 7, wherever it stands among its candidates."""
    drawn = draw_source(np.random.default_rng(3), [1, 3], n_chains=1, n_draws=1)
    drawn.slot[0], drawn.null[0] = [0.9, *others], [0.1, 1.0 - sum(others)]
    place = int(np.argmax(others))
    compound = np.array([7, *(7 if index == place else index for index in range(3))])
    found = sample(drawn, compound)
    assert ((found.rank[:, 0] == 0) == (found.rank[:, 1] == place)).all()
    counts = np.bincount(found.rank[:, 1], minlength=4)
    for count, share in zip(counts, [*others, 1.0 - sum(others)], strict=True):
        low, high = binom.ppf([1e-5, 1 - 1e-5], N_JOINT, min(max(share, 0.0), 1.0))
        assert low <= count <= high


def test_draws_do_not_depend_on_how_peaks_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sample(draw_source(np.random.default_rng(5), SIZES), COMPOUND)
    monkeypatch.setattr(responsibilities, "BLOCK_CELLS", 1)
    assert (sample(draw_source(np.random.default_rng(5), SIZES), COMPOUND).rank == whole.rank).all()
