"""One peak in detail: its candidates, why each is likely or not, and the peaks that it competes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from compassign.chemistry.adducts import get_adduct, mz_theoretical
from compassign.queries.peaks import peak_table
from compassign.queries.run_folder import EVIDENCE, Run
from compassign.queries.sets import describe_sets
from compassign.units import ISOTOPE_SPACING_DA, FloatArray

MAX_NEIGHBOURS = 50
UNLISTED_STEP, OTHER_STEP = "unlisted compounds", "spread of draws, labels"
# The terms of `compassign.models` say the same of themselves; screens do without the sampler that comes with them.
EXPLANATIONS: Mapping[str, str] = {
    "presence": "How common the composition, adduct and species are among the peaks, against the background.",
    "family": "Whether other ions of the same mass elute with the peak, or speak for another ion.",
    "upstream": "Whether the adduct in the peak table is this one, as far as such adducts prove right in these data.",
    "mass": "How well the mass fits, after the offset and spread of such peaks, against any mass in the window.",
    "retention": "How well the retention time fits the prediction, against any peak of the injection.",
    "spectra": "How alike the fragment spectrum is to the compound's, against spectra of other compounds of this mass.",
    "mass_and_retention": "How well mass and retention time fit together, against a null that knows nothing.",
    "pair": "What the regression makes of mass error, RT error and adduct together.",
    UNLISTED_STEP: "The null is not only background: a compound that the library lacks may have made the peak.",
    OTHER_STEP: "Terms are means over draws, so they add up to the probabilities only nearly; labels count here too.",
}


@dataclass(frozen=True)
class PeakDetail:
    """What is known about one peak.

    peak : its row of `peak_table`.
    candidates : most probable first, the null last: compound_id, name, formula, adduct, mz_theoretical, ppm_error,
        rt_z (SDs), probability, hdi_low, hdi_high, log_odds (nats, against the null), smiles, inchikey.
    probability_unlisted : the part of the null that is a compound which the library lacks.
    sets : which options hold the truth with 90 %, in words.
    evidence : one row for each candidate and step of its log-odds against the null: candidate (row in `candidates`),
        step, log_odds (nats), explanation. The steps of a candidate add up to its log_odds; those that cannot be told,
        because the null or the candidate is excluded, are NaN.
    neighbours : peaks that share candidates, most shared first, then nearest in RT; at most MAX_NEIGHBOURS: peak_id,
        mz, rt_min, species, assigned_compound, name, probability, decision, n_shared.
    previous_id, next_id : the peaks before and after it in the order asked for; None at an end.
    """

    peak: Mapping[str, object]
    candidates: pd.DataFrame
    probability_unlisted: float
    sets: str
    evidence: pd.DataFrame
    neighbours: pd.DataFrame
    previous_id: str | None
    next_id: str | None


def peak_detail(run: Run, peak_id: str, order: Sequence[str] | None = None) -> PeakDetail:
    """Describe one peak.

    order : ids of the peaks that a person steps through, such as a filtered and sorted table; all unless given.
    Raises InputError for a peak that the run does not have.
    """
    row = run.row_of(peak_id)
    slots = run.candidates.iloc[run.offsets[row] : run.offsets[row + 1]].reset_index(drop=True)
    null = slots.iloc[0]
    alone = replace(run, peaks=run.peaks.iloc[[row]], candidates=slots, offsets=np.array([0, len(slots)]))
    by_probability = slots.iloc[1:].sort_values("probability", ascending=False, kind="stable")
    ranked = pd.concat([by_probability, slots.iloc[:1]], ignore_index=True)
    ranked["log_odds"] = _log_ratio(ranked["probability"].to_numpy(), float(null["probability"]))
    previous_id, next_id = _around(run.peaks["peak_id"].tolist() if order is None else order, peak_id)
    return PeakDetail(
        peak={str(name): value for name, value in peak_table(alone).iloc[0].items()},
        candidates=_described(run, ranked, int(run.peaks["isotope_index"].iloc[row])),
        probability_unlisted=float(null["probability_unlisted"]),
        sets=describe_sets(run, slots),
        evidence=_evidence(run, ranked),
        neighbours=_neighbours(run, row),
        previous_id=previous_id,
        next_id=next_id,
    )


def _log_ratio(probability: FloatArray, against: float) -> FloatArray:
    """Log of a ratio of probabilities, NaN where either is 0."""
    if against <= 0.0:
        return np.full(probability.size, np.nan)
    positive = np.where(probability > 0.0, probability, np.nan)
    return np.asarray(np.log(positive / against))


def _described(run: Run, ranked: pd.DataFrame, isotope_index: int) -> pd.DataFrame:
    library = run.compounds.reindex(ranked["compound_id"].to_numpy())
    text = {name: library[name].fillna("").astype(str).to_numpy() for name in ("formula", "smiles", "inchikey")}
    mass_da = library["exact_mass"].to_numpy(dtype=np.float64)
    ions = [
        float(mz_theoretical(mass, ion)) + isotope_index * ISOTOPE_SPACING_DA / abs(ion.charge) if ion else np.nan
        for mass, ion in zip(mass_da, [get_adduct(name) if name else None for name in ranked["adduct"]], strict=True)
    ]
    described = ranked.assign(name=run.names(ranked["compound_id"]), mz_theoretical=ions, **text)
    columns = (
        *("compound_id", "name", "formula", "adduct", "mz_theoretical", "ppm_error", "rt_z", "probability"),
        *("hdi_low", "hdi_high", "log_odds", "smiles", "inchikey"),
    )
    return described[list(columns)]


def _evidence(run: Run, ranked: pd.DataFrame) -> pd.DataFrame:
    """Steps from even odds to each candidate's log-odds against the null, the null itself left out."""
    null = ranked.iloc[-1]
    slots = ranked.iloc[:-1]
    steps = {term: slots[f"{EVIDENCE}{term}"].to_numpy(dtype=np.float64) for term in run.terms}
    background = np.array([null["probability"] - null["probability_unlisted"]])
    if null["probability_unlisted"] > 0.0:
        steps[UNLISTED_STEP] = np.repeat(_log_ratio(background, float(null["probability"])), len(slots))
    total = slots["log_odds"].to_numpy(dtype=np.float64)
    steps[OTHER_STEP] = total - np.sum(list(steps.values()), axis=0)
    long = pd.DataFrame({"candidate": slots.index.to_numpy(), **steps}).melt(
        id_vars="candidate", var_name="step", value_name="log_odds"
    )
    explained = long.assign(explanation=[EXPLANATIONS.get(step, "") for step in long["step"].tolist()])
    return explained.sort_values("candidate", kind="stable", ignore_index=True)


