"""The posterior of three peaks with two candidates each, by listing every joint assignment in plain Python.

The formulas are those of DESIGN section 4, written a second time with absolute densities (per ppm and minute), where
the package works with ratios to the background.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import product

import numpy as np
import pytest
from assignment_problems import slots_of_peak
from scipy import stats

from compassign.models.generative import default_terms, peak_posterior, term_evidence
from compassign.models.problem import AssignmentProblem
from compassign.models.terms import presence

WINDOW_PPM, SHARE = 10.0, 0.15
ALPHA, KNOWN_IN = -0.7, 0.8
GROUP_EFFECT, GROUP_SD, HALF_CENTRED = (0.45, -1.08), 0.9, 2.0
ADDUCT_WEIGHT = (3.0, 3.0 * math.exp(-1.5))  # 3 slots each, of which minor ones count for less
GROUP_WEIGHT = (1.0 + 2.0 * math.exp(-1.5), 1.0 + math.exp(-1.5))  # the isomers of the first peak are one ion
CONTRAST = -0.33  # the two effects sum to zero when weighted
ADDUCT_EFFECT = tuple(CONTRAST * side / math.hypot(*ADDUCT_WEIGHT) for side in (-ADDUCT_WEIGHT[1], ADDUCT_WEIGHT[0]))
SPECIES_EFFECT = (0.24, -0.24)
FAMILY, FAMILY_EFFECT = (0, 0, 2, 1, 2, 2), (0.0, 0.62, 0.85)  # kind of each slot; being alone has no effect
MINOR_ADDUCT = -1.5  # what [M+Na]+ starts at
OFFSET_PPM, LOG_SCALE = (1.2, -0.8), (math.log(2.0), math.log(3.5))
NOISE_MIN, DRIFT_MIN = 0.08, (0.035, -0.065)

# peak: RT, RT density per minute, species, injection
PEAKS = ((5.0, 0.11, 0, 0), (6.1, 0.07, 1, 1), (5.2, 0.13, 0, 1))
# slot: peak, compound, isobar group, adduct, ppm error, predicted RT and its SD, known in the species
SLOTS = (
    (0, 0, 0, 0, 1.0, 5.1, 0.2, True),
    (0, 1, 0, 0, 1.0, 4.6, 0.4, False),
    (1, 1, 0, 1, -3.0, 5.9, 0.4, False),
    (1, 2, 1, 0, 4.5, math.nan, math.nan, True),
    (2, 0, 0, 1, 7.0, 5.1, 0.2, True),
    (2, 2, 1, 1, -1.5, math.nan, math.nan, False),
)

UNLISTED_NUMBER = (0.6, 1.7)  # by isobar group
UNLISTED_RT = ((5.4, 0.9), (9.0, 3.0))  # mean and scale of the RTs of a group's unlisted compounds


def enumerated() -> tuple[list[dict[str, float]], float]:
    """Marginal probability of every option of every peak, and the log-likelihood against all background."""
    odds = SHARE / (1 - SHARE)
    prior: list[dict[str, float]] = [{"background": 1.0} for _ in PEAKS]
    density: list[dict[str, float]] = [{"background": g / (2 * WINDOW_PPM)} for _, g, _, _ in PEAKS]
    for number, (peak, _, group, adduct, ppm, predicted, sd, known) in enumerate(SLOTS):
        rt, g, species, injection = PEAKS[peak]
        eta = ALPHA + GROUP_EFFECT[group] + SPECIES_EFFECT[species] + KNOWN_IN * known
        eta += FAMILY_EFFECT[FAMILY[number]] + ADDUCT_EFFECT[adduct] + MINOR_ADDUCT * (adduct == 1)
        law = stats.t(4, loc=OFFSET_PPM[injection], scale=math.exp(LOG_SCALE[injection]))
        mass = law.pdf(ppm) / (law.cdf(WINDOW_PPM) - law.cdf(-WINDOW_PPM))
        spread = math.sqrt(NOISE_MIN**2 + sd**2)
        time = g if math.isnan(predicted) else stats.t(4, predicted + DRIFT_MIN[injection], spread).pdf(rt)
        unlisted = stats.t(4, *UNLISTED_RT[group]).pdf(rt)
        number_of_twins = odds * UNLISTED_NUMBER[group]
        prior[peak] |= {f"slot {number}": math.exp(eta), f"twin {number}": number_of_twins * math.exp(eta)}
        density[peak] |= {f"slot {number}": mass * time, f"twin {number}": mass * unlisted}
    marginal: list[dict[str, float]] = [defaultdict(float) for _ in PEAKS]
    total = 0.0
    for joint in product(*prior):
        weight = math.prod(
            prior[i][option] / sum(prior[i].values()) * density[i][option] for i, option in enumerate(joint)
        )
        total += weight
        for i, option in enumerate(joint):
            marginal[i][option] += weight
    background = math.prod(options["background"] for options in density)
    shares = [{option: weight / total for option, weight in options.items()} for options in marginal]
    return shares, math.log(total) - math.log(background)


def three_peaks() -> AssignmentProblem:
    """The same peaks and slots as the package's arrays."""
    peak, compound, group, adduct, ppm, predicted, sd, known = (np.array(x) for x in zip(*SLOTS, strict=True))
    rt_min, rt_density, species, injection = (np.array(x) for x in zip(*PEAKS, strict=True))
    unlisted_mean, unlisted_scale = np.array(UNLISTED_RT)[group].T
    return AssignmentProblem(
        offsets=np.array([0, 2, 4, 6]),
        peak_of_slot=peak,
        compound=compound,
        isobar_group=group,
        adduct=adduct,
        family=np.array(FAMILY),
        species=species[peak],
        injection=injection[peak],
        ppm_error=ppm,
        rt_z=np.zeros(6),
        rt_pred_min=predicted,
        rt_pred_sd_min=sd,
        rt_min=rt_min,
        log_rt_density=np.log(rt_density),
        is_known_in=known,
        slot_allowed=np.ones(6, dtype=np.bool_),
        null_allowed=np.ones(3, dtype=np.bool_),
        is_labelled=np.zeros(3, dtype=np.bool_),
        mass_window_ppm=WINDOW_PPM,
        rt_noise_min=0.05,
        unlisted_share=SHARE,
        adduct_names=("[M+H]+", "[M+Na]+"),
        species_names=("liver", "plasma"),
        injection_names=("run1 positive", "run2 positive"),
        unlisted_number=np.array(UNLISTED_NUMBER)[group],
        unlisted_rt_ratio=stats.t(4, unlisted_mean, unlisted_scale).pdf(rt_min[peak]) / rt_density[peak],
    )


