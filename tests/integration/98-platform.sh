#!/bin/bash
# Images for other machines: what is asked for, what is told, and what cannot be run here.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/registries.sh"

import_busybox
case $(uname -m) in
aarch64) here=arm64 other=amd64 ;;
*) here=amd64 other=arm64 ;;
esac

# with_handlers FOLDER COMMAND…: as on a machine where binfmt_misc has these and no others.
with_handlers() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount bash -c 'mount --bind "$0" /proc/sys/fs/binfmt_misc && exec "$@"' "$@"
}

# said NAME KEY: what an image says of itself.
said() {
    msb inspect "$1" | jq -r ".[0].$2 // \"\""
}

mkdir none some
echo enabled >some/status
case $other in
arm64) magic=7f454c460201010000000000000000000200b700 ;;
amd64) magic=7f454c4602010100000000000000000002003e00 ;;
esac
printf '%s\n' enabled 'interpreter /usr/bin/true' 'flags: F' 'offset 0' "magic $magic" \
    "mask ffffffffffffff00fffffffffffffffffeffffff" >some/any

dockerfile <<'END'
FROM --platform=$BUILDPLATFORM busybox AS build
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT
ARG BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT
RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT" >/target
RUN echo "$BUILDPLATFORM $BUILDOS $BUILDARCH $BUILDVARIANT" >/build
FROM scratch
COPY --from=build /target /build /
END

it "builds for another machine what only this one runs, and says so in the arguments"
with_handlers "$work/none" msb build -q -t cross --platform "linux/$other" ctx >id
same "linux/$other linux $other " "$(msb cp cross:/target - | tar -xO)"
same "linux/$here linux $here " "$(msb cp cross:/build - | tar -xO)"
same "$other" "$(said cross Architecture)"
same linux "$(said cross Os)"

it "takes a platform by each of its names"
for name in arm64 linux/arm64 linux/arm64/v8 linux/aarch64 Linux/ARM64; do
    build -t "named" --platform "$name"
    same "linux/arm64 linux arm64 " "$(msb cp named:/target - | tar -xO)"
    same arm64 "$(said named Architecture)"
    same "" "$(said named Variant)"
done
build -t named --platform linux/arm
same "linux/arm/v7 linux arm v7" "$(msb cp named:/target - | tar -xO)"
same arm "$(said named Architecture)"
msb save named | tar -xO manifest.json | jq -r '.[0].Config' >configured
msb save named | tar -xO "$(cat configured)" | jq -r .variant >variant
same v7 "$(cat variant)"

it "builds for this machine by its own name"
build -t own --platform "$here"
same "linux/$here linux $here " "$(msb cp own:/target - | tar -xO)"
same "$here" "$(said own Architecture)"

it "refuses what is no platform, and several"
exits 1 msb build --platform nonsense ctx
contains err "'nonsense' is no platform"
exits 2 msb build --platform linux/amd64,linux/arm64 ctx
contains err 'one at a time'
dockerfile bad <<'END'
FROM --platform=nonsense scratch
COPY . /
END
exits 1 msb build -f ctx/bad ctx
contains err "bad:1: 'nonsense' is no platform"

it "refuses to run commands that nothing here can run, before any step"
dockerfile <<END
FROM busybox AS first
RUN echo first
FROM --platform=linux/$other scratch
COPY --from=first / /
RUN echo there >/there
END
exits 1 with_handlers "$work/none" msb build ctx
contains err "Dockerfile:5: commands for platform linux/$other cannot be run here: this machine is linux/$here"
contains err 'qemu-user-static'
lacks err 'echo first'
exits 1 with_handlers "$work/some" msb build --platform linux/s390x -f - ctx <<<"$(printf 'FROM scratch\nRUN x\n')"

it "runs them where an emulator is registered"
with_handlers "$work/some" msb build -q -t emulated ctx >id
same there "$(msb cp emulated:/there - | tar -xO)"
same "$other" "$(said emulated Architecture)"

it "keeps a base image's platform, and warns where another one was wanted"
msb tag emulated localhost:1/foreign
printf 'FROM localhost:1/foreign\nCOPY . /x\n' >ctx/Dockerfile
build -t heir
same "$other" "$(said heir Architecture)"
contains log "InvalidBaseImagePlatform: Base image localhost:1/foreign was pulled with platform \"linux/$other\", expected \"linux/$here\""
printf 'FROM localhost:1/foreign\nRUN echo\n' >ctx/Dockerfile
exits 1 with_handlers "$work/none" msb build ctx
contains err "Dockerfile:2: commands for platform linux/$other"

# --- With a registry that has the image for both machines ---

port=$(free_port)
registry registry "$port"
both=localhost:$port/both

entries=()
for machine in "$here" "$other"; do
    # shellcheck disable=SC2016 # for the builder
    printf 'FROM scratch\nARG TARGETARCH\nCOPY f-$TARGETARCH /is\n' >ctx/Dockerfile
    echo "$machine" >"ctx/f-$machine"
    build -t "$both:$machine" --platform "$machine"
    msb push -q "$both:$machine" >out
    curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
        "http://127.0.0.1:$port/v2/both/manifests/$machine" >manifest
    entries+=("{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":$(stat -c %s manifest),
        \"digest\":\"sha256:$(sha256sum <manifest | cut -d' ' -f1)\",
        \"platform\":{\"os\":\"linux\",\"architecture\":\"$machine\"}}")
done
echo "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",
    \"manifests\":[${entries[0]},${entries[1]}]}" >index
curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @index \
    "http://127.0.0.1:$port/v2/both/manifests/latest"

it "takes the base image for the machine that is built for, whichever is in the store"
export MSB_ROOT=$work/store-2
printf 'FROM %s\nLABEL a=b\n' "$both" >ctx/Dockerfile
for machine in "$here" "$other" "$here"; do
    build -t heir --platform "$machine"
    same "$machine" "$(msb cp heir:/is - | tar -xO)"
    same "$machine" "$(said heir Architecture)"
    lacks log InvalidBaseImagePlatform
done

it "takes it for both in one build"
cat >ctx/Dockerfile <<END
FROM --platform=\$BUILDPLATFORM $both AS own
FROM $both
COPY --from=own /is /own
END
build -t heir --platform "$other"
same "$other $here" "$(msb cp heir:/is - | tar -xO) $(msb cp heir:/own - | tar -xO)"
