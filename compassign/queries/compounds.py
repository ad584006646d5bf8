"""Which compounds are in the data, whatever peak they made, and the peaks that may be theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from compassign.queries.run_folder import COMPOUNDS_FILE, Run, read_table

COMPOUND_COLUMNS = (
    *("compound_id", "name", "probability", "pep", "q_value", "decision", "best_peak", "n_peaks"),
    "probability_any",
)


def compound_table(run: Run) -> pd.DataFrame:
    """One row a compound that is a candidate of some peak, the surest first; no rows for a run of an earlier version.

    Columns: those of `compounds.csv` and species, those in which a peak is called the compound, separated by `; `.
    Raises InputError where the file is not what a run writes.
    """
    if not (run.path / COMPOUNDS_FILE).is_file():
        return pd.DataFrame({name: [] for name in (*COMPOUND_COLUMNS, "species")})
    table = read_table(run.path / COMPOUNDS_FILE, COMPOUND_COLUMNS)
    called = run.peaks[run.peaks["assigned_compound"] != ""].sort_values("species", kind="stable")
    species = called.drop_duplicates(["assigned_compound", "species"]).groupby("assigned_compound")["species"]
    joined = table.assign(species=table["compound_id"].map(species.agg("; ".join)).fillna(""))
    return joined.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def summary(table: pd.DataFrame) -> str:
    """How many compounds of `compound_table` are accepted and to be reviewed."""
    counts = table["decision"].value_counts()
    return f"{counts.get('accept', 0)} accepted, {counts.get('review', 0)} to review, {len(table)} possible"


def peaks_of(run: Run, peaks: pd.DataFrame, compound_id: str) -> pd.DataFrame:
    """The rows of a table of peaks of which a compound is a candidate, called so or not."""
    own = run.candidates.loc[run.candidates["compound_id"] == compound_id, "peak_id"]
    return peaks[peaks["peak_id"].isin(own)]


def accepted_compounds(run: Run) -> str:
    """One line a limit: how many compounds are accepted, and how many of them may be false; "" for earlier versions."""
    levels = (run.metrics.get("fdr") or {}).items()
    found = [(float(limit), level["compounds"]) for limit, level in levels if level.get("compounds")]
    return "\n".join(f"At {100 * limit:g} %: {_in_words(compounds)}." for limit, compounds in found)


def _in_words(compounds: Mapping[str, Any]) -> str:
    if not compounds["n_accepted"]:
        return "no compound is accepted"
    said = f"{compounds['n_accepted']} accepted, {100 * compounds['expected_false_share']:.1f} % expected false"
    if not compounds["n_scored"]:
        return said
    return f"{said}; of the {compounds['n_scored']} whose truth is known, {100 * compounds['false_share']:.1f} % are"
