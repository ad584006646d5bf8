"""Who can be doubted: annotators who share peaks with others, or whose answers somebody settled."""

from __future__ import annotations

import pandas as pd
import pytest

from compassign.data.annotators import Annotations, Annotator, Said, find_annotations


def rows(text: str) -> pd.DataFrame:
    """Rows as peak,compounds,annotator,standing."""
    cells = [line.split(",") for line in text.split()]
    return pd.DataFrame(cells, columns=["peak_id", "compound_id", "annotator", "standing"]).assign(confidence="")


def said(found: Annotations) -> dict[tuple[str, str], set[str]]:
    return {(one.peak_id, one.annotator): set(one.options) for one in found.doubted}


def test_without_rows_there_is_nobody() -> None:
    assert find_annotations(pd.DataFrame()) == Annotations()


@pytest.mark.parametrize("names", [("ada", "ada"), ("", ""), ("ada", "bo")])
def test_nobody_is_doubted_where_no_peak_is_shared(names: tuple[str, str]) -> None:
    found = find_annotations(rows(f"p1,A,{names[0]}, p2,B,{names[1]},"))
    assert (found.doubted, found.open_peaks) == ((), frozenset())
    assert {one.name: (one.n_peaks, one.n_shared) for one in found.annotators} == dict.fromkeys(
        names, (2 if names[0] == names[1] else 1, 0)
    )


def test_who_shares_one_peak_is_doubted_on_all_and_others_on_none() -> None:
    found = find_annotations(rows("p1,A,ada, p1,A;B,bo, p2,,ada, p3,C,cy,"))
    assert said(found) == {("p1", "ada"): {"A"}, ("p1", "bo"): {"A", "B"}, ("p2", "ada"): set()}
    assert found.open_peaks == {"p1", "p2"}
    assert found.annotators == (Annotator("ada", 2, 1), Annotator("bo", 1, 1), Annotator("cy", 1, 0))


def test_rows_without_a_name_are_one_annotator() -> None:
    found = find_annotations(rows("p1,A,, p1,B,ada, p2,C,,"))
    assert said(found) == {("p1", ""): {"A"}, ("p1", "ada"): {"B"}, ("p2", ""): {"C"}}


def test_rows_of_one_annotator_are_one_statement() -> None:
    found = find_annotations(rows("p1,A;B,ada, p1,B;C,ada, p1,B,bo, p2,A,ada, p2,,ada, p2,A,bo,"))
    # on p2 ada says both null and a compound: nothing, so that bo's answer is not shared
    assert found.doubted == (
        Said("p1", "ada", frozenset({"B"})),
        Said("p1", "bo", frozenset({"B"})),
        Said("p2", "bo", frozenset({"A"})),
    )
    assert found.annotators == (Annotator("ada", 1, 1), Annotator("bo", 2, 1))


def test_what_is_settled_is_certain_and_tells_of_the_overruled() -> None:
    found = find_annotations(rows("p1,A,ada,overruled p1,B,eve,settled p2,C,ada, p3,C,eve,"))
    assert said(found) == {("p1", "ada"): {"A"}, ("p2", "ada"): {"C"}}
    assert found.open_peaks == {"p2"}
    assert found.annotators == (Annotator("ada", 2, 1), Annotator("eve", 1, 0))  # settling is no answer


def test_answers_about_what_was_settled_as_no_peak_tell_nothing() -> None:
    """Then no row says what it is: it was settled as two peaks or none."""
    assert find_annotations(rows("p1,A,ada,overruled p1,B,bo,overruled")) == Annotations()
