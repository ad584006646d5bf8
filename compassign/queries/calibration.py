"""How far the probabilities of a run can be trusted, on the peaks whose truth its fit did not see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from compassign.data.dataset import Answers
from compassign.decisions.fdr import Decisions
from compassign.evaluation import views
from compassign.evaluation.calibration import Estimate, Summary, calibration_bins, summarise_calibration
from compassign.evaluation.metrics import NULL_CALL, Predictions, score_peaks
from compassign.evaluation.reliability_curve import Curve, Statements
from compassign.evaluation.views import NUMBERS, PeakGroups, View, build_views, summarise_groups
from compassign.posterior.assignments import CompoundProbabilities
from compassign.queries.peaks import null_probability, option_starts
from compassign.queries.run_folder import Run
from compassign.units import BoolArray, FloatArray

Target = views.Target  # pages read it here

N_DECIMALS = 3  # of the numbers of a table
NOTHING_SCORED = {"call": "peak", "pair": "peak with candidates", "null": "peak"}
THRESHOLDS = np.arange(101) / 100  # as finely as a slider moves

SCORE_COLUMNS = (
    *("peak_id", "species", "top_probability", "p_null", "is_null", "outcome", "is_right"),
    *("true_probability", "log_loss", "brier"),
)


@dataclass(frozen=True)
class Reliability:
    """Probabilities against frequencies, without bins (CORP), and how the probabilities are spread.

    curve : one row a distinct probability, at most 1,001, ascending: probability, frequency (isotonic), low, high (the
        whole frequency lies between them in 90 % of cases if the probabilities are right), all 0 to 1.
    bins : one row a bin of equal width: low, high, count, mean_probability, frequency (NaN in an empty bin).
    numbers : one row a number of `compassign.evaluation.views.NUMBERS`: number, label, meaning, and as text value,
        interval (95 %, "" where there is none) and if_calibrated (its mean if all probabilities were right, likewise).
    n_scored : statements. counted : what they are, `peaks` or `pairs`. is_inside_band : whether the whole curve is.
    missing : why there is nothing, else "".
    """

    curve: pd.DataFrame
    bins: pd.DataFrame
    numbers: pd.DataFrame
    n_scored: int
    counted: str
    is_inside_band: bool
    missing: str


@dataclass(frozen=True)
class Thresholds:
    """What would be accepted at each threshold on the probability of a compound call.

    table : threshold (0 to 1), n_accepted (peaks, without those whose answer was given), expected_false_share (mean of
        1 - probability); on the scored peaks n_scored, precision, recall and false_share, all NaN where `missing`.
        A share of nothing is NaN. missing : why there is no precision, else "".
    """

    table: pd.DataFrame
    missing: str

    def at(self, threshold: float) -> pd.Series[float]:
        """The row of the threshold nearest to one."""
        return self.table.iloc[int((self.table["threshold"] - threshold).abs().to_numpy().argmin())]


@dataclass(frozen=True)
class AtAGlance:
    """Whether the probabilities of the calls can be read as they are, and a sentence that says so."""

    is_trusted: bool
    sentence: str


def at_a_glance(run: Run, found: Reliability) -> AtAGlance:
    """Say what the curve of the calls shows; found : of `reliability` for the calls of all species."""
    scored = scores(run)
    said, right = float(scored["top_probability"].mean()), float(scored["is_right"].mean())
    means = f"on average the calls say {said:.2f}, and {right:.2f} of them are right"
    if found.is_inside_band:
        return AtAGlance(True, f"The probabilities come true about as often as they say: {means}.")
    way = "too sure" if said > right else "less sure than they could be"
    return AtAGlance(False, f"The probabilities are {way}, by more than chance: {means}.")


def why_unscored(run: Run) -> str:
    """What is missing before a run can be scored, and where to get it; "" if nothing is."""
    if run.dataset_problem:
        return run.dataset_problem
    if run.truth is None:
        return (
            "this dataset has no known answers to compare with: add truth.csv (peak_id, compound_id) to its folder, or "
            "try a simulated demonstration"
        )
    if not _is_scored(run, run.truth).any():
        return "the fit has seen every peak whose truth is known: run it again with a smaller label fraction"
    return ""


def _is_scored(run: Run, truth: Answers) -> BoolArray:
    """(n_peaks,) whether the truth is known and the fit did not see it."""
    peaks = run.peaks
    seen = (peaks["is_labelled"] | peaks["is_calibrant"]).to_numpy(dtype=np.bool_)
    has_truth = np.array([peak_id in truth for peak_id in peaks["peak_id"].tolist()], dtype=np.bool_)
    return np.asarray(has_truth & ~seen)


def scores(run: Run) -> pd.DataFrame:
    """One row for each peak that scores the run, index = row in `run.peaks`; no rows where it cannot be scored.

    Columns: peak_id, species, top_probability (of the call), p_null, is_null (the truth), outcome (of
    `compassign.evaluation.metrics`), is_right, true_probability, log_loss (nats, floored), brier.
    """
    if run.truth is None or why_unscored(run):
        return pd.DataFrame({name: [] for name in SCORE_COLUMNS})
    scored = score_peaks(predictions_of(run), run.truth)
    columns = {name: values for name, values in vars(scored).items() if name != "peak"}
    table = pd.DataFrame(columns, index=scored.peak)
    about = run.peaks[["peak_id", "species"]].assign(p_null=null_probability(run))
    return table.join(about)[list(SCORE_COLUMNS)][_is_scored(run, run.truth)[scored.peak]]


def _adduct_names(run: Run) -> list[str]:
    """The adducts of the candidates, in the order of the indices of `predictions_of`."""
    return sorted(name for name in run.candidates["adduct"].unique() if name)


def predictions_of(run: Run) -> Predictions:
    """The run's answers in the form that the metrics read."""
    starts = option_starts(run)
    candidates = run.candidates
    probability = candidates["probability"].to_numpy(dtype=np.float64)
    is_compound = (candidates["compound_id"].to_numpy() != "")[starts]
    n_before = np.concatenate([[0], np.cumsum(is_compound)])
    bounds = np.searchsorted(starts, run.offsets)  # of each peak's options, its null among them
    library, adducts = run.compounds.index, pd.Index(_adduct_names(run))
    compound = library.get_indexer(pd.Index(candidates["compound_id"].to_numpy()[starts[is_compound]], dtype="str"))
    # Of each option's rows, the most probable first; its first row alone among equals.
    row_option = np.repeat(np.arange(starts.size), np.diff(np.append(starts, probability.size)))
    best = np.lexsort((-probability, row_option))[starts[is_compound]]
    return Predictions(
        peak_id=run.peaks["peak_id"].tolist(),
        compound_id=library.tolist(),
        compounds=CompoundProbabilities(
            offsets=n_before[bounds],
            compound=compound.astype(np.int64),
            probability=np.minimum(np.add.reduceat(probability, starts)[is_compound], 1.0),
            best_adduct=adducts.get_indexer(pd.Index(candidates["adduct"].to_numpy()[best])).astype(np.int64),
        ),
        null=null_probability(run),
        decisions=Decisions(
            call=library.get_indexer(pd.Index(run.peaks["assigned_compound"])).astype(np.int64),
            adduct=adducts.get_indexer(pd.Index(run.peaks["adduct"])).astype(np.int64),
            probability=run.peaks["probability"].to_numpy(dtype=np.float64),
            pep=run.peaks["pep"].to_numpy(dtype=np.float64),
            q_value=run.peaks["q_value"].to_numpy(dtype=np.float64),
            decision=run.peaks["decision"].to_numpy(dtype=np.str_),
            alpha=run.record.config.alpha,
        ),
    )


