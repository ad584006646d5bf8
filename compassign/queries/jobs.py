"""All runs of an output folder, whether the store, their folders or both know of them, and how far each is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from compassign.queries.overview import RunSummary, Word, list_runs
from compassign.queries.staleness import NOTHING_STORED, stale_reason
from compassign.run_labels import StoredNow
from compassign.runs import RUNS, STAGING
from compassign.sampling_progress import SamplingProgress
from compassign.store.labels import LabelStore
from compassign.store.records import RunRow, Status
from compassign.store.runs import RunStore

STAGE_SHARES = {
    "dataset": 0.05,
    "retention times": 0.25,
    "candidates": 0.05,
    "fit": 0.45,
    "responsibilities": 0.1,
    "results": 0.1,
}
"""Stage of the pipeline -> about its share of a run's time."""

ARTIFACTS = {
    "results/peak_assignments.csv": "The call of each peak, its probability and what to do with it",
    "results/candidates.csv": "Every candidate of every peak, with its probability and evidence",
    "results/spectra.csv": "Which fragment spectrum each peak has",
    "results/spectra.nc": "Fragments of peaks and of their candidates",
    "results/compounds.csv": "Each compound that may be in the data, and whether to call it present",
    "results/assignment_metrics.json": "Scores, verdict, calibration, sensitivity, times",
    "results/stored_labels.csv": "Labels of the store that its fit saw",
    "results/predictive_checks.json": "Whether the data are like those that the fitted model makes",
    "results/elpd.csv": "How well each peak is predicted from all others",
    "results/run.json": "The configuration, to repeat the run",
    "models/assignment_trace.nc": "Posterior draws of the assignment",
    "models/rt_trace.nc": "Posterior draws of the retention-time stage",
    "logs/run.log": "What happened when",
}
CHAIN_COLUMNS = ("chain", "phase", "draw", "n_draws", "share", "n_divergences", "step_size")
_TAIL_BYTES = 16_000
_STORED = frozenset({".nc"})  # compressed already


@dataclass(frozen=True)
class RunEntry:
    """One run in a list; at least one of row and summary is there.

    row : what the store knows; None for a folder that it does not know. summary : what its results say; None while it
    has none that can be read. position : place in the queue from 1, None if it does not wait there.
    stored : how far the labels of its output folder are.
    """

    run_id: str
    path: Path
    row: RunRow | None
    summary: RunSummary | None
    position: int | None = None
    stored: StoredNow = NOTHING_STORED

    @property
    def status(self) -> Status:
        """Where the run is in its life; a folder that the store does not know holds a complete run."""
        return "done" if self.row is None else self.row.status

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.row.title if self.row else f"{self.model} on {self.dataset}"

    @property
    def model(self) -> str:
        """Name of its model."""
        return self.row.model if self.row else self.summary.model if self.summary else ""

    @property
    def dataset(self) -> str:
        """What a person calls its dataset."""
        return self.row.dataset if self.row else self.summary.dataset if self.summary else ""

    @property
    def verdict(self) -> Word | None:
        """Whether its sampler converged; None if it has no results."""
        return self.summary.verdict.word if self.summary else None

    @property
    def is_archived(self) -> bool:
        """Whether it was put away."""
        return self.row is not None and self.row.archived

    @property
    def is_active(self) -> bool:
        """Whether something will still happen to it."""
        return self.row is not None and not self.row.has_ended

    @property
    def started(self) -> datetime | None:
        """When its computation began (UTC), None if that is not known or still to come."""
        if self.row is not None:
            return self.row.started_at
        try:
            return datetime.fromisoformat(self.summary.record.started).astimezone(UTC) if self.summary else None
        except ValueError:
            return None

    @property
    def duration_s(self) -> float | None:
        """How long it took (s), None while it goes on: a table of runs is not drawn anew every second."""
        if self.is_active:
            return None
        if self.row is not None and self.row.started_at is not None and self.row.finished_at is not None:
            return (self.row.finished_at - self.row.started_at).total_seconds()
        return self.summary.runtime_s if self.summary else None

    @property
    def stale(self) -> str:
        """Why its results do not fit its dataset any more, "" if they do."""
        return stale_reason(self.summary.record, self.stored) if self.summary else ""


@dataclass(frozen=True)
class LiveRun:
    """How far a run is; share : of the whole, 0 to 1, roughly. silent_s : since it was last heard of."""

    status: Status
    stage: str
    share: float
    detail: str
    chains: pd.DataFrame
    eta_s: float | None
    is_cancelling: bool
    silent_s: float


