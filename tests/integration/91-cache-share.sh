#!/bin/bash
# A step cache that machines share: two stores, and between them a registry or a directory.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

settings <<<'{"retries": 1}'

port=$(free_port)
registry registry "$port"
registry=localhost:$port

# sound: nothing that a record of the store names is missing or damaged.
sound() {
    msb fsck >"$work/out" 2>&1 || fail "$(cat "$work/out")"
}

import_busybox
msb save busybox >base.tar
dockerfile <<'END'
FROM busybox AS tools
RUN head -c 3000000 /dev/urandom >/tool && echo made the tool
FROM busybox AS other
RUN head -c 5000000 /dev/urandom >/unused
FROM busybox
WORKDIR /app
COPY file .
COPY --from=tools /tool .
RUN --mount=type=bind,from=other,target=/other sha256sum tool >sum && ln tool linked
ENV DONE=yes
CMD ["cat", "sum"]
END
echo content >ctx/file

it "begins without a cache"
build -t app --cache-from "$registry/cache:app" --cache-from type=local,src=kept \
    --cache-to "type=registry,ref=$registry/cache:app,mode=max" \
    --cache-to type=local,dest=kept,mode=max
contains log "cache-from $registry/cache:app: there is nothing yet"
contains log 'cache-from kept: there is nothing yet'
contains log "cache-to $registry/cache:app: 8 steps, [0-9]+ new bytes"
contains log 'cache-to kept: 8 steps, [0-9]+ new bytes'
wanted=$(id_of app)
first=$MSB_ROOT

it "gives every step to another store, through a registry"
second registry-store
before=$(fetched registry)
build -t app --cache-from "type=registry,ref=$registry/cache:app"
same 0 "$(steps 1)"
same 8 "$(steps 2)"
same "$wanted" "$(id_of app)"
msb log tools@2 >out
contains out 'made the tool'
sound
bytes=$(($(fetched registry) - before))
((bytes < 20000)) || fail "$bytes bytes were fetched"

it "fetches nothing that is there"
before=$(fetched registry)
build -t app --cache-from "$registry/cache:app"
same 8 "$(steps 2)"
# The document alone.
((before + 20000 > $(fetched registry))) || fail "fetched $(fetched registry) bytes after $before"

it "fetches only what the wanted stages need"
second part-store
before=$(fetched registry)
build --target tools --cache-from "$registry/cache:app"
same 1 "$(steps 2)"
# The stage was no target before: its layer is on nobody's record, and made of its file.
bytes=$(($(fetched registry) - before))
((bytes > 3000000 && bytes < 3200000)) || fail "$bytes bytes were fetched"
sound

it "gives every step to another store, through a directory"
second local-store
build -t app --cache-from type=local,src=kept
same 0 "$(steps 1)"
same "$wanted" "$(id_of app)"
sound
msb export image:app | tar -xO ./app/linked >tool
same "$(sha256sum <tool | cut -d ' ' -f 1)" "$(msb export image:app | tar -xO ./app/sum | cut -d ' ' -f 1)"

it "sends the target's own stages with mode=min"
export MSB_ROOT=$first
build --cache-to type=local,dest=small
contains log 'cache-to small: 6 steps'
(($(du -sb small | cut -f 1) < 3300000)) || fail "$(du -sb small)"

it "sends nothing twice, and keeps what others sent"
build -t app --cache-to type=local,dest=kept,mode=max
contains log 'cache-to kept: nothing is new'
second other-store
echo 'RUN echo more >/more' >>ctx/Dockerfile
build -t more --cache-from type=local,src=kept --cache-to type=local,dest=kept
same 1 "$(steps 1)"
contains log 'cache-to kept: 7 steps, [0-9]{2,4} new bytes'
more=$(id_of more)
second third-store
build -t more --cache-from type=local,src=kept
same 0 "$(steps 1)"
same "$more" "$(id_of more)"
second fourth-store
sed -i '$d' ctx/Dockerfile
build -t app --cache-from type=local,src=kept
same 0 "$(steps 1)"
same "$wanted" "$(id_of app)"

it "takes steps from wherever they are"
second fifth-store
build -t app --cache-from type=local,src=small --cache-from "$registry/cache:app"
same 0 "$(steps 1)"
same "$wanted" "$(id_of app)"

