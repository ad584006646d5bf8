"""mzTab-M 2.0: the small-molecule features as a peak table, with what the file says of assays and identifications.

Source: Hoffmann et al. 2019, Anal. Chem. 91, 3302, and the specification 2.0.0-M of HUPO-PSI. Retention times are in
seconds. The charge is used only beside an adduct, because the specification demands one where none is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from compassign.errors import InputError, Place, Problem
from compassign.formats.layout import Format, Head, Layout, Record, Sample, find_columns
from compassign.formats.mztab_m import LIST, NULL
from compassign.formats.text import text_records

OWN_COLUMN = "opt_global_probability_null"  # stands in the files that CompAssign writes
OWN_GROUP = "opt_global_isotope_group"  # likewise
_FEATURE, _FEATURE_HEADER = "SMF", "SFH"
_NAME, _SPECIES, _POLARITY = _ABOUT = ("assay", "study_variable", "scan_polarity")  # rows above the header
_ABUNDANCE = re.compile(r"abundance_(?P<assay>assay\[\d+\])")
_ISOTOPE = re.compile(r"\+(?P<index>\d+)")
_KEPT = ("database_identifier", "chemical_name", "reliability", "best_id_confidence_value")  # of the SML rows
_NO_GROUP = "undefined"  # study variable of a file without groups


@dataclass
class _Reading:
    """What has been met so far. about : metadata. identified : SMF_ID -> cells of `_KEPT` of its SML rows."""

    about: dict[str, str] = field(default_factory=dict)
    summary: list[str] = field(default_factory=list)
    identified: dict[str, list[list[str]]] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)

    def identify(self, cells: Sequence[str]) -> None:
        """Remember what an SML row says of its features."""
        row = dict(zip(self.summary, cells, strict=False))
        said = [row.get(name, "") for name in _KEPT]
        for feature in row.get("SMF_ID_REFS", "").split(LIST):
            self.identified.setdefault(feature, []).append(said)


def mztab_records(path: Path) -> Iterator[Record]:
    """What is said of each column, the header and one row for each feature, `null` as an empty cell.

    Raises InputError for a file without features, besides what `text_records` raises.
    """
    reading = _Reading()
    for row, written in text_records(path, "\t"):
        kind, *cells = ["" if cell.strip() == NULL else cell.strip() for cell in written]
        if kind == "MTD" and len(cells) > 1:
            reading.about[cells[0]] = cells[1]
        elif kind == "SMH":
            reading.summary = cells
        elif kind == "SML":
            reading.identify(cells)
        elif kind == _FEATURE_HEADER:
            reading.features = cells
            yield from ((row, above) for above in _above(reading))
            yield row, [kind, *cells, *(f"SML {name}" for name in _KEPT)]
        elif kind == _FEATURE:
            yield row, [kind, *_completed(reading, cells)]
    if not reading.features:
        expected = "the features of mzTab-M 2.0 (rows SFH and SMF)"
        raise InputError([Problem.at(Place(path.name), "found an mzTab file without features", expected)])


def _above(reading: _Reading) -> Iterator[list[str]]:
    """One row for each of `_ABOUT`: what the metadata say of the assay of each column."""
    about = reading.about
    assays = [match["assay"] if (match := _ABUNDANCE.fullmatch(name)) else "" for name in reading.features]
    groups = _groups(about)
    runs = [about.get(f"{assay}-ms_run_ref", "") for assay in assays]
    yield [_NAME, *(about.get(assay, assay) for assay in assays)]
    yield [_SPECIES, *(groups.get(assay, "") for assay in assays)]
    yield [_POLARITY, *(_polarity(about, run) for run in runs)]


def _groups(about: dict[str, str]) -> dict[str, str]:
    """Assay -> its first study variable."""
    groups: dict[str, str] = {}
    for key, refs in about.items():
        name = about.get(key.removesuffix("-assay_refs"), "")
        if key.endswith("-assay_refs") and name.lower() != _NO_GROUP:
            for assay in refs.split(LIST):
                groups.setdefault(assay.strip(), name)
    return groups


def _polarity(about: dict[str, str], run: str) -> str:
    """The polarity of a run, "" where it has none or both."""
    said = {
        sign
        for key, value in about.items()
        if run and key.startswith(f"{run}-scan_polarity")
        for sign in ("positive", "negative")
        if sign in value.lower()
    }
    return said.pop() if len(said) == 1 else ""


def _completed(reading: _Reading, cells: Sequence[str]) -> list[str]:
    """A feature's cells with those of its SML rows; several are parted as lists are."""
    row = dict(zip(reading.features, cells, strict=False))
    named = reading.identified.get(row.get("SMF_ID", ""), [])
    kept = [LIST.join(filter(None, values)) for values in zip(*named, strict=True)] or [""] * len(_KEPT)
    charge = reading.features.index("charge") if "charge" in reading.features else None
    plain = list(cells)
    if charge is not None and charge < len(plain) and not row.get("adduct_ion"):
        plain[charge] = ""
    return [*plain, *kept]


def _find_header(head: Head) -> int | None:
    return head.find(_FEATURE_HEADER, "SMF_ID", "exp_mass_to_charge") if head.container == "mztab" else None


def _lay_out(head: Head, header: int) -> Layout:
    names = head.names(header)
    own_answers = OWN_COLUMN in names  # are no evidence of another program
    columns = find_columns(
        names,
        peak_id=("opt_global_peak_id", "SMF_ID") if own_answers else "SMF_ID",
        mz="exp_mass_to_charge",
        rt_min="retention_time_in_seconds",
        **({} if own_answers else {"charge": "charge", "adduct": "adduct_ion"}),
        **({"species": "opt_global_species", "polarity": "opt_global_polarity"} if own_answers else {}),
        **({"isotope_group": OWN_GROUP} if own_answers else {}),
    )
    above = {cells[0]: cells for _, cells in head.rows[:header]}
    isotope = names.index("isotopomer") if "isotopomer" in names else None
    samples = tuple(
        Sample(at, above[_NAME][at], species=above[_SPECIES][at], polarity=above[_POLARITY][at])
        for at, name in enumerate(names)
        if _ABUNDANCE.fullmatch(name)
    )
    derived = {} if isotope is None else {"isotope_index": lambda cells: _isotope_index(cells[isotope])}
    return Layout(header, names, columns, samples, "s", derived, frozenset({0}), _FEATURE)


def _isotope_index(cell: str) -> str:
    """Number of an isotopomer's additional neutrons, such as 1 of `[MS, MS:1002957, isotopomer MS peak, +1]`."""
    match = _ISOTOPE.search(cell)
    return match["index"] if match else ""


MZTAB = Format("mztab", "mzTab-M", _find_header, _lay_out)
