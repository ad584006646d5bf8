"""Whether what a library says of each compound agrees with itself, and which of its compounds go together."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from compassign.chemistry.formulas import ParsedFormula, monoisotopic_mass, parse_formula
from compassign.chemistry.structures import FIRST_BLOCK, Structure, inchikey_of, read_structure
from compassign.data.compounds import MAX_MASS_DISAGREEMENT_PPM
from compassign.errors import InputError
from compassign.formats.library.entry import Entry
from compassign.units import ELECTRON_MASS_DA, ppm_error

TWICE, STEREOISOMERS, ONE_NAME, ISOMERS = "the same compound", "stereoisomers", "one name", "isomers"
"""Kinds of groups: equal InChIKey; equal first block of it; equal name of several compounds; equal formula."""
GROUP_KINDS = (TWICE, STEREOISOMERS, ONE_NAME, ISOMERS)
_INCHIKEY = re.compile(r"[A-Z]{14}(?:-[A-Z]{10}(?:-[A-Z])?)?")
_SECOND_BLOCK = slice(FIRST_BLOCK + 1, FIRST_BLOCK + 10)  # stereochemistry and isotopes, then S for standard
_FLAT = "UHFFFAOYS"  # neither of them
_MASS_DIGITS = 3  # isotope-labelled compounds have the first block of the others


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with an entry. kind : what all such have in common. column : where it shows."""

    kind: str
    entry: Entry
    column: str
    expected: str

    @property
    def found(self) -> str:
        """The cell."""
        return self.entry.text(self.column)


@dataclass(frozen=True)
class Group:
    """Two or more entries that have something in common. kind : of `GROUP_KINDS`. what : they have in common."""

    kind: str
    what: str
    entries: tuple[Entry, ...]


def distinct(entries: Iterable[Entry]) -> list[Entry]:
    """Entries without their spectra; of those of one compound that differ in spectrum or ion only, the first."""
    found: dict[Hashable, Entry] = {}
    for entry in entries:
        said = entry.text("inchikey") or (entry.text("name").casefold(), entry.text("formula"))
        key = said if entry.spectrum is not None or entry.text("adduct") else entry.row
        found.setdefault(key, Entry(entry.row, entry.fields, entry.kept))
    return list(found.values())


def check_entry(entry: Entry) -> Iterator[Finding]:
    """Everything about one entry that contradicts something else of it, or cannot be read."""
    formula, reason = _parsed(entry.text("formula"))
    smiles = entry.text("smiles")
    structure = read_structure(smiles)
    if reason:
        yield Finding("a formula that cannot be read", entry, "formula", reason)
    if smiles and structure is None:
        yield Finding("a structure that cannot be read", entry, "smiles", "a SMILES that RDKit reads")
    if structure is not None and structure.n_parts > 1:
        parts = f"one molecule or ion, here are {structure.n_parts}; a salt is measured as its ions"
        yield Finding("a structure of several parts", entry, "smiles", parts)
    elif structure is not None and formula is not None:
        yield from _check_atoms(entry, formula, structure)
    yield from _check_inchikey(entry, structure)
    yield from _check_mass(entry, formula, structure)


def _parsed(text: str) -> tuple[ParsedFormula | None, str]:
    """A formula, or the reason why it is none; neither for an empty one."""
    try:
        return (parse_formula(text), "") if text else (None, "")
    except InputError as error:
        return None, f"a molecular formula; {error}"


def _check_atoms(entry: Entry, formula: ParsedFormula, structure: Structure) -> Iterator[Finding]:
    """The structure has the atoms of the formula, or is drawn as an ion of it: with protons more or less."""
    drawn = parse_formula(structure.formula)
    if formula.elements == drawn.elements:
        given = entry.text("charge").removeprefix("+")
        if given not in {"", "0", str(drawn.charge)} or (formula.charge and formula.charge != drawn.charge):
            column = "charge" if given else "formula"
            yield Finding("a charge that is not the structure's", entry, column, f"{drawn.charge:+d}, as in the SMILES")
    elif _neutral(formula) != _neutral(drawn):
        yield Finding(
            "a formula that is not the structure's", entry, "formula", f"{structure.formula}, the formula of the SMILES"
        )


def _neutral(formula: ParsedFormula) -> Mapping[str, int]:
    """Atoms with a proton taken for each positive charge and given for each negative one."""
    hydrogen = formula.elements.get("H", 0) - formula.charge
    return {**formula.elements, "H": hydrogen}


