"""Files or frames to a validated dataset; everything that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from compassign.data.answers import combine_labels, resolve_truth, stated_answers
from compassign.data.audit_labels import AuditLabels, collect_audit, complete_labels, is_audit
from compassign.data.calibrants import check_calibrant_polarity
from compassign.data.checks import check_abundance_columns, check_references, check_rt_units
from compassign.data.compounds import complete_compounds, known_in_warnings
from compassign.data.convert import convert_abundances, convert_table
from compassign.data.dataset import Answers, Dataset
from compassign.data.hashes import dataset_hash, hash_answers, hash_label_rows
from compassign.data.meta import META_FILE, meta_polarity, meta_texts, species_clusters
from compassign.data.peaks import complete_peaks
from compassign.data.raw import Findings, RawTable, list_some
from compassign.data.read import from_frame, read_csv, read_parquet, read_toml
from compassign.data.stored_labels import OVERRULED, merge_labels
from compassign.errors import InputError, Place, Problem
from compassign.tables import FREE, REQUIRED_TABLES, TABLE_NAMES, empty_table

_READERS = {".csv": read_csv, ".parquet": read_parquet}


@dataclass(frozen=True)
class _Sources:
    """What was read, before any check across tables: the raw tables by name and the parsed dataset.toml."""

    raws: Mapping[str, RawTable]
    meta: Mapping[str, Any]
    findings: Findings
    stored: pd.DataFrame | None = None


def load_dataset(directory: Path, stored: pd.DataFrame | None = None) -> Dataset:
    """The validated dataset of a folder as DESIGN.md describes it.

    stored : labels of the store, of `stored_rows`, that count beside those of labels.csv.
    Raises InputError that lists every problem of every file, each with its row (line number; the header is row 1),
    column, the value found and what was expected.
    """
    folder = Path(directory)
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise InputError([Problem.at(Place(str(folder)), state, "a folder with peaks.csv and compounds.csv")])
    raws: dict[str, RawTable] = {}
    findings = Findings()
    for table in TABLE_NAMES:
        raw, file_findings = _read_table(folder, table)
        findings += file_findings
        if raw is not None:
            raws[table] = raw
    meta: Mapping[str, Any] = {}
    if (folder / META_FILE).exists():
        meta, meta_findings = read_toml(folder / META_FILE)
        findings += meta_findings
    given = meta.get("name")
    name = given if isinstance(given, str) and given.strip() else folder.resolve().name
    return replace(_build(_Sources(raws, meta, findings, stored), name), folder=folder)


def build_dataset(
    tables: Mapping[str, pd.DataFrame], meta: Mapping[str, Any], name: str, stored: pd.DataFrame | None = None
) -> Dataset:
    """The same validation for tables in memory, such as a simulation's.

    tables : by name without extension (`peaks`, `compounds`, ...). meta : what dataset.toml would hold.
    stored : labels of the store.
    Raises InputError as `load_dataset` does; rows are counted as they would be in a CSV file.
    """
    findings = Findings()
    unknown = sorted(set(tables) - set(TABLE_NAMES))
    if unknown:
        findings += Findings((f"found the tables {list_some(unknown)}, expected only {', '.join(TABLE_NAMES)}",))
    for table in REQUIRED_TABLES:
        if table not in tables:
            findings += Findings((f"{table}: the table is missing, expected a data frame",))
    raws: dict[str, RawTable] = {}
    for table in TABLE_NAMES:
        if table in tables:
            raws[table], frame_findings = from_frame(table, tables[table])
            findings += frame_findings
    return _build(_Sources(raws, meta, findings, stored), name)


def _read_table(folder: Path, table: str) -> tuple[RawTable | None, Findings]:
    found = [folder / f"{table}{ending}" for ending in _READERS if (folder / f"{table}{ending}").exists()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        return None, Findings((Problem.at(Place(str(folder)), f"found {names}", "only one of them"),))
    if found:
        return _READERS[found[0].suffix](found[0])
    if table not in REQUIRED_TABLES:
        return None, Findings()
    there = sorted(path.name for path in folder.iterdir())
    holds = f"holds {list_some(there)}" if there else "is empty"
    message = f"{table}.csv is missing (or {table}.parquet): the folder {folder} {holds}"
    return None, Findings((Problem(message, Place(f"{table}.csv")),))


def _build(sources: _Sources, name: str) -> Dataset:
    frames, injection_columns, findings = _checked_frames(sources)
    texts, text_findings = meta_texts(sources.meta)
    species = frozenset[str]().union(
        *(frames[table]["species"] for table in ("peaks", "injections") if table in frames)
    )
    clusters, cluster_findings = species_clusters(sources.meta, species - {""})
    findings += text_findings + cluster_findings
    if findings.problems:
        raise InputError(findings.problems)
    if "calibrants" in frames:
        findings += check_calibrant_polarity(sources.raws["calibrants"].file, frames["calibrants"], frames["peaks"])
    frames, stored_findings = _with_stored(sources.stored, frames)
    labels, audit, answer_findings = _labels(sources.raws, frames)
    truth, truth_findings = _truth(sources.raws, frames)
    full = {table: frames.get(table, empty_table(table)) for table in TABLE_NAMES}
    return Dataset(
        name=name,
        peaks=full["peaks"],
        compounds=full["compounds"],
        calibrants=full["calibrants"],
        injections=full["injections"],
        abundances=full["abundances"],
        labels=labels,
        truth=truth,
        species_clusters=clusters,
        dataset_hash=dataset_hash(full, injection_columns),
        labels_hash=hash_label_rows(full["labels"]),
        truth_hash=hash_answers(stated_answers(full["truth"])),
        meta=texts,
        warnings=(findings + stored_findings + answer_findings + truth_findings).warnings,
        label_rows=_training_rows(full["labels"]),
        audit=audit,
        retention=full["retention"],
    )


def _checked_frames(sources: _Sources) -> tuple[dict[str, pd.DataFrame], tuple[str, ...], Findings]:
    """Completed tables by name (absent and broken ones left out), and the abundances' injection columns."""
    findings = sources.findings
    frames: dict[str, pd.DataFrame] = {}
    for table, raw in sources.raws.items():
        frame, table_findings = _convert(table, raw)
        findings += table_findings
        if frame is not None:
            frames[table] = frame
    polarity, polarity_findings = meta_polarity(sources.meta)
    findings += polarity_findings
    if "peaks" in frames:
        frames["peaks"], peak_findings = complete_peaks(sources.raws["peaks"], frames["peaks"], polarity)
        findings += peak_findings
    if "compounds" in frames:
        frames["compounds"], compound_findings = complete_compounds(sources.raws["compounds"], frames["compounds"])
        findings += compound_findings
    if "peaks" in frames and "compounds" in frames:
        species = frozenset(frames["peaks"]["species"].tolist())
        findings += known_in_warnings(sources.raws["compounds"], frames["compounds"]["known_in"], species)
    if "labels" in frames:
        frames["labels"], label_findings = complete_labels(sources.raws["labels"], frames["labels"])
        findings += label_findings
    columns, column_findings = check_abundance_columns(sources.raws, frames)
    findings += column_findings
    if "abundances" in frames:
        raw = sources.raws["abundances"]
        frames["abundances"], abundance_findings = convert_abundances(raw, frames["abundances"], columns)
        findings += abundance_findings
    findings += check_references(sources.raws, frames) + check_rt_units(sources.raws, frames)
    return frames, columns, findings