it "does without where it is told so"
build --no-cache --cache-from type=local,src=kept
same 0 "$(steps 2)"

it "misses where the base differs"
export MSB_ROOT=$work/based-store
echo newer >busybox/etc/newer
tar -C busybox -cf newer.tar .
msb import newer.tar busybox >out
build --target tools --cache-from type=local,src=kept
same 1 "$(steps 1)"
sound

# damage FILE: a byte in its middle becomes another.
damage() {
    python3 -c 'import sys
with open(sys.argv[1], "r+b") as file:
    content = bytearray(file.read())
    content[len(content) // 2] ^= 255
    file.seek(0)
    file.write(content)' "$1"
}

it "goes on without a cache that is damaged"
cp -r kept damaged
manifest=$(jq -r '.manifests[0].digest' kept/index.json)
manifest=kept/blobs/sha256/${manifest#sha256:}
config=$(jq -r '.config.digest' "$manifest")
jq -r '.layers[].digest' "$manifest" >bundles
while read -r digest; do
    damage "damaged/blobs/sha256/${digest#sha256:}"
done <bundles
second damaged-store
build --cache-from type=local,src=damaged
same 1 "$(grep -c 'cache-from damaged' log)"
contains log 'cache-from damaged: bundle sha256:[0-9a-f]{64} is damaged; the build goes on without it'
same 0 "$(steps 2)"
sound
cp -r kept cut
truncate -s 100 "cut/blobs/sha256/${config#sha256:}"
second cut-store
build --target tools --cache-from type=local,src=cut
contains log 'document is damaged; the build goes on without it'
same 1 "$(steps 1)"
cp -r kept lost
rm "lost/blobs/sha256/${config#sha256:}"
build --target tools --cache-from type=local,src=lost
contains log 'No such file or directory; the build goes on without it'

it "goes on when a bundle is lost on the registry"
find registry -name data -size +1000k -delete
second lost-store
build --target tools --cache-from "$registry/cache:app"
same 1 "$(grep -c 'cache-from localhost' log)"
contains log 'the build goes on without it'
same 1 "$(steps 1)"
sound

it "begins a damaged cache anew"
export MSB_ROOT=$first
build -t app --cache-to type=local,dest=cut,mode=max
second anew-store
build -t app --cache-from type=local,src=cut
same 0 "$(steps 1)"
same "$wanted" "$(id_of app)"

it "takes no image for a cache, and puts none in an image's place"
export MSB_ROOT=$first
msb tag app "$registry/app:v1"
msb push -q "$registry/app:v1" >out
build --target tools --cache-from "$registry/app:v1"
contains log 'what is there is no cache of msb; the build goes on without it'
exits 1 msb build --target tools --cache-to "type=registry,ref=$registry/app:v1" ctx
contains err "cache-to type=registry,ref=$registry/app:v1: what is there is no cache of msb"
build --target tools --cache-to "type=registry,ref=$registry/app:v1,ignore-error=true"
contains log 'what is there is no cache'

it "sends a cache with an image that is pushed, and finds it by the image's name"
export MSB_ROOT=$first
build --push -t "$registry/inline:v1" --cache-to type=inline,mode=max
wanted=$(id_of "$registry/inline:v1")
second inline-store
build -q -t inline --cache-from "type=registry,ref=$registry/inline:v1"
same "$wanted" "$(id_of inline)"
same 0 "$(steps 1)"
build -t inline --cache-to type=inline
contains log 'cache-to type=inline: no image is pushed'

it "refuses what it does not know"
refuses 1 'takes no place of its own' msb build --cache-to type=inline,ref=x ctx
refuses 1 'type=registry,ref=IMAGE' msb build --cache-from type=inline ctx
refuses 1 'type=registry, local or inline is missing' msb build --cache-to type=gha ctx
refuses 1 'ref= is what type=registry needs' msb build --cache-from type=registry ctx
refuses 1 'dest= is what type=local needs' msb build --cache-to type=local,ref=x ctx
refuses 1 'mode is min or max' msb build --cache-to type=local,dest=x,mode=some ctx
refuses 1 "'what=this' is not supported" msb build --cache-from type=local,src=x,what=this ctx
