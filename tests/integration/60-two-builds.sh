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
