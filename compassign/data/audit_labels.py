"""Audit labels: what people said about a random sample of peaks that no fit trains on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from compassign.data.raw import Findings, RawTable, cell_messages
from compassign.tables import AUDIT, PURPOSES, SKIPPED, contract_columns
from compassign.units import BoolArray, FloatArray, IntArray


def _no_rows() -> IntArray:
    return np.empty(0, dtype=np.int64)


def _no_probabilities() -> FloatArray:
    return np.empty(0, dtype=np.float64)


def _no_answers() -> BoolArray:
    return np.empty(0, dtype=np.bool_)


@dataclass(frozen=True)
class AuditLabels:
    """One entry a peak of the audit, in the order of the file, which is that of the draw.

    peak : (n,) rows of the peak table, each once. options : n sets of compounds, empty = null; without meaning where
    skipped. inclusion_prob : (n,) 0 to 1, the probability that the draw takes the peak. is_skipped : (n,) nobody could
    say.
    """

    peak: IntArray = field(default_factory=_no_rows)
    options: tuple[frozenset[str], ...] = ()
    inclusion_prob: FloatArray = field(default_factory=_no_probabilities)
    is_skipped: BoolArray = field(default_factory=_no_answers)

    def select(self, is_kept: BoolArray) -> AuditLabels:
        """Some of the entries; is_kept : (n,)."""
        options = tuple(named for named, kept in zip(self.options, is_kept.tolist(), strict=True) if kept)
        return AuditLabels(self.peak[is_kept], options, self.inclusion_prob[is_kept], self.is_skipped[is_kept])


def is_audit(rows: pd.DataFrame) -> BoolArray:
    """(n_rows,) which rows of a label table are of the audit."""
    return np.asarray(rows["purpose"] == AUDIT, dtype=np.bool_)


def complete_labels(raw: RawTable, frame: pd.DataFrame) -> tuple[pd.DataFrame, Findings]:
    """The label table with every contract column, and which rows say something else than their purpose allows."""
    rows = frame if "inclusion_prob" in frame else frame.assign(inclusion_prob=np.nan)
    others = [name for name in rows.columns if name not in contract_columns("labels")]
    rows = rows[[*contract_columns("labels"), *others]]
    audited, skipped = is_audit(rows), np.asarray(rows["skipped"] == SKIPPED)
    known_purpose = np.isin(_raw_text(raw, "purpose"), ["", *PURPOSES])  # a wrong one has its own message
    given = _raw_text(raw, "inclusion_prob") != ""
    named = np.asarray(rows["compound_id"] != "")
    only = f"where purpose is `{AUDIT}`"
    either = f"an empty cell where skipped is `{SKIPPED}`; clear skipped once the peak is answered"
    return rows, Findings(
        cell_messages(raw, "inclusion_prob", audited & ~given, f"a number above 0, at most 1, {only}")
        + cell_messages(raw, "inclusion_prob", ~audited & given & known_purpose, f"an empty cell but {only}")
        + cell_messages(raw, "skipped", ~audited & skipped & known_purpose, f"an empty cell but {only}")
        + cell_messages(raw, "compound_id", skipped & named, either)
        + _differing(raw, rows[audited])
    )


def _raw_text(raw: RawTable, column: str) -> np.ndarray:
    if column not in raw.frame:
        return np.full(len(raw.rows), "")
    return np.array(["" if pd.isna(cell) else str(cell).strip() for cell in raw.frame[column].tolist()], dtype=np.str_)


def _differing(raw: RawTable, audited: pd.DataFrame) -> tuple[str, ...]:
    """A peak is drawn once, whoever answers: every row of it has one probability."""
    known = audited[audited["inclusion_prob"].notna()]
    first = known.groupby("peak_id")["inclusion_prob"].transform("first")
    bad = np.zeros(len(raw.rows), dtype=np.bool_)
    bad[known.index[known["inclusion_prob"] != first]] = True
    return cell_messages(raw, "inclusion_prob", bad, "the same number as in the other rows of this peak")


def collect_audit(rows: pd.DataFrame, answers: Mapping[str, frozenset[str]], peak_ids: Sequence[str]) -> AuditLabels:
    """The audit of a label table.

    rows : its audit rows. answers : peak_id -> what its rows that answer say together; a peak without, because it was
    skipped or the rows contradict each other, counts as skipped.
    """
    row_of = {peak_id: row for row, peak_id in enumerate(peak_ids)}
    drawn = rows.drop_duplicates("peak_id")
    names = drawn["peak_id"].tolist()
    return AuditLabels(
        peak=np.array([row_of[name] for name in names], dtype=np.int64),
        options=tuple(answers.get(name, frozenset()) for name in names),
        inclusion_prob=drawn["inclusion_prob"].to_numpy(dtype=np.float64),
        is_skipped=np.array([name not in answers for name in names], dtype=np.bool_),
    )
