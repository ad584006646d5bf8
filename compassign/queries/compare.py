"""Two or more runs side by side: what was set differently, and what that changed, peak by peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.evaluation import comparison
from compassign.evaluation.elpd import ElpdDifference, describe_elpd
from compassign.evaluation.metrics import NULL_CALL
from compassign.queries.calibration import scores, why_unscored
from compassign.queries.elpd import elpd_difference, why_no_elpd
from compassign.queries.run_folder import Run

METRICS = ("precision", "recall", "f1", "top1", "log_loss", "brier", "ece")
_COUNTS = ("n_scored", "accepted_")  # beginnings of the names of whole numbers
DECISIONS = ("accept", "review", "null")
MISSING = "-"
BOOTSTRAP_SEED = 0  # the same two runs always get the same verdict
_DIFFERENCE = ("metric", "a", "b", "difference", "low", "high", "p_a_better", "p_equal", "p_b_better")


@dataclass(frozen=True)
class Comparison:
    """Run A, the baseline, against run B.

    unpaired : why the runs cannot be compared peak by peak, "" if they can. unscored : why no peak scores both, "" if
        some do. settings : the settings that differ: setting, a, b.
    elpd : how both predict each peak from the others, which needs no truth; None where no_elpd says why not.
    paired : what the peaks that score both runs say; None where there are none.
    metrics : `paired` as a table, one row a metric; the columns of `compassign.evaluation.comparison.Difference` and
        better (`A`, `B`, `equal`, or "" where none is sure). No rows where nothing is paired.
    calls : peaks by A's call (rows `compound`, `null`) and B's (columns `same`, `other compound`, `null`).
    decisions : peaks by A's decision (rows) and B's (columns), both in the order of DECISIONS.
    peaks : one row for each peak of both runs: peak_id, mz, rt_min, species, call_a, name_a, probability_a, decision_a,
        the same of b, is_changed (another compound, or null), right_a, right_b (1, 0; NaN where not paired).
    """

    unpaired: str
    unscored: str
    elpd: ElpdDifference | None
    no_elpd: str
    settings: pd.DataFrame
    paired: comparison.Paired | None
    metrics: pd.DataFrame
    calls: pd.DataFrame
    decisions: pd.DataFrame
    peaks: pd.DataFrame

    @property
    def n_paired(self) -> int:
        """Peaks that score both runs."""
        return 0 if self.paired is None else self.paired.n_peaks

    @property
    def changed(self) -> pd.DataFrame:
        """Peaks whose call changed, the surest first."""
        changed = self.peaks[self.peaks["is_changed"]]
        surest = changed[["probability_a", "probability_b"]].max(axis=1)
        return changed.loc[surest.sort_values(ascending=False, kind="stable").index]


def compare(run_a: Run, run_b: Run) -> Comparison:
    """Compare run B with the baseline A; peaks that either fit trained on score neither.

    Runs on different datasets share no peaks, so `peaks` and the tables of agreement are empty for them.
    """
    unpaired = why_unpaired(run_a, run_b)
    score_a, score_b = _scores(run_a), _scores(run_b)
    both = score_a.index.intersection(score_b.index) if not unpaired else score_a.index[:0]
    paired_a, paired_b = score_a.loc[both], score_b.loc[both]
    peaks = _side_by_side(run_a, run_b, paired_a, paired_b)
    paired = _paired(run_a, paired_a, paired_b) if len(both) else None
    no_elpd = why_no_elpd(run_a, run_b)
    elpd = None if no_elpd else elpd_difference(run_a, run_b)
    return Comparison(
        unpaired=unpaired,
        unscored="" if len(both) else _why_none(run_a, run_b),
        elpd=elpd,
        no_elpd=no_elpd or ("" if elpd else "no peak could be left out"),
        settings=differing_settings([run_a, run_b]).set_axis(["setting", "a", "b"], axis=1),
        paired=paired,
        metrics=_metrics(paired),
        calls=_call_agreement(peaks),
        decisions=pd.crosstab(peaks["decision_a"], peaks["decision_b"]).reindex(
            index=list(DECISIONS), columns=list(DECISIONS), fill_value=0
        ),
        peaks=peaks,
    )


def describe(found: Comparison, name_a: str = "A", name_b: str = "B") -> list[str]:
    """Say what the paired peaks show: verdict, peaks that one run alone calls right, ELPD; else why not."""
    if found.unpaired:
        return [f"{name_a} and {name_b} cannot be compared peak by peak: {found.unpaired}"]
    if found.paired is None:
        return [
            f"{name_a} and {name_b} have no scores to compare: {found.unscored}",
            _describe_elpd(found, name_a, name_b),
        ]
    test = found.paired.mcnemar
    return [
        comparison.verdict(found.paired, name_a, name_b),
        f"{name_a} alone is right at {test.only_a} peaks, {name_b} alone at {test.only_b} (exact McNemar test, "
        f"peaks taken as independent: p = {test.p_value:.2g})",
        _describe_elpd(found, name_a, name_b),
    ]


def _describe_elpd(found: Comparison, name_a: str, name_b: str) -> str:
    """The leave-one-out comparison, or why there is none."""
    if found.elpd is None:
        return f"{name_a} and {name_b} are not compared by leave-one-out prediction (ELPD): {found.no_elpd}"
    caution = (
        ". Their unlisted shares differ, and which fits the tails of the retention times is not which is true"
        if "unlisted_share" in found.settings["setting"].to_numpy()
        else ""
    )
    return f"{describe_elpd(found.elpd, name_a, name_b)}{caution}"


def why_unpaired(run_a: Run, run_b: Run) -> str:
    """Why two runs cannot be compared peak by peak; "" if they can."""
    if run_a.record.dataset_hash != run_b.record.dataset_hash:
        return "the two runs have different datasets (their dataset hashes differ): their peaks are not the same"
    if run_a.record.truth_hash != run_b.record.truth_hash:
        return "the truth changed between the two runs (their truth hashes differ): their scores are not comparable"
    return ""


def _why_none(run_a: Run, run_b: Run) -> str:
    return why_unscored(run_a) or why_unscored(run_b) or "no peak scores both of them"


def differing_settings(runs: Sequence[Run]) -> pd.DataFrame:
    """The settings that are not the same in all runs: column `setting`, then one column of text a run, by position."""
    flat = [_flat(run.record.config.model_dump(mode="json")) for run in runs]
    names = list(dict.fromkeys(name for settings in flat for name in settings))
    rows = [(name, *(settings.get(name, "") for settings in flat)) for name in names]
    differing = [row for row in rows if len(set(row[1:])) > 1]
    return pd.DataFrame(differing, columns=["setting", *range(len(runs))])


def metric_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Each run's own numbers: column `metric`, then one column a run, by position; NaN where there is none.

    Rows: METRICS, n_scored, `accepted_<limit>`, `false_share_<limit>` and `runtime_s`.
    """
    columns = [_numbers(run.metrics) for run in runs]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [(name, *(column.get(name, np.nan) for column in columns)) for name in names]
    return pd.DataFrame(rows, columns=["metric", *range(len(runs))])


