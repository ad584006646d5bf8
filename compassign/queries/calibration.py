"""How far the probabilities of a run can be trusted, on the peaks whose truth its fit did not see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.optimize import isotonic_regression

from compassign.data.dataset import Answers
from compassign.decisions.fdr import Decisions
from compassign.evaluation.calibration import calibration_bins
from compassign.evaluation.metrics import NULL_CALL, Predictions, score_peaks
from compassign.posterior.assignments import CompoundProbabilities
from compassign.queries.peaks import null_probability, option_starts
from compassign.queries.run_folder import Run
from compassign.units import BoolArray, FloatArray

Target = Literal["call", "null"]

N_REPLICATES = 200  # the 5 % and 95 % points of the band to about 1.5 %
BAND = (0.05, 0.95)
BAND_SEED = 0
N_DECIMALS = 3  # of the probabilities of a curve: finer than a screen, and quick for any number of peaks
THRESHOLDS = np.arange(101) / 100  # as finely as a slider moves

SCORE_COLUMNS = (
    *("peak_id", "species", "top_probability", "p_null", "is_null", "outcome", "is_right"),
    *("true_probability", "log_loss", "brier"),
)


@dataclass(frozen=True)
class Reliability:
    """Probabilities against frequencies, without bins (CORP), and how the probabilities are spread.

    curve : one row a distinct probability (to N_DECIMALS), ascending: probability, frequency (isotonic), low, high
        (90 % band of the frequency if the probabilities were right), all 0 to 1.
    bins : one row a bin of equal width: low, high, count, mean_probability, frequency (NaN in an empty bin).
    n_scored : peaks. missing : why there is nothing, else "".
    """

    curve: pd.DataFrame
    bins: pd.DataFrame
    n_scored: int
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
    seen = peaks["is_labelled"] | peaks["is_calibrant"]
    return (peaks["peak_id"].isin(truth.keys()) & ~seen).to_numpy(dtype=np.bool_)


def scores(run: Run) -> pd.DataFrame:
    """One row for each peak that scores the run, index = row in `run.peaks`; no rows where it cannot be scored.

    Columns: peak_id, species, top_probability (of the call), p_null, is_null (the truth), outcome (of
    `compassign.evaluation.metrics`), is_right, true_probability, log_loss (nats, floored), brier.
    """
    if run.truth is None or why_unscored(run):
        return pd.DataFrame({name: [] for name in SCORE_COLUMNS})
    scored = score_peaks(_predictions(run), run.truth)
    columns = {name: values for name, values in vars(scored).items() if name != "peak"}
    table = pd.DataFrame(columns, index=scored.peak)
    about = run.peaks[["peak_id", "species"]].assign(p_null=null_probability(run))
    return table.join(about)[list(SCORE_COLUMNS)][_is_scored(run, run.truth)[scored.peak]]


def _predictions(run: Run) -> Predictions:
    """The run's answers in the form that the metrics read."""
    starts = option_starts(run)
    candidates = run.candidates
    summed = np.add.reduceat(candidates["probability"].to_numpy(dtype=np.float64), starts)
    is_compound = (candidates["compound_id"].to_numpy() != "")[starts]
    n_before = np.concatenate([[0], np.cumsum(is_compound)])
    bounds = np.searchsorted(starts, run.offsets)  # of each peak's options, its null among them
    library = run.compounds.index
    compound = library.get_indexer(pd.Index(candidates["compound_id"].to_numpy()[starts[is_compound]], dtype="str"))
    call = library.get_indexer(pd.Index(run.peaks["assigned_compound"])).astype(np.int64)
    unknown_adduct = np.full(call.size, -1, dtype=np.int64)  # no score reads it
    return Predictions(
        peak_id=run.peaks["peak_id"].tolist(),
        compound_id=library.tolist(),
        compounds=CompoundProbabilities(
            offsets=n_before[bounds],
            compound=compound.astype(np.int64),
            probability=np.minimum(summed[is_compound], 1.0),
            best_adduct=np.full(compound.size, -1, dtype=np.int64),
        ),
        null=null_probability(run),
        decisions=Decisions(
            call=call,
            adduct=unknown_adduct,
            probability=run.peaks["probability"].to_numpy(dtype=np.float64),
            pep=run.peaks["pep"].to_numpy(dtype=np.float64),
            q_value=run.peaks["q_value"].to_numpy(dtype=np.float64),
            decision=run.peaks["decision"].to_numpy(dtype=np.str_),
            alpha=run.record.config.alpha,
        ),
    )


def reliability(run: Run, target: Target = "call", species: str | None = None) -> Reliability:
    """Compare the probabilities of calls, or of the null, with how often they came true.

    species : only its peaks. Source: Dimitriadis, Gneiting & Jordan, PNAS 118(8), 2021.
    """
    table = scores(run)
    missing = why_unscored(run)
    if species is not None:
        table = table[table["species"] == species]
        missing = missing or ("" if len(table) else f"no peak of {species} has a truth that the fit did not see")
    of = ("top_probability", "is_right") if target == "call" else ("p_null", "is_null")
    probability = np.clip(table[of[0]].to_numpy(dtype=np.float64), 0.0, 1.0)
    is_true = table[of[1]].to_numpy(dtype=np.bool_)
    return Reliability(_corp(probability, is_true), _bins(probability, is_true), len(table), missing)


def _corp(probability: FloatArray, is_true: BoolArray) -> pd.DataFrame:
    """Isotonic frequency of each distinct probability, and its band under right probabilities."""
    distinct, group, size = np.unique(probability.round(N_DECIMALS), return_inverse=True, return_counts=True)
    if not distinct.size:
        return pd.DataFrame({name: np.empty(0) for name in ("probability", "frequency", "low", "high")})
    hits = np.bincount(group, weights=is_true, minlength=distinct.size)
    rng = np.random.default_rng(BAND_SEED)
    replicated = rng.binomial(size, distinct, size=(N_REPLICATES, distinct.size))
    fitted = [isotonic_regression(row / size, weights=size).x for row in replicated]
    low, high = np.quantile(fitted, BAND, axis=0)
    frequency = isotonic_regression(hits / size, weights=size).x
    return pd.DataFrame({"probability": distinct, "frequency": frequency, "low": low, "high": high})


def _bins(probability: FloatArray, is_true: BoolArray) -> pd.DataFrame:
    bins = calibration_bins(probability, is_true)
    return pd.DataFrame(
        {
            "low": bins.bin_edges[:-1],
            "high": bins.bin_edges[1:],
            "count": bins.count,
            "mean_probability": np.array(bins.mean_probability, dtype=np.float64),
            "frequency": np.array(bins.frequency, dtype=np.float64),
        }
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
