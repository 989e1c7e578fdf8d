#!/bin/bash
# Import of a root file system against `tar x` of the same to the file system that holds the
# store; both until the data are on the disk. Medians of interleaved rounds.
#
#   tests/bench/import.sh BUILD_DIRECTORY [WORK_FOLDER] [ROUNDS]
#
# The root file system: 260 MB of files of this machine's /usr, always the same ones.
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/lib.sh"
begin 5 "$@"
megabytes=260

# A fixed shuffle, until the sum is reached.
make_tar() {
    (cd / && find usr -xdev -type f -size -8M -printf "%s %p\n" | sort -k2 |
        shuf --random-source=<(yes)) |
        awk -v most=$((megabytes * 1000000)) \
            '(sum += $1) <= most { print substr($0, length($1) + 2) }' |
        sort >"$work/names"
    tar -C / --format=posix -cf "$work/rootfs.tar" -T "$work/names"
    gzip -6 -k "$work/rootfs.tar"
    echo "$(wc -l <"$work/names") files, $(du -m "$work/rootfs.tar" | cut -f1) MiB," \
        "gzip $(du -m "$work/rootfs.tar.gz" | cut -f1) MiB"
}

tar_and_sync() {
    tar -C "$work/tree" -xf "$1"
    sync -f "$work/tree"
}

# import_and_sync TAR: the store has synced by itself; counted again all the same.
import_and_sync() {
    "$build/tests/bench/bench_import" "$work/store" "$1"
    sync -f "$work/store"
}

settle() {
    rm -rf "$work/tree" "$work/store"
    mkdir "$work/tree"
    sync -f "$work"
}

compare() {
    local kind=$1 file=$2 round ours theirs

    cat "$file" >/dev/null
    : >"$work/ours"
    : >"$work/theirs"
    for ((round = 0; round < rounds; round++)); do
        settle
        microseconds tar_and_sync "$file" >>"$work/theirs"
        settle
        microseconds import_and_sync "$file" >>"$work/ours"
    done
    ours=$(median <"$work/ours")
    theirs=$(median <"$work/theirs")
    awk -v kind="$kind" -v ours="$ours" -v theirs="$theirs" 'BEGIN {
        printf "%-5s  import %.3f s  tar x %.3f s  ratio %.2f\n",
            kind, ours / 1e6, theirs / 1e6, ours / theirs }'
}

make_tar
compare plain "$work/rootfs.tar"
compare gzip "$work/rootfs.tar.gz"
