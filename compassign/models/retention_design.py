"""What the RT stage reads: calibrants, labels that name one compound, and covariates of every compound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.chemistry.descriptors import descriptors
from compassign.data.calibrants import calibrant_polarity
from compassign.data.dataset import Dataset
from compassign.models.polarity_difference import difference_sd_min
from compassign.models.projection import project
from compassign.models.rt_alignment import Alignment, align
from compassign.models.rt_density import rt_span_min
from compassign.tables import POLARITIES
from compassign.units import BoolArray, FloatArray, IntArray

UNKNOWN_POLARITY = len(POLARITIES)  # of a calibrant
ERROR_SHARE = 0.05  # of the RT span: SD of a prediction that states none
NOISE_SHARE = 0.005  # of the RT span: a peak's apex repeats within about half a percent of the gradient
NO_COVARIATE_SHARE = 0.25  # the same where nothing is known of structures: compounds elute anywhere
LIBRARY_COLUMNS = frozenset(
    "compound_id name formula exact_mass charge inchikey smiles rt_pred_min rt_pred_sd_min known_in".split()
)


@dataclass(frozen=True)
class RetentionDesign:
    """Calibrants and covariates; span_min is the width of the RT axis in minutes.

    base_min, error_sd_min : (n_compounds,) the prediction before any regression, the library's own or from other
    systems (0 if there is none), and the SD of its error.
    covariates : (n_compounds, n_covariates) on the principal axes of the calibrants, NaN rows where a compound cannot
    be predicted.
    rt_min, compound, species, injection : (n_calibrants,) observed RTs and indices. polarity : (n_calibrants,) as in
    `RtPredictions`, UNKNOWN_POLARITY where a calibrant's injection has peaks of both. polarity_sd_min : scale of the
    differences of a compound's RTs in the two polarities, 0 where peaks have one.
    cluster_of_species : (n_species,). injection_names, species_of_injection : (n_injections,) those of the calibrants,
    one for each species and injection. has_own : the library or other systems bring predictions. alignment : of the
    library's own, which `base_min` and `error_sd_min` have already.
    """

    base_min: FloatArray
    error_sd_min: FloatArray
    covariates: FloatArray
    covariate_names: tuple[str, ...]
    rt_min: FloatArray
    compound: IntArray
    species: IntArray
    injection: IntArray
    polarity: IntArray
    species_names: tuple[str, ...]
    cluster_names: tuple[str, ...]
    cluster_of_species: IntArray
    injection_names: tuple[str, ...]
    species_of_injection: IntArray
    span_min: float
    has_own: bool
    polarity_sd_min: float
    alignment: Alignment

    @property
    def has_clusters(self) -> bool:
        """Whether clusters can differ; a cluster of one species would only repeat its shift."""
        return 1 < len(self.cluster_names) < len(self.species_names)

    @property
    def has_species(self) -> bool:
        """Whether species can differ."""
        return len(self.species_names) > 1

    @property
    def has_injections(self) -> bool:
        """Whether a species has several injections; a single one would only repeat its shift."""
        return self.species_of_injection.size > np.unique(self.species_of_injection).size

    @property
    def repeated(self) -> IntArray:
        """Library indices of the calibrant compounds seen more than once, ascending."""
        compounds, counts = np.unique(self.compound, return_counts=True)
        return compounds[counts > 1]

    @property
    def in_both(self) -> IntArray:
        """Library indices of the compounds that tell their difference between polarities, ascending.

        Those seen in both, or in one and where the polarity is unknown.
        """
        pairs = np.unique(np.stack([self.compound, self.polarity]), axis=1)[0]
        compounds, counts = np.unique(pairs, return_counts=True)
        return compounds[counts > 1]

    @property
    def half(self) -> FloatArray:
        """(n_calibrants,) the part of a compound's difference between polarities that its RT has, 0 where unknown."""
        return np.array([0.5, -0.5, 0.0])[self.polarity]

    @property
    def is_predictable(self) -> BoolArray:
        """(n_compounds,) whether the covariates of a compound are known."""
        return np.isfinite(self.covariates).all(axis=1)


