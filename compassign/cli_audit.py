"""What `compassign audit` does: repeat a finished run as an audit's design says, and print what it finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from compassign.audit import WithholdingAudit, audit_withholding
from compassign.config import RunRecord, read_record
from compassign.data.bundled import demo_dataset
from compassign.data.dataset import Dataset
from compassign.data.load import load_dataset
from compassign.data.split import default_label_fraction, split_labels
from compassign.decisions.fdr import Decisions
from compassign.errors import InputError
from compassign.pipeline import decide_again
from compassign.progress import RichProgress
from compassign.repeat import check_dataset
from compassign.results import write_json
from compassign.runs import find_run

AUDIT_FILE = Path("results", "audit_withholding.json")
AUDIT_LOG = Path("logs", "audit.log")
AUDIT_STREAM = 2  # of the run's seed: which compounds are withheld follows from it


def audit_by_withholding(output: Path, name: str) -> str:
    """Audit a run by withholding compounds; writes AUDIT_FILE and AUDIT_LOG into the run's folder, returns a text.

    name : run id, its beginning, or a run folder. Raises InputError where the run, its data or enough labels are not
    there.
    """
    path = find_run(output, name)
    record = read_record(path)
    config, seen = record.config, _seen_dataset(record)
    rng = np.random.default_rng([config.seed, AUDIT_STREAM])
    with RichProgress(path / AUDIT_LOG) as progress:

        def decide(dataset: Dataset) -> tuple[Decisions, str]:
            with progress.stage(f"without {len(seen.compounds) - len(dataset.compounds)} of the labelled compounds"):
                return decide_again(dataset, config, progress)

        found = audit_withholding(seen, decide, rng)
    write_json({"run_id": record.run_id, "design": "withholding", **vars(found)}, path / AUDIT_FILE)
    return "\n".join([*_lines(found), f"File: {path / AUDIT_FILE}"])


def _seen_dataset(record: RunRecord) -> Dataset:
    """The dataset with the labels that the run's fit saw; raises InputError if either is not what it was."""
    config = record.config
    dataset = demo_dataset(config.difficulty) if config.data is None else load_dataset(config.data)
    check_dataset(record, dataset.dataset_hash)
    if (record.labels_hash, record.truth_hash) != (dataset.labels_hash, dataset.truth_hash):
        raise InputError(
            f"the labels or the truth of {dataset.name} have changed since run {record.run_id}: run it again"
        )
    fraction = default_label_fraction(dataset) if config.label_fraction is None else config.label_fraction
    return replace(dataset, labels=split_labels(dataset, fraction, config.seed).labels, truth=None)


def _lines(found: WithholdingAudit) -> list[str]:
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
    bad = [verdict for verdict in found.verdicts if verdict != "converged"]
    caution = [f"Not all fits converged ({', '.join(bad)}): read the numbers with that in mind."] if bad else []
    return [head, *lines, *caution]


AUDITS = {"withholding": audit_by_withholding}
"""Design -> what carries it out."""
