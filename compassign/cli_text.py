"""What commands say at their end, as lines of text."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compassign.data.dataset import Dataset
    from compassign.pipeline import RunSummary
    from compassign.runs import RunDirectory


def dataset_summary(dataset: Dataset) -> str:
    """What a validated dataset holds, one line each."""
    peaks = dataset.peaks
    polarity = ", ".join(f"{name} {count}" for name, count in peaks["polarity"].value_counts().items())
    truth = "none" if dataset.truth is None else f"{len(dataset.truth)} peaks"
    rows = {
        "peaks": len(peaks),
        "compounds": len(dataset.compounds),
        "species": peaks["species"].nunique(),
        "injections": peaks["injection"].nunique(),
        "polarity": polarity,
        "calibrants": len(dataset.calibrants),
        **_retention(dataset),
        "labels": f"{len(dataset.labels)} peaks",
        "truth": truth,
        "dataset_hash": dataset.dataset_hash,
    }
    lines = [f"{dataset.name}: can be used", *_aligned(rows)]
    return "\n".join([*lines, *(f"warning: {message}" for message in dataset.warnings)])


def _retention(dataset: Dataset) -> dict[str, str]:
    """One line about other systems where there are any: how much they know, and what it can be projected by."""
    table = dataset.retention
    if not len(table):
        return {}
    measured = set(table["compound_id"])
    shared = len(measured & set(dataset.calibrants["compound_id"]))
    return {
        "retention": f"systems {table['system'].nunique()}, compounds {len(measured)}, of these calibrants {shared}"
    }


def run_summary(summary: RunSummary, directory: RunDirectory) -> str:
    """What a complete run says at its end."""
    verdict = f"Run {directory.run_id} is complete. Verdict: {summary.verdict}"
    advice = "The sampler did not find the posterior: do not use these numbers; see the report for what to change."
    return "\n".join(
        [
            verdict,
            *([advice] if summary.verdict == "failed" else []),
            *_aligned(summary.headline),
            *summary.notes,
            f"Files: {directory.path} (also {directory.output}/results, models and logs)",
            f"Report: {shlex.join(['compassign', 'report', directory.run_id, '--output', str(directory.output)])}",
        ]
    )


def _aligned(rows: Mapping[str, object]) -> list[str]:
    """Names and values in two columns; a number that is missing is said to be so."""
    width = max(map(len, rows), default=0)
    texts = {
        name: "not available" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
        for name, value in rows.items()
    }
    return [f"  {name:<{width}}  {text}" for name, text in texts.items()]
