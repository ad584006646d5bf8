"""RTs in two polarities: how far they are told apart, and what an RT in one says of that in the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_dataset import COMPOUNDS, PEAKS, make_dataset

from compassign.models import student
from compassign.models.retention import build_retention_model, predict
from compassign.models.retention_design import UNKNOWN_POLARITY, RetentionDesign, build_design
from compassign.units import FloatArray

POSITIVE, NEGATIVE = 0, 1
OWN = COMPOUNDS.assign(rt_pred_min=[5.0, 6.5, 7.0, 7.5], rt_pred_sd_min=0.4)
RUNS = PEAKS.assign(
    species="plasma",
    injection=["pos", "pos", "neg", "mixed", "mixed"],
    polarity=["positive", "positive", "negative", "positive", "negative"],
)
Known = tuple[str, str, float]  # compound, injection, RT


def design_of(*known: Known, peaks: pd.DataFrame = RUNS) -> RetentionDesign:
    table = pd.DataFrame(known, columns=["compound_id", "injection", "rt_min"]).assign(species="plasma")
    return build_design(make_dataset(peaks, OWN, table))


def test_a_calibrant_has_the_polarity_of_its_injection() -> None:
    design = design_of(("C0", "pos", 5.1), ("C0", "neg", 5.6), ("C1", "mixed", 6.4), ("C1", "", 6.5))
    assert design.polarity.tolist() == [POSITIVE, NEGATIVE, UNKNOWN_POLARITY, UNKNOWN_POLARITY]
    assert design.in_both.tolist() == [0]
    only = RUNS.assign(polarity="negative")
    assert design_of(("C0", "pos", 5.1), ("C1", "", 6.5), peaks=only).polarity.tolist() == [NEGATIVE, NEGATIVE]


def test_calibrants_of_unknown_polarity_are_said() -> None:
    rows = [{"compound_id": "C1", "injection": run, "rt_min": 6.5, "species": "plasma"} for run in ("pos", "mixed", "")]
    known_in_nowhere, warning = make_dataset(RUNS, OWN, pd.DataFrame(rows)).warnings
    assert warning.startswith("calibrants: 2 of 3 rows are of unknown polarity")
    assert "injections of its own" in warning
    assert make_dataset(RUNS, OWN, pd.DataFrame(rows[:1])).warnings == (known_in_nowhere,)


def test_a_label_has_the_polarity_of_its_peak() -> None:
    dataset = make_dataset(RUNS, OWN)
    ids = dataset.peaks["peak_id"].tolist()
    labels = {ids[3]: frozenset({"C0"}), ids[4]: frozenset({"C0"})}
    design = build_design(replace(dataset, labels=labels))
    assert design.polarity.tolist() == [POSITIVE, NEGATIVE]
    assert design.in_both.tolist() == [0]


def polarity_sd(differences_min: Sequence[float], span_min: float = 10.0) -> float:
    """What a design says of the scale from compounds of which each is known in both polarities."""
    n = max(len(differences_min), 1)
    compounds = pd.DataFrame(
        {"compound_id": [f"C{i}" for i in range(n)], "name": "x", "exact_mass": 100.0 + np.arange(n), "logp": 1.0}
    )
    peaks = RUNS.assign(rt_min=[1.0, 2.0, 3.0, 4.0, 1.0 + span_min])
    rows = [
        {"compound_id": f"C{i}", "injection": injection, "rt_min": 3.0 + shift, "species": "plasma"}
        for i, difference in enumerate(differences_min)
        for injection, shift in (("pos", difference / 2), ("neg", -difference / 2))
    ]
    known = pd.DataFrame(rows) if rows else None
    return build_design(make_dataset(peaks, compounds, known)).polarity_sd_min


def test_without_compounds_in_both_half_of_a_half_may_differ() -> None:
    # equal eluents or not, any share of compounds: a quarter differs, log-normal around 5 % of 10 min, width 0.5
    assert polarity_sd([]) == pytest.approx(np.sqrt(0.25) * 0.5 * np.exp(0.25), rel=0.01)


@pytest.mark.parametrize("sd_min", [0.3, 1.0])
def test_the_sd_is_learned_from_differences(sd_min: float, rng: np.random.Generator) -> None:
    assert polarity_sd((sd_min * rng.standard_t(4, 200)).tolist()) == pytest.approx(sd_min, rel=0.2)


def test_some_that_agree_do_not_say_that_the_next_will() -> None:
    assert 0.1 < polarity_sd([0.0] * 4) < polarity_sd([]) < polarity_sd([0.0, 1.0])
    assert polarity_sd([0.0] * 100) < 0.02


def test_a_compound_that_differs_tells_of_a_share_that_does(rng: np.random.Generator) -> None:
    differences = np.where(np.arange(200) < 50, rng.standard_t(4, 200), 0.05 * rng.standard_t(4, 200))
    assert polarity_sd(differences.tolist()) == pytest.approx(np.sqrt(0.25), rel=0.25)


def test_one_polarity_has_no_differences() -> None:
    design = design_of(("C0", "pos", 5.1), ("C0", "pos", 5.2), peaks=RUNS.assign(polarity="positive"))
    assert design.polarity_sd_min == 0.0
    assert not any("difference" in variable.name for variable in build_retention_model(design).free_RVs)


def values_of(design: RetentionDesign, rng: np.random.Generator, n_draws: int = 50) -> dict[str, FloatArray]:
    return {
        "intercept_min": rng.normal(0.1, 0.1, n_draws),
        "slope_min": rng.normal(0.0, 0.1, (n_draws, 1)),
        "error_scale": rng.uniform(0.5, 1.5, n_draws),
        "noise_min": rng.uniform(0.02, 0.1, n_draws),
        "injection_min": rng.normal(0.0, 0.1, (n_draws, len(design.injection_names))),
        "compound_min": rng.normal(5.0, 0.1, (n_draws, design.repeated.size)),
        "difference_min": rng.normal(0.0, 0.4, (n_draws, design.in_both.size)),
    }


def conditioned(covariance: FloatArray, of: FloatArray, seen: FloatArray, value: float) -> tuple[float, float]:
    """Mean and variance of a combination of normal variables around 0 of which another combination was seen."""
    gain = of @ covariance @ seen / (seen @ covariance @ seen)
    return float(gain * value), float(of @ covariance @ of - gain * (seen @ covariance @ of))


@pytest.mark.parametrize(("injection", "sign"), [("pos", 1.0), ("neg", -1.0), ("mixed", 0.0)])
def test_an_rt_in_one_polarity_tells_that_in_the_other_by_their_joint_law(
    injection: str, sign: float, rng: np.random.Generator
) -> None:
    """Variables: the compound's own error, its half difference, a half difference of unknown sign, noise."""
    design = replace(design_of(("C1", injection, 6.9)), polarity_sd_min=0.5)
    values = values_of(design, rng)
    found = predict(design, values)
    means, variances = np.empty((2, 50)), np.empty((2, 50))
    for draw in range(50):
        own, noise = values["error_scale"][draw] * 0.4, values["noise_min"][draw]
        covariance = np.diag([own**2, 0.25**2, 0.25**2, noise**2])
        seen = np.array([1.0, sign, 1.0 - abs(sign), 1.0])
        level = 6.5 + values["intercept_min"][draw] + design.covariates[1] @ values["slope_min"][draw]
        for row, half in enumerate((1.0, -1.0)):
            of = np.array([1.0, half, 0.0, 0.0])
            mean, variances[row, draw] = conditioned(covariance, of, seen, 6.9 - level)
            means[row, draw] = level + mean
    assert found.mean_min[0, :, 1] == pytest.approx(means.mean(axis=1))
    assert found.sd_min[0, :, 1] == pytest.approx(np.sqrt(means.var(axis=1) + variances.mean(axis=1)))
    unseen = np.mean(values["error_scale"] ** 2) * 0.4**2 + 0.25**2
    assert (found.sd_min[0, :, 2] > np.sqrt(unseen)).all()


