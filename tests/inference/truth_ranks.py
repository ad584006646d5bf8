"""Simulation-based calibration: where the truth ranks among the draws of its own posterior, over many data sets.

With a right model, simulator and sampler every rank is uniform. Sources: Talts et al., arXiv:1804.06788, 2018; Modrak
et al., Bayesian Analysis, 2023, for quantities that depend on the data too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from prior_fits import fitted_replications
from prior_peaks import Replication, World
from scipy import stats

from compassign.config import SamplerConfig
from compassign.models.generative import hyperparameters, peak_posterior, term_evidence, terms_of
from compassign.models.problem import AssignmentProblem
from compassign.units import FloatArray, IntArray

FALSE_ALARM = 1e-3  # of a whole check with a right model, over all quantities
N_RANKED = 99  # draws that a truth is ranked among
THIN = 8  # draws between them, so that they are nearly independent
SETTINGS = SamplerConfig(draws=N_RANKED * THIN, tune=400, chains=1)


@dataclass(frozen=True)
class Calibration:
    """Ranks of the truth, 0 to N_RANKED, and its z-scores in the posterior; (n_replications, n_quantities) each.

    divergent_share : of all draws.
    """

    names: tuple[str, ...]
    ranks: IntArray
    z: FloatArray
    divergent_share: float

    def p_values(self) -> dict[str, float]:
        """Kolmogorov-Smirnov test of each quantity's ranks, spread at random over their cells: without ties."""
        rng = np.random.default_rng(0)
        level = (self.ranks + rng.random(self.ranks.shape)) / (N_RANKED + 1)
        return {name: float(stats.kstest(level[:, column], "uniform").pvalue) for column, name in enumerate(self.names)}

    def alarms(self) -> dict[str, float]:
        """The quantities that are not calibrated, and their p-values."""
        limit = FALSE_ALARM / len(self.names)
        return {name: p for name, p in self.p_values().items() if p < limit}


def calibrate(world: World, n_replications: int, seed: int) -> Calibration:
    """Draw data sets, fit each, and rank the truths; compiles at the first call of a process."""
    parts, n_divergent = [], 0
    for replication, fit, rng in fitted_replications(world, n_replications, SETTINGS, seed):
        draws = fit.draws
        if draws is None:
            raise TypeError("the generative model was not sampled")
        n_divergent += int(draws.is_divergent.sum())
        parts.append(_compare(replication, {name: value[::THIN] for name, value in draws.flat().items()}, rng))
    names, ranks, z = zip(*parts, strict=True)
    return Calibration(names[0], np.stack(ranks), np.stack(z), n_divergent / (n_replications * SETTINGS.draws))


def _compare(
    replication: Replication, draws: Mapping[str, FloatArray], rng: np.random.Generator
) -> tuple[tuple[str, ...], IntArray, FloatArray]:
    """Names, ranks and z-scores of all quantities of one replication; the truth is the first row among the draws."""
    values = {name: np.concatenate([replication.truth[name][None], value]) for name, value in draws.items()}
    columns = _parameters(replication.problem, values) | _of_data(replication, values, rng)
    truth, others = np.stack([column[0] for column in columns.values()]), np.stack([c[1:] for c in columns.values()])
    n_lower, n_equal = (others < truth[:, None]).sum(axis=1), (others == truth[:, None]).sum(axis=1)
    ranks = n_lower + rng.integers(0, n_equal + 1)  # counts have ties
    sd = np.fmax(others.std(axis=1), np.finfo(np.float64).tiny)
    return tuple(columns), ranks, (truth - others.mean(axis=1)) / sd


def _parameters(problem: AssignmentProblem, values: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Every scalar of the hyperparameters: name -> (n_draws,)."""
    columns = {}
    for name in hyperparameters(problem, terms_of(problem)):
        value = values[name]
        if value.ndim == 1:
            columns[name] = value
        else:
            columns |= {f"{name}[{index}]": value[:, index] for index in range(value.shape[1])}
    return columns


def _of_data(
    replication: Replication, values: Mapping[str, FloatArray], rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Functions of parameters and data: name -> (n_draws,); the truth's own count of nulls is what was drawn."""
    problem, everything = replication.problem, slice(0, replication.problem.n_peaks)
    evidence = term_evidence(problem, terms_of(problem), values, everything)
    found = peak_posterior(problem, terms_of(problem), evidence, everything)
    null = found.background + found.unlisted
    n_null = (rng.random(null.shape) < null).sum(axis=1).astype(np.float64)
    n_null[0] = replication.is_null.sum()
    return {
        "mean log mass scale": values["mass_log_scale"].mean(axis=1),  # known better than that of one injection
        "log likelihood": found.log_likelihood.sum(axis=1),
        "mean P(null)": null.mean(axis=1),
        "mean P(unlisted)": found.unlisted.mean(axis=1),
        "expected peaks of adduct 0": found.slot[:, problem.adduct == 0].sum(axis=1),
        "P(first slot of peak 0)": found.slot[:, 0],
        "number of nulls": n_null,
    }
