#!/bin/bash
# Makes the root file system KEEP/root of a Debian release with the packages named, once: it is made
# anew when other packages are wanted. The root of a release that is still in the making may be of
# a mirror that was not brought up to date for some time: it is signed all the same.
#
#   tools/debian-root.sh KEEP RELEASE PACKAGE…
set -euo pipefail
exec </dev/null

keep=$1
release=$2
packages=("${@:3}")
attempts=3

if ((EUID != 0)); then
    echo "debian-root: only root can make and enter a root file system" >&2
    exit 1
fi

# By the host's own apt: mirrors and proxies are what they are here. All of a root or nothing.
make_root() {
    local try

    for ((try = 1; try <= attempts; try++)); do
        rm -rf --one-file-system "$keep/making"
        if mmdebstrap --quiet --mode=root --variant=minbase \
            --aptopt='Acquire::Check-Valid-Until "false"' \
            --include="$(IFS=, && echo "${packages[*]}")" "$release" "$keep/making"; then
            mv "$keep/making" "$keep/root"
            return 0
        fi
        ((try == attempts)) || sleep $((5 * try))
    done
    echo "debian-root: mmdebstrap failed $attempts times" >&2
    return 1
}

mkdir -p "$keep"
exec 9>"$keep/.making"
flock 9
if [[ ! -e $keep/root || $(cat "$keep/packages" 2>/dev/null) != "${packages[*]}" ]]; then
    rm -rf --one-file-system "$keep/root"
    make_root
    echo "${packages[*]}" >"$keep/packages"
fi
