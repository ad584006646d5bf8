"""One feature table as each program writes it, after its documented layout and with its traps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import openpyxl

from compassign.units import FloatArray


@dataclass(frozen=True)
class Features:
    """What every table says: m/z, RT in minutes, and abundances (n_features, n_samples), NaN = not detected."""

    mz: FloatArray
    rt_min: FloatArray
    abundance: FloatArray
    samples: tuple[str, ...]

    @property
    def rows(self) -> range:
        return range(self.mz.size)


def some_features(rng: np.random.Generator, n: int = 40) -> Features:
    """RTs up to 18 min; every feature is somewhere, and a quarter of the abundances is missing."""
    samples = ("liver_1", "liver_2", "liver_3", "QC_1", "blank_1")
    abundance = np.round(rng.lognormal(11.0, 1.0, (n, len(samples))), 1)
    abundance[:, 1:][rng.random((n, len(samples) - 1)) < 0.25] = np.nan
    return Features(np.round(rng.uniform(100, 900, n), 5), np.round(rng.uniform(0.5, 18.0, n), 4), abundance, samples)


def _number(value: float) -> str:
    """A number that reads back exactly; nothing where it is missing."""
    return "" if np.isnan(value) else repr(float(value))


def _or_zero(value: float) -> str:
    return _number(value) or "0"


def _text(rows: Sequence[Sequence[str]], separator: str) -> str:
    return "".join(separator.join(row) + "\n" for row in rows)


def mzmine(features: Features, path: Path) -> None:
    """The legacy table: zeros where nothing was found, a separator at the end of each line."""
    header = ["row ID", "row m/z", "row retention time", *(f"{name}.mzML Peak area" for name in features.samples), ""]
    rows = [
        [str(i + 1), _number(features.mz[i]), _number(features.rt_min[i]), *map(_or_zero, features.abundance[i]), ""]
        for i in features.rows
    ]
    path.write_text(_text([header, *rows], ","))


def mzmine_modular(features: Features, path: Path) -> None:
    """Areas and heights of each file: only one of both is a sample."""
    header = ["id", "mz", "rt", "rt_range:min", "rt_range:max", "height", "area"]
    header += [f"datafile:{name}.mzML:{what}" for name in features.samples for what in ("area", "height")]
    rows = []
    for i in features.rows:
        rt = features.rt_min[i]
        pairs = [text for value in features.abundance[i] for text in (_number(value), "7")]
        span = [_number(rt - 0.05), _number(rt + 0.05)]
        rows.append([str(i + 1), _number(features.mz[i]), _number(rt), *span, "1", "2", *pairs])
    path.write_text(_text([header, *rows], ","))


def msdial(features: Features, path: Path) -> None:
    """Four lines about the samples first, and averages of classes behind them; Windows line ends."""
    names = ["Alignment ID", "Average Rt(min)", "Average Mz", "Metabolite name", "Adduct type", "MS/MS assigned"]
    n = len(features.samples)
    kinds = {"live": ("liver", "Sample"), "QC_1": ("pool", "QC"), "blan": ("blank", "Blank")}
    classes = [kinds.get(name[:4], ("plasma", "Sample")) for name in features.samples]
    lead = [""] * (len(names) - 1)
    above = [
        [*lead, "Class", *(found[0] for found in classes), "liver", "liver"],
        [*lead, "File type", *(found[1] for found in classes), "NA", "NA"],
        [*lead, "Injection order", *map(str, range(1, n + 1)), "NA", "NA"],
        [*lead, "Batch ID", *["1"] * n, "Average", "Stdev"],
    ]
    rows = [
        [
            *(str(i), _number(features.rt_min[i]), _number(features.mz[i]), 'Unknown 5"-methyl', "[M+H]+", "False"),
            *(*map(_or_zero, features.abundance[i]), "99", "1"),
        ]
        for i in features.rows
    ]
    text = _text([*above, [*names, *features.samples, "liver", "liver"], *rows], "\t")
    path.write_bytes(text.replace("\n", "\r\n").encode())


def xcms(features: Features, path: Path) -> None:
    """R's write.csv: row names without a header, seconds, counts by class before the samples, CAMERA behind them."""
    header = ["", "mzmed", "mzmin", "mzmax", "rtmed", "rtmin", "rtmax", "npeaks", "liver"]
    header += [*features.samples, "isotopes", "adduct", "pcgroup"]
    rows = []
    for i in features.rows:
        mz, seconds = _number(features.mz[i]), _number(features.rt_min[i] * 60.0)
        cells = ["NA" if np.isnan(value) else _number(value) for value in features.abundance[i]]
        rows.append([f"FT{i:04d}", mz, mz, mz, seconds, seconds, seconds, "5", "3", *cells, "[1][M+1]+", "", "1"])
    path.write_text(_text([[f'"{name}"' for name in header], *rows], ","))


