"""What people hand in: files or a zip of them, unpacked with distrust, and columns of other names mapped to ours."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

from compassign.data.convert import number_cells
from compassign.data.meta import META_FILE
from compassign.data.raw import show_value
from compassign.data.read import read_csv
from compassign.errors import InputError, Place, Problem
from compassign.tables import LIBRARY_SPECTRA, REQUIRED_TABLES, RULES, SPECTRA, SPECTRA_ENDINGS, TABLE_NAMES

ENDINGS = (".csv", ".parquet")
_SPECTRA_FILES = (f"{name}{ending}" for name in (SPECTRA, LIBRARY_SPECTRA) for ending in SPECTRA_ENDINGS)
KNOWN_FILES = frozenset(
    [META_FILE, *_SPECTRA_FILES, *(f"{table}{ending}" for table in TABLE_NAMES for ending in ENDINGS)]
)
MAX_ENTRIES = 1000  # of a zip; a dataset has eight files, and a study's folder some more that are left out
MAX_BYTES = 300_000_000  # of all files unpacked, which read take ten times that; 100,000 peaks are about 10 MB
MAX_RATIO = 200  # of unpacked to packed size; tables of measurements shrink to a quarter, a bomb to a thousandth
_RATIO_FROM_BYTES = 10_000_000  # small files may well be nearly empty
_SECONDS_PER_MIN = 60.0
_ENCRYPTED = 0x1  # flag of a zip's entry
_UNIT = re.compile(r"[(\[][^)\]]*[)\]]\s*$")  # at the end of a column's name
_SECONDS = re.compile(r"(?<![a-z])(s|sec|secs|second|seconds)(?![a-z])")

# How other programs call our columns, in lower case with blanks, dots and dashes as `_` and without units in brackets.
_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "peak_id": ("id", "peak", "feature", "feature_id", "row_id", "alignment_id", "name", "cluster"),
    "species": ("matrix", "organism", "group", "sample_type", "class", "tissue"),
    "injection": ("sample", "file", "filename", "raw_file", "run"),
    "polarity": ("ion_mode", "mode", "scan_polarity"),
    "mz": ("m/z", "row_m/z", "mzmed", "average_mz", "mass_to_charge", "precursor_mz", "mass"),
    "rt_min": ("rt", "retention_time", "row_retention_time", "rtmed", "average_rt", "rt_min", "rt_sec", "time"),
    "intensity": ("area", "height", "peak_area", "peak_height", "maxo", "into", "abundance", "average"),
    "compound_id": ("id", "compound", "hmdb_id", "kegg", "kegg_id", "accession", "database_id", "lm_id"),
    "name": ("compound_name", "metabolite", "metabolite_name", "compound", "common_name"),
    "formula": ("molecular_formula", "chemical_formula", "mf"),
    "exact_mass": (
        *("monoisotopic_mass", "monoisotopic_molecular_weight", "monisotopic_molecular_weight"),
        *("mono_mass", "mass", "neutral_mass"),
    ),
    "smiles": ("canonical_smiles", "isomeric_smiles"),
    "inchikey": ("inchi_key",),
    "rt_pred_min": ("predicted_rt", "rt_pred", "rt", "retention_time", "rt_min"),
}


@dataclass(frozen=True)
class ColumnMapping:
    """How the columns of a file become ours.

    columns : our name -> name in the file. constants : our name -> one text for all rows. seconds : our columns whose
    numbers are seconds in the file, to be divided by 60.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)
    seconds: frozenset[str] = frozenset()


def unpack(archive: BinaryIO, folder: Path) -> tuple[str, ...]:
    """Unpack a dataset's files from a zip into an existing folder; returns the names of those that were left out.

    Raises InputError for what is no zip, could reach out of the folder, or is larger than it may be; what it wrote
    until then stays for the caller to remove.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            refuse_hostile(entries, MAX_BYTES, "name a server path")
            wanted = _wanted(entries)
            for name, entry in wanted.items():
                # reads no more than the size that was stated and checked, and refuses what does not end there
                with opened.open(entry) as source, (folder / name).open("xb") as file:
                    shutil.copyfileobj(source, file)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise InputError(f"the file is not a zip that can be read ({error}); pack the folder again") from error
    except (OSError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the zip cannot be unpacked ({error}); pack the folder again") from error
    return tuple(entry.filename for entry in entries if entry not in wanted.values() and not _is_clutter(entry))


def refuse_hostile(entries: list[zipfile.ZipInfo], max_bytes: int, instead: str) -> None:
    """Raise InputError for entries that no honest zip of tables has.

    max_bytes : of all files unpacked. instead : what to do where they are more.
    """
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"the zip holds {len(entries):,} files, expected at most {MAX_ENTRIES:,}")
    problems = []
    for entry in entries:
        path, shown = PurePosixPath(entry.filename), show_value(entry.filename)
        if path.is_absolute() or ".." in path.parts or any(letter in entry.filename for letter in "\\:\0"):
            problems.append(f"the zip names a file {shown}, expected names inside its own folder")
        elif stat.S_ISLNK(entry.external_attr >> 16):
            problems.append(f"the zip holds a link {shown}, expected files only")
        elif entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            problems.append(f"the zip's file {shown} is packed in an unusual way, expected the usual one (deflate)")
        elif entry.flag_bits & _ENCRYPTED:
            problems.append(f"the zip's file {shown} has a password, expected none")
        elif entry.file_size > _RATIO_FROM_BYTES and entry.file_size > MAX_RATIO * entry.compress_size:
            problems.append(f"the zip's file {shown} would grow {MAX_RATIO} times and more, which no table does")
    if sum(entry.file_size for entry in entries) > max_bytes:
        problems.append(f"the zip's files are larger than {max_bytes // 1_000_000:,} MB together: {instead}")
    if problems:
        raise InputError(problems)


def _wanted(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """File name -> entry, of the files of a dataset, which must all be in one folder of the zip."""
    known = [entry for entry in entries if PurePosixPath(entry.filename).name in KNOWN_FILES and not _is_clutter(entry)]
    folders = sorted({str(PurePosixPath(entry.filename).parent) for entry in known})
    names = [PurePosixPath(entry.filename).name for entry in known]
    if not known:
        raise InputError("the zip holds no peaks.csv or other table of a dataset; how are the files called in it?")
    if len(folders) > 1 or len(set(names)) < len(names):
        raise InputError(f"the zip holds tables in {', '.join(map(show_value, folders))}, expected one dataset in it")
    return dict(zip(names, known, strict=True))


def _is_clutter(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry was put in by an operating system, not by a person."""
    path = PurePosixPath(entry.filename)
    return "__MACOSX" in path.parts or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}


