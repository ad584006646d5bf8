#!/usr/bin/env bash
# The one test command: format, lint, types, tests. Arguments go to pytest, e.g. scripts/test.sh -k fdr -n 0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/setup_environment.sh

# Two test processes share two cores; with threads of their own in each, they would wait for each other.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1

ruff format --check .
ruff check .
mypy
MYPYPATH=benchmarks:tests:tests/app:tests/inference mypy benchmarks # scripts, which import each other and test helpers
exec python -m pytest -n 2 --dist loadgroup --durations=25 "$@"
