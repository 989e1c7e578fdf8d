#!/bin/bash
# Builds msb in a Debian 13 root, with its libfuse 3.17, crun 1.21 and everything else that is newer
# there, and runs the unit and golden tests and those of the mount. Its last line is
# "N passed, N failed". The root is made once; later runs compile what changed.
#
#   tools/trixie.sh [TEST…]     TEST: names for meson test, instead of the usual ones
#
# MSB_TRIXIE   where the root is kept (default: msb-trixie in the user's cache)
set -euo pipefail
exec </dev/null

top=$(cd "$(dirname "$0")/.." && pwd)
home=${HOME:-$(getent passwd "$EUID" | cut -d: -f6)}
keep=${MSB_TRIXIE:-${XDG_CACHE_HOME:-$home/.cache}/msb-trixie}
# What tools/setup.sh installs to build msb, and what these tests need besides.
eval "$(sed -n '/^build_packages=(/,/^)/p' "$top/tools/setup.sh")"
packages=("${build_packages[@]}"
    procps runc rsync attr acl jq sqlite3 libcap2-bin mount python3 zstd xz-utils bzip2)
# The house rules are kept by Debian 12's formatter, and BuildKit's stored answers name its programs.
tests=(--no-suite walls --no-suite conformance)
(($# == 0)) || tests=("$@")

# pivot ROOT SOURCE: makes ROOT this mount namespace's root, the source read-only in it.
pivot() {
    mkdir -p "$1"/{src,build,old}
    mount --bind "$1" "$1"
    mount --bind -o ro "$2" "$1/src"
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount --rbind /dev "$1/dev"
    ln -sf /proc/self/mounts "$1/etc/mtab" # as whatever boots a system does; fusermount3 wants it
    cd "$1"
    pivot_root . old
    cd /
    umount -l /old
}

# In the root. This shell is the first process of its namespace and stays it (no exec): all that
# daemons leave behind when they end is its to take in, or they would seem to run for ever.
inside() {
    local log=/build/meson-logs/testlog.json all=1 good=0

    echo "libfuse $(pkg-config --modversion fuse3), $(crun --version | sed -n 1p)," \
        "$(gcc --version | sed -n 1p)"
    rm -f $log
    if { [[ -e /build/build.ninja ]] || meson setup /build /src; } &&
        ninja -C /build -j "$(nproc)"; then
        meson test -C /build --no-rebuild --print-errorlogs "$@" ||
            echo "(meson reports failures)"
    fi
    # Nothing was written: the build or meson itself failed, or there is no such test.
    if [[ -s $log ]]; then
        all=$(jq -s 'length' $log)
        good=$(jq -s 'map(select(.result == "OK")) | length' $log)
    fi
    echo
    echo "$good passed, $((all - good)) failed"
    ((good == all))
}

# In namespaces of its own, so that whatever a test leaves mounted or running goes with it.
enter() {
    # shellcheck disable=SC2016 # expanded inside
    unshare --mount --pid --fork --kill-child --propagation private \
        bash -euc "$(declare -f pivot)"'
            pivot "$1" "$2"
            functions=$3
            shift 3
            exec env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 TMPDIR=/var/tmp \
                bash -euc "$functions
                    inside \"\$@\"" bash "$@"' \
        bash "$keep/root" "$top" "$(declare -f inside)" "$@"
}

mkdir -p "$keep"
exec 9>"$keep/.lock"
flock 9
"$top/tools/debian-root.sh" "$keep" trixie "${packages[@]}"
enter "${tests[@]}"
