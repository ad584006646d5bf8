"""The RT stage: a hierarchical regression on the calibrants that predicts every compound's RT in every species.

The eluents of the two polarities may differ, and then acids and bases differ in their RTs. So a compound has an RT in
each polarity, half a difference above and below its own; how large differences are is learned beforehand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.candidates import RtPredictions
from compassign.models.retention_design import NOISE_SHARE, UNKNOWN_POLARITY, RetentionDesign
from compassign.models.student import NU
from compassign.models.terms.base import Values, add_dimension
from compassign.tables import POLARITIES
from compassign.units import BoolArray, FloatArray, IntArray

NOISE_WIDTH = 0.5  # log-normal: within a factor of 2.7 of that
SHIFT_SHARE = 0.05  # of the RT span: matrices and clusters shift a compound by a few percent
OWN_SD_WIDTH, UNKNOWN_SD_WIDTH = 0.3, 1.0  # log-normal: how far the SD of a prediction's error may be off
POOL_WIDTH = 0.5  # log-normal, so that the pooled SDs stay off zero, where centred effects form a funnel


def build_retention_model(design: RetentionDesign) -> pm.Model:
    """The PyMC model of the calibrants' RTs; effects exist only where there is more than one of a kind.

    The prediction error of a compound seen once cannot be told from noise and is integrated out. A compound seen more
    often has its own RT as a variable: its measurements pin that, while its error moves with every coefficient. That
    is its RT in the one polarity in which it was seen; of a compound seen in both, the difference is a variable too.
    """
    with pm.Model() as model:
        _add_dimensions(design)
        shift = pm.Data("shift_min", np.asarray(min(SHIFT_SHARE * design.span_min, design.alignment.sd_min)))
        log_shift = pm.Data("log_shift", np.log(2 * SHIFT_SHARE * design.span_min))
        centre = pm.Data("centre_min", np.asarray(0.0 if design.has_own else design.rt_min.mean()))
        quarter = pm.Data("quarter_span_min", np.asarray(design.span_min / 4))
        intercept = pm.Normal("intercept_min", centre, shift if design.has_own else quarter)
        slope = None
        if design.covariate_names:
            slope_sd = shift if design.has_own else pm.LogNormal("slope_sd_min", log_shift, POOL_WIDTH)
            slope = pm.Normal("slope_min", 0.0, slope_sd, dims="covariate")
        width = min(OWN_SD_WIDTH, design.alignment.log_scale_sd) if design.has_own else UNKNOWN_SD_WIDTH
        error_scale = pm.LogNormal("error_scale", 0.0, pm.Data("error_scale_width", np.asarray(width)))
        noise = pm.LogNormal("noise_min", pm.Data("log_noise", np.log(NOISE_SHARE * design.span_min)), NOISE_WIDTH)
        polarity_sd = pm.Data("polarity_sd_min", np.asarray(design.polarity_sd_min))
        mean = _level("calibrant", design.compound, intercept, slope, design)
        if design.repeated.size:
            repeated = _repeated_compounds(intercept, slope, error_scale, polarity_sd, design)
            index = pm.Data("calibrant_repeated", np.searchsorted(design.repeated, design.compound))
            mean = pt.switch(pm.Data("is_repeated", _is_repeated(design)), repeated[index], mean)
        if design.in_both.size:
            index = pm.Data("calibrant_in_both", np.searchsorted(design.in_both, design.compound))
            half = pm.Data("half", np.where(np.isin(design.compound, design.in_both), design.half, 0.0))
            difference = pm.StudentT("difference_min", nu=NU, mu=0.0, sigma=polarity_sd, dims="compound_in_both")
            mean += half * pt.concatenate([difference, np.zeros(1)])[index]
        mean += _shifts(design)
        own_sd = np.where(_is_repeated(design), 0.0, design.error_sd_min[design.compound])
        error_sd = error_scale * pm.Data("calibrant_error_sd_min", own_sd)
        of_polarity = pm.Data("has_own_difference", np.where(_is_repeated(design), design.half == 0.0, 1.0))
        observed = pm.Data("calibrant_rt_min", design.rt_min)
        pm.StudentT(
            "rt_min",
            nu=NU,
            mu=mean,
            sigma=pt.sqrt(noise**2 + error_sd**2 + of_polarity * polarity_sd**2 / 4),
            observed=observed,
        )
    return model


def _add_dimensions(design: RetentionDesign) -> None:
    """The dimensions of the active model's variables."""
    dimensions = {
        "covariate": design.covariate_names,
        "species": design.species_names,
        "cluster": design.cluster_names,
        "injection": design.injection_names,
        "repeated_compound": tuple(design.repeated.tolist()),
        "compound_in_both": tuple(design.in_both.tolist()),
    }
    for name, labels in dimensions.items():
        add_dimension(name, labels)