def test_a_compound_seen_often_in_one_polarity_is_as_uncertain_in_the_other_as_they_differ(
    rng: np.random.Generator,
) -> None:
    design = replace(design_of(*[("C1", "neg", 6.9)] * 3), polarity_sd_min=0.5)
    values = values_of(design, rng)
    found = predict(design, values)
    assert found.mean_min[0, NEGATIVE, 1] == pytest.approx(values["compound_min"].mean())
    assert found.sd_min[0, NEGATIVE, 1] == pytest.approx(values["compound_min"].std())
    own = (0.4 * values["error_scale"]) ** 2
    correlation = (own - 0.25**2) / (own + 0.25**2)
    level = 6.5 + values["intercept_min"] + values["slope_min"] @ design.covariates[1]
    mean = level + correlation * (values["compound_min"][:, 0] - level)
    left = (1.0 - correlation**2) * (own + 0.25**2)
    assert found.mean_min[0, POSITIVE, 1] == pytest.approx(mean.mean())
    assert found.sd_min[0, POSITIVE, 1] == pytest.approx(np.sqrt(mean.var() + left.mean()))


def test_a_compound_seen_in_both_has_its_own_rt_in_each(rng: np.random.Generator) -> None:
    design = design_of(("C1", "pos", 6.9), ("C1", "neg", 6.1), ("C0", "pos", 5.0))
    values = values_of(design, rng)
    found = predict(design, values)
    for polarity, sign in ((POSITIVE, 0.5), (NEGATIVE, -0.5)):
        drawn = values["compound_min"][:, 0] + sign * values["difference_min"][:, 0]
        assert found.mean_min[0, polarity, 1] == pytest.approx(drawn.mean())
        assert found.sd_min[0, polarity, 1] == pytest.approx(drawn.std())


