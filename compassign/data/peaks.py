"""What the peak table leaves open: injection, polarity, adduct; and where its columns contradict each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from compassign.chemistry.adducts import get_adduct
from compassign.data.raw import Findings, RawTable, cell_messages
from compassign.errors import InputError
from compassign.tables import contract_columns
from compassign.units import BoolArray, IntArray

_SIGN: Mapping[str, int] = {"positive": 1, "negative": -1}


def complete_peaks(raw: RawTable, frame: pd.DataFrame, default_polarity: str) -> tuple[pd.DataFrame, Findings]:
    """The peak table with every contract column filled in, in contract order, foreign columns behind.

    default_polarity : of dataset.toml, "" = none.
    """
    n_peaks = len(frame)
    unknown = pd.Series(pd.array([pd.NA] * n_peaks, dtype="Int64"), index=frame.index)
    charge = frame["charge"] if "charge" in frame else unknown
    isotope_index = frame["isotope_index"] if "isotope_index" in frame else unknown
    adduct_charge, findings = _adduct_charges(raw, frame["adduct"])
    charge_sign = np.sign(charge.fillna(0).to_numpy(dtype=np.int64))
    findings += _contradictions(raw, frame["polarity"], default_polarity, charge, adduct_charge)
    polarity, assumed = _polarity(frame["polarity"], default_polarity, charge_sign, np.sign(adduct_charge))
    if assumed.any():
        message = (
            f"{raw.file}: the polarity of {int(assumed.sum()):,} of {n_peaks:,} peaks is not given, taken as positive; "
            'add a column polarity, or polarity = "..." to dataset.toml'
        )
        findings += Findings(warnings=(message,))
    injection = frame["injection"]
    filled = frame.assign(
        injection=injection.where(injection != "", frame["species"]),
        polarity=polarity,
        charge=charge,
        isotope_index=isotope_index.fillna(0).astype(np.int64),
    )
    first = contract_columns("peaks")
    return filled[[*first, *(name for name in frame.columns if name not in first)]], findings


def _adduct_charges(raw: RawTable, adduct: pd.Series) -> tuple[IntArray, Findings]:
    """Signed charge of each peak's adduct, 0 where it has none or an unknown one; the unknown ones are problems."""
    charges = {"": 0}
    reasons: dict[str, str] = {}
    for name in adduct.unique().tolist():
        if not name:
            continue
        try:
            charges[name] = get_adduct(name).charge
        except InputError as error:
            reasons[name] = f"an adduct; {error}"
    cells = adduct.tolist()
    unknown = np.array([cell in reasons for cell in cells], dtype=bool)
    messages = cell_messages(raw, "adduct", unknown, lambda position: reasons[cells[position]])
    return np.array([charges.get(cell, 0) for cell in cells], dtype=np.int64), Findings(messages)


def _polarity(
    column: pd.Series, default_polarity: str, charge_sign: IntArray, adduct_sign: IntArray
) -> tuple[pd.Series, BoolArray]:
    """Polarity by the contract's order of sources, and which peaks had none of them; each (n_peaks,)."""
    written = column.where(column != "", default_polarity).to_numpy(dtype=object)
    sign = np.where(charge_sign != 0, charge_sign, adduct_sign)
    from_sign = np.where(sign < 0, "negative", "positive").astype(object)
    polarity = np.where(written != "", written, from_sign)
    assumed = np.asarray((written == "") & (sign == 0), dtype=bool)
    return pd.Series(polarity, index=column.index, dtype="str"), assumed


def _contradictions(
    raw: RawTable, column: pd.Series, default_polarity: str, charge: pd.Series, adduct_charge: IntArray
) -> Findings:
    """Peaks whose charge, adduct and polarity cannot all be right."""
    cells = column.where(column != "", default_polarity).tolist()
    polarity_sign = np.array([_SIGN.get(cell, 0) for cell in cells], dtype=np.int64)
    z = charge.fillna(0).to_numpy(dtype=np.int64)
    source = {True: "the polarity column", False: "dataset.toml"}
    given = (column != "").tolist()

    def says(position: int) -> str:
        return f"{cells[position]} in {source[given[position]]}"

    wrong_charge = z * polarity_sign < 0
    wrong_adduct = adduct_charge * polarity_sign < 0
    wrong_pair = (z != 0) & (adduct_charge != 0) & (z != adduct_charge)
    return Findings(
        cell_messages(raw, "charge", wrong_charge, lambda i: f"the sign of the polarity ({says(i)})")
        + cell_messages(raw, "adduct", wrong_adduct, lambda i: f"an adduct of the polarity ({says(i)})")
        + cell_messages(raw, "charge", wrong_pair, lambda i: f"the adduct's charge, {adduct_charge[i]:+d}")
    )
