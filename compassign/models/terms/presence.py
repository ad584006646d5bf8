"""How often a compound and adduct make a peak, before mass and RT are seen: the weights of the mixture.

Presence is learned per isobar group, the compounds of one mass. Isomers share all their peaks, so peak counts cannot
tell them apart; an effect of each would only repeat the RT evidence once for every peak of the compound, which makes
an isomer's head start grow with the number of its adducts and injections, and gives each choice of isomer its own mode.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from compassign.models.problem import AssignmentProblem
from compassign.models.terms.base import Graph, Values, add_dimension
from compassign.units import BoolArray, FloatArray, IntArray

ALPHA_MEAN, ALPHA_SD = -1.0, 2.0  # a main-ion candidate is a third as likely as the background, give or take e^2
MINOR_ADDUCT_LOG_WEIGHT = -1.5  # most compounds are seen first as their (de)protonated ion
EFFECT_SD = 1.0  # typical pooled SD: a factor of e between two species or groups
ADDUCT_SD = 6.0  # between adducts: some are as common as the main ion, others never seen; fixed, as few inform it
POOL_WIDTH = 0.5  # log-normal, so that the pooled SDs stay off zero, where effects form a funnel
KNOWN_IN_MEAN, KNOWN_IN_SD = 1.0, 1.0  # listed for the species: e times as likely, to be learned
MAIN_ADDUCTS = frozenset({"[M+H]+", "[M-H]-"})
HALF_CENTRED = 100.0  # main ions that a group may have made; most it nearly surely did or did not, which tells little


class Presence:
    """eta = alpha + species + isobar group + adduct (+ known_in) effects, partially pooled.

    Adduct effects sum to zero when weighted by their candidates, minor ones counting for less: unweighted, they would
    tie alpha to adducts that hardly any peak informs. Some groups may have made hundreds of peaks, others one: each
    effect of a group is centred as far as these inform it, however many isomers it has.
    Source: Papaspiliopoulos, Roberts & Skold 2007, A General Framework for the Parametrization of Hierarchical Models.
    """

    name = "presence"
    explanation = "How common the composition, adduct and species are among the peaks, against the background."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """Log effects: `species` (n_species,) with the overall level, `group`, `adduct`, and the scalar `known_in`."""
        add_dimension("isobar_group", problem.groups_in_play[0].tolist())
        add_dimension("species", problem.species_names)
        alpha = pm.Normal("alpha", ALPHA_MEAN, ALPHA_SD)
        scale = pm.LogNormal("group_sd", np.log(EFFECT_SD), POOL_WIDTH)
        centring = pm.Data("group_centring", _group_centring(problem))
        group_z = pm.Normal("group_z", centring * alpha, scale**centring, dims="isobar_group")
        effects = {
            "species": alpha + pt.zeros(1),  # for any number of species
            "group": scale ** (1.0 - centring) * (group_z - centring * alpha),
            "adduct": pm.Data("adduct_log_weight", _adduct_prior(problem)),
            "known_in": pt.zeros(()),
        }
        if len(problem.species_names) > 1:
            spread = pm.LogNormal("species_sd", np.log(EFFECT_SD), POOL_WIDTH)
            effects["species"] += pm.ZeroSumNormal("species_effect", sigma=spread, dims="species")
        if len(problem.adduct_names) > 1:
            add_dimension("adduct_contrast", _contrast_names(problem))
            contrast = pm.Normal("adduct_effect", 0.0, ADDUCT_SD, dims="adduct_contrast")
            # not as a dot product, whose compilation takes half a minute
            effects["adduct"] += (pm.Data("adduct_basis", _adduct_basis(problem)) * contrast).sum(axis=1)
        if problem.is_known_in.any():
            effects["known_in"] = pm.Normal("known_in_effect", KNOWN_IN_MEAN, KNOWN_IN_SD)
        return effects

    def contribution(self, problem: AssignmentProblem, parameters: Graph) -> Any:
        """Log weight of every slot against the background, (n_slots,)."""
        eta = parameters["group"][pm.Data("slot_isobar_group", problem.groups_in_play[1])]
        eta += parameters["adduct"][pm.Data("slot_adduct", problem.adduct)]
        eta += parameters["species"][pm.Data("slot_species", problem.species)]
        return eta + parameters["known_in"] * pm.Data("slot_known_in", problem.is_known_in.astype(np.float64))

    def location(self, problem: AssignmentProblem) -> dict[str, FloatArray]:
        """Every effect at zero, every scale at its prior's location."""
        values = {
            "alpha": np.asarray(ALPHA_MEAN),
            "group_sd": np.asarray(EFFECT_SD),
            "group_z": _group_centring(problem) * ALPHA_MEAN,
        }
        if len(problem.adduct_names) > 1:
            values["adduct_effect"] = np.zeros(len(problem.adduct_names) - 1)
        if len(problem.species_names) > 1:
            values |= {"species_sd": np.asarray(EFFECT_SD), "species_effect": np.zeros(len(problem.species_names))}
        if problem.is_known_in.any():
            values["known_in_effect"] = np.asarray(KNOWN_IN_MEAN)
        return values

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        adduct = problem.adduct[slots]
        groups, group = np.unique(problem.groups_in_play[1][slots], return_inverse=True)  # few of all
        alpha, centring = values["alpha"][:, None], _group_centring(problem, groups)
        effect = values["group_sd"][:, None] ** (1.0 - centring) * (values["group_z"][:, groups] - centring * alpha)
        eta = alpha + _adduct_prior(problem)[adduct] + effect[:, group]
        if "adduct_effect" in values:
            eta = eta + (values["adduct_effect"] @ _adduct_basis(problem).T)[:, adduct]
        if "species_effect" in values:
            eta = eta + values["species_effect"][:, problem.species[slots]]
        if "known_in_effect" in values:
            eta = eta + values["known_in_effect"][:, None] * problem.is_known_in[slots]
        return np.asarray(eta)

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """Everything but the single groups' effects."""
        return tuple(name for name in self.location(problem) if name != "group_z")