def openms_text(features: Features, path: Path) -> None:
    """TextExporter: lines about the maps first, and four more numbers for each file."""
    maps = [["MAP", str(i), f"/data/{name}.mzML", "", "9"] for i, name in enumerate(features.samples)]
    header = ["#CONSENSUS", "rt_cf", "mz_cf", "intensity_cf", "charge_cf", "width_cf", "quality_cf"]
    parts = ("rt", "mz", "intensity", "charge", "width")
    header += [f"{part}_{i}" for i in range(len(features.samples)) for part in parts]
    rows = []
    for i in features.rows:
        mz, seconds = _number(features.mz[i]), _number(features.rt_min[i] * 60.0)
        cells = [text for value in features.abundance[i] for text in (seconds, mz, _or_zero(value), "1", "3")]
        rows.append(["CONSENSUS", seconds, mz, "5", "1", "3", "0.9", *cells])
    path.write_text(_text([["#MAP", "id", "filename", "label", "size"], *maps, header, *rows], "\t"))


def openms_xml(features: Features, path: Path) -> None:
    """consensusXML: a file that did not see a feature has no element of it."""
    lines = ['<?xml version="1.0" encoding="ISO-8859-1"?>', '<consensusXML version="1.7">', "<mapList>"]
    lines += [f"<map id='{i}' name={quoteattr(f'{name}.mzML')} />" for i, name in enumerate(features.samples)]
    lines += ["</mapList>", "<consensusElementList>"]
    for i in features.rows:
        at = f'rt="{_number(features.rt_min[i] * 60.0)}" mz="{_number(features.mz[i])}"'
        lines.append(f'<consensusElement id="e_{i}" quality="0.5" charge="1"><centroid {at} it="1"/>')
        seen = [(k, value) for k, value in enumerate(features.abundance[i]) if not np.isnan(value)]
        elements = [f'<element map="{k}" id="{k}{i}" {at} it="{_number(value)}"/>' for k, value in seen]
        lines.append(f"<groupedElementList>{''.join(elements)}</groupedElementList></consensusElement>")
    path.write_text("\n".join([*lines, "</consensusElementList>", "</consensusXML>", ""]))


def compound_discoverer(features: Features, path: Path) -> None:
    """A workbook, with areas of groups beside those of files."""
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Compounds", 0)
    header = ["Checked", "Name", "Calc. MW", "m/z", "RT [min]", "Area (Max.)", "MS2", "Group Area: liver"]
    sheet.append([*header, *(f"Area: {name}.raw (F{i + 1})" for i, name in enumerate(features.samples))])
    for i in features.rows:
        cells = [None if np.isnan(value) else float(value) for value in features.abundance[i]]
        mz, rt = float(features.mz[i]), float(features.rt_min[i])
        sheet.append([False, None, mz - 1.00728, mz, rt, 9.0, "No MS2", 3.0, *cells])
    book.save(path)


def progenesis(features: Features, path: Path) -> None:
    """Three header rows, normalised before raw abundances, a byte-order mark, semicolons and decimal commas."""
    lead = ["Compound", "m/z", "Retention time (min)", "Charge"]
    n = len(features.samples)
    blocks = ["", "", "", "", "Normalised abundance", *[""] * (n - 1), "Raw abundance", *[""] * (n - 1), ""]
    one = ["liver", "", "", "QC", "blank"]
    rows = []
    for i in features.rows:
        raw = [_or_zero(value) for value in features.abundance[i]]
        rows.append([f"c{i}", _number(features.mz[i]), _number(features.rt_min[i]), "1", *["1.5"] * n, *raw, ""])
    table = [blocks, ["", "", "", "", *one, *one, ""], [*lead, *features.samples, *features.samples, "Description"]]
    with_commas = [[cell.replace(".", ",") for cell in row] for row in rows]
    path.write_text(_text([*table, *with_commas], ";"), encoding="utf-8-sig")


