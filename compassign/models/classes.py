"""How common compounds of each composition are among the peaks, learned from their masses alone.

Isomers share their composition and stay as they are: masses say which formulas are there, and what structures these
have in common need not tell which isomer is. RTs are left out on purpose (a cut): where the predictions of a class of
compounds err together, its presence would take the blame.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from compassign.chemistry.families import Family
from compassign.models import student
from compassign.models.mixture import segment_sum, twin_weight
from compassign.models.problem import AssignmentProblem
from compassign.models.terms import family, mass, presence
from compassign.units import FloatArray, IntArray

START_SD = 0.1  # of a coefficient of a standardised covariate; the data say how large it is
N_SCALES, N_STEPS = 4, 200
MIN_SHARE = 0.01  # of the compounds; what fewer have is no class


def class_log_weights(problem: AssignmentProblem, covariates: FloatArray) -> FloatArray:
    """Log weight that the class of each slot's compound adds, (n_slots,), on average 0.

    covariates : (n_compounds, n_covariates) of the library, NaN where a compound has none. The masses' mixture is that
    of the generative model without RTs; its coefficients are the posterior's mode, and the SD of their prior maximises
    Laplace's evidence. Source: MacKay 1992, Neural Computation 4:415.
    """
    compounds, slot = np.unique(problem.compound, return_inverse=True)
    columns = _standardised(covariates[compounds]) if compounds.size else np.zeros((0, 0))
    if not columns.shape[1]:
        return np.zeros(problem.n_slots)
    mixture = _MassMixture(problem, columns, slot)
    point, sd = mixture.start(), START_SD
    for _ in range(N_SCALES):
        point = minimize(mixture.loss, point, args=(sd,), jac=True, method="L-BFGS-B", options={"maxiter": N_STEPS}).x
        sd = mixture.best_sd(point, sd)
    return np.asarray((columns @ point[: columns.shape[1]])[slot])


def _standardised(covariates: FloatArray) -> FloatArray:
    """Mean 0 and SD 1, what is missing at the mean; a last column says where something is missing.

    Columns in which fewer than MIN_SHARE differ from the most usual value are left out.
    """
    values = np.column_stack([covariates, np.isnan(covariates).any(axis=1)])
    is_known = ~np.isnan(values)
    mean = np.where(is_known, values, 0.0).sum(axis=0) / np.maximum(is_known.sum(axis=0), 1)
    filled = np.where(is_known, values, mean)
    varies = (filled != np.median(filled, axis=0)).mean(axis=0) >= MIN_SHARE
    centred = filled[:, varies] - mean[varies]
    return np.asarray(centred / centred.std(axis=0))


class _MassMixture:
    """The likelihood of the masses by coefficients, other effects, and mass laws.

    A point is all of them in one vector, the coefficients first. columns : (n_compounds, n_covariates) of the compounds
    in play; compound : (n_slots,) index into them.
    """

    def __init__(self, problem: AssignmentProblem, columns: FloatArray, compound: IntArray) -> None:
        """Collect the effects with their priors."""
        self._problem, self._columns, self._compound = problem, columns, compound
        self._t = twin_weight(problem.unlisted_share)
        self._effects = _effects(problem)
        n_injections = len(problem.injection_names)
        self._mean = np.concatenate(
            [
                np.zeros(columns.shape[1]),
                *(means for _, means, _ in self._effects),
                np.zeros(n_injections),
                np.full(n_injections, mass.LOG_SCALE_MEAN),
            ]
        )
        self._precision = np.concatenate(
            [
                np.zeros(columns.shape[1]),  # by their own SD, which is learned
                *(np.full(means.size, sd**-2.0) for _, means, sd in self._effects),
                np.full(n_injections, mass.OFFSET_SD_PPM**-2.0),
                np.full(n_injections, mass.LOG_SCALE_SD**-2.0),
            ]
        )

    def start(self) -> FloatArray:
        """The priors' means."""
        return self._mean.copy()

    def loss(self, point: FloatArray, sd: float) -> tuple[float, FloatArray]:
        """Negative log posterior density and its gradient."""
        problem, n = self._problem, self._columns.shape[1]
        weight, log_mass, by_offset, by_scale = self._slots(point)
        found, expected, value = self._shares(weight, log_mass)
        change = found - expected
        gradient = [np.bincount(self._compound, change, self._columns.shape[0]) @ self._columns]
        gradient += [np.bincount(index, change, means.size) for index, means, _ in self._effects]
        n_injections = len(problem.injection_names)
        gradient += [np.bincount(problem.injection, found * by, n_injections) for by in (by_offset, by_scale)]
        precision = self._precision.copy()
        precision[:n] = sd**-2.0
        pull = precision * (point - self._mean)
        return 0.5 * float(pull @ (point - self._mean)) - value, pull - np.concatenate(gradient)

    def best_sd(self, point: FloatArray, sd: float) -> float:
        """The SD of the coefficients' prior that fits the mode, by the number of coefficients that the data inform."""
        weight, log_mass, _, _ = self._slots(point)
        found, expected, _ = self._shares(weight, log_mass)
        n = self._columns.shape[1]
        information = self._spread(expected) - self._spread(found)
        covariance = np.linalg.inv(information + np.eye(n) * sd**-2.0)
        n_informed = np.clip(n - np.trace(covariance) * sd**-2.0, 1e-3 * n, n)
        return float(np.clip(np.sqrt(point[:n] @ point[:n] / n_informed), 1e-3, 1.0))

    def _slots(self, point: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Weight and log mass density ratio of every slot, and the latter's derivatives by offset and log scale."""
        problem, n = self._problem, self._columns.shape[1]
        eta = (self._columns @ point[:n])[self._compound]
        for index, means, _ in self._effects:
            eta += point[n : n + means.size][index]
            n += means.size
        offset, log_scale = np.split(point[n:], 2)
        return np.exp(eta), *_mass_law(problem, offset, log_scale)

    def _shares(self, weight: FloatArray, log_mass: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Responsibility of every slot with its twin, its share before the mass is seen, and the log-likelihood."""
        problem, t = self._problem, self._t
        sizes = np.diff(problem.offsets)
        allowed = problem.slot_allowed + t * np.repeat(problem.null_allowed, sizes)
        dense = weight * np.exp(log_mass) * allowed
        total = problem.null_allowed + segment_sum(dense, problem.offsets)
        normaliser = 1.0 + (1.0 + t) * segment_sum(weight, problem.offsets)
        value = float(np.log(total).sum() - np.log(normaliser).sum())
        return dense / np.repeat(total, sizes), (1.0 + t) * weight / np.repeat(normaliser, sizes), value

    def _spread(self, share: FloatArray) -> FloatArray:
        """Covariance of the covariates under the shares of the slots, summed over peaks."""
        of_slots = self._columns[self._compound] * share[:, None]
        sums = segment_sum(of_slots.T, self._problem.offsets)
        per_compound = np.bincount(self._compound, share, self._columns.shape[0])
        return np.asarray((self._columns * per_compound[:, None]).T @ self._columns - sums @ sums.T)


def _effects(problem: AssignmentProblem) -> list[tuple[IntArray, FloatArray, float]]:
    """Index of each slot, prior means and prior SD of species, adducts, families, `known_in` and isobar groups.

    With the groups' own effects, the many peaks of one formula count little more than a few.
    """
    n_species, n_adducts = len(problem.species_names), len(problem.adduct_names)
    minor = presence.adduct_prior(problem)
    families = np.array([family.MEAN.get(Family(kind), 0.0) for kind in range(len(Family))])
    known = np.array([0.0, presence.KNOWN_IN_MEAN])
    groups, group = problem.groups_in_play
    return [
        (problem.species, np.full(n_species, presence.ALPHA_MEAN), presence.ALPHA_SD),
        (problem.adduct, minor.reshape(n_adducts), presence.EFFECT_SD),
        (problem.family, families, family.SD),
        (problem.is_known_in.astype(np.int64), known, presence.KNOWN_IN_SD),
        (group, np.zeros(groups.size), presence.EFFECT_SD),
    ]


def _mass_law(
    problem: AssignmentProblem, offset: FloatArray, log_scale: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log density of every slot's mass error against a uniform one, and its derivatives by offset and log scale."""
    window, scale, injection = problem.mass_window_ppm, np.exp(log_scale), problem.injection
    high, low = (window - offset) / scale, (-window - offset) / scale
    covered = student.cdf(high) - student.cdf(low)
    at_high, at_low = (np.exp(student.log_density(edge, 0.0)) for edge in (high, low))
    z = (problem.ppm_error - offset[injection]) / scale[injection]
    log_density = student.log_density(z, log_scale[injection]) + (np.log(2 * window) - np.log(covered))[injection]
    pull = (student.NU + 1.0) * z / (student.NU + z * z)
    by_offset = pull / scale[injection] + ((at_high - at_low) / (scale * covered))[injection]
    by_scale = pull * z - 1.0 + ((at_high * high - at_low * low) / covered)[injection]
    return log_density, by_offset, by_scale
