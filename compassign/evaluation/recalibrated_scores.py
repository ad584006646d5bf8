"""What recalibration gains, on labels that the recalibrating fit did not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from compassign.evaluation.calibration_cells import isotonic, merge, split_brier
from compassign.evaluation.comparison import MIN_CLUSTERS
from compassign.evaluation.metrics import PROBABILITY_FLOOR
from compassign.evaluation.recalibration import (
    Judged,
    called_option,
    fit_call_curve,
    fit_temperature,
    on_curve,
    tempered,
)
from compassign.posterior.options import Options
from compassign.units import FloatArray

Method = Literal["temperature", "isotonic"]
N_FOLDS = 5
# Numbers of WeightedScores, as a person calls them; of all, lower is better.
SCORES = {"log_loss": "Log loss, nats", "brier": "Brier score", "miscalibration": "Miscalibration of the calls"}

Change = Callable[[Options], FloatArray]
"""Options -> their recalibrated probabilities."""


@dataclass(frozen=True)
class WeightedScores:
    """Scores of judged peaks, each weighted for how probably it was drawn.

    log_loss : nats, floored as in `compassign.evaluation.metrics`. brier : over all options, 0 to 2. miscalibration :
    of the calls, 0 to 1; chance raises it.
    """

    log_loss: float
    brier: float
    miscalibration: float


def fit_change(judged: Judged, method: Method) -> Change:
    """Learn from labels how to change probabilities."""
    if method == "isotonic":
        curve = fit_call_curve(judged)
        return lambda options: on_curve(options, curve)
    temperature = fit_temperature(judged).value
    return lambda options: tempered(options, temperature)


def cross_fitted(judged: Judged, method: Method, rng: np.random.Generator) -> FloatArray | None:
    """Recalibrate each fifth of the clusters by what the other four say.

    Returns (n_options,) probabilities; None with fewer than MIN_CLUSTERS clusters.
    """
    names, cluster = np.unique(judged.cluster, return_inverse=True)
    if names.size < MIN_CLUSTERS:
        return None
    fold = rng.permutation(np.arange(names.size) % N_FOLDS)[cluster]
    result = np.empty(judged.options.probability.size)
    for part in range(N_FOLDS):
        change = fit_change(judged.take(np.flatnonzero(fold != part)), method)
        held_out = np.flatnonzero(fold == part)
        result[(fold == part)[judged.options.peak]] = change(judged.options.take(held_out))
    return result


def weighted_scores(judged: Judged, probability: FloatArray) -> WeightedScores:
    """Score other probabilities of the same options.

    probability : (n_options,). The calls are those of the judged options, whatever became of their probabilities.
    """
    options = replace(judged.options, probability=probability)
    true = np.minimum(options.sum_by_peak(probability * judged.is_true), 1.0)
    false_squares = options.sum_by_peak(np.where(judged.is_true, 0.0, probability) ** 2)
    call = called_option(judged.options)
    cells = merge(np.clip(probability[call], 0.0, 1.0))
    size = np.bincount(cells.of, weights=judged.weight)[np.newaxis]
    right = np.bincount(cells.of, weights=judged.weight * judged.is_true[call])[np.newaxis]
    return WeightedScores(
        log_loss=float(np.average(-np.log(np.maximum(true, PROBABILITY_FLOOR)), weights=judged.weight)),
        brier=float(np.average((1.0 - true) ** 2 + false_squares, weights=judged.weight)),
        miscalibration=float(split_brier(cells, size, right, isotonic(size, right))[0][0]),
    )


def temperature_sentence(found: Mapping[str, object]) -> str:
    """What a temperature says of the probabilities; found : the fields of `Temperature`."""
    value, low, high = (found.get(name) for name in ("value", "low", "high"))
    span = " to ".join(f"{end:.2f}" if isinstance(end, int | float) else "no end" for end in (low, high))
    shown = value if isinstance(value, int | float) else 1.0
    says = "no sign that the probabilities are too sure, or not sure enough"
    if found.get("is_distorted"):
        says = "the probabilities are too sure" if shown > 1.0 else "the probabilities are not sure enough"
    return f"Temperature {shown:.2f} (95 %: {span}): {says}."
