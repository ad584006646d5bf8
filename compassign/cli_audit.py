"""What `compassign audit` does: repeat a finished run as an audit's design says, and print what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compassign.audit.entrapment import EntrapmentAudit, audit_entrapment
from compassign.audit.entries import Bait, set_trap
from compassign.audit.intervals import Share
from compassign.audit.withholding import WithholdingAudit, audit_withholding
from compassign.config import RunConfig, RunRecord, read_record
from compassign.data.dataset import Dataset
from compassign.errors import InputError
from compassign.inference.rt_stage import run_rt_stage
from compassign.pipeline import Repeated, decide_again
from compassign.progress import Progress, RichProgress
from compassign.repeat import check_dataset
from compassign.results import write_json
from compassign.run_labels import seen_dataset
from compassign.runs import find_run

WITHHOLDING_FILE = Path("results", "audit_withholding.json")
ENTRAPMENT_FILE = Path("results", "audit_entrapment.json")
AUDIT_LOG = Path("logs", "audit.log")
ENTRY_SHARE = 0.2  # enough entries to count, few enough to leave the run as it is
NOT_COUNTED = (
    "Every entry stands beside a compound. Compounds that are accepted alone, on peaks of what the library lacks, are "
    "hardly counted: --design withholding shows them."
)
WITHHOLDING_STREAM, ENTRAPMENT_STREAM = 2, 3  # of the run's seed: what is withheld or added follows from them


@dataclass(frozen=True)
class _Audited:
    """A finished run, and the dataset with the labels that its fit saw and without truth."""

    path: Path
    run_id: str
    config: RunConfig
    seen: Dataset
    progress: Progress

    def decide(self, dataset: Dataset, stage: str) -> Repeated:
        """Repeat the run with another dataset."""
        with self.progress.stage(stage):
            return decide_again(dataset, self.config, self.progress)


@contextmanager
def _audited(output: Path, name: str) -> Iterator[_Audited]:
    """Open a run for an audit, which logs to AUDIT_LOG.

    name : run id, its beginning, or a run folder. Raises InputError where the run or its data are not there.
    """
    path = find_run(output, name)
    record = read_record(path)
    seen = _seen_dataset(record, path)
    with RichProgress(path / AUDIT_LOG) as progress:
        yield _Audited(path, record.run_id or path.name, record.config, seen, progress)


def audit_by_withholding(output: Path, name: str) -> str:
    """Audit a run by withholding compounds; writes WITHHOLDING_FILE into the run's folder, returns a text.

    Raises InputError as `_audited`, and where too few compounds are labelled.
    """
    with _audited(output, name) as run:
        rng = np.random.default_rng([run.config.seed, WITHHOLDING_STREAM])

        def decide(dataset: Dataset) -> Repeated:
            n_withheld = len(run.seen.compounds) - len(dataset.compounds)
            return run.decide(dataset, f"without {n_withheld} of the labelled compounds")

        found = audit_withholding(run.seen, decide, rng)
    write_json({"run_id": run.run_id, "design": "withholding", **vars(found)}, run.path / WITHHOLDING_FILE)
    return "\n".join([*_withholding_lines(found), f"File: {run.path / WITHHOLDING_FILE}"])


def audit_by_entrapment(output: Path, name: str) -> str:
    """Audit a run by adding entries that cannot be present; writes ENTRAPMENT_FILE into its folder, returns a text.

    Raises InputError as `_audited`, and where no entry can be made or is a candidate.
    """
    with _audited(output, name) as run:
        config = run.config
        rng = np.random.default_rng([config.seed, ENTRAPMENT_STREAM])
        with run.progress.stage("entries"):
            predictions = run_rt_stage(run.seen, config.sampler, config.seed, run.progress).predictions
            trap = set_trap(run.seen, predictions, Bait(ENTRY_SHARE, config.mass_window_ppm), rng)
        found = audit_entrapment(trap, lambda dataset: run.decide(dataset, f"with {trap.is_entry.sum()} entries"))
    write_json({"run_id": run.run_id, "design": "entrapment", **vars(found)}, run.path / ENTRAPMENT_FILE)
    return "\n".join([*_entrapment_lines(found), f"File: {run.path / ENTRAPMENT_FILE}"])


def _seen_dataset(record: RunRecord, path: Path) -> Dataset:
    """The dataset with the labels that the run's fit saw; raises InputError if either is not what it was."""
    config = record.config
    seen = seen_dataset(config, path / "results")
    dataset = seen.dataset
    check_dataset(record, dataset.dataset_hash)
    if (record.labels_hash, record.truth_hash) != (dataset.labels_hash, dataset.truth_hash):
        raise InputError(
            f"the labels or the truth of {dataset.name} have changed since run {record.run_id}: run it again"
        )
    return replace(dataset, labels=seen.split.labels, truth=None)


def _withholding_lines(found: WithholdingAudit) -> list[str]:
    """What the audit found, for a terminal."""
    head = (
        f"{found.n_parts} fits, each without others of {found.n_compounds} labelled compounds, which made "
        f"{found.n_peaks} peaks. Whatever these are accepted as is false:"
    )
    lines = [
        f"  limit {float(limit):.0%}: {level.n_accepted} of {found.n_peaks} accepted, {level.share:.1%} "
        f"({level.low:.1%} to {level.high:.1%}), of {level.n_compounds} of the compounds; of all other peaks "
        + ("none to compare" if (other := found.accepted_share[limit]) is None else f"{other:.1%}")
        for limit, level in found.levels.items()
    ]
    return [head, *lines, *_caution(found.verdicts)]


def _entrapment_lines(found: EntrapmentAudit) -> list[str]:
    """What the audit found, for a terminal."""
    head = (
        f"{found.n_made + found.n_foreign} entries that cannot be present, {found.n_foreign} of them isomers known in "
        f"other species; {found.rho:.2f} candidates of entries for each of a compound, over {found.n_peaks} peaks:"
    )
    lines = [
        f"  limit {float(limit):.0%}: {level.n_targets} compound calls and {level.n_entries} entries accepted "
        f"({level.n_target_compounds} and {level.n_entry_compounds} different ones); false share at least "
        f"{_percent(level.lower)}, at most {_percent(level.upper)}: {level.finding}"
        for limit, level in found.levels.items()
    ]
    return [head, *lines, NOT_COUNTED, *_caution((found.verdict,))]


def _percent(share: Share | None) -> str:
    return "unknown" if share is None else f"{share.share:.1%} ({share.low:.1%} to {share.high:.1%})"


def _caution(verdicts: tuple[str, ...]) -> list[str]:
    bad = [verdict for verdict in verdicts if verdict != "converged"]
    return [f"Not all fits converged ({', '.join(bad)}): read the numbers with that in mind."] if bad else []
