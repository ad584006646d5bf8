"""Data sets drawn from the model and its prior, each decided as a run decides: what the run says, and what is true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from prior_fits import fitted_replications
from prior_peaks import Replication, World

from compassign.candidates import Candidates
from compassign.config import SamplerConfig
from compassign.data.dataset import Answers
from compassign.decisions.fdr import decide
from compassign.evaluation.metrics import Predictions
from compassign.evaluation.views import PeakGroups
from compassign.inference.draws import ModelFit
from compassign.models.problem import AssignmentProblem
from compassign.posterior.assignments import compound_probabilities
from compassign.posterior.joint import JointDraws, JointSampler
from compassign.posterior.responsibilities import summarise

SETTINGS = SamplerConfig(draws=500, tune=400, chains=1)


@dataclass(frozen=True)
class SimulatedRun:
    """What a run says about every peak, what made the peaks, and what the peaks are grouped by."""

    predictions: Predictions
    joint: JointDraws
    truth: Answers
    about: PeakGroups


def simulated_runs(world: World, n_runs: int, seed: int) -> Iterator[SimulatedRun]:
    """Draw and fit data sets one by one."""
    for replication, fit, rng in fitted_replications(world, n_runs, SETTINGS, seed):
        yield _decided(replication, fit, rng)


def _decided(replication: Replication, fit: ModelFit, rng: np.random.Generator) -> SimulatedRun:
    problem = replication.problem
    candidates = _candidates(problem)
    peak_id = np.arange(problem.n_peaks).astype(np.str_)
    compound_id = np.arange(candidates.compound.max() + 1).astype(np.str_)
    sampler = JointSampler(candidates.offsets, candidates.compound, rng)
    slots, _ = summarise(fit.source, peak_id, compound_id[candidates.compound], sampler, lambda _: None)
    compounds = compound_probabilities(candidates, slots)
    decisions = decide(compounds, slots.null)
    predictions = Predictions(peak_id.tolist(), compound_id.tolist(), compounds, slots.null, decisions)
    made_by = [frozenset({str(compound)} if compound >= 0 else ()) for compound in replication.true_compound]
    return SimulatedRun(
        predictions, sampler.draws(), dict(zip(predictions.peak_id, made_by, strict=True)), _groups(problem)
    )


def _candidates(problem: AssignmentProblem) -> Candidates:
    return Candidates(
        offsets=problem.offsets,
        compound=problem.compound,
        adduct=problem.adduct,
        adduct_names=problem.adduct_names,
        ppm_error=problem.ppm_error,
        rt_z=problem.rt_z,
        mass_window_ppm=problem.mass_window_ppm,
    )


def _groups(problem: AssignmentProblem) -> PeakGroups:
    """Every peak has a slot, so that its first one knows its species."""
    species = np.array(problem.species_names)[problem.species[problem.offsets[:-1]]]
    return PeakGroups(species, np.diff(problem.offsets), problem.adduct_names)
