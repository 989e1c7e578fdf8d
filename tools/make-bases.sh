#!/bin/bash
# Makes the two base root file systems that the tutorial and the tests start from, once:
#
#   node.tar          Debian 12 (minbase) with Debian's Node.js: the large one
#   node-alpine.tar   busybox and the same node with its libraries: the small one
#
#   tools/make-bases.sh [DIR]     DIR: $MSB_BASES, else msb-bases in the user's cache
set -euo pipefail
umask 022

home=${HOME:-$(getent passwd "$EUID" | cut -d: -f6)}
bases=${1:-${MSB_BASES:-${XDG_CACHE_HOME:-$home/.cache}/msb-bases}}
attempts=3

if ((EUID != 0)); then
    echo "make-bases: only root can make root file systems with their owners" >&2
    exit 1
fi

# make_large TREE: Debian's packages, unpacked and configured.
make_large() {
    local try

    for ((try = 1; try <= attempts; try++)); do
        rm -rf "$1"
        if mmdebstrap --quiet --mode=root --variant=minbase --include=nodejs bookworm "$1"; then
            return 0
        fi
        ((try == attempts)) || sleep $((5 * try))
    done
    echo "make-bases: mmdebstrap failed $attempts times" >&2
    return 1
}

# node_files TREE: what node reads when it runs, one path a line: itself, its libraries, the
# loader, and the parts of its own library that Debian keeps outside the program.
node_files() {
    local library

    echo /usr/bin/node
    chroot "$1" /usr/bin/env -i PATH=/usr/bin ldd /usr/bin/node | grep -o '/[^ ]*'
    for library in acorn acorn-walk cjs-module-lexer undici; do
        echo "/usr/share/nodejs/$library"
    done
}

# make_small TREE LARGE
make_small() {
    local tree=$1 large=$2 file applet

    mkdir -p "$tree"/{bin,dev,etc,home,lib,lib64,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin,var}
    chmod 1777 "$tree/tmp"
    chmod 0700 "$tree/root"

    cp /bin/busybox "$tree/bin/busybox"
    while read -r applet; do
        # The list names busybox itself and its parents too.
        if [[ $applet != bin/busybox && ! -e $tree/$applet ]]; then
            mkdir -p "$tree/${applet%/*}"
            ln -s /bin/busybox "$tree/$applet"
        fi
    done < <(/bin/busybox --list-full)

    while read -r file; do
        mkdir -p "$tree${file%/*}"
        cp -rL "$large$file" "$tree$file"
    done < <(node_files "$large")

    echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
    printf '%s\n' 'root:x:0:' 'users:x:100:' >"$tree/etc/group"
    echo 'PRETTY_NAME="busybox and node"' >"$tree/etc/os-release"
}

# pack TREE NAME: under its final name there is all of a tar or nothing.
pack() {
    chroot "$1" /usr/bin/env -i /usr/bin/node -e 'process.exit(0)'
    tar -C "$1" --numeric-owner --xattrs --xattrs-include='*' --sort=name \
        -cf "$work/$2" .
    mv "$work/$2" "$bases/$2"
}

mkdir -p "$bases"
exec 9>"$bases/.lock"
flock 9

if [[ -e $bases/node.tar && -e $bases/node-alpine.tar ]]; then
    exit 0
fi

work=$(mktemp -d "$bases/.making.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
make_large "$work/large"
make_small "$work/small" "$work/large"
pack "$work/large" node.tar
pack "$work/small" node-alpine.tar
