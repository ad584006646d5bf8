"""The three kinds of statements are those that a plain loop finds, and group as the peaks do."""

from __future__ import annotations

import numpy as np
import pytest

from compassign.data.dataset import Answers
from compassign.decisions.fdr import decide
from compassign.evaluation.metrics import Predictions
from compassign.evaluation.reliability_curve import Statements
from compassign.evaluation.views import MIN_GROUP, PeakGroups, View, build_views, summarise_view
from compassign.posterior.assignments import CompoundProbabilities

LIBRARY = ["A", "B", "C"]
ADDUCTS = ("[M+H]+", "[M+Na]+")


def predict(options: list[dict[str, float]]) -> Predictions:
    """Peaks P0, P1, ... with these compounds; adduct of a compound: its place in the library, modulo two."""
    flat = [(LIBRARY.index(name), p) for one in options for name, p in sorted(one.items())]
    compounds = CompoundProbabilities(
        offsets=np.concatenate([[0], np.cumsum([len(one) for one in options])]).astype(np.int64),
        compound=np.array([c for c, _ in flat], dtype=np.int64),
        probability=np.array([p for _, p in flat], dtype=np.float64),
        best_adduct=np.array([c % 2 for c, _ in flat], dtype=np.int64),
    )
    null = np.array([1.0 - sum(one.values()) for one in options])
    return Predictions([f"P{i}" for i in range(len(options))], LIBRARY, compounds, null, decide(compounds, null))


def about(species: list[str], n_candidates: list[int]) -> PeakGroups:
    return PeakGroups(np.array(species), np.array(n_candidates, dtype=np.int64), ADDUCTS)


def rows(view: View) -> list[tuple[float, float, int]]:
    said = view.statements
    return list(zip(said.probability.round(9).tolist(), said.outcome.tolist(), said.peak.tolist(), strict=True))


def test_by_hand() -> None:
    options = [{"A": 0.7, "B": 0.2}, {"B": 0.1}, {}, {"A": 0.5, "C": 0.4}, {"A": 0.9}]
    truth: Answers = {"P0": frozenset("A"), "P1": frozenset(), "P2": frozenset("A"), "P3": frozenset("C")}
    is_scored = np.array([True, True, True, True, True])
    views = build_views(predict(options), truth, is_scored, about(["x", "x", "y", "y", "y"], [2, 1, 0, 4, 30]))
    assert rows(views["call"]) == [(0.7, 1.0, 0), (0.9, 1.0, 1), (1.0, 0.0, 2), (0.5, 0.0, 3)]
    assert rows(views["null"]) == [(0.1, 0.0, 0), (0.9, 1.0, 1), (1.0, 0.0, 2), (0.1, 0.0, 3)]
    assert rows(views["pair"]) == [(0.7, 1.0, 0), (0.2, 0.0, 0), (0.1, 0.0, 1), (0.5, 0.0, 3), (0.4, 1.0, 3)]
    assert views["call"].groups["adduct"].tolist() == ["[M+H]+", "null call", "null call", "[M+H]+"]
    assert views["pair"].groups["adduct"].tolist() == ["[M+H]+", "[M+Na]+", "[M+Na]+", "[M+H]+", "[M+H]+"]
    assert "adduct" not in views["null"].groups
    assert views["pair"].groups["species"].tolist() == ["x", "x", "x", "y", "y"]
    assert views["call"].groups["n_candidates"].tolist() == ["2", "1", "0", "3 to 5"]
    # P0 and P2 are of the same compound, the null is alone.
    first, second, third, fourth = views["call"].statements.cluster
    assert first == third != second != fourth != first


def test_peaks_that_the_fit_saw_are_left_out() -> None:
    truth: Answers = {"P0": frozenset("A"), "P1": frozenset("A")}
    views = build_views(
        predict([{"A": 0.7}, {"A": 0.8, "B": 0.1}]), truth, np.array([False, True]), about(["x", "x"], [1, 2])
    )
    assert [rows(view) for view in views.values()] == [
        [(0.8, 1.0, 1)],
        [(0.8, 1.0, 1), (0.1, 0.0, 1)],
        [(0.1, 0.0, 1)],
    ]


def test_one_of_several_truths_is_shared_by_probability() -> None:
    truth: Answers = {"P0": frozenset("AB"), "P1": frozenset("AB"), "P2": frozenset("Z")}
    options = [{"A": 0.6, "B": 0.2, "C": 0.1}, {"A": 0.0, "B": 0.0}, {"A": 0.3}]
    views = build_views(predict(options), truth, np.ones(3, dtype=np.bool_), about(["x"] * 3, [3, 2, 1]))
    outcome = views["pair"].statements.outcome
    assert outcome == pytest.approx([0.75, 0.25, 0.0, 0.5, 0.5, 0.0])
    assert views["null"].statements.outcome.tolist() == [0.0, 0.0, 1.0]  # the library has no Z


def test_no_scored_peak_is_no_statement() -> None:
    views = build_views(predict([{"A": 0.6}]), {}, np.ones(1, dtype=np.bool_), about(["x"], [1]))
    assert [summarise_view(view, ("species",), 0) for view in views.values()] == [None, None, None]
    without = build_views(predict([{}]), {"P0": frozenset()}, np.ones(1, dtype=np.bool_), about(["x"], [0]))
    assert summarise_view(without["pair"], (), 0) is None  # a peak without candidates
    found = summarise_view(without["null"], (), 0)
    assert found is not None
    assert found.all.brier == found.all.ece.value == 0.0


def test_groups_are_summarised_by_themselves_and_small_ones_left_out() -> None:
    rng = np.random.default_rng(0)
    n = 3 * MIN_GROUP
    probability = rng.random(n)
    outcome = (rng.random(n) < probability).astype(np.float64)
    groups = {
        "species": np.repeat(["b", "a", "c"], [MIN_GROUP, MIN_GROUP + 1, MIN_GROUP - 1]),
        "n_candidates": np.repeat(["11 and more", "2"], [MIN_GROUP, 2 * MIN_GROUP]),
    }
    each = np.arange(n)
    statements = Statements(probability, outcome, each, each)
    found = summarise_view(View(statements, groups), ("species", "adduct", "n_candidates"), 3)
    assert found is not None
    assert {kind: list(group) for kind, group in found.groups.items()} == {
        "species": ["a", "b"],
        "n_candidates": ["2", "11 and more"],
    }
    own = summarise_view(View(statements.select(groups["species"] == "b"), {}), (), 3)
    assert own is not None
    assert found.groups["species"]["b"] == own.all
    assert found.all.n_statements == n
