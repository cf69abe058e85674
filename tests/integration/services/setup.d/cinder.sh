# Cinder, with the drivers of Ceph that Debian's Python has, and a database that is filled
# already. Sourced by ../../setup.sh.

cinder() {
    local python=$cache/cinder/bin/python site module found
    packages cinder Cinder || return 0
    site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
    for module in rados rbd; do
        # They are not on PyPI; what was built for this very Python can be used as it is.
        found=$(ls /usr/lib/python3/dist-packages/"$module".cpython-*.so 2>/dev/null | head -1)
        [ -n "$found" ] && ln -sf "$found" "$site/"
    done
    if ! "$python" -c 'import rados, rbd' 2>/dev/null; then
        missing "Cinder (its Python cannot load Debian's python3-rados and python3-rbd)"
        return 0
    fi
    if ! "$python" "$services/prepare_cinder.py" "$cache" >"$cache/cinder-prepare.log" 2>&1; then
        missing "Cinder (see $cache/cinder-prepare.log)"
    fi
}

cinder
