"""Labels of the store beside those of labels.csv, found again in a table whose ids may have changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.data.answers import format_options, parse_options
from compassign.data.raw import list_some
from compassign.label_events import TRAINING, LabelEvent
from compassign.tables import AUDIT, SKIPPED, contract_columns
from compassign.units import FloatArray, IntArray, ppm_error

MATCH_PPM = 10.0  # as far as another calibration of the same data moves a mass
MATCH_RT_MIN = 0.2  # as far as another peak picking of the same data moves an apex
CLEARLY = 2.0  # the next peak must be so much farther for the nearest to be the one that was labelled
EXPORT_COLUMNS = (*contract_columns("labels"), "identification_level", "note")
STORED_COLUMNS = (*EXPORT_COLUMNS, "kind", "is_adjudication", "injection", "mz", "rt_min", "event")
SETTLED, OVERRULED = "settled", "overruled"
"""How a row stands: it settles what annotators disagree about, or is theirs and counts no more; "" for all others."""


@dataclass(frozen=True)
class LabelMatch:
    """Where stored labels belong in a peak table.

    peak_id : one a label, None where it belongs to no peak, or to none alone. n_matched : labels that have one.
    moved, ambiguous, lost : peak ids as they were when labelled, each once; those that have another id now, that may be
    one of several peaks, and that are gone.
    """

    peak_id: tuple[str | None, ...]
    moved: tuple[str, ...]
    ambiguous: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def n_matched(self) -> int:
        """Number of labels that belong to a peak."""
        return sum(found is not None for found in self.peak_id)

    def report(self) -> list[str]:
        """Say what did not stay in place; nothing if all did."""
        limits = f"{MATCH_PPM:g} ppm and {MATCH_RT_MIN:g} min"
        told = (
            (self.moved, "have other ids in the table now; found by m/z and retention time"),
            (self.ambiguous, f"may be one of several peaks within {limits} now; their labels are not used"),
            (self.lost, f"are not in the table any more (within {limits}); their labels are kept but not used"),
        )
        return [f"stored labels: {len(ids):,} peaks ({list_some(ids)}) {what}" for ids, what in told if ids]


def stored_rows(events: Sequence[LabelEvent]) -> pd.DataFrame:
    """Answers as rows with the columns of labels.csv and what finds the peak again, one an event.

    Those that name nothing are rows too, since they may stand against a row of labels.csv.
    """
    rows = [
        {
            "peak_id": event.peak_id,
            "compound_id": format_options(event.options),
            "annotator": event.annotator,
            "confidence": "",
            "purpose": event.purpose,
            "inclusion_prob": np.nan if event.inclusion_prob is None else event.inclusion_prob,
            "skipped": SKIPPED if event.purpose == AUDIT and event.kind not in TRAINING else "",
            "identification_level": str(event.identification_level or ""),
            "note": event.note,
            "kind": event.kind,
            "is_adjudication": event.is_adjudication,
            "injection": event.injection,
            "mz": event.mz,
            "rt_min": event.rt_min,
            "event": event.id,
        }
        for event in events
    ]
    return pd.DataFrame(rows, columns=list(STORED_COLUMNS))


def export_rows(stored: pd.DataFrame) -> pd.DataFrame:
    """The rows that can stand in labels.csv: what fits learn from, and the audit with its skipped peaks."""
    kept = _is_sayable(stored) & (_standing(stored) != OVERRULED)
    return stored.loc[kept, list(EXPORT_COLUMNS)].reset_index(drop=True)


def _is_sayable(stored: pd.DataFrame) -> pd.Series[bool]:
    """Which rows labels.csv has words for."""
    return stored["kind"].isin(TRAINING) | (stored["purpose"] == AUDIT)


def _standing(stored: pd.DataFrame) -> pd.Series[str]:
    """How each row stands, by what else is stored about its peak."""
    is_final = stored["is_adjudication"].astype(bool)
    is_settled = stored["peak_id"].isin(stored.loc[is_final, "peak_id"])
    standing = pd.Series("", index=stored.index, dtype="str")
    return standing.mask(is_settled, OVERRULED).mask(is_final, SETTLED)


def merge_labels(
    rows: pd.DataFrame, stored: pd.DataFrame, peaks: pd.DataFrame, compounds: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows of labels.csv and of the store together, and what there is to say about it.

    rows : with every contract column and `standing`. stored : of `stored_rows`. What an annotator says in the store
    takes the place of what the file says of the same peak under the same name, and an adjudication that of all rows
    about the peak, which stay as overruled: column `standing`.
    """
    match = match_labels(stored, peaks)
    found = [name is not None for name in match.peak_id]
    here = stored.assign(peak_id=[name or "" for name in match.peak_id])[found]
    here = here.assign(standing=_standing(here))
    settled = here.loc[here["standing"] == SETTLED, "peak_id"]
    own = here[here["standing"] != SETTLED]
    answered = set(zip(own["peak_id"], own["annotator"], strict=True))
    of_file = zip(rows["peak_id"].tolist(), rows["annotator"].tolist(), strict=True)
    kept = rows[np.array([answer not in answered for answer in of_file], dtype=bool)]
    kept = kept.assign(standing=kept["standing"].mask(kept["peak_id"].isin(settled), OVERRULED))
    added, gone = _in_library(here[_is_sayable(here)], frozenset(compounds["compound_id"].tolist()))
    warnings = match.report()
    if gone:
        warnings.append(f"stored labels: those of {list_some(gone)} name compounds that the library lacks; not used")
    added = added[[*contract_columns("labels"), "standing"]]
    return pd.concat([kept, added], ignore_index=True), tuple(warnings)


