"""Who said what about which peaks, and whose reliability can be learned, because others spoke of the same peaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from compassign.data.answers import combine_labels
from compassign.data.stored_labels import OVERRULED, SETTLED


@dataclass(frozen=True)
class Said:
    """What one annotator says of one peak: the compounds that it may be; none = the null."""

    peak_id: str
    annotator: str
    options: frozenset[str]


@dataclass(frozen=True)
class Annotator:
    """One who labels; "" stands for all rows without a name.

    n_peaks : that have an answer of theirs. n_shared : of which somebody else answered or settled.
    """

    name: str
    n_peaks: int
    n_shared: int


@dataclass(frozen=True)
class Annotations:
    """What annotators said, apart from who settles a disagreement.

    annotators : by name. doubted : what those said who share a peak. open_peaks : what is not settled of the peaks that
    these are about: nothing is known of them for certain.
    """

    annotators: tuple[Annotator, ...] = ()
    doubted: tuple[Said, ...] = ()
    open_peaks: frozenset[str] = frozenset()


def find_annotations(rows: pd.DataFrame) -> Annotations:
    """Tell the annotators who can be compared with others from those who must be taken to be right.

    rows : `Dataset.label_rows`. Several rows of one annotator about a peak mean what `combine_labels` makes of them. An
    answer that was overruled is compared with what settled the peak.
    """
    if not len(rows):
        return Annotations()
    settled = frozenset(rows.loc[rows["standing"] == SETTLED, "peak_id"])
    is_lost = (rows["standing"] == OVERRULED) & ~rows["peak_id"].isin(settled)  # settled as no peak: nothing to compare
    said = [
        Said(str(peak_id), str(name), options)
        for name, own in rows[(rows["standing"] != SETTLED) & ~is_lost].groupby("annotator", sort=True)
        for peak_id, options in combine_labels("", own)[0].items()
    ]
    n_said = Counter(one.peak_id for one in said)
    n_peaks = Counter(one.annotator for one in said)
    n_shared = Counter(one.annotator for one in said if n_said[one.peak_id] > 1 or one.peak_id in settled)
    doubted = tuple(one for one in said if n_shared[one.annotator])
    return Annotations(
        tuple(Annotator(name, n, n_shared[name]) for name, n in n_peaks.items()),
        doubted,
        frozenset(one.peak_id for one in doubted) - settled,
    )
