"""Did the sampler find the posterior? Convergence diagnostics and the verdict that is shown with every number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from arviz_stats.base import array_stats

from compassign.config import SamplerConfig
from compassign.inference.draws import Draws
from compassign.models.draws import scalar_names
from compassign.units import FloatArray

VerdictName = Literal["converged", "suspect", "failed"]
FAILED_RHAT, FAILED_DIVERGENCES = 1.1, 0.05
MAX_RHAT_RESPONSIBILITIES, MAX_DIVERGENCES = 1.05, 0.001
MAX_RHAT, MIN_ESS = 1.01, 400.0  # Vehtari et al., Bayesian Analysis 16(2), 2021
QUICK_MAX_RHAT, QUICK_MIN_ESS = 1.05, 100.0
N_NAMED_PEAKS = 5
NOT_INFORMED_RATIO = 0.9  # of the prior's SD


@dataclass(frozen=True)
class ResponsibilityCheck:
    """Split R-hat of the uncertain responsibilities (mean between 0.05 and 0.95).

    max_rhat : NaN if none is uncertain. worst_peaks : the peaks over the limit, worst first, each with the compounds
    that it changes between. all_finite : no NaN drawn.
    """

    max_rhat: float
    worst_peaks: tuple[str, ...]
    all_finite: bool


@dataclass(frozen=True)
class Verdict:
    """The verdict with its figures and, where it is not `converged`, its reasons and what to do.

    min_ess_bulk, min_ess_tail : over the hyperparameters. share_divergences : of the kept draws.
    not_informed : parameters whose posterior SD is over 0.9 of the prior's.
    """

    verdict: VerdictName
    reasons: tuple[str, ...]
    quick: bool
    max_rhat: float
    min_ess_bulk: float
    min_ess_tail: float
    max_rhat_responsibilities: float
    n_divergences: int
    share_divergences: float
    not_informed: tuple[str, ...]


def judge(
    draws: Draws,
    hyperparameters: Sequence[str],
    responsibilities: ResponsibilityCheck,
    settings: SamplerConfig,
    prior_sd: Mapping[str, FloatArray],
) -> Verdict:
    """Judge convergence by the thresholds of DESIGN section 4.

    prior_sd : name -> SD of the prior, of the shape of one draw, for `not_informed`; may lack names.
    """
    table = _diagnose({name: draws.values[name] for name in hyperparameters}, draws.labels)
    share = float(draws.is_divergent.mean())
    reasons = _reasons(table, share, responsibilities, settings.quick)
    max_rhat = max(row.rhat for row in table.values())
    is_finite = responsibilities.all_finite and all(np.isfinite(row.rhat) for row in table.values())
    is_failed = not is_finite or max_rhat > FAILED_RHAT or share > FAILED_DIVERGENCES
    return Verdict(
        verdict="failed" if is_failed else "suspect" if reasons else "converged",
        reasons=reasons,
        quick=settings.quick,
        max_rhat=max_rhat,
        min_ess_bulk=min(row.ess_bulk for row in table.values()),
        min_ess_tail=min(row.ess_tail for row in table.values()),
        max_rhat_responsibilities=responsibilities.max_rhat,
        n_divergences=int(draws.is_divergent.sum()),
        share_divergences=share,
        not_informed=_not_informed(draws, prior_sd),
    )


def _reasons(
    table: Mapping[str, _Row], share_divergences: float, responsibilities: ResponsibilityCheck, is_quick: bool
) -> tuple[str, ...]:
    """What keeps a run from `converged`, each with what to do about it."""
    limit_rhat, limit_ess = (QUICK_MAX_RHAT, QUICK_MIN_ESS) if is_quick else (MAX_RHAT, MIN_ESS)
    name, row = max(table.items(), key=lambda item: np.nan_to_num(item[1].rhat, nan=np.inf))
    reasons = []
    if not np.isfinite(row.rhat):
        reasons.append(f"draws of {name} are not finite or never move: check the units of the input")
    elif row.rhat > limit_rhat:
        reasons.append(f"R-hat of {name} is {row.rhat:.3f}, expected at most {limit_rhat}: draw more (--samples)")
    name, row = min(table.items(), key=lambda item: min(item[1].ess_bulk, item[1].ess_tail))
    least = min(row.ess_bulk, row.ess_tail)
    if least < limit_ess:
        reasons.append(f"effective draws of {name} are {least:.0f}, expected {limit_ess:.0f}: draw more (--samples)")
    if share_divergences > MAX_DIVERGENCES:
        reasons.append(
            f"{share_divergences:.2%} of the draws diverged, expected at most {MAX_DIVERGENCES:.1%}: "
            "raise --target-accept"
        )
    if not responsibilities.all_finite:
        reasons.append("some responsibilities are not finite: check the units of the input")
    elif responsibilities.max_rhat > MAX_RHAT_RESPONSIBILITIES:
        reasons.append(
            f"R-hat of responsibilities reaches {responsibilities.max_rhat:.3f}, expected at most "
            f"{MAX_RHAT_RESPONSIBILITIES}: label these peaks, or draw more: "
            + ", ".join(responsibilities.worst_peaks[:N_NAMED_PEAKS])
        )
    return tuple(reasons)


def combine(verdicts: Sequence[Verdict], quick: bool) -> Verdict:
    """The worst of several stages with the reasons of all; `converged` where nothing was sampled."""
    if not verdicts:
        return Verdict("converged", (), quick, math.nan, math.nan, math.nan, math.nan, 0, 0.0, ())
    order = ("converged", "suspect", "failed")
    return Verdict(
        verdict=max((verdict.verdict for verdict in verdicts), key=order.index),
        reasons=tuple(reason for verdict in verdicts for reason in verdict.reasons),
        quick=quick,
        max_rhat=max(verdict.max_rhat for verdict in verdicts),
        min_ess_bulk=min(verdict.min_ess_bulk for verdict in verdicts),
        min_ess_tail=min(verdict.min_ess_tail for verdict in verdicts),
        max_rhat_responsibilities=max(verdict.max_rhat_responsibilities for verdict in verdicts),
        n_divergences=sum(verdict.n_divergences for verdict in verdicts),
        share_divergences=max(verdict.share_divergences for verdict in verdicts),
        not_informed=tuple(name for verdict in verdicts for name in verdict.not_informed),
    )


def split_rhat(values: FloatArray) -> FloatArray:
    """Split R-hat of bounded quantities: (n_chains, n_draws, n) -> (n,); 1 for a constant.

    Responsibilities lie in [0, 1], so that their variances exist and no rank transform is needed.
    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 11.4.
    """
    half = values.shape[1] // 2
    chains = np.concatenate([values[:, :half], values[:, -half:]])  # (2 * n_chains, half, n)
    within = chains.var(axis=1, ddof=1).mean(axis=0)
    between = chains.mean(axis=1).var(axis=0, ddof=1)
    ratio = np.divide(between, within, out=np.zeros_like(within), where=within > 0)
    stuck = (within == 0) & (between > 0)  # chains that never move and disagree
    return np.asarray(np.where(stuck, np.inf, np.sqrt((half - 1) / half + ratio)))


@dataclass(frozen=True)
class _Row:
    rhat: float
    ess_bulk: float
    ess_tail: float


def _diagnose(values: Mapping[str, FloatArray], labels: Mapping[str, tuple[str, ...]]) -> dict[str, _Row]:
    """Rank-normalised R-hat, bulk and tail ESS of every scalar by its name."""
    table: dict[str, _Row] = {}
    for name, array in values.items():
        scalars = array.reshape(*array.shape[:2], -1)
        names = scalar_names(name, scalars.shape[2] if array.shape[2:] else None, labels.get(name))
        table |= {label: _diagnose_scalar(scalars[:, :, index]) for index, label in enumerate(names)}
    return table


def _diagnose_scalar(draws: FloatArray) -> _Row:
    """Diagnose (n_chains, n_draws); a draw that is not finite counts against all of them, because ranks would hide it.

    A single chain is compared with itself, half against half.
    """
    if not np.isfinite(draws).all():
        return _Row(rhat=math.nan, ess_bulk=0.0, ess_tail=0.0)
    half = draws.shape[1] // 2
    chains = draws if draws.shape[0] > 1 else np.concatenate([draws[:, :half], draws[:, -half:]])
    return _Row(
        rhat=float(array_stats.rhat(chains)),
        ess_bulk=float(array_stats.ess(draws, method="bulk")),
        ess_tail=float(array_stats.ess(draws, method="tail", prob=(0.05, 0.95))),
    )


def _not_informed(draws: Draws, prior_sd: Mapping[str, FloatArray]) -> tuple[str, ...]:
    """Scalars that the data left as wide as the prior."""
    found = []
    for name, sd in prior_sd.items():
        ratio = draws.values[name].std(axis=(0, 1)) / sd
        names = scalar_names(name, ratio.size if ratio.shape else None, draws.labels.get(name))
        found += [names[index] for index in np.flatnonzero(ratio > NOT_INFORMED_RATIO)]
    return tuple(found)
