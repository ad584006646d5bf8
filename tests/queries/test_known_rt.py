"""Peaks whose compound was given, and how far their RT is from its prediction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compassign.queries.known_rt import COLUMNS, known_rts
from compassign.queries.run_folder import Run

pytest_plugins = ["example_runs"]


def test_known_peaks_have_the_rt_error_of_their_own_candidate(lookup_run: Run) -> None:
    known = known_rts(lookup_run)
    assert tuple(known.columns) == COLUMNS
    assert 0 < len(known) < len(lookup_run.peaks)
    for peak_id, rt_z in zip(known["peak_id"].tolist(), known["rt_z"].tolist(), strict=True):
        at = lookup_run.row_of(peak_id)
        peak = lookup_run.peaks.iloc[at]
        assert peak["is_labelled"]
        slots = lookup_run.candidates.iloc[lookup_run.offsets[at] : lookup_run.offsets[at + 1]]
        own = slots[(slots["compound_id"] == peak["assigned_compound"]) & (slots["adduct"] == peak["adduct"])]
        assert own["rt_z"].tolist() == [rt_z]
    assert np.isfinite(known["rt_z"]).all()


def test_a_run_that_was_given_nothing_has_none(lookup_run: Run) -> None:
    run = replace(lookup_run, peaks=lookup_run.peaks.assign(is_labelled=False, is_calibrant=False))
    assert len(known_rts(run)) == 0
