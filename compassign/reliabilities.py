"""How a run hears annotators: what is certain, what is a statement that may be wrong, and what it learns of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit

from compassign.annotator_table import ASSUMED, COLUMNS, LEARNED
from compassign.config import RunConfig
from compassign.data.annotators import Annotations, Said, find_annotations
from compassign.data.dataset import Answers, Dataset
from compassign.models.problem import AssignmentProblem
from compassign.models.reliability import NAME, TYPICAL_RELIABILITY
from compassign.models.statements import Statement, align_statements
from compassign.posterior.responsibilities import HDI_PROBABILITY, highest_density_interval
from compassign.units import FloatArray


def heard(dataset: Dataset, config: RunConfig) -> Annotations:
    """Who labelled a dataset, and what of it the model of a run doubts: the generative one alone can."""
    found = find_annotations(dataset.label_rows)
    return found if config.model == "generative" else Annotations(found.annotators)


def certain(dataset: Dataset, config: RunConfig) -> Dataset:
    """The dataset with the labels that the model of a run takes to be right, from which RTs may be learned."""
    doubted = heard(dataset, config).open_peaks
    return replace(dataset, labels={name: answer for name, answer in dataset.labels.items() if name not in doubted})


def named_in_doubt(found: Annotations) -> Answers:
    """Every compound that somebody names of each open peak: all of them are to be candidates."""
    named: dict[str, frozenset[str]] = {}
    for said in found.doubted:
        if said.peak_id in found.open_peaks:
            named[said.peak_id] = named.get(said.peak_id, frozenset()) | said.options
    return named


def with_said(problem: AssignmentProblem, dataset: Dataset, found: Annotations) -> AssignmentProblem:
    """The problem with what annotators said as statements; a peak with a statement counts as labelled."""
    peak = {peak_id: row for row, peak_id in enumerate(dataset.peaks["peak_id"].tolist())}
    compound = {compound_id: row for row, compound_id in enumerate(dataset.compounds["compound_id"].tolist())}
    has_slots = np.diff(problem.offsets) > 0
    said = [one for one in found.doubted if has_slots[peak[one.peak_id]]]
    names = tuple(sorted({one.annotator for one in said}))

    def statement(one: Said) -> Statement:
        return Statement(peak[one.peak_id], frozenset(compound[n] for n in one.options), names.index(one.annotator))

    is_labelled = problem.is_labelled.copy()
    is_labelled[[peak[one.peak_id] for one in found.doubted]] = True
    statements = align_statements([statement(one) for one in said], problem.offsets, problem.compound, names)
    return replace(problem, is_labelled=is_labelled, statements=statements)


def annotators_table(
    found: Annotations, problem: AssignmentProblem, values: Mapping[str, FloatArray] | None
) -> pd.DataFrame:
    """One row an annotator, COLUMNS of `annotators.csv`; without an interval where the reliability is assumed.

    values : draws of the free variables, (n_draws, ...) each; None where nothing was sampled.
    """
    names = problem.statements.annotator_names
    reliabilities: dict[str, tuple[float, float, float, str]] = dict.fromkeys(
        names, (TYPICAL_RELIABILITY, np.nan, np.nan, ASSUMED)
    )
    if names and values is not None:
        draws = expit(values[NAME])
        low, high = highest_density_interval(draws, HDI_PROBABILITY)
        numbers = zip(names, draws.mean(axis=0).tolist(), low.tolist(), high.tolist(), strict=True)
        reliabilities = {name: (mean, start, end, LEARNED) for name, mean, start, end in numbers}
    right = (1.0, np.nan, np.nan, ASSUMED)
    rows = [(one.name, one.n_peaks, one.n_shared, *reliabilities.get(one.name, right)) for one in found.annotators]
    return pd.DataFrame(rows, columns=list(COLUMNS))
