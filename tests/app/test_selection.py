"""What a browser says was picked, in plain functions: a simulated page cannot select."""

from __future__ import annotations

import pandas as pd
import pytest

from compassign.figures.structure import draw_structure
from compassign.queries.overview import verdict
from compassign.queries.peak_filter import PeakFilter, filter_peaks
from pages.shared.selection import point_ids, row_ids, rows_selected
from pages.shared.text import escaped

TABLE = pd.DataFrame(
    {
        "peak_id": ["a", "b", "c"],
        "assigned_compound": ["x.1", "", "x21"],
        "name": ["Leucine", "", "Isoleucine"],
        "species": ["liver", "liver", "plasma"],
        "probability": [1.0000000001, 0.4, 0.7],
        "entropy": [0.0, 0.9, 0.5],
        "decision": ["accept", "null", "review"],
        "mz": [3.0, 1.0, 2.0],
        "rt_min": [1.0, 2.0, 3.0],
    }
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (PeakFilter(), ["a", "b", "c"]),
        (PeakFilter(text=" LEUCINE "), ["a", "c"]),
        (PeakFilter(text="x.1"), ["a"]),
        (PeakFilter(species=["liver"]), ["a", "b"]),
        (PeakFilter(decisions=["null", "review"]), ["b", "c"]),
        (PeakFilter(probability=(0.5, 1.0)), ["a", "c"]),
        (PeakFilter(order="m/z"), ["b", "c", "a"]),
        (PeakFilter(order="Most undecided first"), ["b", "c", "a"]),
        (PeakFilter(order="of an old link"), ["a", "b", "c"]),
    ],
)
def test_a_filter_keeps_and_orders(wanted: PeakFilter, expected: list[str]) -> None:
    assert filter_peaks(TABLE, wanted)["peak_id"].tolist() == expected


def test_rows_beyond_a_shorter_table_are_no_selection() -> None:
    assert row_ids({"selection": {"rows": [2, 0, 9]}}, ["a", "b", "c"]) == ["c", "a"]
    assert row_ids({}, ["a"]) == []


def test_a_link_selects_the_rows_that_are_there() -> None:
    assert rows_selected(["c", "gone", "a", "c"], ["a", "b", "c"]) == {"selection": {"rows": [2, 0]}}
    assert rows_selected(["gone"], ["a"]) is None


def test_points_carry_the_peak_alone_or_first() -> None:
    points = [{"customdata": "a"}, {"customdata": ["b", "x"]}, {"customdata": {"0": "c", "1": "x"}}, {"x": 1.0}]
    assert point_ids({"selection": {"points": points}}) == ["a", "b", "c"]


def test_markdown_shows_escaped_text_as_written() -> None:
    assert escaped("[x](y)\n<b>$:") == r"\[x\]\(y\) \<b\>\$\:"


def test_a_structure_is_drawn_or_left_out() -> None:
    drawn = draw_structure("CC(C)CC(N)C(=O)O")
    assert drawn is not None
    assert "<svg" in drawn
    assert drawn != draw_structure("CC(C)CC(N)C(=O)O", is_dark=True)
    for smiles in ("", "<script>alert(1)</script>", "C" * 3000, "C1CC"):
        assert draw_structure(smiles) is None


@pytest.mark.parametrize(
    ("metrics", "word"),
    [
        ({}, "not sampled"),
        ({"verdict": "converged", "sampler": {"max_rhat": 1.0}}, "converged"),
        ({"verdict": "converged", "sampler": {}}, "not sampled"),
        ({"verdict": "suspect", "sampler": {"max_rhat": 1.2}}, "suspect"),
        ({"verdict": "failed", "sampler": {"reasons": ["no draws"]}}, "failed"),
        ({"verdict": "perfect", "sampler": {"max_rhat": 1.0}}, "failed"),
    ],
)
def test_only_a_good_verdict_is_one(metrics: dict[str, object], word: str) -> None:
    assert verdict(metrics).word == word
