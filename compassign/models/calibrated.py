"""Baseline `calibrated`: Bayesian logistic regression on peak-candidate pairs, then temperature scaling."""

from __future__ import annotations

import numpy as np
import pymc as pm
from scipy.optimize import minimize_scalar

from compassign.models.draws import Block, DrawSource
from compassign.models.labelled import LabelledPart, normalise
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.models.terms.presence import MAIN_ADDUCTS
from compassign.units import BoolArray, FloatArray

TYPICAL_PPM = 5.0  # a mass error of 5 ppm is one unit
TEMPERATURE_SHARE = 0.25  # of the labelled peaks, kept from the regression to fit the temperature
LOG_TEMPERATURE_LIMIT = 2.0
# name -> prior mean of the coefficient; the SD is 1. Gaussian errors give -1/2 a squared unit, minor adducts are rarer,
# and with more candidates each is less likely.
COEFFICIENTS = {
    "intercept": 1.0,
    "mass": 0.0,
    "mass_squared": -0.5,
    "rt": 0.0,
    "rt_squared": -0.5,
    "no_prediction": -1.0,
    "minor_adduct": -1.5,
    "known_in": 1.0,
    "log_n_candidates": -1.0,
}
HYPERPARAMETERS = ("coefficients",)


def pair_covariates(problem: AssignmentProblem) -> FloatArray:
    """(n_slots, n_covariates) in the order of `COEFFICIENTS`; errors are absolute and in typical units."""
    mass = np.abs(problem.ppm_error) / TYPICAL_PPM
    rt = np.abs(np.nan_to_num(problem.rt_z))
    is_main = np.array(
        [name in MAIN_ADDUCTS or name.startswith("[M]") for name in problem.adduct_names], dtype=np.bool_
    )
    n_candidates = np.diff(problem.offsets)[problem.peak_of_slot]
    columns = {
        "intercept": np.ones(problem.n_slots),
        "mass": mass,
        "mass_squared": mass**2,
        "rt": rt,
        "rt_squared": rt**2,
        "no_prediction": np.isnan(problem.rt_z),
        "minor_adduct": ~is_main[problem.adduct],
        "known_in": problem.is_known_in,
        "log_n_candidates": np.log(n_candidates),
    }
    return np.column_stack([columns[name].astype(np.float64) for name in COEFFICIENTS])


def build_calibrated_model(problem: AssignmentProblem, part: LabelledPart) -> pm.Model:
    """The PyMC model of the pairs: each slot of a labelled peak is right (named by the label) or wrong."""
    covariates = pair_covariates(problem)[part.slots]
    with pm.Model(coords={"covariate": list(COEFFICIENTS)}) as model:
        coefficients = pm.Normal("coefficients", np.array(list(COEFFICIENTS.values())), 1.0, dims="covariate")
        logit = covariates @ coefficients
        pm.Bernoulli("is_right", logit_p=logit, observed=part.slot_allowed.astype(np.int64))
    return model


def prior_location() -> dict[str, FloatArray]:
    """A single draw at the priors' means."""
    return {"coefficients": np.array(list(COEFFICIENTS.values()))[None]}


def temperature_peaks(problem: AssignmentProblem, rng: np.random.Generator) -> BoolArray:
    """(n_peaks,) the labelled peaks kept from the regression, drawn by their first candidate's compound.

    Peaks whose candidates begin with the same compound, such as those of one isomer family, stay on one side.
    """
    chosen = np.zeros(problem.n_peaks, dtype=np.bool_)
    has_slots = np.flatnonzero(problem.is_labelled & (np.diff(problem.offsets) > 0))
    family = problem.compound[problem.offsets[has_slots]]
    families = rng.permutation(np.unique(family))
    held_out = families[: int(np.ceil(TEMPERATURE_SHARE * families.size))]
    chosen[has_slots[np.isin(family, held_out)]] = True
    return chosen


def fit_temperature(problem: AssignmentProblem, part: LabelledPart, values: Values) -> float:
    """Temperature that minimises the log loss of held-out labels, within a factor of e^2 of 1; 1 without any.

    Source: Guo et al., ICML 2017.
    """
    if not part.peaks.size:
        return 1.0
    log_odds = pair_covariates(problem)[part.slots] @ values["coefficients"].mean(axis=0)

    def log_loss(log_temperature: float) -> float:
        scaled = log_odds / np.exp(log_temperature)
        n_peaks = part.peaks.size
        odds = np.exp(scaled)
        named = np.bincount(part.peak_of_slot, weights=odds * part.slot_allowed, minlength=n_peaks) + part.null_allowed
        total = np.bincount(part.peak_of_slot, weights=odds, minlength=n_peaks) + 1.0
        return float(-np.mean(np.log(named / total)))

    found = minimize_scalar(log_loss, bounds=(-LOG_TEMPERATURE_LIMIT, LOG_TEMPERATURE_LIMIT), method="bounded")
    return float(np.exp(found.x))


def calibrated_source(
    problem: AssignmentProblem, values: Values, temperature: float, shape: tuple[int, int]
) -> DrawSource:
    """Draws of `p` for every peak: the pairs' odds, against odds of 1 for the null, sharpened by the temperature."""
    covariates = pair_covariates(problem)

    def block(peaks: slice) -> Block:
        slots = slice(int(problem.offsets[peaks.start]), int(problem.offsets[peaks.stop]))
        log_odds = values["coefficients"] @ covariates[slots].T / temperature
        slot, null = normalise(problem, log_odds, np.zeros(log_odds.shape[0]), peaks)
        return Block(slot, null, np.zeros_like(null), {"pair": log_odds.mean(axis=0)})

    return DrawSource(problem.offsets, *shape, block)
