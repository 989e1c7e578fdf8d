#!/bin/bash
# kill -9 in the middle of builds and imports: what was there stays right, and the next build
# does not even notice.
. "$(dirname "$0")/lib.sh"

import_busybox
head -c 2000000 /dev/urandom >ctx/big
mkdir ctx/many
for number in {1..200}; do
    echo "$number" >"ctx/many/$number"
done
dockerfile <<'END'
FROM busybox AS build
COPY . /src
RUN cp -r /src /copy && echo one > /one
RUN mv /copy /moved && rm -r /src/many
FROM busybox
COPY --from=build /moved /app
RUN echo done > /done
END
digest() {
    msb export "image:$1" | sha256sum
}
# Times of what a RUN makes differ from build to build; names and contents may not.
outline() {
    unpack_tree "image:$1" outline
    (cd outline && find . -printf '%p %y %m %U:%G %l\n' | sort &&
        find . -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum
    rm -rf outline
}
build -t kept
base=$(digest busybox)
kept=$(digest kept)
wanted=$(outline kept)

RANDOM=${MSB_TEST_SEED:-$$}
echo "seed: $RANDOM"
for round in {1..15}; do
    it "keeps its images when a build is killed, round $round"
    delay=0.$(printf '%03d' $((RANDOM % 700)))
    spawn msb build --no-cache -t "kept:new" ctx 2>log >out
    sleep "$delay"
    if kill -9 "$spawned" 2>/dev/null; then
        wait "$spawned" 2>/dev/null || echo "killed after $delay s"
    fi
    children=()
    same "$base" "$(digest busybox)"
    same "$kept" "$(digest kept)"
done

it "keeps its images when an import is killed"
for delay in 0.01 0.05 0.2; do
    spawn msb import "$MSB_BASES/node-alpine.tar" half 2>log >out
    sleep "$delay"
    if kill -9 "$spawned" 2>/dev/null; then
        wait "$spawned" 2>/dev/null || echo "killed after $delay s"
    fi
    children=()
done
same "$base" "$(digest busybox)"

it "builds the same afterwards, without a repair"
build --no-cache -t after
same "$wanted" "$(outline after)"
same "$kept" "$(digest kept)"
msb fsck >out
msb prune -f >out
msb fsck >out
same "$wanted" "$(outline after)"

it "ends a build whose private msbfs is killed, and says so"
dockerfile Endless <<'END'
FROM busybox
RUN : begun; while :; do cat /bin/busybox > /dev/null; ls -lR / > /dev/null; done
END
spawn timeout 60 msb build -f ctx/Endless ctx 2>log >out
private() {
    pgrep -f "msbfs -f -o control=.* $work/store "
}
running() {
    private >out && grep -q 'RUN : begun' log
}
eventually running
sleep 0.5
for pid in $(private); do
    kill -9 "$pid"
done
status=0
wait "$spawned" || status=$?
children=()
same 1 "$status"
contains log 'msbfs, which shows the commands their files, has ended'
build -t again

it "leaves no mount and no running command behind"
same "" "$(mounts_below "$work")"
# The pattern comes from a file, or grep would find itself.
nobody_runs_here() {
    ! grep -qF -f <(echo "$work/store") /proc/[0-9]*/cmdline 2>/dev/null
}
eventually nobody_runs_here

it "mounts again where a killed msbfs left a dead mount"
mount_store
daemon=$(pgrep -x -f "[^ ]*msbfs.* $mnt")
[[ $daemon =~ ^[0-9]+$ ]] || fail "which process serves $mnt? '$daemon'"
kill -9 "$daemon"
exits 2 ls "$mnt"
mount_store
present "$mnt/images/kept:latest/done"
unmount_store