def asari(features: Features, path: Path) -> None:
    """Feature_table.tsv, in seconds."""
    header = ["id_number", "mz", "rtime", "rtime_left_base", "rtime_right_base", "parent_masstrack_id", "peak_area"]
    header += ["cSelectivity", "goodness_fitting", "snr", "detection_counts", *features.samples]
    rows = []
    for i in features.rows:
        seconds = features.rt_min[i] * 60.0
        times = [_number(seconds), _number(seconds - 3.0), _number(seconds + 3.0)]
        cells = map(_or_zero, features.abundance[i])
        rows.append([f"F{i}", _number(features.mz[i]), *times, "7", "10", "1", "0.9", "20", "4", *cells])
    path.write_text(_text([header, *rows], "\t"))


def mztab(features: Features, path: Path) -> None:
    """mzTab-M: comments with commas first, `null` for nothing, a charge where none is known, summaries of features."""
    lines = ["COM\ta, b, c, d", "COM\te, f, g, h", "MTD\tmzTab-version\t2.0.0-M", "MTD\tmzTab-ID\t1"]
    columns = [f"abundance_assay[{i}]" for i in range(1, len(features.samples) + 1)]
    for i, name in enumerate(features.samples, start=1):
        lines += [f"MTD\tms_run[{i}]-location\tnull", f"MTD\tms_run[{i}]-scan_polarity[1]\t[MS, , positive scan, ]"]
        lines += [f"MTD\tassay[{i}]\t{name}.mzML", f"MTD\tassay[{i}]-ms_run_ref\tms_run[{i}]"]
    lines += ["MTD\tstudy_variable[1]\tundefined", "MTD\tstudy_variable[1]-assay_refs\tassay[1]|assay[2]", ""]
    lines += ["\t".join(["SMH", "SML_ID", "SMF_ID_REFS", "database_identifier", "chemical_name", "reliability"])]
    lines += ["SML\t1\t1|2\tHMDB:1\tleucine, the first\t2", "SML\t2\t2\tHMDB:2\tnull\tnull", ""]
    header = ["SFH", "SMF_ID", "SME_ID_REFS", "SME_ID_REF_ambiguity_code", "adduct_ion", "isotopomer"]
    header += ["exp_mass_to_charge", "charge", "retention_time_in_seconds", "retention_time_in_seconds_start"]
    lines.append("\t".join([*header, "retention_time_in_seconds_end", *columns]))
    for i in features.rows:
        ion = "[M+Na]1+" if i == 1 else "null"
        isotope = "[MS, MS:1002957, isotopomer MS peak, +1]" if i == 2 else "null"
        start = ["SMF", str(i + 1), "null", "null", ion, isotope, _number(features.mz[i]), "1"]
        times = [_number(features.rt_min[i] * 60.0), "null", "null"]
        lines.append("\t".join([*start, *times, *(_number(value) or "null" for value in features.abundance[i])]))
    path.write_text("\n".join([*lines, ""]))


WRITERS: dict[str, tuple[str, str, Callable[[Features, Path], None]]] = {
    # layout -> format that is found, ending, writer; endings mislead on purpose where they can
    "mzmine": ("mzmine", "csv", mzmine),
    "mzmine modular": ("mzmine", "txt", mzmine_modular),
    "MS-DIAL": ("msdial", "txt", msdial),
    "XCMS": ("xcms", "csv", xcms),
    "OpenMS text": ("openms", "csv", openms_text),
    "OpenMS XML": ("openms", "consensusXML", openms_xml),
    "Compound Discoverer": ("compound-discoverer", "xlsx", compound_discoverer),
    "Progenesis QI": ("progenesis", "csv", progenesis),
    "asari": ("asari", "tsv", asari),
    "mzTab-M": ("mztab", "csv", mztab),
}