def _neighbours(run: Run, row: int) -> pd.DataFrame:
    """Peaks that have a candidate compound of this peak among their own."""
    compound = run.candidates["compound_id"]
    own = compound.iloc[run.offsets[row] + 1 : run.offsets[row + 1]].unique()
    shared = np.flatnonzero(compound.isin(own).to_numpy())
    pairs = pd.DataFrame(
        {"peak": np.searchsorted(run.offsets, shared, side="right") - 1, "compound": compound.to_numpy()[shared]}
    ).drop_duplicates()  # a compound with several adducts counts once
    n_shared = pairs[pairs["peak"] != row].groupby("peak").size()
    peaks = run.peaks.iloc[n_shared.index.to_numpy(dtype=np.int64)]
    far_min = (peaks["rt_min"] - run.peaks["rt_min"].iloc[row]).abs()
    table = peaks.assign(name=run.names(peaks["assigned_compound"]), n_shared=n_shared.to_numpy(), far_min=far_min)
    table = table.sort_values(["n_shared", "far_min"], ascending=[False, True], kind="stable", ignore_index=True)
    columns = (
        *("peak_id", "mz", "rt_min", "species", "assigned_compound", "name", "probability", "decision"),
        "n_shared",
    )
    return table[list(columns)].head(MAX_NEIGHBOURS)


def _around(order: Sequence[str], peak_id: str) -> tuple[str | None, str | None]:
    """The ids before and after a peak; it need not be in the order, which a filter may have taken it out of."""
    ids = list(order)
    if peak_id not in ids:
        return None, ids[0] if ids else None
    at = ids.index(peak_id)
    return ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None
