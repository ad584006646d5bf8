"""What `compassign import` does and says."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from compassign.errors import InputError
from compassign.formats.importing import Imported, ImportOptions, import_table
from compassign.formats.library.importing import ImportedLibrary, import_library
from compassign.formats.library.registry import LIBRARY_NAMES, find_library
from compassign.formats.registry import FORMAT_NAMES


def run_import(file: Path, target: Path, options: ImportOptions, replace: bool) -> str:
    """Import a table of peaks or a library and say what was found; raises InputError with every problem.

    replace : the library of the folder may be replaced.
    """
    names = (*FORMAT_NAMES, *LIBRARY_NAMES)
    if options.format not in (None, *names):
        raise InputError(f"--format {options.format}: expected one of {', '.join(names)}")
    # a library has no samples: who names some has a table of peaks
    library = find_library(file, options.format) if options.samples is None else None
    if library is not None:
        if options.rt_unit or options.polarity or options.species:
            raise InputError(
                f"{file.name}: is {library.title}; --rt-unit, --polarity and --species are for tables of peaks. Name "
                "the column of retention times RT [s] where they are seconds, or say --format generic"
            )
        known = import_library(file, target, library, replace)
        return _told(_library_rows(known), known.warnings, target, "")
    if replace:
        raise InputError(f"{file.name}: --replace is for libraries, and this is none")
    found = import_table(file, target, options)
    return _told(_table_rows(found), found.warnings, target, "put the library there as compounds.csv, then ")


def _told(rows: Mapping[str, str], warnings: Sequence[str], target: Path, first: str) -> str:
    """What was written, and what to do next; first : before the check."""
    width = max(map(len, rows))
    lines = [f"{target}: written", *(f"  {name:<{width}}  {text}" for name, text in rows.items())]
    check = shlex.join(["compassign", "validate", str(target)])
    return "\n".join([*lines, f"Next: {first}{check}", *(f"warning: {message}" for message in warnings)])


def _library_rows(found: ImportedLibrary) -> dict[str, str]:
    merged = f", {found.n_merged:,} merged with another of the same compound" if found.n_merged else ""
    return {
        "format": found.title,
        "entries": f"{found.n_entries:,}{merged}",
        "compounds": f"{found.n_compounds:,}",
        "with structure": f"{found.n_with_structure:,}",
        "with retention time": f"{found.n_with_rt:,}",
        **({"spectra": f"{found.n_spectra:,}"} if found.n_spectra else {}),
        "columns kept": f"{len(found.kept)}",
    }


def _table_rows(found: Imported) -> dict[str, str]:
    low, high = found.rt_range_min
    unit = {"min": "minutes", "s": "seconds, divided by 60"}[found.rt_unit]
    roles = Counter(sample.role for sample in found.samples)
    species = Counter(sample.species for sample in found.samples)
    samples = ", ".join(f"{count} {role}" for role, count in roles.items()) or "none"
    groups = ", ".join(f"{name} {count}" for name, count in species.items())
    return {
        "format": found.title,
        "peaks": f"{found.n_peaks:,}",
        "retention times": f"{low:.4g} to {high:.4g} min (in the file: {unit})",
        "injections": samples,
        **({"species": groups} if groups else {}),
        "columns kept": f"{len(found.kept)}",
    }
