"""A run in the formats of other programs, and joined to the table that the user came with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from compassign.data.answers import format_options
from compassign.errors import InputError, StoreError
from compassign.formats.joined import Cell, append_columns
from compassign.formats.rows import SECONDS_PER_MIN
from compassign.queries.export import ExportFile, mark, safe_cell
from compassign.queries.mztab import mztab_m
from compassign.queries.overview import verdict
from compassign.queries.run_folder import Run
from compassign.results import FLOAT_FORMAT
from compassign.run_labels import load_with, rows_now
from compassign.runs import RunDirectory

PEAKS_NAME = "peaks.csv"
NULL_LABEL = "null"
_JOINED = ("compound", "name", "adduct", "probability", "q_value", "decision", "label", "verdict")


def exchange_files(run: Run) -> list[ExportFile]:
    """What other programs read; nothing where the dataset, which has m/z and formulas, is gone."""
    if run.dataset_problem:
        return []
    end, data = mark(run), run.record.config.data
    files = [
        ExportFile(f"candidates{end}.mztab", "mzTab-M 2.0, with every candidate's probability.", lambda: mztab_m(run)),
        ExportFile(f"sirius{end}.csv", "Candidates, named as SIRIUS names them.", lambda: sirius_table(run)),
        ExportFile(f"gnps{end}.csv", "One row a feature, for the nodes of a GNPS network.", lambda: gnps_table(run)),
    ]
    if data is not None and (table := data / PEAKS_NAME).is_file():
        about = "Your peak table, with what was called and labelled."
        files.append(ExportFile(f"peaks{end}.csv", about, lambda: joined_table(run, table)))
    return files


def sirius_table(run: Run) -> bytes:
    """Every candidate of every peak, best first, under the names of SIRIUS's structure summaries.

    The verdict is a column, so that it cannot be lost.
    """
    slots = run.candidates[(run.candidates["compound_id"] != "").to_numpy()].reset_index(drop=True)
    by_id = run.peaks.assign(row=np.arange(len(run.peaks))).set_index("peak_id")
    peaks = by_id.loc[slots["peak_id"]].reset_index()
    known = run.compounds.loc[slots["compound_id"]].reset_index()
    ranks = slots.groupby("peak_id")["probability"].rank(method="min", ascending=False).astype("int64")
    table = pd.DataFrame(
        {
            "mappingFeatureId": slots["peak_id"],
            "ionMass": peaks["mz"],
            "retentionTimeInSeconds": peaks["rt_min"] * SECONDS_PER_MIN,
            "rank": ranks,
            "adduct": slots["adduct"],
            "molecularFormula": known["formula"],
            "name": run.names(slots["compound_id"]),
            "smiles": known["smiles"],
            "InChIkey2D": known["inchikey"].str.partition("-")[0],
            "probability": slots["probability"],
            "verdict": verdict(run.metrics).word,
        }
    )
    return _csv(table.iloc[np.lexsort((ranks, peaks["row"]))])


def gnps_table(run: Run) -> bytes:
    """One row a peak under the names of GNPS feature tables and library hits; empty where the call is null."""
    peaks = run.peaks
    known = run.compounds.reindex(peaks["assigned_compound"]).reset_index()
    table = pd.DataFrame(
        {
            "row ID": peaks["peak_id"],
            "row m/z": peaks["mz"],
            "row retention time": peaks["rt_min"],
            "Compound_Name": run.names(peaks["assigned_compound"]),
            "Adduct": peaks["adduct"],
            "molecular_formula": known["formula"],
            "Smiles": known["smiles"],
            "InChIKey": known["inchikey"],
            "probability": peaks["probability"],
            "decision": peaks["decision"],
            "verdict": verdict(run.metrics).word,
        }
    )
    return _csv(table)


def joined_table(run: Run, original: Path) -> bytes:
    """The user's own table of text with what was called and labelled at its right end; all else as it was.

    Raises InputError where it lacks a peak of the run, or the label store cannot be used.
    """
    labels = _labels_now(run)
    word = verdict(run.metrics).word
    names = run.names(run.peaks["assigned_compound"]).tolist()
    rows: dict[str, tuple[Cell, ...]] = {}
    for peak, name in zip(run.peaks.to_dict("records"), names, strict=True):
        called = (safe_cell(peak["assigned_compound"]), safe_cell(name), peak["adduct"])
        q_value = None if np.isnan(peak["q_value"]) else float(peak["q_value"])
        label = safe_cell(labels.get(peak["peak_id"], ""))
        rows[peak["peak_id"]] = (*called, float(peak["probability"]), q_value, peak["decision"], label, word)
    return append_columns(original, [f"compassign_{name}" for name in _JOINED], rows)


def _labels_now(run: Run) -> dict[str, str]:
    """peak_id -> the label of file and store as it is now; none where the dataset is gone."""
    if run.dataset_problem:
        return {}
    try:
        stored = rows_now(RunDirectory(run.path).output, run.record.config)
    except StoreError as error:
        raise InputError(str(error)) from error
    labels = load_with(run.record.config, stored).labels
    return {peak_id: format_options(options) or NULL_LABEL for peak_id, options in labels.items()}


def _csv(table: pd.DataFrame) -> bytes:
    texts = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    safe = table.assign(**{name: [safe_cell(str(cell)) for cell in table[name].fillna("")] for name in texts})
    return safe.to_csv(index=False, float_format=FLOAT_FORMAT, lineterminator="\n").encode("utf-8")


def _needs_dataset(make: Callable[[Run], bytes]) -> Callable[[Run, Path | None], bytes]:
    def checked(run: Run, original: Path | None) -> bytes:
        if original is not None:
            raise InputError("--table goes with --format table only")
        if run.dataset_problem:
            raise InputError(f"run {run.run_id}: m/z and formulas are needed, but {run.dataset_problem}")
        return make(run)

    return checked


def _joined(run: Run, original: Path | None) -> bytes:
    data = run.record.config.data
    if original is None and data is None:
        raise InputError(f"run {run.run_id}: a simulated dataset has no table, expected --table FILE")
    table = original or Path(str(data)) / PEAKS_NAME
    if not table.is_file():
        raise InputError(f"{table}: no such file, expected --table with the table that the dataset was made from")
    return joined_table(run, table)


FORMATS: Mapping[str, Callable[[Run, Path | None], bytes]] = {
    "mztab-m": _needs_dataset(mztab_m),
    "sirius": _needs_dataset(sirius_table),
    "gnps": _needs_dataset(gnps_table),
    "table": _joined,
}
"""Name of a format -> its content; the path is that of the user's own table."""
