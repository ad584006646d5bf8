"""Retention times of the peaks whose compound is known, against what was predicted for that compound."""

from __future__ import annotations

import numpy as np
import pandas as pd

from compassign.queries.run_folder import Run

COLUMNS = ("peak_id", "name", "adduct", "rt_min", "rt_z", "is_calibrant")


def known_rts(run: Run) -> pd.DataFrame:
    """One row a peak whose compound was given, by a label or as a calibrant, where its RT was predicted.

    Columns: peak_id, name, adduct, rt_min (NaN where the dataset is gone), rt_z ((observed - predicted) / predictive
    SD), is_calibrant (the prediction has learned from it). The adduct is the most probable one.
    """
    peaks = run.peaks
    is_known = (peaks["is_labelled"] | peaks["is_calibrant"]) & (peaks["assigned_compound"] != "")
    known = peaks.loc[is_known, ["peak_id", "assigned_compound", "adduct", "rt_min", "is_calibrant"]]
    slots = run.candidates[["peak_id", "compound_id", "adduct", "rt_z"]]
    found = known.merge(
        slots, left_on=["peak_id", "assigned_compound", "adduct"], right_on=["peak_id", "compound_id", "adduct"]
    )
    found = found[np.isfinite(found["rt_z"])].reset_index(drop=True)
    named: pd.DataFrame = found.assign(name=run.names(found["assigned_compound"]))
    return named[list(COLUMNS)]
