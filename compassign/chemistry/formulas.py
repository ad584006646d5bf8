"""Molecular formulas: what they contain, and the exact monoisotopic mass of the species that they write down."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from molmass import ELEMENTS

from compassign.errors import InputError
from compassign.units import ELECTRON_MASS_DA, FloatArray

_DEUTERIUM = "D"
_CHARGE = re.compile(r"([+-])([1-9]\d*)?$")
_TOKEN = re.compile(r"(?P<atom>[A-Z][a-z]?|\[[1-9]\d*[A-Z][a-z]?\])(?P<count>\d*)|(?P<open>\()|\)(?P<repeat>\d*)")


def _masses_from_table() -> dict[str, float]:
    """Mass in Da of every element's most abundant isotope (`C`) and of every single isotope (`[13C]`)."""
    masses: dict[str, float] = {}
    for element in ELEMENTS:
        isotopes = element.isotopes
        masses[element.symbol] = max(isotopes.values(), key=lambda isotope: isotope.abundance).mass
        masses |= {f"[{number}{element.symbol}]": isotope.mass for number, isotope in isotopes.items()}
    return masses


# molmass has the newest atomic masses of the usual packages: pyteomics and RDKit agree to 1e-6 Da for C, H, N, O, P, S,
# F, Cl, Br, B, Si, Se, Na and K, to 2e-6 Da for I and As, and to 2e-5 Da for metals, where their tables are older.
_MASS_DA = _masses_from_table()


@dataclass(frozen=True)
class ParsedFormula:
    """A formula taken apart.

    elements : number of atoms by element (`C`) or isotope (`[13C]`), each at least 1. charge : signed, 0 = neutral.
    """

    elements: Mapping[str, int]
    charge: int


def parse_formula(formula: str) -> ParsedFormula:
    """Take a formula apart into atoms and charge.

    formula : element symbols with counts, brackets `(CH2)3`, natural isotopes `[13C]2` (`D` is `[2H]`),
        then the charge as `+`, `-`, `+2` or `-2`. Digits before the sign count atoms: `C6H14NO2+` has two O, charge 1,
        so a charge is never written `2+`. Case matters; hydrates and salts (`.`) are not one species.

    Raises InputError that names the formula and the first place that cannot be read.
    """
    text = formula.strip()
    found = _CHARGE.search(text)
    charge = int(found[1] + (found[2] or "1")) if found else 0
    body = text[: found.start()] if found else text
    if not body:
        raise _unreadable(formula, "it has no atoms")
    return ParsedFormula(MappingProxyType(_count_atoms(body, formula)), charge)


def monoisotopic_mass(formula: str) -> float:
    """Monoisotopic mass in Da of the species as written, with the electrons of its charge removed or added.

    "Monoisotopic" means each element's most abundant isotope, unless the formula names another.
    Raises InputError as `parse_formula` does. Source of atomic masses: the table of molmass (AME 2016, NIST).
    """
    parsed = parse_formula(formula)
    atoms_da = sum(_MASS_DA[atom] * count for atom, count in parsed.elements.items())
    return atoms_da - parsed.charge * ELECTRON_MASS_DA


def monoisotopic_masses(formulas: Sequence[str]) -> FloatArray:
    """Monoisotopic masses in Da of many formulas, each distinct one computed once.

    Returns (n_formulas,). Raises one InputError that lists every distinct formula that cannot be read.
    """
    mass_da: dict[str, float] = {}
    problems: list[str] = []
    for formula in dict.fromkeys(formulas):
        try:
            mass_da[formula] = monoisotopic_mass(formula)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(problems)
    return np.fromiter((mass_da[formula] for formula in formulas), dtype=np.float64, count=len(formulas))


def _count_atoms(body: str, formula: str) -> dict[str, int]:
    """Atoms of a formula without its charge; one level of the stack for every open bracket."""
    levels: list[dict[str, int]] = [{}]
    position = 0
    while position < len(body):
        token = _TOKEN.match(body, position)
        if token is None:
            raise _unreadable(formula, f"{body[position]!r} at character {position + 1} is not expected there")
        if token["open"]:
            levels.append({})
        elif token["atom"]:
            _add(levels[-1], _known_atom(token["atom"], formula), _number(token["count"], formula))
        else:
            _close_bracket(levels, _number(token["repeat"], formula), formula)
        position = token.end()
    if len(levels) > 1:
        raise _unreadable(formula, "a bracket is opened and never closed")
    return levels[0]


def _close_bracket(levels: list[dict[str, int]], repeat: int, formula: str) -> None:
    """Move the atoms of the innermost open bracket, `repeat` times, one level out."""
    group = levels.pop()
    if not levels:
        raise _unreadable(formula, "a bracket is closed and was never opened")
    if not group:
        raise _unreadable(formula, "a bracket has no atoms")
    for atom, count in group.items():
        _add(levels[-1], atom, count * repeat)


def _add(counts: dict[str, int], atom: str, count: int) -> None:
    """Count further atoms of a kind."""
    counts[atom] = counts.get(atom, 0) + count


def _known_atom(symbol: str, formula: str) -> str:
    """The name under which the mass table has an element or isotope."""
    atom = "[2H]" if symbol == _DEUTERIUM else symbol
    if atom not in _MASS_DA:
        raise _unreadable(formula, f"{symbol!r} is not a known element or isotope")
    return atom


def _number(digits: str, formula: str) -> int:
    """A written count, 1 where nothing is written."""
    count = int(digits or "1")
    if count == 0:
        raise _unreadable(formula, "a count is 0")
    return count


def _unreadable(formula: str, reason: str) -> InputError:
    """The error for a formula that cannot be read."""
    expected = "expected element symbols with counts, then the charge as +, -, +2 or -2, such as C6H12O6 or C5H14NO+"
    return InputError(f"formula {formula!r}: {reason}; {expected}")
