"""Which part of the truth becomes labels, so that a model can be trained on one part and scored on the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compassign.data.dataset import Dataset
from compassign.errors import InputError

DEFAULT_LABEL_FRACTION = (
    0.2  # DESIGN section 5: enough labels to learn offsets from, most of the truth left for scoring
)
_HASH_WORD_BITS = 32


@dataclass(frozen=True)
class Split:
    """The two sides of a dataset's answers.

    labels : what a fit may train on: the labels of labels.csv and those drawn from the truth.
    scored : peaks with a truth that the fit does not see, those of the audit included.
    """

    labels: dict[str, frozenset[str]]
    scored: frozenset[str]


def default_label_fraction(dataset: Dataset) -> float:
    """0.2 where there is a truth and nobody has labelled anything, else 0."""
    return DEFAULT_LABEL_FRACTION if dataset.truth and not dataset.labels else 0.0


def split_labels(dataset: Dataset, fraction: float, seed: int) -> Split:
    """Turn a part of the truth into labels, drawn by compound, from seed and dataset hash only.

    fraction : 0 to 1, the share of peaks to draw, met as closely as whole compounds allow, among the peaks of compounds
        and among the null peaks apart. Peaks of one compound, or of compounds that some truth cannot tell apart, stay
        together; null peaks are drawn one by one. Peaks of labels.csv are neither drawn nor scored. Those of the audit
        are scored, and no peak that shares a compound with one of these is drawn.
    Raises InputError for a fraction outside 0 to 1, a negative seed, or a fraction above 0 without any truth.
    """
    if not 0.0 <= fraction <= 1.0:
        raise InputError(f"label fraction: found {fraction}, expected 0 to 1")
    if seed < 0:
        raise InputError(f"seed: found {seed}, expected 0 or more")
    if fraction > 0.0 and not dataset.truth:
        raise InputError(
            f"label fraction: found {fraction}, but the dataset has no truth to draw labels from; expected 0"
        )
    truth = dict(dataset.truth or {})
    labelled = {*dataset.labels, *dataset.label_rows.get("peak_id", ())}
    unlabelled = {peak_id: truth[peak_id] for peak_id in sorted(truth) if peak_id not in labelled}
    audited = frozenset(dataset.peaks["peak_id"].iloc[dataset.audit.peak])
    nulls = [[peak_id] for peak_id, options in unlabelled.items() if not options and peak_id not in audited]
    groups = _group_by_compound({peak_id: options for peak_id, options in unlabelled.items() if options})
    compounds = [group for group in groups if audited.isdisjoint(group)]
    rng = np.random.default_rng(np.random.SeedSequence([seed, *_hash_words(dataset.dataset_hash)]))
    drawn = [*_draw_groups(compounds, fraction, rng), *_draw_groups(nulls, fraction, rng)]
    labels = dict(dataset.labels) | {peak_id: unlabelled[peak_id] for peak_id in drawn}
    return Split(labels, frozenset(unlabelled) - frozenset(drawn))


def _hash_words(digest: str) -> list[int]:
    number, words = int(digest, 16), []
    while number:
        number, word = divmod(number, 1 << _HASH_WORD_BITS)
        words.append(word)
    return words


def _group_by_compound(truth: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Peaks in groups that share no compound, by union-find over the compounds; order follows that of the peaks."""
    parent: dict[str, str] = {}

    def root(compound: str) -> str:
        while parent.setdefault(compound, compound) != compound:
            parent[compound] = parent[parent[compound]]  # halve the path, so that it stays short
            compound = parent[compound]
        return compound

    for options in truth.values():
        first, *others = sorted(options)
        for other in others:
            parent[root(other)] = root(first)
    groups: dict[str, list[str]] = {}
    for peak_id, options in truth.items():
        groups.setdefault(root(min(options)), []).append(peak_id)
    return list(groups.values())


def _draw_groups(groups: Sequence[Sequence[str]], fraction: float, rng: np.random.Generator) -> list[str]:
    """Peaks of randomly chosen whole groups whose number is as close to the fraction of all as any choice of groups.

    Groups are taken in random order wherever the best total can still be reached with what follows.
    """
    sizes = [len(group) for group in groups]
    wanted = fraction * sum(sizes)
    order = rng.permutation(len(groups)).tolist()
    # bit s of reachable[i] is set where some of the groups order[i:] have s peaks together
    reachable = [1]
    for position in reversed(order):
        reachable.append(reachable[-1] | (reachable[-1] << sizes[position]))
    reachable.reverse()
    remaining = _closest_bit(reachable[0], wanted)
    drawn: list[str] = []
    for step, position in enumerate(order):
        size = sizes[position]
        if size <= remaining and (reachable[step + 1] >> (remaining - size)) & 1:
            drawn.extend(groups[position])
            remaining -= size
    return drawn


def _closest_bit(bits: int, wanted: float) -> int:
    """The set bit that is closest to a position, the lower of two equally close ones; bit 0 is always set."""
    positions = [position for position in range(bits.bit_length()) if (bits >> position) & 1]
    return min(positions, key=lambda position: (abs(position - wanted), position))
