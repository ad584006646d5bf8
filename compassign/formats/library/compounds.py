"""Entries of a library to rows of compounds.csv: what follows is filled in, and entries of one compound become one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from compassign.chemistry.adducts import neutral_mass_da
from compassign.chemistry.formulas import monoisotopic_mass, parse_formula
from compassign.chemistry.structures import inchikey_of, read_structure, smiles_of_inchi
from compassign.data.compounds import MAX_MASS_DISAGREEMENT_PPM
from compassign.data.raw import show_value
from compassign.errors import InputError
from compassign.formats.adducts import known_adduct
from compassign.formats.cells import is_formula
from compassign.formats.library.entry import Entry
from compassign.formats.problems import Problems
from compassign.tables import OPTION_SEPARATOR
from compassign.units import ELECTRON_MASS_DA, ppm_error

_WEIGHABLE = "a formula, a mass in Da, a SMILES, or m/z and an adduct that CompAssign knows"
_NAMED = ("compound_id", "name", "inchikey", "smiles", "inchi")
_MASS_DIGITS = 4  # entries without an InChIKey are of one compound where name and mass are the same


@dataclass
class Compound:
    """One row of compounds.csv as text; row : of its first entry. kept : foreign column -> text."""

    row: int
    compound_id: str
    name: str = ""
    formula: str = ""
    exact_mass: str = ""
    charge: str = ""
    inchikey: str = ""
    smiles: str = ""
    rt_pred_min: str = ""
    rt_pred_sd_min: str = ""
    known_in: str = ""
    kept: Mapping[str, str] = field(default_factory=dict)


_TEXTS = ("name", "inchikey", "smiles", "rt_pred_min", "rt_pred_sd_min", "known_in")  # filled from later entries


class Faults:
    """What is wrong with entries: a problem in a person's own sheet, in a public database a count with an example."""

    def __init__(self, file: str, is_own: bool) -> None:
        self._is_own = is_own
        self.problems = Problems(file)
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._last = (0, "")

    def add(self, kind: str, entry: Entry, column: str, expected: str) -> None:
        """Add a fault of a cell, of which only the first counts; kind : what is said of all such entries."""
        if self._is_own and (entry.row, column) != self._last:
            self._last = (entry.row, column)
            self.problems.add(kind, entry.row, column, f"found {show_value(entry.text(column))}", expected)
        elif not self._is_own:
            self.note(kind, entry)

    def note(self, kind: str, entry: Entry) -> None:
        """Count what is worth saying, whoever wrote the library."""
        self._counts[kind] += 1
        self._examples.setdefault(kind, entry.title)

    def warnings(self) -> list[str]:
        """One sentence for each kind."""
        return [f"entries that {kind}: {n:,}, such as {self._examples[kind]}" for kind, n in self._counts.items()]


class Collected:
    """The compounds of a library, entry by entry.

    compounds : by id, in the order of the file. n_entries : that were read. n_merged : of compounds that were there.
    """

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.compounds: dict[str, Compound] = {}
        self.n_entries = 0
        self.n_merged = 0
        self._ids: dict[tuple[str, ...], str] = {}

    def add(self, entry: Entry) -> Compound | None:
        """The compound of an entry, new or known; None where the entry cannot be used, which its fault says."""
        self.n_entries += 1
        if self._is_hostile(entry):
            return None
        if not any(entry.text(name) for name in _NAMED):
            self.faults.add("name no compound (left out)", entry, "name", "a name or an id")
            return None
        new = _weighed(entry, self.faults)
        if new is None:
            return None
        if not (entry.text("compound_id") or new.inchikey):
            new.inchikey = inchikey_of(new.smiles)  # by which entries of one compound are known
        key = _key(new, entry)
        known = self._ids.get(key)
        if known is None:
            new.compound_id = self._free_id(new, entry)
            self._ids[key] = new.compound_id
            self.compounds[new.compound_id] = new
            return new
        compound = self.compounds[known]
        if entry.text("compound_id"):
            expected = f"each compound once; row {compound.row} has it too"
            self.faults.add("repeat an id (left out)", entry, "compound_id", expected)
            return None
        self.n_merged += 1
        for name in _TEXTS:
            setattr(compound, name, getattr(compound, name) or getattr(new, name))
        return compound

    def _is_hostile(self, entry: Entry) -> bool:
        """Whether a spreadsheet would compute a cell of an entry; it goes nowhere."""
        said = {**{name: entry.text(name) for name in entry.fields}, **entry.kept}
        bad = next((name for name, text in said.items() if is_formula(text)), None)
        if bad is not None:
            found = f"found {show_value(said[bad])}"
            self.faults.problems.add("formulas", entry.row, bad, found, "text or a number, no formula")
        return bad is not None

    def _free_id(self, compound: Compound, entry: Entry) -> str:
        wanted = entry.text("compound_id") or compound.inchikey or compound.name or f"compound {entry.row}"
        bare = wanted.replace(OPTION_SEPARATOR, ",")
        if bare != wanted and entry.text("compound_id"):
            self.faults.note(f"have '{OPTION_SEPARATOR}' in their id (became ',')", entry)
        numbered = (f"{bare} ({number})" for number in range(2, len(self.compounds) + 3))
        return bare if bare not in self.compounds else next(name for name in numbered if name not in self.compounds)


