"""A seed gives the same draws whether its code was compiled just now or comes from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PROGRAM = """
from assignment_problems import bare, tiny_problem

from compassign.config import SamplerConfig
from compassign.inference.native import compile_model
from compassign.inference.sampling import sample
from compassign.models.generative import build_generative_model, default_terms
from compassign.progress import SilentProgress

native = compile_model(build_generative_model(bare(tiny_problem()), default_terms()))
draws = sample(native, SamplerConfig(draws=40, tune=60, chains=2), 3, SilentProgress())
for name, values in sorted(draws.values.items()):
    print(name, values.tobytes().hex())
print("energy", draws.energy.tobytes().hex())
"""


def run_program(compiledir: Path) -> list[str]:
    """Lines of all draws."""
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={compiledir}", "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# Two processes of their own, one of which compiles everything.
@pytest.mark.slow
def test_cold_and_cached_code_give_the_same_bytes(tmp_path: Path) -> None:
    cold = run_program(tmp_path)
    files = set(tmp_path.rglob("*.nbi"))
    cached = run_program(tmp_path)
    assert len(cold) == 8  # free variables and energy
    assert len(cold[0]) > 1000
    assert cold == cached
    # the second one did come from the cache
    assert files
    assert set(tmp_path.rglob("*.nbi")) == files
