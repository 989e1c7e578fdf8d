#!/bin/bash
# Installs the Debian 12 packages that msb needs; does nothing when all of them are there.
#
#   tools/setup.sh [--build] [--test]      without a choice: both sets
set -euo pipefail

# To build msb, to run it, and to make the base images of tools/make-bases.sh.
build_packages=(
    gcc libc6-dev pkg-config meson ninja-build
    libfuse3-dev libarchive-dev libssl-dev libsqlite3-dev libxxhash-dev libjansson-dev
    libcurl4-openssl-dev libseccomp-dev zlib1g-dev libisal-dev libzstd-dev libsubid-dev
    libcmocka-dev
    fuse3 crun golang-github-containers-common git openssh-client ca-certificates uidmap
    mmdebstrap busybox-static
)
# To run its tests besides.
test_packages=(procps ripgrep
    runc rsync attr acl jq zstd xz-utils bzip2 sqlite3 libcap2-bin e2fsprogs
    mount python3 clang-format shellcheck
    docker.io
    docker-registry apache2-utils skopeo openssl
    umoci buildah podman
)

attempts=5

# Prints those of its arguments that are not installed.
missing() {
    comm -23 <(printf '%s\n' "$@" | sort) \
        <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
            sed -n 's/ installed$//p' | sort)
}

# Package lists older than a day name versions that a mirror may have dropped.
lists_are_fresh() {
    [[ -n $(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 -print -quit) ]]
}

# A first try with the lists at hand, every further one with new lists, after a growing pause.
install() {
    local try

    export DEBIAN_FRONTEND=noninteractive
    for ((try = 1; try <= attempts; try++)); do
        if { ((try == 1)) && lists_are_fresh; } || apt-get -q update; then
            if apt-get -q install -y --no-install-recommends \
                -o DPkg::Lock::Timeout=300 "$@"; then
                return 0
            fi
        fi
        ((try == attempts)) || sleep $((2 ** try))
    done
    echo "setup: could not install: $*" >&2
    return 1
}

packages=()
for argument in "$@"; do
    case $argument in
    --build) packages+=("${build_packages[@]}") ;;
    --test) packages+=("${test_packages[@]}") ;;
    *)
        echo "usage: tools/setup.sh [--build] [--test]" >&2
        exit 2
        ;;
    esac
done
if (($# == 0)); then
    packages=("${build_packages[@]}" "${test_packages[@]}")
fi

mapfile -t wanted < <(missing "${packages[@]}")
if ((${#wanted[@]} == 0)); then
    exit 0
fi
if ((EUID != 0)); then
    echo "setup: these packages are missing, and only root can install them: ${wanted[*]}" >&2
    exit 1
fi
install "${wanted[@]}"
