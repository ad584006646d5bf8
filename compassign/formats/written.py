"""Peaks and abundances to files, part by part, in a folder that appears whole or not at all."""

from __future__ import annotations

import csv
import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from compassign.data.meta import META_FILE
from compassign.errors import InputError
from compassign.formats.layout import Sample
from compassign.formats.rows import Peaks, Plan
from compassign.tables import contract_columns

_NUMBERS = ("mz", "rt_min", "intensity")


def refuse_existing(folder: Path) -> None:
    """Raise InputError for a target that is a file or holds anything."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder}: exists already, expected a new or an empty folder")


@contextmanager
def written_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside the final one, which it becomes; nothing is left of a block that raised."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        temporary.rename(folder)  # atomic, and fails if somebody filled the folder meanwhile
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class PeakWriter:
    """Writes peaks.csv and, where there are samples, abundances.csv."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._plan = plan
        written = ("peak_id", "species", "injection", "polarity", *_NUMBERS)
        optional = [name for name in contract_columns("peaks") if name not in written]
        self._columns = [*written, *(name for name in optional if self._has(name)), *plan.kept]
        self._file = (folder / "peaks.csv").open("w", encoding="utf-8", newline="")
        self._peaks = csv.writer(self._file, lineterminator="\n")
        self._peaks.writerow(self._columns)
        fields = [pa.field("peak_id", pa.string()), *(pa.field(sample.name, pa.float64()) for sample in plan.samples)]
        self._schema = pa.schema(fields)
        options = pa_csv.WriteOptions(quoting_style="needed")
        path = folder / "abundances.csv"
        self._abundances = pa_csv.CSVWriter(path, self._schema, write_options=options) if plan.samples else None

    def _has(self, name: str) -> bool:
        return name in self._plan.layout.columns or name in self._plan.layout.derived

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._abundances is not None:
            self._abundances.close()

    def write(self, peaks: Peaks) -> None:
        """Append a part of the table."""
        n_rows = len(peaks.rows)
        texts = {**peaks.columns, "injection": [self._plan.alignment] * n_rows}
        # Python's shortest text of a number reads back as the same number
        texts |= {name: [repr(value) for value in getattr(peaks, name).tolist()] for name in _NUMBERS}
        self._peaks.writerows(zip(*(texts[name] for name in self._columns), strict=True))
        if self._abundances is not None:
            by_sample = np.ascontiguousarray(peaks.abundances.T)
            arrays = [pa.array(values, from_pandas=True) for values in by_sample]  # NaN becomes an empty cell
            ids = pa.array(peaks.columns["peak_id"], pa.string())
            self._abundances.write_batch(pa.record_batch([ids, *arrays], schema=self._schema))


def write_about(folder: Path, plan: Plan, source: str) -> None:
    """Write injections.csv and dataset.toml."""
    if plan.samples:
        with (folder / "injections.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(contract_columns("injections"))
            writer.writerows(_injection(sample, plan) for sample in plan.samples)
    about = {"name": plan.alignment, "source": source}
    if plan.polarity:
        about["polarity"] = plan.polarity
    # a JSON text is a TOML text too; a file's name need not be text
    lines = [
        f"{key} = {json.dumps(text.encode(errors='replace').decode(), ensure_ascii=False)}"
        for key, text in about.items()
    ]
    (folder / META_FILE).write_text("\n".join([*lines, ""]), encoding="utf-8")


def _injection(sample: Sample, plan: Plan) -> tuple[str, str, str, int | None, str]:
    return sample.name, sample.species, sample.polarity or plan.polarity, sample.order, sample.role