def build_design(dataset: Dataset) -> RetentionDesign:
    """Covariates of the library and what is known of RTs: calibrants, and labels that name one compound.

    `dataset.labels` are those that the fit may see. Compounds without covariates are left out.
    """
    peaks, calibrants = dataset.peaks, _known_rts(dataset)
    all_rts = np.concatenate([peaks["rt_min"].to_numpy(dtype=np.float64), calibrants["rt_min"]])
    span = rt_span_min(all_rts)
    alignment, own, stated_sd = _aligned(dataset, span)
    own, stated_sd = _with_projection(dataset, calibrants, (own, stated_sd), max(float(all_rts.max()), span))
    has_own = bool(np.isfinite(own).any())
    covariates, names = _own_covariate(own, span) if has_own else _descriptor_covariates(dataset.compounds)
    error_share = ERROR_SHARE if names else NO_COVARIATE_SHARE
    positions = {compound_id: row for row, compound_id in enumerate(dataset.compounds["compound_id"])}
    compound = np.array([positions[value] for value in calibrants["compound_id"]], dtype=np.int64)
    species_names = tuple(sorted(set(peaks["species"])))
    # a calibrant's species may stand in the injections table only: nothing is predicted there
    usable = np.isfinite(covariates).all(axis=1)[compound] & calibrants["species"].isin(species_names).to_numpy()
    clusters = [dataset.species_clusters[name] for name in species_names]
    cluster_names = tuple(sorted(set(clusters)))
    species = np.searchsorted(species_names, calibrants["species"].to_numpy(dtype=np.str_)[usable]).astype(np.int64)
    known = calibrants[usable].assign(polarity=_polarity(calibrants[usable], peaks))
    runs = pd.MultiIndex.from_arrays([species, calibrants["injection"][usable]])
    injection, injections = runs.factorize(sort=True)
    return RetentionDesign(
        base_min=np.nan_to_num(own) if has_own else np.zeros_like(own),
        error_sd_min=np.where(np.isfinite(stated_sd), stated_sd, error_share * span),
        covariates=_on_principal_axes(covariates, compound[usable]),
        covariate_names=names,
        rt_min=calibrants["rt_min"].to_numpy(dtype=np.float64)[usable],
        compound=compound[usable],
        species=species,
        injection=injection.astype(np.int64),
        polarity=known["polarity"].to_numpy(dtype=np.int64),
        species_names=species_names,
        cluster_names=cluster_names,
        cluster_of_species=np.searchsorted(cluster_names, clusters).astype(np.int64),
        injection_names=tuple(f"{species_names[index]} {name}".strip() for index, name in injections),
        species_of_injection=np.array([index for index, _ in injections], dtype=np.int64),
        span_min=span,
        has_own=has_own,
        polarity_sd_min=_polarity_sd_min(known, span) if peaks["polarity"].nunique() > 1 else 0.0,
        alignment=alignment,
    )


