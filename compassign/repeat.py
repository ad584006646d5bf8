"""Whether a run is the same as an earlier one, and the record that lets it be repeated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compassign.config import RECORD_NAME, RunRecord, installed_versions, machine_type
from compassign.errors import InputError

HASHES = ("dataset_hash", "labels_hash", "truth_hash")
METRICS_NAME = "assignment_metrics.json"


def check_dataset(earlier: RunRecord, dataset_hash: str | None) -> None:
    """Raise InputError unless `dataset_hash` is that of the run that is repeated."""
    if earlier.dataset_hash is None or dataset_hash == earlier.dataset_hash:
        return
    where = earlier.config.data or "the simulated demonstration"
    raise InputError(
        f"{where}: dataset_hash is {dataset_hash}, but the run to repeat ({earlier.run_id}) had {earlier.dataset_hash}"
        "; the dataset has changed, so give the settings as options to make a new run"
    )


def machine_warnings(earlier: RunRecord) -> list[str]:
    """What differs between this installation and that of the run that is repeated, as warnings."""
    now = {**installed_versions(), "machine": machine_type()}
    before = {**earlier.versions, "machine": earlier.machine}
    differing = [
        f"{name} {before.get(name) or 'none'} -> {now.get(name, 'none')}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return [f"the repeated run may not be exactly the same: {', '.join(differing)}"] if differing else []


def answer_warnings(earlier: RunRecord, record: RunRecord) -> list[str]:
    """Which answers have changed since the run that is repeated, as warnings."""
    changed = {
        "labels": earlier.labels_hash not in (None, record.labels_hash),
        "truth": earlier.truth_hash not in (None, record.truth_hash),
    }
    return [
        f"the {name} changed since run {earlier.run_id}: the results will differ from it"
        for name, differs in changed.items()
        if differs
    ]


def complete_record(results: Path, record: RunRecord) -> RunRecord:
    """Write `run.json` into `results`: `record`, with the hashes and whatever else the run left there about its data.

    Hashes come from the run's own `run.json`, else from its metrics. Returns what was written.
    """
    metrics, own = read_json(results / METRICS_NAME), read_json(results / RECORD_NAME)
    hashes = {name: value for name in HASHES if (value := own.get(name) or metrics.get(name)) is not None}
    completed = RunRecord.model_validate({**own, **record.model_dump(exclude=set(HASHES)), **hashes})
    completed.write(results / RECORD_NAME)
    return completed


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is no file."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}
