"""What `compassign export` does and says."""

from __future__ import annotations

from pathlib import Path

from compassign.errors import InputError
from compassign.files import written_whole
from compassign.queries.exchange import FORMATS
from compassign.queries.export import warning
from compassign.queries.run_folder import load_run
from compassign.runs import find_run


def export_run(output: Path, name: str, format_name: str, table: Path | None, file: Path) -> str:
    """Write a run in a format of FORMATS and say so; raises InputError where the file exists or cannot be written."""
    run = load_run(find_run(output, name))
    if file.exists():
        raise InputError(f"{file}: exists already, expected the name of a new file")
    content = FORMATS[format_name](run, table)
    try:
        with written_whole(file) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error.strerror})") from error
    return "\n".join([f"{file}: written, {len(content):,} bytes", *([warning(run)] if warning(run) else [])])
