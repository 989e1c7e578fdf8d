#!/bin/bash
# How fast a mounted tree is, as ratios to the same tree unpacked beside it: below 1 is faster.
#
#   cold    all caches dropped
#   fresh   newly mounted, the disk's pages cached (native: inodes and entries dropped)
#   warm    the second pass
#
# usage: fs.sh [-o] [-p] [-s] [-n ENTRIES] [-m MEASURES] MSBFS MAKE_STORE [SOURCE [RUNS]]
#
# As root. Runs are interleaved; a cell is the ratio of the medians; behind it stands what it should be
# at most. That all show the same is checked first. Without -o and -p it takes five minutes.
#
#   -n   so many entries: the first ones of SOURCE, or several changed copies of it; 30000
#   -o   also as the lower side of an overlay, which is what RUN sees; some files get capabilities
#   -p   also other file systems that show a tree from an archive, those that are installed:
#        squashfuse, squashfs, erofs, fuse-overlayfs
#   -s   also what a start costs: mount, first ls and memory with a million files, a RUN's overlay,
#        msb diff
#   -m   some of find_ls ls_lR tar_c grep_r diff_r read_4k cat_big; '' for none
set -eu

subjects='native msbfs' measures='find_ls tar_c grep_r diff_r read_4k cat_big' entries=30000
overlays='' peers='' starts=''
while getopts opsn:m: option; do
	case $option in
	o) overlays='over_native over_msbfs over_msbfs_noxattr' ;;
	p) peers='squashfuse squashfs erofs fuse_overlayfs' ;;
	s) starts=yes ;;
	n) entries=$OPTARG ;;
	m) measures=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))

msbfs=$(realpath "$1") make_store=$(realpath "$2") from=${3:-/usr/share} runs=${4:-3}
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

cat_big() { cat "$1/a-big-file" >/dev/null; }

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

cell() { # MEASURE STATE SUBJECT
	local ours=$work/times.$1.$2.$3 theirs=$work/times.$1.$2.native ratio=-
	if [ -e "$ours" ]; then
		ratio=$(awk -v a="$(median "$ours")" -v b="$(median "$theirs")" \
			'BEGIN { printf "%.2f", a / b }')
	fi
	printf '%8s' "$ratio"
}

aims() { # MEASURE SUBJECT: at most, when cold, fresh and warm
	case $1.$2 in
	find_ls.msbfs | ls_lR.msbfs) printf '%8s' 1.0 3 1.1 ;;
	read_4k.msbfs) printf '%8s' - - 2 ;;
	*.msbfs) printf '%8s' 0.5 2.5 1.15 ;;
	*.over_msbfs*) printf '%8s' - - 1.5 ;;
	esac
}

# --- the trees -------------------------------------------------------------------------------------

copy_some() { # COUNT TO
	mkdir -p "$2"
	(cd "$from" && find . -mindepth 1 -print0 | LC_ALL=C sort -z | awk -v n="$1" \
		-v RS='\0' -v ORS='\0' 'NR <= n') |
		tar -C "$from" -c --null --no-recursion -T - | tar -C "$2" -x
}

make_native() {
	local all round=0 left=$entries
	all=$(find "$from" -mindepth 1 | wc -l)
	while [ "$left" -gt 0 ]; do
		copy_some "$left" "$native/$round"
		# No two copies have a content in common.
		[ "$round" = 0 ] || find "$native/$round" -type f -print0 |
			while IFS= read -r -d '' file; do echo "$round" >>"$file"; done
		left=$((left - all)) round=$((round + 1))
	done
	[[ $measures != *cat_big* ]] || head -c 300M /dev/urandom >"$native/a-big-file"
	[ ! "$overlays" ] || find "$native" -type f | awk 'NR % 1000 == 0' |
		xargs -d '\n' -n 1 setcap cap_net_raw+ep
}

# Names, kinds, modes, sizes, symlinks and contents.
summary() { # DIRECTORY
	(cd "$1" && find . -mindepth 1 -printf '%p %y %m %l ' \( -type d -o -printf '%s %T@' \) \
		-printf '\n' | LC_ALL=C sort | sed 's/\.0*$//' | cksum &&
		find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | cksum)
}

