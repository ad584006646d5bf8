"""The RT stage: a hierarchical regression on the calibrants that predicts every compound's RT in every species."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from compassign.candidates import RtPredictions
from compassign.chemistry.descriptors import descriptors
from compassign.data.dataset import Dataset
from compassign.models.rt_density import rt_span_min
from compassign.models.student import NU
from compassign.models.terms.base import Values
from compassign.units import BoolArray, FloatArray, IntArray

NOISE_SHARE = 0.005  # of the RT span: a peak's apex repeats within about half a percent of the gradient
NOISE_WIDTH = 0.5  # log-normal: within a factor of 2.7 of that
ERROR_SHARE = 0.05  # of the RT span: SD of a prediction that states none
NO_COVARIATE_SHARE = 0.25  # the same where nothing is known of structures: compounds elute anywhere
SHIFT_SHARE = 0.05  # of the RT span: matrices and clusters shift a compound by a few percent
OWN_SD_WIDTH, UNKNOWN_SD_WIDTH = 0.3, 1.0  # log-normal: how far the SD of a prediction's error may be off
POOL_WIDTH = 0.7  # log-normal, so that the pooled SDs stay off zero, where centred effects form a funnel
LIBRARY_COLUMNS = frozenset(
    "compound_id name formula exact_mass charge inchikey smiles rt_pred_min rt_pred_sd_min known_in".split()
)


@dataclass(frozen=True)
class RetentionDesign:
    """Calibrants and covariates; span_min is the width of the RT axis in minutes.

    base_min, error_sd_min : (n_compounds,) the library's own prediction (0 if it has none) and the SD of its error.
    covariates : (n_compounds, n_covariates) standardised, NaN rows where a compound cannot be predicted.
    rt_min, compound, species, injection : (n_calibrants,) observed RTs and indices.
    cluster_of_species : (n_species,). has_own : the library brings its predictions.
    """

    base_min: FloatArray
    error_sd_min: FloatArray
    covariates: FloatArray
    covariate_names: tuple[str, ...]
    rt_min: FloatArray
    compound: IntArray
    species: IntArray
    injection: IntArray
    species_names: tuple[str, ...]
    cluster_names: tuple[str, ...]
    cluster_of_species: IntArray
    injection_names: tuple[str, ...]
    span_min: float
    has_own: bool

    @property
    def repeated(self) -> IntArray:
        """Library indices of the calibrant compounds seen more than once, ascending."""
        compounds, counts = np.unique(self.compound, return_counts=True)
        return compounds[counts > 1]

    @property
    def is_predictable(self) -> BoolArray:
        """(n_compounds,) whether the covariates of a compound are known."""
        return np.isfinite(self.covariates).all(axis=1)


def build_design(dataset: Dataset) -> RetentionDesign:
    """Covariates of the library and what is known of RTs: calibrants, and labels that name one compound.

    `dataset.labels` are those that the fit may see. Compounds without covariates are left out.
    """
    peaks, calibrants = dataset.peaks, _known_rts(dataset)
    own = dataset.compounds["rt_pred_min"].to_numpy(dtype=np.float64)
    has_own = bool(np.isfinite(own).any())
    span = rt_span_min(np.concatenate([peaks["rt_min"].to_numpy(dtype=np.float64), calibrants["rt_min"]]))
    covariates, names = _own_covariate(own, span) if has_own else _descriptor_covariates(dataset.compounds)
    error_share = ERROR_SHARE if names else NO_COVARIATE_SHARE
    stated_sd = dataset.compounds["rt_pred_sd_min"].to_numpy(dtype=np.float64)
    positions = {compound_id: row for row, compound_id in enumerate(dataset.compounds["compound_id"])}
    compound = np.array([positions[value] for value in calibrants["compound_id"]], dtype=np.int64)
    species_names = tuple(sorted(set(peaks["species"])))
    # a calibrant's species may stand in the injections table only: nothing is predicted there
    usable = np.isfinite(covariates).all(axis=1)[compound] & calibrants["species"].isin(species_names).to_numpy()
    clusters = [dataset.species_clusters[name] for name in species_names]
    cluster_names = tuple(sorted(set(clusters)))
    injections = calibrants["injection"].where(calibrants["injection"] != "", calibrants["species"])[usable]
    injection_names = tuple(sorted(set(injections)))
    return RetentionDesign(
        base_min=np.nan_to_num(own) if has_own else np.zeros_like(own),
        error_sd_min=np.where(np.isfinite(stated_sd) & has_own, stated_sd, error_share * span),
        covariates=covariates,
        covariate_names=names,
        rt_min=calibrants["rt_min"].to_numpy(dtype=np.float64)[usable],
        compound=compound[usable],
        species=np.searchsorted(species_names, calibrants["species"].to_numpy(dtype=np.str_)[usable]).astype(np.int64),
        injection=np.searchsorted(injection_names, injections.to_numpy(dtype=np.str_)).astype(np.int64),
        species_names=species_names,
        cluster_names=cluster_names,
        cluster_of_species=np.searchsorted(cluster_names, clusters).astype(np.int64),
        injection_names=injection_names,
        span_min=span,
        has_own=has_own,
    )


def _known_rts(dataset: Dataset) -> pd.DataFrame:
    """Calibrants and labelled peaks: species, injection ("" = any), compound_id, rt_min."""
    named = {peak_id: next(iter(answer)) for peak_id, answer in dataset.labels.items() if len(answer) == 1}
    labelled = dataset.peaks[dataset.peaks["peak_id"].isin(list(named))]
    labelled = labelled.assign(compound_id=labelled["peak_id"].map(named))
    columns = ["species", "injection", "compound_id", "rt_min"]
    tables = [table[columns] for table in (dataset.calibrants, labelled) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else dataset.calibrants


def _own_covariate(own: FloatArray, span: float) -> tuple[FloatArray, tuple[str, ...]]:
    """The library's prediction itself, centred, in spans: its coefficient stretches the whole axis."""
    return ((own - np.nanmean(own)) / span)[:, None], ("rt_pred_min",)


