#!/bin/bash
# The daemon as users run it: a directory becomes a store, the store a mount, and the mount must
# be that directory again.
#
# usage: test_mount.sh MSBFS MAKE_STORE plain|ring      (as root; prints TAP)
#
# With ring the kernel is told to offer io_uring, where it can, for as long as the test runs.
# Listings are what is tested here, and the last lines of one are read in another shell.
# shellcheck disable=SC2010,SC2016,SC2002
set -u

msbfs=$1 make_store=$2 transport=$3 self=$(realpath "$0")
offer=/sys/module/fuse/parameters/enable_uring
work=$(mktemp -d "${TMPDIR:-/tmp}/msbfs-test.XXXXXX")
store=$work/store source=$work/source second=$work/second mount=$work/mount
cd "$work" || exit 1
# shellcheck source=tests/fs/words.sh
. "$(dirname "$self")/words.sh"

clean_up() {
	while umount -l "$mount" 2>/dev/null; do :; done
	cd / && rm -rf --one-file-system "$work"
	[ -z "${offered:-}" ] || echo "$offered" >$offer
}
trap clean_up EXIT

option=noring
if [ "$transport" = ring ]; then
	option=ro # which changes nothing
	if [ -e $offer ]; then
		offered=$(cat $offer) && echo Y >$offer
	fi
fi

# --- what is shown -------------------------------------------------------------------------------

make_source() {
	mkdir -p "$1"/{usr/bin,etc/deep/er/still,empty,many,"odd names"} && cd "$1" || return 1
	echo hello >usr/bin/hello && chmod 4755 usr/bin/hello
	ln usr/bin/hello etc/deep/hello-again && ln usr/bin/hello etc/deep/er/still/third
	echo two >etc/pair && ln etc/pair etc/pair2
	ln -s ../usr/bin/hello etc/link && ln -s "$(printf 'x%.0s' {1..3000})" etc/long
	ln -s nowhere etc/dangling
	: >etc/nothing && chmod 000 etc/nothing
	mkfifo etc/fifo && mknod etc/null c 1 3 && mknod etc/disk b 259 70000
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("etc/socket")'
	setfattr -n user.colour -v blue usr/bin/hello
	setfattr -n user.binary -v 0x00ff00 etc && setfattr -n trusted.secret -v 1 etc/pair
	setfattr -n security.capability -v 0x0100000200000020000000000000000000000000 etc/nothing
	echo shared >etc/shared && chmod 600 etc/shared && setfacl -m u:65534:r etc/shared
	setfacl -d -m g:77:rx etc/deep
	truncate -s 20M sparse && printf data | dd of=sparse bs=1 seek=9000000 conv=notrunc status=none
	truncate -s 300K small-hole
	seq 300000 >numbers && head -c 3000000 /dev/urandom >noise
	head -c 1048575 /dev/urandom >almost && head -c 1048576 /dev/urandom >exactly
	for i in {1..5000}; do echo "$i" >"many/file $i"; done
	printf a >"odd names/"$'new\nline' && printf b >"odd names/"$'\xff\xfe bytes'
	printf c >"odd names/ü" && printf d >"odd names/back\\slash" && printf e >"odd names/-dash"
	printf f >"odd names/$(printf 'n%.0s' {1..255})"
	touch -d '1955-11-05 06:15:00.123456789 UTC' etc/pair
	touch -h -d '2091-01-01 00:00:00.000000001 UTC' etc/link
	chown -h 1234:5678 etc/link && chown 100000:4000000000 noise
	chmod 1777 empty && touch -d '1969-12-31 23:59:59.999999999 UTC' empty
	cd "$work" || return 1
}

start() { timeout 20 "$msbfs" -o $option "$@" "$store" "$mount"; }
stop() { umount "$mount"; }
daemon() { # its process: the one that was started with this mount point
	pgrep -n -f -- "$msbfs .*$store $mount\$|$msbfs $store $mount\$"
}
inodes() { (cd "$1" && find . -printf '%i %p\n' | LC_ALL=C sort); }