check() { # SUBJECT
	local place
	read -ra place <<<"$("$1")"
	if [ "$(summary "${place[0]}")" != "$expected" ]; then
		echo "fs.sh: $1 does not show what is in $native" >&2
		exit 1
	fi
	unmount
}

# --- starts ----------------------------------------------------------------------------------------

milliseconds() { # FILE COMMAND...
	local start=$EPOCHREALTIME end
	"${@:2}" >/dev/null
	end=$EPOCHREALTIME
	echo $((${end/./} - ${start/./})) >>"$work/start.$1"
}

say() { # WHAT FILE AIM
	printf '%-44s%8s  (%s)\n' "$1" "$(awk -v a="$(median "$work/start.$2")" \
		'BEGIN { printf "%.1f ms", a / 1000 }')" "$3"
}

resident() { # MiB of the one daemon of the million
	awk '/VmRSS/ { printf "%d MiB", $2 / 1024 }' "/proc/$(pgrep -f "^$msbfs $work/million")/status"
}

start_run() { # the lower side of a RUN's overlay, and the overlay
	"$msbfs" -o noxattr "$store" "$mount" && overlay "$mount/.trees/${tree#sha256:}" && stat "$over"
}

measure_starts() {
	local msb=${msbfs%/fs/msbfs}/tools/msb/msb
	"$make_store" "$work/million" many million:latest 1000000
	for _ in 1 2 3 4 5 6 7; do
		milliseconds mount "$msbfs" "$work/million" "$mount"
		milliseconds ls ls "$mount/images/million:latest/"
		unmount
		milliseconds run start_run
		unmount
		[ ! -x "$msb" ] || milliseconds diff "$msb" --root "$store" diff 0 1
	done
	say 'mount, a million files in the store' mount '10 ms'
	say 'first ls of an image of a million files' ls '20 ms'
	say 'overlay of a RUN ready' run '20 ms'
	[ ! -x "$msb" ] || say 'msb diff of the two stages' diff 'milliseconds'
	"$msbfs" "$work/million" "$mount"
	find "$mount/images/million:latest" >/dev/null
	printf '%-44s%8s  (300 MiB)\n' 'memory after find over a million files' "$(resident)"
	drop 2
	printf '%-44s%8s\n' 'when the kernel has forgotten them' "$(resident)"
	unmount
}

mkdir "$mount" "$native" "$work"/{upper,scratch} "$over"
make_native
cp -a "$native" "$other"
(cd "$native" && find . -type f -print0 | awk -v RS='\0' -v ORS='\0' 'NR % 10 == 0') >"$work/sample"
# The other tree differs in each hundredth file.
(cd "$other" && find . -type f -print0 | awk -v RS='\0' -v ORS='\0' 'NR % 100 == 0' |
	xargs -0 -r truncate -s +1)
tree=$("$make_store" "$store" build "$native" "$other" | head -n 1)
for peer in $peers; do
	! usable "$peer" || subjects="$subjects $peer"
done
subjects="$subjects $overlays"
[[ $subjects != *squash* ]] || mksquashfs "$native" "$work/image.squashfs" -quiet -no-progress -comp zstd
[[ $subjects != *erofs* ]] || mkfs.erofs --quiet -zlz4 "$work/image.erofs" "$native" >/dev/null
expected=$(summary "$native")
for subject in $subjects; do
	check "$subject"
done
echo "$(find "$native" | wc -l) entries, $(du -sm "$native" | cut -f 1) MiB, $runs runs"

for _ in $(seq "$runs"); do
	for measure in $measures; do
		for subject in $subjects; do
			run_all "$measure" "$subject"
		done
	done
done

[ ! "$measures" ] || printf '%-28s%8s%8s%8s   at most:\n' '' cold fresh warm
for measure in $measures; do
	for subject in $subjects; do
		[ "$subject" != native ] || continue
		printf '%-8s %-19s' "$measure" "$subject"
		for state in cold fresh warm; do
			cell "$measure" "$state" "$subject"
		done
		printf '   %s\n' "$(aims "$measure" "$subject")"
	done
done
[ ! "$starts" ] || measure_starts