def _adduct_prior(problem: AssignmentProblem) -> FloatArray:
    """(n_adducts,) log weight against the main ion."""
    return np.where(_is_main(problem), 0.0, MINOR_ADDUCT_LOG_WEIGHT)


def _group_centring(problem: AssignmentProblem, groups: IntArray | slice = slice(None)) -> FloatArray:
    """(n_groups,) of some of the groups in play, all unless given."""
    return centring(problem.ions_of_groups[groups] @ _expected(problem))


def _adduct_basis(problem: AssignmentProblem) -> FloatArray:
    """Effect of every contrast on the adducts, (n_adducts, n_adducts - 1)."""
    return zero_sum_basis(problem.slots_of_adducts * _expected(problem), _reference_adduct(problem))


def centring(n_ions: FloatArray) -> FloatArray:
    """How much a group's ions say of its effect beside the prior: 1, it is sampled as itself; 0, in units of its SD."""
    return n_ions / (n_ions + HALF_CENTRED)


def zero_sum_basis(weight: FloatArray, reference: int) -> FloatArray:
    """Orthonormal columns, (n, n - 1), each of which sums to zero when weighted; weight : (n,) not negative.

    They are those of the reflection that takes the weights to the axis of `reference`, so that each is nearly the axis
    of one of the other rows, in their order.
    """
    normal = weight / np.linalg.norm(weight)
    normal[reference] += 1.0
    reflection = np.eye(weight.size) - 2.0 * np.outer(normal, normal) / (normal @ normal)
    return np.delete(reflection, reference, axis=1)


def _contrast_names(problem: AssignmentProblem) -> list[str]:
    """Name every contrast by the adduct that it is nearest to."""
    return [name for at, name in enumerate(problem.adduct_names) if at != _reference_adduct(problem)]


def _reference_adduct(problem: AssignmentProblem) -> int:
    """Row of the main ion with the most slots, or of the adduct with the most where no ion is a main one."""
    return int(np.lexsort((problem.slots_of_adducts, _is_main(problem)))[-1])


def _expected(problem: AssignmentProblem) -> FloatArray:
    """(n_adducts,) how much a candidate counts as each adduct: as far as that is expected before any data."""
    return np.exp(_adduct_prior(problem))


def _is_main(problem: AssignmentProblem) -> BoolArray:
    """(n_adducts,); a charged compound's own ion is its main ion."""
    return np.array([name in MAIN_ADDUCTS or name.startswith("[M]") for name in problem.adduct_names], dtype=np.bool_)
