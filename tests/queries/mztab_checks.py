"""The rules of the mzTab-M 2.0.0 specification that can be checked without its vocabularies."""

from __future__ import annotations

import re

_COMPOUND = ["database_identifier", "chemical_formula", "smiles", "inchi", "chemical_name", "uri"]
_COLUMNS = {
    "SML": [
        *("SML_ID", "SMF_ID_REFS", *_COMPOUND, "theoretical_neutral_mass", "adduct_ions", "reliability"),
        *("best_id_confidence_measure", "best_id_confidence_value", "abundance_assay[n]"),
        *("abundance_study_variable[n]", "abundance_variation_study_variable[n]"),
    ],
    "SMF": [
        *("SMF_ID", "SME_ID_REFS", "SME_ID_REF_ambiguity_code", "adduct_ion", "isotopomer", "exp_mass_to_charge"),
        *("charge", "retention_time_in_seconds", "retention_time_in_seconds_start", "retention_time_in_seconds_end"),
        "abundance_assay[n]",
    ],
    "SME": [
        *("SME_ID", "evidence_input_id", *_COMPOUND, "derivatized_form", "adduct_ion", "exp_mass_to_charge", "charge"),
        *("theoretical_mass_to_charge", "spectra_ref", "identification_method", "ms_level"),
        *("id_confidence_measure[n]", "rank"),
    ],
}
_HEADERS = {"SMH": "SML", "SFH": "SMF", "SEH": "SME"}
_NOT_NULL = {
    "SML": {"SML_ID", "SMF_ID_REFS"},
    "SMF": {"SMF_ID", "exp_mass_to_charge", "charge"},
    "SME": {
        *("SME_ID", "evidence_input_id", "exp_mass_to_charge", "charge", "theoretical_mass_to_charge"),
        *("spectra_ref", "identification_method", "ms_level", "rank"),
    },
}
_METADATA = [
    *("mzTab-version", "mzTab-ID", "quantification_method", "software[1]", "ms_run[1]-location"),
    *("ms_run[1]-scan_polarity[1]", "assay[1]", "assay[1]-ms_run_ref", "study_variable[1]"),
    *("study_variable[1]-assay_refs", "study_variable[1]-description", "cv[1]-label", "cv[1]-full_name"),
    *("cv[1]-version", "cv[1]-uri", "database[1]", "database[1]-prefix", "database[1]-version", "database[1]-uri"),
    *("small_molecule-quantification_unit", "small_molecule_feature-quantification_unit"),
    *("small_molecule-identification_reliability", "id_confidence_measure[1]"),
]
_PARAMETERS = {"best_id_confidence_measure", "identification_method", "ms_level"}
_PARAMETER = re.compile(r"\[[^,\[\]]*, [^,\[\]]*, [^,\[\]]+, [^,\[\]]*\]")
_ADDUCT = re.compile(r"\[\d*M([+-]\w+)*\]\d*[+-]")

Rows = dict[str, list[dict[str, str]]]


def read(text: str) -> tuple[dict[str, str], Rows, list[str]]:
    """Metadata, rows by section, and what is wrong with the lines."""
    metadata: dict[str, str] = {}
    rows: Rows = {name: [] for name in _COLUMNS}
    columns: dict[str, list[str]] = {}
    problems, order = [], []
    for line in text.split("\n"):
        first, *cells = line.split("\t")
        if first in {"", "COM"}:
            continue
        order.append(_HEADERS.get(first, first))
        if "" in cells:
            problems.append(f"empty cell: {line}")
        if first == "MTD":
            metadata[cells[0]] = cells[1]
        elif first in _HEADERS:
            columns[_HEADERS[first]] = cells
        elif len(cells) == len(columns[first]):
            rows[first].append(dict(zip(columns[first], cells, strict=True)))
        else:
            problems.append(f"{len(cells)} cells: {line}")
    sections = ["MTD", "SML", "SMF", "SME"]
    problems += [] if order == sorted(order, key=sections.index) else ["sections in another order"]
    for name, found in columns.items():
        kinds = dict.fromkeys(re.sub(r"\[\d+\]", "[n]", column) for column in found)
        plain = [kind for kind in kinds if not kind.startswith("opt_")]
        problems += [] if plain == _COLUMNS[name] else [f"{name} has the columns {plain}"]
        problems += [f"{name}: {column}" for column in found if not re.fullmatch(r"[A-Za-z0-9_\[\]:-]+", column)]
    return metadata, rows, problems


