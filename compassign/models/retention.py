"""The RT stage: a hierarchical regression on the calibrants that predicts every compound's RT in every species."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.candidates import RtPredictions
from compassign.models.retention_design import RetentionDesign
from compassign.models.student import NU
from compassign.models.terms.base import Values
from compassign.units import FloatArray

NOISE_SHARE = 0.005  # of the RT span: a peak's apex repeats within about half a percent of the gradient
NOISE_WIDTH = 0.5  # log-normal: within a factor of 2.7 of that
SHIFT_SHARE = 0.05  # of the RT span: matrices and clusters shift a compound by a few percent
OWN_SD_WIDTH, UNKNOWN_SD_WIDTH = 0.3, 1.0  # log-normal: how far the SD of a prediction's error may be off
POOL_WIDTH = 0.7  # log-normal, so that the pooled SDs stay off zero, where centred effects form a funnel


def build_retention_model(design: RetentionDesign) -> pm.Model:
    """The PyMC model of the calibrants' RTs; effects exist only where there is more than one of a kind.

    The prediction error of a compound seen once cannot be told from noise and is integrated out. A compound seen more
    often has its own RT as a variable: its measurements pin that, while its error moves with every coefficient.
    """
    span = design.span_min
    shift = SHIFT_SHARE * span
    coords = {
        "covariate": design.covariate_names,
        "species": design.species_names,
        "cluster": design.cluster_names,
        "injection": design.injection_names,
        "repeated_compound": design.repeated,
    }
    is_repeated = np.isin(design.compound, design.repeated)
    with pm.Model(coords=coords) as model:
        centre = 0.0 if design.has_own else float(design.rt_min.mean())
        level = design.base_min + pm.Normal("intercept_min", centre, shift if design.has_own else span / 4)
        if design.covariate_names:
            slope_sd = shift if design.has_own else pm.LogNormal("slope_sd_min", np.log(2 * shift), POOL_WIDTH)
            slope = pm.Normal("slope_min", 0.0, slope_sd, dims="covariate")
            level += np.nan_to_num(design.covariates) @ slope  # the row of an unpredictable compound is never read
        error_scale = pm.LogNormal("error_scale", 0.0, OWN_SD_WIDTH if design.has_own else UNKNOWN_SD_WIDTH)
        mean = level[design.compound]
        if design.repeated.size:
            repeated_sd = error_scale * design.error_sd_min[design.repeated]
            repeated = pm.Normal("compound_min", level[design.repeated], repeated_sd, dims="repeated_compound")
            index = np.searchsorted(design.repeated, design.compound[is_repeated])
            mean = mean[np.flatnonzero(is_repeated)].set(repeated[index])
        mean += _shifts(design)
        error_sd = error_scale * design.error_sd_min[design.compound]
        noise = pm.LogNormal("noise_min", np.log(NOISE_SHARE * span), NOISE_WIDTH)
        scale = pt.sqrt(noise**2 + pt.switch(is_repeated, 0.0, error_sd) ** 2)
        pm.StudentT("rt_min", nu=NU, mu=mean, sigma=scale, observed=design.rt_min)
    return model


def _shifts(design: RetentionDesign) -> Any:
    """Shift of each calibrant's injection against their average, (n_calibrants,), minutes.

    Each level is centred on the one above it, cluster, species, injection, because only their sum is seen.
    """
    shift = pt.zeros(len(design.species_names))
    if design.has_clusters:
        cluster = pm.ZeroSumNormal("cluster_min", sigma=_pooled_sd("cluster", design), dims="cluster")
        shift = cluster[design.cluster_of_species]
    if design.has_injections:
        if design.has_species:
            shift = pm.Normal("species_min", shift, _pooled_sd("species", design), dims="species")
        return _seen_shifts("injection", shift[design.species_of_injection], design)[design.injection]
    return _seen_shifts("species", shift, design)[design.species] if design.has_species else shift[design.species]


def _seen_shifts(level: str, centre: Any, design: RetentionDesign) -> Any:
    """Shifts `<level>_min` of the level that the calibrants see, which sum to zero and lie around `centre`.

    Their common part could as well be the compounds', and left free it would be a ridge that no step size fits.
    """
    shift = pm.ZeroSumNormal(f"{level}_min", sigma=design.span_min, dims=level)
    spread = pm.Normal.dist(centre, _pooled_sd(level, design))
    pm.Potential(f"{level}_prior", pm.logp(spread, shift))
    return shift


def _pooled_sd(level: str, design: RetentionDesign) -> Any:
    """SD of the shifts of one level, minutes."""
    typical = NOISE_SHARE if level == "injection" else SHIFT_SHARE / 2
    return pm.LogNormal(f"{level}_sd_min", np.log(typical * design.span_min), POOL_WIDTH)


def hyperparameters(design: RetentionDesign) -> tuple[str, ...]:
    """Names of the free variables that the convergence verdict judges."""
    names = ["intercept_min", "error_scale", "noise_min"]
    names += ["slope_min"] if design.covariate_names else []
    names += ["slope_sd_min"] if design.covariate_names and not design.has_own else []
    names += ["cluster_sd_min", "cluster_min"] if design.has_clusters else []
    names += ["species_sd_min", "species_min"] if design.has_species else []
    names += ["injection_sd_min", "injection_min"] if design.has_injections else []
    return tuple(names)


def untrained_predictions(design: RetentionDesign) -> RtPredictions:
    """Predictions without calibrants: the library's own with their stated SD, or none at all."""
    shape = (len(design.species_names), design.base_min.size)
    known = design.is_predictable & design.has_own
    return RtPredictions(
        mean_min=np.broadcast_to(np.where(known, design.base_min, np.nan), shape).copy(),
        sd_min=np.broadcast_to(np.where(known, design.error_sd_min, np.nan), shape).copy(),
        noise_sd_min=NOISE_SHARE * design.span_min,
    )


