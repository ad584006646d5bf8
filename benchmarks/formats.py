"""How long `compassign import` takes for large tables of other programs, and how much memory.

Made-up features (seeded) in the layout of each program, a quarter of the abundances missing; the goal is 100,000
features in 200 samples within 60 s and 4 GB. A workbook has a tenth of the rows, a long table ten times as many. An
import runs on one core, so that its CPU time is what counts where others work on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import openpyxl

SEED = 7
N_FEATURES, N_SAMPLES = 100_000, 200
FAST = 10  # divides the number of features
LONG = 10  # a long table has so many times the rows, and
LONG_SAMPLES = 5
WORKBOOK_PART = 10  # a workbook has so many times fewer rows
ROWS_AT_ONCE = 1000
MISSING_SHARE = 0.25
GOAL_S, GOAL_GB = 60.0, 4.0
BYTES_PER_KIB, BYTES_PER_GB, BYTES_PER_MB = 1024, 1e9, 1e6

Row = tuple[int, float, float, list[str]]
"""Number from 0, m/z, RT in minutes, and abundances as text, "" where there is none."""


@dataclass(frozen=True)
class Layout:
    """Lines above the rows, given the sample names, the line of a row, and what stands below."""

    ending: str
    above: Callable[[Sequence[str]], list[str]]
    line: Callable[[Row], str]
    below: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figures:
    """What one import cost. file_mb : size of the table."""

    layout: str
    n_features: int
    n_samples: int
    file_mb: float
    wall_s: float
    cpu_s: float
    peak_rss_gb: float


def draw_rows(n_features: int, n_samples: int) -> Iterator[Row]:
    """Draw features a part at a time, so that a table never is in memory."""
    rng = np.random.default_rng(SEED)
    for start in range(0, n_features, ROWS_AT_ONCE):
        n = min(ROWS_AT_ONCE, n_features - start)
        mz, rt_min = np.round(rng.uniform(100, 900, n), 5), np.round(rng.uniform(0.5, 18.0, n), 4)
        abundance = np.round(rng.lognormal(11.0, 1.0, (n, n_samples)), 1)
        is_missing = rng.random((n, n_samples)) < MISSING_SHARE
        for i in range(n):
            cells = ["" if gone else repr(x) for x, gone in zip(abundance[i].tolist(), is_missing[i], strict=True)]
            yield start + i, float(mz[i]), float(rt_min[i]), cells


def zeros(cells: list[str]) -> list[str]:
    """The cells of programs that write 0 where they find nothing."""
    return [cell or "0" for cell in cells]


def mzmine() -> Layout:
    """Comma-separated, one area a file."""

    def above(samples: Sequence[str]) -> list[str]:
        return [",".join(["row ID", "row m/z", "row retention time", *(f"{name}.mzML Peak area" for name in samples)])]

    return Layout("csv", above, lambda row: f"{row[0] + 1},{row[1]},{row[2]},{','.join(zeros(row[3]))}")


def msdial() -> Layout:
    """Tab-separated, with lines about the samples first."""

    def above(samples: Sequence[str]) -> list[str]:
        names = ["Alignment ID", "Average Rt(min)", "Average Mz", "Metabolite name", "Adduct type"]
        lead, n = "\t" * (len(names) - 1), len(samples)
        kinds = [
            ("Class", ["plasma"] * n),
            ("File type", ["Sample"] * n),
            ("Injection order", map(str, range(1, n + 1))),
        ]
        return [*("\t".join([f"{lead}{name}", *cells]) for name, cells in kinds), "\t".join([*names, *samples])]

    return Layout(
        "txt", above, lambda row: "\t".join([f"{row[0]}\t{row[2]}\t{row[1]}\tUnknown\t[M+H]+", *zeros(row[3])])
    )


def openms_text() -> Layout:
    """TextExporter: five numbers for each file."""

    def above(samples: Sequence[str]) -> list[str]:
        maps = [f"MAP\t{i}\t{name}.mzML\t\t9" for i, name in enumerate(samples)]
        parts = [f"{part}_{i}" for i in range(len(samples)) for part in ("rt", "mz", "intensity", "charge", "width")]
        header = ["#CONSENSUS", "rt_cf", "mz_cf", "intensity_cf", "charge_cf", "width_cf", "quality_cf", *parts]
        return ["#MAP\tid\tfilename\tlabel\tsize", *maps, "\t".join(header)]

    def line(row: Row) -> str:
        seconds = repr(row[2] * 60.0)
        of_files = [f"{seconds}\t{row[1]}\t{cell}\t1\t3" for cell in zeros(row[3])]
        return "\t".join(["CONSENSUS", seconds, repr(row[1]), "5", "1", "3", "0.9", *of_files])

    return Layout("csv", above, line)


def consensus_xml() -> Layout:
    """consensusXML: an element for each file that saw the feature."""

    def above(samples: Sequence[str]) -> list[str]:
        maps = [f'<map id="{i}" name="{name}.mzML"/>' for i, name in enumerate(samples)]
        return ['<?xml version="1.0"?>', '<consensusXML version="1.7">', "<mapList>", *maps, "</mapList>", _LIST]

    def line(row: Row) -> str:
        at = f'rt="{row[2] * 60.0}" mz="{row[1]}"'
        seen = [f'<element map="{i}" id="{i}" {at} it="{cell}"/>' for i, cell in enumerate(row[3]) if cell]
        start = f'<consensusElement id="e_{row[0]}" charge="1"><centroid {at} it="1"/>'
        return f"{start}<groupedElementList>{''.join(seen)}</groupedElementList></consensusElement>"

    return Layout("consensusXML", above, line, ("</consensusElementList>", "</consensusXML>"))


_LIST = "<consensusElementList>"


def mztab() -> Layout:
    """mzTab-M: `null` where there is nothing."""

    def above(samples: Sequence[str]) -> list[str]:
        numbered = list(enumerate(samples, start=1))
        about = [f"MTD\tassay[{i}]\t{name}" for i, name in numbered]
        start = "SFH\tSMF_ID\tadduct_ion\texp_mass_to_charge\tcharge\tretention_time_in_seconds"
        return [
            *("MTD\tmzTab-version\t2.0.0-M", *about),
            "\t".join([start, *(f"abundance_assay[{i}]" for i, _ in numbered)]),
        ]

    def line(row: Row) -> str:
        return "\t".join([f"SMF\t{row[0]}\tnull\t{row[1]}\t1\t{row[2] * 60.0}", *(cell or "null" for cell in row[3])])

    return Layout("mztab", above, line)


LAYOUTS: dict[str, Callable[[], Layout]] = {
    "mzmine": mzmine,
    "MS-DIAL": msdial,
    "OpenMS text": openms_text,
    "OpenMS XML": consensus_xml,
    "mzTab-M": mztab,
}


def write_text(layout: Layout, path: Path, n_features: int, samples: Sequence[str]) -> None:
    """Write a table of text, row by row."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in layout.above(samples))
        file.writelines(f"{layout.line(row)}\n" for row in draw_rows(n_features, len(samples)))
        file.writelines(f"{line}\n" for line in layout.below)


