"""A run as mzTab-M: every candidate with its probability, for tools that read that format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

import compassign
from compassign.chemistry.adducts import get_adduct, mz_theoretical
from compassign.formats.mztab_m import LIST, Cell, Table, mztab_text, param
from compassign.formats.mztab_table import OWN_COLUMN, OWN_GROUP
from compassign.formats.rows import SECONDS_PER_MIN
from compassign.queries.export import safe_cell, warning
from compassign.queries.overview import dataset_name, verdict
from compassign.queries.run_folder import Run
from compassign.units import ISOTOPE_SPACING_DA

_PREFIX = "LIB"
_GIVEN, _TENTATIVE, _MASS_ONLY = "1", "3", "5"  # levels of Schymanski et al. 2014, 10.1021/es5002105
_POLARITIES = {
    "positive": param("positive scan", label="MS", accession="MS:1000130"),
    "negative": param("negative scan", label="MS", accession="MS:1000129"),
}
_MEASURE = param("posterior probability of compound and adduct")
_METHOD = param("CompAssign", compassign.__version__)
_COMPOUND = ("database_identifier", "chemical_formula", "smiles", "inchi", "chemical_name", "uri")
_COMMENTS = (
    "id_confidence_measure[1] of an SME row is the probability of that compound as that adduct; rank orders the "
    "candidates of a peak by it.",
    "A peak that is called null (nothing in the library) has no SME rows. Its probability is "
    "opt_global_probability_null, of which opt_global_probability_unlisted is a real compound that the library lacks.",
    "An SML row is a compound with all peaks called so, or one peak called null. Intensities stay with the SMF rows.",
    "reliability: 1 = given as a calibrant, 3 = tentative candidate, 5 = exact mass only. The charge of a peak called "
    "null is unknown and written as 1.",
)


@dataclass(frozen=True)
class _Features:
    """Peaks and slots with their numbers in the file.

    slots : candidates of called peaks with `smf`, `sme` (from 1) and `rank`. assay : of each injection, from 1.
    """

    run: Run
    slots: pd.DataFrame
    assay: Mapping[str, int]


def mztab_m(run: Run) -> bytes:
    """The mzTab-M file of a run whose dataset, which has m/z and formulas, is there."""
    features = _Features(run, _slots(run), {name: at for at, name in enumerate(pd.unique(run.peaks["injection"]), 1)})
    comments = [*([warning(run)] if warning(run) else []), *_COMMENTS]
    tables = [_summary(features), _feature_table(features), _evidence(features)]
    return "".join(mztab_text(comments, list(_metadata(features)), tables)).encode("utf-8")


def _slots(run: Run) -> pd.DataFrame:
    """Candidates of peaks that are called a compound, the best first, equal ones with equal ranks."""
    feature = np.repeat(np.arange(len(run.peaks)), np.diff(run.offsets))
    slots = run.candidates.assign(smf=feature + 1)
    is_called = (run.peaks["assigned_compound"] != "").to_numpy()[feature]
    slots = slots[is_called & (slots["compound_id"] != "").to_numpy()]
    ranks = slots.groupby("smf")["probability"].rank(method="min", ascending=False).astype("int64")
    slots = slots.assign(rank=ranks).sort_values(["smf", "rank"], kind="stable")
    return slots.assign(sme=np.arange(1, len(slots) + 1))


def _metadata(of: _Features) -> Iterator[tuple[str, Cell]]:
    run, record = of.run, of.run.record
    yield from (("mzTab-version", "2.0.0-M"), ("mzTab-ID", run.run_id))
    yield "title", f"CompAssign: {safe_cell(dataset_name(record))}, model {record.config.model}"
    yield "quantification_method", param("LC-MS label-free quantitation analysis", "", "MS", "MS:1001834")
    yield from (("software[1]", _METHOD), ("software[1]-setting[1]", f"model={record.config.model}"))
    yield "software[1]-setting[2]", f"seed={record.config.seed}"
    yield from _runs_and_groups(of)
    yield "custom[1]", param("convergence verdict", verdict(run.metrics).word)
    vocabulary = {"label": "MS", "full_name": "PSI-MS controlled vocabulary", "version": "4.1.0"}
    vocabulary["uri"] = "http://purl.obolibrary.org/obo/ms/psi-ms.obo"
    yield from ((f"cv[1]-{key}", value) for key, value in vocabulary.items())
    yield "small_molecule-quantification_unit", param("intensity as in the peak table")
    yield "small_molecule_feature-quantification_unit", param("intensity as in the peak table")
    yield "small_molecule-identification_reliability", param("identification level of Schymanski et al. 2014")
    yield "database[1]", param(f"library of {safe_cell(dataset_name(record))}")
    yield from (
        ("database[1]-prefix", _PREFIX),
        ("database[1]-version", record.dataset_hash),
        ("database[1]-uri", None),
    )
    yield "id_confidence_measure[1]", _MEASURE


def _runs_and_groups(of: _Features) -> Iterator[tuple[str, Cell]]:
    """An injection is an ms_run and its assay, a species a study variable."""
    peaks = of.run.peaks
    for name, at in of.assay.items():
        yield f"ms_run[{at}]-location", None
        for count, polarity in enumerate(pd.unique(peaks.loc[peaks["injection"] == name, "polarity"]), 1):
            yield f"ms_run[{at}]-scan_polarity[{count}]", _POLARITIES[polarity]
    for name, at in of.assay.items():
        yield from ((f"assay[{at}]", safe_cell(name)), (f"assay[{at}]-ms_run_ref", f"ms_run[{at}]"))
    for count, species in enumerate(pd.unique(peaks["species"]), 1):
        injections = pd.unique(peaks.loc[peaks["species"] == species, "injection"])
        yield f"study_variable[{count}]", safe_cell(species)
        yield f"study_variable[{count}]-assay_refs", LIST.join(f"assay[{of.assay[name]}]" for name in injections)
        yield f"study_variable[{count}]-description", safe_cell(species)


def _compound_cells(run: Run, compound_id: str) -> tuple[Cell, ...]:
    """The cells of `_COMPOUND`; the list mark is not theirs to use."""
    known = run.compounds.loc[compound_id]
    texts = [f"{_PREFIX}:{compound_id}", known["formula"], known["smiles"], "", known["name"] or compound_id, ""]
    return tuple(safe_cell(str(text).replace(LIST, "/")) for text in texts)


def _summary(of: _Features) -> Table:
    mass, n_assays, n_groups = (
        of.run.compounds["exact_mass"].to_dict(),
        len(of.assay),
        of.run.peaks["species"].nunique(),
    )
    columns = [
        *("SML_ID", "SMF_ID_REFS", *_COMPOUND, "theoretical_neutral_mass", "adduct_ions", "reliability"),
        *("best_id_confidence_measure", "best_id_confidence_value"),
        *(f"abundance_assay[{at}]" for at in range(1, n_assays + 1)),
        *(f"abundance_study_variable[{at}]" for at in range(1, n_groups + 1)),
        *(f"abundance_variation_study_variable[{at}]" for at in range(1, n_groups + 1)),
    ]
    nothing: tuple[Cell, ...] = (None,) * (n_assays + 2 * n_groups)
    peaks = of.run.peaks.assign(smf=np.arange(1, len(of.run.peaks) + 1))
    is_null = peaks["assigned_compound"] == ""
    best = of.slots.groupby(["smf", "compound_id"])["probability"].max()
    rows: list[tuple[Cell, ...]] = []
    for name, group in peaks[~is_null].groupby("assigned_compound", sort=False):
        compound = str(name)
        own_ions = all(get_adduct(adduct).is_own_ion for adduct in group["adduct"])
        neutral = None if own_ions else mass[compound]
        level = _GIVEN if group["is_calibrant"].any() else _TENTATIVE
        value = float(best.loc[[(smf, compound) for smf in group["smf"]]].max())
        ions = LIST.join(pd.unique(group["adduct"]))
        cells = _compound_cells(of.run, compound)
        refs = LIST.join(map(str, group["smf"]))
        rows.append((len(rows) + 1, refs, *cells, neutral, ions, level, _MEASURE, value, *nothing))
    unknown: tuple[Cell, ...] = (None,) * (len(_COMPOUND) + 2)
    for smf in peaks.loc[is_null, "smf"].tolist():
        rows.append((len(rows) + 1, str(smf), *unknown, _MASS_ONLY, None, None, *nothing))
    return Table("SMH", "SML", columns, rows)


def _feature_table(of: _Features) -> Table:
    columns = [
        *("SMF_ID", "SME_ID_REFS", "SME_ID_REF_ambiguity_code", "adduct_ion", "isotopomer", "exp_mass_to_charge"),
        *("charge", "retention_time_in_seconds", "retention_time_in_seconds_start", "retention_time_in_seconds_end"),
        *(f"abundance_assay[{at}]" for at in of.assay.values()),
        *("opt_global_peak_id", "opt_global_decision", "opt_global_q_value"),
        *(OWN_COLUMN, "opt_global_probability_unlisted", "opt_global_species", "opt_global_polarity"),
        OWN_GROUP,
    ]
    by_peak = {int(str(smf)): group for smf, group in of.slots.groupby("smf")}
    nulls = of.run.candidates.iloc[of.run.offsets[:-1]]
    rows: list[tuple[Cell, ...]] = []
    records = zip(of.run.peaks.to_dict("records"), nulls.to_dict("records"), strict=True)
    for smf, (peak, null) in enumerate(records, 1):
        slots = by_peak.get(smf)
        refs = "" if slots is None else LIST.join(map(str, slots["sme"]))
        # 1 = different molecules, 2 = one molecule in several adducts, 3 = both
        code = None if slots is None or len(slots) == 1 else _ambiguity(slots)
        charge = abs(get_adduct(peak["adduct"]).charge) if peak["adduct"] else 1
        seconds = peak["rt_min"] * SECONDS_PER_MIN
        own = of.assay[peak["injection"]]
        abundances = [peak["intensity"] if at == own else None for at in of.assay.values()]
        options = (safe_cell(peak["peak_id"]), peak["decision"], peak["q_value"])
        shares = (null["probability"], null["probability_unlisted"])
        group = (safe_cell(peak["species"]), peak["polarity"], safe_cell(peak["isotope_group"]))
        ion = (peak["adduct"], _isotopomer(peak["isotope_index"]), peak["mz"], charge, seconds, None, None)
        rows.append((smf, refs, code, *ion, *abundances, *options, *shares, *group))
    return Table("SFH", "SMF", columns, rows)


def _isotopomer(index: int) -> str | None:
    return param("isotopomer MS peak", f"+{index}", "MS", "MS:1002957") if index else None


def _ambiguity(slots: pd.DataFrame) -> int:
    n_compounds = slots["compound_id"].nunique()
    if n_compounds == 1:
        return 2
    return 1 if n_compounds == len(slots) else 3


def _evidence(of: _Features) -> Table:
    columns = [
        *("SME_ID", "evidence_input_id", *_COMPOUND, "derivatized_form", "adduct_ion", "exp_mass_to_charge", "charge"),
        *("theoretical_mass_to_charge", "spectra_ref", "identification_method", "ms_level"),
        *("id_confidence_measure[1]", "rank", "opt_global_hdi_low", "opt_global_hdi_high"),
        *("opt_global_ppm_error", "opt_global_rt_z", "opt_global_inchikey"),
    ]
    level = param("ms level", "1", "MS", "MS:1000511")
    peaks = of.run.peaks
    mz, injection, isotope = (peaks[name].tolist() for name in ("mz", "injection", "isotope_index"))
    known = {name: _compound_cells(of.run, name) for name in pd.unique(of.slots["compound_id"])}
    mass, key = of.run.compounds["exact_mass"].to_dict(), of.run.compounds["inchikey"].to_dict()
    rows: list[tuple[Cell, ...]] = []
    for slot in of.slots.to_dict("records"):
        name, at, adduct = slot["compound_id"], slot["smf"] - 1, get_adduct(slot["adduct"])
        theory = float(mz_theoretical(mass[name], adduct)) + isotope[at] * ISOTOPE_SPACING_DA / abs(adduct.charge)
        ion = (None, slot["adduct"], mz[at], abs(adduct.charge), theory, f"ms_run[{of.assay[injection[at]]}]")
        measured = (slot["hdi_low"], slot["hdi_high"], slot["ppm_error"], slot["rt_z"])
        start = (slot["sme"], safe_cell(slot["peak_id"]), *known[name])
        rows.append((*start, *ion, _METHOD, level, slot["probability"], slot["rank"], *measured, safe_cell(key[name])))
    return Table("SEH", "SME", columns, rows)