def problems_of(text: str) -> list[str]:
    """Everything that breaks a rule, one message each."""
    metadata, rows, problems = read(text)
    problems += [f"no {key}" for key in _METADATA if key not in metadata]
    problems += _lists(metadata)
    for name, table in rows.items():
        ids = [row[f"{name}_ID"] for row in table]
        problems += [] if len(set(ids)) == len(ids) else [f"{name}_ID twice"]
        for row in table:
            problems += [f"{name}: {key} is null" for key in _NOT_NULL[name] if row[key] == "null"]
            problems += [f"{name}: {key} {row[key]}" for key in _PARAMETERS & row.keys() if not _is_parameter(row[key])]
            ions = row.get("adduct_ion", row.get("adduct_ions", "null"))
            problems += [f"{name}: {ion}" for ion in ions.split("|") if ion != "null" and not _ADDUCT.fullmatch(ion)]
    return problems + _references(metadata, rows)


def _is_parameter(cell: str) -> bool:
    return cell == "null" or _PARAMETER.fullmatch(cell) is not None


def _lists(metadata: dict[str, str]) -> list[str]:
    """Every run has a polarity, every assay a run; indices go from 1 without a gap."""
    problems = []
    for name, needs in (("ms_run", "-scan_polarity[1]"), ("assay", "-ms_run_ref"), ("study_variable", "-assay_refs")):
        found = {int(match[1]) for key in metadata if (match := re.match(rf"{name}\[(\d+)\]", key))}
        problems += [] if found == set(range(1, len(found) + 1)) else [f"{name} has a gap"]
        problems += [f"{name}[{at}] lacks {needs}" for at in found if f"{name}[{at}]{needs}" not in metadata]
    refs = [ref for key, value in metadata.items() if key.endswith(("_ref", "_refs")) for ref in value.split("|")]
    known = {key.partition("-")[0] for key in metadata}
    return problems + [f"{ref} is not there" for ref in refs if ref not in known]


def _references(metadata: dict[str, str], rows: Rows) -> list[str]:
    """Every reference leads somewhere, every feature is summarised once, several evidences have their code."""
    features, evidence = {row["SMF_ID"] for row in rows["SMF"]}, {row["SME_ID"] for row in rows["SME"]}
    summarised = [ref for row in rows["SML"] for ref in row["SMF_ID_REFS"].split("|")]
    problems = [] if sorted(summarised) == sorted(features) else ["not every feature is summarised once"]
    used: list[str] = []
    for row in rows["SMF"]:
        refs = [] if row["SME_ID_REFS"] == "null" else row["SME_ID_REFS"].split("|")
        used += refs
        fits = row["SME_ID_REF_ambiguity_code"] in ({"1", "2", "3"} if len(refs) > 1 else {"null"})
        problems += [] if fits else [f"SMF {row['SMF_ID']}: ambiguity code"]
    problems += [] if sorted(used) == sorted(evidence) else ["not every evidence belongs to one feature"]
    prefix = metadata.get("database[1]-prefix", "")
    for row in rows["SME"]:
        problems += [] if f"{row['spectra_ref']}-location" in metadata else [f"no run {row['spectra_ref']}"]
        problems += [] if row["database_identifier"].startswith(f"{prefix}:") else ["identifier without prefix"]
    return problems
