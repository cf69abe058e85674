# Ceph: a monitor, an object store daemon, the S3 gateway, and the Python bindings of RBD.

bindings() { # Debian builds them for its own Python, and they are nowhere else
    local site name built
    site=$("$root/.venv/bin/python" -c 'import sys, sysconfig; print(sysconfig.get_path("platlib")) if sys.version_info[:2] == (3, 11) else sys.exit(1)' 2>/dev/null) || {
        missing "Ceph's Python bindings (they are built for Python 3.11, and .venv is another)"
        return 0
    }
    debian_library rbd python3-rbd
    debian_library rados python3-rados
    for name in rados rbd; do
        built=$(compgen -G "/usr/lib/python3/dist-packages/$name.cpython-311-*.so") || {
            missing "$name.so (Debian package python3-$name; see $cache/apt.log)"
            return 0
        }
        ln -sfn "$built" "$site/${built##*/}"
    done
}

debian_library() { # debian_library NAME PACKAGE: as debian, for what is no command
    compgen -G "/usr/lib/python3/dist-packages/$1.*.so" >/dev/null && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $2"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" </dev/null >>"$cache/apt.log" 2>&1
    fi
}

debian ceph-mon ceph-mon
debian ceph-osd ceph-osd
debian rbd ceph-common
debian radosgw radosgw
bindings
