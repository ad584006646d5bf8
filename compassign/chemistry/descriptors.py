"""A small set of interpretable 2D descriptors that retention times depend on, from SMILES by RDKit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

_CACHED_COMPOUNDS = 100_000  # a large library; about 350 bytes each

# Groups that are charged over part of the usual eluent pH range (2 to 9), in either form.
_ACIDIC = tuple(
    Chem.MolFromSmarts(smarts)
    for smarts in (
        "[CX3](=O)[OX2H1,OX1-]",  # carboxylic
        "[#16X4](=O)(=O)[OX2H1,OX1-]",  # sulfonic, sulfate
        "[PX4](=O)[OX2H1,OX1-]",  # phosphonic, phosphate: one match for each OH
        "[$([nH]1nnnc1),$([nH]1nncn1),$([n-]1nnnc1),$([n-]1nncn1)]",  # tetrazole
    )
)
_BASIC = tuple(
    Chem.MolFromSmarts(smarts)
    for smarts in (
        # amines whose carbons are all saturated: amides, anilines and sulfonamides are not basic enough
        "[$([NX3;H2]-[CX4]),$([NX3;H1](-[CX4])-[CX4]),$([NX3;H0](-[CX4])(-[CX4])-[CX4])]",
        "[NX4+;!H0]",  # the same, drawn protonated
        # amidine, guanidine: with a bond from N to N, O or S they are not basic enough
        "[$([CX3](-[#6,#7])(-[NX3;!$(N~[O,S])])=[NX2;!$(N~[O,N,S])]),$([CX3;H1](-[NX3])=[NX2;!$(N~[O,N,S])])]",
        "[nX2;$(n1c[nX3]cc1),$(n1ccccc1)]",  # imidazole, pyridine
    )
)
_HALOGEN = (Chem.MolFromSmarts("[F,Cl,Br,I]"),)


def _count(patterns: Sequence[Chem.Mol], mol: Chem.Mol) -> int:
    """Number of distinct matches of any pattern."""
    return sum(len(mol.GetSubstructMatches(pattern)) for pattern in patterns)


_CALCULATORS: dict[str, Callable[[Chem.Mol], float]] = {
    "logp_crippen": lambda mol: rdMolDescriptors.CalcCrippenDescriptors(mol)[0],
    "tpsa_a2": rdMolDescriptors.CalcTPSA,
    "n_hbond_donors": rdMolDescriptors.CalcNumHBD,
    "n_hbond_acceptors": rdMolDescriptors.CalcNumHBA,
    "n_rotatable_bonds": rdMolDescriptors.CalcNumRotatableBonds,
    "n_aromatic_rings": rdMolDescriptors.CalcNumAromaticRings,
    "n_aliphatic_rings": rdMolDescriptors.CalcNumAliphaticRings,
    "n_heavy_atoms": Chem.Mol.GetNumHeavyAtoms,
    "n_halogens": lambda mol: _count(_HALOGEN, mol),
    "fraction_sp3": rdMolDescriptors.CalcFractionCSP3,
    "formal_charge": Chem.GetFormalCharge,
    "n_acidic_groups": lambda mol: _count(_ACIDIC, mol),
    "n_basic_groups": lambda mol: _count(_BASIC, mol),
}

DESCRIPTOR_NAMES: tuple[str, ...] = tuple(_CALCULATORS)


def descriptors(smiles: Sequence[str]) -> pd.DataFrame:
    """Descriptors of compounds, one row each in the order given.

    smiles : "" where a compound has no structure. Returns float64 columns `DESCRIPTOR_NAMES` (counts, logP, A^2 for
        TPSA), index 0..n-1; a row is NaN where the SMILES is empty or RDKit cannot read it. A SMILES seen before costs
        nothing, a new one 0.7 ms.
    Source: Wildman & Crippen 1999 (logP), Ertl 2000 (TPSA), as RDKit implements them.
    """
    with rdBase.BlockLogs():  # an unreadable SMILES is answered by NaN, not by lines on the terminal
        rows = [_descriptor_row(text) for text in smiles]
    values = np.array(rows, dtype=np.float64).reshape(len(rows), len(DESCRIPTOR_NAMES))
    return pd.DataFrame(values, columns=list(DESCRIPTOR_NAMES))


@lru_cache(maxsize=_CACHED_COMPOUNDS)
def _descriptor_row(smiles: str) -> tuple[float, ...]:
    """Descriptors of one compound in the order of `DESCRIPTOR_NAMES`."""
    mol = _read_smiles(smiles)
    if mol is None or mol.GetNumAtoms() == 0:
        return (np.nan,) * len(DESCRIPTOR_NAMES)
    return tuple(float(calculate(mol)) for calculate in _CALCULATORS.values())


def _read_smiles(smiles: str) -> Chem.Mol | None:
    """RDKit's molecule, None where it cannot read the SMILES (its type stubs do not say so)."""
    return Chem.MolFromSmiles(smiles)