def write_workbook(path: Path, n_features: int, samples: Sequence[str]) -> None:
    """Write Compound Discoverer's workbook."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Compounds")
    sheet.append(
        ["Name", "Calc. MW", "m/z", "RT [min]", *(f"Area: {name}.raw (F{i})" for i, name in enumerate(samples))]
    )
    for _, mz, rt_min, cells in draw_rows(n_features, len(samples)):
        sheet.append([None, mz - 1.00728, mz, rt_min, *(float(cell) if cell else None for cell in cells)])
    book.save(path)


def measure(name: str, path: Path, shape: tuple[int, int]) -> Figures:
    """Import a table in a process of its own; peak_rss_gb is that process's."""
    command = [sys.executable, "-m", "compassign.cli", "import", str(path), "--species", "plasma"]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--polarity", "positive", "--out", f"{path}.out"], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name}: the import failed")
    return Figures(
        layout=name,
        n_features=shape[0],
        n_samples=shape[1],
        file_mb=round(path.stat().st_size / BYTES_PER_MB, 1),
        wall_s=round(wall_s, 1),
        cpu_s=round(used.ru_utime + used.ru_stime, 1),
        peak_rss_gb=round(used.ru_maxrss * BYTES_PER_KIB / BYTES_PER_GB, 2),
    )


def run(n_features: int) -> Iterator[Figures]:
    """Write and import one table after the other."""
    cases = [(name, make(), n_features, N_SAMPLES) for name, make in LAYOUTS.items()]
    cases.append(("mzmine, long", mzmine(), LONG * n_features, LONG_SAMPLES))
    for name, layout, n, n_samples in cases:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"table.{layout.ending}"
            write_text(layout, path, n, sample_names(n_samples))
            yield measure(name, path, (n, n_samples))
    with tempfile.TemporaryDirectory() as folder:
        path, n = Path(folder) / "table.xlsx", n_features // WORKBOOK_PART
        write_workbook(path, n, sample_names(N_SAMPLES))
        yield measure("Compound Discoverer", path, (n, N_SAMPLES))


def sample_names(n_samples: int) -> list[str]:
    """Names of samples."""
    return [f"plasma_{i}" for i in range(1, n_samples + 1)]


def main() -> None:
    """Print a table, then one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a tenth of the features")
    n_features = N_FEATURES // FAST if parser.parse_args().fast else N_FEATURES
    print(f"{'layout':<20} {'features':>9} {'samples':>7} {'MB':>8} {'wall s':>7} {'CPU s':>7} {'RSS GB':>7}")
    results = []
    for row in run(n_features):
        results.append(row)
        print(
            f"{row.layout:<20} {row.n_features:>9,} {row.n_samples:>7} {row.file_mb:>8,} {row.wall_s:>7} "
            f"{row.cpu_s:>7} {row.peak_rss_gb:>7}",
            flush=True,
        )
    goal = all(row.cpu_s < GOAL_S and row.peak_rss_gb < GOAL_GB for row in results)
    print(json.dumps({"benchmark": "formats", "seed": SEED, "goal": goal, "cases": [asdict(row) for row in results]}))


if __name__ == "__main__":
    main()
