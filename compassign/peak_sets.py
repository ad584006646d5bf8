"""The sets of options of every peak of a run: `results/candidate_sets.csv`, and how often they hold the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from compassign.decisions.sets import set_members
from compassign.evaluation.metrics import Predictions
from compassign.evaluation.set_coverage import Peaks, PeakSets, SetCoverage, find_sets
from compassign.evaluation.views import candidate_range
from compassign.posterior.options import Options, peak_options
from compassign.question import Question
from compassign.results import write_csv
from compassign.tables import OPTION_SEPARATOR
from compassign.units import BoolArray


def write_sets(question: Question, predictions: Predictions, folder: Path) -> SetCoverage:
    """Write the sets of every peak into a folder of results, and say how often they hold the truth."""
    dataset = question.dataset
    is_scored = dataset.peaks["peak_id"].isin(question.scored).to_numpy(dtype=np.bool_)
    is_calibrant = dataset.peaks["peak_id"].isin(question.calibrants).to_numpy(dtype=np.bool_)
    peaks = Peaks(
        peak_id=predictions.peak_id,
        compound_id=predictions.compound_id,
        options=peak_options(predictions.compounds, predictions.null),
        group=candidate_range(np.diff(question.candidates.offsets)),
        is_seen=question.is_labelled | is_calibrant,
        is_scored=is_scored,
    )
    sets = find_sets(peaks, dataset.audit, dataset.truth)
    write_csv(sets_table(peaks, sets), folder / "candidate_sets.csv")
    return sets.coverage


def sets_table(peaks: Peaks, sets: PeakSets) -> pd.DataFrame:
    """One row a peak; sets as options separated by `;`, the most probable first, the null as an empty name.

    `conformal_set` only where there are audit labels.
    """
    options = peaks.options
    table = pd.DataFrame(
        {
            "peak_id": peaks.peak_id,
            "n_options": np.diff(options.offsets),
            "credible_set": _texts(options, peaks, sets.credible),
            "credible_probability": np.minimum(options.sum_by_peak(sets.credible * options.probability), 1.0),
        }
    )
    return table if sets.conformal is None else table.assign(conformal_set=_texts(options, peaks, sets.conformal))


def _texts(options: Options, peaks: Peaks, is_member: BoolArray) -> list[str]:
    """The members of each peak's set as one text."""
    member, offsets = set_members(options, is_member)
    names = np.append(np.asarray(peaks.compound_id, dtype=object), "")[options.compound[member]].tolist()  # -1: null
    return [OPTION_SEPARATOR.join(names[start:end]) for start, end in zip(offsets[:-1], offsets[1:], strict=True)]
