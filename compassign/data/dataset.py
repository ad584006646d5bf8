"""The validated dataset that every later stage reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from compassign.data.audit_labels import AuditLabels
from compassign.tables import empty_table

Answers = Mapping[str, frozenset[str]]
"""peak_id -> compound_ids that it may be; an empty set says null (nothing in the library)."""


@dataclass(frozen=True)
class Dataset:
    """One validated dataset: tables with every optional contract column filled in, answers parsed, content hashed.

    name : shown to the user.
    peaks : one row a peak, file order, index 0..n-1. peak_id, species, injection (str), polarity
        (`positive`/`negative`), mz, rt_min, intensity (float64), charge (Int64, <NA> = unknown), adduct,
        isotope_group, ms2_id (str, "" = none), isotope_index (int64, 0 = monoisotopic); foreign columns follow.
    compounds : one row a compound, file order, index 0..n-1. compound_id, name, formula, inchikey, smiles, known_in
        (str, "" = none), exact_mass (Da), charge (int64), rt_pred_min, rt_pred_sd_min (float64, NaN = none); then
        foreign columns, of which the numeric ones (float64) are descriptors.
    calibrants : species, injection ("" = any), compound_id (str), rt_min (float64); may have no rows.
    retention : RTs on other chromatographic systems: system, compound_id (str), rt_min (float64); may have no rows.
    injections, abundances : as in the files; may have no rows. The abundance columns of injections are float64,
        NaN = not detected.
    labels : what people said, one entry a labelled peak; nothing of the audit.
    label_rows : the statements behind the labels, one row each: peak_id, compound_id, annotator, confidence (str).
    audit : what people said about a random sample, which no fit trains on.
    truth : for scoring only; None where the dataset has none. Peaks not in it are unknown.
    species_clusters : species -> cluster; every species is present (one cluster "all" unless dataset.toml says more).
    warnings : what the loader had to assume.
    dataset_hash, labels_hash, truth_hash : SHA-256 hex digests of the canonical content.
    folder : where it was read, which may hold spectra beside the tables; None for tables in memory.
    """

    name: str
    peaks: pd.DataFrame
    compounds: pd.DataFrame
    calibrants: pd.DataFrame
    injections: pd.DataFrame
    abundances: pd.DataFrame
    labels: Answers
    truth: Answers | None
    species_clusters: Mapping[str, str]
    dataset_hash: str
    labels_hash: str
    truth_hash: str
    meta: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    label_rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    audit: AuditLabels = field(default_factory=AuditLabels)
    folder: Path | None = None
    retention: pd.DataFrame = field(default_factory=lambda: empty_table("retention"))
