"""Posterior predictive checks: whether mass and RT errors and assignments are such as the fitted model makes them.

For each of a few posterior draws every peak is assigned by its responsibilities. What is then observed of the assigned
slots is compared with what the same draw makes up for them: errors from the Student-t laws, assignments from the
weights. Assignments are replicated with the errors held, errors with the assignments held (mixed replication).
Source: Gelman, Meng & Stern, Statistica Sinica 6, 1996.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from compassign.models import reliability
from compassign.models.generative import GenerativeTerms, log_weights, peak_posterior, term_evidence
from compassign.models.mixture import PeakPosterior, segment_sum
from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Values
from compassign.posterior.error_laws import ErrorLaw, error_law
from compassign.posterior.responsibilities import peak_blocks
from compassign.units import FloatArray, IntArray

SlotArray = npt.NDArray[np.int32]  # half the memory, and enough for any table's slots

MAX_DRAWS = 200  # the 5 % and 95 % points of replicated statistics to about 1.5 %
MIN_ASSIGNED = 10  # fewer peaks have no quartiles to speak of
FAR_SCALES = 2.0
BIN_EDGES = np.linspace(-6.0, 6.0, 49)  # of standardised errors: 99.6 % of a Student-t law with 4 degrees of freedom
BACKGROUND, UNLISTED = -1, -2  # instead of a slot
EVERYTHING = "all"
_OUTCOMES = ("listed", "unlisted", "background")
_ERROR_STATISTICS = {"mass": ("median_ppm", "iqr_ppm"), "rt": ("median_sd", "iqr_sd")}
_FAR = "share_beyond_2"
_CANDIDATES_FROM = np.array([1, 2, 3, 6, 11])  # lower ends of the groups of peaks by their number of candidates
_CANDIDATES = ("1 candidate", "2 candidates", "3 to 5 candidates", "6 to 10 candidates", "11 or more candidates")
_QUARTILES = (0.25, 0.5, 0.75)
_BAND = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Check:
    """One statistic of the data against the same statistic of replicated data.

    observable : `mass`, `rt` or `assignment`. group : an injection, a number of candidates, or `all`. observed :
    posterior mean. replicated_* : quantiles. p_value : probability that the replicated one is larger, a tie counting
    half; near 0 or 1 where the model does not fit.
    """

    observable: str
    statistic: str
    group: str
    observed: float
    replicated_05: float
    replicated_50: float
    replicated_95: float
    p_value: float


@dataclass(frozen=True)
class Histogram:
    """Density of standardised errors, (n_bins,) each; bin_edges (n_bins + 1,) in scales of the law.

    observed : posterior mean. replicated_* : quantiles.
    """

    observable: str
    bin_edges: tuple[float, ...]
    observed: tuple[float, ...]
    replicated_05: tuple[float, ...]
    replicated_50: tuple[float, ...]
    replicated_95: tuple[float, ...]


@dataclass(frozen=True)
class PredictiveChecks:
    """All checks of a run, from n_draws posterior draws; a group with too few assigned peaks has none."""

    n_draws: int
    checks: tuple[Check, ...]
    histograms: tuple[Histogram, ...]


def predictive_checks(
    problem: AssignmentProblem, terms: GenerativeTerms, values: Values, rng: np.random.Generator
) -> PredictiveChecks:
    """Check the generative model against the data that it was fitted to.

    values : posterior draws of the free variables; at most MAX_DRAWS of them are used, evenly spaced. Besides a block
    of responsibilities one integer a draw and peak is in memory.
    """
    kept = _thinned(values)
    n_draws = next(iter(kept.values())).shape[0]
    slot_of_peak, checks = _assign(problem, terms, kept, rng)
    observables = ["mass", "rt"] if "rt_drift_min" in kept else ["mass"]  # the model may be without RTs
    histograms = []
    for observable in observables:
        laws = (error_law(observable, problem, kept, draw, slot_of_peak[draw]) for draw in range(n_draws))
        of_errors, histogram = _check_errors(observable, problem.injection_names, laws, rng)
        checks += of_errors
        histograms += histogram
    return PredictiveChecks(n_draws, tuple(checks), tuple(histograms))


def _thinned(values: Values) -> Values:
    """At most MAX_DRAWS of the draws, evenly spaced."""
    n_draws = next(iter(values.values())).shape[0]
    kept = np.linspace(0, n_draws - 1, min(n_draws, MAX_DRAWS)).round().astype(np.int64)
    return {name: value[kept] for name, value in values.items()}


def _assign(
    problem: AssignmentProblem, terms: GenerativeTerms, values: Values, rng: np.random.Generator
) -> tuple[SlotArray, list[Check]]:
    """Each draw's slot of every peak (or BACKGROUND, UNLISTED), (n_draws, n_peaks), and how often each outcome came
    about compared with the weights.
    """
    n_draws = next(iter(values.values())).shape[0]
    slot_of_peak = np.empty((n_draws, problem.n_peaks), dtype=np.int32)
    observed, replicated = np.zeros((2, n_draws, len(_CANDIDATES), len(_OUTCOMES)))
    for peaks in peak_blocks(problem.offsets, n_draws):
        evidence = term_evidence(problem, terms, values, peaks)
        emission = reliability.emission(problem, values, peaks)
        offsets = problem.offsets[peaks.start : peaks.stop + 1]
        posterior = peak_posterior(problem, terms, evidence, peaks, emission)
        chosen = _draw_options(posterior, offsets, rng)
        slot_of_peak[:, peaks] = chosen
        weight = np.exp(log_weights(terms, evidence))
        twin = problem.twin_weight[offsets[0] : offsets[-1]] * weight
        of_slots, of_twins = (segment_sum(each, offsets - offsets[0]) for each in (weight, twin))
        outcome = np.where(chosen >= 0, 0, np.where(chosen == UNLISTED, 1, 2))
        observed += _count(outcome, np.diff(offsets))
        replicated += _count(_draw_outcomes(of_slots, of_twins, rng), np.diff(offsets))
    return slot_of_peak, _check_counts(observed, replicated)


def _draw_options(posterior: PeakPosterior, offsets: IntArray, rng: np.random.Generator) -> IntArray:
    """Draw an option of every peak by its responsibilities: (n_draws, n_peaks) slot, BACKGROUND or UNLISTED.

    offsets : of the block's peaks, in slots of the problem.
    """
    starts = offsets - offsets[0]
    uniform = rng.random(posterior.background.shape)
    null = posterior.background + posterior.unlisted
    within = np.cumsum(posterior.slot, axis=1)  # over all peaks of the block
    before = np.concatenate([np.zeros((within.shape[0], 1)), within], axis=1)[:, starts[:-1]]
    # the null comes first: rounding at the end of a peak's slots cannot choose a null that a label excludes
    aim = before + uniform - null
    n_passed = segment_sum((within <= np.repeat(aim, np.diff(starts), axis=1)).astype(np.float64), starts)
    slot = np.minimum(offsets[:-1] + n_passed.astype(np.int64), offsets[1:] - 1)
    return np.where(uniform < posterior.background, BACKGROUND, np.where(uniform < null, UNLISTED, slot))


def _draw_outcomes(of_slots: FloatArray, of_twins: FloatArray, rng: np.random.Generator) -> IntArray:
    """Outcomes, as indices into _OUTCOMES, that total weights alone make up, each (n_draws, n_peaks)."""
    aim = rng.random(of_slots.shape) * (1.0 + of_slots + of_twins) - 1.0  # the background has weight 1
    return np.where(aim < 0.0, 2, np.where(aim < of_slots, 0, 1))


def _count(outcome: IntArray, n_candidates: IntArray) -> FloatArray:
    """(n_draws, n_peaks) outcomes -> (n_draws, groups by number of candidates, outcomes).

    Peaks without a candidate are not counted.
    """
    group = np.searchsorted(_CANDIDATES_FROM, n_candidates, side="right") - 1
    shape = (outcome.shape[0], len(_CANDIDATES), len(_OUTCOMES))
    draw = np.arange(outcome.shape[0])[:, None]
    cell = np.where(group >= 0, (draw * shape[1] + group) * shape[2] + outcome, int(np.prod(shape)))
    return np.bincount(cell.ravel(), minlength=int(np.prod(shape)) + 1)[:-1].reshape(shape).astype(np.float64)


def _check_counts(observed: FloatArray, replicated: FloatArray) -> list[Check]:
    """Peaks of each outcome over all peaks with candidates, and listed ones by number of candidates."""
    if not observed.any():
        return []
    of_all = [
        _check(("assignment", f"n_{name}", EVERYTHING), observed[..., k].sum(axis=1), replicated[..., k].sum(axis=1))
        for k, name in enumerate(_OUTCOMES)
    ]
    by_candidates = [
        _check(("assignment", f"n_{_OUTCOMES[0]}", name), observed[:, group, 0], replicated[:, group, 0])
        for group, name in enumerate(_CANDIDATES)
        if observed[0, group].sum() >= MIN_ASSIGNED
    ]
    return of_all + by_candidates


def _check_errors(
    observable: str, injection_names: tuple[str, ...], laws: Iterator[ErrorLaw], rng: np.random.Generator
) -> tuple[list[Check], list[Histogram]]:
    """Median, interquartile range and share of far errors by injection and in all, and the histogram."""
    n_groups = len(injection_names) + 1
    sizes, summaries, densities = [], [], []  # of each draw; the observed before the replicated
    for law in laws:
        z = np.stack([law.standardised(), law.replicated(rng)])
        sizes.append(np.bincount(law.injection + 1, minlength=n_groups))
        summaries.append([_summarise(law.in_unit(row), row, law.injection, n_groups) for row in z])
        densities.append([_density(row) for row in z])
    smallest = np.min(sizes, axis=0)
    smallest[0] = np.sum(sizes, axis=1).min()
    of_draws = np.array(summaries)  # (n_draws, 2, statistics, groups)
    names = (*_ERROR_STATISTICS[observable], _FAR)
    checks = [
        _check((observable, name, group), of_draws[:, 0, k, g], of_draws[:, 1, k, g])
        for g, group in enumerate((EVERYTHING, *injection_names))
        for k, name in enumerate(names)
        if smallest[g] >= MIN_ASSIGNED and (g > 0 or len(injection_names) > 1)  # a single injection is all there is
    ]
    return checks, [_histogram(observable, np.array(densities))] if smallest[0] >= MIN_ASSIGNED else []


def _summarise(errors: FloatArray, z: FloatArray, injection: IntArray, n_groups: int) -> FloatArray:
    """Median, interquartile range and share beyond FAR_SCALES of all errors and of each injection's: (3, n_groups).

    NaN for a group without errors.
    """
    group = np.concatenate([np.zeros(errors.size, dtype=np.int64), injection + 1])
    errors, is_far = np.tile(errors, 2), np.tile(np.abs(z) > FAR_SCALES, 2)
    size = np.bincount(group, minlength=n_groups)
    ordered = errors[np.lexsort((errors, group))]
    low, middle, high = (_quantiles(ordered, size, share) for share in _QUARTILES)
    far = np.bincount(group, is_far, minlength=n_groups)
    return np.stack([middle, high - low, np.where(size > 0, far / np.maximum(size, 1), np.nan)])


def _quantiles(ordered: FloatArray, size: IntArray, share: float) -> FloatArray:
    """The quantile of each run of ordered values, linearly interpolated; NaN for an empty run."""
    is_filled = size > 0
    position = share * (size[is_filled] - 1)
    left = np.floor(position).astype(np.int64)
    first = (np.cumsum(size) - size)[is_filled] + left
    step = np.minimum(left + 1, size[is_filled] - 1) - left  # 0 at the end of a run
    result = np.full(size.size, np.nan)
    result[is_filled] = ordered[first] + (position - left) * (ordered[first + step] - ordered[first])
    return result


def _density(z: FloatArray) -> FloatArray:
    """(n_bins,) share of the errors in each bin over its width; those beyond the bins count in the total."""
    return np.histogram(z, BIN_EDGES)[0] / (max(z.size, 1) * np.diff(BIN_EDGES))


def _check(name: tuple[str, str, str], observed: FloatArray, replicated: FloatArray) -> Check:
    """Compare draw by draw; name : observable, statistic and group."""
    larger, equal = replicated > observed, replicated == observed
    low, middle, high = np.quantile(replicated, _BAND).tolist()
    return Check(*name, float(observed.mean()), low, middle, high, float((larger + 0.5 * equal).mean()))


def _histogram(observable: str, densities: FloatArray) -> Histogram:
    """Densities : (n_draws, 2, n_bins), the observed before the replicated."""
    band = np.quantile(densities[:, 1], _BAND, axis=0)
    rows = (BIN_EDGES, densities[:, 0].mean(axis=0), *band)
    return Histogram(observable, *(tuple(row.tolist()) for row in rows))
