"""Two or more runs side by side: what was set differently, and what that changed, peak by peak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.evaluation.metrics import CORRECT, NULL_CALL, calibration_bins, calibration_error
from compassign.queries.calibration import scores
from compassign.queries.run_folder import Run
from compassign.units import FloatArray

METRICS = ("precision", "recall", "f1", "top1", "log_loss", "brier", "ece")
_SMALL_IS_GOOD = frozenset({"log_loss", "brier", "ece"})
_COUNTS = ("n_scored", "accepted_")  # beginnings of the names of whole numbers
DECISIONS = ("accept", "review", "null")
NORMAL_95 = 1.959963984540054  # half-width of a 95 % interval, in standard errors


@dataclass(frozen=True)
class Comparison:
    """Run A, the baseline, against run B.

    unpaired : why the runs cannot be compared peak by peak, "" if they can; where they cannot, or nothing is scored in
        both, differences are NaN.
    settings : the settings that differ: setting, a, b. n_paired : peaks that score both runs.
    metrics : metric, a, b, difference (b - a), low, high (95 % interval of the difference), better (`A` or `B` where
        the interval leaves out 0, else ""). Where runs are paired, a and b are of the paired peaks alone, else of
        each run's own; ece has no interval.
    calls : peaks by A's call (rows `compound`, `null`) and B's (columns `same`, `other compound`, `null`).
    decisions : peaks by A's decision (rows) and B's (columns), both in the order of DECISIONS.
    peaks : one row for each peak of both runs: peak_id, mz, rt_min, species, call_a, name_a, probability_a, decision_a,
        the same of b, is_changed (another compound, or null), right_a, right_b (1, 0; NaN where not paired).
    """

    unpaired: str
    settings: pd.DataFrame
    n_paired: int
    metrics: pd.DataFrame
    calls: pd.DataFrame
    decisions: pd.DataFrame
    peaks: pd.DataFrame

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
    score_a, score_b = scores(run_a).set_index("peak_id"), scores(run_b).set_index("peak_id")
    both = score_a.index.intersection(score_b.index) if not unpaired else score_a.index[:0]
    paired_a, paired_b = score_a.loc[both], score_b.loc[both]
    peaks = _side_by_side(run_a, run_b, paired_a, paired_b)
    return Comparison(
        unpaired=unpaired,
        settings=differing_settings([run_a, run_b]).set_axis(["setting", "a", "b"], axis=1),
        n_paired=len(both),
        metrics=_paired_metrics(run_a, paired_a, paired_b) if len(both) else _own_metrics(run_a, run_b),
        calls=_call_agreement(peaks),
        decisions=pd.crosstab(peaks["decision_a"], peaks["decision_b"]).reindex(
            index=list(DECISIONS), columns=list(DECISIONS), fill_value=0
        ),
        peaks=peaks,
    )


def why_unpaired(run_a: Run, run_b: Run) -> str:
    """Why two runs cannot be compared peak by peak; "" if they can."""
    if run_a.record.dataset_hash != run_b.record.dataset_hash:
        return "the two runs have different datasets (their dataset hashes differ): their peaks are not the same"
    if run_a.record.truth_hash != run_b.record.truth_hash:
        return "the truth changed between the two runs (their truth hashes differ): their scores are not comparable"
    return ""


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


def _own_metrics(run_a: Run, run_b: Run) -> pd.DataFrame:
    """Each run's own scores, without differences."""
    table = metric_table([run_a, run_b]).set_axis(["metric", "a", "b"], axis=1)
    own = table[table["metric"].isin(METRICS)]
    return own.assign(difference=np.nan, low=np.nan, high=np.nan, better="").reset_index(drop=True)


def _paired_metrics(run_a: Run, a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Scores on the paired peaks, with normal intervals of their differences.

    All but ece are ratios of sums over peaks, whose errors are linear in the peaks (delta method). Peaks of the same
    true compounds err together, so that the variance is summed over compounds and not over peaks.
    """
    truth = run_a.truth or {}
    answers = [";".join(sorted(truth[peak_id])) or f"\n{peak_id}" for peak_id in a.index]  # nulls stand alone
    cluster = pd.factorize(np.array(answers, dtype=object))[0]
    parts_a, parts_b = _parts(a), _parts(b)
    rows = []
    for name in METRICS[:-1]:
        (value_a, influence_a), (value_b, influence_b) = (_ratio(*parts[name]) for parts in (parts_a, parts_b))
        by_cluster = np.bincount(cluster, weights=influence_b - influence_a)
        half = NORMAL_95 * float(np.sqrt((by_cluster**2).sum()))
        difference = value_b - value_a
        rows.append((name, value_a, value_b, difference, difference - half, difference + half))
    ece_a, ece_b = _ece(a), _ece(b)
    rows.append(("ece", ece_a, ece_b, ece_b - ece_a, np.nan, np.nan))
    table = pd.DataFrame(rows, columns=["metric", "a", "b", "difference", "low", "high"])
    low, high = table["low"], table["high"]
    gain_low = low.mask(table["metric"].isin(_SMALL_IS_GOOD), -high)
    gain_high = high.mask(table["metric"].isin(_SMALL_IS_GOOD), -low)
    return table.assign(better=np.select([gain_low > 0.0, gain_high < 0.0], ["B", "A"], ""))


def _parts(table: pd.DataFrame) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Numerator and denominator of each metric, (n_peaks,) each."""
    outcome = table["outcome"].to_numpy()
    is_correct = np.asarray(outcome == CORRECT, dtype=np.float64)
    is_call = np.asarray(outcome != NULL_CALL, dtype=np.float64)
    is_findable = np.asarray(1.0 - table["is_null"].to_numpy(dtype=np.float64))
    one = np.ones(len(table))
    return {
        "precision": (is_correct, is_call),
        "recall": (is_correct, is_findable),
        "f1": (2.0 * is_correct, is_call + is_findable),
        "top1": (table["is_right"].to_numpy(dtype=np.float64), one),
        "log_loss": (table["log_loss"].to_numpy(dtype=np.float64), one),
        "brier": (table["brier"].to_numpy(dtype=np.float64), one),
    }


def _ratio(numerator: FloatArray, denominator: FloatArray) -> tuple[float, FloatArray]:
    """A ratio of sums and what each peak adds to its error; NaN without a denominator."""
    whole = float(denominator.sum())
    if whole == 0.0:
        return np.nan, np.full(numerator.size, np.nan)
    value = float(numerator.sum()) / whole
    return value, (numerator - value * denominator) / whole


def _ece(table: pd.DataFrame) -> float:
    bins = calibration_bins(table["top_probability"].to_numpy(), table["is_right"].to_numpy(dtype=np.bool_))
    return _number(calibration_error(bins))


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