def refuse_large_tables(folder: Path) -> None:
    """Raise InputError for Parquet files that would unfold to more than a dataset may be, before any is read."""
    for file in folder.glob("*.parquet"):
        try:
            about = pq.read_metadata(file)
        except (ArrowException, OSError):
            continue  # the loader says what is wrong with it
        cells = about.num_rows * about.num_columns
        if max(cells * 8, sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))) > MAX_BYTES:
            raise InputError(f"{file.name}: holds {about.num_rows:,} rows, more than fit; name a server path instead")


def missing_columns(file: Path) -> tuple[list[str], list[str]]:
    """The columns of a CSV file, and those of ours that it needs and lacks; both empty where its form is broken."""
    raw, findings = read_csv(file)
    if raw is None or findings.problems:
        return [], []
    columns = [str(name) for name in raw.frame.columns]
    missing = [rule.name for rule in RULES[file.stem] if rule.required and rule.name not in columns]
    if file.stem == "compounds" and not {"formula", "exact_mass"} & set(columns):
        missing += ["formula"]
    return columns, missing


def guess_columns(table: str, columns: list[str]) -> dict[str, str]:
    """Our columns of a table -> those of a file that probably mean them; each of the file's is used once."""
    spelled = {_spelled(name): name for name in reversed(columns)}
    guessed = {rule.name: rule.name for rule in RULES[table] if rule.name in columns}
    for rule in RULES[table]:
        for other in (rule.name, *_OTHER_NAMES.get(rule.name, ())):
            name = spelled.get(other)
            if name is not None and rule.name not in guessed and name not in guessed.values():
                guessed[rule.name] = name
    return guessed


def guess_table(file: str) -> str:
    """The table that a file of another name probably is."""
    words = {"library": "compounds", "compound": "compounds", "standard": "calibrants", "abundance": "abundances"}
    words |= {"calibrant": "calibrants", "truth": "truth", "label": "labels", "injection": "injections"}
    words |= {"retention": "retention"}
    name = file.lower()
    return next((table for word, table in words.items() if word in name), REQUIRED_TABLES[0])


def map_columns(file: Path, mapping: ColumnMapping) -> None:
    """Rewrite a CSV file with our column names; what has one of ours already but is not meant swaps names with it.

    Raises InputError if the file's form is broken, a column is used twice or is not there.
    """
    raw, findings = read_csv(file)
    if raw is None or findings.problems:
        raise InputError(findings.problems)
    _check_mapping(file.name, mapping, raw.frame)
    names = {source: ours for ours, source in mapping.columns.items()}
    # a column that loses its name takes that of the one that it lost it to
    swapped = {ours: source for ours, source in mapping.columns.items() if ours in raw.frame and ours not in names}
    frame = raw.frame.rename(columns={**swapped, **names})
    for name in mapping.seconds & set(frame.columns):
        values, _, unread = number_cells(frame[name])
        minutes = pd.Series(values / _SECONDS_PER_MIN, index=frame.index).map(repr)
        frame[name] = frame[name].where(unread | np.isnan(values), minutes)
    frame.assign(**mapping.constants).to_csv(file, index=False)


def _check_mapping(file: str, mapping: ColumnMapping, frame: pd.DataFrame) -> None:
    sources = list(mapping.columns.values())
    problems = [
        Problem.at(Place(file, 1, ours), f"no column {show_value(source)}")
        for ours, source in mapping.columns.items()
        if source not in frame
    ]
    problems += [
        Problem.at(Place(file, 1), f"the column {show_value(source)} is chosen {sources.count(source)} times", "once")
        for source in dict.fromkeys(sources)
        if sources.count(source) > 1
    ]
    if problems:
        raise InputError(problems)


def _spelled(name: str) -> str:
    """A column's name as the table of other names writes it."""
    bare = _UNIT.sub("", name).strip() or name
    return re.sub(r"[ .-]", "_", bare.strip().lower())


def is_in_seconds(column: str) -> bool:
    """Whether the name of a column says that it holds seconds, as `RT [sec]` does."""
    return bool(_SECONDS.search(column.lower()))
