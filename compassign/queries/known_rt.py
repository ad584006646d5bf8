"""Retention times of the peaks whose compound is known, against what was predicted for that compound."""

from __future__ import annotations

import numpy as np
import pandas as pd

from compassign.queries.run_folder import Run

COLUMNS = ("peak_id", "name", "adduct", "rt_z", "is_given")


def known_rts(run: Run) -> pd.DataFrame:
    """One row a peak whose compound is known and had its RT predicted.

    Columns: peak_id, name, adduct (the most probable one), rt_z ((observed - predicted) / predictive SD), is_given: by
    a label or as a calibrant, so that the prediction has learned from it. The others are known from the truth, which no
    fit sees; those whose compound is not among the candidates are left out.
    """
    peaks = run.peaks
    is_given = peaks["is_labelled"] | peaks["is_calibrant"]
    truth = run.truth or {}
    true = {peak_id: next(iter(answer)) for peak_id, answer in truth.items() if len(answer) == 1}
    told = pd.Series([true.get(peak_id, "") for peak_id in peaks["peak_id"].tolist()], dtype="str", index=peaks.index)
    compound = peaks["assigned_compound"].where(is_given, told)
    known = pd.DataFrame({"peak_id": peaks["peak_id"], "compound_id": compound, "is_given": is_given})
    slots = run.candidates[["peak_id", "compound_id", "adduct", "probability", "rt_z"]]
    found = known[compound != ""].merge(slots, on=["peak_id", "compound_id"])
    found = found[np.isfinite(found["rt_z"])].sort_values("probability", ascending=False, kind="stable")
    best = found.drop_duplicates("peak_id").sort_index(ignore_index=True)
    named: pd.DataFrame = best.assign(name=run.names(best["compound_id"]))
    return named[list(COLUMNS)]