def metric_texts(runs: Sequence[Run]) -> pd.DataFrame:
    """`metric_table` as text, each number with the digits that are known of it, "" where there is none."""
    table = metric_table(runs)
    texts = [
        [_text(str(name), float(value)) for value in row]
        for name, row in zip(table["metric"], table.drop(columns="metric").to_numpy(), strict=True)
    ]
    return pd.DataFrame(texts, columns=list(range(len(runs)))).assign(metric=table["metric"])


def _text(name: str, value: float) -> str:
    if np.isnan(value):
        return ""
    if name.startswith(_COUNTS):
        return f"{value:,.0f}"
    return f"{value:.1f}" if name == "runtime_s" else f"{value:.3f}"


def _flat(settings: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Nested settings with dotted names, as text."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return flat


def _numbers(metrics: Mapping[str, object]) -> dict[str, float]:
    numbers = {name: _number(metrics.get(name)) for name in (*METRICS, "n_scored")}
    fdr, stages = metrics.get("fdr"), metrics.get("runtime_s")
    levels = fdr if isinstance(fdr, Mapping) else {}
    for limit, level in levels.items():
        found = level if isinstance(level, Mapping) else {}
        numbers[f"accepted_{limit}"] = _number(found.get("n_accepted"))
        numbers[f"false_share_{limit}"] = _number(found.get("false_share"))
    if isinstance(stages, Mapping):
        numbers["runtime_s"] = sum(_number(value) for name, value in stages.items() if name != "total")
    return numbers


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else np.nan


def _scores(run: Run) -> pd.DataFrame:
    """The scored peaks by peak_id, and whether each is accepted at the limit at which runs are compared."""
    table = scores(run)
    is_accepted = run.peaks["q_value"].reindex(table.index) <= comparison.ACCEPTED_ALPHA
    return table.assign(is_accepted=is_accepted).set_index("peak_id")


def _paired(run_a: Run, a: pd.DataFrame, b: pd.DataFrame) -> comparison.Paired:
    """Set the scores of the same peaks against each other."""
    truth = run_a.truth or {}
    peaks = comparison.PairedPeaks(
        cluster=comparison.cluster_by_truth([truth[peak_id] for peak_id in a.index]),
        is_null=a["is_null"].to_numpy(dtype=np.bool_),
    )
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    return comparison.compare_paired(_run_scores(a), _run_scores(b), peaks, rng)


def _run_scores(table: pd.DataFrame) -> comparison.RunScores:
    return comparison.RunScores(
        log_loss=table["log_loss"].to_numpy(dtype=np.float64),
        brier=table["brier"].to_numpy(dtype=np.float64),
        is_right=table["is_right"].to_numpy(dtype=np.bool_),
        is_call=(table["outcome"] != NULL_CALL).to_numpy(dtype=np.bool_),
        is_accepted=table["is_accepted"].to_numpy(dtype=np.bool_),
    )


def _metrics(paired: comparison.Paired | None) -> pd.DataFrame:
    found = paired.differences if paired else ()
    rows = [(*(getattr(row, name) for name in _DIFFERENCE), row.outcome) for row in found]
    return pd.DataFrame(rows, columns=[*_DIFFERENCE, "better"])


def difference_texts(paired: comparison.Paired) -> pd.DataFrame:
    """`Comparison.metrics` as text: whole peaks, three digits of all else, MISSING where there is nothing."""
    rows = []
    for row in paired.differences:
        digits = ".0f" if comparison.METRICS[row.metric].is_count else ".3f"
        formats = (digits, digits, *[f"+{digits}"] * 3, *[".2f"] * 3)
        values = (getattr(row, name) for name in _DIFFERENCE[1:])
        texts = [MISSING if np.isnan(value) else f"{value:{form}}" for value, form in zip(values, formats, strict=True)]
        rows.append((row.metric, *texts, row.outcome))
    return pd.DataFrame(rows, columns=[*_DIFFERENCE, "better"])


def _side_by_side(run_a: Run, run_b: Run, paired_a: pd.DataFrame, paired_b: pd.DataFrame) -> pd.DataFrame:
    """Each peak of both runs once; none where the datasets differ."""
    is_same = run_a.record.dataset_hash == run_b.record.dataset_hash
    columns = ("assigned_compound", "probability", "decision")
    a = run_a.peaks if is_same else run_a.peaks[:0]
    b = run_b.peaks.set_index("peak_id").reindex(a["peak_id"])
    table = a[["peak_id", "mz", "rt_min", "species"]].copy()
    for letter, run, frame, paired in (("a", run_a, a, paired_a), ("b", run_b, b, paired_b)):
        values = {name: frame[name].to_numpy() for name in columns}
        table[f"call_{letter}"] = values["assigned_compound"]
        table[f"name_{letter}"] = run.names(table[f"call_{letter}"])
        table[f"probability_{letter}"] = values["probability"]
        table[f"decision_{letter}"] = values["decision"]
        table[f"right_{letter}"] = table["peak_id"].map(paired["is_right"].astype(np.float64))
    return table.assign(is_changed=table["call_a"] != table["call_b"])


def _call_agreement(peaks: pd.DataFrame) -> pd.DataFrame:
    """Counts of peaks, 2 x 3."""
    call_a, call_b = peaks["call_a"], peaks["call_b"]
    row = call_a.eq("").map({True: "null", False: "compound"})
    column = pd.Series("other compound", index=peaks.index).mask(call_b.eq(""), "null").mask(call_a == call_b, "same")
    return pd.crosstab(row, column).reindex(
        index=["compound", "null"], columns=["same", "other compound", "null"], fill_value=0
    )
