#!/bin/bash
# A collection leaves alone what a mount has open: files, mappings, current directories. All else
# that a mount only showed goes as before.
. "$(dirname "$0")/lib.sh"

import_busybox
dockerfile <<'E'
FROM busybox AS build
COPY . /src
RUN mkdir -p /deep/er && cp /src/big /deep/er/big && cp /src/many/7 /deep/small
E
# new_build: shares no contents with those before.
new_build() {
    mkdir -p ctx/many
    head -c 3000000 /dev/urandom >ctx/big
    for number in {1..50}; do
        head -c 5000 /dev/urandom >"ctx/many/$number"
    done
    build -t app
}
used() {
    du -sk "$MSB_ROOT/packs" "$MSB_ROOT/large" | awk '{ sum += $1 } END { print sum }'
}
drop_caches() {
    echo 3 >/proc/sys/vm/drop_caches
}
# lists: of the daemons' that say what they have open.
lists() {
    find "$MSB_ROOT/held" -name 'list.*' | wc -l
}
no_lists() {
    (($(lists) == 0))
}
prune() {
    msb prune -f --keep-builds 1 >out
}
# holder WAY PATH: opens it that way, says so, and for each line it reads tells the digest of what it
# sees. Ends with its standard input.
holder() {
    python3 -u - "$@" <<'E'
import hashlib, mmap, os, sys
way, path = sys.argv[1:]
commands = open("/dev/fd/3")
if way == "cwd":
    os.chdir(os.path.dirname(path))
    see = lambda: open(os.path.basename(path), "rb").read()
else:
    file = open(path, "rb", buffering=0)
    see = lambda: os.pread(file.fileno(), 1 << 24, 0)
if way == "mmap":
    mapping = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    file.close()
    see = lambda: mapping[:]
print("ready")
for line in commands:
    print(hashlib.sha256(see()).hexdigest())
E
}

has_told() { # WAY TIMES
    (($(wc -l <"told.$1") > $2))
}

# stays_open TREE_PATH PRUNES: all three ways to have a file of the tree open, through prunes.
stays_open() {
    local way round pids=() wanted before

    new_build
    wanted=$(sha256sum <ctx/big | cut -d ' ' -f 1)
    same "$wanted" "$(sha256sum <"$mnt/$1/deep/er/big" | cut -d ' ' -f 1)"
    for way in mmap fd cwd; do
        rm -f "ask.$way" "told.$way"
        mkfifo "ask.$way"
        holder "$way" "$mnt/$1/deep/er/big" 3<"ask.$way" >"told.$way" 2>&1 &
        pids+=("$!")
        children+=("$!")
    done
    exec 5>ask.mmap 6>ask.fd 7>ask.cwd
    for way in mmap fd cwd; do
        eventually grep -q ready "told.$way"
    done
    new_build
    for ((round = 1; round <= $2; round++)); do
        prune
        contains out '^1 tree stays: a mount has it open$|^[2-9] trees stay: a mount has them open$'
        drop_caches
        echo see >&5
        echo see >&6
        echo see >&7
        for way in mmap fd cwd; do
            eventually has_told "$way" "$round"
            same "$wanted" "$(tail -1 "told.$way")"
        done
    done
    msb fsck
    before=$(used)
    exec 5>&- 6>&- 7>&-
    wait "${pids[@]}"
    children=()
    prune
    lacks out 'stay'
    ((before - $(used) > 2500)) || fail "only $((before - $(used))) KiB came back: $(cat out)"
    msb fsck
}

it "keeps what is open of a stage that a newer build replaced"
mount_store
stays_open stages/build 2
same "$(sha256sum <ctx/big)" "$(sha256sum <"$mnt/stages/build/deep/er/big")"

it "keeps what is open of a build that is gone, and its names are gone"
new_build
number=$(readlink "$mnt/builds/latest")
stays_open "builds/$((number + 1))/stages/build/rootfs" 1
absent "$mnt/builds/$((number + 1))"

it "does so over /dev/fuse as over io_uring"
unmount_store
"$(dirname "$(command -v msb)")/../../fs/msbfs" -o noring "$MSB_ROOT" "$mnt"
stays_open images/app:latest 1

it "keeps what was reached by its digest alone"
new_build
tree=$(getfattr --only-values -n user.msb.digest "$mnt/stages/build")
exec 5<"$mnt/.trees/$tree/deep/er/big"
wanted=$(sha256sum <ctx/big)
new_build
prune
contains out 'open$'
drop_caches
same "$wanted" "$(sha256sum <&5)"
exec 5<&-
prune
lacks out 'open'
absent "$mnt/.trees/$tree/deep"

it "gives back what was only looked at"
new_build
find "$mnt" -type f -exec cat {} + >/dev/null
number=$(readlink "$mnt/builds/latest")
new_build
before=$(used)
prune
lacks out 'open'
((before - $(used) > 2500)) || fail "only $((before - $(used))) KiB came back: $(cat out)"
absent "$mnt/builds/$number"
msb fsck

it "takes no notice of a daemon that was killed"
new_build
exec 5<"$mnt/stages/build/deep/er/big"
same 1 "$(lists)"
daemon=$(pgrep -f "msbfs.*$mnt")
new_build
kill -9 "$daemon"
eventually [ ! -e "/proc/$daemon" ]
before=$(used)
prune
lacks out 'open'
((before - $(used) > 2500)) || fail "only $((before - $(used))) KiB came back: $(cat out)"
same 0 "$(lists)"
exec 5<&-
umount -l "$mnt"

it "leaves nothing behind in the store"
mount_store
ls -lR "$mnt/stages" >out
same 1 "$(lists)"
unmount_store
eventually no_lists
