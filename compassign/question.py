"""What is asked of every model alike, so that their answers can be compared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compassign.candidates import Candidates, RtPredictions, Windows, add_labelled, build_candidates
from compassign.config import Evidence, RunConfig
from compassign.data.annotators import Annotations
from compassign.data.answers import format_options
from compassign.data.dataset import Answers, Dataset
from compassign.isotope_peaks import IsotopePeaks, find_isotope_peaks
from compassign.models.problem import AssignmentProblem, build_problem, clamped_calibrants
from compassign.progress import Progress, first_of
from compassign.reliabilities import certain, heard, named_in_doubt, with_said
from compassign.spectra.evidence import SpectralEvidence, find_spectral_evidence
from compassign.units import BoolArray, IntArray


@dataclass(frozen=True)
class Question:
    """What is asked of every model alike: the same candidates, labels and scored peaks.

    dataset : its `labels` are those that the fit sees, clamped calibrants included. scored : ids of the peaks that
    score it. annotations : who labelled, and what of it is a statement of the problem in place of a label.
    calibrants : ids of the peaks that trained the RT stage. spectra : what the dataset's spectra say; None without.
    isotopes : which peaks have candidates and answer of another one, and no slot in the problem.
    """

    dataset: Dataset
    candidates: Candidates
    problem: AssignmentProblem
    isotopes: IsotopePeaks
    scored: frozenset[str]
    calibrants: frozenset[str]
    annotations: Annotations = Annotations()
    spectra: SpectralEvidence | None = None

    @property
    def known(self) -> BoolArray:
        """(n_peaks,) whether a label or calibrant leaves a single option."""
        labels = self.dataset.labels
        one = [peak_id in labels and len(labels[peak_id]) <= 1 for peak_id in self.dataset.peaks["peak_id"].tolist()]
        return np.array(one, dtype=np.bool_)[self.isotopes.base]

    @property
    def is_labelled(self) -> BoolArray:
        """(n_peaks,) whether the fit saw a label of the peak, or of the one whose answer it has."""
        return self.problem.is_labelled[self.isotopes.base]

    @property
    def known_compounds(self) -> IntArray:
        """Library indices of the compounds that a label or calibrant names alone."""
        alone = {name for answer in self.dataset.labels.values() if len(answer) == 1 for name in answer}
        return np.flatnonzero(self.dataset.compounds["compound_id"].isin(alone).to_numpy())


def ask(
    dataset: Dataset, predictions: RtPredictions, scored: frozenset[str], config: RunConfig, progress: Progress
) -> Question:
    """Find the candidates and clamp what is known.

    dataset : its labels are those that the fit may see.
    """
    annotations, dataset = heard(dataset, config), certain(dataset, config)
    if "retention" in config.without:
        predictions = replace(predictions, mean_min=np.full_like(predictions.mean_min, np.nan))
    windows = Windows(config.mass_window_ppm, config.rt_window_sd, config.adducts)
    candidates = build_candidates(dataset, predictions, windows)
    found = clamped_calibrants(dataset, candidates)
    clamped = {peak_id: answer for peak_id, answer in found.items() if peak_id not in dataset.labels}
    for message in first_of(_against_calibrants(dataset, found), "labels against calibrants"):
        progress.warn(message)
    labelled = replace(dataset, labels={**clamped, **dataset.labels})
    named = replace(labelled, labels={**named_in_doubt(annotations), **labelled.labels})
    candidates, messages = add_labelled(candidates, named, predictions)
    for message in first_of(messages, "labels outside the windows"):
        progress.warn(message)
    isotopes = find_isotope_peaks(dataset.peaks, named.labels)
    candidates = isotopes.fitted(candidates)
    for message in _about(isotopes):
        progress.info(message)
    if not candidates.compound.size:
        progress.warn("no peak has a candidate in the library: every peak is null. Do polarity, masses and units fit?")
    problem = build_problem(labelled, candidates, predictions, config.unlisted_share)
    problem = _without(problem, config.without)
    if annotations.doubted:
        problem = with_said(problem, labelled, annotations)
    spectra = None if "spectra" in config.without else find_spectral_evidence(labelled, candidates)
    if spectra is not None:
        for message in spectra.found():
            progress.info(message)
        for message in spectra.not_used():
            progress.warn(message)
        problem = replace(problem, spectra_log_ratio=spectra.log_ratio)
    return Question(
        dataset=labelled,
        candidates=isotopes.answered(candidates),
        problem=problem,
        isotopes=isotopes,
        scored=isotopes.scored(dataset.peaks["peak_id"].tolist(), scored - clamped.keys()),
        calibrants=frozenset(clamped),
        annotations=annotations,
        spectra=spectra,
    )


def _against_calibrants(dataset: Dataset, calibrants: Answers) -> list[str]:
    """Labels of peaks that calibrants give another compound, a sentence each."""
    return [
        f"labels: peak {peak_id!r} has the RT and mass of the calibrant {format_options(calibrants[peak_id])!r} and is "
        f"labelled {format_options(label) or 'null'!r}; the label counts"
        for peak_id, label in dataset.labels.items()
        if peak_id in calibrants and not label & calibrants[peak_id]
    ]


def _without(problem: AssignmentProblem, left_out: Collection[Evidence]) -> AssignmentProblem:
    """The problem as if some evidence had not been there; spectra are added later."""
    nothing: dict[str, Any] = {
        "family": {"family": np.zeros_like(problem.family)},
        "intensity": {"intensity_level": None},
        "known_in": {"is_known_in": np.zeros_like(problem.is_known_in)},
        "mz": {"mz_level": None},
        "unlisted": {"unlisted_number": None, "unlisted_rt_ratio": None},
        "upstream": {"upstream": None},
    }
    return replace(problem, **{name: value for what in left_out for name, value in nothing.get(what, {}).items()})


def _about(isotopes: IsotopePeaks) -> list[str]:
    """What became of the isotope peaks that the table names, a sentence each."""
    counts = {
        "isotope peaks have the answer of their monoisotopic peak": int(isotopes.is_isotope.sum()),
        "isotope peaks have no monoisotopic peak of their group at their RT and m/z: each is assigned by itself": (
            isotopes.n_single
        ),
    }
    return [f"{n:,} {what}" for what, n in counts.items() if n]
