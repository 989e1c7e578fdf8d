#!/bin/bash
# From a bare Debian 12 to a mounted multi-stage build: installs, builds msb, makes the two base
# images, builds the tutorial's Dockerfile and shows its stages as directories.
#
#   tools/quickstart.sh [--keep]     --keep: leave the store mounted, to look around
#
# MSB_QUICKSTART   where the store, the mount point and the tutorial go
#                  (default: msb-quickstart in the user's cache)
set -euo pipefail

case ${1:-} in
"") keep=no ;;
--keep) keep=yes ;;
*)
    echo "usage: tools/quickstart.sh [--keep]" >&2
    exit 2
    ;;
esac

top=$(cd "$(dirname "$0")/.." && pwd)
home=${HOME:-$(getent passwd "$EUID" | cut -d: -f6)}
cache=${XDG_CACHE_HOME:-$home/.cache}
bases=${MSB_BASES:-$cache/msb-bases}
place=${MSB_QUICKSTART:-$cache/msb-quickstart}
mnt=$place/mnt
export MSB_ROOT=$place/store
export PATH=$top/build/tools/msb:$PATH

# phase NAME COMMAND…: with the seconds it took. What it says goes to a log that is shown when it
# fails. A function given to it joins its commands by &&: errexit does not hold inside "if".
phase() {
    local name=$1 begin=$EPOCHREALTIME

    shift
    printf '%-44s' "$name"
    if ! "$@" >"$place/log" 2>&1 </dev/null; then
        printf 'FAILED\n'
        cat "$place/log" >&2
        exit 1
    fi
    awk -v begin="$begin" -v end="$EPOCHREALTIME" 'BEGIN { printf "%6.1f s\n", end - begin }'
}

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

compile() {
    { [[ -e $top/build/build.ninja ]] || meson setup "$top/build" "$top"; } &&
        ninja -C "$top/build" -j "$(nproc)"
}

import_bases() {
    msb import --change 'CMD ["node"]' "$bases/node.tar" node &&
        msb import --change 'CMD ["node"]' "$bases/node-alpine.tar" node:alpine
}

start_afresh() {
    { ! mountpoint -q "$mnt" || umount "$mnt"; } &&
        rm -rf --one-file-system "$MSB_ROOT" "$place/tutorial" &&
        mkdir -p "$MSB_ROOT" "$mnt" &&
        cp -r "$top/tests/integration/tutorial" "$place/tutorial"
}

leave() {
    if [[ $keep == no ]] && mountpoint -q "$mnt"; then
        msb umount "$mnt"
    fi
}

mkdir -p "$place"
phase "install packages" "$top/tools/setup.sh" --build
phase "build msb" compile
phase "make two base images (once)" "$top/tools/make-bases.sh" "$bases"
phase "clear the store" start_afresh
phase "import both" import_bases
cd "$place/tutorial"
phase "build Dockerfile-multi-stage" \
    msb image build -t nodeapp:multi-stage --rm -f Dockerfile-multi-stage .
trap leave EXIT
phase "mount" msb mount "$mnt"

show msb image ls
show ls "$mnt/stages"
show ls -l "$mnt/stages/build/home/node_user"
show ls "$mnt/images"
# COPY --from=build took this folder from one stage to the other: no difference.
show diff -rq "$mnt/stages/build/home/node_user" "$mnt/stages/1/home/node_user"
echo "(no difference)"

if [[ $keep == yes ]]; then
    cat <<END

The store stays mounted. To look around:

    export MSB_ROOT=$MSB_ROOT PATH=$top/build/tools/msb:\$PATH
    ls $mnt/builds/latest/stages/build/steps
    msb umount $mnt
END
fi
printf '\nDone in %d s.\n' "$SECONDS"
