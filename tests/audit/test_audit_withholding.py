"""Withheld compounds are gone without a trace, and what their peaks are accepted as is counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audited_runs import run_main, untrained_stage, write_run
from statsmodels.stats.proportion import proportion_confint

from compassign.audit.withholding import MIN_COMPOUNDS, N_PARTS, audit_withholding, withhold
from compassign.config import RunConfig
from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset, load_dataset
from compassign.decisions.fdr import Decisions
from compassign.errors import InputError
from compassign.models.retention import untrained_predictions
from compassign.models.retention_design import build_design
from compassign.pipeline import Repeated
from compassign.progress import SilentProgress
from compassign.question import ask

N_PAIRS = 12  # isomers a and b of each formula; two peaks of each a
CARBONS = range(5, 5 + N_PAIRS)
CARBON_DA, HYDROGEN_DA, OXYGEN_DA, PROTON_DA = 12.0, 1.00782503, 15.9949146, 1.00727647


def tables(has_twins: bool = True) -> dict[str, pd.DataFrame]:
    """Peaks of every a; labels name all of them, one as a or its twin, and truth would say something else."""
    letters = "ab" if has_twins else "a"
    names = [f"{letter}{n:02d}" for n in CARBONS for letter in letters]
    formulas = [f"C{n}H{2 * n}O2" for n in CARBONS for _ in letters]
    compounds = pd.DataFrame({"compound_id": names, "name": "", "formula": formulas, "rt_pred_min": 3.0})
    own = np.repeat(list(CARBONS), 2)
    mz = own * CARBON_DA + 2 * own * HYDROGEN_DA + 2 * OXYGEN_DA + PROTON_DA
    peak_id = [f"p{i:02d}" for i in range(own.size)]
    peaks = pd.DataFrame({"peak_id": peak_id, "species": "s", "mz": mz, "rt_min": 3.0, "intensity": 1e5})
    labels = pd.DataFrame({"peak_id": peak_id, "compound_id": [f"a{n:02d}" for n in own]})
    if has_twins:
        labels.loc[1, "compound_id"] = "a05;b05"
    return {"peaks": peaks.assign(polarity="positive"), "compounds": compounds, "labels": labels}


def made_dataset(has_twins: bool = True) -> Dataset:
    calibrants = pd.DataFrame({"species": "s", "compound_id": ["a05", "a06"], "rt_min": [3.0, 3.0]})
    truth = pd.DataFrame({"peak_id": ["p00"], "compound_id": ["b07"] if has_twins else ["a07"]})
    retention = pd.DataFrame({"system": "S", "compound_id": [f"a{n:02d}" for n in CARBONS], "rt_min": 4.0})
    known = {"calibrants": calibrants, "retention": retention, "truth": truth}
    return build_dataset({**tables(has_twins), **known}, {}, "made")


def test_nothing_is_left_of_what_is_withheld() -> None:
    dataset = made_dataset()
    parts = list(withhold(dataset, np.random.default_rng(0)))
    withheld = [name for part in parts for name in sorted(set(part.compound))]
    assert len(parts) == N_PARTS == len(withheld) == len(set(withheld))  # a tenth of 12 is one, another each time
    for part in parts:
        gone = set(part.compound)
        assert set(dataset.compounds["compound_id"]) - set(part.dataset.compounds["compound_id"]) == gone
        assert part.dataset.compounds.index.tolist() == list(range(len(part.dataset.compounds)))
        assert not gone & {name for answer in part.dataset.labels.values() for name in answer}
        assert not gone & set(part.dataset.calibrants["compound_id"])
        assert gone == set(dataset.retention["compound_id"]) - set(part.dataset.retention["compound_id"])
        assert set(part.dataset.label_rows["peak_id"]) == set(part.dataset.labels)
        assert part.dataset.truth is None
        assert len(part.dataset.peaks) == len(dataset.peaks)
        named = [dataset.labels[dataset.peaks["peak_id"][peak]] for peak in part.peak]
        assert named == [frozenset({name}) for name in part.compound]  # not the peak that may be the twin's


def test_the_seed_says_what_is_withheld() -> None:
    first, again, other = (
        [part.compound for part in withhold(made_dataset(), np.random.default_rng(seed))] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_too_few_labelled_compounds_are_refused() -> None:
    dataset = made_dataset()
    few = dict(list(dataset.labels.items())[: 2 * (MIN_COMPOUNDS - 1)])
    with pytest.raises(InputError, match="labels of at least 10 compounds, found 9"):
        list(withhold(replace(dataset, labels=few), np.random.default_rng(0)))


def decided(dataset: Dataset, q_value: float, given: int = 0) -> Repeated:
    """Every peak is called with one q-value but for the first ones, whose answers were given."""
    n_peaks = len(dataset.peaks)
    values = np.where(np.arange(n_peaks) < given, np.nan, q_value)
    index = np.zeros(n_peaks, dtype=np.int64)
    decisions = Decisions(index, index, np.ones(n_peaks), values, values, np.full(n_peaks, "accept"), 0.05)
    predictions = untrained_predictions(build_design(dataset))
    question = ask(dataset, predictions, frozenset(), RunConfig(), SilentProgress())
    return Repeated(question, decisions, "converged")


def test_the_peaks_of_a_compound_that_go_together_count_as_one() -> None:
    dataset, q_values = made_dataset(), iter([0.03, 0.03, 0.2, 0.2, 0.2])
    found = audit_withholding(dataset, lambda part: decided(part, next(q_values)), np.random.default_rng(0))
    parts = list(withhold(dataset, np.random.default_rng(0)))
    n_accepted = len(parts[0].peak) + len(parts[1].peak)
    n_peaks = sum(len(part.peak) for part in parts)
    assert (found.n_peaks, found.n_compounds) == (n_peaks, 5)
    five = found.levels["0.05"]
    assert (five.n_accepted, five.n_compounds) == (n_accepted, 2)
    assert five.share == n_accepted / n_peaks
    assert five.high - five.low > np.subtract(*proportion_confint(n_accepted, n_peaks, method="beta")[::-1])
    one = found.levels["0.01"]
    assert (one.n_accepted, one.share, one.low, one.n_compounds) == (0, 0.0, 0.0, 0)
    n_others = [len(dataset.peaks) - len(part.peak) for part in parts]
    assert found.accepted_share["0.05"] == pytest.approx((n_others[0] + n_others[1]) / sum(n_others))


def test_where_all_other_answers_were_given_there_is_nothing_to_compare_with() -> None:
    dataset = made_dataset()
    found = audit_withholding(
        dataset, lambda part: decided(part, 0.01, given=len(part.peaks)), np.random.default_rng(0)
    )
    assert found.accepted_share == {"0.01": None, "0.05": None, "0.1": None}
    assert found.levels["0.1"].n_accepted == 0


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compassign.pipeline.run_rt_stage", untrained_stage)


@pytest.mark.usefixtures("untrained")
def test_the_command_finds_the_twins_that_are_accepted_in_place_of_what_is_withheld(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted = {}
    for has_twins in (True, False):
        run = write_run(tmp_path / str(has_twins), tables(has_twins))
        assert run_main("1-lookup", "--output", str(tmp_path / str(has_twins))) == 0
        document = json.loads((run / "results" / "audit_withholding.json").read_text())
        shown = capsys.readouterr().out
        assert f"limit 10%: {document['levels']['0.1']['n_accepted']} of {document['n_peaks']} accepted" in shown
        assert document["verdicts"] == ["converged"] * N_PARTS
        accepted[has_twins] = document["levels"]["0.1"]["share"]
    assert accepted[True] > 0.9
    assert accepted[False] == 0.0  # nothing else has their mass: the negative control


@pytest.mark.usefixtures("untrained")
def test_changed_labels_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path, tables())
    labels = tmp_path / "data" / "labels.csv"
    pd.read_csv(labels).iloc[1:].to_csv(labels, index=False)
    assert load_dataset(tmp_path / "data").labels
    assert run_main(str(run), "--output", str(tmp_path)) == 2
    assert "the labels or the truth of data have changed since run 1-lookup" in capsys.readouterr().err
    assert run_main(str(run), "--design", "guessing", "--output", str(tmp_path)) == 2
