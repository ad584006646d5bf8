"""The compounds that screens list are those of the run's files, with the species in which they are called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from compassign.errors import InputError
from compassign.queries.compounds import accepted_compounds, compound_table, peaks_of, summary
from compassign.queries.run_folder import COMPOUNDS_FILE, Run, load_run

pytest_plugins = ["example_runs"]


def test_every_possible_compound_is_listed_the_surest_first(lookup_run: Run) -> None:
    table = compound_table(lookup_run)
    listed = lookup_run.candidates.loc[lookup_run.candidates["compound_id"] != "", "compound_id"]
    assert sorted(table["compound_id"]) == sorted(listed.unique())
    assert table["probability"].is_monotonic_decreasing
    assert "NA" in set(table["compound_id"])  # an id, not a missing value
    called: dict[str, set[str]] = {}
    for peak in lookup_run.peaks.itertuples():
        called.setdefault(str(peak.assigned_compound), set()).add(str(peak.species))
    for row in table.itertuples():
        assert row.species == "; ".join(sorted(called.get(str(row.compound_id), set())))
        assert row.n_peaks == len(peaks_of(lookup_run, lookup_run.peaks, str(row.compound_id)))
    n_accepted = int((table["decision"] == "accept").sum())
    assert summary(table).startswith(f"{n_accepted} accepted, ")
    assert summary(table).endswith(f" {len(table)} possible")


def test_a_compound_that_is_no_candidate_has_no_peaks(lookup_run: Run) -> None:
    assert len(peaks_of(lookup_run, lookup_run.peaks, "nix")) == 0


def test_a_run_of_an_earlier_version_lists_none_and_a_broken_one_says_so(copied_folder: Path) -> None:
    run = load_run(copied_folder)
    (copied_folder / COMPOUNDS_FILE).write_text("compound_id\nx\n")
    with pytest.raises(InputError, match=r"compounds\.csv: no column name"):
        compound_table(run)
    (copied_folder / COMPOUNDS_FILE).unlink()
    assert compound_table(run).empty
    assert isinstance(compound_table(run)["decision"], pd.Series)


@pytest.mark.parametrize(
    ("compounds", "expected"),
    [
        (None, ""),
        ({"n_accepted": 0, "expected_false_share": None, "n_scored": 0}, "At 5 %: no compound is accepted."),
        (
            {"n_accepted": 12, "expected_false_share": 0.0498, "n_scored": 0, "false_share": None},
            "At 5 %: 12 accepted, 5.0 % expected false.",
        ),
        (
            {"n_accepted": 12, "expected_false_share": 0.04, "n_scored": 8, "false_share": 0.125},
            "At 5 %: 12 accepted, 4.0 % expected false; of the 8 whose truth is known, 12.5 % are.",
        ),
    ],
)
def test_accepted_compounds_are_put_in_words(
    lookup_run: Run, compounds: dict[str, float] | None, expected: str
) -> None:
    run = replace(lookup_run, metrics={"fdr": {"0.05": {"compounds": compounds}}})
    assert accepted_compounds(run) == expected
    assert accepted_compounds(replace(lookup_run, metrics={})) == ""
