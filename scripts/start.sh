#!/usr/bin/env bash
# Sets the environment up and opens the dashboard on http://127.0.0.1:8501; takes the options of `streamlit run`.
# On first start, three demonstration runs are computed beside it. COMPASSIGN_OUTPUT is the workspace, `output` unless set.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=scripts/setup_environment.sh
source "$scripts/setup_environment.sh"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # chains run side by side; threads inside each would fight for the cores
export COMPASSIGN_OUTPUT="${COMPASSIGN_OUTPUT:-$PWD/output}"
# in a session of its own: the runs go on when the dashboard is closed
(
    python -m compassign.jobs.demo "$COMPASSIGN_OUTPUT" &&
        exec setsid compassign worker --output "$COMPASSIGN_OUTPUT"
) </dev/null >/dev/null 2>&1 &
cd "$scripts/.."
exec python -m streamlit run app.py --server.headless=true --server.port=8501 "$@"
