"""Two runs of the generative model by what each expects of a peak from all others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from compassign.evaluation.elpd import MAX_KHAT, ElpdDifference, compare_elpd
from compassign.queries.run_folder import ELPD_FILE, Run, read_table

_COLUMNS = ("peak_id", "elpd", "khat")
_GIVEN = ["is_labelled", "is_calibrant"]


def why_no_elpd(run_a: Run, run_b: Run) -> str:
    """Why the ELPD of two runs must not be compared; "" if it may be.

    Both must give a density to the same observations, which only two variants of the model of the peaks do.
    """
    runs, configs = (run_a, run_b), (run_a.record.config, run_b.record.config)
    reasons = (
        (
            any(config.model != "generative" for config in configs),
            "only two runs of the generative model say how the same peaks come about",
        ),
        (
            any(config.mode == "prior" for config in configs),
            "a run that was not sampled has no draws that could forget a peak",
        ),
        (run_a.record.dataset_hash != run_b.record.dataset_hash, "the two runs have different datasets"),
        (not _same_answers(run_a, run_b), "the two runs saw different labels"),
        (
            configs[0].mass_window_ppm != configs[1].mass_window_ppm
            or not _same(run_a.candidates, run_b.candidates, ["peak_id", "compound_id", "adduct"]),
            "the two runs have different candidates (windows, adducts or predicted retention times)",
        ),
        (
            not all((run.path / ELPD_FILE).is_file() for run in runs),
            f"a run without {ELPD_FILE.name} is of an earlier version: run it again",
        ),
    )
    return next((reason for is_so, reason in reasons if is_so), "")


def elpd_difference(run_a: Run, run_b: Run) -> ElpdDifference | None:
    """Compare two runs for which `why_no_elpd` is ""; None where no peak is left, or draws are too few.

    Raises InputError where a file is not what a run writes.
    """
    a, b = (read_table(run.path / ELPD_FILE, _COLUMNS).set_index("peak_id") for run in (run_a, run_b))
    both = a[a["elpd"].notna() & b["elpd"].reindex(a.index).notna()].index
    if both.empty:
        return None
    is_unreliable = (a.loc[both, "khat"] > MAX_KHAT) | (b.loc[both, "khat"] > MAX_KHAT)
    return compare_elpd(
        a.loc[both, "elpd"].to_numpy(dtype=np.float64),
        b.loc[both, "elpd"].to_numpy(dtype=np.float64),
        is_unreliable.to_numpy(dtype=np.bool_),
        pd.factorize(_likeliest(run_a).reindex(both))[0].astype(np.int64),
    )


def _likeliest(run: Run) -> pd.Series[str]:
    """The most probable compound of each peak with candidates, by peak_id, whether it beats the null or not."""
    listed = run.candidates[run.candidates["compound_id"] != ""]
    first = listed.sort_values("probability", ascending=False, kind="stable").drop_duplicates("peak_id")
    return first.set_index("peak_id")["compound_id"]


def _same(a: pd.DataFrame, b: pd.DataFrame, columns: list[str]) -> bool:
    return bool(a[columns].equals(b[columns]))


def _same_answers(run_a: Run, run_b: Run) -> bool:
    """Whether both fits saw the same answers: those of labels.csv, and those that were drawn from the truth."""
    hashes = [(run.record.labels_hash, run.record.truth_hash) for run in (run_a, run_b)]
    is_any = bool(run_a.peaks[_GIVEN].any(axis=None))
    return _same(run_a.peaks, run_b.peaks, ["peak_id", *_GIVEN]) and (not is_any or hashes[0] == hashes[1])