def test_density_is_that_of_the_written_model() -> None:
    """A compound seen in both polarities, one seen once, one twice in a polarity, one where it is unknown."""
    design = replace(
        design_of(
            ("C0", "pos", 5.3), ("C0", "neg", 4.8), ("C1", "neg", 6.6),
            ("C2", "pos", 7.1), ("C2", "pos", 7.2), ("C3", "mixed", 7.6),
        ),
        polarity_sd_min=0.5,
    )  # fmt: skip
    model = build_retention_model(design)
    point = model.initial_point()
    point |= {"compound_min": np.array([5.0, 7.1]), "difference_min": np.array([0.4]), "noise_min_log__": np.log(0.05)}

    def log_t(error: float, variance: float) -> float:
        return float(student.log_density(error / np.sqrt(variance), 0.5 * np.log(variance)))

    base, scale = design.base_min, np.exp(point["error_scale_log__"])
    level = base + point["intercept_min"] + design.covariates @ point["slope_min"]
    own, quarter, noise = (0.4 * scale) ** 2, 0.25**2, 0.05**2
    expected = [
        log_t(5.3 - (5.0 + 0.2), noise), log_t(4.8 - (5.0 - 0.2), noise), log_t(6.6 - level[1], noise + own + quarter),
        log_t(7.1 - 7.1, noise), log_t(7.2 - 7.1, noise), log_t(7.6 - level[3], noise + own + quarter),
    ]  # fmt: skip
    variables = [model[name] for name in ("rt_min", "compound_min", "difference_min")]
    logp = model.compile_fn(
        model.logp(vars=variables, sum=False), inputs=model.value_vars, on_unused_input="ignore", mode="FAST_COMPILE"
    )
    found, compound, difference = logp(point)
    assert found == pytest.approx(expected)
    sd = np.sqrt([own, own + quarter])  # the RT of C2 is its RT in the one polarity
    normal = -0.5 * ((point["compound_min"] - level[[0, 2]]) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
    assert compound == pytest.approx(normal)
    assert difference == pytest.approx([log_t(0.4, 0.5**2)])
