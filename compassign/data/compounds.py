"""What the library leaves open: masses and charges; and where formula, mass and charge contradict each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.chemistry.formulas import monoisotopic_mass, parse_formula
from compassign.data.convert import number_cells, numeric_where_possible
from compassign.data.raw import Findings, RawTable, cell_messages, list_some
from compassign.errors import InputError, Place, Problem
from compassign.tables import OPTION_SEPARATOR, contract_columns
from compassign.units import ELECTRON_MASS_DA, FloatArray, IntArray, ppm_error

MAX_MASS_DISAGREEMENT_PPM = 5.0  # DESIGN: more than rounding and other atomic-mass tables explain


@dataclass(frozen=True)
class _Written:
    """What the formulas say: mass_da (n,) as written, NaN without a readable formula; charge (n,) signed."""

    mass_da: FloatArray
    charge: IntArray


def complete_compounds(raw: RawTable, frame: pd.DataFrame) -> tuple[pd.DataFrame, Findings]:
    """The library with every contract column filled in, in its order, then the foreign ones, numbers as float64."""
    n_compounds = len(frame)
    nothing = pd.Series(np.full(n_compounds, np.nan), index=frame.index)
    numbers = {name: frame.get(name, nothing) for name in ("exact_mass", "rt_pred_min", "rt_pred_sd_min")}
    written, findings = _read_formulas(raw, frame["formula"])
    charge, charge_findings = _charges(raw, frame, written, frame["formula"])
    # the charge may stand in its own column only: then the formula's mass still has all electrons
    mass_da = written.mass_da - np.where(written.charge == 0, charge, 0) * ELECTRON_MASS_DA
    given_da = numbers["exact_mass"].to_numpy(dtype=np.float64)
    findings += charge_findings + _mass_problems(
        raw, given_da, mass_da, np.where(written.charge == 0, charge, written.charge), frame["formula"]
    )
    filled = frame.assign(
        name=frame["name"].where(frame["name"] != "", frame["compound_id"]),
        exact_mass=np.where(np.isnan(given_da), mass_da, given_da),
        rt_pred_min=numbers["rt_pred_min"],
        rt_pred_sd_min=numbers["rt_pred_sd_min"],
        charge=charge,
    )
    first = contract_columns("compounds")
    foreign = [name for name in frame.columns if name not in first]
    described, infinite = numeric_where_possible(filled[[*first, *foreign]], foreign)
    if infinite:
        message = f"{raw.file}: infinite values are taken as missing in the columns {list_some(infinite)}"
        findings += Findings(warnings=(message,))
    return described, findings


def _read_formulas(raw: RawTable, formula: pd.Series) -> tuple[_Written, Findings]:
    masses: dict[str, float] = {"": np.nan}
    charges: dict[str, int] = {"": 0}
    reasons: dict[str, str] = {}
    for text in formula.unique().tolist():
        if not text:
            continue
        try:
            masses[text] = monoisotopic_mass(text)
            # most formulas have no sign: reading them once more would double the time
            charges[text] = parse_formula(text).charge if "+" in text or "-" in text else 0
        except InputError as error:
            reasons[text] = f"a molecular formula; {error}"
    cells = formula.tolist()
    unreadable = np.array([cell in reasons for cell in cells], dtype=bool)
    messages = cell_messages(raw, "formula", unreadable, lambda position: reasons[cells[position]])
    written = _Written(
        np.array([masses.get(cell, np.nan) for cell in cells], dtype=np.float64),
        np.array([charges.get(cell, 0) for cell in cells], dtype=np.int64),
    )
    return written, Findings(messages)


def _charges(raw: RawTable, frame: pd.DataFrame, written: _Written, formula: pd.Series) -> tuple[IntArray, Findings]:
    """Charge by column, else by formula, else 0; a signed formula and a column that differ are a problem."""
    if "charge" not in frame:
        return written.charge, Findings()
    given = frame["charge"].notna().to_numpy(dtype=bool)
    column = frame["charge"].fillna(0).to_numpy(dtype=np.int64)
    differ = given & (written.charge != 0) & (written.charge != column)
    cells = formula.tolist()
    messages = cell_messages(
        raw, "charge", differ, lambda i: f"{written.charge[i]:+d}, the charge of the formula {cells[i]}"
    )
    return np.where(given, column, written.charge), Findings(messages)


def _mass_problems(
    raw: RawTable, given_da: FloatArray, formula_da: FloatArray, charge: IntArray, formula: pd.Series
) -> Findings:
    """Rows without any mass, and masses that contradict the formula."""
    if "formula" not in raw.frame and "exact_mass" not in raw.frame:
        missing = "the columns formula and exact_mass are both missing"
        return Findings((Problem.at(Place(raw.file, 1), missing, "one of them"),))
    cells = formula.tolist()
    nothing = np.array([not cell for cell in cells], dtype=bool)
    if "exact_mass" in raw.frame:
        _, is_blank, _ = number_cells(raw.frame["exact_mass"])
        nothing &= is_blank  # a mass that was written but is no mass has its own message
    with np.errstate(invalid="ignore"):
        off_ppm = ppm_error(given_da, formula_da)
        wrong = np.abs(off_ppm) > MAX_MASS_DISAGREEMENT_PPM

    def expected(i: int) -> str:
        ion = f" with charge {charge[i]:+d} (electrons removed or added)" if charge[i] else ""
        limit = f"within {MAX_MASS_DISAGREEMENT_PPM:g} ppm of {formula_da[i]:.6f} Da"
        return f"{limit}, the monoisotopic mass of {cells[i]}{ion}; it is off by {off_ppm[i]:+.1f} ppm"

    either = "a formula or an exact_mass; this row has neither"
    return Findings(
        cell_messages(raw, "formula", nothing, either, found=cells) + cell_messages(raw, "exact_mass", wrong, expected)
    )


def known_in_warnings(raw: RawTable, known_in: pd.Series, species: frozenset[str]) -> Findings:
    """A warning that lists the species of known_in that no peak has."""
    named = {part.strip() for cell in known_in.unique().tolist() for part in cell.split(OPTION_SEPARATOR)}
    unknown = sorted(named - species - {""})
    if not unknown:
        return Findings()
    message = f"{raw.file}, column known_in: no peak has the species {list_some(unknown)}; it has no effect there"
    return Findings(warnings=(message,))
