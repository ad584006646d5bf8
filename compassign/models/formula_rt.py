"""RTs of compounds whose structure is unknown, from the predictions of compounds of similar formulas.

Without a prediction a compound, listed or not, would be compared with its isomers on unequal terms: theirs gain
wherever compounds of such a formula elute, whichever of them it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from compassign.candidates import RtPredictions
from compassign.chemistry.composition import compositions
from compassign.units import BoolArray, FloatArray

N_NEIGHBOURS = 20  # enough to tell their spread to a sixth


def fill_in(predictions: RtPredictions, formulas: pd.Series) -> RtPredictions:
    """Predict by its formula what has one and no prediction yet; formulas : (n_compounds,) "" for unknown."""
    is_missing = np.isnan(predictions.mean_min).all(axis=(0, 1))
    by_formula = predict_by_formula(predictions, formulas, is_missing)
    if by_formula is None:
        return predictions
    return replace(
        predictions,
        mean_min=np.where(is_missing, by_formula[0], predictions.mean_min),
        sd_min=np.where(is_missing, by_formula[1], predictions.sd_min),
    )


def predict_by_formula(
    predictions: RtPredictions, formulas: pd.Series, wanted: BoolArray
) -> tuple[FloatArray, FloatArray] | None:
    """Predict any compound of a formula as those N_NEIGHBOURS that have a prediction and the most similar composition.

    The mean of their predictions, with the variance of these and that of their errors. formulas : (n_compounds,) "" for
    unknown. wanted : (n_compounds,). Returns means and SDs in minutes, as those of `RtPredictions`, NaN where no
    compound with a formula is wanted; None where there is none, or too few have a prediction.
    """
    covariates = compositions(formulas.tolist()).to_numpy(dtype=np.float64)
    is_described = np.isfinite(covariates).all(axis=1)
    is_predicted = np.isfinite(predictions.mean_min).all(axis=(0, 1)) & is_described
    is_wanted = wanted & is_described
    if is_predicted.sum() < N_NEIGHBOURS or not is_wanted.any():
        return None
    known = covariates[is_predicted]
    scale = np.where(known.std(axis=0) > 0, known.std(axis=0), 1.0)
    nearest = cKDTree(known / scale).query(covariates[is_wanted] / scale, N_NEIGHBOURS)[1]
    means, sds = (
        values[..., is_predicted][..., nearest]  # (n_species, 2, n_wanted, N_NEIGHBOURS)
        for values in (predictions.mean_min, predictions.sd_min)
    )
    mean, sd = np.full((2, *predictions.mean_min.shape), np.nan)
    mean[..., is_wanted] = means.mean(axis=-1)
    sd[..., is_wanted] = np.sqrt(means.var(axis=-1, ddof=1) + (sds**2).mean(axis=-1))
    return mean, sd