def _is_repeated(design: RetentionDesign) -> BoolArray:
    """(n_calibrants,) whether the compound of a calibrant has its own RT as a variable."""
    return np.isin(design.compound, design.repeated)


def _is_in_one(compounds: IntArray, design: RetentionDesign) -> BoolArray:
    """(n,) whether compounds that calibrants have seen were seen in one and known polarity."""
    unknown = design.compound[design.polarity == UNKNOWN_POLARITY]
    return ~np.isin(compounds, np.concatenate([design.in_both, unknown]))


def _level(name: str, compounds: IntArray, intercept: Any, slope: Any, design: RetentionDesign) -> Any:
    """What covariates say of the RT of some compounds, (n,) minutes.

    As a sum of products: a matrix product would take ten seconds to compile and saves nothing at this size.
    """
    level = pm.Data(f"{name}_base_min", design.base_min[compounds]) + intercept
    if slope is None:
        return level
    covariates = pm.Data(f"{name}_covariates", design.covariates[compounds])
    return level + (covariates * slope).sum(axis=1)


def _repeated_compounds(intercept: Any, slope: Any, error_scale: Any, polarity_sd: Any, design: RetentionDesign) -> Any:
    """RT of each compound that calibrants have seen more than once, (n_repeated,) minutes."""
    level = _level("repeated", design.repeated, intercept, slope, design)
    sd = error_scale * pm.Data("repeated_error_sd_min", design.error_sd_min[design.repeated])
    in_one = pm.Data("is_in_one", 1.0 * _is_in_one(design.repeated, design))
    sd = pt.sqrt(sd**2 + in_one * polarity_sd**2 / 4)
    # one more, so that an index of a compound that is not repeated points somewhere
    return pt.concatenate([pm.Normal("compound_min", level, sd, dims="repeated_compound"), np.zeros(1)])


def _shifts(design: RetentionDesign) -> Any:
    """Shift of each calibrant's injection against their average, (n_calibrants,), minutes.

    Each level is centred on the one above it, cluster, species, injection, because only their sum is seen.
    """
    shift: Any = None  # of each species
    if design.has_clusters:
        cluster = pm.ZeroSumNormal("cluster_min", sigma=_pooled_sd("cluster", design), dims="cluster")
        shift = cluster[pm.Data("cluster_of_species", design.cluster_of_species)]
    if design.has_injections:
        if design.has_species:
            shift = pm.Normal(
                "species_min", 0.0 if shift is None else shift, _pooled_sd("species", design), dims="species"
            )
        centre = 0.0 if shift is None else shift[pm.Data("species_of_injection", design.species_of_injection)]
        return _seen_shifts("injection", centre, design)[pm.Data("calibrant_injection", design.injection)]
    if design.has_species:
        centre = 0.0 if shift is None else shift
        return _seen_shifts("species", centre, design)[pm.Data("calibrant_species", design.species)]
    return 0.0


def _seen_shifts(level: str, centre: Any, design: RetentionDesign) -> Any:
    """Shifts `<level>_min` of the level that the calibrants see, which sum to zero and lie around `centre`.

    Their common part could as well be the compounds', and left free it would be a ridge that no step size fits.
    """
    width = pm.Data("span_min", np.asarray(design.span_min))
    shift = pm.ZeroSumNormal(f"{level}_min", sigma=width, dims=level)
    spread = pm.Normal.dist(centre, _pooled_sd(level, design))
    pm.Potential(f"{level}_prior", pm.logp(spread, shift))
    return shift


def _pooled_sd(level: str, design: RetentionDesign) -> Any:
    """SD of the shifts of one level, minutes."""
    typical = NOISE_SHARE if level == "injection" else SHIFT_SHARE / 2
    return pm.LogNormal(f"{level}_sd_min", pm.Data(f"log_{level}_sd", np.log(typical * design.span_min)), POOL_WIDTH)


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
    shape = (len(design.species_names), len(POLARITIES), design.base_min.size)
    known = design.is_predictable & design.has_own
    return RtPredictions(
        mean_min=np.broadcast_to(np.where(known, design.base_min, np.nan), shape).copy(),
        sd_min=np.broadcast_to(np.where(known, design.error_sd_min, np.nan), shape).copy(),
        noise_sd_min=NOISE_SHARE * design.span_min,
    )


