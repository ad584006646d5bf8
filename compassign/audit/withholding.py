"""Repeat a run without compounds that are known to be there, and count their peaks that are accepted as others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from compassign.audit.intervals import share_of
from compassign.data.answers import parse_cells
from compassign.data.dataset import Answers, Dataset
from compassign.decisions.fdr import Decisions, accepted_at
from compassign.errors import InputError
from compassign.evaluation.metrics import FDR_LEVELS
from compassign.pipeline import Repeated
from compassign.units import BoolArray

N_PARTS = 5
PART = 0.1  # of the labelled compounds are withheld at a time: enough to count, too few to change the fit
MIN_COMPOUNDS = 10  # so that a part holds one


@dataclass(frozen=True)
class AcceptedShare:
    """What is accepted at one limit of the peaks whose compound was withheld: all of it is false.

    n_accepted : of `n_peaks` peaks. share : of them. low, high : its 95 % interval, which counts compounds where their
    peaks go together. n_compounds : with at least one accepted peak.
    """

    n_accepted: int
    share: float
    low: float
    high: float
    n_compounds: int


@dataclass(frozen=True)
class WithholdingAudit:
    """Peaks of withheld compounds over all parts.

    verdicts : of the repeated fits. levels : limit, as text -> what it accepts. accepted_share : limit -> share of all
    other unlabelled peaks that the repeated fits accept, to compare with.
    """

    n_parts: int
    n_compounds: int
    n_peaks: int
    verdicts: tuple[str, ...]
    levels: dict[str, AcceptedShare]
    accepted_share: dict[str, float | None]


@dataclass(frozen=True)
class Part:
    """What one repetition is without.

    dataset : without the compounds, their labels and calibrants, and without any truth. peak, compound : (n,) index and
    name of each peak that a label says is of a withheld compound alone.
    """

    dataset: Dataset
    peak: tuple[int, ...]
    compound: tuple[str, ...]


def audit_withholding(
    dataset: Dataset, decide: Callable[[Dataset], Repeated], rng: np.random.Generator
) -> WithholdingAudit:
    """Withhold a tenth of the labelled compounds five times, each another tenth, and fit the rest again.

    dataset : its labels are those that the run saw; its truth is not looked at. decide : takes the run's stages. Raises
    InputError where labels name too few compounds.
    """
    parts = list(withhold(dataset, rng))
    found = [decide(part.dataset) for part in parts]
    return _summarise(parts, [repeated.decisions for repeated in found], tuple(repeated.verdict for repeated in found))


def withhold(dataset: Dataset, rng: np.random.Generator) -> Iterator[Part]:
    """Cut the labelled compounds into disjoint parts and yield the dataset without each."""
    labelled = sorted({name for answer in dataset.labels.values() if len(answer) == 1 for name in answer})
    if len(labelled) < MIN_COMPOUNDS:
        raise InputError(
            f"withholding needs labels of at least {MIN_COMPOUNDS} compounds, found {len(labelled)}: label more peaks"
        )
    size = round(PART * len(labelled))
    order = rng.permutation(len(labelled))
    row = {peak_id: at for at, peak_id in enumerate(dataset.peaks["peak_id"].tolist())}
    for start in range(0, N_PARTS * size, size):
        names = frozenset(labelled[at] for at in order[start : start + size])
        alone = [(row[peak_id], min(answer)) for peak_id, answer in dataset.labels.items() if len(answer) == 1]
        own = [(peak, name) for peak, name in alone if name in names]
        yield Part(_without(dataset, names), tuple(peak for peak, _ in own), tuple(name for _, name in own))


def _without(dataset: Dataset, names: frozenset[str]) -> Dataset:
    """The dataset as if nobody had ever known of these compounds."""
    compounds, calibrants, rows = dataset.compounds, dataset.calibrants, dataset.label_rows
    said = parse_cells(rows["compound_id"].tolist()) if len(rows) else []
    is_named = np.array([bool(options & names) for options in said], dtype=np.bool_)
    labels: Answers = {peak_id: answer for peak_id, answer in dataset.labels.items() if not answer & names}
    return replace(
        dataset,
        compounds=compounds[~compounds["compound_id"].isin(names)].reset_index(drop=True),
        calibrants=calibrants[~calibrants["compound_id"].isin(names)].reset_index(drop=True),
        retention=dataset.retention[~dataset.retention["compound_id"].isin(names)].reset_index(drop=True),
        labels=labels,
        label_rows=rows[~rows["peak_id"].isin(rows["peak_id"][is_named])].reset_index(drop=True) if len(rows) else rows,
        truth=None,
    )


def _summarise(parts: list[Part], decided: list[Decisions], verdicts: tuple[str, ...]) -> WithholdingAudit:
    names = [name for part in parts for name in part.compound]
    levels: dict[str, AcceptedShare] = {}
    others: dict[str, float | None] = {}
    for alpha in FDR_LEVELS:
        pairs = list(zip(parts, decided, strict=True))
        own = np.concatenate([accepted_at(decisions, alpha)[list(part.peak)] for part, decisions in pairs])
        rest = np.concatenate([accepted_at(decisions, alpha)[_is_other(part, decisions)] for part, decisions in pairs])
        levels[f"{alpha:g}"] = _share(own, names)
        others[f"{alpha:g}"] = float(rest.mean()) if rest.size else None
    return WithholdingAudit(len(parts), len(set(names)), len(names), verdicts, levels, others)


def _is_other(part: Part, decisions: Decisions) -> BoolArray:
    """(n_peaks,) whether a peak is neither of a withheld compound nor one whose answer was given."""
    is_given = (decisions.call >= 0) & np.isnan(decisions.pep)
    is_given[list(part.peak)] = True
    return np.asarray(~is_given)


def _share(is_accepted: BoolArray, names: list[str]) -> AcceptedShare:
    found = share_of(is_accepted, np.unique(names, return_inverse=True)[1])
    return AcceptedShare(
        n_accepted=int(is_accepted.sum()),
        share=found.share,
        low=found.low,
        high=found.high,
        n_compounds=len({name for name, accepted in zip(names, is_accepted, strict=True) if accepted}),
    )