def _key(compound: Compound, entry: Entry) -> tuple[str, ...]:
    """Entries of equal key are of one compound."""
    if given := entry.text("compound_id"):
        return (given,)
    mass = monoisotopic_mass(compound.formula) if compound.formula else float(compound.exact_mass)
    return compound.inchikey or compound.name.casefold(), f"{mass:.{_MASS_DIGITS}f}", compound.charge


def _weighed(entry: Entry, faults: Faults) -> Compound | None:
    """An entry with its formula or mass and its charge; None with a fault where it has neither."""
    smiles = entry.text("smiles") or smiles_of_inchi(entry.text("inchi"))
    formula, mass_da = _formula(entry, faults), _number(entry, "exact_mass", faults)
    structure = read_structure(smiles)
    if not formula and math.isnan(mass_da) and structure is not None:
        formula = structure.formula
    if not formula and math.isnan(mass_da):
        mass_da = _mass_of_ion(entry, faults)
    if not formula and not mass_da > 0.0:  # NaN too
        column = next((name for name in ("formula", "exact_mass", "mz") if name in entry.fields), "")
        faults.add("have no formula, mass or structure that can be read (left out)", entry, column, _WEIGHABLE)
        return None
    charge = _charge(entry, formula, smiles, faults)
    formula_da = _formula_mass(formula, charge)
    if formula and mass_da > 0.0 and abs(ppm_error(mass_da, formula_da)) > MAX_MASS_DISAGREEMENT_PPM:
        # databases give ions the mass of all their electrons
        if abs(ppm_error(mass_da, formula_da + charge * ELECTRON_MASS_DA)) > MAX_MASS_DISAGREEMENT_PPM:
            kind = "have a mass that contradicts their formula (which counts)"
            faults.add(kind, entry, "exact_mass", f"about {formula_da:.5f} Da, the mass of {formula}")
    return Compound(
        row=entry.row,
        compound_id="",
        name=entry.text("name") or entry.text("compound_id"),
        formula=formula,
        exact_mass="" if formula else entry.text("exact_mass") or f"{mass_da:.6f}",
        charge=str(charge) if charge else "",
        inchikey=entry.text("inchikey").removeprefix("InChIKey="),
        smiles=smiles,
        **{name: _checked(entry, name, faults) for name in ("rt_pred_min", "rt_pred_sd_min")},
        known_in=entry.text("known_in"),
        kept=entry.kept,
    )


def _formula(entry: Entry, faults: Faults) -> str:
    text = entry.text("formula").replace(" ", "")
    try:
        if text:
            parse_formula(text)
    except InputError as error:
        kind = "have a formula that cannot be read (not used)"
        faults.add(kind, entry, "formula", f"a molecular formula; {error}")
        return ""
    return text


def _number(entry: Entry, name: str, faults: Faults) -> float:
    """A field as a number, NaN where it is empty or, with a fault, no finite number."""
    text = entry.text(name)
    try:
        value = float(text) if text else math.nan
    except ValueError:
        value = math.inf
    if math.isinf(value):
        faults.add(f"have no number as {name} (not used)", entry, name, "a number")
        return math.nan
    return value


def _checked(entry: Entry, name: str, faults: Faults) -> str:
    """The text of a number, "" where there is none."""
    return "" if math.isnan(_number(entry, name, faults)) else entry.text(name)


def _mass_of_ion(entry: Entry, faults: Faults) -> float:
    """Mass in Da of the compound that an ion shows; NaN without m/z or known adduct."""
    adduct = known_adduct(entry.text("adduct")) if entry.text("adduct") else None
    mz = _number(entry, "mz", faults)
    return math.nan if adduct is None else float(neutral_mass_da(mz, adduct))


def _charge(entry: Entry, formula: str, smiles: str, faults: Faults) -> int:
    """The charge that is given, else the formula's, else the structure's if the formula has just its atoms.

    A salt of an acid is often drawn as an ion beside the neutral formula: there the formula counts.
    """
    given = _number(entry, "charge", faults)
    if not math.isnan(given):
        return int(given)
    if formula and (charge := parse_formula(formula).charge):
        return charge
    if smiles:
        structure = read_structure(smiles) if "+" in smiles or "-" in smiles else None
        is_same = structure is not None and formula and _atoms(structure.formula) == _atoms(formula)
        return structure.charge if structure is not None and is_same else 0
    adduct = known_adduct(entry.text("adduct")) if entry.text("adduct") else None
    return adduct.charge if adduct is not None and adduct.is_own_ion else 0


def _atoms(formula: str) -> Mapping[str, int]:
    return parse_formula(formula).elements


def _formula_mass(formula: str, charge: int) -> float:
    """Mass in Da of a formula with a charge that it may not state."""
    if not formula:
        return math.nan
    stated = parse_formula(formula).charge
    return monoisotopic_mass(formula) - (charge * ELECTRON_MASS_DA if not stated else 0.0)
