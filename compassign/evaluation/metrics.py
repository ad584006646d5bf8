"""How good the probabilities and the calls are, on peaks whose truth the fit did not see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from compassign.data.dataset import Answers
from compassign.data.hashes import hash_ids
from compassign.decisions.fdr import Decisions, accepted_at, q_values
from compassign.evaluation.calibration import Bins, calibration_bins, calibration_error
from compassign.posterior.assignments import CompoundProbabilities, peak_of_entry
from compassign.units import BoolArray, FloatArray, IntArray

PROBABILITY_FLOOR = 0.001  # one confident mistake costs at most 6.9 nats
FDR_LEVELS = (0.01, 0.05, 0.10)

CORRECT, WRONG_COMPOUND, NULL_CALL = 0, 1, 2  # rows of the confusion matrix
IN_LIBRARY, TRUE_NULL, UNSCORED = 0, 1, 2  # its columns


@dataclass(frozen=True)
class Predictions:
    """What a model said about every peak, with the names that truth is written in.

    peak_id : n_peaks names. compound_id : n_compounds names, in the order of the indices of `compounds`.
    null : (n_peaks,) probability. compounds, decisions : as computed from the same model.
    """

    peak_id: Sequence[str]
    compound_id: Sequence[str]
    compounds: CompoundProbabilities
    null: FloatArray
    decisions: Decisions


@dataclass(frozen=True)
class PeakScores:
    """Scores of each peak whose truth is known; n = the number of such peaks.

    peak : (n,) index, ascending. is_null : (n,) whether nothing in the library is the truth.
    outcome : (n,) CORRECT or WRONG_COMPOUND for a compound call, else NULL_CALL. is_right : (n,) call equals truth.
    true_probability : (n,) given to the true compounds together, or to the null where that is true.
    log_loss : (n,) nats, floored. brier : (n,) 0 to 2. top_probability : (n,) of the call.
    """

    peak: IntArray
    is_null: BoolArray
    outcome: IntArray
    is_right: BoolArray
    true_probability: FloatArray
    log_loss: FloatArray
    brier: FloatArray
    top_probability: FloatArray


@dataclass(frozen=True)
class CompoundLevel:
    """Which compounds are accepted as present at one limit, without those that a label or calibrant gave.

    n_accepted : compounds. expected_false_share : mean PEP of them, an upper bound. n_scored : of which with a truth at
    every peak that may be theirs. false_share : share of those of which no peak is. None where there is nothing to take
    a share of.
    """

    n_accepted: int
    expected_false_share: float | None
    n_scored: int
    false_share: float | None


@dataclass(frozen=True)
class FdrLevel:
    """What is accepted at one limit, all peaks ranked together.

    n_accepted : peaks. expected_false_share : mean PEP of them. n_scored : of which with a truth that the fit did not
    see. false_share : share of those that are wrong. n_accepted_of_scored, false_share_of_scored : the same when
    only the scored peaks are ranked. false_share_interval : 95 % posterior interval of the share of false ones among
    the accepted. compounds : the same limit for compounds. None where there is nothing to take a share of, or
    nothing was drawn.
    """

    n_accepted: int
    expected_false_share: float | None
    n_scored: int
    false_share: float | None
    n_accepted_of_scored: int
    false_share_of_scored: float | None
    false_share_interval: tuple[float, float] | None = None
    compounds: CompoundLevel | None = None


@dataclass(frozen=True)
class Metrics:
    """Scores of one fit; None where there is nothing to score.

    precision : correct calls / compound calls. recall : correct calls / truths in the library. f1 : their harmonic
    mean. top1 : share of peaks whose call, null or compound, is right. log_loss : mean, nats. brier : mean, 0 to 2.
    ece : mean distance of probability and frequency over the bins of `calibration`, weighted by count.
    confusion_matrix : 3 x 3 peaks; rows correct, wrong compound, null call; columns truth in the library, null,
    unscored (truth known, but seen by the fit).
    fdr : limit, as text -> what it accepts. n_floored : scored peaks whose truth got less than PROBABILITY_FLOOR; each
    counts as if it had got that, because of 0 the loss is infinite.
    """

    n_scored: int
    precision: float | None
    recall: float | None
    f1: float | None
    top1: float | None
    log_loss: float | None
    brier: float | None
    ece: float | None
    confusion_matrix: list[list[int]] | None
    fdr: dict[str, FdrLevel]
    n_floored: int
    calibration: Bins | None
    scored_peak_ids_hash: str


def score_peaks(predictions: Predictions, truth: Answers) -> PeakScores:
    """Score every peak that has a truth.

    truth : compounds that the peak may be; any is right, and their probabilities count together. Compounds that the
    library lacks cannot be found, so a truth of only such compounds is a null. Peaks not in `truth` are left out.
    Source of the Brier score over several classes: Brier 1950, Monthly Weather Review 78:1.
    """
    options = predictions.compounds
    n_peaks = options.offsets.size - 1
    n_compounds = len(predictions.compound_id)
    known, true_peak, true_compound = index_truth(predictions, truth)
    true_pairs = true_peak * n_compounds + true_compound
    has_compound = np.isin(np.arange(n_peaks), true_peak)

    peak = peak_of_entry(options.offsets)
    is_true = np.isin(peak * n_compounds + options.compound, true_pairs)
    in_truth = np.bincount(peak, weights=options.probability * is_true, minlength=n_peaks)
    true_probability = np.where(has_compound, np.minimum(in_truth, 1.0), predictions.null)
    false_probability = np.where(is_true, 0.0, options.probability)
    false_null = np.where(has_compound, predictions.null, 0.0)
    false_squares = np.bincount(peak, weights=false_probability**2, minlength=n_peaks) + false_null**2

    call = predictions.decisions.call
    call_is_true = np.isin(np.arange(n_peaks) * n_compounds + call, true_pairs)
    outcome = np.where(call < 0, NULL_CALL, np.where(call_is_true, CORRECT, WRONG_COMPOUND))
    is_right = np.where(has_compound, outcome == CORRECT, outcome == NULL_CALL)
    return PeakScores(
        peak=known,
        is_null=~has_compound[known],
        outcome=outcome[known],
        is_right=is_right[known],
        true_probability=true_probability[known],
        log_loss=-np.log(np.maximum(true_probability[known], PROBABILITY_FLOOR)),
        brier=(1.0 - true_probability[known]) ** 2 + false_squares[known],
        top_probability=predictions.decisions.probability[known],
    )


def index_truth(predictions: Predictions, truth: Answers) -> tuple[IntArray, IntArray, IntArray]:
    """Peaks with a truth, and the (peak, compound) pairs that are true, as indices."""
    compound_index = {name: i for i, name in enumerate(predictions.compound_id)}
    known = [i for i, name in enumerate(predictions.peak_id) if name in truth]
    pairs = [
        (i, compound_index[member])
        for i in known
        for member in sorted(truth[predictions.peak_id[i]])
        if member in compound_index
    ]
    pair_array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return np.array(known, dtype=np.int64), pair_array[:, 0], pair_array[:, 1]


def evaluate(predictions: Predictions, truth: Answers | None, scored_peaks: Collection[str]) -> Metrics:
    """Score a fit on the peaks whose truth it did not see.

    truth : None if the dataset has none. scored_peaks : ids; those without a truth are ignored, and peaks with a truth
    that are not among them count as seen by the fit.
    """
    scores = score_peaks(predictions, {} if truth is None else truth)
    wanted = frozenset(scored_peaks)
    is_scored = np.array([predictions.peak_id[i] in wanted for i in scores.peak], dtype=np.bool_)
    kept = select(scores, is_scored)
    n_scored = int(kept.peak.size)
    n_calls = int((kept.outcome != NULL_CALL).sum())
    n_findable = int((~kept.is_null).sum())
    n_correct = int((kept.outcome == CORRECT).sum())
    calibration = calibration_bins(kept.top_probability, kept.is_right) if n_scored else None
    return Metrics(
        n_scored=n_scored,
        precision=_ratio(n_correct, n_calls),
        recall=_ratio(n_correct, n_findable),
        f1=_ratio(2 * n_correct, n_calls + n_findable),
        top1=_ratio(int(kept.is_right.sum()), n_scored),
        log_loss=_mean(kept.log_loss),
        brier=_mean(kept.brier),
        ece=calibration_error(calibration) if calibration else None,
        confusion_matrix=None if truth is None else _confusion_matrix(scores, is_scored),
        fdr={f"{alpha:g}": _fdr_level(predictions.decisions, kept, alpha) for alpha in FDR_LEVELS},
        n_floored=int((kept.true_probability < PROBABILITY_FLOOR).sum()),
        calibration=calibration,
        scored_peak_ids_hash=hash_ids(predictions.peak_id[i] for i in kept.peak),
    )


def select(scores: PeakScores, is_kept: BoolArray) -> PeakScores:
    """Keep some of the peaks.

    is_kept : (n,) aligned with `scores`.
    """
    return PeakScores(**{name: values[is_kept] for name, values in vars(scores).items()})


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: FloatArray | BoolArray) -> float | None:
    return float(values.mean()) if values.size else None


def _confusion_matrix(scores: PeakScores, is_scored: BoolArray) -> list[list[int]]:
    column = np.where(is_scored, np.where(scores.is_null, TRUE_NULL, IN_LIBRARY), UNSCORED)
    counts = np.bincount(scores.outcome * 3 + column, minlength=9)
    return [[int(n) for n in row] for row in counts.reshape(3, 3)]


def _fdr_level(decisions: Decisions, kept: PeakScores, alpha: float) -> FdrLevel:
    is_accepted = accepted_at(decisions, alpha)
    is_wrong = ~kept.is_right
    among_scored = is_accepted[kept.peak]
    ranked_alone = np.asarray(q_values(decisions.pep[kept.peak]) <= alpha)
    return FdrLevel(
        n_accepted=int(is_accepted.sum()),
        expected_false_share=_mean(decisions.pep[is_accepted]),
        n_scored=int(among_scored.sum()),
        false_share=_mean(is_wrong[among_scored]),
        n_accepted_of_scored=int(ranked_alone.sum()),
        false_share_of_scored=_mean(is_wrong[ranked_alone]),
    )