def centred(weight: float) -> float:
    """How far an effect of so many ions is centred."""
    return weight / (weight + HALF_CENTRED)


VALUES = {
    "alpha": np.array([ALPHA]),
    "group_sd": np.array([GROUP_SD]),
    "group_z": np.array(
        [
            [
                centred(weight) * ALPHA + effect * GROUP_SD ** (centred(weight) - 1)
                for weight, effect in zip(GROUP_WEIGHT, GROUP_EFFECT, strict=True)
            ]
        ]
    ),
    "adduct_effect": np.array([[CONTRAST]]),
    "species_effect": np.array([SPECIES_EFFECT]),
    "known_in_effect": np.array([KNOWN_IN]),
    "family_effect": np.array([FAMILY_EFFECT[1:]]),
    "mass_offset_ppm": np.array([OFFSET_PPM]),
    "mass_log_scale": np.array([LOG_SCALE]),
    "rt_noise_min": np.array([NOISE_MIN]),
    "rt_drift_min": np.array([DRIFT_MIN]),
}


def test_responsibilities_equal_enumeration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "HALF_CENTRED", HALF_CENTRED)
    problem, terms, peaks = three_peaks(), default_terms(), slice(0, 3)
    found = peak_posterior(problem, terms, term_evidence(problem, terms, VALUES, peaks), peaks)
    expected, log_likelihood = enumerated()
    for peak, options in enumerate(expected):
        slots = slots_of_peak(problem, peak)
        listed = [options[f"slot {slot}"] for slot in range(slots.start, slots.stop)]
        twins = [options[f"twin {slot}"] for slot in range(slots.start, slots.stop)]
        assert found.slot[0, slots] == pytest.approx(listed, abs=1e-10)
        assert found.background[0, peak] == pytest.approx(options["background"], abs=1e-10)
        assert found.unlisted[0, peak] == pytest.approx(sum(twins), abs=1e-10)
    assert found.log_likelihood.sum() == pytest.approx(log_likelihood, abs=1e-10)


def test_no_option_is_negligible_here() -> None:
    """A check on the check above: each option has a share that an error would show in."""
    shares, _ = enumerated()
    assert min(min(options.values()) for options in shares) > 1e-3