a_mount_shows_all_that_the_source_has() {
	start && same_as "$source" "$mount/stages/build" && same_as "$second" "$mount/stages/1"
}

a_ring_is_used_where_it_is_offered_and_wanted() {
	local expected=no found=no
	[ $option = noring ] || [ ! -e $offer ] || expected=yes
	ls "$mount" >/dev/null
	! readlink /proc/"$(daemon)"/fd/* | grep -qF '[io_uring]' || found=yes
	[ $found = $expected ]
}

a_stage_goes_by_name_and_by_number() {
	[ "$(ls "$mount/stages")" = $'0\n1\nbuild' ] && diff -r "$mount/stages/0" "$mount/stages/build" &&
		[ "$(stat -c %i "$mount/stages/0/etc")" = "$(stat -c %i "$mount/stages/build/etc")" ]
}

images_are_shown_as_users_write_them() {
	"$make_store" "$store" tag docker.io/library/app:1 "$second" >/dev/null &&
		"$make_store" "$store" tag docker.io/some/app:2 "$second" >/dev/null &&
		"$make_store" "$store" tag quay.io/a/b:c "$second" >/dev/null &&
		[ "$(cd "$mount/images" && find . -maxdepth 3 -name '*:*' | sort)" = \
			$'./app:1\n./quay.io/a/b:c\n./some/app:2' ] &&
		same_as "$second" "$mount/images/quay.io/a/b:c"
}

an_image_without_a_name_is_found_by_its_id_but_not_listed() {
	local id
	id=$("$make_store" "$store" id "$second" | tail -n 1)
	same_as "$second" "$mount/images/$id" && ! ls "$mount/images" | grep -q sha256
}

a_tree_is_found_by_its_digest_but_not_listed() {
	same_as "$source" "$mount/.trees/$tree" && same_as "$source" "$mount/.trees/${tree#sha256:}" &&
		! ls -a "$mount" | grep -q trees && ! ls "$mount/.trees/sha256:$(printf '0%.0s' {1..64})" &&
		! ls "$mount/.trees/$(getfattr --only-values -n user.msb.digest "$mount/stages/0/etc")"
}

every_file_and_directory_tells_its_digest() {
	[ "$(getfattr --only-values -n user.msb.digest "$mount/stages/0/numbers")" = \
		"sha256:$(sha256sum <"$source/numbers" | cut -d ' ' -f 1)" ] &&
		getfattr --only-values -n user.msb.digest "$mount/stages/0/usr" | grep -q '^sha256:' &&
		! getfattr -n user.msb.nothing "$mount/stages/0/usr"
}

no_label_at_all_is_another_answer_than_none_here() {
	mkdir -p labelled/{a,b} && setfattr -n security.selinux -v x:y:z labelled/b &&
		"$make_store" "$store" tag docker.io/library/labelled:1 labelled >/dev/null &&
		same_as labelled "$mount/images/labelled:1" &&
		getfattr -n security.selinux "$mount/images/labelled:1/a" 2>&1 | grep -q 'No such' &&
		getfattr -n security.selinux "$mount/stages/1/usr" 2>&1 | grep -q 'not supported' &&
		"$make_store" "$store" untag docker.io/library/labelled:1
}

the_kernel_goes_by_access_control_lists() {
	local file=$mount/stages/1/etc/shared as=(setpriv --clear-groups --regid=65533)
	chmod 755 "$work" && stop && start -o allow_other && [ "$("${as[@]}" --reuid=65534 cat "$file")" = shared ] &&
		"${as[@]}" --reuid=65532 cat "$file" 2>&1 | grep -q 'Permission denied' && stop && start
}

inode_numbers_are_the_same_after_a_remount() {
	local before
	before=$(inodes "$mount/stages/build") && ls -lR "$mount/images" >/dev/null && stop && start &&
		[ "$before" = "$(inodes "$mount/stages/build")" ]
}

a_step_tells_what_it_did() {
	local step=$mount/builds/latest/stages/build/steps/2
	[ "$(cat "$step/instruction")" = 'COPY . /' ] && [ "$(cat "$step/log")" = 'said by 0/2' ] &&
		python3 -m json.tool <"$step/config.json" >/dev/null &&
		grep -qx $'A /many/file 7\t[0-9]*' "$step/changes" &&
		grep -qx $'D /only-here\t[0-9]*' "$step/changes" &&
		cmp -s "$step/output" "$step/log" &&
		same_as "$source" "$step/rootfs" && same_as "$source" "$step/../../rootfs"
}

a_build_tells_how_it_went() {
	grep -q COPY "$mount/builds/1/Dockerfile" && grep -qx 'said by 1/2' "$mount/builds/1/log" &&
		grep -qF '#2 [build 2/2] COPY . /' "$mount/builds/1/log" &&
		[ "$(python3 -c 'import json, sys; d = json.load(sys.stdin)
print(d["id"], d["state"], len(d["stages"]), d["tags"])' <"$mount/builds/1/info.json")" = \
			"1 done 2 ['app:1', 'app:2']" ] && [ ! -e "$mount/builds/1/failed" ] &&
		[ "$(readlink "$mount/builds/latest")" = 1 ]
}

# --- what changes --------------------------------------------------------------------------------

new_records_appear_at_once() {
	ls "$mount/images" "$mount/builds" "$mount/stages" >/dev/null
	! ls -d "$mount/images/new:1" && "$make_store" "$store" tag docker.io/library/new:1 "$second" &&
		ls "$mount/images" | grep -qx new:1 && same_as "$second" "$mount/images/new:1" &&
		"$make_store" "$store" untag docker.io/library/new:1 && ! ls -d "$mount/images/new:1" &&
		! ls "$mount/images" | grep -qx new:1
}

a_failed_build_points_at_its_step() {
	"$make_store" "$store" fail "$second" && [ "$(readlink "$mount/builds/latest")" = 2 ] &&
		ls "$mount/builds" | grep -qx 2 &&
		[ "$(readlink "$mount/builds/latest/failed")" = stages/build/steps/2 ] &&
		[ "$(cat "$mount/builds/2/failed/instruction")" = 'RUN false' ] &&
		same_as "$second" "$mount/builds/2/failed/rootfs" &&
		same_as "$second" "$mount/stages/build"
}

a_running_build_shows_its_steps_as_they_are_done() {
	"$make_store" "$store" begin "$source" &&
		grep -q '"running"' "$mount/builds/latest/info.json" &&
		[ "$(ls "$mount/builds/latest/stages/0/steps")" = 1 ] &&
		same_as "$source" "$mount/stages/build"
}

what_is_open_survives_a_new_build() {
	local first rest
	exec 7<"$mount/stages/build/numbers" && IFS= read -r first <&7 && cd "$mount/stages/build/etc" &&
		"$make_store" "$store" build "$second" "$source" && cd - >/dev/null &&
		! ls -d "$mount/stages/build/numbers" && rest=$(sha256sum <&7) && exec 7<&- &&
		[ "$first" = 1 ] && [ "$rest" = "$(tail -n +2 "$source/numbers" | sha256sum)" ]
}

nothing_can_be_changed() {
	local file=$mount/stages/1/usr/bin/hello
	touch "$mount/x" 2>&1 | grep -q 'Read-only' && rm -f "$file" 2>&1 | grep -q 'Read-only' &&
		(echo x >>"$file") 2>&1 | grep -q 'Read-only' &&
		chmod 600 "$file" 2>&1 | grep -q 'Read-only' &&
		mkdir "$mount/stages/1/new" 2>&1 | grep -q 'Read-only' &&
		setfattr -n user.x -v y "$file" 2>&1 | grep -q 'Read-only'
}

# --- how it is used ------------------------------------------------------------------------------

holes_are_holes() {
	local shown=$mount/stages/1/sparse
	[ "$(stat -c %b "$shown")" -lt 200 ] && cp --sparse=auto "$shown" copy &&
		cmp copy "$source/sparse" && [ "$(stat -c %b copy)" -lt 200 ] && rm copy &&
		python3 - "$shown" <<-'END'
			import errno, os, sys
			fd = os.open(sys.argv[1], os.O_RDONLY)
			data = os.lseek(fd, 0, os.SEEK_DATA)
			hole = os.lseek(fd, data, os.SEEK_HOLE)
			assert 8000000 < data <= 9000000 < hole < 10000000, (data, hole)
			try:
			    os.lseek(fd, hole, os.SEEK_DATA)
			    sys.exit("there is nothing behind the data")
			except OSError as error:
			    assert error.errno == errno.ENXIO, error
		END
}

an_overlay_lies_on_top() {
	mkdir -p upper scratch merged && touch -r "$source" upper
	mount -t overlay overlay -o "lowerdir=$mount/.trees/${tree#sha256:},upperdir=upper,workdir=scratch" merged &&
		[ -z "$(rsync -aHAXn --checksum --delete -i "$source/" merged/)" ] && echo new >>merged/usr/bin/hello && mv merged/many merged/moved &&
		[ "$(cat merged/usr/bin/hello)" = $'hello\nnew' ] && rm -r merged/moved &&
		umount merged && same_as "$source" "$mount/.trees/$tree"
	local status=$?
	umount merged 2>/dev/null
	return $status
}

# The lower side of what was copied up is looked for by handle, where there are handles.
an_overlay_survives_dropped_caches() {
	local status=0 round
	rm -rf upper scratch && mkdir upper scratch
	mount -t overlay overlay -o "lowerdir=$mount/.trees/${tree#sha256:},upperdir=upper,workdir=scratch" merged ||
		return
	for round in 1 2 3; do
		touch merged/usr/bin/hello && echo 3 >/proc/sys/vm/drop_caches &&
			: >"merged/usr/new$round" || status=1
	done
	umount merged
	return $status
}

a_file_handle_finds_its_file_again() {
	stop && start -o handles || return
	python3 - "$mount/stages/1/etc/deep/er" <<-'END'
		import ctypes, os, sys
		libc = ctypes.CDLL(None, use_errno=True)
		handle = ctypes.create_string_buffer((128).to_bytes(4, "little"), 136)
		mount_id = ctypes.c_int()
		path = sys.argv[1].encode()
		assert libc.name_to_handle_at(-100, path, handle, ctypes.byref(mount_id), 0) == 0
		top = os.open(os.path.dirname(path), os.O_RDONLY)
		with open("/proc/sys/vm/drop_caches", "w") as file:
		    file.write("2")
		fd = libc.open_by_handle_at(top, handle, os.O_RDONLY)
		assert fd >= 0, os.strerror(ctypes.get_errno())
		assert os.fstat(fd).st_ino == os.stat(path).st_ino
	END
}

extended_attributes_can_be_left_out() {
	stop && start -o noxattr && ! getfattr -n user.msb.digest "$mount/stages/1/usr" &&
		[ -z "$(getfattr -R -d -m - "$mount/stages/1")" ] && stop && start
}

a_killed_daemon_is_replaced() {
	local pid
	pid=$(daemon) && kill -9 "$pid" && sleep 0.1 && ! ls "$mount" && start &&
		same_as "$source" "$mount/stages/1"
}

a_terminated_daemon_takes_its_mount_along() {
	local pid
	pid=$(daemon) && kill "$pid" && timeout 5 tail --pid="$pid" -f /dev/null &&
		! grep -q " $mount " /proc/self/mountinfo && start
}

the_control_descriptor_tells_and_is_told() {
	stop && timeout 30 python3 - "$msbfs" "$store" "$mount" <<-'END' && start
		import contextlib, os, socket, subprocess, sys
		msbfs, store, mount = sys.argv[1:]
		ours, theirs = socket.socketpair()
		daemon = subprocess.Popen([msbfs, "-f", "-o", f"control={theirs.fileno()}", store, mount],
		                          pass_fds=[theirs.fileno()])
		theirs.close()
		assert len(ours.recv(1)) == 1
		assert "stages" in os.listdir(mount)
		busy = os.open(mount + "/stages/1/numbers", os.O_RDONLY)
		ours.close()
		assert daemon.wait(5) == 0
		with contextlib.suppress(OSError):
		    os.close(busy)
		assert os.listdir(mount) == []
	END
}

says() { # the words that the command must say while it fails with status 1
	local words=$1 said
	shift
	said=$(timeout 20 "$@" 2>&1)
	[ $? = 1 ] && [ "$(wc -l <<<"$said")" = 1 ] && grep -qF "$words" <<<"$said"
}

what_cannot_be_mounted_is_refused_in_one_sentence() {
	touch file && mkdir -p other && says 'is mounted already' "$msbfs" "$store" "$mount" &&
		says 'does not exist' "$msbfs" "$store" "$work/missing" &&
		says 'is not a directory' "$msbfs" "$store" "$work/file" &&
		says 'lies in the mount point' "$msbfs" "$store" "$work" &&
		says "$work/no-store" "$msbfs" "$work/no-store" "$work/other" &&
		says 'nonsense' "$msbfs" -o nonsense "$store" "$work/other"
}

mount_8_and_fstab_know_it() {
	# What mount(8) runs; by itself it looks into the system's directories only.
	stop && PATH=$(dirname "$msbfs"):$PATH /sbin/mount.fuse3 "$store" "$mount" \
		-o ro,nodev,x-a=b -t fuse.msbfs &&
		grep -q " $mount ro,nodev.* - fuse.msbfs $store " /proc/self/mountinfo &&
		ls "$mount/stages/1" >/dev/null && stop && start -o dev,suid &&
		grep -q " $mount ro,relatime - fuse" /proc/self/mountinfo && stop && start &&
		grep -q " $mount ro,nosuid,nodev,relatime - fuse" /proc/self/mountinfo
}

an_ordinary_user_mounts_by_fusermount() {
	mkdir -p user-mount && chown -R 65534:65534 user-mount && chmod 755 "$work" &&
		mknod -m 666 fuse c 10 229 && cp -r "$store" user-store && chown -R 65534:65534 user-store &&
		cp "$msbfs" user-msbfs && # the work tree may lie where only root looks
		unshare -m --propagation private bash -c '
			mount --bind fuse /dev/fuse && exec setpriv --reuid=65534 --regid=65534 \
				--clear-groups bash -c "cd / && $1/user-msbfs $1/user-store $1/user-mount &&
				ls $1/user-mount/stages/1/usr/bin/hello && fusermount3 -u $1/user-mount"' \
			bash "$work"
}

damage_is_an_error_of_that_file_alone() {
	local blob status
	blob=$(sha256sum <"$source/noise" | cut -d ' ' -f 1)
	stop && blob=$(find "$store" -type f -path "*${blob:2}*") && [ -n "$blob" ] && mv "$blob" kept &&
		{ "$msbfs" -f "$store" "$mount" 2>log & } && sleep 0.5 &&
		cat "$mount/stages/1/noise" 2>&1 >/dev/null | grep -q 'Input/output error' &&
		cmp "$mount/stages/1/exactly" "$source/exactly" && grep -q 'sha256:' log
	status=$?
	mv kept "$blob"
	return $status
}

# -------------------------------------------------------------------------------------------------

make_source "$source" && cp -a "$source" "$second" || exit 1
rm -r "$second/many" "$second/numbers" && echo new >"$second/only-here" || exit 1
mkdir "$mount" || exit 1
tree=$("$make_store" "$store" build "$source" "$second" | head -n 1) || exit 1

run_tests "$self"