def predict(design: RetentionDesign, values: Values) -> RtPredictions:
    """Posterior predictive mean and SD of every compound's RT in every species and polarity, without injection drift
    and noise.

    values : the free variables of the RT stage, each (n_draws, ...). A compound that no calibrant has seen keeps the
    whole SD of a prediction's error; one that has been seen keeps what the calibrants left of it, more of it in a
    polarity in which it has not been seen.
    """
    with_one = np.column_stack([np.ones(design.base_min.size), design.covariates])
    new_variance = np.mean(values["error_scale"] ** 2) * design.error_sd_min**2 + design.polarity_sd_min**2 / 4
    seen = np.unique(design.compound)
    error, error_variance = _seen_errors(design, values)
    shifts = _species_shifts(design, values)
    shape = (len(design.species_names), len(POLARITIES), design.base_min.size)
    means, variances = np.empty(shape), np.empty(shape)
    for species in range(len(design.species_names)):
        level = values["intercept_min"] + shifts[:, species]
        coefficients = np.column_stack([level, _slopes(values)])  # (n_draws, 1 + n_covariates)
        covariance = np.atleast_2d(np.cov(coefficients, rowvar=False))
        means[species] = design.base_min + with_one @ coefficients.mean(axis=0)
        variances[species] = np.einsum("ij,jk,ik->i", with_one, covariance, with_one) + new_variance
        drawn = (design.base_min[seen] + coefficients @ with_one[seen].T)[:, None] + error  # (n_draws, 2, n_seen)
        means[species][:, seen], variances[species][:, seen] = drawn.mean(axis=0), drawn.var(axis=0) + error_variance
    return RtPredictions(means, np.sqrt(variances), float(values["noise_min"].mean()))


def _seen_errors(design: RetentionDesign, values: Values) -> tuple[FloatArray, FloatArray]:
    """Prediction errors of the calibrants' compounds in each polarity: draws (n_draws, 2, n_seen), and the variance
    beside them (2, n_seen).

    A compound seen once divides its residual between error and noise by their variances. The errors in two polarities
    have a bivariate normal law: its error in one tells the other as far as they are correlated.
    """
    seen, position = np.unique(design.compound, return_inverse=True)
    level = values["intercept_min"][:, None] + _slopes(values) @ design.covariates[seen].T
    level = level + design.base_min[seen]  # (n_draws, n_seen)
    mean = level[:, position] + _calibrant_shifts(design, values)  # (n_draws, n_calibrants)
    noise, quarter = values["noise_min"][:, None] ** 2, design.polarity_sd_min**2 / 4
    middle = (values["error_scale"][:, None] * design.error_sd_min[seen]) ** 2  # of the mean of the polarities
    in_one = middle + quarter
    is_in_one = _is_in_one(seen, design)
    own = np.where(is_in_one, in_one, middle)
    share = own / (in_one + noise)
    error = np.empty((noise.size, seen.size))
    error[:, position] = share[:, position] * (design.rt_min - mean)
    variance = own * (1.0 - share)
    if design.repeated.size:
        repeated = np.searchsorted(seen, design.repeated)
        error[:, repeated], variance[:, repeated] = values["compound_min"] - level[:, repeated], 0.0
    correlation = (middle - quarter) / in_one
    other, left = correlation * error, correlation**2 * variance + (1.0 - correlation**2) * in_one
    polarity = np.zeros(seen.size, dtype=np.int64)
    polarity[position] = design.polarity  # of a compound in one polarity
    is_here = ~is_in_one | (polarity == np.arange(len(POLARITIES))[:, None])
    errors = np.where(is_here, error[:, None], other[:, None])
    variance += np.where(is_in_one, 0.0, quarter)
    variances = np.where(is_here, variance[:, None], left[:, None]).mean(axis=0)
    if design.in_both.size:
        both = np.searchsorted(seen, design.in_both)
        half = values["difference_min"][:, None] * np.array([0.5, -0.5])[:, None]
        errors[:, :, both], variances[:, both] = error[:, None, both] + half, 0.0
    return errors, variances


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
