"""The closed forms of Student's t with four degrees of freedom equal SciPy's."""

from __future__ import annotations

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy import stats

from compassign.models import student

Z = np.concatenate([-np.geomspace(1e-6, 1e4, 60), [0.0], np.geomspace(1e-6, 1e4, 60)])


@pytest.mark.parametrize("scale", [0.01, 1.0, 37.0])
def test_log_density_equals_scipy(scale: float) -> None:
    expected = stats.t(student.NU, scale=scale).logpdf(Z * scale)
    assert student.log_density(Z, np.log(scale)) == pytest.approx(expected, rel=1e-12)


def test_cdf_equals_scipy() -> None:
    assert student.cdf(Z) == pytest.approx(stats.t(student.NU).cdf(Z), abs=1e-14)


def test_quantile_inverts_the_distribution_function() -> None:
    p = np.concatenate([np.geomspace(1e-12, 0.5, 50), 1.0 - np.geomspace(1e-12, 0.5, 50)])
    assert student.quantile(p) == pytest.approx(stats.t(student.NU).ppf(p), rel=1e-6, abs=1e-7)
    assert np.isfinite(student.quantile(np.array([0.0, 1.0]))).all()


def test_both_backends_agree() -> None:
    z = pt.dvector("z")
    graphs = {"log_density": student.log_density(z, 0.3, pt.log1p), "cdf": student.cdf(z, pt.sqrt)}
    log_density, cdf = (graph.eval({z: Z}, mode="FAST_COMPILE") for graph in graphs.values())
    assert log_density == pytest.approx(student.log_density(Z, 0.3), rel=1e-13)
    assert cdf == pytest.approx(student.cdf(Z), abs=1e-15)
