"""How much the answer about each peak is worth, from posterior draws, and which peaks to ask about together.

Every score is one number per peak, larger = ask sooner. The options of a peak are the null and its compounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from compassign.decisions.fdr import DEFAULT_ALPHA
from compassign.models.draws import DrawSource
from compassign.posterior.assignments import peak_of_entry
from compassign.posterior.responsibilities import peak_blocks
from compassign.units import BoolArray, FloatArray, IntArray

SHORTLIST = 120  # peaks whose effect on others is worked out: the most uncertain; the others have little to tell
CERTAIN = 1e-9  # error probability of an assignment that a label has settled, after rounding
MAX_DRAWS = 1000  # scores of peaks need no more; 5,000 options are 40 MB


@dataclass(frozen=True)
class OptionDraws:
    """Posterior draws of the options of every peak; those of peak i are `offsets[i]:offsets[i + 1]`, the null first.

    offsets : (n_peaks + 1,). probability : (n_draws, n_options), summing to 1 over the options of a peak in every draw.
    """

    offsets: IntArray
    probability: FloatArray

    @property
    def n_draws(self) -> int:
        """Draws of each option."""
        return len(self.probability)


def option_draws(source: DrawSource, compound: IntArray) -> OptionDraws:
    """Draws of the options from draws of the slots, whatever the adducts; at most MAX_DRAWS of them, evenly spaced.

    compound : (n_slots,) library index of each slot, ascending within a peak.
    """
    peak = peak_of_entry(source.offsets)
    is_first = np.ones(peak.size, dtype=np.bool_)
    is_first[1:] = (np.diff(peak) != 0) | (np.diff(compound) != 0)
    n_all = source.n_chains * source.n_draws
    kept = np.arange(n_all)[:: -(-n_all // MAX_DRAWS)]
    blocks = (source.block(peaks) for peaks in peak_blocks(source.offsets, n_all))
    thinned = [(block.null[kept], block.slot[kept]) for block in blocks]  # one block of all draws at a time
    null, slot = (np.concatenate(parts, axis=1) for parts in zip(*thinned, strict=True))
    option = np.add.reduceat(slot, np.flatnonzero(is_first), axis=1) if peak.size else slot
    n_options = np.bincount(peak[is_first], minlength=null.shape[1])
    offsets = np.concatenate([[0], np.cumsum(n_options + 1)])
    before = np.concatenate([[0], np.cumsum(n_options)[:-1]])  # the null goes before each peak's first compound
    return OptionDraws(offsets, np.insert(option, before, null, axis=1))


def entropy(draws: OptionDraws) -> FloatArray:
    """Entropy of the mean answer, nats, (n_peaks,)."""
    return _sums(_surprise(draws.probability.mean(axis=0)), draws.offsets)


def least_confidence(draws: OptionDraws) -> FloatArray:
    """Probability that the most probable option is wrong, (n_peaks,) from 0 to 1."""
    return np.asarray(1.0 - _ranked(draws)[0])


def margin(draws: OptionDraws) -> FloatArray:
    """How little the most probable option leads the second, (n_peaks,) from 0 (certain) to 1 (a tie)."""
    first, second = _ranked(draws)
    return np.asarray(1.0 - (first - second))


def expected_false_positives(draws: OptionDraws) -> FloatArray:
    """Probability that the called compound is wrong, (n_peaks,); 0 where the null is called, an exact tie included."""
    first, _ = _ranked(draws)
    null = draws.probability.mean(axis=0)[
        draws.offsets[:-1]
    ]  # summed as in `first`: a leading null is not above itself
    return np.where(first > null, 1.0 - first, 0.0)


def bald(draws: OptionDraws) -> FloatArray:
    """Mutual information between the answer and the parameters, nats, (n_peaks,).

    Source: Houlsby et al. 2011, arXiv:1112.5745.
    """
    within = _surprise(draws.probability).mean(axis=0)  # (n_draws, n_options) -> (n_options,)
    return np.maximum(entropy(draws) - _sums(within, draws.offsets), 0.0)


def epig(draws: OptionDraws) -> FloatArray:
    """Mean mutual information between the answer and those of all other peaks, nats, (n_peaks,).

    Only the SHORTLIST peaks of the largest entropy are looked at; the others score 0. The joint probability of two
    answers is the mean over draws of their product. Source: Bickford Smith et al. 2023, AISTATS, equation 5.
    """
    score = np.zeros(draws.offsets.size - 1)
    for peak in _shortlist(draws):
        information = _shared_information(draws, int(peak))
        information[peak] = 0.0  # what is asked need not be predicted
        score[peak] = information.sum() / max(score.size - 1, 1)
    return score


def expected_error_reduction(draws: OptionDraws) -> FloatArray:
    """How many more assignments are expected to be right and accepted once the answer is known, (n_peaks,).

    An error at the decided false-discovery rate is a compound that is called wrongly, not accepted, or not called. The
    posterior after each answer is that of the draws weighed by it, and a known answer is accepted without a PEP.
    Only the SHORTLIST peaks of the largest entropy are looked at; the others score 0. Source: Roy and McCallum 2001,
    ICML; the decision is that of `fdr.decide`.
    """
    mean = draws.probability.mean(axis=0)
    now = float(_n_right(mean[None], draws.offsets)[0])
    score = np.zeros(draws.offsets.size - 1)
    for peak in _shortlist(draws):
        own = slice(draws.offsets[peak], draws.offsets[peak + 1])
        options = np.arange(own.start, own.stop)[mean[own] > 0.0]
        weight = draws.probability[:, options] / (draws.n_draws * mean[options])  # (n_draws, n_options)
        after = weight.T @ draws.probability
        after[:, own] = 0.0
        after[:, own.start] = 1.0  # known: no longer among the ranked
        answered = mean[options] @ _n_right(after, draws.offsets) + mean[own][1:].sum()
        score[peak] = max(float(answered) - now, 0.0)
    return score


ACQUISITIONS: Mapping[str, Callable[[OptionDraws], FloatArray]] = {
    "entropy": entropy,
    "margin": margin,
    "least_confidence": least_confidence,
    "expected_false_positives": expected_false_positives,
    "bald": bald,
    "epig": epig,
    "expected_error_reduction": expected_error_reduction,
}
DEFAULT_ACQUISITION = "least_confidence"  # saved most labels in benchmarks/active_learning.py


def compound_groups(offsets: IntArray, compound: IntArray) -> IntArray:
    """Number the groups of peaks that share candidate compounds, directly or through other peaks, (n_peaks,).

    offsets : (n_peaks + 1,). compound : (n_slots,) library index of each candidate.
    """
    _, node = np.unique(compound, return_inverse=True)
    n_peaks = offsets.size - 1
    n_nodes = n_peaks + node.size  # peaks first, then at most one node a slot
    ones = np.ones(node.size)
    links = coo_array((ones, (peak_of_entry(offsets), n_peaks + node)), shape=(n_nodes, n_nodes))
    return np.asarray(connected_components(links, directed=False)[1][:n_peaks], dtype=np.int64)


def diverse_batch(score: FloatArray, group: IntArray, is_eligible: BoolArray, size: int) -> IntArray:
    """The best peak of every group, best first, then the second of every group, and so on, up to `size` peak indices.

    score, group, is_eligible : (n_peaks,). Labelled peaks, calibrants, audit peaks and those without candidates are not
    eligible. Equal scores: the first peak in the table.
    """
    eligible = np.flatnonzero(is_eligible)
    best_first = eligible[np.argsort(-score[eligible], kind="stable")]
    by_group = np.argsort(group[best_first], kind="stable")
    sorted_group = group[best_first][by_group]
    turn = np.empty(best_first.size, dtype=np.int64)
    turn[by_group] = np.arange(best_first.size) - np.searchsorted(sorted_group, sorted_group)
    return np.asarray(best_first[np.argsort(turn, kind="stable")][:size])


def _shared_information(draws: OptionDraws, peak: int) -> FloatArray:
    """Mutual information between the answer of one peak and that of every peak, nats, (n_peaks,)."""
    own = draws.probability[:, draws.offsets[peak] : draws.offsets[peak + 1]]
    joint = own.T @ draws.probability / own.shape[0]  # (n_own_options, n_options)
    apart = np.outer(own.mean(axis=0), draws.probability.mean(axis=0))
    ratio = np.divide(joint, apart, out=np.ones_like(joint), where=joint > 0.0)
    return np.maximum(_sums((joint * np.log(ratio)).sum(axis=0), draws.offsets), 0.0)


def _shortlist(draws: OptionDraws) -> IntArray:
    """The SHORTLIST peaks of the largest entropy that have a doubt at all."""
    doubt = entropy(draws)
    ranked = np.argsort(-doubt, kind="stable")[:SHORTLIST]
    return np.asarray(ranked[doubt[ranked] > 0.0])


def _n_right(probability: FloatArray, offsets: IntArray) -> FloatArray:
    """Expected number of right assignments among those accepted at DEFAULT_ALPHA; (n_cases, n_options) -> (n_cases,).

    As in `fdr.decide`, a certain assignment, one that was labelled, buys no room for errors elsewhere. The running mean
    of sorted error probabilities only grows, so the accepted are those before it passes the limit.
    """
    null = probability[:, offsets[:-1]]
    top = np.maximum.reduceat(probability, offsets[:-1], axis=1)
    pep = np.where(top > null, 1.0 - top, 1.0)  # (n_cases, n_peaks)
    is_certain = pep < CERTAIN
    ranked = np.sort(np.where(is_certain, 1.0, pep), axis=1)
    is_accepted = np.cumsum(ranked, axis=1) <= DEFAULT_ALPHA * np.arange(1, pep.shape[1] + 1)
    return np.asarray(is_certain.sum(axis=1) + np.where(is_accepted, 1.0 - ranked, 0.0).sum(axis=1))


def _surprise(probability: FloatArray) -> FloatArray:
    """The terms of the entropy, -p log p, 0 where p is."""
    return np.asarray(-probability * np.log(np.where(probability > 0.0, probability, 1.0)))


def _sums(values: FloatArray, offsets: IntArray) -> FloatArray:
    """Sum over the options of each peak; every peak has the null, so none is empty."""
    return np.asarray(np.add.reduceat(values, offsets[:-1]))


def _ranked(draws: OptionDraws) -> tuple[FloatArray, FloatArray]:
    """Mean probability of the first and the second option of each peak; the second is 0 where the null is alone."""
    mean = draws.probability.mean(axis=0)
    ordered = mean[np.lexsort((-mean, peak_of_entry(draws.offsets)))]
    start = draws.offsets[:-1]
    has_second = np.diff(draws.offsets) > 1
    second = np.zeros(start.size)
    second[has_second] = ordered[start[has_second] + 1]
    return ordered[start], second
