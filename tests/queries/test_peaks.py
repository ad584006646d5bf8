"""The table of peaks and the bars are what plain loops over the candidates give."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from big_run import big_run

from compassign.errors import InputError
from compassign.queries.peaks import MIN_SHOWN, bars, page_of, peak_entropy, peak_table, thinned
from compassign.queries.run_folder import Run

pytest_plugins = ["example_runs"]
N_MANY = 50_000


def test_entropy_and_null_are_those_of_the_compounds(lookup_run: Run) -> None:
    table = peak_table(lookup_run)
    for row, own in lookup_run.candidates.groupby("peak_id", sort=False):
        summed: dict[str, float] = {}
        for compound, probability in zip(own["compound_id"], own["probability"], strict=True):
            summed[compound] = summed.get(compound, 0.0) + probability
        shown = table[table["peak_id"] == row].iloc[0]
        assert shown["p_null"] == pytest.approx(summed[""])
        assert shown["entropy"] == pytest.approx(-sum(p * math.log(p) for p in summed.values() if p > 0), abs=1e-12)
        assert shown["n_candidates"] == len(own) - 1


def test_the_table_names_compounds(lookup_run: Run) -> None:
    table = peak_table(lookup_run).set_index("assigned_compound")
    assert set(table["name"]["leu"]) == {"Leucine"}
    assert set(table["name"][""]) == {""}


def test_bars_hold_every_candidate_once_in_falling_order(prior_run: Run) -> None:
    ids = prior_run.peaks["peak_id"].tolist()[::-1]
    pieces = bars(prior_run, ids)
    for row, peak_id in enumerate(ids):
        own = pieces[pieces["row"] == row]
        slots = prior_run.candidates[prior_run.candidates["peak_id"] == peak_id]
        null, others = slots.iloc[0], slots.iloc[1:]
        large = others[others["probability"] >= MIN_SHOWN].sort_values("probability", ascending=False)
        small = others[others["probability"] < MIN_SHOWN]
        expected = [("candidate", p) for p in large["probability"]]
        expected += [("other", small["probability"].sum())] if len(small) else []
        expected += [("background", null["probability"] - null["probability_unlisted"])]
        expected += [("unlisted", null["probability_unlisted"])]
        assert own["kind"].tolist() == [kind for kind, _ in expected]
        np.testing.assert_allclose(own["probability"], [p for _, p in expected], atol=1e-12)
        np.testing.assert_allclose(own["start"], np.cumsum([0.0, *(p for _, p in expected)])[:-1], atol=1e-12)
        assert own["n_merged"].sum() == len(large) + len(small)
        assert own[own["kind"] == "background"]["hdi_high"].item() == null["hdi_high"]
        assert set(own["peak_id"]) == {peak_id}


def test_no_peak_gives_no_bars_and_an_unknown_one_is_named(lookup_run: Run) -> None:
    assert len(bars(lookup_run, [])) == 0
    with pytest.raises(InputError, match="has no peak 'x', 'y'"):
        bars(lookup_run, ["p01", "x", "y"])


def test_fifty_thousand_peaks_make_a_table() -> None:
    run = big_run(N_MANY)
    table = peak_table(run)
    assert len(table) == N_MANY
    assert peak_entropy(run)[0] == pytest.approx(-(0.6 * math.log(0.6) + 0.3 * math.log(0.3) + 0.1 * math.log(0.1)))
    assert pd.api.types.is_float_dtype(table["p_null"])


@pytest.mark.parametrize(("picked", "expected"), [("a", "ab"), ("d", "cd"), ("e", "e"), ("", "ab"), ("gone", "ab")])
def test_leafing_shows_the_page_of_the_picked_peak(picked: str, expected: str) -> None:
    assert page_of("abcde", picked, 2) == list(expected)


def test_a_thinned_table_keeps_both_ends_and_a_short_one_stays() -> None:
    table = pd.DataFrame({"peak_id": list("abcdefg")})
    assert thinned(table, 4)["peak_id"].tolist() == ["a", "c", "e", "g"]
    assert thinned(table, 7) is table