def _descriptor_covariates(compounds: pd.DataFrame) -> tuple[FloatArray, tuple[str, ...]]:
    """Descriptors from SMILES and the library's own numeric columns, standardised; constant ones left out."""
    own = compounds[[column for column in compounds if column not in LIBRARY_COLUMNS]].select_dtypes("number")
    table = pd.concat([descriptors(compounds["smiles"].tolist()).reset_index(drop=True), own], axis=1)
    table = table.loc[:, table.std() > 0]
    standardised = (table - table.mean()) / table.std()
    return standardised.to_numpy(dtype=np.float64), tuple(table.columns)


def build_retention_model(design: RetentionDesign) -> pm.Model:
    """The PyMC model of the calibrants' RTs; effects exist only where there is more than one of a kind.

    The prediction error of a compound seen once cannot be told from noise and is integrated out.
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
        mean = pm.Normal("intercept_min", centre, shift if design.has_own else span / 4)
        mean = mean + design.base_min[design.compound]
        if design.covariate_names:
            slope_sd = shift if design.has_own else pm.LogNormal("slope_sd_min", np.log(2 * shift), POOL_WIDTH)
            slope = pm.Normal("slope_min", 0.0, slope_sd, dims="covariate")
            mean += design.covariates[design.compound] @ slope
        if len(design.cluster_names) > 1:
            mean += _pooled("cluster", shift / 2)[design.cluster_of_species[design.species]]
        if len(design.species_names) > 1:
            mean += _pooled("species", shift / 2)[design.species]
        if len(design.injection_names) > 1:
            mean += _pooled("injection", NOISE_SHARE * span)[design.injection]
        error_scale = pm.LogNormal("error_scale", 0.0, OWN_SD_WIDTH if design.has_own else UNKNOWN_SD_WIDTH)
        error_sd = error_scale * design.error_sd_min[design.compound]
        if design.repeated.size:
            repeated_sd = error_scale * design.error_sd_min[design.repeated]
            error = pm.Normal("error_min", 0.0, repeated_sd, dims="repeated_compound")
            index = np.searchsorted(design.repeated, design.compound[is_repeated])
            mean = mean[np.flatnonzero(is_repeated)].inc(error[index])
        noise = pm.LogNormal("noise_min", np.log(NOISE_SHARE * span), NOISE_WIDTH)
        scale = pt.sqrt(noise**2 + pt.switch(is_repeated, 0.0, error_sd) ** 2)
        pm.StudentT("rt_min", nu=NU, mu=mean, sigma=scale, observed=design.rt_min)
    return model


def _pooled(dim: str, typical_min: float) -> Any:
    """Centred effects `<dim>_min` that sum to zero, minutes; every one of them is seen by many calibrants."""
    sd = pm.LogNormal(f"{dim}_sd_min", np.log(typical_min), POOL_WIDTH)
    return pm.ZeroSumNormal(f"{dim}_min", sigma=sd, dims=dim)


def hyperparameters(design: RetentionDesign) -> tuple[str, ...]:
    """Names of the free variables that the convergence verdict judges."""
    names = ["intercept_min", "error_scale", "noise_min"]
    names += ["slope_min"] if design.covariate_names else []
    names += ["slope_sd_min"] if design.covariate_names and not design.has_own else []
    names += ["cluster_sd_min", "cluster_min"] if len(design.cluster_names) > 1 else []
    names += ["species_sd_min", "species_min"] if len(design.species_names) > 1 else []
    names += ["injection_sd_min", "injection_min"] if len(design.injection_names) > 1 else []
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
    means, sds = [], []
    for species in range(len(design.species_names)):
        level = values["intercept_min"] + _species_shift(design, values, species)
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
    """Prediction errors of the compounds that calibrants have seen: draws (n_draws, n_seen), variance beside them
    (n_seen,).

    A compound seen once divides its residual between error and noise by their variances.
    """
    seen, position = np.unique(design.compound, return_inverse=True)
    shifts = np.stack([_species_shift(design, values, index) for index in range(len(design.species_names))])
    mean = design.base_min[design.compound] + values["intercept_min"][:, None] + shifts.T[:, design.species]
    mean = mean + _slopes(values) @ design.covariates[design.compound].T  # (n_draws, n_calibrants)
    if "injection_min" in values:
        mean = mean + values["injection_min"][:, design.injection]
    noise = values["noise_min"][:, None]
    sd = values["error_scale"][:, None] * design.error_sd_min[design.compound]
    share = sd**2 / (sd**2 + noise**2)
    error = np.empty((noise.size, seen.size))
    error[:, position] = share * (design.rt_min - mean)
    variance = np.empty(seen.size)
    variance[position] = (share * noise**2).mean(axis=0)
    if design.repeated.size:
        repeated = np.searchsorted(seen, design.repeated)
        error[:, repeated], variance[repeated] = values["error_min"], 0.0
    return error, variance


def _slopes(values: Values) -> FloatArray:
    """(n_draws, n_covariates); without covariates there is no such variable."""
    return values.get("slope_min", np.empty((values["intercept_min"].size, 0)))


def _species_shift(design: RetentionDesign, values: Values, species: int) -> FloatArray:
    """(n_draws,) shift of one species against the average: its cluster's and its own."""
    shift = np.zeros(values["intercept_min"].shape)
    if "cluster_min" in values:
        shift = shift + values["cluster_min"][:, design.cluster_of_species[species]]
    if "species_min" in values:
        shift = shift + values["species_min"][:, species]
    return shift
