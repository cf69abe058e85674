#!/usr/bin/env bash
# Makes .venv: a Python of 3.11 or later, every pinned dependency by its hash, and vitrine itself,
# editable. With uv where uv runs, else with venv and pip. Repeating it is harmless and mends.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usable() { "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Set where bytecode is unwelcome in the tree; here it would be paid for at every start.
unset PYTHONDONTWRITEBYTECODE

# Running uv is the test: a version manager's shim may be on PATH and have no uv behind it.
uv=
if uv --version >/dev/null 2>&1; then uv=uv; fi

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    python=${PYTHON:-}
    for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
        if [ -z "$python" ] && usable "$candidate"; then python=$candidate; fi
    done
    if [ -n "$uv" ]; then
        uv venv --quiet --clear --python "${python:-3.11}" .venv
    elif [ -n "$python" ]; then
        "$python" -m venv --clear .venv
    else
        echo "No Python of 3.11 or later that can make a virtual environment was found (on Debian: python3-venv)." >&2
        exit 1
    fi
fi

# vitrine is built by the pinned setuptools, not by one fetched for the purpose.
if [ -n "$uv" ]; then
    uv pip install --quiet --python .venv --require-hashes -r requirements.lock
    uv pip install --quiet --python .venv --no-build-isolation --no-deps --editable .
else
    .venv/bin/python -m ensurepip >/dev/null 2>&1 || true # an environment made by uv has no pip
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
fi
# Some packages ship templates that are not quite Python; those may fail.
.venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
.venv/bin/python -m compileall -q src
