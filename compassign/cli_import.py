"""What `compassign import` does and says."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from compassign.formats.importing import Imported, ImportOptions, import_table


def run_import(file: Path, target: Path, options: ImportOptions) -> str:
    """Import a table and say what was found in it; raises InputError with every problem."""
    found = import_table(file, target, options)
    return "\n".join([*_lines(found, target), *(f"warning: {message}" for message in found.warnings)])


def _lines(found: Imported, target: Path) -> list[str]:
    low, high = found.rt_range_min
    unit = {"min": "minutes", "s": "seconds, divided by 60"}[found.rt_unit]
    roles = Counter(sample.role for sample in found.samples)
    species = Counter(sample.species for sample in found.samples)
    samples = ", ".join(f"{count} {role}" for role, count in roles.items()) or "none"
    groups = ", ".join(f"{name} {count}" for name, count in species.items())
    rows = {
        "format": found.title,
        "peaks": f"{found.n_peaks:,}",
        "retention times": f"{low:.4g} to {high:.4g} min (in the file: {unit})",
        "injections": samples,
        **({"species": groups} if groups else {}),
        "columns kept": f"{len(found.kept)}",
    }
    width = max(map(len, rows))
    check = shlex.join(["compassign", "validate", str(target)])
    return [
        f"{target}: written",
        *(f"  {name:<{width}}  {text}" for name, text in rows.items()),
        f"Next: put the library there as compounds.csv, then {check}",
    ]
