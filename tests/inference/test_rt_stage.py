"""The RT stage where there is nothing to sample."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from compassign.config import SamplerConfig
from compassign.data.load import build_dataset
from compassign.inference import rt_stage
from compassign.inference.rt_stage import run_rt_stage
from compassign.models.retention_design import build_design
from compassign.progress import SilentProgress

PEAKS = pd.DataFrame(
    {
        "peak_id": ["p0", "p1"],
        "species": "plasma",
        "polarity": "positive",
        "mz": [181.07, 203.05],
        "rt_min": [5.0, 9.0],
        "intensity": 1.0,
    }
)
COMPOUNDS = pd.DataFrame({"compound_id": ["C0", "C1"], "name": "x", "exact_mass": [180.06, 202.05]})


@pytest.mark.parametrize(("predicted", "said"), [(None, "carry no information"), ([4.8, np.nan], "used as it is")])
def test_without_calibrants_nothing_is_sampled(
    predicted: list[float] | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(rt_stage, "sample")
    compounds = COMPOUNDS if predicted is None else COMPOUNDS.assign(rt_pred_min=predicted)
    dataset = build_dataset({"peaks": PEAKS, "compounds": compounds}, {}, "small")
    stage = run_rt_stage(dataset, SamplerConfig(), 0, SilentProgress())
    assert stage.verdict is None
    assert stage.posterior == {}
    assert len(stage.warnings) == 1
    assert said in stage.warnings[0]
    expected = [[[np.nan, np.nan] if predicted is None else predicted] * 2]
    assert stage.predictions.mean_min == pytest.approx(np.array(expected), nan_ok=True)


def test_without_calibrants_the_peaks_align_the_predictions_and_formulas_complete_them(
    rng: np.random.Generator,
) -> None:
    n = np.arange(6, 46)
    formulas = [f"C{k}H{2 * k}O2" for k in n]
    ours = 0.4 * n + rng.normal(0.0, 0.2, n.size)
    mass = 14.01565 * n + 31.98983
    compounds = pd.DataFrame({"compound_id": formulas, "name": "x", "formula": formulas, "exact_mass": mass})
    compounds = compounds.assign(rt_pred_min=ours - 2.0, rt_pred_sd_min=0.5)
    compounds.loc[20, ["rt_pred_min", "rt_pred_sd_min"]] = np.nan
    peaks = pd.DataFrame({"peak_id": [f"p{k}" for k in n], "species": "s", "polarity": "positive", "intensity": 1.0})
    peaks = peaks.assign(mz=mass + 1.00728, rt_min=0.4 * n)
    stage = run_rt_stage(
        build_dataset({"peaks": peaks, "compounds": compounds}, {}, "acids"), SamplerConfig(), 0, SilentProgress()
    )
    assert "rt_pred_min is aligned by the peaks alone: " in stage.warnings[0]
    known = np.arange(n.size) != 20
    assert stage.predictions.mean_min[0, 0, known] == pytest.approx(ours[known], abs=0.5)
    assert (stage.predictions.sd_min[0, 0, known] < 0.5).all()
    assert stage.predictions.mean_min[0, 0, 20] == pytest.approx(ours[20], abs=2.0)
    assert stage.predictions.sd_min[0, 0, 20] > 1.0


def test_a_label_far_from_its_prediction_is_named() -> None:
    compounds = COMPOUNDS.assign(rt_pred_min=[4.8, 4.0], rt_pred_sd_min=0.1)
    labels = pd.DataFrame({"peak_id": ["p0", "p1"], "compound_id": ["C0", "C1"]})
    dataset = build_dataset({"peaks": PEAKS, "compounds": compounds, "labels": labels}, {}, "small")
    (told,) = rt_stage._surprising_labels(dataset, build_design(dataset))
    assert told == "labels: peak 'p1' at 9.00 min is labelled 'C1', predicted at 4.00 min (+49 SD); the label counts"
    unpredicted = build_dataset({"peaks": PEAKS, "compounds": COMPOUNDS, "labels": labels}, {}, "small")
    assert rt_stage._surprising_labels(unpredicted, build_design(unpredicted)) == ()


def test_other_systems_without_calibrants_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(rt_stage, "sample")
    retention = pd.DataFrame({"system": "A", "compound_id": ["C0", "C1"], "rt_min": [1.0, 2.0]})
    dataset = build_dataset({"peaks": PEAKS, "compounds": COMPOUNDS, "retention": retention}, {}, "small")
    stage = run_rt_stage(dataset, SamplerConfig(), 0, SilentProgress())
    assert np.isnan(stage.predictions.mean_min).all()
    assert stage.warnings[1] == "no calibrants: retention.csv is not used, as nothing projects it"