def _check_inchikey(entry: Entry, structure: Structure | None) -> Iterator[Finding]:
    key = entry.text("inchikey").removeprefix("InChIKey=")
    if key and _INCHIKEY.fullmatch(key) is None:
        yield Finding(
            "an InChIKey that is none", entry, "inchikey", "27 characters such as XLYOFNOQVPJJNP-UHFFFAOYSA-N"
        )
        return
    drawn = inchikey_of(entry.text("smiles")) if key and structure is not None and structure.n_parts == 1 else ""
    if not drawn:
        return
    if key[:FIRST_BLOCK] != drawn[:FIRST_BLOCK]:
        yield Finding("an InChIKey of another structure", entry, "inchikey", f"{drawn}, the InChIKey of the SMILES")
    elif key[_SECOND_BLOCK].endswith(_FLAT[-1]) and key[_SECOND_BLOCK] != drawn[_SECOND_BLOCK]:
        only_one = _FLAT in {key[_SECOND_BLOCK], drawn[_SECOND_BLOCK]}
        kind = "stereochemistry in one of InChIKey and SMILES only" if only_one else "an InChIKey of a stereoisomer"
        yield Finding(kind, entry, "inchikey", f"{drawn}, the InChIKey of the SMILES")


def _check_mass(entry: Entry, formula: ParsedFormula | None, structure: Structure | None) -> Iterator[Finding]:
    text = entry.text("exact_mass")
    mass_da = _number(text)
    if text and not mass_da > 0.0:
        yield Finding("a mass that is none", entry, "exact_mass", "a number above 0, in Da")
    elif formula is None and not text and structure is None and not (entry.text("mz") and entry.text("adduct")):
        column = "formula" if "formula" in entry.fields else "exact_mass"
        yield Finding("nothing that says the mass", entry, column, "a formula, a mass in Da or a SMILES")
    elif formula is not None and text:
        expected_da = monoisotopic_mass(entry.text("formula"))
        # with all electrons, and without those of the charge: databases write both
        charge = formula.charge or (structure.charge if structure is not None else 0)
        masses = [expected_da + electrons * ELECTRON_MASS_DA for electrons in (0, charge, -charge)]
        if min(abs(ppm_error(mass_da, mass)) for mass in masses) > MAX_MASS_DISAGREEMENT_PPM:
            off = ppm_error(mass_da, expected_da)
            yield Finding(
                "a mass that is not the formula's",
                entry,
                "exact_mass",
                f"{expected_da:.5f} Da, the mass of {entry.text('formula')}; it is off by {off:+.0f} ppm",
            )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def group_entries(entries: Sequence[Entry]) -> list[Group]:
    """Entries that a user may want to merge or has to know of, by kind, the largest groups first."""
    keys = [_identity(entry) for entry in entries]
    by_skeleton = _grouped(entries, lambda at: (keys[at][:FIRST_BLOCK], _weight(entries[at])) if keys[at] else None)
    by_key = _grouped(entries, lambda at: (keys[at], _weight(entries[at])) if keys[at] else None)
    by_name = _grouped(entries, lambda at: entries[at].text("name").casefold() or None)
    by_formula = _grouped(entries, lambda at: _composition(entries[at]))
    skeletons = {entry.row: key[:FIRST_BLOCK] or str(_weight(entry)) for entry, key in zip(entries, keys, strict=True)}
    exact = {entry.row: key or str(_weight(entry)) for entry, key in zip(entries, keys, strict=True)}
    kinds = {
        TWICE: by_key,
        STEREOISOMERS: [group for group in by_skeleton if _n_different(group, exact) > 1],
        ONE_NAME: [group for group in by_name if _n_different(group, skeletons) > 1],
        ISOMERS: [group for group in by_formula if _n_different(group, skeletons) > 1],
    }
    common: dict[str, Callable[[Entry], str]] = {
        TWICE: lambda entry: exact[entry.row],
        STEREOISOMERS: lambda entry: skeletons[entry.row],
        ONE_NAME: lambda entry: entry.text("name"),
        ISOMERS: lambda entry: entry.text("formula"),
    }
    return [
        Group(kind, common[kind](group[0]), tuple(group))
        for kind, groups in kinds.items()
        for group in sorted(groups, key=len, reverse=True)
    ]


def _grouped(entries: Sequence[Entry], key: Callable[[int], Hashable | None]) -> list[list[Entry]]:
    groups: dict[Hashable, list[Entry]] = defaultdict(list)
    for at, entry in enumerate(entries):
        if (of := key(at)) is not None:
            groups[of].append(entry)
    return [group for group in groups.values() if len(group) > 1]


def _n_different(group: Sequence[Entry], of: Mapping[int, str]) -> int:
    return len({of[entry.row] for entry in group})


def _identity(entry: Entry) -> str:
    """The InChIKey that is given, else the structure's, "" without either."""
    given = entry.text("inchikey").removeprefix("InChIKey=")
    return given if _INCHIKEY.fullmatch(given) else inchikey_of(entry.text("smiles"))


def _weight(entry: Entry) -> str:
    """Mass and charge as text, which isotope-labelled compounds and ions do not share with the others."""
    formula, _ = _parsed(entry.text("formula"))
    mass = monoisotopic_mass(entry.text("formula")) if formula is not None else _number(entry.text("exact_mass"))
    return f"{mass:.{_MASS_DIGITS}f} {entry.text('charge').removeprefix('+')}"


def _composition(entry: Entry) -> Hashable | None:
    formula, _ = _parsed(entry.text("formula"))
    return None if formula is None else (frozenset(formula.elements.items()), formula.charge, entry.text("charge"))
