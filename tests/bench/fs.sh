#!/bin/bash
# How fast a mounted tree is, as ratios to the same tree unpacked beside it: below 1 is faster.
#
#   cold    all caches dropped
#   fresh   a newly mounted daemon, the disk's pages cached (native: inodes and entries dropped)
#   warm    the second pass
#
# usage: fs.sh MSBFS MAKE_STORE [SOURCE [RUNS]]      (as root; medians of interleaved runs)
set -eu

msbfs=$(realpath "$1") make_store=$(realpath "$2") from=${3:-/usr/share} runs=${4:-5}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/msbfs-bench.XXXXXX")
store=$work/store mount=$work/mount native=$work/native

clean_up() {
	umount -l "$mount" 2>/dev/null
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT

find_ls() { find "$1" -ls >/dev/null; }
tar_c() { tar -C "$1" -cf - . | cat >/dev/null; } # tar reads nothing for /dev/null itself
grep_r() { grep -r -I --devices=skip zzyzx "$1" >/dev/null || [ $? = 1 ]; }
read_4k() { # open, read 4 KiB, close: every tenth file
	(cd "$1" && xargs -0 head -q -c 4096 <"$work/sample" >/dev/null)
}
measures='find_ls tar_c grep_r read_4k'

drop() { sync && echo "$1" >/proc/sys/vm/drop_caches; }
remount() {
	! mountpoint -q "$mount" || umount "$mount"
	"$msbfs" "$store" "$mount"
}

seconds() { # of a command
	local start=$EPOCHREALTIME
	"$@"
	awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.6f\n", b - a }'
}

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

run_all() { # MEASURE native|mount DIRECTORY
	[ "$2" = native ] || remount
	drop 3
	seconds "$1" "$3" >>"$work/$1.cold.$2"
	drop 2
	[ "$2" = native ] || remount
	seconds "$1" "$3" >>"$work/$1.fresh.$2"
	seconds "$1" "$3" >>"$work/$1.warm.$2"
}

mkdir "$mount" "$native"
cp -a "$from/." "$native"
(cd "$native" && find . -type f -print0 | awk -v RS='\0' -v ORS='\0' 'NR % 10 == 0') >"$work/sample"
"$make_store" "$store" build "$native" "$native" >/dev/null
echo "$(find "$native" | wc -l) entries, $(du -sm "$native" | cut -f 1) MiB, $runs runs"

for _ in $(seq "$runs"); do
	for measure in $measures; do
		run_all "$measure" native "$native"
		run_all "$measure" mount "$mount/stages/0"
	done
done

printf '%-10s %28s %28s %28s\n' '' cold fresh warm
for measure in $measures; do
	printf '%-10s' "$measure"
	for state in cold fresh warm; do
		ours=$(median "$work/$measure.$state.mount")
		theirs=$(median "$work/$measure.$state.native")
		printf ' %28s' "$(awk -v a="$ours" -v b="$theirs" \
			'BEGIN { printf "%.2f (%.3f / %.3f s)", a / b, a, b }')"
	done
	echo
done
