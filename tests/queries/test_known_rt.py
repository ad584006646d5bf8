"""Peaks whose compound was given, and how far their RT is from its prediction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compassign.queries.known_rt import COLUMNS, known_rts
from compassign.queries.run_folder import Run

pytest_plugins = ["example_runs"]


def test_known_peaks_have_the_rt_error_of_their_own_candidate(lookup_run: Run) -> None:
    known = known_rts(lookup_run)
    truth = lookup_run.truth
    assert truth is not None
    assert tuple(known.columns) == COLUMNS
    assert 0 < known["is_given"].sum() < len(known) < len(lookup_run.peaks)
    assert not known["peak_id"].duplicated().any()
    columns = (known[name].tolist() for name in ("peak_id", "adduct", "rt_z", "is_given"))
    for peak_id, adduct, rt_z, is_given in zip(*columns, strict=True):
        at = lookup_run.row_of(peak_id)
        assert lookup_run.peaks["is_labelled"].iloc[at] == is_given
        slots = lookup_run.candidates.iloc[lookup_run.offsets[at] : lookup_run.offsets[at + 1]]
        own = slots[slots["compound_id"].isin(truth[peak_id])]
        best = own.iloc[own["probability"].to_numpy().argmax()]
        assert (best["rt_z"], best["adduct"]) == (rt_z, adduct)
    assert np.isfinite(known["rt_z"]).all()


def test_without_a_truth_only_what_was_given_is_known(lookup_run: Run) -> None:
    known = known_rts(replace(lookup_run, truth=None))
    assert known["is_given"].all()
    assert len(known) == known_rts(lookup_run)["is_given"].sum()


def test_a_run_that_was_given_nothing_has_none(lookup_run: Run) -> None:
    peaks = lookup_run.peaks.assign(is_labelled=False, is_calibrant=False)
    assert len(known_rts(replace(lookup_run, peaks=peaks, truth=None))) == 0
