#!/usr/bin/env bash
# Sets the environment up and runs the pipeline; takes the options of `compassign run`.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/setup_environment.sh
source "$scripts/setup_environment.sh"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # chains run side by side; threads inside each would fight for the cores
exec python "$scripts/train.py" "$@"
