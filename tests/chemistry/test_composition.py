"""Covariates of classes: formulas by hand, and gaps where there is nothing to read."""

from __future__ import annotations

import pytest

from compassign.chemistry.composition import COMPOSITION_NAMES, compositions


def test_composition_of_chlorobenzene_and_adenosine_monophosphate() -> None:
    table = compositions(["C6H5Cl", "C10H14N5O7P"])
    assert tuple(table) == COMPOSITION_NAMES
    first, second = table.to_dict("records")
    assert (first["n_c"], first["n_halogens"], first["rings"]) == (6, 1, 4)  # one ring, three double bonds
    assert (second["n_n"], second["n_o"], second["has_p"], second["has_s"]) == (5, 7, 1, 0)
    assert second["h_to_c"] == pytest.approx(1.4)


def test_isotopes_charges_and_gaps() -> None:
    table = compositions(["", "H2O", "C5H14NO+"])
    assert table.iloc[:2].isna().all(axis=None)
    assert table["n_c"].iloc[2] == 5
