"""Run the RT stage: sample where there are calibrants, otherwise take the library's predictions as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pymc as pm

from compassign.candidates import RtPredictions
from compassign.config import SamplerConfig
from compassign.data.dataset import Dataset
from compassign.inference.diagnostics import ResponsibilityCheck, Verdict, judge
from compassign.inference.native import NativeModel, compile_model
from compassign.inference.sampling import sample
from compassign.models.formula_rt import fill_in
from compassign.models.retention import (
    build_retention_model,
    hyperparameters,
    predict,
    untrained_predictions,
)
from compassign.models.retention_design import NOISE_SHARE, RetentionDesign, build_design
from compassign.progress import Progress, first_of
from compassign.units import FloatArray

# This stage is small and everything after it rests on it: it is sampled with more care than was asked for.
DRAWS_FACTOR, MIN_DRAWS, MIN_TARGET_ACCEPT = 2, 1000, 0.95
MAX_LOW_RANK = 100  # compounds: the correlations of more take longer to find than they save
MAX_SURPRISE = 10.0  # SDs: of honest predictions, 1 in 2,000 is farther off
MIN_TUNE = 500  # of that many: after 200 steps chains ended far from each other
NO_RESPONSIBILITIES = ResponsibilityCheck(max_rhat=1.0, worst_peaks=(), all_finite=True)


@dataclass(frozen=True)
class RtStage:
    """Predictions and how they came about.

    posterior : free variables, (n_chains, n_draws, ...) each; empty without calibrants. labels : name -> what its
    elements are called. verdict : None if nothing was sampled.
    """

    predictions: RtPredictions
    posterior: Mapping[str, FloatArray] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    verdict: Verdict | None = None
    warnings: tuple[str, ...] = ()


def run_rt_stage(dataset: Dataset, settings: SamplerConfig, seed: int, progress: Progress) -> RtStage:
    """Predict every compound's RT in every species, sampled with more care than was asked for."""
    careful = settings.model_copy(
        update={
            "draws": max(DRAWS_FACTOR * settings.draws, MIN_DRAWS),
            "tune": max(DRAWS_FACTOR * settings.tune, MIN_DRAWS),
            "target_accept": max(settings.target_accept, MIN_TARGET_ACCEPT),
        }
    )
    return sample_rt_stage(dataset, careful, seed, progress)


def sample_rt_stage(
    dataset: Dataset,
    settings: SamplerConfig,
    seed: int,
    progress: Progress,
    compiler: Callable[[pm.Model], NativeModel] = compile_model,
) -> RtStage:
    """Predict every compound's RT in every species; compiler : for nutpie, a `WarmCompiler` where it is done often."""
    design = build_design(dataset)
    if not design.rt_min.size:
        predictions = fill_in(untrained_predictions(design), dataset.compounds["formula"])
        return RtStage(predictions, warnings=_untrained_warnings(dataset, design))
    model = build_retention_model(design)
    compiled = model if settings.backend == "pymc" else compiler(model)
    if design.repeated.size + design.in_both.size <= MAX_LOW_RANK:
        draws = sample(compiled, settings, seed, progress, "low_rank")
    else:
        longer = settings.model_copy(update={"tune": max(settings.tune, MIN_TUNE)})
        draws = sample(compiled, longer, seed, progress)
    verdict = judge(draws, hyperparameters(design), NO_RESPONSIBILITIES, settings, {})
    predictions = fill_in(predict(design, draws.flat()), dataset.compounds["formula"])
    return RtStage(predictions, draws.values, draws.labels, verdict, _surprising_labels(dataset, design))


def _surprising_labels(dataset: Dataset, design: RetentionDesign) -> tuple[str, ...]:
    """Labels far from what the library predicts, before they have taught the predictions to agree with them."""
    rows = {str(compound_id): row for row, compound_id in enumerate(dataset.compounds["compound_id"])}
    rt_min = dict(zip(dataset.peaks["peak_id"], dataset.peaks["rt_min"], strict=True))
    found = []
    for peak_id, answer in dataset.labels.items():
        row = rows[next(iter(answer))] if len(answer) == 1 else 0
        sd_min = float(np.hypot(design.error_sd_min[row], NOISE_SHARE * design.span_min))
        apart = (rt_min[peak_id] - design.base_min[row]) / sd_min
        if len(answer) == 1 and design.has_own and design.is_predictable[row] and abs(apart) > MAX_SURPRISE:
            found.append(
                f"labels: peak {peak_id!r} at {rt_min[peak_id]:.2f} min is labelled {next(iter(answer))!r}, predicted "
                f"at {design.base_min[row]:.2f} min ({apart:+.0f} SD); the label counts"
            )
    return first_of(found, "labels far from their prediction")


def _untrained_warnings(dataset: Dataset, design: RetentionDesign) -> tuple[str, ...]:
    unused = ("no calibrants: retention.csv is not used, as nothing projects it",) if len(dataset.retention) else ()
    if not design.has_own:
        return ("no calibrants and no rt_pred_min: retention times carry no information about compounds", *unused)
    found = design.alignment
    if not found.knots_min:
        return ("no calibrants: the library's rt_pred_min is used as it is", *unused)
    taken = ", ".join(
        f"{knot:.1f} as {value:.1f}" for knot, value in zip(found.knots_min, found.values_min, strict=True)
    )
    aligned = (
        "no calibrants: the library's rt_pred_min is aligned by the peaks alone: "
        f"{taken} min, with {found.scale:.2f} of the stated errors"
    )
    return (aligned, *unused)
