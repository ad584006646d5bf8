"""What other chromatographic systems have in common: factors of compounds and how each system weighs them.

A robust factor analysis with missing cells, by EM. RT as a share of the system's longest is a constant plus the
compound's factors weighted by the system, plus Student-t noise. Factors are predicted by molecular descriptors, and
weights are pooled over systems, so that a system with few compounds is taken for an ordinary one. Source: Tipping &
Bishop, J. R. Stat. Soc. B 61, 1999; Student-t noise by Lange et al., JASA 84, 1989.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compassign.models.student import NU
from compassign.units import BoolArray, FloatArray

MAX_FACTORS = 3  # general retention, and two of selectivity: more are not told apart by a few calibrants
N_ITERATIONS = 60  # changes of predictions are below the noise long before
NOISE_SHARE = 0.02  # of the longest RT: typical misfit before any data are seen
WEIGHT_SD = 0.05  # the same of the weights' differences between systems
PRIOR_COUNT = 3.0  # observations that each of these two is worth
FIRST_WEIGHT = 0.25  # general retention spreads compounds over a gradient


@dataclass(frozen=True)
class SystemFactors:
    """Posterior of the factors, and the systems' weights; n_weights = 1 + n_factors, the constant first.

    factors, covariance : (n_compounds, n_factors), (n_compounds, n_factors, n_factors). weights : (n_systems,
    n_weights). noise_variance : (n_systems,). centre, spread : (n_weights,), (n_weights, n_weights) mean and covariance
    of the weights over systems. residuals : (n_compounds, n_systems) what the factors leave, NaN where not measured.
    """

    factors: FloatArray
    covariance: FloatArray
    weights: FloatArray
    noise_variance: FloatArray
    centre: FloatArray
    spread: FloatArray
    residuals: FloatArray
    misfit: FloatArray

    @property
    def features(self) -> FloatArray:
        """(n_compounds, n_weights), what weights multiply."""
        return _with_one(self.factors)


@dataclass(frozen=True)
class _State:
    """Parameters of one iteration, the first four those of `SystemFactors`.

    slopes : (n_descriptors, n_factors) of factors on descriptors. left : (n_factors, n_factors) covariance of what they
    leave. certainty : (n_compounds, n_systems) Student-t weights of the cells.
    """

    weights: FloatArray
    noise_variance: FloatArray
    centre: FloatArray
    spread: FloatArray
    slopes: FloatArray
    left: FloatArray
    certainty: FloatArray


def fit_factors(rt_share: FloatArray, descriptors: FloatArray) -> SystemFactors:
    """Learn factors and weights.

    rt_share : (n_compounds, n_systems) RT as a share of the system's longest, NaN where not measured; every system has
    at least one. descriptors : (n_compounds, n_descriptors) standardised, NaN rows where a structure is unknown.
    """
    is_seen = np.isfinite(rt_share).any(axis=1)
    known, given = rt_share[is_seen], np.nan_to_num(descriptors)
    lacks = ~np.isfinite(descriptors).all(axis=1)
    state = _first_state(known, descriptors.shape[1])
    for _ in range(N_ITERATIONS):
        factors, covariance = _expect(known, given[is_seen], lacks[is_seen], state)
        state = _maximise(known, given[is_seen], factors, covariance, state)
    factors, covariance = given @ state.slopes, _prior_covariance(given, lacks, state)
    factors[is_seen], covariance[is_seen] = _expect(known, given[is_seen], lacks[is_seen], state)
    residuals = rt_share - _with_one(factors) @ state.weights.T
    squared = np.nansum(residuals[is_seen] ** 2 / state.noise_variance, axis=1)
    misfit = np.ones(len(rt_share))
    misfit[is_seen] = (NU + squared) / (NU + np.isfinite(known).sum(axis=1))
    return SystemFactors(
        factors=factors,
        covariance=covariance,
        weights=state.weights,
        noise_variance=state.noise_variance,
        centre=state.centre,
        spread=state.spread,
        residuals=residuals,
        misfit=misfit,
    )


def squared_along(directions: FloatArray, covariance: FloatArray) -> FloatArray:
    """Variance along each direction: (m, k) directions, (n, k, k) covariances, (m, n)."""
    outer = directions[:, :, None] * directions[:, None, :]
    return np.tensordot(outer, covariance, axes=([1, 2], [1, 2]))


def _with_one(factors: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(factors)), factors])


def _first_state(rt_share: FloatArray, n_descriptors: int) -> _State:
    """Principal axes of the measured cells, with the others at their system's mean."""
    n_systems = rt_share.shape[1]
    n_factors = min(MAX_FACTORS, n_systems)
    mean = np.nanmean(rt_share, axis=0)
    axes = np.linalg.svd(np.nan_to_num(rt_share - mean), full_matrices=False)[2][:n_factors]
    axes = axes * np.where(axes.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    loadings = np.zeros((n_systems, n_factors))
    loadings[:, : len(axes)] = WEIGHT_SD * np.sqrt(n_systems) * axes.T
    loadings[:, 0] = FIRST_WEIGHT
    weights = np.column_stack([mean, loadings])
    return _State(
        weights=weights,
        noise_variance=np.full(n_systems, FIRST_WEIGHT**2),  # no system is believed before it is known
        centre=weights.mean(axis=0),
        spread=np.eye(1 + n_factors),
        slopes=np.zeros((n_descriptors, n_factors)),
        left=np.eye(n_factors),
        certainty=np.ones(rt_share.shape),
    )


def _prior_covariance(descriptors: FloatArray, lacks: BoolArray, state: _State) -> FloatArray:
    """(n_compounds, n_factors, n_factors): wider where no structure says what descriptors would."""
    explained = np.atleast_2d(np.cov(descriptors[~lacks] @ state.slopes, rowvar=False)) if (~lacks).sum() > 1 else 0.0
    return np.asarray(np.where(lacks[:, None, None], state.left + explained, state.left))


def _expect(
    rt_share: FloatArray, descriptors: FloatArray, lacks: BoolArray, state: _State
) -> tuple[FloatArray, FloatArray]:
    """Posterior mean and covariance of each compound's factors."""
    loadings, is_measured = state.weights[:, 1:], np.isfinite(rt_share)
    precision = is_measured * state.certainty / state.noise_variance  # (n_compounds, n_systems)
    prior = np.linalg.inv(_prior_covariance(descriptors, lacks, state))
    covariance = np.linalg.inv(prior + np.tensordot(precision, loadings[:, :, None] * loadings[:, None, :], axes=1))
    pull = np.einsum("nkl,nl->nk", prior, descriptors @ state.slopes)
    pull += (precision * np.nan_to_num(rt_share - state.weights[:, 0])) @ loadings
    return np.einsum("nkl,nl->nk", covariance, pull), covariance


def _maximise(
    rt_share: FloatArray, descriptors: FloatArray, factors: FloatArray, covariance: FloatArray, state: _State
) -> _State:
    """Weights of each system around their centre, then what describes them all."""
    is_measured, n_weights = np.isfinite(rt_share), state.weights.shape[1]
    features = _with_one(factors)
    second = features[:, :, None] * features[:, None, :]
    second[:, 1:, 1:] += covariance
    precision = is_measured * state.certainty / state.noise_variance
    prior = np.linalg.inv(state.spread)
    # (n_systems, n_weights, n_weights)
    of_weights = np.linalg.inv(np.tensordot(precision.T, second, axes=1) + prior)
    pull = (precision * np.nan_to_num(rt_share)).T @ features + prior @ state.centre
    weights = np.einsum("jkl,jl->jk", of_weights, pull)
    centre = weights.mean(axis=0)
    apart = weights - centre
    scatter = apart.T @ apart + of_weights.sum(axis=0) + PRIOR_COUNT * WEIGHT_SD**2 * np.eye(n_weights)
    variance = squared_along(weights[:, 1:], covariance).T
    squared = np.where(is_measured, np.nan_to_num(rt_share - features @ weights.T) ** 2 + variance, 0.0)
    noise = (state.certainty * squared).sum(axis=0) + PRIOR_COUNT * NOISE_SHARE**2
    noise = noise / (is_measured.sum(axis=0) + PRIOR_COUNT)
    # descriptors together are worth as much as what they leave, before any data are seen
    n_descriptors = descriptors.shape[1]
    slopes = np.linalg.solve(
        descriptors.T @ descriptors + n_descriptors * np.eye(n_descriptors), descriptors.T @ factors
    )
    left = factors - descriptors @ slopes
    return _State(
        weights=weights,
        noise_variance=noise,
        centre=centre,
        spread=scatter / (len(weights) + PRIOR_COUNT),
        slopes=slopes,
        left=(left.T @ left + covariance.sum(axis=0)) / len(factors),
        certainty=(NU + 1) / (NU + squared / noise),
    )
