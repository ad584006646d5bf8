"""RTs measured on other chromatographic systems, projected to ours by the compounds whose RT is known on both.

Our weights of the systems' common factors are learned from the calibrants under a mixture of priors: our system is one
more like the others, or a close relative of any one of them, whose own deviations then hold here too. The
slope may change where RTs are expected early or late, as gradients are bent. Every prior gives a linear regression with
Student-t noise; its share is its marginal likelihood by Laplace's approximation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compassign.models.student import NU, log_density
from compassign.models.system_factors import PRIOR_COUNT, SystemFactors, fit_factors, squared_along
from compassign.units import FloatArray, IntArray

MIN_COMPOUNDS = 3  # of another system: with fewer it has no order to tell of
N_FOLDS = 10  # of the calibrants, so that ten or fewer are left out one by one
N_ITERATIONS = 20
RELATED_SHARE = 0.5  # that our system has a relative among the others
CLOSENESS = (0.5, 0.2, 0.07)  # of relatives, as a share of how much systems differ
STRETCH_SD, DELAY_SD = 0.3, 0.1  # gradients of relatives differ by a factor and a dead time, as shares
EARLY, LATE = (0.1, 0.3), (0.7, 0.9)  # quantiles of the expected RTs beyond which the slope may differ
BEND_SD = 0.3  # of its change at each of them, so that it hardly ever changes its sign


@dataclass(frozen=True)
class Projection:
    """Prediction of each compound on our system, minutes, NaN where nothing is known of it.

    mean_min, sd_min : (n_compounds,). That of a calibrant is made without it, so that it can be held against it.
    """

    mean_min: FloatArray
    sd_min: FloatArray


@dataclass(frozen=True)
class _Priors:
    """Normal priors of our weights, (n_priors, n_weights) each: constant, factors, the relative's deviation, bends.

    relative : (n_priors,) its system. knots : (n_priors, n_bends) expected RT shares at which slopes change. noise :
    (n_priors,) variance that is expected: the closer a relative, the less it does not share. log_share : (n_priors,).
    """

    mean: FloatArray
    covariance: FloatArray
    relative: IntArray
    knots: FloatArray
    noise: FloatArray
    log_share: FloatArray


@dataclass(frozen=True)
class _Compounds:
    """What regressions read of some compounds: features (n_priors, n, n_weights) and the covariance of their errors.

    factor_covariance : (n, n_factors, n_factors). unmeasured : (n_priors, n) variance of the relative's deviation where
    it was not measured. misfit : (n,) how much wider than usual a compound's errors are, as a variance.
    """

    features: FloatArray
    factor_covariance: FloatArray
    unmeasured: FloatArray
    misfit: FloatArray


@dataclass(frozen=True)
class _Regression:
    """Posterior under each prior: weights, their covariance, noise variance, and the share of the prior."""

    weights: FloatArray
    covariance: FloatArray
    noise_variance: FloatArray
    share: FloatArray


def project(others_min: FloatArray, descriptors: FloatArray, known_min: FloatArray, longest_min: float) -> Projection:
    """Predict the RT of compounds on our system.

    others_min : (n_compounds, n_systems) minutes, NaN where not measured. descriptors : (n_compounds, n_descriptors),
    NaN rows where a structure is unknown. known_min : (n_compounds,) RTs on our system, NaN where unknown.
    longest_min : our longest RT. Without another system or a known RT nothing is predicted.
    """
    others_min = others_min[:, np.isfinite(others_min).sum(axis=0) >= MIN_COMPOUNDS]
    described = np.isfinite(descriptors).all(axis=1) & (descriptors.shape[1] > 0)
    usable = np.isfinite(others_min).any(axis=1) | described
    calibrant = np.flatnonzero(usable & np.isfinite(known_min))
    nothing = np.full(len(known_min), np.nan)
    if not others_min.shape[1] or not calibrant.size:
        return Projection(nothing, nothing)
    longest = np.maximum(np.nanmax(others_min, axis=0), np.finfo(np.float64).tiny)
    systems = fit_factors(others_min / longest, descriptors)
    priors = _priors(systems)
    share = known_min / longest_min
    rows = np.flatnonzero(usable)
    mean, sd = nothing.copy(), nothing.copy()
    mean[rows], sd[rows] = _predict(_regress(systems, priors, calibrant, share), systems, priors, rows)
    fold = np.arange(calibrant.size) % N_FOLDS
    for left_out in range(min(N_FOLDS, calibrant.size)):
        others, own = calibrant[fold != left_out], calibrant[fold == left_out]
        mean[own], sd[own] = _predict(_regress(systems, priors, others, share), systems, priors, own)
    return Projection(mean * longest_min, sd * longest_min)


def _priors(systems: SystemFactors) -> _Priors:
    """One of the others, and each of them at each closeness."""
    n_common, n_weights = systems.features.shape[1], systems.features.shape[1] + 1 + len(EARLY + LATE)
    bends = np.zeros((n_weights, n_weights))
    bends[n_common + 1 :, n_common + 1 :] = BEND_SD**2 * np.eye(len(EARLY + LATE))
    spread, delay = np.zeros_like(bends), np.zeros_like(bends)
    spread[:n_common, :n_common] = systems.spread
    delay[0, 0] = DELAY_SD**2
    deviation = np.eye(n_weights)[n_common]  # which of the weights it is
    alone = np.finfo(np.float32).eps * np.diag(deviation)  # without a relative it is 0, but can be inverted
    means = [np.pad(systems.centre, (0, n_weights - n_common))]
    covariances, relatives, closenesses = [spread + alone + bends], [0], [1.0]
    for system, weights in enumerate(systems.weights):
        for closeness in CLOSENESS:
            mean = np.pad(weights, (0, n_weights - n_common)) + (1.0 - closeness) * deviation
            stretch = STRETCH_SD**2 * np.outer(mean, mean)
            means.append(mean)
            covariances.append(stretch + delay + closeness**2 * (spread + np.diag(deviation)) + bends)
            relatives.append(system)
            closenesses.append(closeness)
    related = np.full(len(means) - 1, RELATED_SHARE / (len(means) - 1))
    is_measured = np.isfinite(systems.residuals).any(axis=1)
    expected = systems.features[is_measured] @ np.array(means)[:, :n_common].T
    return _Priors(
        mean=np.array(means),
        covariance=np.array(covariances),
        relative=np.array(relatives),
        knots=np.quantile(expected, EARLY + LATE, axis=0).T,
        noise=float(np.median(systems.noise_variance)) * np.array(closenesses),
        log_share=np.log(np.append(1.0 - RELATED_SHARE, related)),
    )


def _compounds(systems: SystemFactors, priors: _Priors, rows: IntArray) -> _Compounds:
    """Features of some compounds under each prior."""
    deviation, n_common = systems.residuals[rows][:, priors.relative].T, systems.features.shape[1]  # (n_priors, n)
    common = np.broadcast_to(systems.features[rows], (len(priors.mean), rows.size, n_common))
    linear = np.concatenate([common, np.nan_to_num(deviation)[:, :, None]], axis=2)
    expected = np.einsum("pnk,pk->pn", linear, priors.mean[:, : n_common + 1])
    beyond = expected[:, :, None] - priors.knots[:, None, :]
    early, late = np.minimum(beyond[:, :, : len(EARLY)], 0.0), np.maximum(beyond[:, :, len(EARLY) :], 0.0)
    return _Compounds(
        features=np.concatenate([linear, early, late], axis=2),
        factor_covariance=systems.covariance[rows],
        unmeasured=np.where(np.isfinite(deviation), 0.0, systems.noise_variance[priors.relative][:, None]),
        misfit=systems.misfit[rows],
    )


def _input_variance(weights: FloatArray, compounds: _Compounds) -> FloatArray:
    """(n_priors, n) variance from what is not known of the compounds, bends apart."""
    last = 1 + compounds.factor_covariance.shape[1]
    loadings = weights[:, 1:last]
    return squared_along(loadings, compounds.factor_covariance) + weights[:, last, None] ** 2 * compounds.unmeasured


def _weight_variance(covariance: FloatArray, compounds: _Compounds) -> FloatArray:
    """(n_priors, n) variance from what is not known of our weights."""
    return np.asarray(((compounds.features @ covariance) * compounds.features).sum(axis=2))


def _regress(systems: SystemFactors, priors: _Priors, rows: IntArray, share: FloatArray) -> _Regression:
    """Our weights from some calibrants, under all priors at once, by EM over Student-t weights and noise."""
    compounds, observed = _compounds(systems, priors, rows), share[rows]
    precision = np.linalg.inv(priors.covariance)
    pull = np.einsum("pkl,pl->pk", precision, priors.mean)
    weights, covariance = priors.mean, priors.covariance
    noise, certainty = priors.noise, np.ones((len(weights), rows.size))
    residual, total = certainty, certainty
    for _ in range(N_ITERATIONS):
        own = noise[:, None] * compounds.misfit
        cell = certainty / (own + _input_variance(weights, compounds))
        weighted = compounds.features * cell[:, :, None]
        covariance = np.linalg.inv(weighted.transpose(0, 2, 1) @ compounds.features + precision)
        weights = np.einsum("pkl,pl->pk", covariance, np.einsum("pnk,n->pk", weighted, observed) + pull)
        inputs = _input_variance(weights, compounds)
        total = own + inputs
        residual = observed - np.einsum("pnk,pk->pn", compounds.features, weights)
        squared = residual**2 + _weight_variance(covariance, compounds)
        certainty = (NU + 1) / (NU + squared / total)
        of_noise = own / total
        explained = ((of_noise**2 * certainty * squared + of_noise * inputs) / compounds.misfit).sum(axis=1)
        noise = (explained + PRIOR_COUNT * priors.noise) / (rows.size + PRIOR_COUNT)
    log_scale = 0.5 * np.log(total)
    fit = log_density(residual / np.exp(log_scale), log_scale).sum(axis=1)
    fit -= 0.5 * PRIOR_COUNT * (np.log(noise / priors.noise) + priors.noise / noise)
    apart = weights - priors.mean
    fit -= 0.5 * np.einsum("pk,pkl,pl->p", apart, precision, apart)
    fit += 0.5 * (np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(precision)[1]) + priors.log_share
    relative = np.exp(fit - fit.max())
    return _Regression(weights, covariance, noise, relative / relative.sum())


def _predict(
    regression: _Regression, systems: SystemFactors, priors: _Priors, rows: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and scale of the mixture over priors, (n,) each."""
    compounds, weights, covariance = _compounds(systems, priors, rows), regression.weights, regression.covariance
    mean = np.einsum("pnk,pk->pn", compounds.features, weights)
    last = 1 + compounds.factor_covariance.shape[1]
    both = np.tensordot(covariance[:, 1:last, 1:last], compounds.factor_covariance, axes=([1, 2], [1, 2]))
    both += covariance[:, last, last][:, None] * compounds.unmeasured
    variance = regression.noise_variance[:, None] * compounds.misfit + _input_variance(weights, compounds)
    variance += _weight_variance(covariance, compounds) + both
    centre = regression.share @ mean
    return centre, np.sqrt(regression.share @ (variance + (mean - centre) ** 2))