def _in_library(rows: pd.DataFrame, library: frozenset[str]) -> tuple[pd.DataFrame, list[str]]:
    """Rows that name compounds of the library alone, and the peaks of the others; a peak of the audit stays, skipped:
    an audit without the peaks that are hard to answer is no random one.
    """
    is_known = np.array([parse_options(cell) <= library for cell in rows["compound_id"].tolist()], dtype=bool)
    is_kept = is_known | np.asarray(rows["purpose"] == AUDIT, dtype=bool)
    rows = rows.assign(
        compound_id=rows["compound_id"].where(is_known, ""), skipped=rows["skipped"].where(is_known, SKIPPED)
    )
    return rows[is_kept], list(dict.fromkeys(rows.loc[~is_known, "peak_id"].tolist()))


def match_labels(labels: pd.DataFrame, peaks: pd.DataFrame) -> LabelMatch:
    """Find the peaks that were labelled in a peak table.

    labels : peak_id, injection, mz, rt_min (min) as they were when labelled. peaks : those of a dataset. A label
    belongs to the nearest peak of its injection (of any, where that injection is gone) within both limits, if the next
    one is clearly farther, or the nearest has the label's id. Two peaks that were labelled cannot have become one.
    """
    mz, rt_min = peaks["mz"].to_numpy(dtype=np.float64), peaks["rt_min"].to_numpy(dtype=np.float64)
    injection, ids = peaks["injection"].to_numpy(dtype=object), peaks["peak_id"].tolist()
    known, order = set(injection.tolist()), np.argsort(mz, kind="stable")
    unchanged = set(zip(ids, injection.tolist(), mz.tolist(), rt_min.tolist(), strict=True))
    found: dict[tuple[str, str, float, float], str | None] = {}  # None: several
    for label in dict.fromkeys(labels[["peak_id", "injection", "mz", "rt_min"]].itertuples(index=False, name=None)):
        old_id, old_injection, old_mz, old_rt_min = label
        if label in unchanged:  # as nearly all are nearly always: a screen waits for this
            found[label] = old_id
            continue
        rows = _near_masses(mz, order, old_mz)
        rows = rows[(injection[rows] == old_injection) | (old_injection not in known)]
        distance = np.hypot(ppm_error(mz[rows], old_mz) / MATCH_PPM, (rt_min[rows] - old_rt_min) / MATCH_RT_MIN)
        is_near = np.abs(rt_min[rows] - old_rt_min) <= MATCH_RT_MIN
        names = [ids[row] for row in rows[is_near].tolist()]
        if names:
            found[label] = _nearest(names, distance[is_near], old_id)
    return _report(labels, _without_collisions(found))


def _near_masses(mz: FloatArray, order: IntArray, wanted: float) -> IntArray:
    """Rows whose m/z is within MATCH_PPM of one m/z; order : sorts mz."""
    width = wanted * MATCH_PPM * 1e-6
    first = np.searchsorted(mz, wanted - width, side="left", sorter=order)
    end = np.searchsorted(mz, wanted + width, side="right", sorter=order)
    return order[first:end]


def _nearest(names: Sequence[str], distance: FloatArray, own: str) -> str | None:
    """The name at the smallest distance; None if another is about as near. own : wins among the equally near."""
    ranked = sorted(zip(distance.tolist(), [name != own for name in names], names, strict=True))
    closest, is_other, name = ranked[0]
    if len(ranked) == 1 or not is_other or ranked[1][0] > CLEARLY * closest:
        return name
    return None


def _without_collisions(
    found: dict[tuple[str, str, float, float], str | None],
) -> dict[tuple[str, str, float, float], str | None]:
    """The same, but None for labels of different peaks that were found in one, unless that peak has the label's id."""
    claims: dict[str, set[str]] = {}
    for label, name in found.items():
        if name is not None:
            claims.setdefault(name, set()).add(label[0])
    return {
        label: None if name is not None and len(claims[name]) > 1 and name != label[0] else name
        for label, name in found.items()
    }


def _report(labels: pd.DataFrame, found: dict[tuple[str, str, float, float], str | None]) -> LabelMatch:
    keys = list(labels[["peak_id", "injection", "mz", "rt_min"]].itertuples(index=False, name=None))

    def once(is_listed: Sequence[bool]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key[0] for key, listed in zip(keys, is_listed, strict=True) if listed))

    return LabelMatch(
        peak_id=tuple(found.get(key) for key in keys),
        moved=once([found.get(key) not in (None, key[0]) for key in keys]),
        ambiguous=once([key in found and found[key] is None for key in keys]),
        lost=once([key not in found for key in keys]),
    )