def _known_rts(dataset: Dataset) -> pd.DataFrame:
    """Calibrants and labelled peaks: species, injection ("" = any), compound_id, rt_min, polarity (None = unknown)."""
    named = {peak_id: next(iter(answer)) for peak_id, answer in dataset.labels.items() if len(answer) == 1}
    labelled = dataset.peaks[dataset.peaks["peak_id"].isin(list(named))]
    labelled = labelled.assign(compound_id=labelled["peak_id"].map(named))
    columns = ["species", "injection", "compound_id", "rt_min", "polarity"]
    calibrants = dataset.calibrants.assign(polarity=None)
    tables = [table[columns] for table in (calibrants, labelled) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else calibrants


def _polarity(known: pd.DataFrame, peaks: pd.DataFrame) -> IntArray:
    """Polarity of calibrants and labels, as in `RetentionDesign`; a label has that of its peak."""
    of_runs = pd.Series(calibrant_polarity(known, peaks), known.index, dtype=object)
    names = known["polarity"].where(known["polarity"].notna(), of_runs)
    codes = {name: code for code, name in enumerate(POLARITIES)}
    return np.array([codes.get(name, UNKNOWN_POLARITY) for name in names], dtype=np.int64)


def _polarity_sd_min(known: pd.DataFrame, span_min: float) -> float:
    """SD of differences between polarities, from compounds known in both.

    It is a number and no variable of the regression: there a few large differences could as well be the noise of all
    RTs, and chains would stay in either.
    """
    seen = known[known["polarity"] != UNKNOWN_POLARITY]
    by_polarity = seen.groupby(["compound_id", "polarity"])["rt_min"].median().unstack()
    differences = by_polarity.diff(axis=1).iloc[:, -1].dropna().to_numpy() if by_polarity.shape[1] > 1 else np.empty(0)
    return difference_sd_min(differences, NOISE_SHARE * span_min, span_min)


def _aligned(dataset: Dataset, span_min: float) -> tuple[Alignment, FloatArray, FloatArray]:
    """The library's predictions as the peaks have them, and their SDs: (n_compounds,) minutes, NaN without one."""
    predicted = dataset.compounds["rt_pred_min"].to_numpy(dtype=np.float64)
    stated = dataset.compounds["rt_pred_sd_min"].to_numpy(dtype=np.float64)
    sd = np.where(np.isfinite(stated), stated, ERROR_SHARE * span_min)
    found = align(dataset, predicted, sd)
    return found, found.of(predicted), np.where(np.isfinite(predicted), found.scale * sd, np.nan)


def _with_projection(
    dataset: Dataset, known: pd.DataFrame, library: tuple[FloatArray, FloatArray], longest_min: float
) -> tuple[FloatArray, FloatArray]:
    """The library's predictions and their SDs, joined with those from other systems by their precision.

    (n_compounds,) minutes each, NaN where there is none.
    """
    own, own_sd = library
    if not len(dataset.retention) or not len(known):
        return own, own_sd
    ids = pd.Index(dataset.compounds["compound_id"])
    others = dataset.retention.pivot_table("rt_min", "compound_id", "system", "median").reindex(ids)
    ours = known.groupby("compound_id")["rt_min"].median().reindex(ids)
    found = project(
        others_min=others.to_numpy(dtype=np.float64),
        descriptors=_descriptor_covariates(dataset.compounds)[0],
        known_min=ours.to_numpy(dtype=np.float64),
        longest_min=longest_min,
    )
    weights = np.nan_to_num([own_sd**-2, found.sd_min**-2])
    is_projected = np.isfinite(found.mean_min)
    total = np.where(is_projected, weights.sum(axis=0), 1.0)
    joined = (weights * np.nan_to_num([own, found.mean_min])).sum(axis=0) / total
    return np.where(is_projected, joined, own), np.where(is_projected, total**-0.5, own_sd)


def _own_covariate(own: FloatArray, span: float) -> tuple[FloatArray, tuple[str, ...]]:
    """The library's prediction itself, centred, in spans: its coefficient stretches the whole axis."""
    return ((own - np.nanmean(own)) / span)[:, None], ("rt_pred_min",)


def _descriptor_covariates(compounds: pd.DataFrame) -> tuple[FloatArray, tuple[str, ...]]:
    """Descriptors from SMILES and the library's own numeric columns, standardised; constant ones left out."""
    own = compounds[[column for column in compounds if column not in LIBRARY_COLUMNS]].select_dtypes("number")
    table = pd.concat([descriptors(compounds["smiles"].tolist()).reset_index(drop=True), own], axis=1)
    table = table.loc[:, table.std() > 0]
    standardised = ((table - table.mean()) / table.std()).to_numpy(dtype=np.float64)
    return standardised, tuple(f"component {i + 1}" for i in range(standardised.shape[1]))


def _on_principal_axes(covariates: FloatArray, calibrants: IntArray) -> FloatArray:
    """Covariates centred on the calibrants' compounds and turned to their principal axes.

    There the coefficients are uncorrelated and sample well; a prior that is equal in all directions does not notice.
    """
    seen = covariates[np.unique(calibrants)]
    if not seen.size:
        return covariates
    centred = seen - seen.mean(axis=0)
    return np.asarray((covariates - seen.mean(axis=0)) @ np.linalg.svd(centred)[2].T)
