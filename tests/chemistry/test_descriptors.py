"""Descriptors say what a chemist would count, and unreadable structures give NaN."""

from __future__ import annotations

import pytest

from compassign.chemistry.descriptors import DESCRIPTOR_NAMES, descriptors


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        (
            "CC(=O)Oc1ccccc1C(=O)O",  # aspirin; TPSA as PubChem has it
            {"tpsa_a2": 63.6, "n_hbond_donors": 1, "n_aromatic_rings": 1, "n_heavy_atoms": 13, "n_acidic_groups": 1},
        ),
        ("c1ccccc1", {"logp_crippen": 1.687, "fraction_sp3": 0, "n_rotatable_bonds": 0, "n_basic_groups": 0}),
        ("C1CCNCC1", {"n_aliphatic_rings": 1, "fraction_sp3": 1, "n_basic_groups": 1, "n_hbond_acceptors": 1}),
        ("CCCCCC", {"n_rotatable_bonds": 3, "tpsa_a2": 0, "n_hbond_acceptors": 0}),
        ("C[N+](C)(C)CCO", {"formal_charge": 1, "n_basic_groups": 0}),
        ("FC(F)(F)C(Cl)Br", {"n_halogens": 5}),
    ],
)
def test_values(smiles: str, expected: dict[str, float]) -> None:
    row = descriptors([smiles]).iloc[0]
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("smiles", "n_acidic", "n_basic"),
    [
        ("CC(=O)O", 1, 0),
        ("CC(=O)[O-]", 1, 0),
        ("NCC(=O)O", 1, 1),
        ("[NH3+]CC(=O)[O-]", 1, 1),
        ("COP(=O)(O)O", 2, 0),
        ("OS(=O)(=O)c1ccccc1", 1, 0),
        ("c1nn[nH]n1", 1, 0),
        ("CCOC(C)=O", 0, 0),
        ("CC(=O)NC", 0, 0),
        ("Nc1ccccc1", 0, 0),
        ("CS(=O)(=O)NC", 0, 0),
        ("CN(C)C(=N)NC(N)=N", 0, 2),
        ("CC(N)=NO", 0, 0),
        ("c1ccncc1", 0, 1),
        ("c1cnc[nH]1", 0, 1),
        ("N=C(N)NCCCC(N)C(=O)O", 1, 2),
    ],
)
def test_ionisable_groups(smiles: str, n_acidic: int, n_basic: int) -> None:
    row = descriptors([smiles]).iloc[0]
    assert (row["n_acidic_groups"], row["n_basic_groups"]) == (n_acidic, n_basic)


def test_unreadable_structures_are_nan_and_silent(capfd: pytest.CaptureFixture[str]) -> None:
    table = descriptors(["CCO", "", "not a structure", "C1CC", "CCO"])
    assert table.isna().all(axis=1).tolist() == [False, True, True, True, False]
    assert table.isna().any(axis=1).tolist() == [False, True, True, True, False]
    assert table.iloc[0].tolist() == table.iloc[4].tolist()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_shape_and_types(n_rows: int) -> None:
    table = descriptors(["CCO"] * n_rows)
    assert tuple(table.columns) == DESCRIPTOR_NAMES
    assert table.index.tolist() == list(range(n_rows))
    assert (table.dtypes == "float64").all()


def test_one_compound_does_not_depend_on_the_others() -> None:
    alone = descriptors(["c1ccncc1"])
    among = descriptors(["CCO", "c1ccncc1", ""])
    assert alone.iloc[0].tolist() == among.iloc[1].tolist()
