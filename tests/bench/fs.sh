#!/bin/bash
# How fast a mounted tree is, as ratios to the same tree unpacked beside it: below 1 is faster.
#
#   cold    all caches dropped
#   fresh   newly mounted, the disk's pages cached (native: inodes and entries dropped)
#   warm    the second pass
#
# usage: fs.sh [-o] [-p] [-m MEASURES] MSBFS MAKE_STORE [SOURCE [RUNS]]
#
# As root. Runs are interleaved; a cell is the ratio of the medians, then that of the minima, which
# says more on a busy machine.
#
#   -o   also as the lower side of an overlay, which is what RUN sees
#   -p   also other file systems that show a tree from an archive, those that are installed:
#        squashfuse, squashfs, erofs, fuse-overlayfs
#   -m   some of find_ls ls_lR tar_c grep_r diff_r read_4k
set -eu

subjects='native msbfs' measures='find_ls tar_c grep_r diff_r read_4k' overlays='' peers=''
while getopts opm: option; do
	case $option in
	o) overlays='over_native over_msbfs over_msbfs_noxattr' ;;
	p) peers='squashfuse squashfs erofs fuse_overlayfs' ;;
	m) measures=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

msbfs=$(realpath "$1") make_store=$(realpath "$2") from=${3:-/usr/share} runs=${4:-5}
work=$(mktemp -d "${TMPDIR:-/var/tmp}/msbfs-bench.XXXXXX")
store=$work/store mount=$work/mount native=$work/native other=$work/other over=$work/over

unmount() {
	! mountpoint -q "$over" || umount "$over"
	! mountpoint -q "$mount" || umount "$mount"
}
clean_up() {
	unmount || umount -l "$over" "$mount"
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT

# --- what is done ----------------------------------------------------------------------------------

find_ls() { find "$1" -ls >/dev/null; }
ls_lR() { ls -lR "$1" >/dev/null; }
tar_c() { tar -C "$1" -cf - . | cat >/dev/null; } # tar reads nothing for /dev/null itself
grep_r() { grep -r -I --devices=skip zzyzx "$1" >/dev/null || [ $? = 1 ]; }
diff_r() { diff -r --no-dereference "$1" "$2" >/dev/null || [ $? = 1 ]; }
read_4k() { # open, read 4 KiB, close: every tenth file
	(cd "$1" && xargs -0 head -q -c 4096 <"$work/sample" >/dev/null)
}

# --- to what: each mounts and says where the tree, and the other tree, are ---------------------------

overlay() { # LOWER
	mount -t overlay overlay "$over" -o "lowerdir=$1,upperdir=$work/upper,workdir=$work/scratch"
	echo "$over"
}
native() { echo "$native $other"; }
msbfs() {
	"$msbfs" "$store" "$mount"
	echo "$mount/stages/0 $mount/stages/1"
}
over_native() { overlay "$native"; }
over_msbfs() { "$msbfs" "$store" "$mount" && overlay "$mount/stages/0"; }
over_msbfs_noxattr() { "$msbfs" -o noxattr "$store" "$mount" && overlay "$mount/stages/0"; }
squashfuse() { command squashfuse "$work/image.squashfs" "$mount" && echo "$mount"; }
squashfs() { mount -o loop,ro "$work/image.squashfs" "$mount" && echo "$mount"; }
erofs() { mount -t erofs -o loop,ro "$work/image.erofs" "$mount" && echo "$mount"; }
fuse_overlayfs() { fuse-overlayfs -o "lowerdir=$native:$work/upper" "$mount" && echo "$mount"; }

# The programs that make and show it are there, and so is what the kernel needs.
usable() {
	case $1 in
	squashfuse) type -P squashfuse mksquashfs ;;
	squashfs) type -P mksquashfs && grep -qw squashfs /proc/filesystems ;;
	erofs) type -P mkfs.erofs && grep -qw erofs /proc/filesystems ;;
	fuse_overlayfs) type -P fuse-overlayfs ;;
	esac >/dev/null
}

# --- measuring -------------------------------------------------------------------------------------

drop() { sync && echo "$1" >/proc/sys/vm/drop_caches; }

measure() { # MEASURE STATE SUBJECT DIRECTORY...
	local start=$EPOCHREALTIME file=$work/times.$1.$2.$3
	"$1" "${@:4}"
	awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.6f\n", b - a }' >>"$file"
}

run_all() { # MEASURE SUBJECT
	local place
	read -ra place <<<"$("$2")"
	[ "$1" != diff_r ] || [ ${#place[@]} = 2 ] || { unmount && return; }
	drop 3
	measure "$1" cold "$2" "${place[@]}"
	unmount && drop 2
	read -ra place <<<"$("$2")"
	measure "$1" fresh "$2" "${place[@]}"
	measure "$1" warm "$2" "${place[@]}"
	unmount
}

median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
least() { sort -n "$1" | head -n 1; }

cell() { # MEASURE STATE SUBJECT
	local ours=$work/times.$1.$2.$3 theirs=$work/times.$1.$2.native
	if [ ! -e "$ours" ]; then
		printf '%22s' -
		return
	fi
	awk -v a="$(median "$ours")" -v b="$(median "$theirs")" -v c="$(least "$ours")" \
		-v d="$(least "$theirs")" 'BEGIN { printf "%22s", sprintf("%.2f %.2f", a / b, c / d) }'
}

mkdir "$mount" "$native" "$work"/{upper,scratch} "$over"
cp -a "$from/." "$native" && cp -a "$native" "$other"
(cd "$native" && find . -type f -print0 | awk -v RS='\0' -v ORS='\0' 'NR % 10 == 0') >"$work/sample"
# The other tree differs in each hundredth file.
(cd "$other" && find . -type f -print0 | awk -v RS='\0' -v ORS='\0' 'NR % 100 == 0' |
	xargs -0 -r truncate -s +1)
"$make_store" "$store" build "$native" "$other" >/dev/null
for peer in $peers; do
	! usable "$peer" || subjects="$subjects $peer"
done
subjects="$subjects $overlays"
[[ $subjects != *squash* ]] || mksquashfs "$native" "$work/image.squashfs" -quiet -no-progress -comp zstd
[[ $subjects != *erofs* ]] || mkfs.erofs --quiet -zlz4 "$work/image.erofs" "$native" >/dev/null
echo "$(find "$native" | wc -l) entries, $(du -sm "$native" | cut -f 1) MiB, $runs runs"

for _ in $(seq "$runs"); do
	for measure in $measures; do
		for subject in $subjects; do
			run_all "$measure" "$subject"
		done
	done
done

printf '%-10s%-20s%22s%22s%22s\n' '' '' cold fresh warm
for measure in $measures; do
	for subject in $subjects; do
		printf '%-10s%-20s' "$measure" "$subject"
		for state in cold fresh warm; do
			cell "$measure" "$state" "$subject"
		done
		echo
	done
done
