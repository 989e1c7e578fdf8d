# Words for integration tests. Sourced first by each of them: gives the test a folder ($work), a
# store (MSB_ROOT) and a mount point ($mnt) of its own, and takes all of it away at the end.
#
# run.sh sets MSB_BASES, puts msb into PATH, and shows what a failed test wrote.
# shellcheck shell=bash

set -euo pipefail
umask 022

if [[ ! -e /dev/fuse ]]; then
    echo "FAILED: this machine has no /dev/fuse (modprobe fuse, or give it to the container)" >&2
    exit 1
fi

# shellcheck disable=SC2034 # for the tests
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/var/tmp}/msb-test.XXXXXX")
mnt=$work/mnt
export MSB_ROOT=$work/store
mkdir "$mnt" "$work/ctx"
sentence="the test begins"
children=()
cd "$work"

# Ends what spawn started, detaches what is still mounted below $work, innermost first, and
# removes the folder.
clean_up() {
    local pid place

    for pid in "${children[@]}"; do
        if kill -9 "$pid" 2>/dev/null; then
            wait "$pid" 2>/dev/null || echo "ended process $pid"
        fi
    done
    cd /
    while read -r place; do
        umount -l "$place"
    done < <(mounts_below "$work" | sort -r)
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'echo "FAILED while: $sentence (line $LINENO: $BASH_COMMAND)" >&2' ERR
set -E

# it SENTENCE: what the lines below it prove.
it() {
    sentence=$1
    echo "- $sentence"
}

fail() {
    echo "FAILED: $sentence: $*" >&2
    exit 1
}

# spawn COMMAND…: runs in the background; its pid is in $spawned, and it ends with the test.
spawn() {
    "$@" &
    spawned=$!
    children+=("$spawned")
}

# Mount points below a folder, one a line.
mounts_below() {
    awk -v root="$1/" 'index($2, root) == 1 { print $2 }' /proc/mounts
}

same() { # WANTED GOT
    [[ $1 == "$2" ]] || fail "wanted '$1', got '$2'"
}

contains() { # FILE PATTERN
    grep -Eq -- "$2" "$1" || {
        sed 's/^/    | /' "$1" >&2
        fail "no line of $1 matches '$2'"
    }
}

lacks() { # FILE PATTERN
    if grep -En -- "$2" "$1" >&2; then
        fail "a line of $1 matches '$2'"
    fi
}

present() {
    [[ -e $1 || -L $1 ]] || fail "$1 does not exist"
}

absent() {
    [[ ! -e $1 && ! -L $1 ]] || fail "$1 exists"
}

# eventually COMMAND…: true within ten seconds.
eventually() {
    local try

    for ((try = 0; try < 100; try++)); do
        if "$@"; then
            return 0
        fi
        sleep 0.1
    done
    fail "not within ten seconds: $*"
}

# exits STATUS COMMAND…: it ends with that status and no other; its output is in $work/out, err.
exits() {
    local wanted=$1 status=0

    shift
    "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
    if ((status != wanted)); then
        sed 's/^/    | /' "$work/out" "$work/err" >&2
        fail "exit status $status, not $wanted, of: $*"
    fi
}

# refuses STATUS PATTERN COMMAND…: the same, and says why in exactly one line that matches.
refuses() {
    local status=$1 pattern=$2

    shift 2
    exits "$status" "$@"
    contains "$work/err" "$pattern"
    same 1 "$(wc -l <"$work/err")"
}

# Two trees are the same in everything that rsync can see: contents, modes, owners, times, links,
# devices, ACLs, extended attributes.
same_tree() {
    rsync -aHAXn --checksum --delete --itemize-changes "$1/" "$2/" >"$work/differences"
    if [[ -s $work/differences ]]; then
        head -20 "$work/differences" >&2
        fail "$1 and $2 differ in $(wc -l <"$work/differences") places"
    fi
}

# dockerfile [NAME]: its text from standard input into the context.
dockerfile() {
    cat >"$work/ctx/${1:-Dockerfile}"
}

# build [ARGUMENT…]: of $work/ctx; what it says is in $work/log.
build() {
    if ! msb build "$@" "$work/ctx" >"$work/out" 2>"$work/log" </dev/null; then
        sed 's/^/    | /' "$work/log" >&2
        fail "msb build $*"
    fi
}

# unpack_tree REF FOLDER: any tree as files, without a mount; the folder is made.
unpack_tree() {
    mkdir "$2"
    msb export "$1" | tar -C "$2" --numeric-owner --xattrs --xattrs-include='*' -xp
}

mount_store() {
    msb mount "$mnt"
    mountpoint -q "$mnt" || fail "msb mount returned, but $mnt is no mount point"
}

unmount_store() {
    msb umount "$mnt"
    same "" "$(mounts_below "$work")"
}

# The base image of most tests: busybox, two megabytes. Its tree stays in $work/busybox.
import_busybox() {
    local tree=$work/busybox

    mkdir -p "$tree"/{bin,sbin,etc,home,proc,sys,dev,root,usr/bin,usr/sbin,var}
    mkdir -m 1777 "$tree/tmp"
    cp /bin/busybox "$tree/bin/busybox"
    chroot "$tree" /bin/busybox --install -s
    printf '%s\n' root:x:0:0:root:/root:/bin/sh app:x:1000:1000::/home/app:/bin/sh >"$tree/etc/passwd"
    printf '%s\n' root:x:0: app:x:1000: >"$tree/etc/group"
    tar -C "$tree" --numeric-owner -cf "$work/busybox.tar" .
    msb import "$work/busybox.tar" busybox >"$work/out"
}

import_nodes() {
    msb import "$MSB_BASES/node.tar" node >"$work/out"
    msb import "$MSB_BASES/node-alpine.tar" node:alpine >"$work/out"
}
