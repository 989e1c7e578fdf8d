#!/bin/bash
# Builds, imports and a mount at the same time on one store.
. "$(dirname "$0")/lib.sh"

import_busybox
mount_store
mkdir one two
for name in one two; do
    head -c 3000000 /dev/urandom >"$name/big"
    cat >"$name/Dockerfile" <<END
FROM busybox AS base
RUN echo shared > /shared
FROM base AS $name
COPY big /
RUN for i in 1 2 3 4 5 6 7 8; do echo $name-\$i > /file-\$i; sleep 0.1; done
FROM busybox
COPY --from=$name / /
END
done

it "runs two builds at once, and both are right"
spawn msb build -t one one 2>one.log
first=$spawned
spawn msb build -t two two 2>two.log
second=$spawned
wait "$first" || fail "$(cat one.log)"
wait "$second" || fail "$(cat two.log)"
children=()
for name in one two; do
    same "$name-8" "$(cat "$mnt/images/$name:latest/file-8")"
    same shared "$(cat "$mnt/images/$name:latest/shared")"
    cmp "$name/big" "$mnt/images/$name:latest/big"
done

it "gives each build a number and stages of its own"
same "1 2 latest" "$(ls "$mnt/builds" | sort | xargs)"
same one-1 "$(cat "$mnt"/builds/[12]/stages/one/rootfs/file-1)"
same two-1 "$(cat "$mnt"/builds/[12]/stages/two/rootfs/file-1)"

it "builds the same thing eight times at once, into one image"
pids=()
for number in 1 2 3 4 5 6 7 8; do
    spawn msb build -q -t "same:$number" one 2>"same$number.log" >"same$number.id"
    pids+=("$spawned")
done
for number in 1 2 3 4 5 6 7 8; do
    wait "${pids[number - 1]}" || fail "$(cat "same$number.log")"
done
children=()
same 1 "$(cat same?.id | sort -u | wc -l)"
contains same1.id '^sha256:[0-9a-f]{64}$'

it "does once what two builds, and two stages, come to at once, and takes over from one that is killed"
mkdir same
cat >same/Dockerfile <<'END'
FROM busybox AS left
RUN --mount=type=cache,target=/gate echo begun >> /gate/times; \
    while [ ! -e /gate/open ]; do sleep 0.1; done; cat /proc/sys/kernel/random/uuid > /made
FROM busybox AS right
RUN --mount=type=cache,target=/gate echo begun >> /gate/times; \
    while [ ! -e /gate/open ]; do sleep 0.1; done; cat /proc/sys/kernel/random/uuid > /made
FROM busybox
COPY --from=left /made /left
COPY --from=right /made /right
END
gate() {
    local lock

    for lock in "$MSB_ROOT"/caches/*/0.lock; do
        [[ $(cat "${lock%/*}/id") != /gate ]] || echo "${lock%/0.lock}/0"
    done
}
begun() { # TIMES
    [[ $(grep -c begun "$(gate)/times") == "$1" ]]
}
spawn msb build --jobs 2 -t killed same 2>killed.log
killed=$spawned
eventually grep -q 'waiting for what it makes' killed.log
spawn msb build --jobs 2 -t a same 2>a.log
first=$spawned
eventually grep -q 'waiting for what it makes' a.log
eventually begun 1
kill -9 "$killed"
eventually begun 2
spawn msb build --jobs 2 -t b same 2>b.log
second=$spawned
eventually grep -q 'waiting for what it makes' b.log
touch "$(gate)/open"
wait "$first" || fail "$(cat a.log)"
wait "$second" || fail "$(cat b.log)"
children=()
begun 2 || fail "$(cat "$(gate)/times")"
same 1 "$(cat "$mnt"/images/[ab]:latest/{left,right} | sort -u | wc -l)"
contains b.log '^#[0-9]+ CACHED'

it "imports beside a build and a collection"
spawn msb build --no-cache -t one one 2>one.log
first=$spawned
for number in 1 2 3; do
    msb import busybox.tar "imported:$number" >out
    msb prune -f >out
done
wait "$first" || fail "$(cat one.log)"
children=()
same one-8 "$(cat "$mnt/images/one:latest/file-8")"
cmp one/big "$mnt/images/one:latest/big"
same_tree busybox "$mnt/images/imported:3"

it "leaves a store that is whole"
msb fsck >out
unmount_store
