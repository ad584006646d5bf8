"""Repeat a run with library entries that cannot be present, and bound its false share by those that are accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compassign.audit.entries import Trap
from compassign.audit.intervals import Share, share_of
from compassign.candidates import peak_of_slot
from compassign.data.dataset import Dataset
from compassign.decisions.fdr import accepted_at
from compassign.errors import InputError
from compassign.evaluation.metrics import FDR_LEVELS
from compassign.pipeline import Repeated
from compassign.units import BoolArray, IntArray


@dataclass(frozen=True)
class EntrapmentLevel:
    """What is accepted at one limit among the peaks without labels.

    n_targets, n_entries : accepted peaks that are called as such. n_target_compounds, n_entry_compounds : distinct ones
    among them. lower : N_E / (N_T + N_E), the share that is false for certain. upper : N_E (1 + 1/rho) / (N_T + N_E),
    which counts as many false targets for each slot of them. Both None where nothing is accepted. finding : whether the
    limit is kept, in words.
    Source: Wen et al. 2025, Nature Methods 22:1454.
    """

    n_targets: int
    n_entries: int
    n_target_compounds: int
    n_entry_compounds: int
    lower: Share | None
    upper: Share | None
    finding: str


@dataclass(frozen=True)
class EntrapmentAudit:
    """How the repeated run accepts entries.

    n_made, n_foreign : entries that were made and those of other species. n_peaks : without labels and with candidates.
    target_slots, entry_slots : their candidates. rho : entry slots for each target slot. verdict : of the repeated fit.
    levels : limit, as text -> what it accepts.
    """

    n_made: int
    n_foreign: int
    n_peaks: int
    target_slots: int
    entry_slots: int
    rho: float
    verdict: str
    levels: dict[str, EntrapmentLevel]


def audit_entrapment(trap: Trap, decide: Callable[[Dataset], Repeated]) -> EntrapmentAudit:
    """Fit the dataset with entries and count what is accepted.

    decide : takes the run's stages. Raises InputError where no entry is a candidate of a peak without label.
    """
    repeated = decide(trap.dataset)
    candidates, decisions = repeated.question.candidates, repeated.decisions
    is_open = ~repeated.question.is_labelled
    slots = candidates.compound[is_open[peak_of_slot(candidates)]]
    entry_slots = int(trap.is_entry[slots].sum())
    target_slots = slots.size - entry_slots
    if not entry_slots or not target_slots:
        raise InputError("entrapment needs peaks without labels that have candidates, and none is left")
    rho = entry_slots / target_slots
    accepted = {alpha: decisions.call[accepted_at(decisions, alpha) & is_open] for alpha in FDR_LEVELS}
    return EntrapmentAudit(
        n_made=int(trap.is_entry.sum()) - trap.n_foreign,
        n_foreign=trap.n_foreign,
        n_peaks=int((is_open & (np.diff(candidates.offsets) > 0)).sum()),
        target_slots=target_slots,
        entry_slots=entry_slots,
        rho=rho,
        verdict=repeated.verdict,
        levels={f"{alpha:g}": bound_false_share(calls, trap.is_entry, rho, alpha) for alpha, calls in accepted.items()},
    )


def bound_false_share(calls: IntArray, is_entry: BoolArray, rho: float, alpha: float) -> EntrapmentLevel:
    """Bound the false share of accepted peaks.

    calls : (n_accepted,) library index of each. is_entry : (n_compounds,). rho : above 0. alpha : the limit, 0 to 1.
    """
    is_trapped = is_entry[calls]
    lower = share_of(is_trapped, calls) if calls.size else None
    upper = lower.times(1.0 + 1.0 / rho) if lower else None
    compounds = np.unique(calls)
    return EntrapmentLevel(
        n_targets=int((~is_trapped).sum()),
        n_entries=int(is_trapped.sum()),
        n_target_compounds=int((~is_entry[compounds]).sum()),
        n_entry_compounds=int(is_entry[compounds].sum()),
        lower=lower,
        upper=upper,
        finding=_finding(lower, upper, alpha, calls.size),
    )


def _finding(lower: Share | None, upper: Share | None, alpha: float, n_accepted: int) -> str:
    if lower and lower.low > alpha:
        return "not controlled"
    if upper and upper.high < alpha:
        return "controlled"
    return f"cannot be told with {n_accepted} accepted peaks"
