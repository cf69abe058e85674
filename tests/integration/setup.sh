#!/usr/bin/env bash
# Fetches what the integration tests need besides Python packages: qemu-img, memcached, RabbitMQ, a real
# Keystone, and the clients with the tests that they bring. May be run again at any time; does
# nothing, quickly, when all is there. What cannot be had is named, and its tests are skipped for
# "service missing"; never a failure here.
set -uo pipefail
unset PYTHONDONTWRITEBYTECODE # what is installed is started often

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
services=$here/services
# The same place that tests/support/services.py looks in.
cache=${VITRINE_TEST_CACHE:-$root/.cache/test-services}
mkdir -p "$cache"

say() { printf 'test services: %s\n' "$*"; }
missing() { say "MISSING $*; the tests that need it will be skipped" >&2; }

debian() { # debian COMMAND PACKAGE
    command -v "$1" >/dev/null && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $2"
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"; } \
            </dev/null >"$cache/apt.log" 2>&1
    fi
    command -v "$1" >/dev/null || missing "$1 (Debian package $2; see $cache/apt.log)"
}

python_311() { # the path of some Python of 3.11 or newer
    local candidate
    for candidate in "$root/.venv/bin/python" python3 python3.11 python3.12 python3.13 python3.14; do
        if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$candidate"
            return 0
        fi
    done
    return 1
}

packages() { # packages NAME WHAT: what NAME.lock pins, in the environment $cache/NAME
    local python venv=$cache/$1 lock=$services/$1.lock sum
    if ! python=$(python_311); then
        missing "$2 (no Python of 3.11 or newer)"
        return 1
    fi
    sum=$(sha256sum "$lock" | cut -c1-64)
    [ "$(cat "$venv/.installed" 2>/dev/null)" = "$sum" ] && return 0
    say "installing $2"
    rm -rf "$venv" "$cache/$1-template" # what was made by it, if anything
    if ! { "$python" -m venv "$venv" &&
        "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes --no-deps -r "$lock"; } \
        </dev/null >"$cache/$1-install.log" 2>&1; then
        missing "$2 (see $cache/$1-install.log)"
        return 1
    fi
    echo "$sum" >"$venv/.installed"
}

keystone() {
    packages keystone Keystone || return 0
    if ! "$cache/keystone/bin/python" "$services/prepare_keystone.py" "$cache" >"$cache/keystone-prepare.log" 2>&1; then
        missing "Keystone (see $cache/keystone-prepare.log)"
    fi
}

(
    # Two test runs of one checkout may come here together.
    if command -v flock >/dev/null; then flock 9; fi
    debian qemu-img qemu-utils
    debian memcached memcached
    debian rabbitmq-server rabbitmq-server
    keystone
    packages clients "the clients with their functional tests"
    # Storage systems, one file each, with the functions above.
    for part in "$services"/setup.d/*.sh; do
        if [ -f "$part" ]; then . "$part"; fi
    done
) 9>"$cache/setup.lock"
exit 0
