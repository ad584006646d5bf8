#!/usr/bin/env bash
# Makes .venv in the repository: a Python >= 3.12 with CompAssign and the exact versions of constraints.txt.
#     scripts/setup_environment.sh             makes or updates it
#     source scripts/setup_environment.sh      the same, and leaves it active (bash and zsh)
#     PYTHON=/path/to/python3 ...              with that interpreter
# Returns at once when nothing has changed since the last time.

# When sourced, this part runs in the user's shell: it sets no option, never exits and leaves no name behind. The work is
# done by a child that runs this same file.
if [ -n "${BASH_VERSION:-}" ]; then
    _compassign_script=${BASH_SOURCE[0]}
    if [ "$_compassign_script" = "$0" ]; then _compassign_sourced=no; else _compassign_sourced=yes; fi
elif [ -n "${ZSH_VERSION:-}" ]; then
    eval '_compassign_script=${(%):-%x}' # zsh's name for this file; other shells cannot even read it
    case "${ZSH_EVAL_CONTEXT:-}" in *:file*) _compassign_sourced=yes ;; *) _compassign_sourced=no ;; esac
else
    echo "setup_environment.sh: run it with bash, or source it from bash or zsh." >&2
    # shellcheck disable=SC2317  # reached where this file is run, because only a sourced file can return
    return 1 2>/dev/null || exit 1
fi
if [ "$_compassign_sourced" = yes ]; then
    # PYTHON by hand: it need not be exported, and zsh does not export what precedes `source`.
    if PYTHON="${PYTHON:-}" bash "$_compassign_script"; then
        # shellcheck source=/dev/null
        . "$(dirname "$_compassign_script")/../.venv/bin/activate"
        unset _compassign_script _compassign_sourced
        return 0
    fi
    unset _compassign_script _compassign_sourced
    return 1
fi
if [ -z "${BASH_VERSION:-}" ]; then
    exec bash "$_compassign_script"
fi

set -euo pipefail

scripts=$(cd "$(dirname "$_compassign_script")" && pwd -P)
root=$(dirname "$scripts")
venv="$root/.venv"
stamp="$venv/.compassign-stamp"           # what the last complete installation was made from
unfinished="$venv/.compassign-unfinished" # there from the first change until the last; a killed installation leaves it

# What the environment is made from. One start of its Python both proves that it runs and takes 0.05 s.
fingerprint() {
    "$venv/bin/python" -IS - "$root" <<'PYTHON'
import hashlib
import pathlib
import sys

digest = hashlib.sha256(f"{sys.version} {sys.argv[1]}".encode())
for name in ("pyproject.toml", "constraints.txt"):
    digest.update(b"\0" + pathlib.Path(sys.argv[1], name).read_bytes())
print(digest.hexdigest())
PYTHON
}

version_of() {
    "$1" -IS -c 'import sys; print(sys.version)' 2>/dev/null
}

# An environment can be kept if it was finished, was made at this place (its programs hold absolute paths), and its
# Python runs, is new enough and is of the version asked for.
can_keep() {
    [[ -e "$venv/bin/activate" && ! -e "$unfinished" && "$(<"$venv/bin/activate")" == *"$venv"* ]] || return 1
    PYTHON="$venv/bin/python" "$scripts/find_python.sh" >/dev/null 2>&1 || return 1
    [[ -z "${PYTHON:-}" || "$(version_of "$venv/bin/python")" == "$(version_of "$PYTHON")" ]]
}

has_uv() {
    uv --version >/dev/null 2>&1
}

make_venv() {
    local python
    python=$("$scripts/find_python.sh")
    echo "Making $venv with $("$python" --version) ($python) ..." >&2
    rm -rf "$venv"
    if has_uv; then
        # An explicit path: asked for a version, uv would try to download one.
        uv venv --quiet --no-project --python "$python" "$venv"
    elif "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv "$venv"
    elif "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv --quiet "$venv"
    else
        echo "$python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2
        return 1
    fi
}

install_packages() {
    cd "$root"
    if has_uv; then
        # Unlike pip, uv leaves the compiling to the first import, and PYTHONDONTWRITEBYTECODE to every import: seconds.
        uv pip install --compile-bytecode --python "$venv/bin/python" --constraint constraints.txt --editable '.[dev]'
    else
        # An environment that uv once made has no pip.
        "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
        "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --constraint constraints.txt --editable '.[dev]'
    fi
}

if [[ -n "${PYTHON:-}" ]]; then
    PYTHON=$("$scripts/find_python.sh") # an interpreter that is too old is an error even where .venv is complete
fi
if can_keep; then
    if [[ -e "$stamp" && "$(fingerprint)" == "$(<"$stamp")" ]]; then
        exit 0
    fi
else
    make_venv
fi
rm -f "$stamp"
: >"$unfinished"
install_packages >&2
if [[ -z "${COMPASSIGN_WARM_LATER:-}" ]]; then
    echo "Compiling the models once, so that no run has to (about two minutes) ..." >&2
    "$venv/bin/python" -m compassign.warm_cache >&2 ||
        echo "They could not be compiled yet; the first run will try again." >&2
fi
fingerprint >"$stamp.new"
mv "$stamp.new" "$stamp"
rm -f "$unfinished"
echo "$venv is ready." >&2
