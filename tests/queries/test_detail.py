"""One peak in detail says where its probabilities come from."""

from __future__ import annotations

import numpy as np
import pytest
from big_run import big_run

from compassign.chemistry.adducts import get_adduct, mz_theoretical
from compassign.errors import InputError
from compassign.models.generative import default_terms
from compassign.models.terms.spectra import Spectra
from compassign.models.terms.upstream import UpstreamAdduct
from compassign.queries.detail import EXPLANATIONS, OTHER_STEP, UNLISTED_STEP, peak_detail
from compassign.queries.run_folder import Run

pytest_plugins = ["example_runs"]


def test_candidates_are_ranked_and_the_null_is_last(lookup_run: Run) -> None:
    for row, peak_id in enumerate(lookup_run.peaks["peak_id"][:25]):
        shown = peak_detail(lookup_run, peak_id).candidates
        slots = lookup_run.candidates[lookup_run.candidates["peak_id"] == peak_id]
        assert sorted(shown["probability"]) == sorted(slots["probability"])
        assert (np.diff(shown["probability"][:-1]) <= 0).all()
        assert shown["compound_id"].iloc[-1] == ""
        mz = lookup_run.peaks["mz"][row]
        for slot in shown[:-1].to_dict("records"):
            mass = lookup_run.compounds.loc[slot["compound_id"], "exact_mass"]
            assert slot["mz_theoretical"] == pytest.approx(float(mz_theoretical(mass, get_adduct(slot["adduct"]))))
            assert (mz / slot["mz_theoretical"] - 1) * 1e6 == pytest.approx(slot["ppm_error"], abs=1e-4)


def test_the_steps_of_a_candidate_add_up_to_its_log_odds(prior_run: Run) -> None:
    n_told = 0
    for peak_id in prior_run.peaks["peak_id"][:25]:
        detail = peak_detail(prior_run, peak_id)
        null = detail.candidates["probability"].iloc[-1]
        for at, steps in detail.evidence.groupby("candidate"):
            candidate = detail.candidates.loc[at]
            if null > 0 and candidate["probability"] > 0:
                expected = np.log(candidate["probability"] / null)
                assert candidate["log_odds"] == pytest.approx(expected)
                assert steps["log_odds"].sum() == pytest.approx(expected)
                assert steps["step"].tolist() == [*prior_run.terms, UNLISTED_STEP, OTHER_STEP]
                slots = prior_run.candidates
                is_slot = (slots["peak_id"] == peak_id) & (slots["compound_id"] == candidate["compound_id"])
                row = slots[is_slot & (slots["adduct"] == candidate["adduct"])].iloc[0]
                mass = steps[steps["step"] == "mass"]["log_odds"].item()
                assert mass == row["evidence_mass"]
                n_told += 1
    assert n_told > 20


def test_nothing_is_made_up_where_the_answer_was_given(prior_run: Run) -> None:
    given = prior_run.peaks[prior_run.peaks["is_labelled"] & (prior_run.peaks["assigned_compound"] != "")]
    detail = peak_detail(prior_run, given["peak_id"].iloc[0])
    assert detail.candidates["log_odds"].isna().all()
    assert detail.evidence[detail.evidence["step"] == OTHER_STEP]["log_odds"].isna().all()


def test_the_explanations_are_those_of_the_terms() -> None:
    terms = {term.name: term.explanation for term in (*default_terms().all, Spectra(), UpstreamAdduct())}
    assert {name: EXPLANATIONS[name] for name in terms} == terms


def test_neighbours_share_candidates(lookup_run: Run) -> None:
    slots = lookup_run.candidates
    compounds = {peak: set(own["compound_id"]) - {""} for peak, own in slots.groupby("peak_id")}
    for peak_id in lookup_run.peaks["peak_id"][:20]:
        neighbours = peak_detail(lookup_run, peak_id).neighbours
        expected = {peak: len(compounds[peak] & compounds[peak_id]) for peak in compounds if peak != peak_id}
        shared = {peak: n for peak, n in expected.items() if n}
        assert dict(zip(neighbours["peak_id"], neighbours["n_shared"], strict=True)) == shared
        assert (np.diff(neighbours["n_shared"]) <= 0).all()


def test_previous_and_next_follow_the_order_asked_for(lookup_run: Run) -> None:
    first, last = peak_detail(lookup_run, "p00"), peak_detail(lookup_run, "p79")
    assert (first.previous_id, first.next_id) == (None, "p01")
    assert (last.previous_id, last.next_id) == ("p78", None)
    filtered = peak_detail(lookup_run, "p10", ["p30", "p10", "p20"])
    assert (filtered.previous_id, filtered.next_id) == ("p30", "p20")
    outside = peak_detail(lookup_run, "p10", ["p30", "p20"])
    assert (outside.previous_id, outside.next_id) == (None, "p30")


def test_an_unknown_peak_is_named(lookup_run: Run) -> None:
    with pytest.raises(InputError, match="no such peak"):
        peak_detail(lookup_run, "<script>")


def test_a_peak_of_fifty_thousand_is_described() -> None:
    detail = peak_detail(big_run(50_000), "P020000")
    assert detail.peak["n_candidates"] == 2
    assert detail.candidates["name"].iloc[-1] == ""