def list_entries(store: RunStore, output: Path) -> list[RunEntry]:
    """Every run that is not deleted, newest first; raises StoreError if the store cannot be used."""
    rows = {row.id: row for row in store.rows(archived=None)}
    waiting = [row.id for row in sorted(rows.values(), key=lambda row: (row.created_at, row.id))]
    waiting = [run_id for run_id in waiting if rows[run_id].status == "queued"]
    summaries = {summary.run_id: summary for summary in list_runs(output)}
    stored = StoredNow(output, LabelStore(store.engine).last_events())
    entries = [
        RunEntry(
            run_id,
            output / RUNS / run_id,
            rows.get(run_id),
            summaries.get(run_id),
            waiting.index(run_id) + 1 if run_id in waiting else None,
            stored,
        )
        for run_id in rows.keys() | summaries.keys()
    ]
    return sorted(entries, key=_began, reverse=True)


def run_table(entries: Sequence[RunEntry]) -> pd.DataFrame:
    """One row a run, missing where there is nothing; `started` is UTC."""
    rows = [
        {
            "run_id": entry.run_id,
            "title": entry.title,
            "status": entry.status,
            "verdict": entry.verdict,
            "dataset": entry.dataset,
            "model": entry.model,
            "n_accepted": entry.summary.n_accepted if entry.summary else None,
            "precision": entry.summary.precision if entry.summary else None,
            "duration_s": entry.duration_s,
            "started": entry.started,
            "stale": bool(entry.stale),
        }
        for entry in entries
    ]
    columns = list(rows[0]) if rows else []
    numbers = dict.fromkeys(["n_accepted", "precision", "duration_s"], "float64") if rows else {}
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def live_run(row: RunRow) -> LiveRun:
    """How far a run is, from its row."""
    names = list(STAGE_SHARES)
    before = names[: names.index(row.stage)] if row.stage in names else []
    share = sum(STAGE_SHARES[name] for name in before) + STAGE_SHARES.get(row.stage, 0.0) * row.fraction
    return LiveRun(
        status=row.status,
        stage=row.stage,
        share=min(share, 1.0),
        detail=row.detail,
        chains=_chain_table(row.progress),
        eta_s=row.progress.eta_s if row.progress else None,
        is_cancelling=row.cancel_requested,
        silent_s=(datetime.now(UTC) - (row.heartbeat_at or row.created_at)).total_seconds(),
    )


def log_tail(path: Path, n_lines: int) -> str:
    """The last lines of a run's log, "" if it has none."""
    try:
        with (path / "logs" / "run.log").open("rb") as log:
            log.seek(max(log.seek(0, io.SEEK_END) - _TAIL_BYTES, 0))
            return "\n".join(log.read().decode("utf-8", errors="replace").splitlines()[-n_lines:])
    except OSError:
        return ""


def artifact_table(path: Path) -> pd.DataFrame:
    """The files of a run: file (relative to its folder), about, bytes."""
    rows = [
        (name, ARTIFACTS.get(name, ""), file.stat().st_size)
        for file in _files(path)
        for name in [file.relative_to(path).as_posix()]
    ]
    return pd.DataFrame(rows, columns=["file", "about", "bytes"])


def zip_run(path: Path) -> bytes:
    """The run's folder as a zip."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for file in _files(path):
            kind = zipfile.ZIP_STORED if file.suffix in _STORED else zipfile.ZIP_DEFLATED
            archive.write(file, Path(path.name) / file.relative_to(path), kind)
    return target.getvalue()


def _began(entry: RunEntry) -> tuple[datetime, str]:
    known = entry.row.created_at if entry.row else entry.started
    return known or datetime.min.replace(tzinfo=UTC), entry.run_id


def _chain_table(progress: SamplingProgress | None) -> pd.DataFrame:
    rows = [
        (
            chain.chain,
            "tuning" if chain.is_tuning else "sampling",
            chain.draw,
            chain.n_draws,
            chain.draw / max(chain.n_draws, 1),
            chain.n_divergences,
            chain.step_size,
        )
        for chain in (progress.chains if progress else ())
    ]
    return pd.DataFrame(rows, columns=list(CHAIN_COLUMNS))


def _files(path: Path) -> list[Path]:
    """What a run has published, and its log."""
    found = sorted(path.rglob("*")) if path.is_dir() else []
    return [file for file in found if file.is_file() and STAGING not in file.relative_to(path).parts]