def _convert(table: str, raw: RawTable) -> tuple[pd.DataFrame | None, Findings]:
    frame, findings = convert_table(table, raw)
    if len(raw.rows):
        return frame, findings
    if table in REQUIRED_TABLES:
        empty = Problem.at(Place(raw.file), "found a header and no rows", "at least one row")
        return None, findings + Findings((empty,))
    return None, findings + Findings(warnings=(f"{raw.file}: found a header and no rows; counts as absent",))


def _with_stored(
    stored: pd.DataFrame | None, frames: dict[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], Findings]:
    """The tables with the labels of the store beside those of labels.csv, and how each label stands."""
    rows = frames.get("labels", empty_table("labels")).assign(standing="")
    if stored is None or not len(stored):
        return ({**frames, "labels": rows} if len(rows) else frames), Findings()
    merged, warnings = merge_labels(rows, stored, frames["peaks"], frames["compounds"])
    return {**frames, "labels": merged}, Findings(warnings=warnings)


def _labels(raws: Mapping[str, RawTable], frames: Mapping[str, pd.DataFrame]) -> tuple[Answers, AuditLabels, Findings]:
    """What fits may train on, and the audit. A peak of the audit is never trained on, whatever other rows say of it: a
    label less costs little, a claim that rests on what the fit has seen is false.
    """
    if "labels" not in frames:
        return {}, AuditLabels(), Findings()
    file, rows = raws["labels"].file if "labels" in raws else "stored labels", frames["labels"]
    rows = rows[rows["standing"] != OVERRULED]
    audited = rows[is_audit(rows)]
    labels, findings = combine_labels(file, rows[~is_audit(rows)])
    answers, audit_findings = combine_labels(file, audited[audited["skipped"] == ""])
    findings += audit_findings
    both = [peak_id for peak_id in dict.fromkeys(audited["peak_id"].tolist()) if peak_id in labels]
    if both:
        left_out = f"{list_some(both)} are in the audit, so their other rows are not trained on"
        findings += Findings(warnings=(f"{file}: {left_out}; write purpose `{FREE}` in all to release them",))
    trained = {peak_id: options for peak_id, options in labels.items() if peak_id not in set(both)}
    return trained, collect_audit(audited, answers, frames["peaks"]["peak_id"].tolist()), findings


def _training_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows about peaks outside the audit, without the columns that tell these apart."""
    kept = rows[~rows["peak_id"].isin(rows["peak_id"][is_audit(rows)])]
    return kept.drop(columns=["purpose", "inclusion_prob", "skipped"]).reset_index(drop=True)


def _truth(raws: Mapping[str, RawTable], frames: Mapping[str, pd.DataFrame]) -> tuple[Answers | None, Findings]:
    if "truth" not in frames:
        return None, Findings()
    library = frozenset(frames["compounds"]["compound_id"].tolist())
    return resolve_truth(raws["truth"], frames["truth"], library)
