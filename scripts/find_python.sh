#!/usr/bin/env bash
# Prints the path of a Python >= 3.12 that runs. Looks at $PYTHON (and nowhere else, if it is set), then at PATH, pyenv's
# versions, uv and conda. Exit code 1 and a message on stderr if there is none.
# Only shell builtins until uv is asked, so that it works with any PATH.
set -u

minimum="3.12"
report='import sys; print(*sys.version_info[:3], getattr(sys, "_base_executable", None) or sys.executable)'

# probe COMMAND: sets `found` and `version`; status 0 if it is new enough, 1 if too old, 2 if it does not run.
# Existence proves nothing: pyenv's shims are on PATH for versions that are not selected, and fail when they are run.
# The *base* executable, because inside an activated .venv `python3` is a link that a rebuild of .venv would remove.
probe() {
    local answer major minor micro path
    answer=$("$1" -c "$report" 2>/dev/null) || return 2
    read -r major minor micro path <<<"$answer"
    [[ "$major" =~ ^[0-9]+$ && "$minor" =~ ^[0-9]+$ && -n "$path" ]] || return 2
    found=$path
    version="$major.$minor.$micro"
    ((major > ${minimum%.*} || (major == ${minimum%.*} && minor >= ${minimum#*.})))
}

accept() {
    if probe "$1"; then
        printf '%s\n' "$found"
        exit 0
    fi
}

use_requested() {
    local status=0
    probe "$1" || status=$?
    case $status in
        0) printf '%s\n' "$found" ;;
        1) echo "PYTHON=$1 is Python $version; CompAssign needs $minimum or newer." >&2 ;;
        *) echo "PYTHON=$1 does not run; it should name a Python $minimum or newer." >&2 ;;
    esac
    exit $((status > 0))
}

search_path() {
    local name candidate
    for name in python3.13 python3.12 python3; do
        while IFS= read -r candidate; do
            accept "$candidate"
        done < <(type -aP "$name")
    done
}

search_pyenv() {
    local versions="${PYENV_ROOT:-${HOME:-}/.pyenv}/versions" pattern candidate
    for pattern in '3.13*' '3.12*' '3.*'; do
        # shellcheck disable=SC2231  # the pattern must expand
        for candidate in "$versions"/$pattern/bin/python3; do
            [[ -x "$candidate" ]] && accept "$candidate"
        done
    done
}

search_uv() {
    local candidate
    uv --version >/dev/null 2>&1 || return 0
    candidate=$(uv python find --system --no-project --no-python-downloads ">=$minimum" 2>/dev/null) && accept "$candidate"
    echo "No Python >= $minimum on this machine yet; asking uv to download one ..." >&2
    uv python install --quiet "$minimum" >&2 || return 0
    candidate=$(uv python find --system --no-project --no-python-downloads "$minimum" 2>/dev/null) && accept "$candidate"
}

search_conda() {
    local base
    base=$(conda info --base 2>/dev/null) || return 0
    accept "$base/bin/python3"
    accept "$base/envs/compassign-python/bin/python3"
    echo "No Python >= $minimum on this machine yet; asking conda for one (environment compassign-python) ..." >&2
    conda create --yes --quiet --name compassign-python "python=$minimum" >&2 || return 0
    accept "$base/envs/compassign-python/bin/python3"
}

[[ -n "${PYTHON:-}" ]] && use_requested "$PYTHON"
search_path
search_pyenv
search_uv
search_conda
echo "CompAssign needs Python $minimum or newer and found none. Install one, for example with
    apt-get install python3 python3-venv     (Debian 13, Ubuntu 24.04 or newer)
    brew install python@3.13                 (macOS)
    pyenv install 3.13                       (any Unix with pyenv)
or name one that is already there: PYTHON=/path/to/python3 scripts/setup_environment.sh" >&2
exit 1
