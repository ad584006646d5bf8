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
from compassign.units import FloatArray

ALPHA_MEAN, ALPHA_SD = -1.0, 2.0  # a main-ion candidate is a third as likely as the background, give or take e^2
MINOR_ADDUCT_LOG_WEIGHT = -1.5  # most compounds are seen first as their (de)protonated ion
EFFECT_SD = 1.0  # typical pooled SD: a factor of e between two species, groups or adducts
POOL_WIDTH = 0.5  # log-normal, so that the pooled SDs stay off zero, where effects form a funnel
KNOWN_IN_MEAN, KNOWN_IN_SD = 1.0, 1.0  # listed for the species: e times as likely, to be learned
MAIN_ADDUCTS = frozenset({"[M+H]+", "[M-H]-"})


class Presence:
    """eta = alpha + species + isobar group + adduct (+ known_in) effects, partially pooled."""

    name = "presence"
    explanation = "How common the composition, adduct and species are among the peaks, against the background."

    def parameters(self, problem: AssignmentProblem) -> Graph:
        """Log effects: `species` (n_species,) with the overall level, `group`, `adduct`, and the scalar `known_in`."""
        add_dimension("isobar_group", problem.groups_in_play[0].tolist())
        add_dimension("adduct", problem.adduct_names)
        add_dimension("species", problem.species_names)
        scale = pm.LogNormal("group_sd", np.log(EFFECT_SD), POOL_WIDTH)
        effects = {
            "species": pm.Normal("alpha", ALPHA_MEAN, ALPHA_SD) + pt.zeros(1),  # for any number of species
            "group": scale * pm.Normal("group_z", dims="isobar_group"),
            "adduct": pm.Data("adduct_log_weight", _adduct_prior(problem)),
            "known_in": pt.zeros(()),
        }
        if len(problem.species_names) > 1:
            spread = pm.LogNormal("species_sd", np.log(EFFECT_SD), POOL_WIDTH)
            effects["species"] += pm.ZeroSumNormal("species_effect", sigma=spread, dims="species")
        if len(problem.adduct_names) > 1:
            spread = pm.LogNormal("adduct_sd", np.log(EFFECT_SD), POOL_WIDTH)
            effects["adduct"] += pm.ZeroSumNormal("adduct_effect", sigma=spread, dims="adduct")
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
        in_play, _ = problem.groups_in_play
        values = {
            "alpha": np.asarray(ALPHA_MEAN),
            "group_sd": np.asarray(EFFECT_SD),
            "group_z": np.zeros(in_play.size),
        }
        if len(problem.adduct_names) > 1:
            values |= {"adduct_sd": np.asarray(EFFECT_SD), "adduct_effect": np.zeros(len(problem.adduct_names))}
        if len(problem.species_names) > 1:
            values |= {"species_sd": np.asarray(EFFECT_SD), "species_effect": np.zeros(len(problem.species_names))}
        if problem.is_known_in.any():
            values["known_in_effect"] = np.asarray(KNOWN_IN_MEAN)
        return values

    def evaluate(self, problem: AssignmentProblem, values: Values, slots: slice) -> FloatArray:
        """NumPy reference of `contribution`."""
        _, group = problem.groups_in_play
        adduct = problem.adduct[slots]
        eta = values["alpha"][:, None] + _adduct_prior(problem)[adduct]
        eta = eta + values["group_sd"][:, None] * values["group_z"][:, group[slots]]
        if "adduct_effect" in values:
            eta = eta + values["adduct_effect"][:, adduct]
        if "species_effect" in values:
            eta = eta + values["species_effect"][:, problem.species[slots]]
        if "known_in_effect" in values:
            eta = eta + values["known_in_effect"][:, None] * problem.is_known_in[slots]
        return np.asarray(eta)

    def hyperparameters(self, problem: AssignmentProblem) -> tuple[str, ...]:
        """Everything but the single groups' effects."""
        return tuple(name for name in self.location(problem) if name != "group_z")


def _adduct_prior(problem: AssignmentProblem) -> FloatArray:
    """(n_adducts,) log weight against the main ion; a charged compound's own ion is its main ion."""
    is_main = [name in MAIN_ADDUCTS or name.startswith("[M]") for name in problem.adduct_names]
    return np.where(is_main, 0.0, MINOR_ADDUCT_LOG_WEIGHT)
