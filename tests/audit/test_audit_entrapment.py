"""Entries that are accepted bound the false share: the truth, which no audit sees, lies where they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audited_runs import run_main, untrained_stage, write_run

from compassign.audit.entrapment import audit_entrapment, bound_false_share
from compassign.audit.entries import Bait, set_trap
from compassign.config import RunConfig
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset
from compassign.decisions.fdr import accepted_at
from compassign.pipeline import Repeated, decide_again
from compassign.progress import SilentProgress

N_GROUPS, N_ISOMERS = 400, 3
PROTON_DA = 1.00727647


@pytest.fixture(autouse=True)
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("compassign.pipeline", "compassign.cli_audit"):
        monkeypatch.setattr(f"{module}.run_rt_stage", untrained_stage)


def made_tables() -> dict[str, pd.DataFrame]:
    """A peak of one isomer of each group; the library lacks this isomer in every third group."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(N_GROUPS), N_ISOMERS)
    rt_min = rng.uniform(2.0, 20.0, N_GROUPS)[group] + rng.normal(0.0, 0.8, group.size)
    mass_da = 100.0 + 1.37 * group
    is_true = np.arange(group.size) % N_ISOMERS == 0
    is_missing = is_true & (group % 3 == 0)
    compounds = pd.DataFrame(
        {
            "compound_id": [f"c{row}" for row in range(group.size)],
            "name": "",
            "exact_mass": mass_da,
            "rt_pred_min": rt_min + rng.normal(0.0, 0.3, group.size),
            "rt_pred_sd_min": 0.3,
        }
    )
    peaks = pd.DataFrame(
        {
            "peak_id": [f"p{key}" for key in range(N_GROUPS)],
            "species": "s",
            "mz": mass_da[is_true] + PROTON_DA,
            "rt_min": rt_min[is_true],
            "intensity": 1.0,
            "polarity": "positive",
        }
    )
    truth = peaks[["peak_id"]].assign(compound_id=np.where(is_missing, "", compounds["compound_id"])[is_true])
    return {"peaks": peaks, "compounds": compounds[~is_missing], "truth": truth}


def repeated_by_lookup(dataset: Dataset) -> Repeated:
    return decide_again(dataset, RunConfig(model="lookup", adducts=("[M+H]+",)), SilentProgress())


def false_share(repeated: Repeated, truth: dict[str, frozenset[str]], alpha: float) -> float:
    """What of all accepted peaks, entries included, is false by the truth."""
    accepted = np.flatnonzero(accepted_at(repeated.decisions, alpha))
    names = repeated.question.dataset.compounds["compound_id"].to_numpy()[repeated.decisions.call[accepted]]
    ids = repeated.question.dataset.peaks["peak_id"].to_numpy()[accepted]
    return float(np.mean([name not in truth[peak_id] for peak_id, name in zip(ids, names, strict=True)]))


def test_the_false_share_by_the_truth_lies_between_the_bounds() -> None:
    dataset = build_dataset(made_tables(), {}, "made")
    assert dataset.truth is not None
    kept: list[Repeated] = []

    def decide(trapped: Dataset) -> Repeated:
        assert trapped.truth is None
        kept.append(repeated_by_lookup(trapped))
        return kept[-1]

    predictions = untrained_stage(dataset).predictions
    found = audit_entrapment(set_trap(dataset, predictions, Bait(0.5, 15.0), np.random.default_rng(1)), decide)
    assert (found.n_made, found.n_foreign) == (round(0.5 * len(dataset.compounds)), 0)
    assert found.n_peaks == (np.diff(kept[0].question.candidates.offsets) > 0).sum() > 0.99 * N_GROUPS
    assert found.rho == pytest.approx(found.entry_slots / found.target_slots)
    assert 0.4 < found.rho < 0.6
    level = found.levels["0.1"]
    assert level.lower is not None
    assert level.upper is not None
    assert level.n_entries > 10
    share = false_share(kept[0], dict(dataset.truth), 0.1)
    assert level.lower.share <= share <= level.upper.high
    assert level.upper.low <= share + 0.02  # neither bound says far more than there is


def test_peaks_with_labels_do_not_count() -> None:
    dataset = build_dataset(made_tables(), {}, "made")
    assert dataset.truth is not None
    labels = {f"p{key}": dataset.truth[f"p{key}"] for key in range(0, N_GROUPS, 2)}
    labelled = replace(dataset, labels=labels)
    trap = set_trap(labelled, untrained_stage(labelled).predictions, Bait(0.5, 15.0), np.random.default_rng(1))
    found = audit_entrapment(trap, repeated_by_lookup)
    assert 0.98 * (N_GROUPS - len(labels)) < found.n_peaks <= N_GROUPS - len(labels)
    assert max(level.n_targets + level.n_entries for level in found.levels.values()) <= found.n_peaks


def test_the_bounds_are_those_of_the_source() -> None:
    is_entry = np.arange(200) >= 100
    calls = np.concatenate([np.arange(94), [0], 100 + np.arange(5)])  # 95 peaks of 94 targets, 5 entries
    level = bound_false_share(calls, is_entry, rho=0.5, alpha=0.05)
    assert (level.n_targets, level.n_entries) == (95, 5)
    assert (level.n_target_compounds, level.n_entry_compounds) == (94, 5)
    assert level.lower is not None
    assert level.upper is not None
    assert (level.lower.share, level.upper.share) == pytest.approx((0.05, 0.15))  # N_E (1 + 1/rho) / (N_T + N_E)
    assert level.upper.high == pytest.approx(3 * level.lower.high)


@pytest.mark.parametrize(
    ("n_targets", "n_entries", "finding"),
    [
        (1000, 5, "controlled"),
        (200, 100, "not controlled"),
        (20, 0, "cannot be told with 20 accepted peaks"),
        (960, 40, "cannot be told with 1000 accepted peaks"),  # the bounds lie on either side
        (0, 0, "cannot be told with 0 accepted peaks"),
    ],
)
def test_a_sentence_says_only_what_the_intervals_allow(n_targets: int, n_entries: int, finding: str) -> None:
    calls = np.arange(n_targets + n_entries)
    level = bound_false_share(calls, calls >= n_targets, rho=1.0, alpha=0.05)
    assert level.finding == finding
    assert (level.lower is None) == (level.upper is None) == (calls.size == 0)


def test_the_command_writes_and_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path, made_tables())
    before = (run / "results" / "peak_assignments.csv").read_bytes()
    assert run_main("1-lookup", "--design", "entrapment", "--output", str(tmp_path)) == 0
    document = json.loads((run / "results" / "audit_entrapment.json").read_text())
    shown = capsys.readouterr().out
    assert (document["run_id"], document["design"], document["verdict"]) == ("1-lookup", "entrapment", "converged")
    level = document["levels"]["0.1"]
    assert f"limit 10%: {level['n_targets']} compound calls and {level['n_entries']} entries accepted" in shown
    assert level["finding"] in shown
    assert (run / "results" / "peak_assignments.csv").read_bytes() == before
    assert run_main("1-lookup", "--design", "entrapment", "--output", str(tmp_path)) == 0
    assert json.loads((run / "results" / "audit_entrapment.json").read_text()) == document


def test_where_every_answer_was_given_nothing_can_be_audited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = made_tables()
    write_run(tmp_path, {**tables, "labels": tables["truth"]})
    assert run_main("1-lookup", "--design", "entrapment", "--output", str(tmp_path)) == 2
    assert "entrapment needs peaks without labels that have candidates" in capsys.readouterr().err
