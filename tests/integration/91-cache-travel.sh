#!/bin/bash
# What a shared step cache brings to an empty store, and what it leaves in its registry until
# somebody reads it: counted at the registry.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

settings <<<'{"retries": 0, "timeout": 3}'

port=$(free_port)
registry registry "$port"
server=$spawned
registry=localhost:$port
other_port=$(free_port)
registry other "$other_port"
other=localhost:$other_port

# answered NAME: bytes of manifests, tag lists and blobs that the registry gave away.
answered() {
    sed -nE 's/.*"GET [^"]*" 20[06] ([0-9]+) .*/\1/p' "$work/$1.log" |
        awk '{ sum += $1 } END { print sum + 0 }'
}

# uploads NAME: how many times bytes of blobs were sent to the registry.
uploads() {
    requests "$1" '(PUT|PATCH)' /blobs/uploads/
}

# between LEAST MOST COUNT
between() {
    (($3 >= $1 && $3 <= $2)) || fail "$3 is not between $1 and $2"
}

is_silent() {
    ! answers "$port"
}

sound() {
    msb fsck >"$work/out" 2>&1 || fail "$(cat "$work/out")"
}

# empty_store NAME: with nothing but the base image.
empty_store() {
    export MSB_ROOT=$work/$1
    msb pull -q "$registry/base:v1" >out
}

import_busybox
msb tag busybox "$registry/base:v1"
msb push -q "$registry/base:v1" >out
dockerfile <<END
FROM $registry/base:v1 AS tools
RUN head -c 3000000 /dev/urandom >/tool && echo made the tool
FROM $registry/base:v1
RUN mkdir /many && for i in \$(seq 500); do head -c 10000 /dev/urandom >/many/\$i; done
COPY --from=tools /tool /bin/
COPY file /app/
RUN wc -c <bin/tool >sum && ln bin/tool linked && : >empty
CMD ["cat", "sum"]
END
echo content >ctx/file

build --push -t "$registry/app:v1" --cache-to "type=registry,ref=$registry/cache:app,mode=max"
contains log "cache-to $registry/cache:app: 6 steps, [0-9]+ new bytes"
wanted=$(id_of "$registry/app:v1")
manifest=$(msb inspect "$registry/app:v1" | jq -r '.[0].RepoDigests[0]')
first=$MSB_ROOT

it "makes the same image in an empty store, of documents and directories alone"
empty_store second-store
before=$(answered registry)
build -t app --cache-from "$registry/cache:app"
bytes=$(($(answered registry) - before))
echo "  $bytes of 8000000 bytes"
between 1000 400000 "$bytes"
same 0 "$(steps 1)"
same 6 "$(steps 2)"
same "$wanted" "$(id_of app)"
same 6 "$(msb history -q app | wc -l)"
sound
second=$MSB_ROOT

it "fetches of a file that is read what lies around it"
mount_store
before=$(fetched registry)
ls -lR "$mnt/images/app:latest" >listing
same 500 "$(grep -c ' 10000 ' listing)"
same 0 "$(($(fetched registry) - before))"
same 3000000 "$(cat "$mnt/images/app:latest/sum")"
between 1 1000 "$(($(fetched registry) - before))"
before=$(fetched registry)
cp "$mnt/images/app:latest/many/250" copy
same 10000 "$(stat -c %s copy)"
between 10000 600000 "$(($(fetched registry) - before))"
unmount_store
msb log tools@2 >out
contains out 'made the tool'

it "gives a step that runs what it reads, and no more"
sed 's/^CMD.*/RUN sha256sum linked >sum2/' ctx/Dockerfile >ctx/changed
before=$(fetched registry)
build -t changed -f "$work/ctx/changed" --cache-from "$registry/cache:app"
same 1 "$(steps 1)"
# The tool, and the base's own files are here.
between 3000000 3100000 "$(($(fetched registry) - before))"
export MSB_ROOT=$first
msb export "image:$registry/app:v1" | tar -xO ./bin/tool | sha256sum | cut -d ' ' -f 1 >digest
export MSB_ROOT=$second
same "$(cat digest)" "$(msb export image:changed | tar -xO ./sum2 | cut -d ' ' -f 1)"

it "pushes no layer that the registry has"
empty_store push-store
build -t "$registry/app:v2" --cache-from "$registry/cache:app"
before=$(uploads registry)
got=$(fetched registry)
msb push -q "$registry/app:v2" >out
same "$before" "$(uploads registry)"
same "$got" "$(fetched registry)"
msb tag "$registry/app:v2" "$registry/elsewhere/app:v2"
msb push -q "$registry/elsewhere/app:v2" >out
# The config.
same "$((before + 1))" "$(uploads registry)"
same "$got" "$(fetched registry)"
same "${manifest#*@}" "$(msb inspect "$registry/app:v2" | jq -r '.[0].RepoDigests[0]' | sed 's/.*@//')"

it "has a layer mounted that nothing but the cache tells of"
empty_store mount-store
build -t "$registry/third:v1" --cache-from "$registry/cache:app"
before=$(uploads registry)
msb push -q "$registry/third:v1" >out
# The config.
same "$((before + 1))" "$(uploads registry)"

