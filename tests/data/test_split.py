"""The split: whole compounds on one side, as many peaks as asked for, the same for everybody."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Mapping
from itertools import chain, combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dataset_tables import write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from compassign.data.dataset import Dataset
from compassign.data.load import build_dataset, load_dataset
from compassign.data.split import default_label_fraction, split_labels
from compassign.errors import InputError

Truth = Mapping[str, frozenset[str]]


def simulated(n_peaks: int = 400, n_compounds: int = 120) -> Dataset:
    """A dataset whose truth has nulls, single compounds and sets that share members."""
    rng = np.random.default_rng(3)
    ids = [f"P{i:04d}" for i in range(n_peaks)]
    peaks = pd.DataFrame(
        {"peak_id": ids, "species": "s", "polarity": "positive", "mz": 100.0, "rt_min": 1.0, "intensity": 5.0}
    )
    names = [f"C{i}" for i in range(n_compounds)]
    compounds = pd.DataFrame({"compound_id": names, "name": names, "formula": "CH4"})
    drawn = rng.integers(0, n_compounds, size=(n_peaks, 2))
    kind = rng.random(n_peaks)
    cells = ["" if k < 0.2 else f"C{a};C{b}" if k < 0.25 else f"C{a}" for k, (a, b) in zip(kind, drawn, strict=True)]
    truth = pd.DataFrame({"peak_id": ids, "compound_id": cells})
    return build_dataset({"peaks": peaks, "compounds": compounds, "truth": truth}, {}, "simulated")


SIMULATED = simulated()


def with_truth(truth: Truth, labels: Truth | None = None) -> Dataset:
    """The simulated dataset with other answers; its hash stays, as answers are no part of it."""
    return dataclasses.replace(SIMULATED, truth=truth, labels=labels or {})


def compounds_of(answers: Truth, peak_ids: frozenset[str]) -> frozenset[str]:
    return frozenset(chain.from_iterable(answers[peak_id] for peak_id in peak_ids))


def truth_of(dataset: Dataset) -> Truth:
    assert dataset.truth is not None
    return dataset.truth


PEAK_IDS = st.integers(0, 60).map(lambda number: f"P{number}")
OPTIONS = st.frozensets(st.sampled_from([f"C{i}" for i in range(12)]), max_size=3)
TRUTHS = st.dictionaries(PEAK_IDS, OPTIONS, min_size=1, max_size=40)


@settings(max_examples=150)
@given(truth=TRUTHS, fraction=st.floats(0.0, 1.0), seed=st.integers(0, 2**63))
def test_every_peak_is_on_one_side_and_every_compound_too(truth: Truth, fraction: float, seed: int) -> None:
    split = split_labels(with_truth(truth), fraction, seed)
    drawn = frozenset(split.labels)
    assert drawn | split.scored == frozenset(truth)
    assert not drawn & split.scored
    assert not compounds_of(truth, drawn) & compounds_of(truth, split.scored)
    assert all(split.labels[peak_id] == truth[peak_id] for peak_id in drawn)


@settings(max_examples=150)
@given(truth=TRUTHS, fraction=st.floats(0.0, 1.0), seed=st.integers(0, 100))
def test_the_share_is_as_close_as_whole_compounds_allow(truth: Truth, fraction: float, seed: int) -> None:
    split = split_labels(with_truth(truth), fraction, seed)
    n_null = sum(not options for options in truth.values())
    n_null_drawn = sum(not options for options in split.labels.values())
    assert abs(n_null_drawn - fraction * n_null) <= 0.5 + 1e-9
    sizes = group_sizes(truth)
    wanted = fraction * sum(sizes)
    reachable = {sum(chosen) for n in range(len(sizes) + 1) for chosen in combinations(sizes, n)}
    best = min(abs(total - wanted) for total in reachable)
    assert abs(len(split.labels) - n_null_drawn - wanted) == pytest.approx(best)


def group_sizes(truth: Truth) -> list[int]:
    """Sizes of the groups of peaks that share compounds, by merging sets until nothing overlaps."""
    groups: list[tuple[frozenset[str], int]] = []
    for options in filter(None, truth.values()):
        touching = [group for group in groups if group[0] & options]
        merged = options.union(*(group[0] for group in touching)), 1 + sum(group[1] for group in touching)
        groups = [group for group in groups if not group[0] & options] + [merged]
    return [size for _, size in groups]


def test_a_best_total_that_a_greedy_choice_would_miss() -> None:
    # compounds with 3, 3, 2 and 2 peaks, 4 wanted: only the two small ones together give it
    sizes = {"A": 3, "B": 3, "C": 2, "D": 2}
    truth = {f"{name}{i}": frozenset({name}) for name, size in sizes.items() for i in range(size)}
    for seed in range(10):
        drawn = split_labels(with_truth(truth), 0.4, seed).labels
        assert {peak_id[0] for peak_id in drawn} == {"C", "D"}


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_the_fraction_is_met_among_compounds_and_among_nulls(fraction: float) -> None:
    truth = truth_of(SIMULATED)
    split = split_labels(SIMULATED, fraction, 1)
    for is_null in (True, False):
        n_all = sum((not options) == is_null for options in truth.values())
        n_drawn = sum((not options) == is_null for options in split.labels.values())
        assert n_all > 50
        assert abs(n_drawn - fraction * n_all) <= 0.5 + 1e-9


def test_sets_that_share_a_member_stay_together() -> None:
    chain_of_sets = {f"P{i}": frozenset({f"C{i}", f"C{i + 1}"}) for i in range(30)}
    others = {f"Q{i}": frozenset({f"D{i}"}) for i in range(30)}
    for seed in range(10):
        split = split_labels(with_truth({**chain_of_sets, **others}), 0.5, seed)
        assert len(frozenset(split.labels) & frozenset(chain_of_sets)) in {0, 30}
        assert len(split.labels) == 30


def test_order_of_rows_does_not_matter() -> None:
    truth = truth_of(SIMULATED)
    backwards = dict(reversed(list(truth.items())))
    first, second = split_labels(SIMULATED, 0.2, 7), split_labels(with_truth(backwards), 0.2, 7)
    assert first == second


def test_order_of_rows_of_the_files_does_not_matter(tmp_path: Path) -> None:
    rows = [f"P{i},s,100,1,5,positive" for i in range(30)]
    answers = [f"P{i},{'C1' if i % 3 else ''}{';C2' if i % 4 == 1 else ''}" for i in range(30)]
    splits = []
    for name, step in (("a", 1), ("b", -1)):
        (tmp_path / name).mkdir()
        files = {
            "peaks.csv": "\n".join(["peak_id,species,mz,rt_min,intensity,polarity", *rows[::step]]),
            "truth.csv": "\n".join(["peak_id,compound_id", *answers[::step]]),
        }
        splits.append(split_labels(load_dataset(write_dataset(tmp_path / name, files)), 0.5, 2))
    assert splits[0] == splits[1]
    assert splits[0].labels


def test_seed_and_data_decide_and_nothing_else() -> None:
    same = split_labels(SIMULATED, 0.2, 7)
    assert split_labels(dataclasses.replace(SIMULATED, name="other", warnings=("x",)), 0.2, 7) == same
    assert split_labels(SIMULATED, 0.2, 8) != same
    assert split_labels(dataclasses.replace(SIMULATED, dataset_hash="ab" * 32), 0.2, 7) != same


def test_every_compound_gets_its_turn() -> None:
    truth = {f"P{i}": frozenset({f"C{i}"}) for i in range(10)}
    counts = dict.fromkeys(truth, 0)
    for seed in range(400):
        for peak_id in split_labels(with_truth(truth), 0.2, seed).labels:
            counts[peak_id] += 1
    # 400 draws with probability 0.2: mean 80, SD 8; five SDs
    assert all(40 <= count <= 120 for count in counts.values())


def test_labelled_peaks_are_neither_drawn_nor_scored() -> None:
    truth = truth_of(SIMULATED)
    labels = {peak_id: frozenset({"C0"}) for peak_id in sorted(truth)[:100]}
    split = split_labels(with_truth(truth, labels), 0.25, 1)
    assert not split.scored & frozenset(labels)
    assert {peak_id: split.labels[peak_id] for peak_id in labels} == labels
    assert len(split.labels) - 100 == pytest.approx(0.25 * 300, abs=1)


def test_fraction_zero_scores_every_unlabelled_truth() -> None:
    split = split_labels(SIMULATED, 0.0, 1)
    assert (split.labels, split.scored) == ({}, frozenset(truth_of(SIMULATED)))


def test_without_truth_nothing_is_scored() -> None:
    dataset = dataclasses.replace(SIMULATED, truth=None, labels={"P0001": frozenset({"C1"})})
    split = split_labels(dataset, 0.0, 1)
    assert (split.labels, split.scored) == ({"P0001": frozenset({"C1"})}, frozenset())


@pytest.mark.parametrize(
    ("has_truth", "has_labels", "expected"),
    [(True, False, 0.2), (True, True, 0.0), (False, False, 0.0), (False, True, 0.0)],
)
def test_default_fraction(has_truth: bool, has_labels: bool, expected: float) -> None:
    answers = {"P0001": frozenset({"C1"})}
    dataset = dataclasses.replace(SIMULATED, truth=answers if has_truth else None, labels=answers if has_labels else {})
    assert default_label_fraction(dataset) == expected


@pytest.mark.parametrize(
    ("fraction", "seed", "message"),
    [
        (-0.1, 1, "label fraction: found -0.1, expected 0 to 1"),
        (1.1, 1, "label fraction: found 1.1, expected 0 to 1"),
        (float("nan"), 1, "label fraction: found nan, expected 0 to 1"),
        (0.2, -1, "seed: found -1, expected 0 or more"),
    ],
)
def test_wrong_arguments(fraction: float, seed: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_labels(SIMULATED, fraction, seed)


def test_a_fraction_needs_a_truth() -> None:
    with pytest.raises(InputError, match="the dataset has no truth to draw labels from"):
        split_labels(dataclasses.replace(SIMULATED, truth=None), 0.2, 1)


def test_hash_randomisation_does_not_matter(repo_root: Path) -> None:
    program = (
        "from test_split import SIMULATED, split_labels\n"
        "split = split_labels(SIMULATED, 0.2, 7)\n"
        "print(SIMULATED.dataset_hash, SIMULATED.truth_hash, *sorted(split.labels))"
    )
    path = f"{repo_root}:{repo_root / 'tests' / 'data'}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": path},
        cwd=repo_root,
        capture_output=True,
        text=True,
        check=True,
    )
    labels = split_labels(SIMULATED, 0.2, 7).labels
    assert done.stdout.split() == [SIMULATED.dataset_hash, SIMULATED.truth_hash, *sorted(labels)]
