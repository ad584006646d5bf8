"""Retention times that look like the other unit: refused, with the way out."""

from __future__ import annotations

import numpy as np

from compassign.data.checks import MAX_RUN_MIN
from compassign.formats.layout import RtUnit
from compassign.formats.problems import Problems
from compassign.formats.rows import SECONDS_PER_MIN, Plan
from compassign.units import FloatArray, IntArray

_MIN_RUN_MIN = 1.0  # the latest peaks of a run that is shorter are those of minutes, read as seconds
_TYPICAL_LATE = 0.95  # quantile that stands for the end of the run: the maximum may be a single wild value
_SPAN_MIN = (1.5 / SECONDS_PER_MIN, 10.0)  # from start to end of a typical peak of chromatography
_WORDS = {"min": "minutes", "s": "seconds"}
_FLAG = {"min": "--rt-unit min", "s": "--rt-unit s"}


class Times:
    """Retention times of all rows read so far.

    rows, rt_min, span_min : (n,) line number, retention time, and time from start to end of each peak, NaN = unknown.
    """

    def __init__(self) -> None:
        self._rows: list[IntArray] = []
        self._rt_min: list[FloatArray] = []
        self._span_min: list[FloatArray] = []

    def add(self, rows: list[int], rt_min: FloatArray, span_min: FloatArray) -> None:
        """Add a part of the table."""
        self._rows.append(np.array(rows, dtype=np.int64))
        self._rt_min.append(rt_min)
        self._span_min.append(span_min)

    @property
    def rows(self) -> IntArray:
        """Line numbers."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self._rows])

    @property
    def rt_min(self) -> FloatArray:
        """Retention times."""
        return np.concatenate([np.empty(0), *self._rt_min])

    @property
    def span_min(self) -> FloatArray:
        """Times from start to end."""
        return np.concatenate([np.empty(0), *self._span_min])


def check_rt_unit(times: Times, plan: Plan, problems: Problems) -> None:
    """Report retention times that cannot be minutes after conversion, or, if the user did not say the unit, hardly."""
    unit, column = plan.rt_unit, plan.layout.names[plan.layout.columns["rt_min"]]
    rows, rt_min, span_min = times.rows, times.rt_min, times.span_min
    finite = np.isfinite(rt_min)
    if not finite.any():
        return
    other: RtUnit = "s" if unit == "min" else "min"
    way_out = f"if these are {_WORDS[other]}, import with {_FLAG[other]}"
    at = int(np.nanargmax(rt_min))
    in_file = rt_min * (SECONDS_PER_MIN if unit == "s" else 1.0)
    found = f"found {in_file[at]:g}, the largest of {int(finite.sum()):,}, read as {_WORDS[unit]}"
    if rt_min[at] > MAX_RUN_MIN:
        limit = f"at most {MAX_RUN_MIN * (SECONDS_PER_MIN if unit == 's' else 1.0):g}"
        problems.add("units", int(rows[at]), column, found, f"{limit}; {way_out}" if unit == "min" else limit)
        return
    if plan.is_unit_stated:
        return
    confirm = f"if they are {_WORDS[unit]}, say so with {_FLAG[unit]}"
    spans = span_min[np.isfinite(span_min) & (span_min > 0.0)]
    if unit == "s" and np.quantile(rt_min[finite], _TYPICAL_LATE) < _MIN_RUN_MIN:
        problems.add("units", int(rows[at]), column, found, f"a run of more than a minute; {way_out}; {confirm}")
    elif spans.size and not _SPAN_MIN[0] <= np.median(spans) <= _SPAN_MIN[1]:
        typical = (
            f"found peaks that typically last {np.median(spans) * SECONDS_PER_MIN:.3g} s, times read as {_WORDS[unit]}"
        )
        problems.add("units", None, column, typical, f"1.5 s to 10 min; {way_out}; {confirm}")