def predict(design: RetentionDesign, values: Values) -> RtPredictions:
    """Posterior predictive mean and SD of every compound's RT in every species, without injection drift and noise.

    values : the free variables of the RT stage, each (n_draws, ...). A compound that no calibrant has seen keeps the
    whole SD of a prediction's error; one that has been seen keeps what the calibrants left of it.
    """
    with_one = np.column_stack([np.ones(design.base_min.size), design.covariates])
    new_variance = np.mean(values["error_scale"] ** 2) * design.error_sd_min**2
    seen = np.unique(design.compound)
    error, error_variance = _seen_errors(design, values)
    shifts = _species_shifts(design, values)
    means, sds = [], []
    for species in range(len(design.species_names)):
        level = values["intercept_min"] + shifts[:, species]
        coefficients = np.column_stack([level, _slopes(values)])  # (n_draws, 1 + n_covariates)
        mean = design.base_min + with_one @ coefficients.mean(axis=0)
        covariance = np.atleast_2d(np.cov(coefficients, rowvar=False))
        variance = np.einsum("ij,jk,ik->i", with_one, covariance, with_one) + new_variance
        drawn = design.base_min[seen] + coefficients @ with_one[seen].T + error
        mean[seen], variance[seen] = drawn.mean(axis=0), drawn.var(axis=0) + error_variance
        means.append(mean)
        sds.append(np.sqrt(variance))
    return RtPredictions(np.stack(means), np.stack(sds), float(values["noise_min"].mean()))


def _seen_errors(design: RetentionDesign, values: Values) -> tuple[FloatArray, FloatArray]:
    """Prediction errors of the calibrants' compounds: draws (n_draws, n_seen), variance beside them (n_seen,).

    A compound seen once divides its residual between error and noise by their variances.
    """
    seen, position = np.unique(design.compound, return_inverse=True)
    level = values["intercept_min"][:, None] + _slopes(values) @ design.covariates[seen].T
    level = level + design.base_min[seen]  # (n_draws, n_seen)
    mean = level[:, position] + _calibrant_shifts(design, values)  # (n_draws, n_calibrants)
    noise = values["noise_min"][:, None]
    sd = values["error_scale"][:, None] * design.error_sd_min[design.compound]
    share = sd**2 / (sd**2 + noise**2)
    error = np.empty((noise.size, seen.size))
    error[:, position] = share * (design.rt_min - mean)
    variance = np.empty(seen.size)
    variance[position] = (share * noise**2).mean(axis=0)
    if design.repeated.size:
        repeated = np.searchsorted(seen, design.repeated)
        error[:, repeated], variance[repeated] = values["compound_min"] - level[:, repeated], 0.0
    return error, variance


def _slopes(values: Values) -> FloatArray:
    """(n_draws, n_covariates); without covariates there is no such variable."""
    return values.get("slope_min", np.empty((values["intercept_min"].size, 0)))


def _species_shifts(design: RetentionDesign, values: Values) -> FloatArray:
    """(n_draws, n_species) shift of a new injection of each species against the calibrants' average."""
    shift = np.zeros((values["intercept_min"].size, len(design.species_names)))
    shift = values["cluster_min"][:, design.cluster_of_species] if design.has_clusters else shift
    return values["species_min"] if design.has_species else shift


def _calibrant_shifts(design: RetentionDesign, values: Values) -> FloatArray:
    """(n_draws, n_calibrants) shift of each calibrant's injection against their average."""
    if design.has_injections:
        return values["injection_min"][:, design.injection]
    if design.has_species:
        return values["species_min"][:, design.species]
    return np.zeros((values["intercept_min"].size, design.rt_min.size))
