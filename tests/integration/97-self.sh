#!/bin/bash
# msb builds msb: packages installed by RUN with the network, a compile in one stage, the result
# taken by COPY --from into a small one.
. "$(dirname "$0")/lib.sh"

it "builds its own image"
msb import "$MSB_BASES/node.tar" node >out
msb import "$MSB_BASES/node-alpine.tar" node:alpine >out
# What git knows, as it is in the work tree: a build directory may lie beside it.
top=$(cd "$here/../.." && pwd)
mkdir source
git -C "$top" ls-files -z --cached --others --exclude-standard | tar -C "$top" --null -T - -c | tar -C source -x
msb build -t msb -f source/tools/Dockerfile source >out 2>err || {
    tail -30 err >&2
    fail "the build failed"
}

it "has an msb inside that answers"
mount_store
cp -a "$mnt/images/msb:latest" image
same "$(msb --version)" "$(chroot image /usr/bin/msb --version)"

it "is answered by the cache the second time"
id=$(msb build -q -f source/tools/Dockerfile source)
same "$(msb inspect --format '{{.Id}}' msb)" "$id"
unmount_store