def reliability(run: Run, target: Target = "call", species: str | None = None) -> Reliability:
    """Compare the probabilities of statements of one kind with how often they came true.

    species : only its peaks. Numbers are those of the run's metrics where it is None.
    """
    missing = why_unscored(run)
    said = _NOTHING
    if run.truth is not None and not missing:
        view = _views(run)[target]
        said = view.statements if species is None else view.statements.select(view.groups["species"] == species)
    if not missing and not said.probability.size:
        among = "" if species is None else f" of {species}"
        missing = f"no {NOTHING_SCORED[target]}{among} has a truth that the fit did not see"
    counted = "pairs" if target == "pair" else "peaks"
    return reliability_of(said, counted, run.record.config.seed, missing)


def reliability_of(said: Statements, counted: str, seed: int, missing: str = "") -> Reliability:
    """The same of any statements; none have nothing but what is missing."""
    found = summarise_calibration(said, np.random.default_rng(seed))
    curve, summary = found if found is not None else (_NO_CURVE, None)
    return Reliability(
        curve=pd.DataFrame(vars(curve)),
        bins=_bins(said),
        numbers=_numbers(summary),
        n_scored=int(said.probability.size),
        counted=counted,
        is_inside_band=curve.is_inside,
        missing=missing,
    )


_NOTHING = Statements(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
_NO_CURVE = Curve(np.empty(0), np.empty(0), np.empty(0), np.empty(0))


def _views(run: Run) -> dict[Target, View]:
    """What a scored run says, statement by statement."""
    truth = run.truth or {}
    about = PeakGroups(
        species=run.peaks["species"].to_numpy(dtype=np.str_),
        n_candidates=run.peaks["n_candidates"].to_numpy(dtype=np.int64),
        adduct_names=_adduct_names(run),
    )
    return build_views(predictions_of(run), truth, _is_scored(run, truth), about)


def _bins(said: Statements) -> pd.DataFrame:
    bins = calibration_bins(said.probability, said.outcome)
    return pd.DataFrame(
        {
            "low": bins.bin_edges[:-1],
            "high": bins.bin_edges[1:],
            "count": bins.count,
            "mean_probability": np.array(bins.mean_probability, dtype=np.float64),
            "frequency": np.array(bins.frequency, dtype=np.float64),
        }
    )


def _numbers(summary: Summary | None) -> pd.DataFrame:
    columns = ["number", "label", "meaning", "value", "interval", "if_calibrated"]
    rows = []
    for name, (label, meaning) in NUMBERS.items() if summary is not None else ():
        value = getattr(summary, name)
        of = value if isinstance(value, Estimate) else Estimate(value, None, None)
        rows.append((name, label, meaning, _text(of.value), _interval(of), _text(of.if_calibrated)))
    return pd.DataFrame(rows, columns=columns, dtype="str")


def _text(value: float | None) -> str:
    """A number with the digits that are known of it, "" where there is none."""
    return "" if value is None or np.isnan(value) else f"{value:.{N_DECIMALS}f}"


def _interval(of: Estimate) -> str:
    return "" if of.low is None else f"{_text(of.low)} to {_text(of.high)}"


def _with_interval(of: Estimate) -> str:
    return _text(of.value) if of.low is None else f"{_text(of.value)} ({_interval(of)})"


def calibration_groups(run: Run, target: Target, kind: str) -> pd.DataFrame:
    """How well statements are calibrated in each group, one row a group; no rows where nothing is scored.

    kind : of `compassign.evaluation.views.GROUPS`. Columns: group, n (statements), mean_probability, frequency (0 to
    1), and as text with their intervals miscalibration, rms_error; is_inside_band.
    """
    is_scored = not why_unscored(run)
    summaries = summarise_groups(_views(run)[target], kind, run.record.config.seed) if is_scored else {}
    return pd.DataFrame(
        [
            (
                *(name, of.n_statements, of.mean_probability, of.frequency),
                *(_with_interval(one) for one in (of.miscalibration, of.rms_error)),
                of.is_inside_band,
            )
            for name, of in summaries.items()
        ],
        columns=["group", "n", "mean_probability", "frequency", "miscalibration", "rms_error", "is_inside_band"],
    )


def thresholds(run: Run) -> Thresholds:
    """Say what a threshold on the probability of a compound call would accept, and how much of it is wrong.

    Recall is correct accepted calls / scored peaks whose compound is in the library.
    """
    peaks, table = run.peaks, scores(run)
    is_offered = peaks["pep"].notna().to_numpy()  # neither a null call nor an answer that was given
    offered = peaks["probability"].to_numpy(dtype=np.float64)[is_offered]
    n_accepted, summed = _at_least(offered, np.ones(offered.size)), _at_least(offered, offered)
    calls = table[table["outcome"] != NULL_CALL]
    probability = calls["top_probability"].to_numpy(dtype=np.float64)
    n_scored = _at_least(probability, np.ones(probability.size))
    n_right = _at_least(probability, calls["is_right"].to_numpy(dtype=np.float64))
    n_findable = float((~table["is_null"].to_numpy(dtype=np.bool_)).sum())
    missing = why_unscored(run)
    precision = _share(n_right, n_scored)
    return Thresholds(
        pd.DataFrame(
            {
                "threshold": THRESHOLDS,
                "n_accepted": n_accepted.astype(np.int64),
                "expected_false_share": 1.0 - _share(summed, n_accepted),
                "n_scored": np.nan if missing else n_scored,
                "precision": precision,
                "recall": _share(n_right, np.full(n_right.size, n_findable)),
                "false_share": 1.0 - precision,
            }
        ),
        missing,
    )


def _at_least(probability: FloatArray, weight: FloatArray) -> FloatArray:
    """Sum of the weights of the probabilities that reach each of THRESHOLDS."""
    order = np.argsort(probability)
    total = np.concatenate([[0.0], np.cumsum(weight[order])])
    below = np.searchsorted(probability[order], THRESHOLDS, side="left")
    return np.asarray(total[-1] - total[below])


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Ratio, NaN where there is nothing to take a share of."""
    return np.asarray(np.divide(part, whole, out=np.full(whole.size, np.nan), where=whole > 0))
