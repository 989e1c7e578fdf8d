#!/bin/bash
# A shared step cache that several builders write at the same time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

settings <<<'{"retries": 1}'
port=$(free_port)
registry registry "$port"
registry=localhost:$port
type=application/vnd.oci.image.manifest.v1+json
import_busybox
msb save busybox >base.tar

# at_once TO: two builders send a step each that the other has not, to the same place.
at_once() {
    local name

    for name in left right; do
        printf 'FROM busybox\nRUN echo %s %s >/%s\n' "$name" "$round" "$name" >"ctx/Dockerfile-$name"
        MSB_ROOT=$work/$name-store spawn msb build -q -f "ctx/Dockerfile-$name" --cache-to "$1" ctx \
            >"$name.id" 2>"$name.log"
    done
    wait "${children[@]: -2}"
}

# both FROM: a third store finds the steps of both.
both() {
    local name

    rm -rf "$work/third-store"
    second third-store
    for name in left right; do
        build -q --cache-from "$1" -f "$work/ctx/Dockerfile-$name"
        same 1 "$(steps 2)"
        same "$(cat "$name.id")" "$(cat out)"
    done
}

it "loses nothing to two builders at once"
second left-store
second right-store
for round in 1 2 3 4; do
    at_once "type=registry,ref=$registry/cache:two"
    both "type=registry,ref=$registry/cache:two"
done
for round in 5 6; do
    at_once type=local,dest=two
    both type=local,src=two
done

it "has what the round before sent, too"
round=1
second again-store
for name in left right; do
    printf 'FROM busybox\nRUN echo %s %s >/%s\n' "$name" 1 "$name" >"ctx/Dockerfile-$name"
    build -q --cache-from "$registry/cache:two" -f "$work/ctx/Dockerfile-$name"
    same 1 "$(steps 2)"
done

it "loses nothing when another's manifest took the place's own tag"
printf 'FROM busybox\nRUN echo late >/late\n' >ctx/Dockerfile-late
curl -sf -H "Accept: $type" -o before "http://$registry/v2/cache/manifests/two"
MSB_ROOT=$work/left-store msb build -q -f ctx/Dockerfile-late \
    --cache-to "type=registry,ref=$registry/cache:two" ctx >late.id
# As one does who read the cache before that build and writes it after.
curl -sf -X PUT -H "Content-Type: $type" --data-binary @before \
    "http://$registry/v2/cache/manifests/two" >out
second late-store
build -q --cache-from "$registry/cache:two" -f "$work/ctx/Dockerfile-late"
same 1 "$(steps 2)"
same "$(cat late.id)" "$(cat out)"
