"""What RDKit reads from a structure: its formula, charge, InChIKey and number of parts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

_MAX_CHARACTERS = 5000  # of a SMILES or InChI; cardiolipins have 300
_CACHED = 50_000
FIRST_BLOCK = 14  # letters of an InChIKey that say the skeleton, without stereochemistry and isotopes


@dataclass(frozen=True)
class Structure:
    """A structure as it is drawn.

    formula : of all parts together, isotopes and charge written as `parse_formula` reads them. charge : signed.
    n_parts : molecules and ions that no bond joins; a salt has two or more.
    """

    formula: str
    charge: int
    n_parts: int


@lru_cache(maxsize=_CACHED)
def read_structure(smiles: str) -> Structure | None:
    """What a SMILES says; None where RDKit cannot read it."""
    mol = _from_smiles(smiles)
    if mol is None:
        return None
    formula = rdMolDescriptors.CalcMolFormula(mol, separateIsotopes=True, abbreviateHIsotopes=False)
    return Structure(formula, Chem.GetFormalCharge(mol), len(Chem.GetMolFrags(mol)))


@lru_cache(maxsize=_CACHED)
def inchikey_of(smiles: str) -> str:
    """The standard InChIKey of a SMILES, "" where there is none; 0.2 ms."""
    mol = _from_smiles(smiles)
    with rdBase.BlockLogs():
        return "" if mol is None else str(Chem.MolToInchiKey(mol))  # type: ignore[no-untyped-call]


def smiles_of_inchi(inchi: str) -> str:
    """The SMILES of an InChI, with or without `InChI=` before it; "" where it cannot be read."""
    text = inchi.strip().strip('"')
    if not text or len(text) > _MAX_CHARACTERS:
        return ""
    with rdBase.BlockLogs():
        whole = text if text.startswith("InChI=") else f"InChI={text}"
        mol = Chem.MolFromInchi(whole)  # type: ignore[no-untyped-call]
        return "" if mol is None else str(Chem.MolToSmiles(mol))


def smiles_of_molblock(block: str) -> str:
    """The SMILES of a structure of an SD file; "" where it cannot be read or has no atoms."""
    with rdBase.BlockLogs():
        mol = _read(Chem.MolFromMolBlock(block))
        return "" if mol is None else str(Chem.MolToSmiles(mol))


def flat_smiles(smiles: str) -> str:
    """The SMILES without stereochemistry, isotopes kept; "" where it cannot be read."""
    mol = _from_smiles(smiles)
    if mol is None:
        return ""
    Chem.RemoveStereochemistry(mol)
    return str(Chem.MolToSmiles(mol))


def _from_smiles(smiles: str) -> Chem.Mol | None:
    """RDKit's molecule, None where it cannot read the SMILES or finds no atoms."""
    if not smiles or len(smiles) > _MAX_CHARACTERS:
        return None
    with rdBase.BlockLogs():  # an unreadable SMILES is answered, not told on the terminal
        mol = _read(Chem.MolFromSmiles(smiles))
    return mol if mol is not None and mol.GetNumAtoms() else None


def _read(mol: Chem.Mol | None) -> Chem.Mol | None:
    """What RDKit read: None too, which its type stubs do not say."""
    return mol
