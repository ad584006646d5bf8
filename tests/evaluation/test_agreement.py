"""Agreement of annotators, against a published value and pairs counted by hand."""

from __future__ import annotations

import pytest

from compassign.evaluation.agreement import kappa, krippendorff_alpha

# Four observers, twelve units, "." = no answer. Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011,
# part C, where the alpha of answers without an order is 0.743.
OBSERVERS = {"a": "123321412...", "b": "1233224125.3", "c": ".3332342251.", "d": "12332441251."}


def table(observers: dict[str, str]) -> dict[str, dict[str, str]]:
    n = max(map(len, observers.values()))
    return {
        str(unit): {name: row[unit] for name, row in observers.items() if unit < len(row) and row[unit] != "."}
        for unit in range(n)
    }


def test_alpha_is_that_of_the_published_example() -> None:
    assert krippendorff_alpha(table(OBSERVERS)) == pytest.approx(0.743, abs=5e-4)


def test_alpha_of_two_who_agree_on_half_is_counted_by_hand() -> None:
    # 4 answers x, 4 answers y; 4 of 8 ordered pairs differ; by chance 32 of 56 do
    found = krippendorff_alpha(table({"a": "xxyy", "b": "xyxy"}))
    assert found == pytest.approx(1.0 - (4 / 8) / (32 / 56))


def test_one_answer_a_peak_changes_nothing_and_nothing_to_compare_has_no_alpha() -> None:
    pair = {"a": "xxyy", "b": "xyxy"}
    assert krippendorff_alpha(table({"a": "xxyyzz", "b": "xyxy"})) == krippendorff_alpha(table(pair))
    assert krippendorff_alpha(table({"a": "xxx", "b": "xxx"})) is None
    assert krippendorff_alpha({}) is None


def test_kappa_is_one_for_equal_answers_and_none_where_chance_agrees_as_well() -> None:
    assert kappa(table({"a": "xyxy", "b": "xyxy"}), "a", "b") == pytest.approx(1.0)
    assert kappa(table({"a": "xxyy", "b": "xyxy"}), "a", "b") == pytest.approx(0.0)
    assert kappa(table({"a": "xx", "b": "xx"}), "a", "b") is None
    assert kappa(table({"a": "xy", "b": "xy"}), "a", "nobody") is None
