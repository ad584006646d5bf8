"""Covariates of classes: formulas by hand, keys of known molecules, and gaps where there is nothing to read."""

from __future__ import annotations

import numpy as np
import pytest

from compassign.chemistry.composition import COMPOSITION_NAMES, compositions
from compassign.chemistry.structural_keys import N_KEYS, structural_keys


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


def test_keys_tell_an_acid_from_its_ester_and_leave_gaps() -> None:
    keys = structural_keys(["CC(=O)O", "COC=O", "", "not a structure"])
    assert keys.shape == (4, N_KEYS)
    assert set(np.unique(keys[:2])) == {0.0, 1.0}
    assert (keys[0] != keys[1]).any()  # isomers
    assert np.isnan(keys[2:]).all()


def test_ring_key_is_numbered_as_published() -> None:
    has_ring = structural_keys(["C1CCCCC1", "CCCCCC"])[:, 165 - 1]  # key 165: any ring
    assert has_ring.tolist() == [1.0, 0.0]
