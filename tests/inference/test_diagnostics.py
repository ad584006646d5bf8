"""The verdict on both sides of each of its limits, on draws made for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from arviz_stats.base import array_stats

from compassign.config import SamplerConfig
from compassign.inference.diagnostics import ResponsibilityCheck, Verdict, combine, judge, split_rhat
from compassign.inference.draws import Draws
from compassign.units import FloatArray

FINE = ResponsibilityCheck(max_rhat=1.0, worst_peaks=(), all_finite=True)
FULL, QUICK = SamplerConfig(), SamplerConfig(quick=True)
N_DRAWS = 1000


def make_draws(values: dict[str, FloatArray], n_divergent: int = 0) -> Draws:
    shape = next(iter(values.values())).shape[:2]
    is_divergent = np.zeros(shape, dtype=np.bool_)
    is_divergent.flat[:n_divergent] = True
    return Draws(values, is_divergent, np.zeros(shape), 0.0)


def good_draws(rng: np.random.Generator) -> dict[str, FloatArray]:
    return {"alpha": rng.normal(size=(4, N_DRAWS)), "offset": rng.normal(size=(4, N_DRAWS, 2))}


def verdict_of(
    values: dict[str, FloatArray],
    settings: SamplerConfig = FULL,
    check: ResponsibilityCheck = FINE,
    n_divergent: int = 0,
) -> Verdict:
    return judge(make_draws(values, n_divergent), tuple(values), check, settings, {})


@pytest.mark.parametrize("shape", [(4, 100, 5), (2, 32, 3), (2, 8, 1), (3, 4, 2)])
def test_split_rhat_equals_arviz(shape: tuple[int, int, int], rng: np.random.Generator) -> None:
    values = rng.beta(0.5, 2.0, shape) + 0.1 * rng.normal(size=(shape[0], 1, shape[2]))
    expected = [float(array_stats.rhat(values[:, :, i], method="split")) for i in range(shape[2])]
    assert split_rhat(values) == pytest.approx(expected, rel=1e-10)


def test_split_rhat_of_one_chain_compares_its_halves(rng: np.random.Generator) -> None:
    values = rng.random((1, 21, 2))
    halves = np.concatenate([values[:, :10], values[:, 11:]])  # the middle draw of an odd number is left out
    expected = [float(array_stats.rhat(halves[:, :, i], method="identity")) for i in range(2)]
    assert split_rhat(values) == pytest.approx(expected, rel=1e-10)


def test_split_rhat_of_constants_and_stuck_chains() -> None:
    values = np.zeros((2, 10, 3))
    values[1, :, 1] = 1.0  # two chains that never move and disagree
    values[:, 5:, 2] = 1.0  # halves that disagree
    found = split_rhat(values)
    assert found[0] == pytest.approx(np.sqrt(4 / 5))
    assert np.isinf(found[1:]).all()


def test_reasons_name_the_element(rng: np.random.Generator) -> None:
    values = good_draws(rng)
    values["offset"][0, :, 1] += 3.0
    draws = replace(make_draws(values), labels={"offset": ("morning", "evening")})
    verdict = judge(draws, ("alpha", "offset"), FINE, FULL, {"offset": np.array([1.0, 9.0])})
    assert all("offset[evening]" in reason for reason in verdict.reasons)
    assert verdict.reasons
    assert verdict.not_informed == ("offset[morning]",)


def test_elements_that_share_a_label_are_judged_each(rng: np.random.Generator) -> None:
    values = good_draws(rng)
    values["offset"][0, :, 0] += 3.0
    draws = replace(make_draws(values), labels={"offset": ("morning", "morning")})
    assert "offset[0]" in judge(draws, ("alpha", "offset"), FINE, FULL, {}).reasons[0]


def test_good_draws_converge(rng: np.random.Generator) -> None:
    values = good_draws(rng)
    verdict = verdict_of(values)
    assert (verdict.verdict, verdict.reasons, verdict.quick) == ("converged", (), False)
    columns = [values["alpha"], values["offset"][..., 0], values["offset"][..., 1]]
    assert verdict.max_rhat == pytest.approx(max(float(array_stats.rhat(column)) for column in columns))
    bulk = min(float(array_stats.ess(column, method="bulk")) for column in columns)
    tail = min(float(array_stats.ess(column, method="tail", prob=(0.05, 0.95))) for column in columns)
    assert (verdict.min_ess_bulk, verdict.min_ess_tail) == pytest.approx((bulk, tail))
    assert (verdict.n_divergences, verdict.share_divergences) == (0, 0.0)


@pytest.mark.parametrize(
    ("rhat", "full", "quick"),
    [
        (1.0099, "converged", "converged"),
        (1.0101, "suspect", "converged"),
        (1.0499, "suspect", "converged"),
        (1.0501, "suspect", "suspect"),
        (1.0999, "suspect", "suspect"),
        (1.1001, "failed", "failed"),
        (np.nan, "failed", "failed"),
        (np.inf, "failed", "failed"),
    ],
)
def test_limits_of_rhat(
    rhat: float, full: str, quick: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compassign.inference.diagnostics.array_stats.rhat", lambda column: rhat)
    values = {"alpha": rng.normal(size=(4, N_DRAWS))}
    assert verdict_of(values).verdict == full
    assert verdict_of(values, QUICK).verdict == quick
    reasons = verdict_of(values).reasons
    assert len(reasons) == (full != "converged")
    assert all("alpha" in reason for reason in reasons)


@pytest.mark.parametrize("chosen", ["bulk", "tail"])
@pytest.mark.parametrize(
    ("ess", "expected"),
    [
        (400.1, ("converged", "converged")),
        (399.9, ("suspect", "converged")),
        (100.1, ("suspect", "converged")),
        (99.9, ("suspect", "suspect")),
    ],
)
def test_limits_of_effective_draws(
    chosen: str, ess: float, expected: tuple[str, str], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(column: FloatArray, method: str, prob: tuple[float, float] | None = None) -> float:
        return ess if method == chosen else 4000.0

    monkeypatch.setattr("compassign.inference.diagnostics.array_stats.ess", fake)
    values = {"alpha": rng.normal(size=(4, N_DRAWS))}
    verdict = verdict_of(values)
    assert (verdict.verdict, verdict_of(values, QUICK).verdict) == expected
    assert (verdict.min_ess_bulk if chosen == "bulk" else verdict.min_ess_tail) == ess
    assert all("--samples" in reason for reason in verdict.reasons)


@pytest.mark.parametrize(
    ("n_divergent", "expected"), [(0, "converged"), (4, "converged"), (5, "suspect"), (200, "suspect"), (201, "failed")]
)
def test_limits_of_divergences(n_divergent: int, expected: str, rng: np.random.Generator) -> None:
    """Of 4000 draws, 4 are 0.1 % and 200 are 5 %."""
    verdict = verdict_of(good_draws(rng), n_divergent=n_divergent)
    assert verdict.verdict == expected
    assert verdict.n_divergences == n_divergent
    assert verdict.share_divergences == pytest.approx(n_divergent / 4000)
    assert any("--target-accept" in reason for reason in verdict.reasons) == (expected != "converged")


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (ResponsibilityCheck(1.0499, (), True), "converged"),
        (ResponsibilityCheck(1.0501, ("P7",), True), "suspect"),
        (ResponsibilityCheck(9.0, ("P7",), True), "suspect"),
        (ResponsibilityCheck(float("nan"), (), True), "converged"),
        (ResponsibilityCheck(1.0, (), False), "failed"),
    ],
)
def test_limits_of_responsibilities(check: ResponsibilityCheck, expected: str, rng: np.random.Generator) -> None:
    verdict = verdict_of(good_draws(rng), check=check)
    assert verdict.verdict == expected
    assert bool(verdict.reasons) == (expected != "converged")
    assert all(peak in verdict.reasons[0] for peak in check.worst_peaks)


def test_only_a_few_peaks_are_named(rng: np.random.Generator) -> None:
    check = ResponsibilityCheck(1.3, tuple(f"P{i}" for i in range(9)), True)
    (reason,) = verdict_of(good_draws(rng), check=check).reasons
    assert reason.endswith("P0, P1, P2, P3, P4")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_draws_that_are_not_finite_fail(bad: float, rng: np.random.Generator) -> None:
    values = good_draws(rng)
    values["offset"][2, 10, 1] = bad
    verdict = verdict_of(values)
    assert verdict.verdict == "failed"
    assert verdict.reasons[0].startswith("draws of offset[1] are not finite")


@pytest.mark.parametrize(("shift", "expected"), [(0.0, "converged"), (3.0, "failed")])
def test_a_single_chain_is_compared_with_itself(shift: float, expected: str, rng: np.random.Generator) -> None:
    values = rng.normal(size=(1, 2000))
    values[:, 1000:] += shift
    assert verdict_of({"alpha": values}).verdict == expected


def test_chains_that_disagree_fail_and_are_named(rng: np.random.Generator) -> None:
    values = good_draws(rng)
    values["offset"][3, :, 1] += 3.0
    verdict = verdict_of(values)
    assert verdict.verdict == "failed"
    assert verdict.reasons[0].startswith("R-hat of offset[1] is ")


def test_only_hyperparameters_are_judged(rng: np.random.Generator) -> None:
    values = good_draws(rng)
    values["offset"][3] += 3.0
    verdict = judge(make_draws(values), ("alpha",), FINE, FULL, {})
    assert verdict.verdict == "converged"


def test_parameters_that_the_data_did_not_inform(rng: np.random.Generator) -> None:
    values = {"alpha": rng.normal(0, 0.95, (4, N_DRAWS)), "beta": rng.normal(0, [0.8, 2.0], (4, N_DRAWS, 2))}
    sd = {"alpha": np.array(1.0), "beta": np.array([1.0, 2.0])}
    assert judge(make_draws(values), ("alpha", "beta"), FINE, FULL, sd).not_informed == ("alpha", "beta[1]")
    assert judge(make_draws(values), ("alpha", "beta"), FINE, FULL, {"beta": sd["beta"]}).not_informed == ("beta[1]",)


def test_combined_verdict_is_the_worst_with_all_reasons(rng: np.random.Generator) -> None:
    good = verdict_of(good_draws(rng))
    suspect = replace(
        good,
        verdict="suspect",
        reasons=("a",),
        max_rhat=1.02,
        min_ess_tail=50.0,
        n_divergences=3,
        share_divergences=0.01,
        not_informed=("x",),
    )
    failed = replace(good, verdict="failed", reasons=("b", "c"), min_ess_bulk=20.0, n_divergences=2)
    found = combine([good, suspect, failed], quick=True)
    assert (found.verdict, found.reasons, found.quick) == ("failed", ("a", "b", "c"), True)
    assert (found.max_rhat, found.min_ess_bulk, found.min_ess_tail) == (1.02, 20.0, 50.0)
    assert (found.n_divergences, found.share_divergences, found.not_informed) == (5, 0.01, ("x",))
    assert combine([good, suspect], quick=False).verdict == "suspect"
    assert combine([good], quick=False) == good


def test_nothing_sampled_has_nothing_to_converge() -> None:
    verdict = combine([], quick=True)
    assert (verdict.verdict, verdict.reasons, verdict.quick, verdict.n_divergences) == ("converged", (), True, 0)
    assert np.isnan([verdict.max_rhat, verdict.min_ess_bulk, verdict.min_ess_tail]).all()
