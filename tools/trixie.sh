#!/bin/bash
# Builds msb in a Debian 13 root, with its libfuse 3.17 and everything else that is newer there, and
# runs the unit tests and those of the mount. The root is made once; later runs compile what changed.
#
#   tools/trixie.sh [TEST…]     TEST: names for meson test, instead of the usual ones
#
# MSB_TRIXIE   where the root is kept (default: msb-trixie in the user's cache)
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
home=${HOME:-$(getent passwd "$EUID" | cut -d: -f6)}
keep=${MSB_TRIXIE:-${XDG_CACHE_HOME:-$home/.cache}/msb-trixie}
attempts=3
# What tools/setup.sh installs to build msb, and what these tests need besides.
eval "$(sed -n '/^build_packages=(/,/^)/p' "$top/tools/setup.sh")"
packages=("${build_packages[@]}"
    procps rsync attr acl libcap2-bin mount python3 zstd xz-utils bzip2)
tests=(store store_care store_shared tree tree_links tree_model layer layer_write fs-core
    mount_plain mount_ring strain)
(($# == 0)) || tests=("$@")

if ((EUID != 0)); then
    echo "trixie: only root can make and enter a root file system" >&2
    exit 1
fi

# By the host's own apt: mirrors and proxies are what they are here. All of a root or nothing.
make_root() {
    local try

    for ((try = 1; try <= attempts; try++)); do
        rm -rf --one-file-system "$keep/making"
        if mmdebstrap --quiet --mode=root --variant=minbase \
            --include="$(IFS=, && echo "${packages[*]}")" trixie "$keep/making"; then
            mv "$keep/making" "$keep/root"
            return 0
        fi
        ((try == attempts)) || sleep $((5 * try))
    done
    echo "trixie: mmdebstrap failed $attempts times" >&2
    return 1
}

# In namespaces of its own, so that whatever a test leaves mounted or running goes with it.
enter() {
    # shellcheck disable=SC2016 # expanded inside
    unshare --mount --pid --fork --propagation private bash -euc '
        root=$1 top=$2
        shift 2
        mkdir -p "$root"/{src,build}
        mount --bind "$root" "$root"
        mount --bind -o ro "$top" "$root/src"
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount --rbind /dev "$root/dev"
        cd "$root"
        mkdir -p old
        pivot_root . old
        cd /
        umount -l /old
        exec env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 TMPDIR=/var/tmp bash -euc "
            echo \"libfuse \$(pkg-config --modversion fuse3), \$(gcc --version | sed -n 1p)\"
            [ -e /build/build.ninja ] || meson setup /build /src
            ninja -C /build -j \$(nproc)
            meson test -C /build --no-rebuild --print-errorlogs \"\$@\"" bash "$@"' \
        bash "$keep/root" "$top" "$@"
}

mkdir -p "$keep"
exec 9>"$keep/.lock"
flock 9
# Made anew when other packages are wanted.
if [[ ! -e $keep/root || $(cat "$keep/packages" 2>/dev/null) != "${packages[*]}" ]]; then
    rm -rf --one-file-system "$keep/root"
    make_root
    echo "${packages[*]}" >"$keep/packages"
fi
enter "${tests[@]}"
