"""How many compounds of each mass a library lacks, told from how its own compounds lie by mass."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from compassign.units import FloatArray, IntArray

PRIOR_GROUPS = 10.0  # of one compound, half as many of two, a third of three: as many missing as listed of any mass
N_RATES = 100  # a factor of 1.1 apart for libraries with groups of a thousand isomers
N_STEPS = 500  # of EM; more change the numbers by less than their error
LOWEST_RATE, BEYOND_LARGEST = 0.01, 1.5


def unlisted_per_listed(group: IntArray) -> FloatArray:
    """Expected unlisted compounds of a compound's mass, per listed one of it, where as many are missing as are listed.

    group : (n_compounds,) the same number for compounds of one mass. Returns (n_compounds,) above 0. The compounds that
    a library lacks are taken to lie by mass as those that it has: where n are listed, the number in another library as
    large is the mean of the rates under which n came about. The law of rates is the most probable one of any form, with
    PRIOR_GROUPS beside those of the library. Source: Robbins, Proc. Third Berkeley Symposium 1, 1956 (what is expected
    of a second sample); Laird, JASA 73, 1978 (EM).
    """
    size = np.bincount(group)[group]
    if not size.size:
        return np.zeros(0)
    n = np.arange(1, size.max() + 2, dtype=np.float64)  # (n_sizes,)
    count = np.bincount(np.bincount(group), minlength=n.size + 1)[1:] + PRIOR_GROUPS / n
    rate = np.geomspace(LOWEST_RATE, BEYOND_LARGEST * n[-1], N_RATES)
    # a Poisson law of which the library shows no group without a compound
    log_law = n[:, None] * np.log(rate) - rate - gammaln(n + 1.0)[:, None] - np.log(-np.expm1(-rate))
    law, share = np.exp(log_law), np.full(N_RATES, 1.0 / N_RATES)
    for _ in range(N_STEPS):
        share *= (count / (law @ share)) @ law / count.sum()
    of_size = law @ (share * rate) / (law @ share) / n
    return np.asarray(of_size[size - 1])
