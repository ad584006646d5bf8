#!/usr/bin/env bash
# Sets the environment up and opens the dashboard on http://127.0.0.1:8501; takes the options of `compassign serve`.
# On first start, three demonstration runs are computed beside it. COMPASSIGN_OUTPUT is the workspace, `output` unless set.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
export COMPASSIGN_WARM_LATER=1 # the first run compiles the models, so that the dashboard opens at once
# shellcheck source=scripts/setup_environment.sh
source "$scripts/setup_environment.sh"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # chains run side by side; threads inside each would fight for the cores
export COMPASSIGN_OUTPUT="${COMPASSIGN_OUTPUT:-output}"
python -m compassign.jobs.demo "$COMPASSIGN_OUTPUT"
exec compassign serve "$@"
