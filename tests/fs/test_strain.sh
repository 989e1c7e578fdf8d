#!/bin/bash
# What is large, odd, busy or broken: the mount goes on, and tells the truth.
#
# usage: test_strain.sh MSBFS MAKE_STORE FACTOR      (as root; prints TAP)
#
# FACTOR: how much more memory than usual the daemon may take, being instrumented.
# What is listed, and what a reader is told, is what is tested here; some words are for another shell.
# shellcheck disable=SC2010,SC2012,SC2016,SC2002
set -u

msbfs=$1 make_store=$2 factor=$3 self=$(realpath "$0")
work=$(mktemp -d "${TMPDIR:-/tmp}/msbfs-strain.XXXXXX")
store=$work/store mount=$work/mount odd=$work/odd
cd "$work" || exit 1
# shellcheck source=tests/fs/words.sh
. "$(dirname "$self")/words.sh"

clean_up() {
	jobs -p | xargs -r kill 2>/dev/null
	while umount -l "$mount" 2>/dev/null; do :; done
	cd / && rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# In front, so that its process is known and its log can be read.
start() {
	rm -f log
	"$msbfs" -f "$@" "$store" "$mount" 2>log &
	daemon=$!
	timeout 10 bash -c 'until ls "$0/images" &>/dev/null; do sleep 0.02; done' "$mount"
}
stop() { umount "$mount" && wait "$daemon"; }
# What a sanitizer keeps of freed memory is no growth of the daemon's.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=32"
resident() { awk '/^VmRSS/ { print int($2 / 1024) }' "/proc/$daemon/status"; } # MiB
tag() { "$make_store" "$store" tag "docker.io/library/$1" "$2" >/dev/null; }

what_is_odd_is_shown_as_it_is() {
	start && same_as "$odd" "$mount/images/odd:1" && stop
}

many_files_cost_little_memory() {
	"$make_store" "$store" many docker.io/library/many:1 300000 && start &&
		[ "$(find "$mount/images/many:1" -type f -size 6c | wc -l)" = 300000 ] &&
		echo "$(resident) MiB" && [ "$(resident)" -lt $((150 * factor)) ] && echo 2 >/proc/sys/vm/drop_caches &&
		timeout 10 bash -c 'until [ "$(awk "/^VmRSS/ { print int(\$2 / 1024) }" "/proc/$0/status")" \
			-lt "$1" ]; do sleep 0.2; done' "$daemon" $((50 * factor)) && stop
}

a_reader_of_a_killed_daemon_gets_an_error() {
	start && { timeout 20 bash -c 'while tar -C "$0" -cf - . >/dev/null; do :; done' \
		"$mount/images/plain:1" 2>/dev/null & } && local reader=$! && sleep 1 &&
		kill -9 "$daemon" && wait "$reader" && ! ls "$mount" 2>/dev/null && start && same_as plain "$mount/images/plain:1" && stop
}

many_readers_go_on_while_the_store_changes() {
	local readers=() reader before after end=$((SECONDS + 12))
	start && tar -C "$mount/images/plain:1" -cf - . >/dev/null && before=$(resident) || return 1
	for _ in {1..16}; do
		timeout 60 bash -c 'while [ $SECONDS -lt 12 ]; do
			diff -r --no-dereference "$0" "$1" && ls -lR "$2" >/dev/null || exit 1
			done' plain "$mount/images/plain:1" "$mount/stages" &
		readers+=($!)
	done
	while [ $SECONDS -lt $end ]; do
		"$make_store" "$store" build plain second >/dev/null && tag "new:$SECONDS" second || return 1
	done
	for reader in "${readers[@]}"; do wait "$reader" || return 1; done
	after=$(resident)
	echo "$before MiB before, $after MiB after" && [ "$after" -lt $((before + 40 * factor)) ] && stop
}

# One byte of what holds these words, in all of the store's files: a directory object has its names.
damage() { # WORDS
	find "$store/packs" "$store/large" -type f -print0 | xargs -0 python3 -c '
import sys
words, found = sys.argv[1].encode(), 0
for name in sys.argv[2:]:
    with open(name, "r+b") as file:
        at = file.read().find(words)
        if at >= 0:
            file.seek(at)
            file.write(words[:1].swapcase())
            found += 1
sys.exit(found != 1)' "$1"
}

a_damaged_directory_is_an_error_of_its_own() {
	mkdir -p broken/{whole,hurt} && echo one >broken/whole/file && echo two >broken/hurt/victim &&
		tag broken:1 broken && damage victim && start &&
		ls "$mount/images/broken:1/hurt" 2>&1 | grep -q 'Input/output error' &&
		[ "$(cat "$mount/images/broken:1/whole/file")" = one ] &&
		same_as plain "$mount/images/plain:1" && grep -q 'sha256:[0-9a-f]\{64\}.*damaged' log && stop
}

is_damaged() { # FILE, read in pieces of so many BYTES
	! dd if="$1" bs="$2" of=/dev/null 2>said && grep -q 'Input/output error' said &&
		grep -q "sha256:$(sha256sum <"flipped/${1##*/}" | cut -d ' ' -f 1).*damaged" log
}

# Files that are read in one piece, in several, and one that is no part of a pack.
a_flipped_byte_is_an_error_of_that_file_alone() {
	local shown=$mount/images/flipped:1 size
	mkdir flipped && for size in 20 5000 300000 900000 3000000; do
		head -c $((size - 15)) /dev/urandom >flipped/$size-good &&
			{ cat flipped/$size-good && printf 'flip-%010d' $size; } >flipped/$size || return 1
	done
	tag flipped:1 flipped && for size in 20 5000 300000 900000 3000000; do
		damage "$(printf 'flip-%010d' $size)" || return 1
	done
	start -o verify && is_damaged "$shown/20" 4096 && is_damaged "$shown/5000" 4096 &&
		is_damaged "$shown/300000" 4096 && is_damaged "$shown/900000" 1M &&
		is_damaged "$shown/3000000" 512 && for size in 20 5000 300000 900000 3000000; do
		cmp "flipped/$size-good" "$shown/$size-good" || return 1
	done && stop && start && cmp -n 2000000 flipped/3000000 "$shown/3000000" && stop
}

# What lies behind the cut is gone, what lies before it is not.
a_pack_that_ends_too_early_hurts_what_it_lost() {
	local pack
	store=$work/cut && "$make_store" "$store" tag docker.io/library/a:1 plain >/dev/null &&
		mkdir -p late && head -c 500000 /dev/urandom >late/file &&
		"$make_store" "$store" tag docker.io/library/b:1 late >/dev/null &&
		start && ls -lR "$mount/images" >/dev/null && pack=$(echo "$store"/packs/*.pack) &&
		truncate -s -400000 "$pack" && cat "$mount/images/b:1/file" 2>&1 >/dev/null |
		grep -q 'Input/output error' && same_as plain "$mount/images/a:1" && stop
}

"$(dirname "$self")/hard_tree.py" "$odd" 20000 && cp -a /usr/share/doc/bash /usr/share/common-licenses "$work" || exit 1
mkdir plain second "$mount" && mv bash common-licenses plain && cp -a plain/bash second || exit 1
cp -a "${BASH:-/bin/bash}" plain/program && tag odd:1 "$odd" && tag plain:1 plain || exit 1

run_tests "$self"
