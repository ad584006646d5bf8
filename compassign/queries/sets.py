"""Which options of one peak hold the truth with 90 %, in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from compassign.decisions.sets import SET_LEVEL, Threshold, conformal_sets, credible_sets, set_members
from compassign.evaluation.views import candidate_range
from compassign.posterior.options import NULL_OPTION, Options
from compassign.queries.run_folder import Run
from compassign.units import BoolArray

MAX_NAMED = 6  # options; a line is to be read
NONE = "none of the library"


def describe_sets(run: Run, slots: pd.DataFrame) -> str:
    """The credible set of a peak and, where the run had audit labels, the conformal one.

    slots : the peak's rows of `run.candidates`, its null first.
    """
    totals = slots.groupby("compound_id", sort=False)["probability"].sum()
    options = Options(
        offsets=np.array([0, len(totals)]),
        compound=np.where(totals.index == "", NULL_OPTION, np.arange(len(totals))),
        probability=totals.to_numpy(dtype=np.float64),
    )
    names = run.names(pd.Series(totals.index)).to_numpy()
    is_credible = credible_sets(options)
    held = min(float(options.probability[is_credible].sum()), 1.0)
    text = f"{100 * SET_LEVEL:.0f} % set: {_listed(options, is_credible, names.tolist())} (together {held:.3f})"
    group = candidate_range(np.array([len(slots) - 1]))
    thresholds = (run.metrics.get("sets") or {}).get("thresholds")
    if not thresholds:
        return text
    found = thresholds[str(group[0])]
    level = np.inf if found["level"] is None else float(found["level"])
    is_in = conformal_sets(options, group, {str(group[0]): Threshold(found["n_labels"], level, found["is_pooled"])})
    why = ", too few labels to leave any out" if np.isinf(level) else ""
    return f"{text}; by {found['n_labels']} audit labels: {_listed(options, is_in, names.tolist())}{why}"


def _listed(options: Options, is_member: BoolArray, names: list[str]) -> str:
    """The members by name, the most probable first."""
    members = [names[at] or NONE for at in set_members(options, is_member)[0].tolist()]
    if len(members) > MAX_NAMED:
        return f"{', '.join(members[:MAX_NAMED])} and {len(members) - MAX_NAMED} more"
    return " or ".join(filter(None, [", ".join(members[:-1]), members[-1]]))
