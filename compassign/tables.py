"""The contract's tables as pandera schemas: which columns there are, of which kind, and in which range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa

Kind = Literal["text", "number", "integer"]

TABLE_NAMES = ("peaks", "compounds", "calibrants", "retention", "injections", "abundances", "labels", "truth")
REQUIRED_TABLES = ("peaks", "compounds")
UNIQUE_IDS: Mapping[str, str] = {
    "peaks": "peak_id",
    "compounds": "compound_id",
    "injections": "injection",
    "abundances": "peak_id",
    "truth": "peak_id",
}
POLARITIES = ("positive", "negative")
ROLES = ("sample", "pool", "blank")
AUDIT = "audit"  # labels of a random sample, which no fit trains on
FREE = "free"  # also the purpose of a label that states none
PURPOSES = ("active", AUDIT, FREE)
SKIPPED = "yes"
SPECTRA, LIBRARY_SPECTRA = "spectra", "library_spectra"  # names, without ending, of files with fragment spectra
SPECTRA_ENDINGS = (".mgf", ".msp", ".mzML")  # the last is of measured ones alone
MAX_MZ = 20_000.0  # no ion of a small molecule or a peptide is heavier; a decimal point that was lost makes one
OPTION_SEPARATOR = ";"  # between the compounds of a label and between the species of known_in


@dataclass(frozen=True)
class ColumnRule:
    """What one column must hold.

    kind : `text` is str ("" = empty), `number` float64 (NaN = empty), `integer` Int64 (<NA> = empty).
    expected : the rule in the words of an error message.
    check : the range of filled cells, None = anything. required : the table must have it. may_be_empty : cells may.
    """

    name: str
    kind: Kind
    expected: str
    check: pa.Check | None = None
    required: bool = True
    may_be_empty: bool = False

    def to_pandera(self) -> pa.Column:
        """The same rule as a pandera column; emptiness is checked before, on the text of the file."""
        dtypes: Mapping[Kind, object] = {"text": str, "number": float, "integer": pd.Int64Dtype()}
        return pa.Column(
            dtypes[self.kind], self.check, nullable=True, required=self.required, description=self.expected
        )


def _identifier(name: str, required: bool = True, may_be_empty: bool = False) -> ColumnRule:
    expected = "any text" if may_be_empty else "a non-empty text"
    check = None if may_be_empty else pa.Check.str_length(min_value=1, error=expected)
    return ColumnRule(name, "text", expected, check, required, may_be_empty)


def _optional_text(name: str) -> ColumnRule:
    return _identifier(name, required=False, may_be_empty=True)


def _choice(name: str, options: tuple[str, ...], required: bool) -> ColumnRule:
    expected = " or ".join(f"`{option}`" for option in options)
    allowed = options if required else (*options, "")
    return ColumnRule(name, "text", expected, pa.Check.isin(allowed, error=expected), required, not required)


def _above_zero(name: str, required: bool, unit: str = "", below: float = np.inf) -> ColumnRule:
    end = "" if np.isinf(below) else f" and below {below:,.0f}"
    expected = f"a finite number above 0{end}{unit}, with a decimal point"
    check = pa.Check.in_range(0.0, below, include_min=False, include_max=False, error=expected)
    return ColumnRule(name, "number", expected, check, required, not required)


def _zero_or_more(name: str, unit: str = "") -> ColumnRule:
    expected = f"a finite number, 0 or more{unit}, with a decimal point"
    check = pa.Check.in_range(0.0, np.inf, include_max=False, error=expected)
    return ColumnRule(name, "number", expected, check)


def _optional_finite(name: str, unit: str) -> ColumnRule:
    expected = f"a finite number{unit}, with a decimal point"
    check = pa.Check.in_range(-np.inf, np.inf, include_min=False, include_max=False, error=expected)
    return ColumnRule(name, "number", expected, check, required=False, may_be_empty=True)


def _integer(name: str, expected: str, check: pa.Check | None = None, required: bool = False) -> ColumnRule:
    return ColumnRule(name, "integer", expected, check, required, may_be_empty=not required)


_NONZERO = "a signed whole number other than 0 (empty = unknown)"
_ISOTOPE = "a whole number, 0 (monoisotopic) or more"
_COMPOUND_ID = f"a non-empty text without '{OPTION_SEPARATOR}', which separates compounds in labels"
_PROBABILITY = "a number above 0, at most 1, with a decimal point"
_IS_PROBABILITY = pa.Check.in_range(0.0, 1.0, include_min=False, error=_PROBABILITY)

RULES: Mapping[str, tuple[ColumnRule, ...]] = {
    "peaks": (
        _identifier("peak_id"),
        _identifier("species"),
        _identifier("injection", required=False, may_be_empty=True),
        _choice("polarity", POLARITIES, required=False),
        _above_zero("mz", required=True, below=MAX_MZ),
        _zero_or_more("rt_min", " (minutes)"),
        _zero_or_more("intensity"),
        _integer("charge", _NONZERO, pa.Check.ne(0, error=_NONZERO)),
        _optional_text("adduct"),
        _optional_text("isotope_group"),
        _integer("isotope_index", _ISOTOPE, pa.Check.ge(0, error=_ISOTOPE)),
        _optional_text("ms2_id"),
    ),
    "compounds": (
        ColumnRule("compound_id", "text", _COMPOUND_ID, pa.Check.str_matches(r"^[^;]+\Z", error=_COMPOUND_ID)),
        _identifier("name", may_be_empty=True),
        _optional_text("formula"),
        _optional_text("inchikey"),
        _optional_text("smiles"),
        _optional_text("known_in"),
        _above_zero("exact_mass", required=False, unit=" (Da)"),
        _integer("charge", "a signed whole number"),
        _optional_finite("rt_pred_min", " (minutes)"),
        _above_zero("rt_pred_sd_min", required=False, unit=" (minutes)"),
    ),
    "calibrants": (
        _identifier("species"),
        _identifier("injection", required=False, may_be_empty=True),
        _identifier("compound_id"),
        _zero_or_more("rt_min", " (minutes)"),
    ),
    "retention": (
        _identifier("system"),
        _identifier("compound_id"),
        _zero_or_more("rt_min", " (minutes)"),
    ),
    "injections": (
        _identifier("injection"),
        _identifier("species"),
        _choice("polarity", POLARITIES, required=True),
        _integer("order", "a whole number, the position in the run order", required=True),
        _choice("role", ROLES, required=True),
    ),
    "abundances": (_identifier("peak_id"),),
    "labels": (
        _identifier("peak_id"),
        _identifier("compound_id", may_be_empty=True),
        _optional_text("annotator"),
        _optional_text("confidence"),
        _choice("purpose", PURPOSES, required=False),
        ColumnRule("inclusion_prob", "number", _PROBABILITY, _IS_PROBABILITY, required=False, may_be_empty=True),
        _choice("skipped", (SKIPPED,), required=False),
    ),
    "truth": (_identifier("peak_id"), _identifier("compound_id", may_be_empty=True)),
}

SCHEMAS: Mapping[str, pa.DataFrameSchema] = {
    table: pa.DataFrameSchema({rule.name: rule.to_pandera() for rule in rules}, name=table)
    for table, rules in RULES.items()
}


def contract_columns(table: str) -> tuple[str, ...]:
    """Names of the columns that the contract gives to a table, in its order."""
    return tuple(rule.name for rule in RULES[table])


def empty_table(table: str) -> pd.DataFrame:
    """A table without rows that has every contract column in its kind's dtype."""
    dtypes: Mapping[Kind, str] = {"text": "str", "number": "float64", "integer": "Int64"}
    return pd.DataFrame({rule.name: pd.Series([], dtype=dtypes[rule.kind]) for rule in RULES[table]})
