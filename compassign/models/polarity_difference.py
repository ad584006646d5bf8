"""How far the RTs of a compound in the two polarities differ, as learned from compounds that are known in both."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, logsumexp

from compassign.models import student
from compassign.units import FloatArray

SHARE = 0.05  # of the RT span: typical difference of compounds that differ
WIDTH = 0.5  # log-normal: within a factor of 2.7 of that
_N_SHARES, _N_SDS = 100, 81


def difference_sd_min(differences_min: FloatArray, noise_min: float, span_min: float) -> float:
    """Root mean square, in minutes, of the scale of the difference of a compound that is not known in both polarities.

    differences_min : (n_compounds,) of those that are. noise_min : scale of the error of one RT. span_min : width of
    the RT axis. Either the eluents are the same and no compound differs, or they are not, and then a share of the
    compounds does, anything from none to all: four that agree do not say that the next one will. Both are as likely
    beforehand. Differences and errors are Student-t. A spike and a slab: Mitchell & Beauchamp, J. Am. Stat. Assoc. 83,
    1988.
    """
    share = (np.arange(_N_SHARES)[:, None] + 0.5) / _N_SHARES
    log_ratio = np.linspace(-4.0 * WIDTH, 4.0 * WIDTH, _N_SDS)
    sd_min = SHARE * span_min * np.exp(log_ratio)
    log_noise = 0.5 * np.log(2.0 * noise_min**2)
    log_observed = 0.5 * np.log(sd_min**2 + 2.0 * noise_min**2)
    log_same = student.log_density(differences_min / np.exp(log_noise), log_noise)
    log_different = student.log_density(differences_min[:, None] / np.exp(log_observed), log_observed)
    log_prior = log_softmax(-0.5 * (log_ratio / WIDTH) ** 2) - np.log(_N_SHARES)
    log_weight = np.broadcast_to(log_prior, (_N_SHARES, _N_SDS))
    for same, different in zip(log_same, log_different, strict=True):
        log_weight = log_weight + np.logaddexp(np.log1p(-share) + same, np.log(share) + different)
    weight = np.exp(log_weight - np.logaddexp(logsumexp(log_weight), log_same.sum()))
    return float(np.sqrt((weight * share * sd_min**2).sum()))
