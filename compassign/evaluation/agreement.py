"""How far annotators agree beyond chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sklearn.metrics import cohen_kappa_score

Ratings = Mapping[str, Mapping[str, str]]
"""peak_id -> annotator -> what was said, in words that are equal where the answers are."""


def krippendorff_alpha(ratings: Ratings) -> float | None:
    """Krippendorff's alpha for answers without an order: 1 = all agree, 0 = as by chance.

    Peaks with one answer count for nothing. None where all answers are equal, or there are none to compare, because
    then chance would agree as well. Source: Krippendorff, Content Analysis, 2004, section 11.3.
    """
    units = [list(by.values()) for by in ratings.values() if len(by) > 1]
    totals = Counter(answer for unit in units for answer in unit)
    n = sum(totals.values())
    if len(totals) <= 1:
        return None
    observed = sum(_differing(Counter(unit)) / (len(unit) - 1) for unit in units) / n
    expected = _differing(totals) / (n * (n - 1))
    return 1.0 - observed / expected


def _differing(counts: Counter[str]) -> int:
    """Ordered pairs of different answers."""
    n = sum(counts.values())
    return n * n - sum(count * count for count in counts.values())


def kappa(ratings: Ratings, one: str, other: str) -> float | None:
    """Cohen's kappa of two annotators on the peaks that both answered; None where chance would agree as well."""
    both = [(by[one], by[other]) for by in ratings.values() if one in by and other in by]
    if len({answer for pair in both for answer in pair}) <= 1:
        return None
    return float(cohen_kappa_score([pair[0] for pair in both], [pair[1] for pair in both]))