it "takes a compressed layer to another registry as it is"
empty_store carry-store
build -t "$other/app:v1" --cache-from "$registry/cache:app"
msb push -q "$other/app:v1" >out
same "${manifest#*@}" "$(msb inspect "$other/app:v1" | jq -r '.[0].RepoDigests[0]' | sed 's/.*@//')"
msb save "$other/app:v1" | tar -t >out
sound

it "is a function of its sources with SOURCE_DATE_EPOCH, too"
export MSB_ROOT=$first
SOURCE_DATE_EPOCH=1000000000 build -t epoch --cache-to "type=registry,ref=$registry/cache:epoch,mode=max"
wanted_epoch=$(id_of epoch)
empty_store epoch-store
before=$(answered registry)
SOURCE_DATE_EPOCH=1000000000 build -t epoch --cache-from "$registry/cache:epoch"
same "$wanted_epoch" "$(id_of epoch)"
between 1000 400000 "$(($(answered registry) - before))"

it "keeps what it knows of the rest when the store is cleaned"
export MSB_ROOT=$second
msb prune -f >out
sound
same 10000 "$(msb export image:app | tar -xO ./many/499 | wc -c)"
msb image rm -f app changed >out
msb prune -af --keep-builds=0 >out
same 0 "$(sqlite3 "$MSB_ROOT/records.db" 'SELECT count(*) FROM remote')"

# put_blob FILE: into the cache's repository; says its digest.
put_blob() {
    local digest place

    digest=sha256:$(sha256sum "$1" | cut -d ' ' -f 1)
    place=$(curl -fsS -D - -o /dev/null -X POST "http://$registry/v2/cache/blobs/uploads/" |
        tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$1" \
        "$place&digest=$digest"
    echo "$digest"
}

# put_cache TAG STATEMENTS: the cache's document (d), changed by Python, under another tag.
put_cache() {
    local digest

    curl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
        "http://$registry/v2/cache/manifests/app" >cache-manifest
    curl -fsS "http://$registry/v2/cache/blobs/$(jq -r .config.digest cache-manifest)" >document
    python3 -c 'import json, sys
d = json.load(open("document"))
layers = [layer for layer in d["layers"] if "blob" in layer]
exec(sys.argv[1])
json.dump(d, open("changed-document", "w"))' "$2"
    digest=$(put_blob changed-document)
    jq -c --arg digest "$digest" --argjson size "$(stat -c %s changed-document)" \
        '.config.digest = $digest | .config.size = $size' cache-manifest >changed-manifest
    curl -fsS -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
        --data-binary @changed-manifest "http://$registry/v2/cache/manifests/$1"
}

it "reads a cache that an older msb wrote, which knows of no layers and no single files"
put_cache old 'del d["layers"]
for bundle in d["bundles"]:
    del bundle["frames"]'
empty_store old-store
before=$(fetched registry)
build -t app --cache-from "$registry/cache:old"
same 0 "$(steps 1)"
same "$wanted" "$(id_of app)"
between 8000000 8400000 "$(($(fetched registry) - before))"
sound

it "goes on without a cache whose frames or layers cannot be"
for change in 'd["bundles"][0]["frames"][0] += 1' 'd["bundles"][0]["frames"][0] = -1' \
    'd["bundles"][0]["frames"][1] = 99999999999' 'd["layers"][0]["size"] = -1' \
    'd["layers"][0]["tree"] = "x"' 'layers[0]["blob"]["repository"] = ""'; do
    put_cache wrong "$change"
    empty_store wrong-store
    build --target tools --cache-from "$registry/cache:wrong"
    contains log 'cache-from localhost.*; the build goes on without it'
    same 1 "$(steps 1)"
    rm -r "$MSB_ROOT"
done

it "believes no layer to be where the cache is not, and no size that a directory does not say"
put_cache far 'for layer in layers:
    layer["blob"]["repository"] = "../up"'
empty_store far-store
build -t app --cache-from "$registry/cache:far"
same "$wanted" "$(id_of app)"
same 0 "$(sqlite3 "$MSB_ROOT/records.db" 'SELECT count(*) FROM layer WHERE parent <> zeroblob(32)
    AND blob IS NOT NULL')"
sound
put_cache large 'for bundle in d["bundles"]:
    bundle["blobs"] = [3000001 if blob == 3000000 else blob for blob in bundle["blobs"]]'
empty_store large-store
build --target tools --cache-from "$registry/cache:large"
contains log 'is not as large as is said of it; the build goes on without it'

it "makes a layer whose compressed form is lost"
empty_store lost-store
build -t "$other/lost:v1" --cache-from "$registry/cache:app"
jq -r '.layers[] | select(.blob).blob.digest' document | while read -r digest; do
    rm -r "registry/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}"
    rm -rf "other/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}"
done
msb push -q "$other/lost:v1" >out
skopeo inspect --tls-verify=false "docker://$other/lost:v1" | jq -r '.Layers | length' >out
same 5 "$(cat out)"

it "says that the registry is gone, within its time"
empty_store gone-store
build -t app --cache-from "$registry/cache:app"
kill "$server"
eventually is_silent
exits 1 msb cp image:app:/bin/tool tool
contains err "localhost:$port"
mount_store
exits 1 timeout 30 cat "$mnt/images/app:latest/bin/tool"
contains err 'Input/output error'
unmount_store
