"""RTs of compounds whose structure is unknown, from the predictions of compounds of similar formulas.

Without a prediction a compound would be compared with its isomers on unequal terms: theirs gain wherever compounds of
such a formula elute, whichever of them it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from compassign.candidates import RtPredictions
from compassign.chemistry.composition import compositions

N_NEIGHBOURS = 20  # enough to tell their spread to a sixth


def fill_in(predictions: RtPredictions, formulas: pd.Series) -> RtPredictions:
    """Predict compounds without a prediction as those N_NEIGHBOURS that have one and the most similar composition.

    The mean of their predictions, with the variance of these and that of their errors. formulas : (n_compounds,) "" for
    unknown. Compounds without a formula stay without a prediction, and so do all where too few have one.
    """
    covariates = compositions(formulas.tolist()).to_numpy(dtype=np.float64)
    is_described = np.isfinite(covariates).all(axis=1)
    is_predicted = np.isfinite(predictions.mean_min).all(axis=(0, 1)) & is_described
    is_missing = np.isnan(predictions.mean_min).all(axis=(0, 1)) & is_described
    if is_predicted.sum() < N_NEIGHBOURS or not is_missing.any():
        return predictions
    known = covariates[is_predicted]
    scale = np.where(known.std(axis=0) > 0, known.std(axis=0), 1.0)
    nearest = cKDTree(known / scale).query(covariates[is_missing] / scale, N_NEIGHBOURS)[1]
    means, sds = (
        values[..., is_predicted][..., nearest]  # (n_species, 2, n_missing, N_NEIGHBOURS)
        for values in (predictions.mean_min, predictions.sd_min)
    )
    mean, sd = predictions.mean_min.copy(), predictions.sd_min.copy()
    mean[..., is_missing] = means.mean(axis=-1)
    sd[..., is_missing] = np.sqrt(means.var(axis=-1, ddof=1) + (sds**2).mean(axis=-1))
    return replace(predictions, mean_min=mean, sd_min=sd)
